"""What a cart asks of cards and customers, each in one statement: many kinds of rows, one width.

A storefront's cart page is read with every change of the cart, so that round trips count. Each
part of a statement is an indexed read by the key, and rows become what their tables' own statements
give.
"""

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Table,
    cast,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.types import TypeEngine

from models.cards import enrolment, tier_row
from models.columns import CODE, DAY, IDENTIFIER, INSTANT, UNITS
from models.customers import customer_affiliation, customer_card
from models.ledger import balance, countable_day, points_day
from models.payments import hold_lot
from models.statements import KeyedStatement, Keys, among

ENROLMENT, TIER_ROW, COUNTABLE_DAY, BALANCE, POINTS_DAY, HOLD = range(6)


class CardFactRow(NamedTuple):
    """One row of a card; what the columns mean depends on `kind`, see `_PARTS`."""

    kind: int
    card_id: UUID
    row_id: UUID | None
    code: str
    other_code: str | None
    first_day: date
    second_day: date | None
    third_day: date | None
    first_units: int | None
    second_units: int | None
    third_units: int | None
    fourth_units: int | None
    first_flag: bool | None
    second_flag: bool | None
    instant: datetime | None


class CustomerFactRow(NamedTuple):
    """An affiliation that the customer holds, or one of its cards."""

    customer_key: UUID
    affiliation: str | None
    card_id: UUID | None


_TYPES: dict[str, TypeEngine[Any]] = {
    "row_id": IDENTIFIER,
    "code": CODE,
    "other_code": CODE,
    "first_day": DAY,
    "second_day": DAY,
    "third_day": DAY,
    "first_units": UNITS,
    "second_units": UNITS,
    "third_units": UNITS,
    "fourth_units": UNITS,
    "first_flag": Boolean(),
    "second_flag": Boolean(),
    "instant": INSTANT,
}
_PARTS: dict[int, tuple[Table, dict[str, str]]] = {
    ENROLMENT: (
        enrolment,
        {
            "row_id": "enrolment_id",
            "code": "program",
            "first_day": "starts_on",
            "second_day": "ends_on",
            "third_day": "enrolled_on",
        },
    ),
    TIER_ROW: (
        tier_row,
        {
            "row_id": "tier_row_id",
            "code": "program",
            "other_code": "tier",
            "first_day": "starts_on",
            "second_day": "ends_on",
            "first_flag": "manual",
            "second_flag": "brought",
        },
    ),
    COUNTABLE_DAY: (
        countable_day,
        {
            "code": "reward_point",
            "first_day": "entry_date",
            "first_units": "points",
            "first_flag": "positive",
        },
    ),
    BALANCE: (
        balance,
        {
            "code": "reward_point",
            "first_units": "issued",
            "second_units": "used",
            "third_units": "expired_written",
            "fourth_units": "debt",
        },
    ),
    POINTS_DAY: (
        points_day,
        {
            "code": "reward_point",
            "first_day": "vests_on",
            "second_day": "expires_on",
            "first_units": "remainder",
            "second_units": "held",
        },
    ),
    # Unreleased ones alone.
    HOLD: (
        hold_lot,
        {
            "code": "reward_point",
            "first_day": "vests_on",
            "second_day": "expires_on_lot",
            "first_units": "points",
            "instant": "expires_at",
        },
    ),
}


def _part(kind: int, keys: Keys) -> Select[Any]:
    table, names = _PARTS[kind]
    columns: list[ColumnElement[Any]] = [
        table.c[names[name]].label(name) if name in names else cast(null(), of).label(name)
        for name, of in _TYPES.items()
    ]
    number = literal_column(str(kind), Integer).label("kind")
    found = select(number, table.c.card_id, *columns).where(among(table.c.card_id, keys))
    return found.where(table.c.released_at.is_(None)) if kind == HOLD else found


card_facts_of: KeyedStatement[CardFactRow] = KeyedStatement(
    lambda keys: union_all(*(_part(kind, keys) for kind in _PARTS)), CardFactRow, IDENTIFIER
)

customer_facts_of: KeyedStatement[CustomerFactRow] = KeyedStatement(
    lambda keys: union_all(
        select(
            customer_affiliation.c.customer_key,
            customer_affiliation.c.affiliation,
            cast(null(), IDENTIFIER).label("card_id"),
        ).where(among(customer_affiliation.c.customer_key, keys)),
        select(
            customer_card.c.customer_key,
            cast(null(), CODE).label("affiliation"),
            customer_card.c.card_id,
        ).where(among(customer_card.c.customer_key, keys)),
    ),
    CustomerFactRow,
    IDENTIFIER,
)
