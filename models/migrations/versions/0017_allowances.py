"""What callers took of their allowances in the running minute."""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import HASH

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "allowance",
        sa.Column("scope_hash", HASH, nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope_hash", name=op.f("pk_allowance")),
    )
    op.create_index(op.f("ix_allowance_minute"), "allowance", ["minute"])


def downgrade() -> None:
    op.drop_table("allowance")
