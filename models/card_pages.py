"""The staff's search of cards, page by page in the order of their numbers, built once a shape of
filter.
"""

from dataclasses import dataclass
from functools import cache

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.sql import ColumnElement

from models.card_statements import CardRow
from models.cards import card, enrolment, tier_row
from models.columns import DAY, IDENTIFIER, UNITS
from models.customers import customer_pii
from models.program_statements import CountRow
from models.statements import Statement


@dataclass(frozen=True, slots=True)
class Shape:
    """Which filters are given."""

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
    return and_(True, *(part for name, part in given.items() if getattr(shape, name)))


def _enrolled() -> ColumnElement[bool]:
    """Enrolled on some day that is "today" somewhere: which of them it is where the card was issued
    is judged later.
    """
    return (
        select(enrolment.c.card_id)
        .where(
            enrolment.c.card_id == card.c.card_id,
            enrolment.c.program == bindparam("program"),
            enrolment.c.starts_on <= bindparam("latest_today", type_=DAY),
            or_(
                enrolment.c.ends_on.is_(None),
                enrolment.c.ends_on >= bindparam("earliest_today", type_=DAY),
            ),
        )
        .exists()
    )


def _tier_row_possible() -> ColumnElement[bool]:
    """A row of the tier that may run today, or a row that has ended: time may have brought another
    since.
    """
    return (
        select(tier_row.c.card_id)
        .where(
            tier_row.c.card_id == card.c.card_id,
            or_(
                and_(
                    tier_row.c.tier == bindparam("tier"),
                    or_(
                        tier_row.c.ends_on.is_(None),
                        tier_row.c.ends_on >= bindparam("earliest_today", type_=DAY),
                    ),
                ),
                tier_row.c.ends_on < bindparam("latest_today", type_=DAY),
            ),
        )
        .exists()
    )


def _awaited_enrolment() -> ColumnElement[bool]:
    """An enrolment that was written before its start: time may have brought its first tier, of
    which there is no row.
    """
    return (
        select(enrolment.c.card_id)
        .where(
            enrolment.c.card_id == card.c.card_id,
            enrolment.c.enrolled_on < enrolment.c.starts_on,
            enrolment.c.starts_on <= bindparam("latest_today", type_=DAY),
        )
        .exists()
    )


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
