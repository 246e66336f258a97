"""Queued sales posted together: one unit, one lock of all their cards, one write.

It posts what the posting of each alone would, and leaves to that what is not plain: a return, a
card of which something is unusual, a tier that moves, a reward that is due. Behind what is left,
all of its customer is left. Source: semantics 12, engineering 3.1.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

import msgspec

from models.bulk_statements import (
    change_counters,
    change_facts_of_sales,
    end_queued,
    locked_sales_of,
)
from models.card_statements import CardRow
from models.reward_statements import CounterRow, counters_of, insert_counter, rewards_of
from models.sale_statements import (
    QueuedRow,
    SaleFactRow,
    SaleLineRow,
    SaleRow,
    pending_of,
    sale_facts_of,
    sale_lines_of,
)
from models.transactions import Transaction
from resolvers.bulk_books import Books, Sorted, open_books
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.identifiers import operation_id
from resolvers.judging import context_book, judge_facts
from resolvers.open_cards import Occurrence, OpenCard
from resolvers.queues import earning_lines
from resolvers.sale_earnings import sale_drafts
from resolvers.sale_records import facts_json, notes_json
from rules.book import RuleBook
from rules.earning import CardFacts, EarningFacts
from rules.earnings import Earning
from rules.errors import InvalidInput, LoyaltyError
from rules.program import OneTimeReward
from rules.program_terms import Once, Trigger
from rules.rewards import qualifying_programs

# What rules see of a line.
_SEEN = ("line_number", "product_id", "variant_id", "categories", "quantity", "net_minor")
_JUDGED = attrgetter(*_SEEN)


@dataclass(frozen=True, slots=True)
class _Sale:
    """A sale under its lock, as it was queued."""

    row: SaleRow
    book: RuleBook
    lines: Sequence[SaleLineRow]
    facts: str


class Judged(NamedTuple):
    """What a sale gives, and what is stored of how it was judged."""

    earnings: tuple[Earning, ...]
    programs: tuple[str, ...]
    facts: str
    notes: str


# What the rules made of sales of one line, by all that they were asked about; longer ones are
# hardly ever equal.
Known = dict[object, Judged]


@dataclass
class _Batch:
    transaction: Transaction
    now: datetime
    books: Books
    # Sales counted for rewards, and the rewards that a card has, each with its scope.
    counts: dict[tuple[UUID, str], int]
    rewards: Mapping[UUID, set[tuple[str, UUID]]]
    stored: frozenset[tuple[UUID, str]]
    known: Known
    counted: set[tuple[UUID, str]] = field(default_factory=set)
    posted: list[SaleFactRow] = field(default_factory=list)
    left: list[QueuedRow] = field(default_factory=list)
    # Customers that sales are left of.
    behind: set[UUID | None] = field(default_factory=set)

    def post_plain(self, rows: Iterable[QueuedRow], sales: Mapping[bytes, _Sale]) -> None:
        """Post the sales but for those that are no plain matter, and what is behind one for its
        customer.
        """
        for row in rows:
            owner = self.books.owners.get(row.card_id) if row.card_id else None
            if owner in self.behind or not self._try_post(sales.get(row.sale_key)):
                self.left.append(row)
                self.behind.add(owner)

    def _try_post(self, sale: _Sale | None) -> bool:
        """False where that is no plain matter, and nothing has changed."""
        if sale is None or sale.row.card_id not in self.books.cards:
            return False
        try:
            return self._post(sale, self.books.cards[sale.row.card_id])
        except LoyaltyError:
            return False

    def _post(self, sale: _Sale, card: OpenCard) -> bool:
        row, judged = sale.row, self._judged(sale, card)
        card_id = card.row.card_id
        counts = {
            (card_id, program): self.counts.get((card_id, program), 0) + 1
            for program in judged.programs
        }
        if any(self._is_due(sale.book, card, program, n) for (_, program), n in counts.items()):
            return False
        drafts = sale_drafts(row, sale.book, judged.earnings)
        occurrence = Occurrence(operation_id(row.sale_key), row.occurred_at)
        if drafts and not self.books.earn(card, drafts, (occurrence,), self.now):
            return False
        self.counts.update(counts)
        self.counted.update(counts)
        self.posted.append(SaleFactRow(row.sale_key, judged.facts, judged.notes))
        return True

    def _is_due(self, book: RuleBook, card: OpenCard, program: str, count: int) -> bool:
        """Whether the count asks for a reward that the card may not have yet."""
        held = self.rewards[card.row.card_id]
        return any(
            reward.trigger is Trigger.TRANSACTION_COUNT
            and count >= (reward.count or 1)
            and not any((reward.code, scope) in held for scope in _scopes(card.row, reward))
            for reward in book.one_time_rewards_of(program)
        )

    def _judged(self, sale: _Sale, card: OpenCard) -> Judged:
        book, row = sale.book, sale.row
        channel = book.channels[row.channel]
        room = card.room(book, civil_date(self.now, channel.time_zone))
        programs, tiers = card.judged_on(row.entry_date)
        equal = None
        if not room and len(sale.lines) == 1:
            held = (programs, *tiers.items())
            line = _JUDGED(sale.lines[0])
            equal = (book.version, row.channel, row.entry_date, sale.facts, line, held)
            if equal in self.known:
                return self.known[equal]
        stored = msgspec.json.decode(sale.facts)
        facts = EarningFacts(
            channel=channel.code,
            on=row.entry_date,
            card=CardFacts(active=True, programs=programs, tiers=tiers),
            affiliations=frozenset(stored["affiliations"]),
            room=room,
            currency=channel.currency,
            lines=earning_lines(sale.lines, stored),
            paid_with_points=bool(stored["payments"]),
        )
        found = _judge(facts, book, stored["payments"])
        if equal is not None:
            self.known[equal] = found
        return found

    async def write(self) -> None:
        """Raises InvalidInput where a sum would pass its bound; then nothing may be committed."""
        await self.books.write()
        counters: Sorted[CounterRow] = Sorted()
        for place in self.counted:
            counters.put(CounterRow(*place, self.counts[place]), known=place in self.stored)
        await counters.write(self.transaction, insert_counter, change_counters)
        await self.transaction.change_many(change_facts_of_sales, self.posted)
        await self.transaction.run_each(end_queued, [row.sale_key for row in self.posted])


def _scopes(card: CardRow, reward: OneTimeReward) -> tuple[UUID, ...]:
    """What the reward is granted to at most once, as far as the card's own rows tell."""
    if reward.once is Once.TIER_ENTRY:
        return ()
    if reward.once is Once.CUSTOMER and card.customer_key is not None:
        return card.customer_key, card.card_id
    return (card.card_id,)


