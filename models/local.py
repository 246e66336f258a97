"""Tables that are on no reading path: number sequences, job leases, and audit of what has no
card.
"""

from sqlalchemy import Column, Index, Integer, Table, text

from models.columns import CODE, IDENTIFIER, INSTANT, JSON_TEXT, TEXT, UNITS, metadata, placed

number_sequence = Table(
    "number_sequence",
    metadata,
    Column("code", CODE, primary_key=True),
    Column("next", UNITS, nullable=False),
    info=placed("local"),
)

job_lease = Table(
    "job_lease",
    metadata,
    Column("job", CODE, primary_key=True),
    Column("holder", TEXT),
    Column("held_until", INSTANT),
    # Where the next run goes on.
    Column("cursor", TEXT),
    Column("finished_at", INSTANT),
    info=placed("local"),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", IDENTIFIER, primary_key=True),
    # The customer's inner key, or nothing where the program itself was changed.
    Column("customer_key", IDENTIFIER),
    Column("configuration_version", Integer),
    Column("caller", TEXT, nullable=False),
    Column("role", CODE, nullable=False),
    Column("operation", CODE, nullable=False),
    Column("reason", TEXT),
    Column("before", JSON_TEXT),
    Column("after", JSON_TEXT),
    Column("request_id", TEXT, nullable=False),
    Column("written_at", INSTANT, nullable=False),
    Index(None, "written_at", "audit_id"),
    # What erasure looks for.
    Index(
        "ix_audit_reasons",
        "customer_key",
        postgresql_where=text("customer_key IS NOT NULL AND reason IS NOT NULL"),
        sqlite_where=text("customer_key IS NOT NULL AND reason IS NOT NULL"),
    ),
    info=placed("local"),
)
