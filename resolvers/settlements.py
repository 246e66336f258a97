"""Debt that points have met since the card's last posting: right at any moment, and written by the
next posting.

Source: semantics 6.
"""

from asyncio import gather
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from models.payment_statements import HoldLotRow, unreleased_holds_of
from resolvers import cards
from resolvers.balances import balance_rows
from resolvers.card_days import zone_of
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.ledgers import freed_by, point_book
from rules.lots import Settlement


async def unreleased_holds(context: Context, ids: list[UUID]) -> list[Sequence[HoldLotRow]]:
    found: dict[UUID, list[HoldLotRow]] = defaultdict(list)
    for row in await context.read.each(unreleased_holds_of, ids):
        found[row.card_id].append(row)
    return [found[card_id] for card_id in ids]


async def settlements(context: Context, keys: list[tuple[UUID, str]]) -> list[Sequence[Settlement]]:
    """By card and reward point; most cards owe nothing."""
    return await gather(*(_settlements(context, card_id, point) for card_id, point in keys))


async def _settlements(context: Context, card_id: UUID, reward_point: str) -> Sequence[Settlement]:
    rows = await context.load(balance_rows, card_id)
    card = await context.load(cards.rows_by_id, card_id)
    if card is None or not any(row.debt for row in rows if row.reward_point == reward_point):
        return ()
    zone = await zone_of(context, card)
    lapsed = [
        hold
        for hold in await context.load(unreleased_holds, card_id)
        if hold.reward_point == reward_point and hold.expires_at <= context.now
    ]
    book = await point_book(context.read, card_id, reward_point, owes=True)
    since, today = civil_date(card.last_posted_at, zone), civil_date(context.now, zone)
    book.settle(since, today, freed_by(lapsed, zone))
    return book.settlements
