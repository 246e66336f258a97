"""The lock of cards whose tiers are won together: all of a customer's, ascending by id, from the
start.

Source: engineering 1.1, semantics 9.
"""

from collections.abc import Iterable
from uuid import UUID

from models.card_statements import CardRow, cards_of
from models.customer_statements import cards_of_customers
from models.failures import ChangedMeanwhile
from models.transactions import Transaction
from resolvers.context import Context
from resolvers.postings import lock_card


async def lock_with_kin(
    context: Context,
    transaction: Transaction,
    found: Iterable[CardRow],
    customer_keys: Iterable[UUID | None] = (),
    others: Iterable[UUID] = (),
) -> dict[UUID, CardRow]:
    """The rows found, `others`, and where a program has ever combined cards those of their
    customers that no other replaced, locked; by id.

    Raises ChangedMeanwhile if a card has another customer, or a customer another card, than before.
    """
    found = list(found)
    keys = {*customer_keys, *(row.customer_key for row in found)} - {None}
    ids = (
        {row.card_id for row in found} | await held_together(context, transaction, keys) | {*others}
    )
    rows = {}
    for card_id in sorted(ids, key=lambda one: one.bytes):
        rows[card_id] = await lock_card(transaction, card_id)
    moved = any(rows[row.card_id].customer_key != row.customer_key for row in found)
    if moved or not await held_together(context, transaction, keys) <= ids:
        raise ChangedMeanwhile
    return rows


async def held_together(
    context: Context, transaction: Transaction, keys: Iterable[UUID | None]
) -> set[UUID]:
    """Cards of the customers that no other replaced, where a program has ever combined cards."""
    history = await context.service.books.history(transaction)
    keys = list(keys)
    if not keys or not history.combined:
        return set()
    held = await transaction.each(cards_of_customers, keys)
    rows = await transaction.each(cards_of, [row.card_id for row in held])
    return {row.card_id for row in rows if row.status != "REPLACED"}
