"""Activities: the review journal, and what was posted under each key."""

from sqlalchemy import Column, Index, Table

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
    # SHA-256(type, activityId): one key space for the journal and real time.
    Column("activity_key", HASH, primary_key=True),
    Column("line_id", IDENTIFIER, nullable=False),
    Column("status", CODE, nullable=False),
    Column("channel", CODE, nullable=False),
    Column("card_number", ORDERED, nullable=False),
    Column("activity_type", CODE, nullable=False),
    Column("activity_id", TEXT, nullable=False),
    Column("content_hash", HASH, nullable=False),
    Column("occurred_at", INSTANT, nullable=False),
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
    Index(None, "status", "occurred_at", "line_id"),
    info=placed("activity_key"),
)

activity_post = Table(
    "activity_post",
    metadata,
    Column("activity_key", HASH, primary_key=True),
    Column("card_id", IDENTIFIER, nullable=False),
    Column("activity_type", CODE, nullable=False),
    Column("content_hash", HASH, nullable=False),
    Column("entry_date", DAY, nullable=False),
    Column("posted_at", INSTANT, nullable=False),
    Column("notes", JSON_TEXT, nullable=False),
    info=placed("activity_key"),
)
