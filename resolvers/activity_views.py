"""Activities as callers see them: what was posted under a key, and lines of the journal.

A customer sees lines of its own cards, a storefront those of its channels, a partner those that it
created. Source: semantics 16.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from uuid import UUID

from models import line_pages
from models.activity_statements import LineRow, PostRow, lines_by_id, lines_of, posts_of
from models.ledger_statements import EntryRow
from models.line_pages import Shape
from resolvers import cards, customers, transactions
from resolvers.callers import Role
from resolvers.clock import DAY
from resolvers.context import Context
from resolvers.identifiers import operation_id
from rules.notes import Note, NoteCode

# Before and after every line.
FIRST = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))
LAST = (datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1))

Place = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class LineFilter:
    status: str | None = None
    activity_type: str | None = None
    channel: str | None = None
    card_number: str | None = None
    dated_from: date | None = None
    dated_to: date | None = None


@dataclass(frozen=True, slots=True)
class LineWindow:
    """Lines strictly between two places; `count` from the lower end, or the upper if
    `backwards`.
    """

    above: Place
    below: Place
    count: int
    backwards: bool = False


async def posts_by_key(context: Context, keys: list[bytes]) -> list[PostRow | None]:
    rows = {row.activity_key: row for row in await context.read.each(posts_of, keys)}
    return [rows.get(key) for key in keys]


async def lines_by_key(context: Context, keys: list[bytes]) -> list[LineRow | None]:
    rows = {row.activity_key: row for row in await context.read.each(lines_of, keys)}
    return [rows.get(key) for key in keys]


async def rows_by_id(context: Context, ids: list[UUID]) -> list[LineRow | None]:
    rows = {row.line_id: row for row in await context.read.each(lines_by_id, ids)}
    return [rows.get(line_id) for line_id in ids]


async def entries(context: Context, activity_key: bytes) -> Sequence[EntryRow]:
    """The ledger rows that the activity wrote, in the order of the book; none before that."""
    post = await context.load(posts_by_key, activity_key)
    if post is None:
        return ()
    key = (post.card_id, operation_id(activity_key))
    return await context.load(transactions.entries_by_operation, key)


def notes_of(post: PostRow) -> list[Note]:
    """What was told when it was posted."""
    return [Note(NoteCode(code), scheme, rule) for code, scheme, rule in json.loads(post.notes)]


async def may_see(context: Context, line: LineRow) -> bool:
    caller = context.caller
    if caller.role is Role.PARTNER:
        return line.created_by == caller.scope
    if caller.role is not Role.CUSTOMER:
        return caller.reaches(line.channel)
    return await cards.by_number(context, line.card_number) is not None


async def by_id(context: Context, line_id: UUID) -> LineRow | None:
    """The line, where the caller may see it."""
    line = await context.load(rows_by_id, line_id)
    return line if line is not None and await may_see(context, line) else None


async def page(context: Context, chosen: LineFilter, window: LineWindow) -> list[LineRow]:
    """Lines of the window in rising order of `occurredAt`, then id."""
    filtered = await _filtered(context, chosen)
    if filtered is None:
        return []
    shape, parameters = filtered
    edge_at, edge_id = window.below if window.backwards else window.above
    rows = await context.read.all(
        line_pages.page(shape, backwards=window.backwards),
        **parameters,
        edge_at=edge_at,
        edge_id=edge_id,
        count=window.count,
    )
    inside = [row for row in rows if window.above < place(row) < window.below]
    return sorted(inside, key=place)


def place(line: LineRow) -> Place:
    return line.occurred_at, line.line_id


async def count(context: Context, chosen: LineFilter) -> int:
    filtered = await _filtered(context, chosen)
    if filtered is None:
        return 0
    shape, parameters = filtered
    rows = await context.read.all(line_pages.count(shape), **parameters)
    return rows[0].rows


def _instants(chosen: LineFilter) -> dict[str, datetime]:
    """Between which the days chosen lie in any zone, and more: each is less than a day from UTC."""
    found = {}
    if chosen.dated_from is not None:
        day = max(chosen.dated_from, date.min + DAY)
        found["earliest"] = datetime.combine(day - DAY, time(), UTC)
    if chosen.dated_to is not None:
        day = min(chosen.dated_to, date.max - 2 * DAY)
        found["latest"] = datetime.combine(day + 2 * DAY, time.max, UTC)
    return found


async def _filtered(context: Context, chosen: LineFilter) -> tuple[Shape, dict[str, object]] | None:
    """Shape and parameters with what the caller may see; None where nothing can match."""
    given = {
        name: getattr(chosen, name)
        for name in LineFilter.__slots__
        if getattr(chosen, name) is not None
    }
    shape = Shape(**{**dict.fromkeys(given, True), "status": given.pop("status", None)})
    given |= _instants(chosen)
    caller = context.caller
    if caller.role is Role.PARTNER:
        return replace(shape, created_by=True), {**given, "created_by": caller.scope}
    if caller.role is Role.CUSTOMER:
        numbers = await _own_numbers(context)
        shape = replace(shape, numbers=_padded(len(numbers)))
        return (shape, given | _listed("number", numbers)) if numbers else None
    if caller.channels is None:
        return shape, given
    channels = sorted(caller.channels)
    shape = replace(shape, channels=_padded(len(channels)))
    return (shape, given | _listed("channel", channels)) if channels else None


async def _own_numbers(context: Context) -> list[str]:
    own = await customers.own_key(context)
    if own is None:
        return []
    return [card.number for card in await cards.cards_of_customer(context, own)]


def _padded(length: int) -> int:
    """A power of two, so that one statement serves many lengths."""
    return 1 << (length - 1).bit_length() if length else 0


def _listed(name: str, values: Sequence[str]) -> dict[str, object]:
    return {
        f"{name}_{place}": values[min(place, len(values) - 1)]
        for place in range(_padded(len(values)))
    }
