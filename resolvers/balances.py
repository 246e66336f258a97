"""Balances: from the cached row while it is valid, else from points by day, or as they were known.

Reading never writes, and no answer depends on a job having run. Source: semantics 6, engineering
1.3.
"""

from asyncio import gather
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from models.balance_statements import BalanceRow, balances_of
from models.card_statements import CardRow
from resolvers import cards, programs
from resolvers.card_days import day_of, day_rows, today_of
from resolvers.context import Context
from resolvers.past_balances import last_postings, past_days, past_sums
from rules import balances as rules
from rules.balances import NEVER, Dated, PointsDay, Sums, Totals
from rules.calendar import add_period
from rules.errors import InvalidInput
from rules.program_terms import Period, PeriodUnit

MAXIMUM_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Moment:
    """The day asked for and the instant up to which the book is known; None: now."""

    as_of: date | None = None
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """What one card holds of one reward point on the day `on`; sums and days may be of the past."""

    card: CardRow
    reward_point: str
    on: date
    past: Moment | None
    totals: Totals
    sums: Sums
    since: date


@dataclass(frozen=True, slots=True)
class Balance:
    """One reward point over one card, or summed over a customer's ACTIVE cards."""

    reward_point: str
    on: date
    parts: tuple[Holding, ...]

    def total(self, name: str) -> int:
        return sum(getattr(part.totals, name) for part in self.parts)


async def balance_rows(context: Context, ids: list[UUID]) -> list[list[BalanceRow]]:
    rows: dict[UUID, list[BalanceRow]] = defaultdict(list)
    for row in await context.read.each(balances_of, ids):
        rows[row.card_id].append(row)
    return [rows[card_id] for card_id in ids]


async def of_card(context: Context, card: CardRow, moment: Moment) -> list[Balance]:
    """Every reward point that has entries on the card or that a rule of its programs earns, by
    document order.
    """
    on = moment.as_of or await today_of(context, card)
    held = {holding.reward_point: holding for holding in await _holdings(context, card, on, moment)}
    codes = [*await _earnable(context, card, on), *held]
    order = list(context.book.reward_points) if context.book else []
    places = {code: place for place, code in enumerate(order)}
    return [
        Balance(code, on, (held.get(code) or _empty(card, code, on),))
        for code in sorted(set(codes), key=lambda code: (places.get(code, len(places)), code))
    ]


async def of_point(
    context: Context, card: CardRow, reward_point: str, moment: Moment
) -> Balance | None:
    """One balance: zeros for a known point without entries, None for an unknown one."""
    if await context.load(programs.reward_points_by_code, reward_point) is None:
        return None
    on = moment.as_of or await today_of(context, card)
    held = {holding.reward_point: holding for holding in await _holdings(context, card, on, moment)}
    return Balance(reward_point, on, (held.get(reward_point) or _empty(card, reward_point, on),))


async def of_customer(context: Context, customer_key: UUID, moment: Moment) -> list[Balance]:
    """Summed over the customer's ACTIVE cards, by reward point."""
    active = [
        card
        for card in await cards.cards_of_customer(context, customer_key)
        if card.status == "ACTIVE"
    ]
    parts: dict[str, list[Balance]] = defaultdict(list)
    for found in await gather(*(of_card(context, card, moment) for card in active)):
        for balance in found:
            parts[balance.reward_point].append(balance)
    return [
        Balance(code, group[0].on, tuple(part for balance in group for part in balance.parts))
        for code, group in parts.items()
    ]


def _empty(card: CardRow, reward_point: str, on: date) -> Holding:
    return Holding(card, reward_point, on, None, Totals(0, 0, 0, 0, 0, 0), Sums(), on)


async def _earnable(context: Context, card: CardRow, on: date) -> list[str]:
    if context.book is None:
        return []
    enrolments = await context.load(cards.enrolments_by_card, card.card_id)
    enrolled = {row.program for row in enrolments if row.starts_on <= on <= (row.ends_on or NEVER)}
    return [point for program in enrolled for point in context.book.earned_reward_points(program)]


async def _holdings(context: Context, card: CardRow, on: date, moment: Moment) -> list[Holding]:
    now = max(context.now, card.last_posted_at)
    known_at = moment.known_at or now
    rows = await context.load(balance_rows, card.card_id)
    if (
        (card.last_entry_on is not None and on < card.last_entry_on)
        or known_at < card.last_posted_at
        or any(_was_otherwise(row, on, known_at != now) for row in rows)
    ):
        return await _past_holdings(context, card, Moment(on, known_at))
    return [await _holding(context, card, row, on) for row in rows]


