"""A card under its lock: what is kept of it, and what a unit for many cards adds.

Source: engineering 3.1, semantics 6, 9.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from models.balance_statements import BalanceRow, CountableDayRow, PointsDayRow
from models.card_statements import CardRow, EventRow
from models.columns import EPOCH
from resolvers.clock import MICROSECOND, SECOND, civil_date
from resolvers.judging import room_of
from resolvers.outbox import Event, event_rows
from resolvers.standings import Standing
from resolvers.tiers import wins_lasting, wins_nothing
from resolvers.writing_sums import balance_row
from rules.balances import NEVER, PointsDay, Sums
from rules.book import RuleBook
from rules.ledger import Draft
from rules.tiers import Moment

DayKey = tuple[str, date, date]
CountKey = tuple[str, date]
# Programs, and tiers by program.
Judged = tuple[frozenset[str], dict[str, str]]


@dataclass
class OpenCard:
    """A card under its lock: what is kept of it, and what this unit adds."""

    row: CardRow
    standing: Standing
    balances: dict[str, BalanceRow]
    days: dict[DayKey, PointsDayRow]
    countable: dict[CountKey, CountableDayRow]
    next_seq: int
    head_hash: bytes
    last_posted_at: datetime
    last_entry_on: date | None
    gained: dict[str, int] = field(default_factory=dict)
    day_gains: dict[DayKey, int] = field(default_factory=dict)
    count_gains: dict[CountKey, int] = field(default_factory=dict)
    # What its outbox is to tell, and from when on.
    events: list[Event] = field(default_factory=list)
    told_from: datetime | None = None
    # The day as of which the balance of a reward point is told.
    told_on: dict[str, date] = field(default_factory=dict)
    # What callers made of the standing; forgotten when it changes.
    known: dict[object, Any] = field(default_factory=dict)
    _judged: dict[date, Judged] = field(default_factory=dict)

    def judged_on(self, day: date) -> Judged:
        """Programs and tiers of the day, as the postings so far leave them."""
        found = self._judged.get(day)
        if found is None:
            standing = self.standing
            found = self._judged[day] = standing.programs_on(day), standing.tiers_on(day)
        return found

    def judging(self, drafts: Sequence[Draft]) -> Collection[str]:
        """Programs whose tiers count any of the drafts, those included that the card joined after
        the first day of them.
        """
        first = min([draft.counts_on for draft in drafts])
        asked = (first, *[draft.reward_point for draft in drafts])
        found: Collection[str] | None = self.known.get(asked)
        if found is None:
            judged_points, points = self.standing.book.judged_points, asked[1:]
            programs = self.standing.programs_from(first)
            found = [one for one in programs if not judged_points(one).isdisjoint(points)]
            self.known[asked] = found
        return found

    def stands(self, standing: Standing) -> None:
        """From now on as it is judged by then."""
        if standing is not self.standing:
            self.standing = standing
            self._judged.clear()
            self.known.clear()

    def sums(self, code: str) -> Sums:
        known = self.balances.get(code)
        gained = self.gained.get(code, 0)
        if known is None:
            return Sums(gained)
        return Sums(known.issued + gained, known.used, known.expired_written)

    def points_days(self) -> dict[str, list[PointsDay]]:
        """Points by day, of each reward point."""
        found: dict[str, list[PointsDay]] = defaultdict(list)
        for key, row in self.days.items():
            units = row.remainder + self.day_gains.get(key, 0)
            found[row.reward_point].append(PointsDay(row.vests_on, row.expires_on, units, row.held))
        for key in self.day_gains.keys() - self.days.keys():
            point, vests_on, expires_on = key
            found[point].append(PointsDay(vests_on, expires_on, self.day_gains[key]))
        return found

    def room(self, book: RuleBook, today: date) -> dict[str, int]:
        """Units left below each maximum."""
        if not book.maxima:
            return {}
        codes = self.balances.keys() | self.gained.keys()
        # Nothing is owed, so that it does not matter since when that is settled.
        sums = {code: (self.sums(code), today) for code in codes}
        return room_of(book, sums, self.points_days(), today)

    def day_rows(self) -> Iterator[PointsDayRow]:
        for key, units in self.day_gains.items():
            known = self.days.get(key)
            remainder, held = (known.remainder, known.held) if known else (0, 0)
            yield PointsDayRow(self.row.card_id, *key, remainder + units, held)

    def count_rows(self) -> Iterator[CountableDayRow]:
        for key, units in self.count_gains.items():
            known = self.countable.get(key)
            points = (known.points if known else 0) + units
            yield CountableDayRow(self.row.card_id, *key, points, positive=True)

    def balance_rows(self) -> Iterator[BalanceRow]:
        """Raises InvalidInput beyond the bound."""
        days = self.points_days()
        for code, on in self.told_on.items():
            known = self.balances.get(code)
            lapse = known.next_hold_lapse_at if known else None
            yield balance_row(self.row.card_id, code, self.sums(code), days[code], on, on, lapse)

    def event_rows(self, event_id: UUID) -> Iterator[EventRow]:
        if self.told_from is None:
            return iter(())
        return event_rows(
            self.row.card_id, event_id, self.row.next_event, self.events, self.told_from
        )

    def next_instant(self, now: datetime) -> datetime:
        """When the next operation is posted: later than the one before it."""
        since = self.last_posted_at
        self.last_posted_at = now if now > since else since + MICROSECOND
        if self.told_from is None:
            self.told_from = self.last_posted_at
        return self.last_posted_at

    def later(self, posted_at: datetime) -> int:
        """Microseconds after the first operation of this unit."""
        return (posted_at - (self.told_from or posted_at)) // MICROSECOND

    def tell(self, occurrence: "Occurrence", later: int) -> None:
        if occurrence.event is not None:
            kind, payload, _ = occurrence.event
            self.events.append(Event(kind, payload, later))

    def count(self, drafts: Iterable[Draft], times: int) -> None:
        """Add what was earned so often to the sums; it has been posted."""
        for draft in drafts:
            units, point = times * draft.points_units, draft.reward_point
            day, counted = lot_days(draft), (point, draft.counts_on)
            self.gained[point] = self.gained.get(point, 0) + units
            self.day_gains[day] = self.day_gains.get(day, 0) + units
            self.count_gains[counted] = self.count_gains.get(counted, 0) + units
            on = max(draft.entry_date, self.last_entry_on or draft.entry_date)
            self.last_entry_on = on
        today = _day((self.last_posted_at - EPOCH) // SECOND, self.standing.time_zone)
        for draft in drafts:
            self.told_on[draft.reward_point] = max(today, self.last_entry_on or today)

    def heads(self) -> tuple[object, ...]:
        """The card's row, as `advance_cards` takes it."""
        return (
            self.row.card_id,
            self.next_seq,
            self.row.next_event + len(self.events),
            self.head_hash,
            self.last_posted_at,
            self.last_entry_on,
        )


