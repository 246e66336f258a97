"""Statements that find and write sales, their lines, charges and facts."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from models.columns import HASH, IDENTIFIER, INSTANT, UNITS
from models.sales import pending_earning, sale, sale_charge, sale_fact, sale_line
from models.statements import KeyedStatement, Statement, among, write


class SaleRow(NamedTuple):
    sale_key: bytes
    kind: str
    channel: str
    transaction_id: str
    content_hash: bytes
    occurred_at: datetime
    posted_at: datetime
    entry_date: date
    currency: str
    card_id: UUID | None
    original_key: bytes | None
    configuration_version: int


class SaleLineRow(NamedTuple):
    sale_key: bytes
    line_number: int
    product_id: str
    variant_id: str | None
    categories: str
    quantity: int
    returned_quantity: int
    unit_price: int
    discount_minor: int
    tax_minor: int
    net_minor: int
    delivery_mode: str | None


class SaleChargeRow(NamedTuple):
    sale_key: bytes
    place: int
    code: str
    description: str | None
    line_number: int | None
    amount_minor: int
    overridden: bool


class SaleFactRow(NamedTuple):
    sale_key: bytes
    facts: str
    notes: str


class PendingEarningRow(NamedTuple):
    sale_key: bytes
    occurred_at: datetime
    claimed_until: datetime | None
    attempts: int
    error: str | None


class QueuedRow(NamedTuple):
    """A sale or return that waits for the batch."""

    sale_key: bytes
    occurred_at: datetime
    attempts: int
    kind: str
    card_id: UUID | None


sales_of: KeyedStatement[SaleRow] = KeyedStatement(
    lambda keys: select(sale).where(among(sale.c.sale_key, keys)), SaleRow, HASH
)
sale_lines_of: KeyedStatement[SaleLineRow] = KeyedStatement(
    lambda keys: (
        select(sale_line)
        .where(among(sale_line.c.sale_key, keys))
        .order_by(sale_line.c.sale_key, sale_line.c.line_number)
    ),
    SaleLineRow,
    HASH,
)
sale_charges_of: KeyedStatement[SaleChargeRow] = KeyedStatement(
    lambda keys: (
        select(sale_charge)
        .where(among(sale_charge.c.sale_key, keys))
        .order_by(sale_charge.c.sale_key, sale_charge.c.place)
    ),
    SaleChargeRow,
    HASH,
)
sale_facts_of: KeyedStatement[SaleFactRow] = KeyedStatement(
    lambda keys: select(sale_fact).where(among(sale_fact.c.sale_key, keys)), SaleFactRow, HASH
)
returns_of: KeyedStatement[SaleRow] = KeyedStatement(
    lambda keys: (
        select(sale)
        .where(among(sale.c.original_key, keys))
        .order_by(sale.c.posted_at, sale.c.sale_key)
    ),
    SaleRow,
    HASH,
)
SALE = bindparam("of_sale", type_=HASH)
# Returns of one sale come one after another.
locked_sale = Statement(select(sale).where(sale.c.sale_key == SALE).with_for_update(), SaleRow)
change_returned_quantity = write(
    update(sale_line)
    .where(sale_line.c.sale_key == SALE, sale_line.c.line_number == bindparam("of_line"))
    .values(returned_quantity=bindparam("returned_quantity"))
)
change_sale_card = write(
    update(sale)
    .where(sale.c.sale_key == SALE)
    .values(card_id=bindparam("card_id", type_=IDENTIFIER))
)
claim_sale = write(insert_or_leave(sale).on_conflict_do_nothing())
insert_sale_lines = write(insert(sale_line))
insert_sale_charges = write(insert(sale_charge))
insert_sale_facts = write(insert(sale_fact))
insert_pending_earning = write(insert(pending_earning))
pending_of: KeyedStatement[PendingEarningRow] = KeyedStatement(
    lambda keys: select(pending_earning).where(among(pending_earning.c.sale_key, keys)),
    PendingEarningRow,
    HASH,
)
# In the order in which they are posted.
queued_after = Statement(
    select(
        pending_earning.c.sale_key,
        pending_earning.c.occurred_at,
        pending_earning.c.attempts,
        sale.c.kind,
        sale.c.card_id,
    )
    .join_from(pending_earning, sale, sale.c.sale_key == pending_earning.c.sale_key)
    .where(
        tuple_(pending_earning.c.occurred_at, pending_earning.c.sale_key)
        > tuple_(bindparam("at_after", type_=INSTANT), bindparam("key_after", type_=HASH))
    )
    .order_by(pending_earning.c.occurred_at, pending_earning.c.sale_key)
    .limit(bindparam("count", type_=UNITS)),
    QueuedRow,
)
end_pending = write(delete(pending_earning).where(pending_earning.c.sale_key == SALE))
fail_pending = write(
    update(pending_earning)
    .where(pending_earning.c.sale_key == SALE)
    .values(attempts=bindparam("attempts"), error=bindparam("error"))
)
change_sale_facts = write(
    update(sale_fact)
    .where(sale_fact.c.sale_key == SALE)
    .values(facts=bindparam("facts"), notes=bindparam("notes"))
)
