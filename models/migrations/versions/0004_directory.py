"""Look-ups across cards: numbers, idempotency keys, payments of orders, rewards granted."""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, HASH, IDENTIFIER, INSTANT, ORDERED

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _card_number()
    _idempotency_key()
    _order_payment()
    _payment_card()
    _reward_grant()


def downgrade() -> None:
    op.drop_table("reward_grant")
    op.drop_table("payment_card")
    op.drop_table("order_payment")
    op.drop_table("idempotency_key")
    op.drop_table("card_number")


def _card_number() -> None:
    op.create_table(
        "card_number",
        sa.Column("number", ORDERED, nullable=False),
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_card_number")),
    )


def _idempotency_key() -> None:
    op.create_table(
        "idempotency_key",
        sa.Column("key_hash", HASH, nullable=False),
        sa.Column("mutation", CODE, nullable=False),
        sa.Column("payload_hash", HASH, nullable=False),
        sa.Column("first_used_at", INSTANT, nullable=False),
        sa.Column("outcome", CODE, nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_idempotency_key")),
        sa.CheckConstraint(
            "outcome IN ('DONE', 'REFUSED')", name=op.f("ck_idempotency_key_outcome")
        ),
    )


def _order_payment() -> None:
    op.create_table(
        "order_payment",
        sa.Column("channel", CODE, nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("payment_id", IDENTIFIER, nullable=False),
        sa.PrimaryKeyConstraint("channel", "order_id", name=op.f("pk_order_payment")),
    )


def _payment_card() -> None:
    op.create_table(
        "payment_card",
        sa.Column("payment_id", IDENTIFIER, nullable=False),
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_payment_card")),
    )


def _reward_grant() -> None:
    op.create_table(
        "reward_grant",
        sa.Column("reward", CODE, nullable=False),
        sa.Column("scope", IDENTIFIER, nullable=False),
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("entry_id", IDENTIFIER),
        sa.Column("configuration_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("reward", "scope", name=op.f("pk_reward_grant")),
    )
