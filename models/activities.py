"""Activities: the review journal, what was posted under each key, and how many a card had each day.

A key is one row of `idempotency_key`, whether the journal or real time used it first.
"""

from sqlalchemy import Column, Index, Integer, Table

from models.columns import (
    CODE,
    DAY,
    HASH,
    IDENTIFIER,
    INSTANT,
    JSON_TEXT,
    ORDERED,
    TEXT,
    metadata,
    one_of,
    placed,
)

activity_line = Table(
    "activity_line",
    metadata,
    # SHA-256(type, activityId).
    Column("activity_key", HASH, primary_key=True),
    Column("line_id", IDENTIFIER, nullable=False),
    Column("status", CODE, nullable=False),
    Column("channel", CODE, nullable=False),
    Column("card_number", ORDERED, nullable=False),
    Column("activity_type", CODE, nullable=False),
    Column("activity_id", TEXT, nullable=False),
    Column("occurred_at", INSTANT, nullable=False),
    # The civil date of `occurred_at` on the channel.
    Column("occurred_on", DAY, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("affiliation", CODE),
    Column("comment", TEXT),
    Column("evidence", JSON_TEXT),
    Column("created_by", TEXT, nullable=False),
    Column("reviewed_by", TEXT),
    Column("rejection_reason", TEXT),
    Column("error", JSON_TEXT),
    one_of("status", "UNPOSTED", "POSTED", "REJECTED"),
    Index(None, "line_id"),
    Index(None, "occurred_at", "line_id"),
    Index(None, "status", "occurred_at", "line_id"),
    Index(None, "card_number", "occurred_at", "line_id"),
    Index(None, "created_by", "occurred_at", "line_id"),
    info=placed("activity_key"),
)

activity_post = Table(
    "activity_post",
    metadata,
    Column("activity_key", HASH, primary_key=True),
    Column("card_id", IDENTIFIER, nullable=False),
    Column("activity_type", CODE, nullable=False),
    Column("entry_date", DAY, nullable=False),
    Column("posted_at", INSTANT, nullable=False),
    Column("posted_by", TEXT, nullable=False),
    Column("notes", JSON_TEXT, nullable=False),
    Index(None, "card_id"),
    info=placed("activity_key"),
)

# Posted activities, whether or not they earned: limits and rewards never count the book.
activity_day = Table(
    "activity_day",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("activity_type", CODE, primary_key=True),
    Column("entry_date", DAY, primary_key=True),
    Column("posted", Integer, nullable=False),
    info=placed("card_id"),
)
