"""The book of a card, its lots and allocations, and the balances derived from it."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, HASH, IDENTIFIER, INSTANT

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _ledger_entry()
    _operation()
    _lot_remainder()
    _allocation()
    _debt()
    _balance()
    _points_day()
    _countable_day()


def downgrade() -> None:
    op.drop_table("countable_day")
    op.drop_table("points_day")
    op.drop_table("balance")
    op.drop_table("debt")
    op.drop_table("allocation")
    op.drop_table("lot_remainder")
    op.drop_table("operation")
    op.drop_table("ledger_entry")


def _ledger_entry() -> None:
    op.create_table(
        "ledger_entry",
        *_ledger_entry_columns(),
        sa.PrimaryKeyConstraint("card_id", "entry_id", name=op.f("pk_ledger_entry")),
        sa.CheckConstraint(
            "entry_type IN ('EARN', 'REDEEM', 'RETURN_EARNED', 'REFUND', 'ADJUST', "
            "'TRANSFER', 'EXPIRE')",
            name=op.f("ck_ledger_entry_entry_type"),
        ),
        sa.CheckConstraint(
            "points BETWEEN -1000000000000000 AND 1000000000000000",
            name=op.f("ck_ledger_entry_points"),
        ),
        sa.UniqueConstraint("card_id", "seq_no", name=op.f("uq_ledger_entry_card_id_seq_no")),
        sa.UniqueConstraint(
            "card_id", "op_id", "op_line", name=op.f("uq_ledger_entry_card_id_op_id_op_line")
        ),
    )


def _ledger_entry_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("entry_id", IDENTIFIER, nullable=False),
        sa.Column("seq_no", sa.BigInteger(), nullable=False),
        sa.Column("entry_type", CODE, nullable=False),
        sa.Column("reward_point", CODE, nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("counts_on", sa.Date(), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("posted_at", INSTANT, nullable=False),
        sa.Column("vests_on", sa.Date()),
        sa.Column("expires_on", sa.Date()),
        sa.Column("channel", CODE),
        sa.Column("program", CODE),
        sa.Column("tier", CODE),
        sa.Column("transaction_id", sa.Text()),
        sa.Column("line_number", sa.Integer()),
        sa.Column("payment_id", IDENTIFIER),
        sa.Column("activity_type", CODE),
        sa.Column("activity_id", sa.Text()),
        sa.Column("adjustment_id", IDENTIFIER),
        sa.Column("op_id", IDENTIFIER, nullable=False),
        sa.Column("op_line", sa.Integer(), nullable=False),
        sa.Column("configuration_version", sa.Integer(), nullable=False),
        sa.Column("scheme", CODE),
        sa.Column("rule", CODE),
        sa.Column("computed", sa.BigInteger(), nullable=False),
        sa.Column("formula", sa.Text(), nullable=False),
        sa.Column("prev_hash", HASH, nullable=False),
        sa.Column("entry_hash", HASH, nullable=False),
    ]


def _operation() -> None:
    op.create_table(
        "operation",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("op_id", IDENTIFIER, nullable=False),
        sa.Column("kind", CODE, nullable=False),
        sa.Column("posted_at", INSTANT, nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("card_id", "op_id", name=op.f("pk_operation")),
    )


def _lot_remainder() -> None:
    op.create_table(
        "lot_remainder",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("lot_id", IDENTIFIER, nullable=False),
        sa.Column("reward_point", CODE, nullable=False),
        sa.Column("vests_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("remainder", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("card_id", "lot_id", name=op.f("pk_lot_remainder")),
        sa.CheckConstraint(
            "remainder BETWEEN 0 AND 1000000000000000", name=op.f("ck_lot_remainder_remainder")
        ),
        sa.CheckConstraint(
            "held BETWEEN 0 AND 1000000000000000", name=op.f("ck_lot_remainder_held")
        ),
    )
    op.create_index(
        op.f("ix_lot_remainder_card_id_reward_point_expires_on_occurred_at_lot_id"),
        "lot_remainder",
        ["card_id", "reward_point", "expires_on", "occurred_at", "lot_id"],
    )


def _allocation() -> None:
    op.create_table(
        "allocation",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("entry_id", IDENTIFIER, nullable=False),
        sa.Column("lot_id", IDENTIFIER, nullable=False),
        sa.Column("allocated_on", sa.Date(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("posted_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint(
            "card_id", "entry_id", "lot_id", "allocated_on", name=op.f("pk_allocation")
        ),
        sa.CheckConstraint(
            "points BETWEEN 1 AND 1000000000000000", name=op.f("ck_allocation_points")
        ),
    )
    op.create_index(op.f("ix_allocation_card_id_lot_id"), "allocation", ["card_id", "lot_id"])


def _debt() -> None:
    op.create_table(
        "debt",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("entry_id", IDENTIFIER, nullable=False),
        sa.Column("reward_point", CODE, nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("card_id", "entry_id", name=op.f("pk_debt")),
        sa.CheckConstraint(
            "remaining BETWEEN 1 AND 1000000000000000", name=op.f("ck_debt_remaining")
        ),
    )


def _balance() -> None:
    op.create_table(
        "balance",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("reward_point", CODE, nullable=False),
        sa.Column("issued", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("expired_written", sa.BigInteger(), nullable=False),
        sa.Column("debt", sa.BigInteger(), nullable=False),
        sa.Column("available", sa.BigInteger(), nullable=False),
        sa.Column("unvested", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("expired", sa.BigInteger(), nullable=False),
        sa.Column("as_of_from", sa.Date(), nullable=False),
        sa.Column("next_change_on", sa.Date(), nullable=False),
        sa.Column("next_hold_lapse_at", INSTANT),
        sa.PrimaryKeyConstraint("card_id", "reward_point", name=op.f("pk_balance")),
        sa.CheckConstraint(
            "issued BETWEEN -100000000000000000 AND 100000000000000000",
            name=op.f("ck_balance_issued"),
        ),
        sa.CheckConstraint(
            "used BETWEEN -100000000000000000 AND 100000000000000000", name=op.f("ck_balance_used")
        ),
        sa.CheckConstraint(
            "available BETWEEN -100000000000000000 AND 100000000000000000",
            name=op.f("ck_balance_available"),
        ),
        sa.CheckConstraint(
            "unvested BETWEEN -100000000000000000 AND 100000000000000000",
            name=op.f("ck_balance_unvested"),
        ),
        sa.CheckConstraint(
            "held BETWEEN -100000000000000000 AND 100000000000000000", name=op.f("ck_balance_held")
        ),
        sa.CheckConstraint(
            "expired BETWEEN -100000000000000000 AND 100000000000000000",
            name=op.f("ck_balance_expired"),
        ),
        sa.CheckConstraint("debt BETWEEN 0 AND 100000000000000000", name=op.f("ck_balance_debt")),
    )


def _points_day() -> None:
    op.create_table(
        "points_day",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("reward_point", CODE, nullable=False),
        sa.Column("vests_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("remainder", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "card_id", "reward_point", "vests_on", "expires_on", name=op.f("pk_points_day")
        ),
        sa.CheckConstraint(
            "remainder BETWEEN 0 AND 100000000000000000", name=op.f("ck_points_day_remainder")
        ),
        sa.CheckConstraint(
            "held BETWEEN 0 AND 100000000000000000", name=op.f("ck_points_day_held")
        ),
    )


def _countable_day() -> None:
    op.create_table(
        "countable_day",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("reward_point", CODE, nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("positive", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "card_id", "reward_point", "entry_date", name=op.f("pk_countable_day")
        ),
        sa.CheckConstraint(
            "points BETWEEN -100000000000000000 AND 100000000000000000",
            name=op.f("ck_countable_day_points"),
        ),
    )
