"""The books of many cards in one unit: locked and read together, extended by earnings, and written
by statements for rows of many cards.

Only for cards of which nothing is unusual: `open_books` tells which. For them the rows are those
that one posting after another would leave. Source: engineering 3.1, semantics 6.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from models.balance_statements import (
    BalanceRow,
    CountableDayRow,
    PointsDayRow,
    balances_of,
    change_points_days,
    insert_balance,
    insert_countable_day,
    insert_points_day,
)
from models.bulk_statements import (
    advance_cards,
    change_balances,
    change_countable_days,
    locked_cards_of,
    points_days_of_cards,
)
from models.card_statements import insert_event
from models.ledger_statements import EntryRow, OperationRow, insert_entries, insert_operation
from models.lot_statements import LotRow, insert_lots
from models.statements import Changes, Statement
from models.transactions import Transaction
from resolvers.context import Context
from resolvers.identifiers import id_run
from resolvers.ledgers import is_lot
from resolvers.open_cards import DayKey, Occurrence, OpenCard, lot_days, standing_after
from resolvers.outbox import points_posted
from resolvers.standings import has_kin
from resolvers.stored_standings import standings_alone
from resolvers.writing_sums import check_balance
from rules.book import RuleBook
from rules.ledger import Draft, Occasion, Reason, chain_alike

R = TypeVar("R", bound=NamedTuple)


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
    return _Alike(gain, (vests_on, expires_on, *origin[:7]), reason, lot_days(draft), units)


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
        standing = standing_after(card, drafts, len(occurrences), now)
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
