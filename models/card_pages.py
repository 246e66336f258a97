"""The staff's search of cards, page by page in the order of their numbers, built once a shape of
filter.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Select,
    and_,
    bindparam,
    case,
    false,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.sql import ColumnElement

from models.card_statements import CardRow
from models.cards import card, enrolment, tier_row
from models.columns import IDENTIFIER, UNITS
from models.customers import customer_pii
from models.program_statements import CountRow
from models.statements import Statement
from models.tier_statements import EARLIEST, LAST_HAS_ENDED, LATEST, unindexed

_PROGRAM: BindParameter[str] = bindparam("program")
_TIER: BindParameter[str] = bindparam("tier")


@dataclass(frozen=True, slots=True)
class Shape:
    """Which filters are given.

    `certain`: of program and tier, whether what is stored shows by itself that the card matches;
    None: also cards that have to be judged.
    """

    number: bool = False
    prefix: bool = False
    customer: bool = False
    search: bool = False
    status: bool = False
    source: bool = False
    issued_from: bool = False
    issued_to: bool = False
    program: bool = False
    tier: bool = False
    certain: bool | None = None


def _condition(shape: Shape) -> ColumnElement[bool]:
    given = {
        "number": card.c.number == bindparam("number"),
        "prefix": card.c.number.between(bindparam("prefix"), bindparam("prefix_end")),
        "customer": card.c.customer_key == bindparam("customer_key", type_=IDENTIFIER),
        "search": card.c.customer_key.in_(
            select(customer_pii.c.customer_key).where(
                customer_pii.c.search_text.like(bindparam("search"), escape="\\")
            )
        ),
        "status": card.c.status == bindparam("status"),
        "source": card.c.enrollment_source == bindparam("source"),
        "issued_from": card.c.issued_on >= bindparam("issued_from"),
        "issued_to": card.c.issued_on <= bindparam("issued_to"),
        "program": _enrolled(),
        "tier": or_(_tier_row_possible(), _awaited_enrolment()),
    }
    # What is certain is possible: the engines would look at every card for both.
    implied = {"program", "tier"} if shape.certain else frozenset()
    parts = [part for name, part in given.items() if getattr(shape, name) and name not in implied]
    if shape.certain is not None:
        shown = _holds(shape) if shape.tier else _enrolled_throughout()
        parts.append(shown if shape.certain else not_(shown))
    return and_(True, *parts)


def _any(rows: Select[Any]) -> ColumnElement[bool]:
    """Whether the card has such a row. A CASE: PostgreSQL, which would join, may find a page only
    when it has looked at all cards.
    """
    return case((rows.exists(), true()), else_=false())


def _enrolled() -> ColumnElement[bool]:
    """Enrolled on some day that is "today" somewhere: which of them it is where the card was issued
    is judged later.
    """
    return _any(
        select(enrolment.c.card_id).where(
            enrolment.c.card_id == card.c.card_id,
            unindexed(enrolment.c.program) == _PROGRAM,
            enrolment.c.starts_on <= LATEST,
            _reaches(enrolment.c, EARLIEST),
        )
    )


def _enrolled_throughout() -> ColumnElement[bool]:
    """Enrolled on every day that is "today" somewhere."""
    return _any(
        select(enrolment.c.card_id).where(
            enrolment.c.card_id == card.c.card_id,
            unindexed(enrolment.c.program) == _PROGRAM,
            _throughout(enrolment.c),
        )
    )


def _throughout(row: Any) -> ColumnElement[bool]:
    return and_(row.starts_on <= EARLIEST, _reaches(row, LATEST))


def _reaches(row: Any, day: BindParameter[date]) -> ColumnElement[bool]:
    """Not over before the day; no index is of use: the rows of a card are few."""
    return func.coalesce(row.ends_on, day) >= day


def _tier_row_possible() -> ColumnElement[bool]:
    """A row of the tier that may run today, or the last of a program that has ended: time may have
    brought another since.
    """
    return _any(
        select(tier_row.c.card_id).where(
            tier_row.c.card_id == card.c.card_id,
            or_(and_(tier_row.c.tier == _TIER, _reaches(tier_row.c, EARLIEST)), LAST_HAS_ENDED),
        )
    )


def _awaited_enrolment() -> ColumnElement[bool]:
    """An enrolment that was written before its start: time may have brought its first tier, of
    which there is no row.
    """
    return _any(
        select(enrolment.c.card_id).where(
            enrolment.c.card_id == card.c.card_id, _awaited(enrolment.c)
        )
    )


def _awaited(row: Any) -> ColumnElement[bool]:
    return and_(row.enrolled_on < row.starts_on, row.starts_on <= LATEST)


def _holds(shape: Shape) -> ColumnElement[bool]:
    """A won row of the tier runs on every day that is "today" somewhere, the card is enrolled on
    all of them, and neither a row of another tier nor an awaited enrolment is in the way.

    A REPLACED card may have a tier that there is no more.
    """
    won, other = tier_row.alias(), tier_row.alias()
    joined, awaited = enrolment.alias(), enrolment.alias()
    of_program = [unindexed(won.c.program) == _PROGRAM] if shape.program else []
    in_the_way = select(other.c.card_id).where(
        other.c.card_id == won.c.card_id,
        unindexed(other.c.program) == won.c.program,
        other.c.tier != won.c.tier,
        other.c.starts_on <= LATEST,
        _reaches(other.c, EARLIEST),
    )
    is_member = select(joined.c.card_id).where(
        joined.c.card_id == won.c.card_id,
        unindexed(joined.c.program) == won.c.program,
        _throughout(joined.c),
    )
    is_awaited = select(awaited.c.card_id).where(
        awaited.c.card_id == won.c.card_id,
        unindexed(awaited.c.program) == won.c.program,
        _awaited(awaited.c),
    )
    row = select(won.c.card_id).where(
        won.c.card_id == card.c.card_id,
        unindexed(won.c.tier) == _TIER,
        won.c.manual.is_(False),
        _throughout(won.c),
        _any(is_member),
        not_(_any(in_the_way)),
        not_(_any(is_awaited)),
        *of_program,
    )
    return and_(card.c.status != "REPLACED", _any(row))


@cache
def page(shape: Shape, *, backwards: bool) -> Statement[CardRow]:
    """Cards with numbers above `above` in rising order, or below `below` in falling order."""
    count = bindparam("count", type_=UNITS)
    rows = select(card).where(_condition(shape))
    if backwards:
        rows = rows.where(card.c.number < bindparam("below")).order_by(card.c.number.desc())
    else:
        rows = rows.where(card.c.number > bindparam("above")).order_by(card.c.number)
    return Statement(rows.limit(count), CardRow)


@cache
def count(shape: Shape) -> Statement[CountRow]:
    return Statement(select(func.count()).select_from(card).where(_condition(shape)), CountRow)
