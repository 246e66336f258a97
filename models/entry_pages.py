"""Pages of a card's book by keyset, built once for each shape of filter."""

from dataclasses import dataclass
from functools import cache

from sqlalchemy import BindParameter, and_, bindparam, func, or_, select
from sqlalchemy.sql import ColumnElement

from models.columns import IDENTIFIER, UNITS
from models.ledger import ledger_entry
from models.ledger_statements import EntryRow
from models.program_statements import CountRow
from models.statements import Statement

_entry = ledger_entry.c


@dataclass(frozen=True, slots=True)
class Shape:
    """Which filters are given; `entry_types` and `stretches` count their values."""

    reward_point: bool = False
    entry_types: int = 0
    dated_from: bool = False
    dated_to: bool = False
    stretches: int = 0


def _condition(shape: Shape) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [
        _entry.card_id == bindparam("of_card", type_=IDENTIFIER),
    ]
    if shape.reward_point:
        parts.append(_entry.reward_point == bindparam("reward_point"))
    if shape.entry_types:
        places: list[BindParameter[str]] = [
            bindparam(f"entry_type_{place}") for place in range(shape.entry_types)
        ]
        parts.append(_entry.entry_type.in_(places))
    if shape.dated_from:
        parts.append(_entry.entry_date >= bindparam("dated_from"))
    if shape.dated_to:
        parts.append(_entry.entry_date <= bindparam("dated_to"))
    if shape.stretches:
        parts.append(or_(*(_stretch(place) for place in range(shape.stretches))))
    return and_(*parts)


def _stretch(place: int) -> ColumnElement[bool]:
    return _entry.seq_no.between(
        bindparam(f"first_seq_{place}", type_=UNITS), bindparam(f"last_seq_{place}", type_=UNITS)
    )


@cache
def page(shape: Shape, *, backwards: bool) -> Statement[EntryRow]:
    """Rows below `below` newest first; `backwards`: rows above `above`, oldest first."""
    condition = _condition(shape)
    count = bindparam("count", type_=UNITS)
    if backwards:
        above = _entry.seq_no > bindparam("above", type_=UNITS)
        rows = select(ledger_entry).where(condition, above).order_by(_entry.seq_no)
    else:
        below = _entry.seq_no < bindparam("below", type_=UNITS)
        rows = select(ledger_entry).where(condition, below).order_by(_entry.seq_no.desc())
    return Statement(rows.limit(count), EntryRow)


@cache
def count(shape: Shape) -> Statement[CountRow]:
    rows = select(func.count()).select_from(ledger_entry).where(_condition(shape))
    return Statement(rows, CountRow)
