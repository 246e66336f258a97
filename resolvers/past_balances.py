"""What a card had at a moment of the past, as it was known then: from the book itself.

Source: semantics 6, engineering 1.3.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from models.ledger_statements import last_postings_of
from models.past_statements import past_lots_of, past_sums_of, past_taken_of
from models.payment_statements import HoldLotRow, holds_of
from resolvers.card_days import day_of, with_freed
from resolvers.context import Context
from rules.balances import NEVER, PointsDay, Sums
from rules.ledger import ISSUING


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
            before = at.get(row.reward_point, Sums())
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
                on = await day_of(context, hold.card_id, hold.expires_at)
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
