"""What a card holds of one reward point on one day, read from points by day, right whether or not a
job has run.

Points are smallest units; days are civil dates, both ends included. Source: semantics 6.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

NEVER = date.max
DAY = timedelta(days=1)


class PointsDay(NamedTuple):
    """What is left of all lots with these two dates, and how much of it live holds reserve.

    `freed_on`: a hold reserved all of it until this day, which nothing has written yet; debt does
    not meet it before.
    """

    vests_on: date
    expires_on: date  # NEVER: no expiry
    remainder: int
    held: int = 0
    freed_on: date = date.min

    @property
    def free(self) -> int:
        return self.remainder - self.held


class Sums(NamedTuple):
    """Running sums of the book: `issued` and `used` as semantics 6 signs them, EXPIRE entries,
    unborne debt.
    """

    issued: int = 0
    used: int = 0
    expired_written: int = 0
    debt: int = 0


class Totals(NamedTuple):
    """A balance on one day; always issued - used - expired = available + unvested + held."""

    issued: int
    used: int
    expired: int
    available: int
    unvested: int
    held: int


class Settled(NamedTuple):
    """Points by day after debt has met what vested, and the debt that is left."""

    days: tuple[PointsDay, ...]
    debt: int


def with_debt(sums: Sums, days: Iterable[PointsDay]) -> Sums:
    """Debt of the past is what lots had left beyond the sum of all entries: no lot bore it yet."""
    left = sum(day.remainder for day in days)
    return sums._replace(debt=left - (sums.issued - sums.used))


def settle(days: Iterable[PointsDay], debt: int, since: date, on: date) -> Settled:
    """Debt met from what vests or is freed up to `on`: days in that order, then by expiry; never
    from expired points.

    `since` is the day up to which settlement is already written.
    """
    if not debt:
        return Settled(tuple(days), 0)

    def ready(day: PointsDay) -> date:
        return max(day.vests_on, since, day.freed_on)

    left: list[PointsDay] = []
    for day in sorted(days, key=lambda day: (ready(day), day.expires_on)):
        meets = ready(day)
        taken = min(debt, day.free) if meets <= on and day.expires_on >= meets else 0
        debt -= taken
        left.append(day._replace(remainder=day.remainder - taken) if taken else day)
    return Settled(tuple(left), debt)


def totals(sums: Sums, days: Iterable[PointsDay], since: date, on: date) -> Totals:
    """The balance on day `on`. `since`: the day up to which debt settlement is already written."""
    settled = settle(days, sums.debt, since, on)
    free = unvested = expired = held = 0
    for day in settled.days:
        held += day.held
        if day.vests_on > on:
            unvested += day.free
        elif day.expires_on < on:
            expired += day.free
        else:
            free += day.free
    return Totals(
        issued=sums.issued,
        used=sums.used,
        expired=sums.expired_written + expired,
        available=free - settled.debt,
        unvested=unvested,
        held=held,
    )


def next_change(days: Iterable[PointsDay], on: date) -> date:
    """The first day after `on` whose balance differs by time alone: a vesting day, or the day after
    an expiry.
    """
    changes = [day.vests_on for day in days if day.remainder and day.vests_on > on]
    changes += [
        day.expires_on + DAY
        for day in days
        if day.remainder and day.expires_on != NEVER and day.expires_on >= on
    ]
    return min(changes, default=NEVER)


@dataclass(frozen=True, slots=True)
class Dated:
    points: int
    on: date


def _by_date(pairs: Iterable[tuple[date, int]]) -> tuple[Dated, ...]:
    sums: dict[date, int] = {}
    for day, points in pairs:
        sums[day] = sums.get(day, 0) + points
    return tuple(Dated(sums[day], day) for day in sorted(sums) if sums[day])


def expiring(
    days: Iterable[PointsDay], debt: int, since: date, on: date, until: date
) -> tuple[Dated, ...]:
    """Available points by their last day, where that lies in [on, until]."""
    settled = settle(days, debt, since, on).days
    return _by_date(
        (day.expires_on, day.free)
        for day in settled
        if day.vests_on <= on <= day.expires_on <= until and day.expires_on != NEVER
    )


def next_vesting(days: Iterable[PointsDay], on: date) -> Dated | None:
    """The earliest day after `on` on which points vest, with all that vest on it."""
    dated = _by_date((day.vests_on, day.free) for day in days if day.vests_on > on)
    return dated[0] if dated else None


def next_expiry(days: Iterable[PointsDay], debt: int, since: date, on: date) -> Dated | None:
    """The earliest last day of available points, with all of them that have it."""
    dated = expiring(days, debt, since, on, NEVER - DAY)
    return dated[0] if dated else None
