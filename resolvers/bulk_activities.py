"""Lines of the journal posted together: one unit, one lock of all their cards, one write.

It posts what the posting of each alone would, and leaves to that what is not plain: a line that is
refused, a card of which something is unusual, a tier that moves, a reward that counts. Behind a
line that is left, all lines of its card are left. Source: semantics 5.7, engineering 3.1.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from models.activity_statements import (
    ActivityDayRow,
    PostableRow,
    PostRow,
    activity_days_of,
    end_waiting,
    insert_activity_day,
    insert_post,
    locked_waiting_of,
)
from models.bulk_statements import change_activity_days
from models.card_statements import numbers_of
from models.customer_statements import affiliations_of
from models.transactions import Transaction
from resolvers.activity_judging import (
    Gift,
    activity_drafts,
    activity_facts,
    activity_posted,
    gifts,
    notes_json,
)
from resolvers.audits import audit_card
from resolvers.bulk_books import Books, open_books
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.identifiers import operation_id
from resolvers.judging import context_book
from resolvers.line_plans import Plan, Planner, Run, runs_of
from resolvers.open_cards import Occurrence, OpenCard
from rules import activities as rules
from rules.book import RuleBook
from rules.earning import earn_activity
from rules.errors import InvalidInput, LoyaltyError

# What an activity gives, and why no more.
_Judged = tuple[tuple[Gift, ...], str]
# How many activities a card has of a type, by day.
Counts = dict[tuple[UUID, str], dict[date, int]]


def _occurrence(line: PostableRow) -> Occurrence:
    op_id = operation_id(line.activity_key)
    event = activity_posted(line.activity_type, line.activity_id, op_id)
    return Occurrence(op_id, line.occurred_at, line.activity_id, event)


@dataclass
class _Batch:
    context: Context
    transaction: Transaction
    operation: str
    now: datetime
    books: Books
    affiliations: Mapping[UUID | None, frozenset[str]]
    counts: Counts
    known_days: frozenset[tuple[UUID, str, date]]
    planned: Mapping[bytes, Plan]
    # By number.
    cards: Mapping[str, OpenCard]
    posted_by: str
    reviewed_by: str
    touched_days: set[tuple[UUID, str, date]] = field(default_factory=set)
    posts: list[PostRow] = field(default_factory=list)
    left: set[bytes] = field(default_factory=set)
    # Numbers of cards that lines are left of.
    behind: set[str] = field(default_factory=set)
    # What the rules made of equal facts.
    judged: dict[object, _Judged] = field(default_factory=dict)

    def post_plain(self, runs: Iterable[Run]) -> None:
        """Post the lines but for those that are no plain matter, and what is behind one for its
        card.
        """
        for number, plan, lines in runs:
            card = self.cards.get(number)
            posted = 0
            if plan and card and number not in self.behind:
                posted = self._try_post(lines, plan, card)
            if posted < len(lines):
                self.left.update([line.activity_key for line in lines[posted:]])
                self.behind.add(number)

    def _try_post(self, lines: Sequence[PostableRow], plan: Plan, card: OpenCard) -> int:
        """How many of the first were posted: all, or those before one that is no plain matter."""
        posted = 0
        with suppress(LoyaltyError):
            within = self._within_limit(lines, plan, card)
            if within and self._post(within, plan, card):
                return len(within)
            for line in within if len(within) > 1 else ():
                if not self._post([line], plan, card):
                    break
                posted += 1
        return posted

    def _within_limit(
        self, lines: Sequence[PostableRow], plan: Plan, card: OpenCard
    ) -> Sequence[PostableRow]:
        """The first of them that the card may have of the type."""
        limit, on = plan.kind.limit, plan.entry_date
        if limit is None:
            return lines
        counts = dict(self.counts[card.row.card_id, plan.kind.code])
        for place in range(len(lines)):
            if rules.exceeds(limit, counts, on):
                return lines[:place]
            counts[on] = counts.get(on, 0) + 1
        return lines

    def _post(self, lines: Sequence[PostableRow], plan: Plan, card: OpenCard) -> bool:
        """False where a tier would move, and nothing has changed."""
        code, on, card_id = plan.kind.code, plan.entry_date, card.row.card_id
        given, notes = self._judged_on(plan, card)
        occurrences = [_occurrence(line) for line in lines]
        if not given:
            self.books.note(card, "activity", occurrences, self.now)
        else:
            # Alike for all of them but for what is the line's own.
            drafts = activity_drafts(given, code, lines[0].activity_id, lines[0].occurred_at)
            if not self.books.earn(card, drafts, occurrences, self.now):
                return False
        counts = self.counts[card_id, code]
        counts[on] = counts.get(on, 0) + len(lines)
        self.touched_days.add((card_id, code, on))
        behind = (card_id, code, on, self.now, self.posted_by, notes, self.reviewed_by)
        self.posts += [PostRow._make((line.activity_key, *behind)) for line in lines]
        return True

    def _judged_on(self, plan: Plan, card: OpenCard) -> _Judged:
        """The card's, as long as its standing is what it is and nothing has a maximum."""
        found: _Judged | None = card.known.get(plan)
        if found is None:
            found = self._judge(plan, card)
            if not plan.book.maxima:
                card.known[plan] = found
        return found

    def _judge(self, plan: Plan, card: OpenCard) -> _Judged:
        book, channel, on, code = plan.book, plan.channel, plan.entry_date, plan.kind.code
        held = self.affiliations.get(card.row.customer_key, frozenset())
        if plan.affiliation is not None:
            held |= {plan.affiliation}
        room = card.room(book, civil_date(self.now, channel.time_zone))
        programs, tiers = card.judged_on(on)
        equal = (plan, programs, (*tiers.items(),), held)
        if not room and equal in self.judged:
            return self.judged[equal]
        facts = activity_facts(channel, (programs, tiers), held, room, code, on)
        earned = earn_activity(facts, book.schemes_on(channel.code), book.reward_points)
        found = gifts(book, channel, earned, on), notes_json(earned)
        if not room:
            self.judged[equal] = found
        return found

    async def write(self) -> None:
        """Raises InvalidInput where a sum would pass its bound; then nothing may be committed."""
        if not self.posts:
            return
        await self.books.write()
        await self.transaction.run_rows(insert_post, self.posts)
        rows = [
            ActivityDayRow(card_id, code, on, self.counts[card_id, code][on])
            for card_id, code, on in self.touched_days
        ]
        new = [row for row in rows if row[:3] not in self.known_days]
        old = [row for row in rows if row[:3] in self.known_days]
        await self.transaction.run_rows(insert_activity_day, new)
        await self.transaction.change_many(change_activity_days, old)
        keys = [post.activity_key for post in self.posts]
        await self.transaction.run_each(end_waiting, keys)
        first = next(iter(self.books.touched))
        await audit_card(self.context, self.transaction, first, self.operation, self.now)


