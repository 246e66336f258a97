"""Pages of the journal by keyset, in the order in which lines are posted, built once for each shape
of filter.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    false,
    func,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from models.activities import activity_line, activity_waiting
from models.activity_statements import (
    EVERY_LINE,
    OF_WAITING,
    WAITING_LINES,
    LineRow,
    shown_lines,
)
from models.columns import DAY, IDENTIFIER, INSTANT, ORDERED, UNITS
from models.program_statements import CountRow
from models.statements import Statement

_line, _waiting = activity_line.c, activity_waiting.c


@dataclass(frozen=True, slots=True)
class Shape:
    """Which filters are given; `channels` and `numbers` count their values.

    `status` is the value itself: each is found in another way.
    """

    status: str | None = None
    activity_type: bool = False
    channel: bool = False
    card_number: bool = False
    dated_from: bool = False
    dated_to: bool = False
    created_by: bool = False
    channels: int = 0
    numbers: int = 0


# A CASE: PostgreSQL takes a plain IS NULL to hold of next to no row of a table that it has never
# analysed, and would sort all lines to give one page.
_NOT_REJECTED = case((_line.rejected_by.is_(None), true()), else_=false())
_POSTED = and_(_NOT_REJECTED, _waiting.activity_key.is_(None))
_OF_STATUS = {"REJECTED": _line.rejected_by.is_not(None), "POSTED": _POSTED}


def _place_of(shape: Shape) -> ReadOnlyColumnCollection[str, Column[Any]]:
    """The table by whose order lines are found."""
    return _waiting if shape.status == "UNPOSTED" else _line


def _condition(shape: Shape) -> ColumnElement[bool]:
    at = _place_of(shape).occurred_at
    given = {
        "activity_type": _line.activity_type == bindparam("activity_type"),
        "channel": _line.channel == bindparam("channel"),
        "card_number": _line.card_number == bindparam("card_number", type_=ORDERED),
        # A day of any zone lies between instants, by which an index finds it.
        "dated_from": and_(
            _line.occurred_on >= bindparam("dated_from", type_=DAY),
            at >= bindparam("earliest", type_=INSTANT),
        ),
        "dated_to": and_(
            _line.occurred_on <= bindparam("dated_to", type_=DAY),
            at <= bindparam("latest", type_=INSTANT),
        ),
        "created_by": _line.created_by == bindparam("created_by"),
        "channels": _line.channel.in_(
            [bindparam(f"channel_{place}") for place in range(shape.channels)]
        ),
        "numbers": _line.card_number.in_(
            [bindparam(f"number_{place}", type_=ORDERED) for place in range(shape.numbers)]
        ),
    }
    of_status = _OF_STATUS.get(shape.status or "", true())
    return and_(of_status, *(part for name, part in given.items() if getattr(shape, name)))


def _source(shape: Shape) -> FromClause:
    return WAITING_LINES if shape.status == "UNPOSTED" else EVERY_LINE


@cache
def page(shape: Shape, *, backwards: bool) -> Statement[LineRow]:
    """Lines after (`edge_at`, `edge_id`) in rising order; `backwards`: before it, falling."""
    edge = tuple_(bindparam("edge_at", type_=INSTANT), bindparam("edge_id", type_=IDENTIFIER))
    of = _place_of(shape)
    place = tuple_(of.occurred_at, of.line_id)
    rows = shown_lines(_source(shape)).where(_condition(shape))
    if backwards:
        rows = rows.where(edge > place).order_by(of.occurred_at.desc(), of.line_id.desc())
    else:
        rows = rows.where(edge < place).order_by(of.occurred_at, of.line_id)
    return Statement(rows.limit(bindparam("count", type_=UNITS)), LineRow)


# What a count looks at: SQLite leaves no join out of it.
_TO_COUNT = {
    "UNPOSTED": activity_waiting.join(activity_line, OF_WAITING),
    "POSTED": activity_line.outerjoin(activity_waiting, OF_WAITING),
}


@cache
def count(shape: Shape) -> Statement[CountRow]:
    if shape == Shape("POSTED"):
        # Those that are not are few, and each has its index: no line itself is read.
        every, rejected, unposted = (
            _counted(Shape(status)).scalar_subquery() for status in (None, "REJECTED", "UNPOSTED")
        )
        return Statement(select(every - rejected - unposted), CountRow)
    return Statement(_counted(shape), CountRow)


def _counted(shape: Shape) -> Select[int]:
    source = _TO_COUNT.get(shape.status or "", activity_line)
    if shape == Shape("UNPOSTED"):
        source = activity_waiting
    return select(func.count()).select_from(source).where(_condition(shape))
