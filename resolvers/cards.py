"""Cards: found by number, shown to whom they belong. Foreign and unknown are one answer, timing
included.
"""

from asyncio import gather
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from models.card_statements import (
    CardRow,
    EnrolmentRow,
    NoteRow,
    StoredTierRow,
    cards_of,
    enrolments_of,
    notes_of,
    numbers_of,
    tier_rows_of,
)
from models.transactions import Reader
from resolvers import customers
from resolvers.callers import Role
from resolvers.context import Context
from rules.errors import CardNotFound

NOBODY = UUID(int=0)
BLOCK_REASON = "blockReason"
REPLACE_REASON = "replaceReason"
COMMENT = "comment"
MAXIMUM_NUMBER = 64


async def ids_by_number(context: Context, numbers: list[str]) -> list[UUID | None]:
    rows = {row.number: row.card_id for row in await context.read.each(numbers_of, numbers)}
    return [rows.get(number) for number in numbers]


async def rows_by_id(context: Context, ids: list[UUID]) -> list[CardRow | None]:
    rows = {row.card_id: row for row in await context.read.each(cards_of, ids)}
    return [rows.get(card_id) for card_id in ids]


async def enrolments_by_card(context: Context, ids: list[UUID]) -> list[Sequence[EnrolmentRow]]:
    rows: dict[UUID, list[EnrolmentRow]] = defaultdict(list)
    for row in await context.read.each(enrolments_of, ids):
        rows[row.card_id].append(row)
    return [rows[card_id] for card_id in ids]


async def tier_rows_by_card(context: Context, ids: list[UUID]) -> list[Sequence[StoredTierRow]]:
    rows: dict[UUID, list[StoredTierRow]] = defaultdict(list)
    for row in await context.read.each(tier_rows_of, ids):
        rows[row.card_id].append(row)
    return [rows[card_id] for card_id in ids]


async def block_reasons_by_card(context: Context, ids: list[UUID]) -> list[str | None]:
    """The text of the latest blocking, by card."""
    return _latest(ids, await context.read.each(notes_of, ids, kind=BLOCK_REASON))


def _latest(ids: list[UUID], notes: list[NoteRow]) -> list[str | None]:
    texts = {note.card_id: note.text for note in sorted(notes, key=lambda note: note.written_at)}
    return [texts.get(card_id) for card_id in ids]


async def comments_by_entry(context: Context, keys: list[tuple[UUID, UUID]]) -> list[str | None]:
    """Texts written about entries, by (card, entry)."""
    cards = list(dict.fromkeys(card_id for card_id, _ in keys))
    notes = await context.read.each(notes_of, cards, kind=COMMENT)
    texts = {(note.card_id, note.subject_id): note.text for note in notes}
    return [texts.get(key) for key in keys]


async def may_see(context: Context, card: CardRow) -> bool:
    if context.caller.role is Role.PARTNER:
        return False
    if context.caller.role is not Role.CUSTOMER:
        return True
    own = await customers.own_key(context)
    return own is not None and card.customer_key == own


async def by_id(context: Context, card_id: UUID) -> CardRow | None:
    """The card, where the caller may see it."""
    card = await context.load(rows_by_id, card_id)
    return card if card is not None and await may_see(context, card) else None


async def by_number(context: Context, number: str) -> CardRow | None:
    """The card, where the caller may see it. An unknown number costs the same statements as a
    foreign one.
    """
    context.lookups.check()
    card_id = await context.load(ids_by_number, number)
    own = await customers.own_key(context)
    card = await context.load(rows_by_id, card_id or NOBODY)
    foreign = context.caller.role is Role.CUSTOMER and (
        card is None or own is None or card.customer_key != own
    )
    if card is None or foreign or context.caller.role is Role.PARTNER:
        context.lookups.missed()
        return None
    # Its siblings of the same operation may have had too many misses by now.
    context.lookups.check()
    return card


async def shown(context: Context, number: str) -> CardRow:
    """The card. Raises CardNotFound where the caller may not see it, as where there is none."""
    card = await by_number(context, number)
    if card is None:
        raise CardNotFound("There is no such card.", ("number",))
    return card


async def cards_of_customer(context: Context, customer_key: UUID) -> list[CardRow]:
    """The customer's cards, oldest first."""
    ids = await context.load(customers.card_ids_by_key, customer_key)
    rows = await gather(*(context.load(rows_by_id, card_id) for card_id in ids))
    return sorted((row for row in rows if row), key=lambda row: (row.issued_at, row.number))


async def find_for_unit(
    context: Context, reader: Reader, number: str, path: tuple[str, ...] = ("number",)
) -> CardRow:
    """The card by number inside a unit, not locked yet. Raises CardNotFound for unknown and foreign
    alike.
    """
    context.lookups.check()
    found = await reader.each(numbers_of, [number])
    card_id = found[0].card_id if found else NOBODY
    rows = await reader.each(cards_of, [card_id])
    card = rows[0] if rows else None
    if context.caller.role is Role.CUSTOMER:
        own = await customers.key_of(reader, context.caller.customer_id or "")
        card = card if card is not None and own is not None and card.customer_key == own else None
    if card is None:
        context.lookups.missed()
        raise CardNotFound("There is no such card.", path)
    return card
