"""Cards that took each other's place: whose history counts with a card's, and who stands for a
replaced one.

A replaced card gets no more points, so its history is read where it stands. Source: semantics 4, 9.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from models.card_statements import CardRow, cards_of
from models.ledger_statements import EntryRow, entries_of, entries_of_operations, operations_of
from models.lot_statements import allocations_of, allocations_of_lots
from models.transactions import Reader
from resolvers import cards
from resolvers.context import Context

# The kind of the operation that moves all points of a card to its successor.
REPLACING = "replace"


async def replaced_ids(reader: Reader, card: CardRow) -> tuple[UUID, ...]:
    """The cards that this one replaced, one after another, newest first."""
    found: list[UUID] = []
    before = card.replaces
    while before is not None:
        found.append(before)
        (row,) = await reader.each(cards_of, [before])
        before = row.replaces
    return tuple(found)


async def loaded_replaced_ids(context: Context, card: CardRow) -> Sequence[UUID]:
    """The same for queries: each step in one batch with those of other cards."""
    found: list[UUID] = []
    before = card.replaces
    while before is not None:
        found.append(before)
        row = await context.load(cards.rows_by_id, before)
        before = row.replaces if row else None
    return found


async def earning_card(reader: Reader, card: CardRow, at: datetime) -> CardRow:
    """The card on which business of the moment `at` earns: of a card replaced since, the newest
    successor; otherwise the card itself.
    """
    successor = await _successor(reader, card)
    if successor is None or at >= successor.issued_at:
        return card
    return await newest(reader, successor.card_id)


async def newest(reader: Reader, card_id: UUID) -> CardRow:
    """The card, or the newest that has replaced it."""
    return (await successors(reader, card_id))[-1]


async def successors(reader: Reader, card_id: UUID) -> list[CardRow]:
    """The card and those that took its place, one after another."""
    found = await reader.each(cards_of, [card_id])
    chain = [found[0]]
    while (successor := await _successor(reader, chain[-1])) is not None:
        chain.append(successor)
    return chain


async def _successor(reader: Reader, card: CardRow) -> CardRow | None:
    if card.replaced_by is None:
        return None
    (row,) = await reader.each(cards_of, [card.replaced_by])
    return row


async def moved_lot(reader: Reader, card: CardRow, lot_id: UUID) -> UUID | None:
    """The lot on the card's successor that has what was left of `lot_id` at the replacement.

    The entries of a replacement stand side by side on the two cards: one operation, equal lines.
    """
    taken = await reader.each(allocations_of_lots, [lot_id], of_card=card.card_id)
    ids = [row.entry_id for row in taken]
    for entry in await reader.each(entries_of, ids, of_card=card.card_id):
        for there in await reader.each(operations_of, [entry.op_id], of_card=card.replaced_by):
            if there.kind == REPLACING:
                rows = await reader.each(
                    entries_of_operations, [entry.op_id], of_card=card.replaced_by
                )
                return next(row.entry_id for row in rows if row.op_line == entry.op_line)
    return None


async def earned_on(reader: Reader, card: CardRow, lots: Collection[UUID]) -> dict[UUID, date]:
    """The day on which each of the card's lots was earned, wherever that was: of a lot that
    replacements moved, one after another, the day on the first card. A gift is earned when it is
    given.
    """
    found: dict[UUID, date] = {}
    # The card's own lots, by where each stood on the card that is looked at.
    places = {lot_id: lot_id for lot_id in lots}
    while places:
        rows = await reader.each(entries_of, list(places), of_card=card.card_id)
        found |= {places[row.entry_id]: row.entry_date for row in rows}
        if card.replaces is None:
            break
        before = await _before_moving(reader, card, rows)
        places = {there: places[here] for here, there in before.items()}
        (card,) = await reader.each(cards_of, [card.replaces])
    return found


async def _before_moving(
    reader: Reader, card: CardRow, lots: Sequence[EntryRow]
) -> dict[UUID, UUID]:
    """Of those lots that a replacement moved to the card, which each was on the card before."""
    asked = list({row.op_id for row in lots})
    operations = await reader.each(operations_of, asked, of_card=card.card_id)
    moving = [row.op_id for row in operations if row.kind == REPLACING]
    left = await reader.each(entries_of_operations, moving, of_card=card.replaces)
    places = {(row.op_id, row.op_line): row.entry_id for row in left}
    arrived = {places[row.op_id, row.op_line]: row.entry_id for row in lots if row.op_id in moving}
    taken = await reader.each(allocations_of, list(arrived), of_card=card.replaces)
    return {arrived[row.entry_id]: row.lot_id for row in taken}
