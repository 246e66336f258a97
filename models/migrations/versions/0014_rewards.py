"""Sales counted for rewards, and the rewards of each card."""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, IDENTIFIER, INSTANT

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "card_counter",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("program", CODE, nullable=False),
        sa.Column("sales", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("card_id", "program", name=op.f("pk_card_counter")),
    )
    op.create_table(
        "card_reward",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("reward", CODE, nullable=False),
        sa.Column("scope", IDENTIFIER, nullable=False),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("entry_id", IDENTIFIER),
        sa.Column("configuration_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("card_id", "reward", "scope", name=op.f("pk_card_reward")),
    )


def downgrade() -> None:
    op.drop_table("card_reward")
    op.drop_table("card_counter")
