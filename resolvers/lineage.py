"""Cards that took each other's place: whose history counts with a card's, and who stands for a
replaced one.

A replaced card gets no more points, so its history is read where it stands. Source: semantics 4, 9.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models.card_statements import CardRow, cards_of
from models.database import Reader
from resolvers import cards
from resolvers.context import Context


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
    (card,) = await reader.each(cards_of, [card_id])
    while (successor := await _successor(reader, card)) is not None:
        card = successor
    return card


async def _successor(reader: Reader, card: CardRow) -> CardRow | None:
    if card.replaced_by is None:
        return None
    (row,) = await reader.each(cards_of, [card.replaced_by])
    return row
