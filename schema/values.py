"""Small values of the API: money, pages, periods, and how stored units become decimals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import strawberry
from strawberry.federation.schema_directives import Shareable

from execution.relay import (
    IdPart,
    MalformedCursor,
    MalformedId,
    Page,
    decode_cursor,
    decode_key,
    encode_cursor,
    encode_id,
    page_arguments,
)
from execution.scalars import CurrencyCode
from rules.explanations import point_digits
from rules.numbers import currency_digits, show_decimal, show_units
from rules.program import RewardPoint as RewardPointValue
from rules.program_terms import Period as PeriodValue

T = TypeVar("T")
Key = tuple[IdPart, ...]
_UUID_BYTES = 16

First = Annotated[
    int | None,
    strawberry.argument(description="How many of the first, at most 100; 20 by default."),
]
Last = Annotated[int | None, strawberry.argument(description="How many of the last, at most 100.")]
After = Annotated[str | None, strawberry.argument(description="The cursor after which to start.")]
Before = Annotated[str | None, strawberry.argument(description="The cursor before which to end.")]
AsOf = Annotated[
    date | None,
    strawberry.argument(description="The day asked about; today where the card was issued."),
]


def given(value: T | None) -> T | None:
    """What was sent; None where it was left out or null."""
    return None if value is strawberry.UNSET else value


@strawberry.interface(description="An object with an id that is unique across all types.")
class Node:
    @strawberry.field(description="Opaque and stable; `node` finds the object by it.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id(type(self).__name__, *self.key()))

    def key(self) -> Key:
        """What tells the object from others of its type."""
        raise NotImplementedError


@strawberry.type(description="Where a page of a connection stands.", directives=[Shareable()])
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more follows.")
    has_previous_page: bool = strawberry.field(description="Whether more precedes.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first edge.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last edge.")


@strawberry.type(description="An amount of money.", directives=[Shareable()])
class Money:
    amount: Decimal = strawberry.field(description="With the decimals of its currency.")
    currency_code: CurrencyCode = strawberry.field(description="Its currency.")


def money(minor: int, currency: str) -> Money:
    digits = currency_digits(currency)
    return Money(amount=Decimal(show_units(minor, digits)), currency_code=CurrencyCode(currency))


def points(units: int, point: RewardPointValue) -> Decimal:
    """Points as shown: AMOUNT with its currency's decimals, QUANTITY without."""
    return Decimal(show_units(units, point_digits(point)))


def decimal(value: Decimal | Fraction) -> Decimal:
    """Another number, without trailing zeros."""
    return Decimal(show_decimal(value))


def from_millionths(number: int) -> Decimal:
    return decimal(Decimal(number) / 10**6)


@strawberry.enum(description="The unit of a period.")
class PeriodUnit(Enum):
    DAY = strawberry.enum_value("DAY", description="Days.")
    WEEK = strawberry.enum_value("WEEK", description="Weeks of seven days.")
    MONTH = strawberry.enum_value(
        "MONTH", description="Months; the day is cut to the month's last."
    )
    QUARTER = strawberry.enum_value("QUARTER", description="Three months each.")
    YEAR = strawberry.enum_value("YEAR", description="Years.")


@strawberry.type(description="A span of civil time.")
class Period:
    value: int = strawberry.field(description="How many units.")
    unit: PeriodUnit = strawberry.field(description="The unit.")


def period(value: PeriodValue | None) -> Period | None:
    return None if value is None else Period(value=value.value, unit=PeriodUnit(value.unit.value))


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """One page of rows in the order shown, and what lies beyond it."""

    rows: list[T]
    page_info: PageInfo
    cursors: list[str]


def payment_keys(ids: Sequence[str] | None) -> tuple[UUID | None, ...]:
    """The payments named by ids; None for one that is malformed, which the resolver refuses."""
    return keys_of("LoyaltyPayment", ids)


def keys_of(type_name: str, ids: Sequence[str] | None) -> tuple[UUID | None, ...]:
    """The objects of the type named by ids; None for an id that is malformed."""
    return tuple(_key_of(type_name, one) for one in ids or ())


def _key_of(type_name: str, text: str) -> UUID | None:
    try:
        (key,) = decode_key(text, type_name, bytes)
    except MalformedId:
        return None
    return UUID(bytes=key) if isinstance(key, bytes) and len(key) == _UUID_BYTES else None


def asked_page(first: int | None, after: str | None, last: int | None, before: str | None) -> Page:
    """The page asked for. Raises InputRefused for sizes and combinations that cannot be given."""
    return page_arguments(given(first), given(after), given(last), given(before))


def cut_page(page: Page, rows: list[T], kind: str, key: Callable[[T], tuple[Any, ...]]) -> Slice[T]:
    """Cut rows in the order shown, fetched with one more than asked, to the page."""
    more = len(rows) > page.size
    if more:
        rows = rows[1:] if page.backward else rows[: page.size]
    cursors = [encode_cursor(kind, *key(row)) for row in rows]
    return Slice(
        rows,
        PageInfo(
            has_next_page=page.before is not None if page.backward else more,
            has_previous_page=more if page.backward else page.after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        ),
        cursors,
    )


def whole_number_cursor(kind: str, text: str | None, otherwise: int, most: int) -> int:
    """The number that a cursor of this kind stands at, from 0 to `most`. Raises MalformedCursor."""
    if text is None:
        return otherwise
    (value,) = decode_cursor(kind, text, int)
    if isinstance(value, int) and 0 <= value <= most:
        return value
    raise MalformedCursor("The cursor is malformed or belongs to another list.")


def text_cursor(kind: str, text: str | None, otherwise: str) -> str:
    if text is None:
        return otherwise
    (value,) = decode_cursor(kind, text, str)
    return str(value)
