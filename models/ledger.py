"""The book of a card and everything derived from it: lots, allocations, balances by day; keyed by
`card_id`.

Rows of `ledger_entry` are never updated or deleted by any code path. Source: engineering 1.1, 1.3.
"""

from sqlalchemy import Boolean, Column, Index, Integer, Table, UniqueConstraint, text

from models.columns import (
    CODE,
    DAY,
    HASH,
    IDENTIFIER,
    INSTANT,
    TEXT,
    UNITS,
    bounded,
    metadata,
    one_of,
    placed,
)

MAXIMUM_ENTRY_UNITS = 10**15
MAXIMUM_BALANCE_UNITS = 10**17

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("entry_id", IDENTIFIER, primary_key=True),
    Column("seq_no", UNITS, nullable=False),
    Column("entry_type", CODE, nullable=False),
    Column("reward_point", CODE, nullable=False),
    Column("points", UNITS, nullable=False),
    Column("entry_date", DAY, nullable=False),
    # The day on which it counts for tiers: the entry date, of a take-back that of its earning.
    Column("counts_on", DAY, nullable=False),
    Column("occurred_at", INSTANT, nullable=False),
    Column("posted_at", INSTANT, nullable=False),
    Column("vests_on", DAY),
    Column("expires_on", DAY),
    Column("channel", CODE),
    Column("program", CODE),
    Column("tier", CODE),
    Column("transaction_id", TEXT),
    Column("line_number", Integer),
    Column("payment_id", IDENTIFIER),
    Column("activity_type", CODE),
    Column("activity_id", TEXT),
    Column("adjustment_id", IDENTIFIER),
    Column("op_id", IDENTIFIER, nullable=False),
    Column("op_line", Integer, nullable=False),
    Column("configuration_version", Integer, nullable=False),
    Column("scheme", CODE),
    Column("rule", CODE),
    Column("computed", UNITS, nullable=False),
    Column("formula", TEXT, nullable=False),
    Column("prev_hash", HASH, nullable=False),
    Column("entry_hash", HASH, nullable=False),
    one_of(
        "entry_type", "EARN", "REDEEM", "RETURN_EARNED", "REFUND", "ADJUST", "TRANSFER", "EXPIRE"
    ),
    bounded("points", MAXIMUM_ENTRY_UNITS),
    UniqueConstraint("card_id", "seq_no"),
    UniqueConstraint("card_id", "op_id", "op_line"),
    # Proves that what left one card arrived on others; most entries are no adjustment.
    Index(
        None,
        "adjustment_id",
        postgresql_where=text("adjustment_id IS NOT NULL"),
        sqlite_where=text("adjustment_id IS NOT NULL"),
    ),
    info=placed("card_id"),
)

# Of an operation what its entries do not tell: that it wrote none, or that it moved a card. (Before
# revision 0022 each had a row.)
operation = Table(
    "operation",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("op_id", IDENTIFIER, primary_key=True),
    Column("kind", CODE, nullable=False),
    Column("posted_at", INSTANT, nullable=False),
    info=placed("card_id"),
)

lot_remainder = Table(
    "lot_remainder",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("lot_id", IDENTIFIER, primary_key=True),
    Column("reward_point", CODE, nullable=False),
    Column("vests_on", DAY, nullable=False),
    # 9999-12-31 where the lot never expires, so that lot order is index order.
    Column("expires_on", DAY, nullable=False),
    Column("occurred_at", INSTANT, nullable=False),
    Column("remainder", UNITS, nullable=False),
    Column("held", UNITS, nullable=False),
    # What EXPIRE entries took: back-dated entries may take it after all.
    Column("expired", UNITS, nullable=False),
    bounded("remainder", MAXIMUM_ENTRY_UNITS, least=0),
    bounded("held", MAXIMUM_ENTRY_UNITS, least=0),
    bounded("expired", MAXIMUM_ENTRY_UNITS, least=0),
    Index(
        "ix_lot_remainder_open",
        *("card_id", "reward_point", "expires_on", "occurred_at", "lot_id"),
        postgresql_where=text("remainder > 0"),
        sqlite_where=text("remainder > 0"),
    ),
    # What the job of expiry finds, whatever the card.
    Index(
        "ix_lot_remainder_expires_on",
        *("expires_on", "card_id", "lot_id"),
        postgresql_where=text("remainder > 0"),
        sqlite_where=text("remainder > 0"),
    ),
    Index(
        "ix_lot_remainder_expired",
        *("card_id", "reward_point", "expires_on"),
        postgresql_where=text("expired > 0"),
        sqlite_where=text("expired > 0"),
    ),
    info=placed("card_id"),
)

allocation = Table(
    "allocation",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("entry_id", IDENTIFIER, primary_key=True),
    Column("lot_id", IDENTIFIER, primary_key=True),
    Column("allocated_on", DAY, primary_key=True),
    # Below 0 where a correction of an EXPIRE entry gives back to the lot what that entry took.
    Column("points", UNITS, nullable=False),
    # Two holds that end on one day may free one lot for one debt.
    Column("posted_at", INSTANT, primary_key=True),
    bounded("points", MAXIMUM_ENTRY_UNITS),
    Index(None, "card_id", "lot_id"),
    info=placed("card_id"),
)

debt = Table(
    "debt",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("entry_id", IDENTIFIER, primary_key=True),
    Column("reward_point", CODE, nullable=False),
    Column("entry_date", DAY, nullable=False),
    Column("remaining", UNITS, nullable=False),
    bounded("remaining", MAXIMUM_ENTRY_UNITS, least=1),
    info=placed("card_id"),
)

balance = Table(
    "balance",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("reward_point", CODE, primary_key=True),
    Column("issued", UNITS, nullable=False),
    Column("used", UNITS, nullable=False),
    # Sum of the EXPIRE entries written so far, positive.
    Column("expired_written", UNITS, nullable=False),
    # What no lot could bear yet.
    Column("debt", UNITS, nullable=False),
    # The totals below are right for as_of_from <= today < next_change_on and now <
    # next_hold_lapse_at.
    Column("available", UNITS, nullable=False),
    Column("unvested", UNITS, nullable=False),
    Column("held", UNITS, nullable=False),
    Column("expired", UNITS, nullable=False),
    Column("as_of_from", DAY, nullable=False),
    Column("next_change_on", DAY, nullable=False),
    Column("next_hold_lapse_at", INSTANT),
    *(
        bounded(name, MAXIMUM_BALANCE_UNITS)
        for name in ("issued", "used", "available", "unvested", "held", "expired")
    ),
    bounded("debt", MAXIMUM_BALANCE_UNITS, least=0),
    info=placed("card_id"),
)

points_day = Table(
    "points_day",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("reward_point", CODE, primary_key=True),
    Column("vests_on", DAY, primary_key=True),
    # 9999-12-31 where the points never expire.
    Column("expires_on", DAY, primary_key=True),
    Column("remainder", UNITS, nullable=False),
    Column("held", UNITS, nullable=False),
    bounded("remainder", MAXIMUM_BALANCE_UNITS, least=0),
    bounded("held", MAXIMUM_BALANCE_UNITS, least=0),
    info=placed("card_id"),
)

countable_day = Table(
    "countable_day",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("reward_point", CODE, primary_key=True),
    Column("entry_date", DAY, primary_key=True),
    Column("points", UNITS, nullable=False),
    # Whether a positive posting counted on the day: only those extend a tier row.
    Column("positive", Boolean, nullable=False),
    bounded("points", MAXIMUM_BALANCE_UNITS),
    info=placed("card_id"),
)
