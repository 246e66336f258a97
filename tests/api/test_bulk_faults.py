"""Bulk sales at the door to the database: whatever statement fails, and sent again, each sale is
posted once; and what is written is, to the byte, what single postings write.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from sqlalchemy import func, select

from models.card_statements import numbers_of
from models.database import Database, DatabaseLimits, Read, Transaction, Unit, open_database
from models.ledger import ledger_entry, operation
from models.sales import sale
from models.statements import Statement
from resolvers import configurations, issuing, sale_batches, sales
from resolvers.books import RuleBooks
from resolvers.callers import Caller, Role
from resolvers.configurations import Apply
from resolvers.context import Context, Service, open_context
from resolvers.issuing import Issue
from resolvers.rewards import grant_rewards
from resolvers.sales import PostSale
from resolvers.verification import verify
from rules.lines import LineInput
from tests.api.program import amount_rule, channel, club_document
from tests.api.stored import everything

T = TypeVar("T")
ISSUED = datetime(2025, 5, 1, 12, tzinfo=UTC)
NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
CARDS = 4


class Broken(Exception):  # noqa: N818 (named for what is wrong)
    """What no driver raises: a bug, for all that anybody knows."""


class _Counting:
    """A connection whose `fails_at`-th call, counted over all connections, fails with `error`."""

    def __init__(self, inner: Any, faulty: "Faulty") -> None:
        self.inner, self.faulty = inner, faulty

    async def fetch(self, *given: Any) -> Any:
        return await self.faulty.through(lambda: self.inner.fetch(*given))

    async def execute(self, *given: Any) -> Any:
        return await self.faulty.through(lambda: self.inner.execute(*given))

    async def execute_many(self, *given: Any) -> Any:
        return await self.faulty.through(lambda: self.inner.execute_many(*given))


class Faulty(Database):
    """A real database, whose k-th statement in a unit fails: once, or that and all after it.

    `late`: the statement has taken effect when it fails.
    """

    def __init__(self, inner: Database) -> None:
        super().__init__(inner.limits)
        self.inner, self.capabilities = inner, inner.capabilities
        self.heal()

    def heal(self) -> None:
        self.calls, self.fails, self.error, self.late = 0, range(0), Exception, False

    def fail(self, calls: range, error: type[Exception], *, late: bool) -> None:
        self.calls, self.fails, self.error, self.late = 0, calls, error, late

    async def through(self, call: Callable[[], Awaitable[T]]) -> T:
        self.calls += 1
        fails = self.calls in self.fails
        if fails and not self.late:
            raise self.error
        result = await call()
        if fails:
            raise self.error
        return result

    def read(self) -> Read:
        return self.inner.read()

    async def attempt(self, unit: Unit[T]) -> T:
        async def counted(transaction: Transaction) -> T:
            inner: Any = vars(transaction)
            inner["_connection"] = _Counting(inner["_connection"], self)
            return await unit(transaction)

        return await self.through(lambda: self.inner.attempt(counted))

    async def dispose(self) -> None:
        await self.inner.dispose()


class Shop:
    """A service of which the clock stands and chance is drawn from a seed."""

    def __init__(self, database: Database) -> None:
        self.now = ISSUED
        chance = random.Random(7)  # noqa: S311 (nothing secret)
        self.service = Service(
            database, RuleBooks(), lambda: self.now, chance.randbytes, grant_rewards
        )

    async def context(self) -> Context:
        return await open_context(self.service, Caller(Role.ADMIN, "admin"), "request")

    async def opened(self) -> list[str]:
        """The numbers of cards in CLUB, in the order of their ids."""
        context = await self.context()
        rules = (amount_rule(), amount_rule("status", point="STAT"))
        document = club_document(*rules, channels=[channel(kind="STORE")])
        await configurations.apply(context, Apply(document, None, None, process=True))
        for number in range(CARDS):
            await issuing.issue(context, f"key-{number}", Issue("WEB", f"N{number}"))
        rows = await context.read.each(numbers_of, [f"N{number}" for number in range(CARDS)])
        await context.read.close()
        self.now = NOW
        return [row.number for row in sorted(rows, key=lambda row: row.card_id.bytes)]

    async def in_bulk(self, commands: Sequence[PostSale]) -> list[bool]:
        context = await self.context()
        try:
            results = await sale_batches.post_sales(context, commands)
        finally:
            await context.read.close()
        assert all(result.posted for result in results), results
        return [result.posted.replayed for result in results if result.posted]


def bought(number: int, card: str | None) -> PostSale:
    amounts = (Decimal("310.00"), Decimal("19.99"))
    lines = tuple(
        LineInput(place + 1, f"P{place}", Decimal(1), amount)
        for place, amount in enumerate(amounts)
    )
    at = NOW - timedelta(days=number % 30)
    return PostSale("WEB", f"T{number}", at, "USD", lines, card_number=card)


async def sums(database: Database) -> tuple[int, ...]:
    """How many sales, operations on cards and entries there are."""
    read = database.read()
    try:
        rows = [
            await read.first(Statement(select(func.count()).select_from(table), int))
            for table in (sale, operation, ledger_entry)
        ]
    finally:
        await read.close()
    return tuple(row or 0 for row in rows)


async def proven(database: Database) -> None:
    assert [str(fault) async for fault in verify(database)] == []


# The exception, whether the statement has taken effect, and whether all after it fail as well.
FAULTS: Mapping[str, tuple[type[Exception], bool, bool]] = {
    "a bug": (Broken, False, False),
    "a bug that stays": (Broken, False, True),
    "a lost connection": (ConnectionResetError, False, False),
    "a lost answer": (ConnectionResetError, True, False),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_statement_fails_each_sale_is_posted_once(
    database: Database, fault: str
) -> None:
    error, late, lasting = FAULTS[fault]
    faulty = Faulty(database)
    shop = Shop(faulty)
    cards = await shop.opened()
    steps = 1
    for step in range(1, 100):
        commands = [bought(step * 5 + place, cards[(step + place) % CARDS]) for place in range(5)]
        before = await sums(database)
        faulty.fail(range(step, 10**6 if lasting else step + 1), error, late=late)
        with suppress(Broken):
            await shop.in_bulk(commands)
        calls = faulty.calls
        faulty.heal()
        await shop.in_bulk(commands)
        assert await shop.in_bulk(commands) == [True] * 5
        gained = [now - then for now, then in zip(await sums(database), before, strict=True)]
        assert gained == [5, 5, 20], step
        shop.now += timedelta(seconds=1)
        if calls < step:
            break
        steps = step
    assert steps > 20
    await proven(database)


async def test_bulk_writes_to_the_byte_what_single_postings_write(
    two_database_urls: list[str],
) -> None:
    """Ids, hashes and the order of events too, where both post in one order."""
    found = []
    for url, is_bulk in zip(two_database_urls, (True, False), strict=True):
        database = open_database(url, DatabaseLimits())
        shop = Shop(database)
        cards = await shop.opened()
        order = [None, *sorted([*cards] * 3, key=cards.index)]
        commands = [bought(number, card) for number, card in enumerate(order)]
        context = await shop.context()
        if is_bulk:
            await sale_batches.post_sales(context, commands)
        else:
            for command in commands:
                await sales.post_sale(context, command)
        await context.read.close()
        rows = await everything(database)
        await database.dispose()
        found.append({name: sorted(map(str, table)) for name, table in rows.items()})
    assert found[0] == found[1]


async def test_a_chunk_costs_few_statements_whatever_its_sales(database: Database) -> None:
    faulty = Faulty(database)
    shop = Shop(faulty)
    cards = await shop.opened()
    for number in (8, 200):
        faulty.heal()
        await shop.in_bulk([bought(1000 * number + n, cards[n % CARDS]) for n in range(number)])
        assert faulty.calls <= 36
