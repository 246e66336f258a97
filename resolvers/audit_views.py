"""The audit as staff read it: rows of cards and rows of the program in one list, newest first."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from models import audit_pages
from models.audit_pages import AuditRow, Shape
from resolvers import cards
from resolvers.context import Context

Place = tuple[datetime, UUID]

# Before and after every row.
OLDEST = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))
NEWEST = (datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1))


@dataclass(frozen=True, slots=True)
class AuditFilter:
    card_number: str | None = None
    caller: str | None = None
    operation: str | None = None
    written_from: datetime | None = None
    written_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Rows strictly between two places; `count` from the newer end, or the older if
    `backwards`.
    """

    above: Place
    below: Place
    count: int
    backwards: bool = False


def place(row: AuditRow) -> Place:
    return row.written_at, row.audit_id


async def page(context: Context, chosen: AuditFilter, window: Window) -> list[AuditRow]:
    """Rows of the window, newest first."""
    card_id = None
    if chosen.card_number is not None:
        card_id = await context.load(cards.ids_by_number, chosen.card_number)
        if card_id is None:
            return []
    given = {
        "of_card": card_id,
        "of_caller": chosen.caller,
        "of_operation": chosen.operation,
        "written_from": chosen.written_from,
        "written_to": chosen.written_to,
    }
    parameters = {name: value for name, value in given.items() if value is not None}
    shape = Shape(**{name.removeprefix("of_"): True for name in parameters})
    edge_at, edge_id = window.above if window.backwards else window.below
    rows: list[AuditRow] = []
    for table in audit_pages.tables(shape):
        rows += await context.read.all(
            audit_pages.page(table, shape, backwards=window.backwards),
            **parameters,
            edge_at=edge_at,
            edge_id=edge_id,
            count=window.count,
        )
    inside = [row for row in rows if window.above < place(row) < window.below]
    nearest = sorted(inside, key=place, reverse=not window.backwards)[: window.count]
    return sorted(nearest, key=place, reverse=True)
