"""Transfers by their shared id, for the proof that they sum to 0."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_index(
        op.f("ix_ledger_entry_adjustment_id"),
        "ledger_entry",
        ["adjustment_id"],
        postgresql_where=sa.text("adjustment_id IS NOT NULL"),
        sqlite_where=sa.text("adjustment_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_ledger_entry_adjustment_id"), "ledger_entry")
