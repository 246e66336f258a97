"""Lots: which of them a negative entry is taken from, and how debt meets what becomes available.

Points are smallest units. A lot is a positive entry with what is left of it; `held` is reserved by
holds and seen as gone by everybody else. Source: semantics 6, 7.1, 11.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from rules.program_terms import ReturnDeducts


@dataclass(frozen=True, slots=True)
class Lot:
    """`place` orders cards in a pool: the presented card first, then by number.

    `expired` is what EXPIRE entries took of it; where it is `reopened`, a back-dated entry may take
    that after all.
    """

    lot_id: UUID
    card_id: UUID
    reward_point: str
    entry_date: date
    vests_on: date
    expires_on: date  # the last date of the calendar: no expiry
    occurred_at: datetime
    remainder: int
    held: int = 0
    place: tuple[bool, str] = (False, "")
    expired: int = 0
    reopened: bool = False

    @property
    def free(self) -> int:
        return self.remainder - self.held + (self.expired if self.reopened else 0)

    def is_spendable(self, on: date) -> bool:
        """Vested and unexpired on the day."""
        return self.vests_on <= on <= self.expires_on

    def is_waiting(self, on: date) -> bool:
        """Earned by the day and not vested on it."""
        return self.entry_date <= on < self.vests_on

    def written_off(self, units: int) -> "Lot":
        return replace(self, remainder=self.remainder - units, expired=self.expired + units)

    def corrected(self, units: int) -> int:
        """Of `units` taken from the lot, those that an EXPIRE entry had taken."""
        return max(0, units - (self.remainder - self.held)) if self.reopened else 0

    def reserved(self, units: int) -> "Lot":
        """With `units` more in holds; of them what an EXPIRE entry had taken is given back."""
        again = self.corrected(units)
        return replace(
            self,
            remainder=self.remainder + again,
            held=self.held + units,
            expired=self.expired - again,
        )

    def less(self, units: int) -> "Lot":
        again = self.corrected(units)
        return replace(
            self, remainder=self.remainder - (units - again), expired=self.expired - again
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """Units that a negative entry takes from a lot."""

    lot: Lot
    units: int


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What a take-back takes from lots, and what no lot could bear."""

    taken: tuple[Taken, ...]
    debt_units: int


def lot_order(lots: Iterable[Lot]) -> list[Lot]:
    """Earliest expiry first, never-expiring last; then earliest; then by card, then by id."""
    return sorted(
        lots, key=lambda lot: (lot.expires_on, lot.occurred_at, lot.place, lot.lot_id.bytes)
    )


def take(
    lots: Iterable[Lot], units: int, on: date, available: Mapping[UUID, int] | None = None
) -> tuple[Taken, ...]:
    """Take `units` from what is free of spendable lots, in lot order; fewer if lots are short.

    `available`: the most that each card of a pool gives, whatever its lots have free: debt on one
    lowers only that one. Source: semantics 6, 8.4.
    """
    left = dict(available or {})
    taken = []
    for lot in lot_order(lot for lot in lots if lot.is_spendable(on)):
        part = min(units, lot.free, left.get(lot.card_id, units))
        if part > 0:
            taken.append(Taken(lot, part))
            units -= part
            if lot.card_id in left:
                left[lot.card_id] -= part
    return tuple(taken)


def taken_units(taken: Iterable[Taken]) -> int:
    return sum(one.units for one in taken)


def take_back(
    lots: Mapping[UUID, Lot], own_id: UUID, units: int, on: date, order: ReturnDeducts
) -> TakenBack:
    """Which lots (by id) bear a take-back of `units` of the lot `own_id`, judged on the day `on`.

    Own lot first if it has expired; then, by UNVESTED_FIRST, unvested lots (own first, then the
    latest); then available lots (own first, then lot order); the rest is debt. Held points and
    unvested lots earned after `on` are left alone.
    """
    taken = []
    for lot in _bearers(lots, own_id, on, order):
        part = min(units, lot.free)
        if part > 0:
            taken.append(Taken(lot, part))
            units -= part
        # Looking for the next may cost a walk over all lots.
        if units == 0:
            break
    return TakenBack(tuple(taken), units)


def _bearers(
    lots: Mapping[UUID, Lot], own_id: UUID, on: date, order: ReturnDeducts
) -> Iterator[Lot]:
    own = lots.get(own_id)
    if own is not None and own.expires_on < on:
        yield own
    if order is ReturnDeducts.UNVESTED_FIRST:
        if own is not None and own.is_waiting(on):
            yield own
        waiting = (lot for lot in lots.values() if lot is not own and lot.is_waiting(on))
        yield from sorted(
            waiting, key=lambda lot: (lot.occurred_at, lot.lot_id.bytes), reverse=True
        )
    if own is not None and own.is_spendable(on):
        yield own
    yield from lot_order(lot for lot in lots.values() if lot is not own and lot.is_spendable(on))


@dataclass(frozen=True, slots=True)
class Debt:
    """The part of a negative entry that no lot could bear yet."""

    entry_id: UUID
    entry_date: date
    seq_no: int
    units: int


@dataclass(frozen=True, slots=True)
class Freed:
    """Units of a lot that a hold reserved until the day `on`; they still count as its `held`."""

    lot_id: UUID
    units: int
    on: date


@dataclass(frozen=True, slots=True)
class Settlement:
    """Debt met by a lot on the first day on which the two stood side by side."""

    entry_id: UUID
    lot: Lot
    units: int
    on: date


def settle(
    lots: Mapping[UUID, Lot],
    debts: Iterable[Debt],
    since: date,
    on: date,
    freed: Iterable[Freed] = (),
) -> tuple[Settlement, ...]:
    """Oldest debt first, from lots in the order in which they become available, up to the day `on`.

    `since` is the day of the last posting, up to which settlement is written already. A lot that
    had expired when it or the debt was posted, or when it was `freed`, meets none. A debt dated
    ahead, by a channel whose calendar is, is met on its own day by what was there before.
    """
    owed = sorted(debts, key=lambda debt: debt.seq_no)
    left = {debt.entry_id: debt.units for debt in owed}
    settled = []
    stocks = [(max(lot.vests_on, since), lot, lot.free) for lot in lots.values()]
    for one in freed:
        lot = lots[one.lot_id]
        stocks.append((max(lot.vests_on, since, one.on), lot, one.units))
    for ready, lot, units in sorted(stocks, key=lambda stock: (stock[0], *_order(stock[1]))):
        free = units
        for debt in owed:
            meets = max(ready, debt.entry_date)
            part = min(free, left[debt.entry_id])
            if part > 0 and meets <= on and ready <= lot.expires_on:
                settled.append(Settlement(debt.entry_id, lot, part, meets))
                left[debt.entry_id] -= part
                free -= part
    return tuple(settled)


def _order(lot: Lot) -> tuple[date, datetime, tuple[bool, str], bytes]:
    return (lot.expires_on, lot.occurred_at, lot.place, lot.lot_id.bytes)


def cumulative(units: int, part: int, whole: int, before: int) -> int:
    """Units of `units` for `part` of `whole` after `before` of it: floors of the sums, so that all
    parts together give exactly `units`.
    """
    return units * (before + part) // whole - units * before // whole
