"""Payments with points, what they took, and the lots that holds reserve."""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, IDENTIFIER, INSTANT

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _payment()
    _payment_slice()
    _hold_lot()


def downgrade() -> None:
    op.drop_table("hold_lot")
    op.drop_table("payment_slice")
    op.drop_table("payment")


def _payment() -> None:
    op.create_table(
        "payment",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("payment_id", IDENTIFIER, nullable=False),
        sa.Column("status", CODE, nullable=False),
        sa.Column("channel", CODE, nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("currency", CODE, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("configuration_version", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("hold_expires_at", INSTANT),
        sa.Column("authorized_on", sa.Date(), nullable=False),
        sa.Column("operations", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("card_id", "payment_id", name=op.f("pk_payment")),
        sa.CheckConstraint(
            "status IN ('AUTHORIZED', 'CAPTURED', 'VOIDED', 'EXPIRED', 'PARTIALLY_REFUNDED', "
            "'REFUNDED')",
            name=op.f("ck_payment_status"),
        ),
    )
    op.create_index(
        op.f("ix_payment_card_id_status_hold_expires_at"),
        "payment",
        ["card_id", "status", "hold_expires_at"],
    )


def _payment_slice() -> None:
    op.create_table(
        "payment_slice",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("payment_id", IDENTIFIER, nullable=False),
        sa.Column("slice_no", sa.SmallInteger(), nullable=False),
        sa.Column("reward_point", CODE, nullable=False),
        sa.Column("line_number", sa.Integer()),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("used_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_points", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("card_id", "payment_id", "slice_no", name=op.f("pk_payment_slice")),
    )


def _hold_lot() -> None:
    op.create_table(
        "hold_lot",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("payment_id", IDENTIFIER, nullable=False),
        sa.Column("lot_id", IDENTIFIER, nullable=False),
        sa.Column("reward_point", CODE, nullable=False),
        sa.Column("vests_on", sa.Date(), nullable=False),
        sa.Column("expires_on_lot", sa.Date(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("authorized_on", sa.Date(), nullable=False),
        sa.Column("authorized_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("released_at", INSTANT),
        sa.PrimaryKeyConstraint("card_id", "payment_id", "lot_id", name=op.f("pk_hold_lot")),
        sa.CheckConstraint(
            "points BETWEEN 1 AND 1000000000000000", name=op.f("ck_hold_lot_points")
        ),
    )
    op.create_index(op.f("ix_hold_lot_card_id_expires_at"), "hold_lot", ["card_id", "expires_at"])
