"""How much of a payment's lines was given back."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("payment", sa.Column("refunded_quantities", sa.Text()))


def downgrade() -> None:
    op.drop_column("payment", "refunded_quantities")
