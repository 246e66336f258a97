"""Items posted in bulk: each with its own key and outcome, as if alone and in its own transaction.

Items are taken by card, in chunks. A chunk is one transaction: what its items ask for is read with
a constant number of statements, each item then runs through the one posting path in memory, and
what they all write goes out in statements for many rows. An item that memory cannot serve, and
those of its card after it, are posted one by one; so is a chunk that fails. Source: engineering
3.4.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic
from uuid import UUID

from models.card_statements import CardRow, NumberRow, cards_of, locked_card, numbers_of
from models.database import Transaction
from models.failures import ChangedMeanwhile, DatabaseSlow, DatabaseUnavailable, KeyInProgress
from models.staged_tables import CARDS, GRANTS, KEPT, NUMBERS, OF_CARDS
from models.staging import NotStaged, Staged
from resolvers.bulk_kinds import A, C, Checked, I, Kind
from resolvers.cards import NOBODY
from resolvers.context import Context
from rules.book import RuleBook
from rules.errors import LoyaltyError, Refused

# Items of a transaction: enough to share its statements, few enough that locks are held shortly.
CHUNK = 500
# One chunk is worked out while the database writes another.
AT_ONCE = 2
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Member(Generic[I]):
    """An item at its place in the call; `card` groups those of one card."""

    place: int
    item: I
    card: UUID | None


@dataclass
class _Outcome(Generic[A]):
    """Answers by place, and the places that are left to be posted one by one."""

    answers: dict[int, A] = field(default_factory=dict)
    left: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Directory:
    """The cards presented, as they were before the chunks' transactions."""

    numbers: Sequence[NumberRow]
    cards: Sequence[CardRow]


async def post_many(context: Context, kind: Kind[I, C, A], items: Mapping[int, I]) -> dict[int, A]:
    """The answer of each item, by its place; items of one card, and of one key, in their order."""
    # A chunk waits for a connection of its own: none is held meanwhile.
    await context.read.close()
    directory = await _directory(context, kind, items)
    ids = {row.number: row.card_id for row in directory.numbers}
    members = [
        _Member(place, item, ids.get(kind.number(item) or "")) for place, item in items.items()
    ]
    outcome: _Outcome[A] = _Outcome()
    chunks = [*_chunks(_first_of_keys(kind, members, outcome))]
    await _all_chunks(context, kind, chunks, directory, outcome)
    for place in sorted(outcome.left):
        outcome.answers[place] = await kind.alone(items[place])
    await context.renew()
    return outcome.answers


async def _directory(context: Context, kind: Kind[I, C, A], items: Mapping[int, I]) -> _Directory:
    numbers = {kind.number(item) for item in items.values()} - {None}
    read = context.service.database.read()
    try:
        found = await read.each(numbers_of, [*numbers])
        return _Directory(found, await read.each(cards_of, [row.card_id for row in found]))
    finally:
        await read.close()


def _first_of_keys(
    kind: Kind[I, C, A], members: Iterable[_Member[I]], outcome: _Outcome[A]
) -> list[_Member[I]]:
    """The members whose keys are new in the call; a key sent again, and what the card has after it,
    is left for later, when the outcome of the first is known.
    """
    keys: set[bytes] = set()
    halted: set[UUID | None] = set()
    first = []
    for member in members:
        key = kind.key(member.item)
        if key in keys and member.card is not None:
            halted.add(member.card)
        if key in keys or member.card in halted:
            outcome.left.append(member.place)
        else:
            first.append(member)
        keys.add(key)
    return first


def _chunks(members: Sequence[_Member[I]]) -> Iterable[list[_Member[I]]]:
    """Members grouped by card, in the order of the cards' ids; a card is in one chunk."""
    groups: dict[Any, list[_Member[I]]] = {}
    for member in members:
        # What has no card stands for itself.
        groups.setdefault(member.card or member.place, []).append(member)
    chunk: list[_Member[I]] = []
    for group in sorted(groups.values(), key=lambda group: _rank(group[0])):
        if chunk and len(chunk) + len(group) > CHUNK:
            yield chunk
            chunk = []
        chunk += group
    if chunk:
        yield chunk


def _rank(member: _Member[I]) -> tuple[bytes, int]:
    return (member.card.bytes if member.card else b"", member.place)


async def _all_chunks(
    context: Context,
    kind: Kind[I, C, A],
    chunks: list[list[_Member[I]]],
    directory: _Directory,
    outcome: _Outcome[A],
) -> None:
    waiting = iter(chunks)

    async def work() -> None:
        for chunk in waiting:
            done = await _chunk(context, kind, chunk, directory)
            outcome.answers.update(done.answers)
            outcome.left += done.left

    ended = await asyncio.gather(*[work() for _ in range(AT_ONCE)], return_exceptions=True)
    for error in ended:
        if error is not None:
            raise error


