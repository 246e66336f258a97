"""The books of many cards in one unit: locked and read together, extended by earnings, and written
by statements for rows of many cards.

Only for cards of which nothing is unusual: `open_books` tells which. For them the rows are those
that one posting after another would leave. Source: engineering 3.1, semantics 6.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from models.bulk_statements import (
    advance_cards,
    change_balances,
    change_countable_days,
    change_points_days,
    locked_cards_of,
    points_days_of_cards,
)
from models.card_statements import (
    CardRow,
    EventRow,
    insert_event,
)
from models.columns import EPOCH
from models.database import Transaction
from models.ledger_statements import (
    BalanceRow,
    CountableDayRow,
    EntryRow,
    LotRow,
    OperationRow,
    PointsDayRow,
    balances_of,
    insert_balance,
    insert_countable_day,
    insert_entries,
    insert_lots,
    insert_operation,
    insert_points_day,
)
from models.statements import Changes, Statement
from resolvers.clock import MICROSECOND, SECOND, civil_date
from resolvers.context import Context
from resolvers.identifiers import id_run
from resolvers.judging import room_of
from resolvers.ledgers import is_lot
from resolvers.outbox import Event, event_rows, points_posted
from resolvers.standings import Standing, has_kin, standings_alone
from resolvers.tiers import wins_lasting, wins_nothing
from resolvers.writing import balance_row, check_balance
from rules.balances import NEVER, PointsDay, Sums
from rules.book import RuleBook
from rules.ledger import Draft, Occasion, Reason, chain_alike
from rules.tiers import Moment

R = TypeVar("R", bound=NamedTuple)

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
            day, counted = _lot_days(draft), (point, draft.counts_on)
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


class _Alike(NamedTuple):
    """The columns that all entries of a draft share, between those that are an occasion's; the
    reward point and days of their lots, and their units.
    """

    gain: tuple[Any, ...]
    origin: tuple[Any, ...]
    reason: Reason
    lot: DayKey
    units: int


def _alike(draft: Draft) -> _Alike:
    if not is_lot(draft) or draft.origin.adjustment_id is not None:
        raise ValueError("only what is earned is posted in bulk")
    kind, point, units, on, counts_on, _, vests_on, expires_on, origin, reason = draft
    gain = (kind.value, point, units, on, counts_on)
    return _Alike(gain, (vests_on, expires_on, *origin[:7]), reason, _lot_days(draft), units)


def _lot_days(draft: Draft) -> DayKey:
    return draft.reward_point, draft.vests_on or draft.entry_date, draft.expires_on or NEVER


@dataclass
class Books:
    """Cards that are open, by id, and the rows to be written of them."""

    transaction: Transaction
    cards: dict[UUID, OpenCard]
    # Of every card that is locked: its customer, else the card itself.
    owners: dict[UUID, UUID]
    # Of entries and of rows of the outbox.
    ids: Iterator[UUID]
    operations: list[OperationRow] = field(default_factory=list)
    entries: list[EntryRow] = field(default_factory=list)
    lots: list[LotRow] = field(default_factory=list)
    touched: dict[UUID, OpenCard] = field(default_factory=dict)

    def earn(
        self,
        card: OpenCard,
        drafts: Sequence[Draft],
        occurrences: Sequence[Occurrence],
        now: datetime,
    ) -> bool:
        """Add the positive drafts once for each occurrence, but for what is the occurrence's own;
        False where a tier would move, and nothing is added.
        """
        standing = _standing_after(card, drafts, len(occurrences), now)
        if standing is None:
            return False
        card.stands(standing)
        occasions = self._occasions(card, occurrences, now)
        entered = self._enter(card, drafts, occasions)
        for one, occasion, entry_ids in zip(occurrences, occasions, entered, strict=True):
            later = card.later(occasion.posted_at)
            card.events.append(points_posted(one.op_id, entry_ids, later))
            card.tell(one, later)
        card.count(drafts, len(occurrences))
        return True

    def note(
        self, card: OpenCard, kind: str, occurrences: Sequence[Occurrence], now: datetime
    ) -> None:
        """Add operations that give nothing."""
        occasions = self._occasions(card, occurrences, now)
        for one, (op_id, posted_at, *_) in zip(occurrences, occasions, strict=True):
            self.operations.append(OperationRow(card.row.card_id, op_id, kind, posted_at))
            card.tell(one, card.later(posted_at))

    def _occasions(
        self, card: OpenCard, occurrences: Sequence[Occurrence], now: datetime
    ) -> list[Occasion]:
        """Each at an instant of its own."""
        self.touched[card.row.card_id] = card
        return [
            Occasion(one.op_id, card.next_instant(now), one.occurred_at, one.activity_id)
            for one in occurrences
        ]

    def _enter(
        self, card: OpenCard, drafts: Sequence[Draft], occasions: Sequence[Occasion]
    ) -> list[list[UUID]]:
        """Add the rows of the entries and their lots; the ids of each occasion."""
        card_id, seq_no, previous = card.row.card_id, card.next_seq, card.head_hash
        linked = chain_alike(card_id, seq_no, previous, drafts, occasions, self.ids)
        alike = [*enumerate(map(_alike, drafts))]
        entered = []
        for op_id, posted_at, occurred_at, activity_id in occasions:
            ids = []
            for op_line, (gain, origin, reason, lot, units) in alike:
                entry_id, digest = next(linked)
                entry = (card_id, entry_id, seq_no, *gain, occurred_at, posted_at, *origin)
                of_operation = (activity_id, None, op_id, op_line)
                self.entries.append(
                    EntryRow._make((*entry, *of_operation, *reason, previous, digest))
                )
                self.lots.append(LotRow._make((card_id, entry_id, *lot, occurred_at, units, 0, 0)))
                ids.append(entry_id)
                seq_no, previous = seq_no + 1, digest
            entered.append(ids)
        card.next_seq, card.head_hash = seq_no, previous
        return entered

    async def write(self) -> None:
        """Write everything. Raises InvalidInput where a sum would pass its bound; then the
        transaction must not commit.
        """
        run_rows = self.transaction.run_rows
        await run_rows(insert_operation, self.operations)
        await run_rows(insert_entries, self.entries)
        await run_rows(insert_lots, self.lots)
        await self._write_sums()
        cards = self.touched.values()
        told = [row for card in cards for row in card.event_rows(next(self.ids))]
        await run_rows(insert_event, told)
        heads = [card.heads() for card in cards]
        await self.transaction.change_many(advance_cards, heads)

    async def _write_sums(self) -> None:
        days: Sorted[PointsDayRow] = Sorted()
        counts: Sorted[CountableDayRow] = Sorted()
        balances: Sorted[BalanceRow] = Sorted()
        for card in self.touched.values():
            for day in card.day_rows():
                check_balance(day.remainder)
                days.put(day, known=day[1:4] in card.days)
            for count in card.count_rows():
                check_balance(count.points)
                counts.put(count, known=count[1:3] in card.countable)
            for balance in card.balance_rows():
                balances.put(balance, known=balance.reward_point in card.balances)
        await days.write(self.transaction, insert_points_day, change_points_days)
        await counts.write(self.transaction, insert_countable_day, change_countable_days)
        await balances.write(self.transaction, insert_balance, change_balances)


# A unit asks of few moments and zones.
@lru_cache(maxsize=256)
def _day(second: int, time_zone: str) -> date:
    """The civil date of so many seconds after 1970."""
    return civil_date(EPOCH + second * SECOND, time_zone)


def _standing_after(
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


class Sorted(Generic[R]):
    """Rows that are new, and rows that stand already."""

    def __init__(self) -> None:
        self._new: list[R] = []
        self._known: list[R] = []

    def put(self, row: R, *, known: bool) -> None:
        (self._known if known else self._new).append(row)

    async def write(
        self, transaction: Transaction, insert: Statement[None], change: Changes
    ) -> None:
        await transaction.run_rows(insert, self._new)
        await transaction.change_many(change, self._known)


async def open_books(
    context: Context, transaction: Transaction, ids: Sequence[UUID], book: RuleBook, now: datetime
) -> Books:
    """Lock the cards, ascending by id, and read what is kept of them. Only the plain ones are
    opened; the others are for postings of one card.

    Plain is an ACTIVE card that replaced none, whose customer's cards count for themselves alone,
    that owes nothing, and of which no hold has lapsed unnoticed.
    """
    history = await context.service.books.history(transaction)
    locked = await transaction.each(locked_cards_of, sorted(ids, key=lambda one: one.bytes))
    balances: dict[UUID, dict[str, BalanceRow]] = defaultdict(dict)
    for balance in await transaction.each(balances_of, ids):
        balances[balance.card_id][balance.reward_point] = balance
    plain = [
        row
        for row in locked
        if row.status == "ACTIVE"
        and row.replaces is None
        and not has_kin(row, history)
        and not any(_is_due(one, now) for one in balances[row.card_id].values())
    ]
    standings = await standings_alone(context, transaction, plain, book, history)
    days: dict[UUID, dict[DayKey, PointsDayRow]] = defaultdict(dict)
    for day in await transaction.each(points_days_of_cards, [row.card_id for row in plain]):
        days[day.card_id][day.reward_point, day.vests_on, day.expires_on] = day
    cards = {
        key: OpenCard(
            standing.card,
            standing,
            balances[key],
            days[key],
            {(one.reward_point, one.entry_date): one for one in standing.countable},
            *(standing.card.next_seq, standing.card.head_hash),
            *(standing.card.last_posted_at, standing.card.last_entry_on),
        )
        for key, standing in standings.items()
    }
    owners = {row.card_id: row.customer_key or row.card_id for row in locked}
    return Books(transaction, cards, owners, id_run(now, context.service.randomness))


def _is_due(row: BalanceRow, now: datetime) -> bool:
    """Whether a posting would first have to settle something."""
    lapse = row.next_hold_lapse_at
    return row.debt > 0 or (lapse is not None and lapse <= now)
