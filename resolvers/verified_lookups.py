"""Look-ups proved, both ways: what finds a card, a payment or a reward leads to it, and what is
there is found.

A card whose own row is gone is no card of the books, so that it is looked for here. Source:
engineering 1.1.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from operator import attrgetter
from typing import TypeVar
from uuid import UUID

from models.card_statements import CardRow, cards_of
from models.customer_statements import cards_of_customers
from models.database import Database
from models.payment_statements import PaymentCardRow, PaymentRow, payment_cards_of, payments_of
from models.reward_statements import rewards_of
from models.statements import Statement
from models.transactions import Read
from models.verification_statements import (
    CardNumberRow,
    CustomerKeyRow,
    all_payments,
    books_after,
    customers_after,
    grants_of,
    numbers_after,
    orders_of,
    payment_cards_after,
)
from resolvers.verified_chains import Book
from resolvers.verified_moves import Fault
from resolvers.walks import pages, walked

R = TypeVar("R")

ROWS = 500
# Of an order with such a payment there is no other.
SETTLED = frozenset({"CAPTURED", "PARTIALLY_REFUNDED"})
NOBODY = UUID(int=0)


async def found_faults(read: Read, card: CardRow, book: Book) -> list[Fault]:
    """What of the card nobody finds: by its customer, by payment, by order, by reward."""
    faults = [
        *await _customer_faults(read, card),
        *await _payment_faults(read, card, book),
        *await _grant_faults(read, card),
    ]
    return [Fault(f"card {card.number}", rule, text) for rule, text in faults]


async def _customer_faults(read: Read, card: CardRow) -> list[tuple[str, str]]:
    if card.customer_key is None:
        return []
    held = await read.each(cards_of_customers, [card.customer_key])
    if any(row.card_id == card.card_id for row in held):
        return []
    return [("customer", "it is not among the customer's cards")]


async def _payment_faults(read: Read, card: CardRow, book: Book) -> list[tuple[str, str]]:
    """Every payment of the card, or that its entries name, is known by its id; the one that an
    order is paid with by the order.
    """
    mine = {row.payment_id: row for row in await read.all(all_payments, of_card=card.card_id)}
    wanted = mine.keys() | book.payments
    places = {row.payment_id: row.card_id for row in await read.each(payment_cards_of, [*wanted])}
    faults = [f"payment {one} is not found by its id" for one in wanted - places.keys()]
    faults += [
        f"payment {one} is sought on another card"
        for one in mine.keys() & places.keys()
        if places[one] != card.card_id
    ]
    faults += [
        f"payment {one} is not found by its order"
        for one in await _lost_to_orders(read, mine.values())
    ]
    return [("payments", text) for text in faults]


async def _lost_to_orders(read: Read, payments: Iterable[PaymentRow]) -> list[UUID]:
    by_channel: dict[str, dict[str, UUID]] = defaultdict(dict)
    for row in payments:
        if row.status in SETTLED:
            by_channel[row.channel][row.order_id] = row.payment_id
    lost = []
    for channel, orders in by_channel.items():
        rows = await read.each(orders_of, [*orders], of_channel=channel)
        named = {row.order_id: row.payment_id for row in rows}
        lost += [one for order_id, one in orders.items() if named.get(order_id) != one]
    return lost


async def _grant_faults(read: Read, card: CardRow) -> list[tuple[str, str]]:
    """A reward that was granted can be granted again where its scope is not known."""
    rewards = await read.each(rewards_of, [card.card_id])
    scopes = {row.scope for row in rewards}
    known = {(row.reward, row.scope) for row in await read.each(grants_of, [*scopes])}
    return [
        ("rewards", f"{row.reward} could be granted again")
        for row in rewards
        if (row.reward, row.scope) not in known
    ]


async def lookup_faults(database: Database) -> AsyncIterator[Fault]:
    """What leads nowhere."""
    async for row in walked(database, books_after, attrgetter("card_id"), NOBODY, ROWS):
        if row.lost:
            yield Fault(f"card {row.card_id}", "book", "is not there, its book is")
    for found in (
        _looked(database, _number_faults, numbers_after, "number", ""),
        _looked(database, _held_faults, customers_after, "customer_key", NOBODY),
        _looked(database, _place_faults, payment_cards_after, "payment_id", NOBODY),
    ):
        async for fault in found:
            yield fault


async def _looked(
    database: Database,
    look: Callable[[Read, Sequence[R]], Awaitable[list[Fault]]],
    rows_after: Statement[R],
    key: str,
    first: object,
) -> AsyncIterator[Fault]:
    async for rows in pages(database, rows_after, attrgetter(key), first, ROWS):
        read = database.read()
        try:
            faults = await look(read, rows)
        finally:
            await read.close()
        for fault in faults:
            yield fault


async def _number_faults(read: Read, rows: Sequence[CardNumberRow]) -> list[Fault]:
    cards = {card.card_id: card for card in await read.each(cards_of, [r.card_id for r in rows])}
    return [
        Fault(f"number {row.number}", "directory", "leads to no card of this number")
        for row in rows
        if row.card_id not in cards or cards[row.card_id].number != row.number
    ]


async def _held_faults(read: Read, rows: Sequence[CustomerKeyRow]) -> list[Fault]:
    held = await read.each(cards_of_customers, [row.customer_key for row in rows])
    found = await read.each(cards_of, [row.card_id for row in held])
    owners = {card.card_id: card.customer_key for card in found}
    return [
        Fault(f"customer {row.customer_key}", "customer", f"has the card {row.card_id}, not theirs")
        for row in held
        if owners.get(row.card_id) != row.customer_key
    ]


async def _place_faults(read: Read, rows: Sequence[PaymentCardRow]) -> list[Fault]:
    by_card: dict[UUID, list[UUID]] = defaultdict(list)
    for row in rows:
        by_card[row.card_id].append(row.payment_id)
    lost: list[UUID] = []
    for card_id, ids in by_card.items():
        there = {row.payment_id for row in await read.each(payments_of, ids, of_card=card_id)}
        lost += [one for one in ids if one not in there]
    return [Fault(f"payment {one}", "payments", "is not on the card that has it") for one in lost]
