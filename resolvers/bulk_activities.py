"""Lines of the journal posted together: one unit, one lock of all their cards, one write.

It posts what the posting of each alone would, and leaves to that what is not plain: a line that is
refused, a card of which something is unusual, a tier that moves, a reward that counts. Behind a
line that is left, all lines of its card are left. Source: semantics 5.7, engineering 3.1.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
from models.database import Transaction
from resolvers.activity_checks import check_affiliation, checked_type, named_channel
from resolvers.activity_judging import (
    Gift,
    activity_drafts,
    activity_facts,
    activity_posted,
    gifts,
    notes_json,
)
from resolvers.audits import audit_card
from resolvers.books import History
from resolvers.bulk_books import Books, OpenCard, open_books
from resolvers.callers import Caller
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.identifiers import operation_id
from resolvers.judging import context_book
from rules import activities as rules
from rules.book import RuleBook
from rules.earning import earn_activity
from rules.errors import InvalidInput, LoyaltyError
from rules.program import ActivityType, Channel

# What an activity gives, and why no more.
_Judged = tuple[tuple[Gift, ...], str]
# How many activities a card has of a type, by day.
Counts = dict[tuple[UUID, str], dict[date, int]]


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What the program says of lines that name the same of it on the same day."""

    book: RuleBook
    channel: Channel
    kind: ActivityType
    affiliation: str | None
    entry_date: date


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
    planned: Mapping[bytes, _Plan]
    # By number.
    cards: Mapping[str, OpenCard]
    posted_by: str
    reviewed_by: str
    touched_days: set[tuple[UUID, str, date]] = field(default_factory=set)
    posts: list[PostRow] = field(default_factory=list)
    left: list[bytes] = field(default_factory=list)
    # Numbers of cards that lines are left of.
    behind: set[str] = field(default_factory=set)
    # What the rules made of equal facts.
    judged: dict[object, _Judged] = field(default_factory=dict)

    def post_plain(self, lines: Iterable[PostableRow]) -> None:
        """Post the lines but for those that are no plain matter, and what is behind one for its
        card.
        """
        for line in lines:
            plan, card = self.planned.get(line.activity_key), self.cards.get(line.card_number)
            is_behind = line.card_number in self.behind
            if is_behind or not plan or not card or not self._try_post(line, plan, card):
                self.left.append(line.activity_key)
                self.behind.add(line.card_number)

    def _try_post(self, line: PostableRow, plan: _Plan, card: OpenCard) -> bool:
        """False where that is no plain matter, and nothing has changed."""
        try:
            return self._post(line, plan, card)
        except LoyaltyError:
            return False

    def _post(self, line: PostableRow, plan: _Plan, card: OpenCard) -> bool:
        kind, on, card_id = plan.kind, plan.entry_date, card.row.card_id
        counts = self.counts[card_id, kind.code]
        if kind.limit is not None and rules.exceeds(kind.limit, counts, on):
            return False
        given, notes = self._judged_on(plan, card)
        drafts = activity_drafts(given, kind.code, line.activity_id, line.occurred_at)
        op_id = operation_id(line.activity_key)
        event = activity_posted(kind.code, line.activity_id, op_id)
        if not self.books.post(card, op_id, "activity", drafts, (event,), self.now):
            return False
        counts[on] = counts.get(on, 0) + 1
        self.touched_days.add((card_id, kind.code, on))
        of_line = (line.activity_key, card_id, kind.code, on)
        self.posts.append(PostRow(*of_line, self.now, self.posted_by, notes, self.reviewed_by))
        return True

    def _judged_on(self, plan: _Plan, card: OpenCard) -> _Judged:
        """The card's, as long as its standing is what it is and nothing has a maximum."""
        found: _Judged | None = card.known.get(plan)
        if found is None:
            found = self._judge(plan, card)
            if not plan.book.maxima:
                card.known[plan] = found
        return found

    def _judge(self, plan: _Plan, card: OpenCard) -> _Judged:
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
        async for some in transaction.unhurried(waiting):
            batch.post_plain(some)
        await batch.write()
        return len(batch.posts), batch.left

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
    planner = _Planner(context.caller, history)
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


@dataclass
class _Planner:
    """Finds the plan of a line; equal ones are the same one."""

    caller: Caller
    history: History
    _known: dict[object, tuple[Channel, ActivityType] | None] = field(default_factory=dict)
    _plans: dict[object, _Plan] = field(default_factory=dict)

    def plan(self, line: PostableRow) -> _Plan | None:
        """None for what would be refused, or counts for a reward."""
        book = self.history.at(line.occurred_at)
        if book is None:
            return None
        named = (book.version, line.channel, line.activity_type, line.affiliation)
        if named not in self._known:
            self._known[named] = self._found(book, line)
        found = self._known[named]
        if found is None:
            return None
        channel, kind = found
        on = civil_date(line.occurred_at, channel.time_zone)
        plan = self._plans.get((named, on))
        if plan is None:
            plan = self._plans[named, on] = _Plan(book, channel, kind, line.affiliation, on)
        return plan

    def _found(self, book: RuleBook, line: PostableRow) -> tuple[Channel, ActivityType] | None:
        try:
            kind = checked_type(self.caller, book, line.activity_type)
            channel = named_channel(book, line.channel)
            check_affiliation(book, line.affiliation)
        except LoyaltyError:
            return None
        plain = channel.active and kind.code not in book.counted_types
        return (channel, kind) if plain else None


async def _days(
    transaction: Transaction, ids: Sequence[UUID], planned: Mapping[bytes, _Plan]
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
