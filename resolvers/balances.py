"""Balances: from the cached row while it is valid, else from points by day, and the past from the
book itself.

Reading never writes, and no answer depends on a job having run. Source: semantics 6, engineering
1.3.
"""

from asyncio import gather
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from models.card_statements import CardRow
from models.ledger_statements import (
    BalanceRow,
    balances_of,
    last_postings_of,
    past_lots_of,
    past_sums_of,
    past_taken_of,
    points_days_of,
)
from models.payment_statements import HoldLotRow, holds_of, unreleased_holds_of
from resolvers import cards, programs
from resolvers.clock import civil_date
from resolvers.context import Context
from rules import balances as rules
from rules.balances import NEVER, Dated, PointsDay, Sums, Totals
from rules.calendar import add_period
from rules.errors import InvalidInput
from rules.ledger import ISSUING
from rules.program import Period, PeriodUnit

MAXIMUM_DAYS = 36_500
_NOTHING = Sums()


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


async def day_rows(context: Context, ids: list[UUID]) -> list[dict[str, list[PointsDay]]]:
    """Points by day, by reward point, of each card; what lapsed holds reserve is free again."""
    found = await context.read.each(points_days_of, ids)
    holding = list(dict.fromkeys(row.card_id for row in found if row.held))
    lapsed: dict[tuple[UUID, str, date, date], dict[date, int]] = defaultdict(dict)
    for hold in await context.read.each(unreleased_holds_of, holding):
        if hold.expires_at <= context.now:
            key = (hold.card_id, hold.reward_point, hold.vests_on, hold.expires_on_lot)
            on = await _day_of(context, hold.card_id, hold.expires_at)
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


async def _day_of(context: Context, card_id: UUID, instant: datetime) -> date:
    """The civil date where the card was issued."""
    card = await context.load(cards.rows_by_id, card_id)
    if card is None:
        raise LookupError(f"no card {card_id}")
    channel = await context.load(programs.channels_by_code, card.enrollment_source)
    return civil_date(instant, channel.time_zone if channel else "UTC")


async def today_of(context: Context, card: CardRow) -> date:
    """Today where the card was issued."""
    channel = await context.load(programs.channels_by_code, card.enrollment_source)
    return context.today(channel)


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
    return Holding(card, reward_point, on, None, Totals(0, 0, 0, 0, 0, 0), _NOTHING, on)


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
        since = await _day_of(context, card.card_id, card.last_posted_at)
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
        since = min(since, await _day_of(context, card.card_id, at)) if at else since
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


async def last_postings(
    context: Context, keys: list[tuple[UUID, datetime]]
) -> list[datetime | None]:
    """When the card's last posting was written that is known at the instant of each key."""
    found: dict[tuple[UUID, datetime], datetime] = {}
    for known_at in dict.fromkeys(known_at for _, known_at in keys):
        ids = [card_id for card_id, known in keys if known == known_at]
        for row in await context.read.each(last_postings_of, ids, known_at=known_at):
            at = [one for one in (row.entry_at, row.operation_at) if one is not None]
            if at:
                found[row.card_id, known_at] = max(at)
    return [found.get(key) for key in keys]


PastKey = tuple[UUID, date, datetime]


def _by_moment(keys: Iterable[PastKey]) -> dict[tuple[date, datetime], list[UUID]]:
    groups: dict[tuple[date, datetime], list[UUID]] = defaultdict(list)
    for card_id, as_of, known_at in keys:
        groups[as_of, known_at].append(card_id)
    return groups


async def past_sums(context: Context, keys: list[PastKey]) -> list[dict[str, Sums]]:
    """Issued and used by reward point, of what was dated by the day and written by the instant of
    each key.
    """
    found: dict[PastKey, dict[str, Sums]] = defaultdict(dict)
    for (as_of, known_at), ids in _by_moment(keys).items():
        rows = await context.read.each(past_sums_of, ids, as_of=as_of, known_at=known_at)
        for row in rows:
            at = found[row.card_id, as_of, known_at]
            before = at.get(row.reward_point, _NOTHING)
            issued = row.points if row.entry_type in ISSUING else 0
            used = -row.points if row.entry_type in {"REDEEM", "REFUND"} else 0
            at[row.reward_point] = Sums(before.issued + issued, before.used + used)
    return [found[key] for key in keys]


