"""Activities: the review journal, what was posted under each key, and how many a card had each day.

A key is one row of `idempotency_key`, whether the journal or real time used it first.
"""

from sqlalchemy import Column, Index, Integer, Table, text

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
    placed,
)

# Its status is no column: a line is UNPOSTED while it has a row in `activity_waiting`, REJECTED
# where `rejected_by` is set, else POSTED.
activity_line = Table(
    "activity_line",
    metadata,
    # SHA-256(type, activityId).
    Column("activity_key", HASH, primary_key=True),
    Column("line_id", IDENTIFIER, nullable=False),
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
    Column("rejection_reason", TEXT),
    # Of the last attempt to post it; it means nothing once the line no longer waits.
    Column("error", JSON_TEXT),
    Column("rejected_by", TEXT),
    Index(None, "line_id"),
    Index(None, "occurred_at", "line_id"),
    Index(None, "card_number", "occurred_at", "line_id"),
    Index(None, "created_by", "occurred_at", "line_id"),
    Index(
        "ix_activity_line_rejected",
        *("occurred_at", "line_id"),
        postgresql_where=text("rejected_by IS NOT NULL"),
        sqlite_where=text("rejected_by IS NOT NULL"),
    ),
    info=placed("activity_key"),
)

# The lines that are UNPOSTED. Who edits, settles or deletes a line locks its row here first; who
# settles it deletes the row, which costs far less than a change of the line and its many indexes.
activity_waiting = Table(
    "activity_waiting",
    metadata,
    Column("activity_key", HASH, primary_key=True),
    Column("line_id", IDENTIFIER, nullable=False),
    Column("card_number", ORDERED, nullable=False),
    Column("occurred_at", INSTANT, nullable=False),
    # What else posting needs of the line: under the lock it is read with it.
    Column("channel", CODE, nullable=False),
    Column("activity_type", CODE, nullable=False),
    Column("activity_id", TEXT, nullable=False),
    Column("affiliation", CODE),
    # The order of posting.
    Index(None, "occurred_at", "line_id"),
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
    # Who posted the line; nobody reviews what is posted in real time.
    Column("reviewed_by", TEXT),
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
