"""The person apart from the ledger: `customer_ref` and `customer_pii` alone know who a customer key
is.
"""

from sqlalchemy import Boolean, Column, Index, Table

from models.columns import CODE, IDENTIFIER, INSTANT, TEXT, metadata, placed

customer = Table(
    "customer",
    metadata,
    Column("customer_key", IDENTIFIER, primary_key=True),
    Column("blocked_for_loyalty", Boolean, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("erased_at", INSTANT),
    info=placed("customer_key"),
)

customer_ref = Table(
    "customer_ref",
    metadata,
    Column("customer_id", TEXT, primary_key=True),
    Column("customer_key", IDENTIFIER, nullable=False),
    Index(None, "customer_key"),
    info=placed("customer_id"),
)

customer_pii = Table(
    "customer_pii",
    metadata,
    Column("customer_key", IDENTIFIER, primary_key=True),
    Column("name", TEXT),
    Column("email", TEXT),
    Column("phone", TEXT),
    # Case-folded name, e-mail address and phone number, for the staff's search.
    Column("search_text", TEXT, nullable=False),
    info=placed("customer_key"),
)

customer_affiliation = Table(
    "customer_affiliation",
    metadata,
    Column("customer_key", IDENTIFIER, primary_key=True),
    Column("affiliation", CODE, primary_key=True),
    Index(None, "affiliation"),
    info=placed("customer_key"),
)

customer_card = Table(
    "customer_card",
    metadata,
    Column("customer_key", IDENTIFIER, primary_key=True),
    Column("card_id", IDENTIFIER, primary_key=True),
    info=placed("customer_key"),
)
