"""Who is told of events, and each event's way to each of them; placed with the local tables."""

from sqlalchemy import Boolean, Column, Index, Integer, Table

from models.columns import (
    CODE,
    IDENTIFIER,
    INSTANT,
    JSON_TEXT,
    TEXT,
    UNITS,
    metadata,
    one_of,
    placed,
)

webhook_subscription = Table(
    "webhook_subscription",
    metadata,
    Column("subscription_id", IDENTIFIER, primary_key=True),
    Column("url", TEXT, nullable=False),
    Column("events", JSON_TEXT, nullable=False),
    Column("selection", TEXT, nullable=False),
    # Newest first, each with the instant after which it signs no more: they must be able to sign.
    Column("secrets", JSON_TEXT, nullable=False),
    Column("active", Boolean, nullable=False),
    # Since when an event was given up and none has arrived.
    Column("failing_since", INSTANT),
    # Up to where the outbox was read.
    Column("read_to", INSTANT, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    info=placed("local"),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("subscription_id", IDENTIFIER, primary_key=True),
    Column("event_id", IDENTIFIER, primary_key=True),
    Column("card_id", IDENTIFIER, nullable=False),
    Column("seq_no", UNITS, nullable=False),
    Column("kind", CODE, nullable=False),
    Column("posted_at", INSTANT, nullable=False),
    Column("status", CODE, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", INSTANT, nullable=False),
    Column("claimed_until", INSTANT),
    Column("attempted_at", INSTANT),
    Column("http_status", Integer),
    Column("error", TEXT),
    one_of("status", "PENDING", "DELIVERED", "GIVEN_UP"),
    Index(None, "subscription_id", "posted_at", "event_id"),
    Index(None, "subscription_id", "status", "card_id", "seq_no"),
    Index(None, "subscription_id", "status", "next_attempt_at"),
    info=placed("local"),
)