async def _chunk(
    context: Context, kind: Kind[I, C, A], members: Sequence[_Member[I]], directory: _Directory
) -> _Outcome[A]:
    """A second attempt meets what was posted between the first one's look and its claims."""

    async def unit(transaction: Transaction) -> _Outcome[A]:
        book = await context.service.books.refresh(transaction)
        return await _Posting(context, kind, transaction, directory, book).work(members)

    for _ in range(2):
        try:
            return await context.service.database.unit(unit)
        except DatabaseUnavailable:
            raise
        except (DatabaseSlow, KeyInProgress):
            break
        except Exception as error:  # noqa: BLE001 (no member may fail for its neighbours)
            _LOG.warning("a chunk of %d items failed: %s", len(members), type(error).__name__)
    return _Outcome(left=[member.place for member in members])


class _Posting(Generic[I, C, A]):
    """One attempt at a chunk, within its transaction."""

    def __init__(
        self,
        context: Context,
        kind: Kind[I, C, A],
        transaction: Transaction,
        directory: _Directory,
        book: RuleBook | None,
    ) -> None:
        self.context = context
        self.book = book
        self.kind = kind
        self.directory = directory
        self.staged = Staged(transaction, KEPT)
        self.outcome: _Outcome[A] = _Outcome()
        # Cards of which an item is left: what follows on them is left as well.
        self.halted: set[UUID] = set()

    async def work(self, members: Sequence[_Member[I]]) -> _Outcome[A]:
        await self._look(members)
        checked = [
            (member, found)
            for member in members
            if (found := await self._check(member)) is not None
        ]
        await self._claim_and_lock([found for _, found in checked])
        undone = [member for member, found in checked if not await self._post(member, found)]
        keys = [{"of_key": self.kind.key(member.item)} for member in undone]
        await self.staged.inner.run_many(self.kind.unclaim, keys)
        await self.staged.flush()
        return self.outcome

    async def _look(self, members: Sequence[_Member[I]]) -> None:
        staged, items = self.staged, [member.item for member in members]
        wanted = {self.kind.number(item) for item in items} - {None}
        numbers = [row for row in self.directory.numbers if row.number in wanted]
        ids = {row.card_id for row in numbers}
        cards = [row for row in self.directory.cards if row.card_id in ids]
        staged.keep(NUMBERS, wanted, numbers)
        staged.keep(CARDS, [NOBODY, *ids], cards)
        await self.kind.load(staged, items, cards)

    async def _check(self, member: _Member[I]) -> Checked[C] | None:
        if member.card in self.halted:
            self._leave(member)
            return None
        try:
            found = await self.kind.check(self.staged, member.item)
        except NotStaged:
            self._leave(member)
            return None
        except (Refused, LoyaltyError) as refusal:
            found = self.kind.refused(refusal)
        if isinstance(found, Checked):
            return found
        self.outcome.answers[member.place] = found
        return None

    def _leave(self, member: _Member[I]) -> None:
        self.outcome.left.append(member.place)
        if member.card is not None:
            self.halted.add(member.card)

    async def _claim_and_lock(self, checked: Sequence[Checked[C]]) -> None:
        """Keys first, then cards, both in rising order: nobody waits in a circle."""
        claims = [one.claim for one in sorted(checked, key=lambda one: one.key)]
        await self.staged.inner.run_many(self.kind.claim, claims)
        ids = sorted({one.card_id for one in checked if one.card_id}, key=lambda one: one.bytes)
        if self.context.service.database.capabilities.locks_many:
            await self.staged.load(CARDS, ids)
        else:
            for one in ids:
                rows = await self.staged.inner.all(locked_card, of_card=one)
                self.staged.keep(CARDS, [one], rows)
        for kept in OF_CARDS:
            await self.staged.load(kept, ids)
        if self.book is not None and self.book.one_time_rewards:
            found = [row for row in self.directory.cards if row.card_id in {*ids}]
            customers = {row.customer_key for row in found} - {None}
            await self.staged.load(GRANTS, [*ids, *customers])

    async def _post(self, member: _Member[I], checked: Checked[C]) -> bool:
        """Whether the item was posted; otherwise nothing of it is left but its claim."""
        if member.card in self.halted:
            self._leave(member)
            return False
        mark = self.staged.mark()
        try:
            answer = await self.kind.post(self.staged, checked.subject)
            if self.book is not None and self.staged.happened:
                await self.context.service.follow(self.context, self.staged, self.book)
        except (NotStaged, ChangedMeanwhile):
            self.staged.back(mark)
            self._leave(member)
            return False
        except (Refused, LoyaltyError) as refusal:
            self.staged.back(mark)
            self.outcome.answers[member.place] = self.kind.refused(refusal)
            return False
        self.outcome.answers[member.place] = answer
        return True
