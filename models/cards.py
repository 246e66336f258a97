"""The card, its enrolments and tiers, what is written about it, and what it tells the world; keyed
by `card_id`.

The card row is the lock and the head of the card's book. Source: engineering 1.1.
"""

from sqlalchemy import Boolean, Column, Index, Integer, Table

from models.columns import (
    CODE,
    DAY,
    HASH,
    IDENTIFIER,
    INSTANT,
    JSON_TEXT,
    ORDERED,
    TEXT,
    UNITS,
    metadata,
    one_of,
    placed,
)

card = Table(
    "card",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("number", ORDERED, nullable=False),
    Column("status", CODE, nullable=False),
    Column("tender_type", CODE, nullable=False),
    Column("customer_key", IDENTIFIER),
    Column("issued_at", INSTANT, nullable=False),
    # The civil date of the issuing channel.
    Column("issued_on", DAY, nullable=False),
    Column("enrollment_source", CODE, nullable=False),
    Column("blocked_at", INSTANT),
    Column("replaced_by", IDENTIFIER),
    Column("replaces", IDENTIFIER),
    Column("next_seq", UNITS, nullable=False),
    Column("next_event", UNITS, nullable=False),
    Column("head_hash", HASH, nullable=False),
    Column("last_posted_at", INSTANT, nullable=False),
    # The latest entry date in the book: balances as of earlier days are read from the ledger.
    Column("last_entry_on", DAY),
    one_of("status", "ACTIVE", "BLOCKED", "REPLACED"),
    one_of("tender_type", "AS_CARD_TENDER", "AS_CONTACT_TENDER", "NO_TENDER"),
    Index(None, "number"),
    Index(None, "customer_key"),
    Index(None, "issued_on"),
    info=placed("card_id"),
)

enrolment = Table(
    "enrolment",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("enrolment_id", IDENTIFIER, primary_key=True),
    Column("program", CODE, nullable=False),
    Column("starts_on", DAY, nullable=False),
    Column("ends_on", DAY),
    # The day on which it was written: a start after it is judged when it comes.
    Column("enrolled_on", DAY, nullable=False),
    Index(None, "program"),
    info=placed("card_id"),
)

tier_row = Table(
    "tier_row",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("tier_row_id", IDENTIFIER, primary_key=True),
    Column("program", CODE, nullable=False),
    Column("tier", CODE, nullable=False),
    Column("starts_on", DAY, nullable=False),
    Column("ends_on", DAY),
    Column("manual", Boolean, nullable=False),
    # Time alone brought it: a late posting judges it anew.
    Column("brought", Boolean, nullable=False),
    Index(None, "ends_on"),
    Index(None, "program", "tier"),
    info=placed("card_id"),
)

card_counter = Table(
    "card_counter",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    # Sales that qualify for rewards of the program; those fully returned are not counted.
    Column("program", CODE, primary_key=True),
    Column("sales", UNITS, nullable=False),
    info=placed("card_id"),
)

card_reward = Table(
    "card_reward",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("reward", CODE, primary_key=True),
    # As in `reward_grant`, which makes it unique over all cards.
    Column("scope", IDENTIFIER, primary_key=True),
    Column("granted_at", INSTANT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("entry_id", IDENTIFIER),
    Column("configuration_version", Integer, nullable=False),
    info=placed("card_id"),
)

note = Table(
    "note",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("note_id", IDENTIFIER, primary_key=True),
    # What it is written about: an entry, a tier row, or the card itself.
    Column("subject_id", IDENTIFIER, nullable=False),
    Column("kind", CODE, nullable=False),
    Column("text", TEXT, nullable=False),
    Column("written_at", INSTANT, nullable=False),
    Index(None, "card_id", "subject_id"),
    info=placed("card_id"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("event_id", IDENTIFIER, primary_key=True),
    Column("seq_no", UNITS, nullable=False),
    Column("kind", CODE, nullable=False),
    Column("payload", JSON_TEXT, nullable=False),
    Column("posted_at", INSTANT, nullable=False),
    Index(None, "posted_at"),
    info=placed("card_id"),
)

card_audit = Table(
    "card_audit",
    metadata,
    Column("card_id", IDENTIFIER, primary_key=True),
    Column("audit_id", IDENTIFIER, primary_key=True),
    Column("caller", TEXT, nullable=False),
    Column("role", CODE, nullable=False),
    Column("operation", CODE, nullable=False),
    Column("reason", TEXT),
    Column("before", JSON_TEXT),
    Column("after", JSON_TEXT),
    Column("request_id", TEXT, nullable=False),
    Column("written_at", INSTANT, nullable=False),
    Index(None, "card_id", "written_at", "audit_id"),
    Index(None, "written_at", "audit_id"),
    info=placed("card_id"),
)
