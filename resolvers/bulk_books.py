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
from itertools import islice
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
from resolvers.tiers import wins_nothing
from resolvers.writing import balance_row, check_balance, entry_row
from rules.balances import NEVER, PointsDay, Sums
from rules.book import RuleBook
from rules.ledger import Draft, Entry, chain
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

    def post(
        self,
        card: OpenCard,
        op_id: UUID,
        kind: str,
        drafts: Sequence[Draft],
        events: Sequence[Event],
        now: datetime,
    ) -> bool:
        """Add positive drafts, or none, as one operation; False where a tier would move, and
        nothing is added.
        """
        if drafts:
            standing = _standing_after(card, drafts, now)
            if standing is None:
                return False
            card.stands(standing)
        card_id, since = card.row.card_id, card.last_posted_at
        posted_at = card.last_posted_at = now if now > since else since + MICROSECOND
        if card.told_from is None:
            card.told_from = posted_at
        later = (posted_at - card.told_from) // MICROSECOND
        if drafts:
            entries = self._chained(card, op_id, drafts, posted_at)
            self._take(card, entries, posted_at)
            card.events.append(points_posted(op_id, entries, later))
        else:
            self.operations.append(OperationRow(card_id, op_id, kind, posted_at))
        card.events += [Event(kind, payload, later) for kind, payload, _ in events]
        self.touched[card_id] = card
        return True

    def _chained(
        self, card: OpenCard, op_id: UUID, drafts: Sequence[Draft], posted_at: datetime
    ) -> tuple[Entry, ...]:
        ids = islice(self.ids, len(drafts))
        entries = chain(
            card.row.card_id, card.next_seq, card.head_hash, posted_at, op_id, drafts, ids
        )
        card.next_seq += len(entries)
        card.head_hash = entries[-1].entry_hash
        for draft in drafts:
            if card.last_entry_on is None or draft.entry_date > card.last_entry_on:
                card.last_entry_on = draft.entry_date
        return entries

    def _take(self, card: OpenCard, entries: Iterable[Entry], posted_at: datetime) -> None:
        today = _day((posted_at - EPOCH) // SECOND, card.standing.time_zone)
        on = max(today, card.last_entry_on or today)
        card_id, gained = card.row.card_id, card.gained
        day_gains, count_gains = card.day_gains, card.count_gains
        for entry in entries:
            draft = entry.draft
            if not is_lot(draft):
                raise ValueError("only what is earned is posted in bulk")
            units, point = draft.points_units, draft.reward_point
            day = (point, draft.vests_on or draft.entry_date, draft.expires_on or NEVER)
            count = (point, draft.counts_on)
            self.entries.append(entry_row(entry))
            self.lots.append(LotRow(card_id, entry.entry_id, *day, draft.occurred_at, units, 0, 0))
            gained[point] = gained.get(point, 0) + units
            day_gains[day] = day_gains.get(day, 0) + units
            count_gains[count] = count_gains.get(count, 0) + units
            card.told_on[point] = on

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


def _standing_after(card: OpenCard, drafts: Sequence[Draft], now: datetime) -> Standing | None:
    """The standing with what the drafts count; None where that moves a tier."""
    before = card.standing
    if before.book.judged.isdisjoint([draft.reward_point for draft in drafts]):
        return before
    programs = card.judging(drafts)
    if not programs:
        return before
    gains = dict(card.count_gains)
    for draft in drafts:
        key = (draft.reward_point, draft.counts_on)
        gains[key] = gains.get(key, 0) + draft.points_units
    after = replace(card, count_gains=gains)
    unchanged = (row for key, row in card.countable.items() if key not in gains)
    standing = replace(before, countable=(*unchanged, *after.count_rows()))
    moments = [Moment(day, extends=True) for day in {draft.counts_on for draft in drafts}]
    today = _day((now - EPOCH) // SECOND, before.time_zone)
    unmoved = all(wins_nothing(standing, before, program, moments, today) for program in programs)
    return standing if unmoved else None


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
