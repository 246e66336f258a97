"""The program's versions, and who may call: small tables, replicated everywhere."""

from sqlalchemy import Column, Integer, Table, UniqueConstraint

from models.columns import CODE, HASH, INSTANT, JSON_TEXT, TEXT, metadata, one_of, placed

configuration_version = Table(
    "configuration_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    # As it was sent.
    Column("document", JSON_TEXT, nullable=False),
    Column("comment", TEXT),
    Column("created_at", INSTANT, nullable=False),
    Column("created_by", TEXT, nullable=False),
    # Null: stored, not in force.
    Column("effective_from", INSTANT),
    info=placed("reference"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("key_hash", HASH, primary_key=True),
    Column("prefix", CODE, nullable=False),
    # Unique among live and past keys: idempotency keys and audit rows are kept under it.
    Column("name", CODE, nullable=False),
    Column("role", CODE, nullable=False),
    # JSON lists of codes; null channels or activity types: all of them.
    Column("channels", JSON_TEXT),
    Column("activity_types", JSON_TEXT),
    Column("rights", JSON_TEXT, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("expires_at", INSTANT),
    Column("revoked_at", INSTANT),
    one_of("role", "storefront", "partner", "staff", "admin"),
    UniqueConstraint("name"),
    UniqueConstraint("prefix"),
    info=placed("reference"),
)
