"""Erasure finds the reasons that were given for what was done to a customer."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

_GIVEN = sa.text("customer_key IS NOT NULL AND reason IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_audit_reasons",
        "audit",
        ["customer_key"],
        postgresql_where=_GIVEN,
        sqlite_where=_GIVEN,
    )


def downgrade() -> None:
    op.drop_index("ix_audit_reasons", "audit")
