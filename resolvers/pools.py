"""The cards whose points pay: locked in ascending order of id, their ledgers opened.

A contact-tender card pays with all of its customer's ACTIVE cards. Source: semantics 8.4.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from models.card_statements import CardRow, cards_of
from models.customer_statements import cards_of_customers
from models.failures import ChangedMeanwhile
from models.transactions import Reader, Transaction
from resolvers.context import Context
from resolvers.ledgers import CardLedger, open_ledger
from resolvers.open_lots import stock, with_enough
from resolvers.postings import lock_card
from resolvers.spending import free
from rules.lots import Lot
from rules.program import RewardPoint

CONTACT_TENDER = "AS_CONTACT_TENDER"


@dataclass(frozen=True, slots=True)
class Pool:
    """Ledgers by card id in ascending order; `paying` are those whose points may pay."""

    presented: CardLedger
    ledgers: dict[UUID, CardLedger]
    paying: frozenset[UUID]

    async def available(self, point: RewardPoint, on: date) -> dict[UUID, int]:
        """Units that each paying card adds on the day: debt lowers what its own lots have free."""
        found = {}
        for card_id in self.paying:
            now = await free(self.ledgers[card_id], point, on)
            found[card_id] = max(0, now.available_units)
        return found

    async def held_units(self, reward_point: str, on: date) -> int:
        total = 0
        for card_id in self.paying:
            total += (await stock(self.ledgers[card_id], reward_point, on)).held
        return total

    async def lots(self, reward_point: str, units: int, on: date) -> list[Lot]:
        """Lots among which are those that bear so many units, whichever card gives them."""
        found: list[Lot] = []
        for card_id in self.paying:
            found += await with_enough(self.ledgers[card_id], reward_point, units, on)
        return found


async def paying_ids(reader: Reader, card: CardRow) -> frozenset[UUID]:
    """The cards whose points the card pays with."""
    if card.tender_type != CONTACT_TENDER or card.customer_key is None:
        return frozenset({card.card_id})
    held = await reader.each(cards_of_customers, [card.customer_key])
    rows = await reader.each(cards_of, [row.card_id for row in held])
    return frozenset(row.card_id for row in rows if row.status == "ACTIVE") | {card.card_id}


async def lock_pool(
    context: Context,
    transaction: Transaction,
    card: CardRow,
    now: datetime,
    others: Iterable[UUID] = (),
) -> Pool:
    """Lock the card, those that pay for it, and `others` whose lots are touched.

    Raises ChangedMeanwhile where the pool is another under its locks; the unit then runs again.
    """
    paying = await paying_ids(transaction, card)
    pool = await lock_cards(context, transaction, card.card_id, now, {*paying, *others})
    if paying != await paying_ids(transaction, pool.presented.card):
        raise ChangedMeanwhile
    return replace(pool, paying=paying)


async def lock_cards(
    context: Context,
    transaction: Transaction,
    presented: UUID,
    now: datetime,
    others: Iterable[UUID],
) -> Pool:
    """Lock the cards in ascending order of id and open their ledgers."""
    ledgers: dict[UUID, CardLedger] = {}
    for card_id in sorted({presented, *others}, key=lambda one: one.bytes):
        row = await lock_card(transaction, card_id)
        ledgers[card_id] = await ledger_of(
            context, transaction, row, now, is_presented=card_id == presented
        )
    return Pool(ledgers[presented], ledgers, frozenset(ledgers))


async def ledger_of(
    context: Context,
    transaction: Transaction,
    card: CardRow,
    now: datetime,
    *,
    is_presented: bool = True,
) -> CardLedger:
    """The ledger of a locked card, on its own calendar."""
    zone, randomness = await _zone(context, transaction, card), context.service.randomness
    return await open_ledger(transaction, card, now, zone, randomness, is_presented=is_presented)


async def _zone(context: Context, transaction: Transaction, card: CardRow) -> str:
    source = await context.service.books.last_with(
        transaction, card.enrollment_source, lambda book: book.channels
    )
    return source.time_zone if source else "UTC"
