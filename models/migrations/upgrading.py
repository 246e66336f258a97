"""What Alembic does for us. Loading it costs more than most commands: only who has something to
migrate imports this module.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from models.failures import RevisionUnknown


def configured(connection: Connection) -> Config:
    """Alembic's settings for the migrations beside this module, on a connection of ours."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """To the newest revision. Raises RevisionUnknown where the database's is none of ours."""
    try:
        command.upgrade(configured(connection), "head")
    except CommandError as error:
        raise RevisionUnknown(str(error)) from error