def _was_otherwise(row: BalanceRow, on: date, is_known_then: bool) -> bool:
    """Whether debt or holds of the day may have been others than what was written last tells, or
    holds that are known at another instant than now.
    """
    return on < row.as_of_from or (is_known_then and row.next_hold_lapse_at is not None)


async def _holding(context: Context, card: CardRow, row: BalanceRow, on: date) -> Holding:
    sums = Sums(row.issued, row.used, row.expired_written, row.debt)
    lapse, since = row.next_hold_lapse_at, row.as_of_from
    if row.debt:
        # A posting dated ahead settled debt up to its own day alone.
        since = await day_of(context, card.card_id, card.last_posted_at)
    if row.as_of_from <= on < row.next_change_on and (lapse is None or context.now < lapse):
        totals = Totals(row.issued, row.used, row.expired, row.available, row.unvested, row.held)
    else:
        days = (await context.load(day_rows, card.card_id)).get(row.reward_point, [])
        totals = rules.totals(sums, days, since, on)
    return Holding(card, row.reward_point, on, None, totals, sums, since)


async def _past_holdings(context: Context, card: CardRow, moment: Moment) -> list[Holding]:
    if moment.as_of is None or moment.known_at is None:
        raise AssertionError
    key = (card.card_id, moment.as_of, moment.known_at)
    days = await context.load(past_days, key)
    sums = {
        point: rules.with_debt(known, days.get(point, ()))
        for point, known in (await context.load(past_sums, key)).items()
    }
    since = moment.as_of
    if any(known.debt for known in sums.values()):
        # The last posting settled all debt up to its day.
        at = await context.load(last_postings, (card.card_id, moment.known_at))
        since = min(since, await day_of(context, card.card_id, at)) if at else since
    return [
        Holding(
            card,
            point,
            moment.as_of,
            moment,
            rules.totals(sums[point], days.get(point, ()), since, moment.as_of),
            sums[point],
            since,
        )
        for point in sorted(sums)
    ]


async def _days(context: Context, part: Holding) -> list[PointsDay]:
    past = part.past
    # Before a card's first points nothing is left of any, whatever it has now.
    if part.sums == Sums():
        return []
    if past is not None and past.as_of is not None and past.known_at is not None:
        days = await context.load(past_days, (part.card.card_id, past.as_of, past.known_at))
    else:
        days = await context.load(day_rows, part.card.card_id)
    return days.get(part.reward_point, [])


@dataclass(frozen=True, slots=True)
class Expiring:
    points: int
    until: date
    schedule: tuple[Dated, ...]


def _merged(dated: Iterable[Dated]) -> tuple[Dated, ...]:
    sums: dict[date, int] = defaultdict(int)
    for one in dated:
        sums[one.on] += one.points
    return tuple(Dated(sums[on], on) for on in sorted(sums))


async def expiring(context: Context, balance: Balance, days: int) -> Expiring:
    """Available points whose last usable day lies in [on, on + days]. Raises InvalidInput for
    impossible days.
    """
    if not 0 <= days <= MAXIMUM_DAYS:
        raise InvalidInput(f"Days lie between 0 and {MAXIMUM_DAYS}.", ("days",))
    ahead = Period(days, PeriodUnit.DAY)
    found: list[Dated] = []
    for part in balance.parts:
        by_day = await _days(context, part)
        until = add_period(part.on, ahead)
        found += rules.expiring(by_day, part.sums.debt, part.since, part.on, until)
    schedule = _merged(found)
    points = sum(one.points for one in schedule)
    return Expiring(points, add_period(balance.on, ahead), schedule)


async def next_vesting(context: Context, balance: Balance) -> Dated | None:
    found = [rules.next_vesting(await _days(context, part), part.on) for part in balance.parts]
    return _first(found)


async def next_expiry(context: Context, balance: Balance) -> Dated | None:
    found = [
        rules.next_expiry(await _days(context, part), part.sums.debt, part.since, part.on)
        for part in balance.parts
    ]
    return _first(found)


def _first(found: Iterable[Dated | None]) -> Dated | None:
    merged = _merged(one for one in found if one is not None)
    return merged[0] if merged else None
