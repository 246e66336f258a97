"""Payments with points, what they took, and the lots that holds reserve; keyed by `card_id`."""

from sqlalchemy import Column, Index, Integer, SmallInteger, Table, text

from models.columns import (
    CODE,
    DAY,
    IDENTIFIER,
    INSTANT,
    JSON_TEXT,
    TEXT,
    UNITS,
    bounded,
    metadata,
    one_of,
    placed,
)
from models.ledger import MAXIMUM_ENTRY_UNITS

payment = Table(
    "payment",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("payment_id", IDENTIFIER, primary_key=True),
    Column("status", CODE, nullable=False),
    Column("channel", CODE, nullable=False),
    Column("order_id", TEXT, nullable=False),
    Column("currency", CODE, nullable=False),
    Column("amount_minor", UNITS, nullable=False),
    Column("refunded_minor", UNITS, nullable=False),
    Column("configuration_version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("hold_expires_at", INSTANT),
    # The order's civil day at the authorisation, by which refunds and captures are judged.
    Column("authorized_on", DAY, nullable=False),
    # [card, operation] of each operation that wrote entries for it, oldest first: they find those
    # entries.
    Column("operations", JSON_TEXT, nullable=False),
    # The lines, rates and limits that the payment was judged by.
    Column("facts", JSON_TEXT, nullable=False),
    # Millionths given back of its lines, by line number; null: of none.
    Column("refunded_quantities", JSON_TEXT),
    one_of(
        "status", "AUTHORIZED", "CAPTURED", "VOIDED", "EXPIRED", "PARTIALLY_REFUNDED", "REFUNDED"
    ),
    Index(None, "card_id", "status", "hold_expires_at"),
    # What the job of lapsed holds finds, whatever the card.
    Index(
        "ix_payment_hold_expires_at",
        *("hold_expires_at", "card_id", "payment_id"),
        postgresql_where=text("status = 'AUTHORIZED'"),
        sqlite_where=text("status = 'AUTHORIZED'"),
    ),
    info=placed("card_id"),
)

payment_slice = Table(
    "payment_slice",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("payment_id", IDENTIFIER, primary_key=True),
    Column("slice_no", SmallInteger, primary_key=True),
    Column("reward_point", CODE, nullable=False),
    # Null: the order's own charges.
    Column("line_number", Integer),
    Column("points", UNITS, nullable=False),
    Column("amount_minor", UNITS, nullable=False),
    # What sales that named the payment have used up of it (semantics 5.4).
    Column("used_minor", UNITS, nullable=False),
    Column("refunded_points", UNITS, nullable=False),
    Column("refunded_minor", UNITS, nullable=False),
    info=placed("card_id"),
)

hold_lot = Table(
    "hold_lot",
    metadata,
    # The card that owns the lot; the payment may have been presented on another of its customer's
    # cards.
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("payment_id", IDENTIFIER, primary_key=True),
    Column("lot_id", IDENTIFIER, primary_key=True),
    Column("reward_point", CODE, nullable=False),
    # The lot's own dates, so that balances by day need no look at the lot.
    Column("vests_on", DAY, nullable=False),
    Column("expires_on_lot", DAY, nullable=False),
    # The order of consumption: a partial capture takes the first.
    Column("place", Integer, nullable=False),
    Column("points", UNITS, nullable=False),
    # The first day whose balance shows it, and when it was written: nothing known before that
    # instant knows it.
    Column("authorized_on", DAY, nullable=False),
    Column("authorized_at", INSTANT, nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Column("released_at", INSTANT),
    bounded("points", MAXIMUM_ENTRY_UNITS, least=1),
    Index(None, "card_id", "expires_at"),
    info=placed("card_id"),
)