async def past_days(context: Context, keys: list[PastKey]) -> list[dict[str, list[PointsDay]]]:
    """Points by day as they stood then: lots less what was taken of them, EXPIRE entries left
    aside.
    """
    found: dict[PastKey, dict[str, dict[tuple[date, date], int]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(int))
    )
    for (as_of, known_at), ids in _by_moment(keys).items():
        moment = {"as_of": as_of, "known_at": known_at}
        for lot in await context.read.each(past_lots_of, ids, **moment):
            at = found[lot.card_id, as_of, known_at][lot.reward_point]
            at[lot.vests_on, lot.expires_on or NEVER] += lot.points
        for taken in await context.read.each(past_taken_of, ids, **moment):
            if taken.vests_on is not None and taken.entry_type != "EXPIRE":
                at = found[taken.card_id, as_of, known_at][taken.reward_point]
                at[taken.vests_on, taken.expires_on or NEVER] -= taken.points
    held = await _past_holds(context, keys)
    return [
        {
            point: [
                part
                for dates, left in days.items()
                for part in with_freed(*_held_then(held[key, point, *dates], dates, left))
            ]
            for point, days in found[key].items()
        }
        for key in keys
    ]


async def _past_holds(
    context: Context, keys: list[PastKey]
) -> dict[tuple[PastKey, str, date, date], list[tuple[int, date | None]]]:
    """Units that holds authorised by the day reserved at the instant, by key, reward point and
    dates; of those that lapsed by then and that no posting had noticed, with the day of their end.
    """
    held: dict[tuple[PastKey, str, date, date], list[tuple[int, date | None]]] = defaultdict(list)
    rows = await context.read.each(holds_of, list(dict.fromkeys(key[0] for key in keys)))
    for key in keys:
        for hold in rows:
            if not _is_known(hold, key):
                continue
            place = (key, hold.reward_point, hold.vests_on, hold.expires_on_lot)
            if _was_live(hold, key[2]):
                held[place].append((hold.points, None))
            elif await _was_unnoticed(context, hold, key[2]):
                on = await _day_of(context, hold.card_id, hold.expires_at)
                held[place].append((hold.points, on))
    return held


def _held_then(
    holds: Iterable[tuple[int, date | None]], dates: tuple[date, date], left: int
) -> tuple[PointsDay, dict[date, int]]:
    freed: dict[date, int] = defaultdict(int)
    held = 0
    for units, on in holds:
        held += units
        if on is not None:
            freed[on] += units
    return PointsDay(*dates, remainder=left, held=held), freed


def _is_known(hold: HoldLotRow, key: PastKey) -> bool:
    """Whether the hold is of the card, of the day or before, and was written by the instant."""
    card_id, as_of, known_at = key
    is_of_day = hold.card_id == card_id and hold.authorized_on <= as_of
    return is_of_day and hold.authorized_at <= known_at


def _was_live(hold: HoldLotRow, known_at: datetime) -> bool:
    return known_at < min(hold.expires_at, hold.released_at or hold.expires_at)


async def _was_unnoticed(context: Context, hold: HoldLotRow, known_at: datetime) -> bool:
    """Whether the hold had lapsed and the card's last posting then was before that."""
    lapsed = hold.released_at in {None, hold.expires_at} and hold.expires_at <= known_at
    if not lapsed or hold.authorized_at == hold.expires_at:
        return False
    at = await context.load(last_postings, (hold.card_id, known_at))
    return at is not None and at < hold.expires_at


async def _days(context: Context, part: Holding) -> list[PointsDay]:
    past = part.past
    # Before a card's first points nothing is left of any, whatever it has now.
    if part.sums == _NOTHING:
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
