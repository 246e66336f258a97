"""Posting sales in bulk, one by one, and copying the rows they make, in one run on PostgreSQL.

`make bench` prints the medians of interleaved rounds: (a) single sales through `post_sale`, (b) the
same kind of sales through `post_sales` in calls of 1000, (c) COPY of the very ledger and lot rows
that (b) wrote, into tables with the same columns, checks and indexes that hold as many rows.
"""

import asyncio
import os
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from models.database import DatabaseLimits, open_database
from models.schema_version import migrate
from resolvers import configurations, issuing, sale_batches, sales
from resolvers.books import RuleBooks
from resolvers.callers import Caller, Role
from resolvers.configurations import Apply
from resolvers.context import Context, Service, open_context
from resolvers.issuing import Issue
from resolvers.rewards import grant_rewards
from resolvers.sales import PostSale
from rules.lines import LineInput
from tests.api.program import amount_rule, channel, club_document
from tests.databases import Cluster, server

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
ISSUED = NOW - timedelta(days=60)
CARDS = 2_000
BULK = 10_000
CALL = 1_000
SINGLE = 200
ROUNDS = 3
LINES = (1, 3)
TABLES = ("ledger_entry", "lot_remainder")
# Points to spend and points that win tiers, both by amount, posted per line.
DOCUMENT = club_document(
    amount_rule(), amount_rule("status", point="STAT"), channels=[channel(kind="STORE")]
)


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Run:
    """Seconds of each round, and how many rows a bulk round wrote into the two tables."""

    single: list[float] = field(default_factory=list)
    bulk: list[float] = field(default_factory=list)
    copy: list[float] = field(default_factory=list)
    rows: int = 0


def sold(number: int, lines: int) -> PostSale:
    """A sale of some lines on any of the cards, a minute after the one before it."""
    dice = random.Random(number)  # noqa: S311 (nothing secret)
    bought = tuple(
        LineInput(place, f"P{dice.randrange(500)}", Decimal(1), Decimal(dice.randrange(5000)) / 100)
        for place in range(1, lines + 1)
    )
    at = NOW - timedelta(days=30) + timedelta(minutes=number)
    card = f"B{dice.randrange(CARDS)}"
    return PostSale("WEB", f"T{number}", at, "USD", bought, card_number=card)


@asynccontextmanager
async def prepared(url: str) -> AsyncIterator[Context]:
    """A till at a service with cards in the program."""
    clock = Clock(ISSUED)
    database = open_database(url, DatabaseLimits())
    service = Service(database, RuleBooks(), clock, os.urandom, grant_rewards)
    admin = await open_context(service, Caller(Role.ADMIN, "benchmark"), "benchmark")
    await configurations.apply(admin, Apply(DOCUMENT, None, None, process=True))
    for number in range(CARDS):
        await issuing.issue(admin, f"card-{number}", Issue("WEB", f"B{number}"))
    clock.now = NOW
    await admin.read.close()
    context = await open_context(service, Caller(Role.STOREFRONT, "till"), "benchmark")
    yield context
    await context.read.close()
    await database.dispose()


async def one_by_one(context: Context, given: Sequence[PostSale]) -> float:
    began = time.perf_counter()
    for command in given:
        await sales.post_sale(context, command)
    return time.perf_counter() - began


async def in_bulk(context: Context, given: Sequence[PostSale]) -> float:
    began = time.perf_counter()
    for first in range(0, len(given), CALL):
        results = await sale_batches.post_sales(context, given[first : first + CALL])
        if any(result.posted is None for result in results):
            raise AssertionError
    return time.perf_counter() - began


class Copies:
    """Tables like those of the ledger, filled by COPY with the rows that were written since."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def create(self) -> None:
        for table in TABLES:
            await self.connection.execute(
                f"CREATE TABLE copy_of_{table} (LIKE {table} INCLUDING ALL)"
            )

    async def take(self) -> dict[str, list[Any]]:
        """The rows that the copies do not have yet."""
        return {
            table: await self.connection.fetch(
                f"SELECT * FROM {table} one WHERE NOT EXISTS (SELECT FROM copy_of_{table} other "  # noqa: S608
                f"WHERE other.card_id = one.card_id AND other.{key} = one.{key})"
            )
            for table, key in zip(TABLES, ("entry_id", "lot_id"), strict=True)
        }

    async def fill(self, rows: dict[str, list[Any]]) -> float:
        """Seconds that COPY takes, in transactions of as many sales as a call has."""
        began = time.perf_counter()
        for part in range(calls := BULK // CALL):
            async with self.connection.transaction():
                for table, found in rows.items():
                    size = -(-len(found) // calls)
                    await self.connection.copy_records_to_table(
                        f"copy_of_{table}", records=found[part * size : (part + 1) * size]
                    )
        return time.perf_counter() - began


async def measure(url: str, lines: int) -> Run:
    await asyncio.to_thread(migrate, url)
    connection = await asyncpg.connect(url)
    copies, run, numbers = Copies(connection), Run(), iter(range(10**9))
    await copies.create()
    async with prepared(url) as context:
        await in_bulk(context, [sold(next(numbers), lines) for _ in range(CALL)])
        await copies.fill(await copies.take())
        for _ in range(ROUNDS):
            # The throw-away server does not look after its statistics by itself: without them the
            # plans that were made for empty tables would stay.
            await connection.execute("ANALYZE")
            run.single.append(
                await one_by_one(context, [sold(next(numbers), lines) for _ in range(SINGLE)])
            )
            await copies.fill(await copies.take())
            given = [sold(next(numbers), lines) for _ in range(BULK)]
            run.bulk.append(await in_bulk(context, given))
            rows = await copies.take()
            run.rows = sum(map(len, rows.values()))
            run.copy.append(await copies.fill(rows))
    await connection.close()
    return run


def told(lines: int, run: Run) -> None:
    single = SINGLE / statistics.median(run.single)
    bulk = BULK / statistics.median(run.bulk)
    copied = run.rows / statistics.median(run.copy)
    written = run.rows / statistics.median(run.bulk)
    print(
        f"sales of {lines} line(s), {BULK:,} in calls of {CALL:,} over {CARDS:,} cards: "
        f"single {single:.0f}/s, bulk {bulk:.0f}/s, ratio {bulk / single:.1f}; "
        f"{run.rows:,} ledger and lot rows: bulk {written:.0f}/s, COPY alone {copied:.0f}/s, "
        f"ratio {written / copied:.2f}"
    )


def main() -> int:
    with server() as address:
        cluster = Cluster(address)
        for lines in LINES:
            with cluster.template(), cluster.database() as url:
                told(lines, asyncio.run(measure(url, lines)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
