"""Pages of the journal by keyset, in the order in which lines are posted, built once for each shape
of filter.
"""

from dataclasses import dataclass
from functools import cache

from sqlalchemy import and_, bindparam, func, select, tuple_
from sqlalchemy.sql import ColumnElement

from models.activities import activity_line
from models.activity_statements import LineRow
from models.columns import DAY, IDENTIFIER, INSTANT, ORDERED, UNITS
from models.program_statements import CountRow
from models.statements import Statement

_line = activity_line.c


@dataclass(frozen=True, slots=True)
class Shape:
    """Which filters are given; `channels` and `numbers` count their values."""

    status: bool = False
    activity_type: bool = False
    channel: bool = False
    card_number: bool = False
    dated_from: bool = False
    dated_to: bool = False
    created_by: bool = False
    channels: int = 0
    numbers: int = 0


def _condition(shape: Shape) -> ColumnElement[bool]:
    given = {
        "status": _line.status == bindparam("status"),
        "activity_type": _line.activity_type == bindparam("activity_type"),
        "channel": _line.channel == bindparam("channel"),
        "card_number": _line.card_number == bindparam("card_number", type_=ORDERED),
        "dated_from": _line.occurred_on >= bindparam("dated_from", type_=DAY),
        "dated_to": _line.occurred_on <= bindparam("dated_to", type_=DAY),
        "created_by": _line.created_by == bindparam("created_by"),
        "channels": _line.channel.in_(
            [bindparam(f"channel_{place}") for place in range(shape.channels)]
        ),
        "numbers": _line.card_number.in_(
            [bindparam(f"number_{place}", type_=ORDERED) for place in range(shape.numbers)]
        ),
    }
    return and_(True, *(part for name, part in given.items() if getattr(shape, name)))


@cache
def page(shape: Shape, *, backwards: bool) -> Statement[LineRow]:
    """Lines after (`edge_at`, `edge_id`) in rising order; `backwards`: before it, falling."""
    edge = tuple_(bindparam("edge_at", type_=INSTANT), bindparam("edge_id", type_=IDENTIFIER))
    place = tuple_(_line.occurred_at, _line.line_id)
    rows = select(activity_line).where(_condition(shape))
    if backwards:
        rows = rows.where(edge > place).order_by(_line.occurred_at.desc(), _line.line_id.desc())
    else:
        rows = rows.where(edge < place).order_by(_line.occurred_at, _line.line_id)
    return Statement(rows.limit(bindparam("count", type_=UNITS)), LineRow)


@cache
def count(shape: Shape) -> Statement[CountRow]:
    rows = select(func.count()).select_from(activity_line).where(_condition(shape))
    return Statement(rows, CountRow)
