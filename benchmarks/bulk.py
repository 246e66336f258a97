"""Posting in bulk, one by one, and copying the rows that it makes, in one run on PostgreSQL.

`make bench` prints the medians of interleaved rounds: (a) activities in real time, one after
another, (b) the same kind of activities as 10,000 lines of the journal, posted by one call,
(c) COPY of the very ledger and lot rows that (b) wrote, into tables with the same columns, checks
and indexes that hold as many rows, in transactions of as many rows as (b) has.
"""

import asyncio
import gc
import os
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from models.database import DatabaseLimits, open_database
from models.schema_version import migrate
from resolvers import activities, activity_lines, configurations, issuing, line_postings
from resolvers.activity_checks import Activity
from resolvers.activity_lines import NewLine
from resolvers.books import RuleBooks
from resolvers.callers import Caller, Role
from resolvers.configurations import Apply
from resolvers.context import Context, Service, open_context
from resolvers.issuing import Issue
from resolvers.rewards import grant_rewards
from tests.api.activities import activity_program, activity_rule
from tests.databases import Cluster, server

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
ISSUED = NOW - timedelta(days=60)
CARDS = 2_000
BULK = 10_000
CALL = 1_000
SINGLE = 200
ROUNDS = 3
TABLES = ("ledger_entry", "lot_remainder")
DOCUMENT = activity_program(
    activity_rule("visit", activityType="VISIT"), types=[{"code": "VISIT", "name": "A visit"}]
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


def visit(number: int) -> Activity:
    """An activity of any of the cards, a minute after the one before it."""
    at = NOW - timedelta(days=30) + timedelta(seconds=number)
    card = f"B{random.Random(number).randrange(CARDS)}"  # noqa: S311 (nothing secret)
    return Activity("WEB", card, "VISIT", f"V{number}", at)


@asynccontextmanager
async def prepared(url: str) -> AsyncIterator[Context]:
    """A desk at a service with cards in the program."""
    clock = Clock(ISSUED)
    database = open_database(url, DatabaseLimits())
    service = Service(database, RuleBooks(), clock, os.urandom, grant_rewards)
    admin = await open_context(service, Caller(Role.ADMIN, "benchmark"), "benchmark")
    await configurations.apply(admin, Apply(DOCUMENT, None, None, process=True))
    for number in range(CARDS):
        await issuing.issue(admin, f"card-{number}", Issue("WEB", f"B{number}"))
    clock.now = NOW
    await admin.read.close()
    # As a serving process does when it has started.
    gc.collect()
    gc.freeze()
    context = await open_context(service, Caller(Role.STAFF, "desk"), "benchmark")
    yield context
    await context.read.close()
    await database.dispose()


async def one_by_one(context: Context, given: Sequence[Activity]) -> float:
    began = time.perf_counter()
    for activity in given:
        await activities.post_activity(context, activity)
    return time.perf_counter() - began


async def in_bulk(context: Context, given: Sequence[Activity]) -> float:
    """The posting alone: lines are written into the journal before."""
    for first in range(0, len(given), CALL):
        await activity_lines.create(
            context, [NewLine(activity) for activity in given[first : first + CALL]]
        )
    began = time.perf_counter()
    done = await line_postings.post_lines(context, None)
    seconds = time.perf_counter() - began
    if (done.posted, done.failed) != (len(given), 0):
        raise AssertionError(done)
    return seconds


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
        """Seconds that COPY takes, in transactions of as many rows as one of the bulk has."""
        size = line_postings.CHUNK
        began = time.perf_counter()
        for first in range(0, max(map(len, rows.values())), size):
            async with self.connection.transaction():
                for table, found in rows.items():
                    await self.connection.copy_records_to_table(
                        f"copy_of_{table}", records=found[first : first + size]
                    )
        return time.perf_counter() - began


async def measure(url: str) -> Run:
    await asyncio.to_thread(migrate, url)
    connection = await asyncpg.connect(url)
    copies, run, numbers = Copies(connection), Run(), iter(range(10**9))
    await copies.create()
    async with prepared(url) as context:
        await in_bulk(context, [visit(next(numbers)) for _ in range(CALL)])
        await copies.fill(await copies.take())
        for _ in range(ROUNDS):
            # The throw-away server does not look after its statistics by itself: without them the
            # plans that were made for empty tables would stay.
            await connection.execute("ANALYZE")
            run.single.append(
                await one_by_one(context, [visit(next(numbers)) for _ in range(SINGLE)])
            )
            await copies.fill(await copies.take())
            run.bulk.append(await in_bulk(context, [visit(next(numbers)) for _ in range(BULK)]))
            rows = await copies.take()
            run.rows = sum(map(len, rows.values()))
            run.copy.append(await copies.fill(rows))
    await connection.close()
    return run


def told(run: Run) -> None:
    single = SINGLE / statistics.median(run.single)
    bulk = BULK / statistics.median(run.bulk)
    copied = run.rows / statistics.median(run.copy)
    written = run.rows / statistics.median(run.bulk)
    print(
        f"{BULK:,} activity lines over {CARDS:,} cards: single {single:.0f}/s, bulk {bulk:.0f}/s, "
        f"ratio {bulk / single:.1f}; {run.rows:,} ledger and lot rows: bulk {written:.0f}/s, "
        f"COPY alone {copied:.0f}/s, ratio {written / copied:.2f}"
    )


def main() -> int:
    with (
        server() as address,
        Cluster(address).connected() as cluster,
        cluster.database() as url,
    ):
        told(asyncio.run(measure(url)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
