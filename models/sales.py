"""Sales and returns, their lines, the facts they were judged by, and earnings queued for the batch
job.
"""

from sqlalchemy import Boolean, Column, Index, Integer, Table

from models.columns import (
    CODE,
    DAY,
    HASH,
    IDENTIFIER,
    INSTANT,
    JSON_TEXT,
    MILLIONTHS,
    TEXT,
    UNITS,
    metadata,
    one_of,
    placed,
)

sale = Table(
    "sale",
    metadata,
    # SHA-256(channel, transactionId): sales and returns share one key space.
    Column("sale_key", HASH, primary_key=True),
    Column("kind", CODE, nullable=False),
    Column("channel", CODE, nullable=False),
    Column("transaction_id", TEXT, nullable=False),
    Column("content_hash", HASH, nullable=False),
    Column("occurred_at", INSTANT, nullable=False),
    Column("posted_at", INSTANT, nullable=False),
    Column("entry_date", DAY, nullable=False),
    Column("currency", CODE, nullable=False),
    Column("card_id", IDENTIFIER),
    Column("original_key", HASH),
    Column("configuration_version", Integer, nullable=False),
    one_of("kind", "SALE", "RETURN"),
    Index(None, "original_key"),
    Index(None, "entry_date", "channel"),
    info=placed("sale_key"),
)

sale_line = Table(
    "sale_line",
    metadata,
    Column("sale_key", HASH, primary_key=True),
    Column("line_number", Integer, primary_key=True),
    Column("product_id", TEXT, nullable=False),
    Column("variant_id", TEXT),
    Column("categories", JSON_TEXT, nullable=False),
    Column("quantity", MILLIONTHS, nullable=False),
    Column("returned_quantity", MILLIONTHS, nullable=False),
    Column("unit_price", MILLIONTHS, nullable=False),
    Column("discount_minor", UNITS, nullable=False),
    Column("tax_minor", UNITS, nullable=False),
    Column("net_minor", UNITS, nullable=False),
    Column("delivery_mode", TEXT),
    info=placed("sale_key"),
)

sale_charge = Table(
    "sale_charge",
    metadata,
    Column("sale_key", HASH, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("code", TEXT, nullable=False),
    Column("description", TEXT),
    Column("line_number", Integer),
    Column("amount_minor", UNITS, nullable=False),
    Column("overridden", Boolean, nullable=False),
    info=placed("sale_key"),
)

sale_fact = Table(
    "sale_fact",
    metadata,
    Column("sale_key", HASH, primary_key=True),
    # Enrolments, tiers, affiliations and the room below each maximum before it, as judged; the
    # notes it got.
    Column("facts", JSON_TEXT, nullable=False),
    Column("notes", JSON_TEXT, nullable=False),
    info=placed("sale_key"),
)

pending_earning = Table(
    "pending_earning",
    metadata,
    Column("sale_key", HASH, primary_key=True),
    Column("occurred_at", INSTANT, nullable=False),
    Column("claimed_until", INSTANT),
    Column("attempts", Integer, nullable=False),
    Column("error", TEXT),
    Index(None, "occurred_at"),
    info=placed("sale_key"),
)
