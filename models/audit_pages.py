"""Pages of both audit tables by keyset, newest first, built once for each shape of filter."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Table, and_, bindparam, literal, select, tuple_
from sqlalchemy.sql import ColumnElement

from models.cards import card_audit
from models.columns import IDENTIFIER, INSTANT, UNITS
from models.local import audit
from models.statements import Statement


class AuditRow(NamedTuple):
    audit_id: UUID
    written_at: datetime
    caller: str
    role: str
    operation: str
    reason: str | None
    before: str | None
    after: str | None
    request_id: str
    card_id: UUID | None


@dataclass(frozen=True, slots=True)
class Shape:
    """Which filters are given."""

    card: bool = False
    caller: bool = False
    operation: bool = False
    written_from: bool = False
    written_to: bool = False


def _condition(table: Table, shape: Shape) -> ColumnElement[bool]:
    given = {
        "caller": table.c.caller == bindparam("of_caller"),
        "operation": table.c.operation == bindparam("of_operation"),
        "written_from": table.c.written_at >= bindparam("written_from", type_=INSTANT),
        "written_to": table.c.written_at < bindparam("written_to", type_=INSTANT),
    }
    if shape.card:
        given["card"] = table.c.card_id == bindparam("of_card", type_=IDENTIFIER)
    return and_(True, *(part for name, part in given.items() if getattr(shape, name)))


@cache
def page(table: Table, shape: Shape, *, backwards: bool) -> Statement[AuditRow]:
    """Rows before (`edge_at`, `edge_id`), newest first; `backwards`: after it, oldest first."""
    of = table.c
    edge = tuple_(bindparam("edge_at", type_=INSTANT), bindparam("edge_id", type_=IDENTIFIER))
    place = tuple_(of.written_at, of.audit_id)
    card_id = of.card_id if "card_id" in of else literal(None, IDENTIFIER).label("card_id")
    shown = [of[name] for name in AuditRow._fields[:-1]]
    rows = select(*shown, card_id).where(_condition(table, shape))
    if backwards:
        rows = rows.where(edge < place).order_by(of.written_at, of.audit_id)
    else:
        rows = rows.where(edge > place).order_by(of.written_at.desc(), of.audit_id.desc())
    return Statement(rows.limit(bindparam("count", type_=UNITS)), AuditRow)


def tables(shape: Shape) -> tuple[Table, ...]:
    """Where such rows stand: those of one card in one of the two."""
    return (card_audit,) if shape.card else (card_audit, audit)