class Occurrence(NamedTuple):
    """What is posted in one operation, and what else the outbox tells of it."""

    op_id: UUID
    occurred_at: datetime
    activity_id: str | None = None
    event: Event | None = None


def lot_days(draft: Draft) -> DayKey:
    return draft.reward_point, draft.vests_on or draft.entry_date, draft.expires_on or NEVER


# A unit asks of few moments and zones.
@lru_cache(maxsize=256)
def _day(second: int, time_zone: str) -> date:
    """The civil date of so many seconds after 1970."""
    return civil_date(EPOCH + second * SECOND, time_zone)


def standing_after(
    card: OpenCard, drafts: Sequence[Draft], times: int, now: datetime
) -> Standing | None:
    """The standing with what the drafts count so many times; None where that moves a tier.

    What moves none in the end moves none on the way, for points only come; where that does not
    hold, those that are more than one are left to be posted one at a time.
    """
    before = card.standing
    if before.book.judged.isdisjoint([draft.reward_point for draft in drafts]):
        return before
    programs = card.judging(drafts)
    if not programs:
        return before
    today = _day((now - EPOCH) // SECOND, before.time_zone)
    if times > 1 and not _is_rising(before, programs, drafts, today):
        return None
    gains = dict(card.count_gains)
    for draft in drafts:
        key = (draft.reward_point, draft.counts_on)
        gains[key] = gains.get(key, 0) + times * draft.points_units
    after = replace(card, count_gains=gains)
    unchanged = (row for key, row in card.countable.items() if key not in gains)
    standing = replace(before, countable=(*unchanged, *after.count_rows()))
    moments = [Moment(day, extends=True) for day in {draft.counts_on for draft in drafts}]
    unmoved = all(wins_nothing(standing, before, program, moments, today) for program in programs)
    return standing if unmoved else None


def _is_rising(
    standing: Standing, programs: Iterable[str], drafts: Sequence[Draft], today: date
) -> bool:
    """Whether who counts more holds no less. Not where a row has ended, for time judges by what
    stood at each posting; nor where a tier that is met would be over: then none is won.
    """
    if any(row.ends_on and row.ends_on < today for row in standing.rows):
        return False
    first = min([draft.counts_on for draft in drafts])
    return all(wins_lasting(standing, program, first) for program in programs)
