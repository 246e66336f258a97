"""Where Alembic enters, on the connection that `models.schema_version` hands over."""

import os

from alembic import context
from sqlalchemy import Connection

from models.schema_version import in_transaction
from models.tables import metadata


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _migrate(given)
else:
    # Somebody writes the next revision with Alembic's own command.
    in_transaction(os.environ["LOYALTY_DATABASE_URL"], _migrate)