def _judge(facts: EarningFacts, book: RuleBook, payments: Sequence[str]) -> Judged:
    earned = judge_facts(facts, book)
    schemes = book.schemes_on(facts.channel)
    programs = qualifying_programs(facts, schemes, book.configuration.settings)
    stored = facts_json(facts, payments, programs)
    return Judged(earned.earnings, programs, stored, notes_json(earned.notes))


async def post_sales_together(
    context: Context, queued: Sequence[QueuedRow], known: Known
) -> tuple[int, Sequence[QueuedRow]]:
    """Post what is plain of the queue; how many were, and those that are left, in their order.

    `queued` are in the order of posting; what is no longer queued is passed over. What
    the rules make of it is added to `known`, for units to come.
    """

    async def unit(
        transaction: Transaction, effective: RuleBook | None
    ) -> tuple[int, Sequence[QueuedRow]]:
        if effective is None:
            return 0, queued
        keys = sorted([row.sale_key for row in queued])
        locked = await transaction.each(locked_sales_of, keys)
        still = {row.sale_key for row in await transaction.each(pending_of, keys)}
        waiting = [row for row in queued if row.sale_key in still]
        # What has failed once may fail again, and would take all with it.
        sound = {row.sale_key for row in waiting if not row.attempts}
        sales = await _sales(context, transaction, [one for one in locked if one.sale_key in sound])
        batch = await _opened(context, transaction, waiting, effective, known)
        async for some in transaction.unhurried(waiting):
            batch.post_plain(some, sales)
        await batch.write()
        return len(batch.posted), batch.left

    try:
        return await context.unit(unit)
    except InvalidInput:
        # A balance would pass its bound: one by one it shows whose.
        return 0, queued


async def _sales(
    context: Context, transaction: Transaction, rows: Sequence[SaleRow]
) -> dict[bytes, _Sale]:
    keys = [row.sale_key for row in rows]
    lines: dict[bytes, list[SaleLineRow]] = defaultdict(list)
    for line in await transaction.each(sale_lines_of, keys):
        lines[line.sale_key].append(line)
    facts = {row.sale_key: row.facts for row in await transaction.each(sale_facts_of, keys)}
    books = {
        version: await context.service.books.version(transaction, version)
        for version in sorted({row.configuration_version for row in rows})
    }
    return {
        row.sale_key: _Sale(
            row, books[row.configuration_version], lines[row.sale_key], facts[row.sale_key]
        )
        for row in rows
    }


async def _opened(
    context: Context,
    transaction: Transaction,
    waiting: Sequence[QueuedRow],
    effective: RuleBook,
    known: Known,
) -> _Batch:
    now = context.service.clock()
    ids = sorted({row.card_id for row in waiting if row.card_id is not None})
    books = await open_books(context, transaction, ids, context_book(context, effective), now)
    keys = [*books.cards]
    counts = {
        (row.card_id, row.program): row.sales for row in await transaction.each(counters_of, keys)
    }
    rewards: dict[UUID, set[tuple[str, UUID]]] = defaultdict(set)
    for reward in await transaction.each(rewards_of, keys):
        rewards[reward.card_id].add((reward.reward, reward.scope))
    return _Batch(transaction, now, books, counts, rewards, frozenset(counts), known)
