"""Points of a card by day, and the civil dates of a card. Source: semantics 6, engineering 1.3."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from models.balance_statements import points_days_of
from models.card_statements import CardRow
from models.payment_statements import unreleased_holds_of
from resolvers import cards, programs
from resolvers.clock import civil_date
from resolvers.context import Context
from rules.balances import PointsDay


async def day_rows(context: Context, ids: list[UUID]) -> list[dict[str, list[PointsDay]]]:
    """Points by day, by reward point, of each card; what lapsed holds reserve is free again."""
    found = await context.read.each(points_days_of, ids)
    holding = list(dict.fromkeys(row.card_id for row in found if row.held))
    lapsed: dict[tuple[UUID, str, date, date], dict[date, int]] = defaultdict(dict)
    for hold in await context.read.each(unreleased_holds_of, holding):
        if hold.expires_at <= context.now:
            key = (hold.card_id, hold.reward_point, hold.vests_on, hold.expires_on_lot)
            on = await day_of(context, hold.card_id, hold.expires_at)
            lapsed[key][on] = lapsed[key].get(on, 0) + hold.points
    rows: dict[UUID, dict[str, list[PointsDay]]] = defaultdict(lambda: defaultdict(list))
    for row in found:
        freed = lapsed[row.card_id, row.reward_point, row.vests_on, row.expires_on]
        day = PointsDay(row.vests_on, row.expires_on, row.remainder, row.held)
        rows[row.card_id][row.reward_point] += with_freed(day, freed)
    return [rows[card_id] for card_id in ids]


def with_freed(day: PointsDay, freed: Mapping[date, int]) -> list[PointsDay]:
    """The row with what lapsed holds in it reserved (units by the day of their end) apart."""
    units = sum(freed.values())
    rest = day._replace(remainder=day.remainder - units, held=day.held - units)
    parts = (day._replace(remainder=part, held=0, freed_on=on) for on, part in freed.items())
    return [rest, *parts]


async def day_of(context: Context, card_id: UUID, instant: datetime) -> date:
    """The civil date where the card was issued."""
    card = await context.load(cards.rows_by_id, card_id)
    if card is None:
        raise LookupError(f"no card {card_id}")
    return civil_date(instant, await zone_of(context, card))


async def zone_of(context: Context, card: CardRow) -> str:
    """The time zone of the channel where the card was issued."""
    channel = await context.load(programs.channels_by_code, card.enrollment_source)
    return channel.time_zone if channel else "UTC"


async def today_of(context: Context, card: CardRow) -> date:
    """Today where the card was issued."""
    channel = await context.load(programs.channels_by_code, card.enrollment_source)
    return context.today(channel)
