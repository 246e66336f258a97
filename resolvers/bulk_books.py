"""The books of many cards in one unit: locked and read together, extended by earnings, and written
by statements for rows of many cards.

Only for cards of which nothing is unusual: `open_books` tells which. For them the rows are those
that one posting after another would leave. Source: engineering 3.1, semantics 6.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
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
    EnrolmentRow,
    StoredTierRow,
    enrolments_of,
    insert_event,
    tier_rows_of,
)
from models.database import Transaction
from models.ledger_statements import (
    BalanceRow,
    CountableDayRow,
    PointsDayRow,
    balances_of,
    countable_days_of,
    insert_balance,
    insert_countable_day,
    insert_entries,
    insert_lots,
    insert_operation,
    insert_points_day,
)
from resolvers.books import History
from resolvers.clock import MICROSECOND, civil_date
from resolvers.context import Context
from resolvers.identifiers import ordered_ids
from resolvers.ledgers import is_lot
from resolvers.postings import Event, event_rows, points_posted
from resolvers.standings import Standing, has_kin
from resolvers.tiers import judged_points, wins_nothing
from resolvers.writing import balance_row, check_balance, entry_parameters
from rules.balances import NEVER, PointsDay, Sums
from rules.book import RuleBook
from rules.ledger import Draft, Entry, chain
from rules.tiers import Moment

DayKey = tuple[str, date, date]


@dataclass
class OpenCard:
    """A card under its lock, and what is kept of it as the postings so far leave it."""

    row: CardRow
    standing: Standing
    balances: dict[str, BalanceRow]
    days: dict[DayKey, PointsDayRow]
    countable: dict[tuple[str, date], CountableDayRow]
    # What this unit adds: units by reward point, and the day as of which its balance is told.
    gained: dict[str, int] = field(default_factory=dict)
    told_on: dict[str, date] = field(default_factory=dict)
    new_days: set[DayKey] = field(default_factory=set)
    old_days: set[DayKey] = field(default_factory=set)
    new_counts: set[tuple[str, date]] = field(default_factory=set)
    old_counts: set[tuple[str, date]] = field(default_factory=set)

    def room_parts(
        self,
    ) -> tuple[dict[str, tuple[Sums, date]], dict[str, list[PointsDay]]]:
        """Sums and points by day, as the room below a maximum is judged by."""
        by_point: dict[str, list[PointsDay]] = defaultdict(list)
        for row in self.days.values():
            by_point[row.reward_point].append(
                PointsDay(row.vests_on, row.expires_on, row.remainder, row.held)
            )
        codes = self.balances.keys() | self.gained.keys()
        sums = {}
        for code in codes:
            known = self.balances.get(code)
            issued = (known.issued if known else 0) + self.gained.get(code, 0)
            told = Sums(issued, known.used, known.expired_written) if known else Sums(issued)
            sums[code] = (told, self.told_on.get(code) or (known.as_of_from if known else NEVER))
        return sums, by_point


@dataclass
class Books:
    """Cards that are open, by id, and the rows to be written of them."""

    context: Context
    transaction: Transaction
    cards: dict[UUID, OpenCard]
    operations: list[dict[str, object]] = field(default_factory=list)
    entries: list[dict[str, object]] = field(default_factory=list)
    lots: list[dict[str, object]] = field(default_factory=list)
    events: list[dict[str, object]] = field(default_factory=list)
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
        today = civil_date(now, card.standing.time_zone)
        standing = self._standing_after(card, drafts, today)
        if standing is None:
            return False
        card.standing = standing
        row, randomness = card.row, self.context.service.randomness
        posted_at = max(now, row.last_posted_at + MICROSECOND)
        ids = ordered_ids(posted_at, len(drafts), randomness)
        entries = chain(
            row.card_id, row.next_seq, row.head_hash, posted_at, op_id, tuple(drafts), ids
        )
        self.operations.append(
            {
                "card_id": row.card_id,
                "op_id": op_id,
                "kind": kind,
                "posted_at": posted_at,
                "first_seq": row.next_seq,
                "last_seq": row.next_seq + len(entries) - 1,
            }
        )
        latest = row.last_entry_on
        if entries:
            newest = max(draft.entry_date for draft in drafts)
            latest = max(newest, latest or newest)
            events = [points_posted(op_id, entries), *events]
        self._take(card, entries, max(civil_date(posted_at, standing.time_zone), latest or today))
        self.events += event_rows(row, events, posted_at, randomness)
        card.row = row._replace(
            next_seq=row.next_seq + len(entries),
            next_event=row.next_event + len(events),
            head_hash=entries[-1].entry_hash if entries else row.head_hash,
            last_posted_at=posted_at,
            last_entry_on=latest,
        )
        self.touched[row.card_id] = card
        return True

    def _standing_after(
        self, card: OpenCard, drafts: Sequence[Draft], today: date
    ) -> Standing | None:
        """The standing with what the drafts count; None where that moves a tier."""
        before = card.standing
        points = {draft.reward_point for draft in drafts}
        if not points:
            return before
        first = min(draft.counts_on for draft in drafts)
        programs = [
            program
            for program in sorted(before.programs_on(first))
            if judged_points(before, program) & points
        ]
        if not programs:
            return before
        after = dict(card.countable)
        for draft in drafts:
            key = (draft.reward_point, draft.counts_on)
            known = after.get(key) or CountableDayRow(before.card_id, *key, 0, positive=False)
            after[key] = known._replace(points=known.points + draft.points_units, positive=True)
        standing = replace(before, countable=tuple(after.values()))
        moments = [Moment(day, extends=True) for day in {draft.counts_on for draft in drafts}]
        unmoved = all(
            wins_nothing(standing, before, program, moments, first, today) for program in programs
        )
        return standing if unmoved else None

    def _take(self, card: OpenCard, entries: Iterable[Entry], on: date) -> None:
        card_id = card.row.card_id
        for entry in entries:
            draft = entry.draft
            if not is_lot(draft):
                raise ValueError("only what is earned is posted in bulk")
            self.entries.append(entry_parameters(entry))
            vests_on, expires_on = draft.vests_on or draft.entry_date, draft.expires_on or NEVER
            units, point = draft.points_units, draft.reward_point
            self.lots.append(
                {
                    "card_id": card_id,
                    "lot_id": entry.entry_id,
                    "reward_point": point,
                    "vests_on": vests_on,
                    "expires_on": expires_on,
                    "occurred_at": draft.occurred_at,
                    "remainder": units,
                    "held": 0,
                    "expired": 0,
                }
            )
            card.gained[point] = card.gained.get(point, 0) + units
            card.told_on[point] = on
            _add_day(card, (point, vests_on, expires_on), units)
            _add_count(card, (point, draft.counts_on), units)

    async def write(self) -> None:
        """Write everything. Raises InvalidInput where a sum would pass its bound; then the
        transaction must not commit.
        """
        run_many = self.transaction.run_many
        await run_many(insert_operation, self.operations)
        await run_many(insert_entries, self.entries)
        await run_many(insert_lots, self.lots)
        await self._write_days()
        await self._write_counts()
        await self._write_balances()
        await run_many(insert_event, self.events)
        await self.transaction.change_many(
            advance_cards,
            [
                (
                    row.card_id,
                    row.next_seq,
                    row.next_event,
                    row.head_hash,
                    row.last_posted_at,
                    row.last_entry_on,
                )
                for row in (card.row for card in self.touched.values())
            ],
        )

    async def _write_days(self) -> None:
        new = [card.days[key] for card in self.touched.values() for key in card.new_days]
        old = [card.days[key] for card in self.touched.values() for key in card.old_days]
        for row in (*new, *old):
            check_balance(row.remainder)
        await self.transaction.run_many(insert_points_day, [row._asdict() for row in new])
        await self.transaction.change_many(change_points_days, old)

    async def _write_counts(self) -> None:
        new = [card.countable[key] for card in self.touched.values() for key in card.new_counts]
        old = [card.countable[key] for card in self.touched.values() for key in card.old_counts]
        for row in (*new, *old):
            check_balance(row.points)
        await self.transaction.run_many(insert_countable_day, [row._asdict() for row in new])
        await self.transaction.change_many(change_countable_days, old)

    async def _write_balances(self) -> None:
        new: list[BalanceRow] = []
        old: list[BalanceRow] = []
        for card in self.touched.values():
            sums, days = card.room_parts()
            for code, on in card.told_on.items():
                known = card.balances.get(code)
                lapse = known.next_hold_lapse_at if known else None
                row = balance_row(card.row.card_id, code, sums[code][0], days[code], on, on, lapse)
                (old if known else new).append(row)
        await self.transaction.run_many(insert_balance, [row._asdict() for row in new])
        await self.transaction.change_many(change_balances, old)


def _add_day(card: OpenCard, key: DayKey, units: int) -> None:
    row = card.days.get(key)
    if row is None:
        card.days[key] = PointsDayRow(card.row.card_id, *key, remainder=units, held=0)
        card.new_days.add(key)
        return
    card.days[key] = row._replace(remainder=row.remainder + units)
    if key not in card.new_days:
        card.old_days.add(key)


def _add_count(card: OpenCard, key: tuple[str, date], units: int) -> None:
    row = card.countable.get(key)
    if row is None:
        card.countable[key] = CountableDayRow(card.row.card_id, *key, units, positive=True)
        card.new_counts.add(key)
        return
    card.countable[key] = row._replace(points=row.points + units, positive=True)
    if key not in card.new_counts:
        card.old_counts.add(key)


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
    standings = await _standings(context, transaction, plain, book, history)
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
        )
        for key, standing in standings.items()
    }
    return Books(context, transaction, cards)


async def _standings(
    context: Context,
    transaction: Transaction,
    cards: Sequence[CardRow],
    book: RuleBook,
    history: History,
) -> dict[UUID, Standing]:
    """By card, of such as count for themselves alone."""
    keys = [row.card_id for row in cards]
    enrolments: dict[UUID, list[EnrolmentRow]] = defaultdict(list)
    for enrolment in await transaction.each(enrolments_of, keys):
        enrolments[enrolment.card_id].append(enrolment)
    tiers: dict[UUID, list[StoredTierRow]] = defaultdict(list)
    for tier in await transaction.each(tier_rows_of, keys):
        tiers[tier.card_id].append(tier)
    counted: dict[UUID, list[CountableDayRow]] = defaultdict(list)
    for one in await transaction.each(countable_days_of, keys):
        counted[one.card_id].append(one)
    found = {}
    for row in cards:
        key = row.card_id
        source = await context.service.books.last_with(
            transaction, row.enrollment_source, lambda book: book.channels
        )
        zone = source.time_zone if source else "UTC"
        found[key] = Standing(row, zone, enrolments[key], tiers[key], counted[key], book, history)
    return found


def _is_due(row: BalanceRow, now: datetime) -> bool:
    """Whether a posting would first have to settle something."""
    lapse = row.next_hold_lapse_at
    return row.debt > 0 or (lapse is not None and lapse <= now)
