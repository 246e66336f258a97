"""The book of a card, page by page: newest first, by the card's own sequence. Source: semantics
6.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from models import entry_pages
from models.card_statements import CardRow
from models.entry_pages import Shape
from models.ledger_statements import (
    EntryRow,
    StretchRow,
    entries_of,
    entries_of_operations,
    stretches_of,
)
from models.lot_statements import AllocationRow, LotRow, allocations_of, lots_of
from resolvers import cards
from resolvers.card_days import today_of
from resolvers.context import Context
from resolvers.identifiers import natural_key, operation_id
from resolvers.settlements import settlements, unreleased_holds

ENDLESS = 2**62


@dataclass(frozen=True, slots=True)
class EntryFilter:
    reward_point: str | None = None
    entry_types: tuple[str, ...] | None = None
    dated_from: date | None = None
    dated_to: date | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Rows strictly between two places of the book; `count` from the newer end, or the older if
    `backwards`.
    """

    above: int
    below: int
    count: int
    backwards: bool


@dataclass(frozen=True, slots=True)
class Filtered:
    """A filter as statement shape and parameters; None parameters: nothing can match."""

    shape: Shape
    parameters: dict[str, object] | None


EntryKey = tuple[UUID, UUID]


async def entries_by_id(context: Context, keys: list[EntryKey]) -> list[EntryRow | None]:
    """Entries by (card, entry), one statement a card."""
    found: dict[EntryKey, EntryRow] = {}
    for card_id, ids in _by_card(keys).items():
        for row in await context.read.each(entries_of, ids, of_card=card_id):
            found[card_id, row.entry_id] = row
    return [found.get(key) for key in keys]


async def lots_by_id(context: Context, keys: list[EntryKey]) -> list[LotRow | None]:
    found: dict[EntryKey, LotRow] = {}
    for card_id, ids in _by_card(keys).items():
        for row in await context.read.each(lots_of, ids, of_card=card_id):
            found[card_id, row.lot_id] = row
    return [found.get(key) for key in keys]


async def left_to_spend(context: Context, entry: EntryRow) -> int | None:
    """What is left of a lot that debt has not met: once expired what live holds reserve, whether or
    not a job has run.
    """
    lot = await context.load(lots_by_id, (entry.card_id, entry.entry_id))
    card = await context.load(cards.rows_by_id, entry.card_id)
    if lot is None or card is None:
        return None
    expired = lot.expires_on < await today_of(context, card)
    if not expired:
        key = (entry.card_id, entry.reward_point)
        met = await context.load(settlements, key)
        return lot.remainder - sum(one.units for one in met if one.lot.lot_id == entry.entry_id)
    holds = await context.load(unreleased_holds, entry.card_id) if lot.held else ()
    return sum(
        hold.points
        for hold in holds
        if hold.lot_id == entry.entry_id and hold.expires_at > context.now
    )


async def allocations_by_entry(
    context: Context, keys: list[EntryKey]
) -> list[Sequence[AllocationRow]]:
    found: dict[EntryKey, list[AllocationRow]] = defaultdict(list)
    for card_id, ids in _by_card(keys).items():
        for row in await context.read.each(allocations_of, ids, of_card=card_id):
            found[card_id, row.entry_id].append(row)
    return [found[key] for key in keys]


async def allocations(context: Context, entry: EntryRow) -> list[AllocationRow]:
    """The lots that a negative entry was taken from, and those that its debt has met since."""
    written = await context.load(allocations_by_entry, (entry.card_id, entry.entry_id))
    met = await context.load(settlements, (entry.card_id, entry.reward_point))
    return [
        *written,
        *(
            AllocationRow(
                entry.card_id, one.entry_id, one.lot.lot_id, one.on, one.units, context.now
            )
            for one in met
            if one.entry_id == entry.entry_id
        ),
    ]


async def entries_by_operation(context: Context, keys: list[EntryKey]) -> list[Sequence[EntryRow]]:
    """The rows of each (card, operation): one stretch of the card's book."""
    found: dict[EntryKey, list[EntryRow]] = defaultdict(list)
    for card_id, ids in _by_card(keys).items():
        for row in await context.read.each(entries_of_operations, ids, of_card=card_id):
            found[card_id, row.op_id].append(row)
    return [found[key] for key in keys]


def _by_card(keys: list[EntryKey]) -> dict[UUID, list[UUID]]:
    groups: dict[UUID, list[UUID]] = defaultdict(list)
    for card_id, key in keys:
        groups[card_id].append(key)
    return groups


async def page(
    context: Context, card: CardRow, chosen: EntryFilter, window: Window
) -> list[EntryRow]:
    """The rows of the window, newest first."""
    filtered = await _filtered(context, card, chosen)
    if filtered.parameters is None:
        return []
    statement = entry_pages.page(filtered.shape, backwards=window.backwards)
    edge = {"above": window.above} if window.backwards else {"below": window.below}
    rows = await context.read.all(statement, **filtered.parameters, **edge, count=window.count)
    inside = [row for row in rows if window.above < row.seq_no < window.below]
    return sorted(inside, key=lambda row: -row.seq_no)


async def count(context: Context, card: CardRow, chosen: EntryFilter) -> int:
    """All rows that match; without a filter the card's own sequence tells."""
    if chosen == EntryFilter():
        return card.next_seq - 1
    filtered = await _filtered(context, card, chosen)
    if filtered.parameters is None:
        return 0
    rows = await context.read.all(entry_pages.count(filtered.shape), **filtered.parameters)
    return rows[0].rows


async def _filtered(context: Context, card: CardRow, chosen: EntryFilter) -> Filtered:
    stretches: Sequence[StretchRow] = ()
    if chosen.entry_types == ():
        return Filtered(Shape(), None)
    if chosen.transaction_id is not None:
        stretches = await _stretches(context, card, chosen.transaction_id)
        if not stretches:
            return Filtered(Shape(), None)
    parameters: dict[str, object] = {
        "reward_point": chosen.reward_point,
        "dated_from": chosen.dated_from,
        "dated_to": chosen.dated_to,
    }
    given = {name: value for name, value in parameters.items() if value is not None}
    for place, entry_type in enumerate(chosen.entry_types or ()):
        given[f"entry_type_{place}"] = entry_type
    for place, stretch in enumerate(stretches):
        given[f"first_seq_{place}"], given[f"last_seq_{place}"] = stretch
    shape = Shape(
        reward_point="reward_point" in given,
        entry_types=len(chosen.entry_types or ()),
        dated_from="dated_from" in given,
        dated_to="dated_to" in given,
        stretches=len(stretches),
    )
    return Filtered(shape, {"of_card": card.card_id, **given})


async def _stretches(context: Context, card: CardRow, transaction_id: str) -> Sequence[StretchRow]:
    """Where the entries stand of sales and returns with this id, on whatever channel: ids of
    operations follow from the key.
    """
    history = await context.service.books.history(context.read)
    # A late sale may be of a channel that is gone.
    channels = {code: None for _, book in history.books for code in book.channels}
    ids = [operation_id(natural_key("sale", channel, transaction_id)) for channel in channels]
    return await context.read.each(stretches_of, ids, of_card=card.card_id) if ids else ()
