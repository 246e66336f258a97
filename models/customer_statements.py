"""Statements that find and write customers; who they are stands in `customer_ref` and
`customer_pii` alone.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from models.columns import CODE, IDENTIFIER, TEXT
from models.customers import (
    customer,
    customer_affiliation,
    customer_card,
    customer_pii,
    customer_ref,
)
from models.statements import KeyedStatement, Statement, among, write


class CustomerRefRow(NamedTuple):
    customer_id: str
    customer_key: UUID


class CustomerRow(NamedTuple):
    customer_key: UUID
    blocked_for_loyalty: bool
    created_at: datetime
    erased_at: datetime | None


class PersonRow(NamedTuple):
    customer_key: UUID
    name: str | None
    email: str | None
    phone: str | None
    search_text: str


class HeldAffiliationRow(NamedTuple):
    customer_key: UUID
    affiliation: str


class CustomerCardRow(NamedTuple):
    customer_key: UUID
    card_id: UUID


CUSTOMER = bindparam("of_customer", type_=IDENTIFIER)

refs_by_id: KeyedStatement[CustomerRefRow] = KeyedStatement(
    lambda keys: select(customer_ref).where(among(customer_ref.c.customer_id, keys)),
    CustomerRefRow,
    TEXT,
)
refs_by_key: KeyedStatement[CustomerRefRow] = KeyedStatement(
    lambda keys: select(customer_ref).where(among(customer_ref.c.customer_key, keys)),
    CustomerRefRow,
    IDENTIFIER,
)
claim_customer_id = write(insert_or_leave(customer_ref).on_conflict_do_nothing())
forget_customer_id = write(delete(customer_ref).where(customer_ref.c.customer_key == CUSTOMER))

customers_of: KeyedStatement[CustomerRow] = KeyedStatement(
    lambda keys: select(customer).where(among(customer.c.customer_key, keys)),
    CustomerRow,
    IDENTIFIER,
)
# The customer row is locked before its cards, so that what is true of the customer stays so.
locked_customer = Statement(
    select(customer).where(customer.c.customer_key == CUSTOMER).with_for_update(), CustomerRow
)
insert_customer = write(insert(customer))
change_block = write(
    update(customer)
    .where(customer.c.customer_key == CUSTOMER)
    .values(blocked_for_loyalty=bindparam("blocked_for_loyalty"))
)
mark_erased = write(
    update(customer)
    .where(customer.c.customer_key == CUSTOMER)
    .values(erased_at=bindparam("erased_at"))
)

people_of: KeyedStatement[PersonRow] = KeyedStatement(
    lambda keys: select(customer_pii).where(among(customer_pii.c.customer_key, keys)),
    PersonRow,
    IDENTIFIER,
)
insert_person = write(insert(customer_pii))
change_person = write(
    update(customer_pii)
    .where(customer_pii.c.customer_key == CUSTOMER)
    .values({name: bindparam(name) for name in ("name", "email", "phone", "search_text")})
)
forget_person = write(delete(customer_pii).where(customer_pii.c.customer_key == CUSTOMER))

affiliations_of: KeyedStatement[HeldAffiliationRow] = KeyedStatement(
    lambda keys: (
        select(customer_affiliation)
        .where(among(customer_affiliation.c.customer_key, keys))
        .order_by(customer_affiliation.c.affiliation)
    ),
    HeldAffiliationRow,
    IDENTIFIER,
)
insert_affiliations = write(insert(customer_affiliation))
delete_affiliation = write(
    delete(customer_affiliation).where(
        customer_affiliation.c.customer_key == CUSTOMER,
        customer_affiliation.c.affiliation == bindparam("of_affiliation", type_=CODE),
    )
)
delete_affiliations = write(
    delete(customer_affiliation).where(customer_affiliation.c.customer_key == CUSTOMER)
)

cards_of_customers: KeyedStatement[CustomerCardRow] = KeyedStatement(
    lambda keys: (
        select(customer_card)
        .where(among(customer_card.c.customer_key, keys))
        .order_by(customer_card.c.card_id)
    ),
    CustomerCardRow,
    IDENTIFIER,
)
insert_customer_card = write(insert(customer_card))
delete_customer_cards = write(delete(customer_card).where(customer_card.c.customer_key == CUSTOMER))
