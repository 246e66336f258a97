"""Look-ups by key across cards: card numbers, idempotency keys, payments of orders, rewards
granted.
"""

from sqlalchemy import Column, Integer, Table

from models.columns import (
    CODE,
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

card_number = Table(
    "card_number",
    metadata,
    Column("number", ORDERED, primary_key=True),
    Column("card_id", IDENTIFIER, nullable=False),
    info=placed("number"),
)

idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("key_hash", HASH, primary_key=True),
    Column("mutation", CODE, nullable=False),
    Column("payload_hash", HASH, nullable=False),
    Column("first_used_at", INSTANT, nullable=False),
    Column("outcome", CODE, nullable=False),
    # Ids of what was done, or the refusal's code, message, path and facts; never personal data.
    Column("answer", JSON_TEXT, nullable=False),
    one_of("outcome", "DONE", "REFUSED"),
    info=placed("key_hash"),
)

order_payment = Table(
    "order_payment",
    metadata,
    Column("channel", CODE, primary_key=True),
    Column("order_id", TEXT, primary_key=True),
    Column("card_id", IDENTIFIER, nullable=False),
    Column("payment_id", IDENTIFIER, nullable=False),
    info=placed("order_id"),
)

payment_card = Table(
    "payment_card",
    metadata,
    Column("payment_id", IDENTIFIER, primary_key=True),
    Column("card_id", IDENTIFIER, nullable=False),
    info=placed("payment_id"),
)

reward_grant = Table(
    "reward_grant",
    metadata,
    Column("reward", CODE, primary_key=True),
    # The card, the customer's inner key, or the tier row, as `once` says.
    Column("scope", IDENTIFIER, primary_key=True),
    Column("card_id", IDENTIFIER, nullable=False),
    Column("granted_at", INSTANT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("entry_id", IDENTIFIER),
    Column("configuration_version", Integer, nullable=False),
    info=placed("scope"),
)