async def post_together(
    context: Context, lines: Mapping[bytes, UUID], operation: str
) -> tuple[int, list[bytes]]:
    """Post what is plain of the lines; how many were, and the keys of those left, in their order.

    `lines`: ids by key, in the order of posting; those that no longer wait under their keys are
    passed over, also where another line has the key by now.
    """

    async def unit(transaction: Transaction, effective: RuleBook | None) -> tuple[int, list[bytes]]:
        locked = await transaction.each(locked_waiting_of, sorted(lines))
        found = {row.activity_key: row for row in locked if row.line_id == lines[row.activity_key]}
        waiting = [found[key] for key in lines if key in found]
        if effective is None or not waiting:
            return 0, [line.activity_key for line in waiting]
        batch = await _opened(context, transaction, waiting, effective, operation)
        async for some in transaction.unhurried(runs_of(waiting, batch.planned)):
            batch.post_plain(some)
        await batch.write()
        return len(batch.posts), [
            one.activity_key for one in waiting if one.activity_key in batch.left
        ]

    try:
        return await context.unit(unit)
    except InvalidInput:
        # A balance would pass its bound: one by one it shows whose.
        return 0, [*lines]


async def _opened(
    context: Context,
    transaction: Transaction,
    waiting: Sequence[PostableRow],
    effective: RuleBook,
    operation: str,
) -> _Batch:
    now = context.service.clock()
    numbers = sorted({line.card_number for line in waiting})
    ids = {row.number: row.card_id for row in await transaction.each(numbers_of, numbers)}
    books = await open_books(
        context, transaction, [*ids.values()], context_book(context, effective), now
    )
    cards = {number: books.cards[key] for number, key in ids.items() if key in books.cards}
    history = await context.service.books.history(transaction)
    planner = Planner(context.caller, history)
    planned = {}
    for line in waiting:
        plan = planner.plan(line)
        if plan is not None:
            planned[line.activity_key] = plan
    keys = sorted({card.row.customer_key for card in cards.values() if card.row.customer_key})
    held: dict[UUID, set[str]] = defaultdict(set)
    for row in await transaction.each(affiliations_of, keys):
        held[row.customer_key].add(row.affiliation)
    counted = await _days(transaction, [card.row.card_id for card in cards.values()], planned)
    return _Batch(
        context,
        transaction,
        operation,
        now,
        books,
        {key: frozenset(codes) for key, codes in held.items()},
        counted,
        frozenset((*of, on) for of, days in counted.items() for on in days),
        planned,
        cards,
        context.caller.scope,
        context.caller.name,
    )


async def _days(
    transaction: Transaction, ids: Sequence[UUID], planned: Mapping[bytes, Plan]
) -> Counts:
    """How many activities the cards have on the days that matter to the lines, type by type."""
    windows: dict[str, tuple[date, date]] = {}
    for plan in planned.values():
        since, until = rules.judged_days(plan.kind.limit, plan.entry_date)
        known = windows.get(plan.kind.code, (since, until))
        windows[plan.kind.code] = min(since, known[0]), max(until, known[1])
    counted: Counts = defaultdict(dict)
    for code, (since, until) in sorted(windows.items()):
        for row in await transaction.each(
            activity_days_of, ids, of_type=code, since=since, until=until
        ):
            counted[row.card_id, code][row.entry_date] = row.posted
    return counted
