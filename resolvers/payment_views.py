"""Payments as callers see them: by id, with what they took by line and reward point."""

from asyncio import gather
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from models.ledger_statements import EntryRow
from models.payment_statements import (
    PaymentRow,
    SliceRow,
    payment_cards_of,
    payments_of,
    slices_of,
)
from resolvers import customers, transactions
from resolvers.callers import Role
from resolvers.cards import rows_by_id
from resolvers.context import Context
from resolvers.holds import operations_of


async def rows(context: Context, ids: list[UUID]) -> list[PaymentRow | None]:
    """Payments by id: their cards in one statement, then one statement a card."""
    cards: dict[UUID, list[UUID]] = defaultdict(list)
    for found in await context.read.each(payment_cards_of, ids):
        cards[found.card_id].append(found.payment_id)
    known: dict[UUID, PaymentRow] = {}
    for card_id, mine in cards.items():
        for row in await context.read.each(payments_of, mine, of_card=card_id):
            known[row.payment_id] = row
    return [known.get(one) for one in ids]


async def slices(context: Context, keys: list[tuple[UUID, UUID]]) -> list[Sequence[SliceRow]]:
    """Slices by (card, payment), in the order of consumption."""
    cards: dict[UUID, list[UUID]] = defaultdict(list)
    for card_id, payment_id in keys:
        cards[card_id].append(payment_id)
    known: dict[tuple[UUID, UUID], list[SliceRow]] = defaultdict(list)
    for card_id, mine in cards.items():
        for row in await context.read.each(slices_of, mine, of_card=card_id):
            known[card_id, row.payment_id].append(row)
    return [known[key] for key in keys]


async def find(context: Context, payment_id: UUID) -> PaymentRow | None:
    """The payment, where the caller may see it."""
    row = await context.load(rows, payment_id)
    return row if row is not None and await may_see(context, row) else None


async def may_see(context: Context, payment: PaymentRow) -> bool:
    """A customer sees what its own cards paid, a storefront what its channels took."""
    if context.caller.role is Role.PARTNER:
        return False
    if context.caller.role is not Role.CUSTOMER:
        return context.caller.reaches(payment.channel)
    own = await customers.own_key(context)
    card = await context.load(rows_by_id, payment.card_id)
    return own is not None and card is not None and card.customer_key == own


async def entries(context: Context, payment: PaymentRow) -> list[EntryRow]:
    """The ledger rows that the payment wrote, in the order of writing."""
    found = await gather(
        *(
            context.load(transactions.entries_by_operation, written)
            for written in operations_of(payment)
        )
    )
    return [entry for rows_found in found for entry in rows_found]
