"""Posting in bulk, one by one, and copying the rows that it makes, in one run on PostgreSQL.

`make bench` prints for each kind the medians of interleaved rounds: (a) postings in real time, one
after another, (b) 10,000 of the kind that wait, posted by one call: lines of the journal, sales of
the queue, (c) the same by the command's job with as many processes that post as there are cores and
the one that hands out, what it takes to start them included, (d) COPY of the very ledger and lot
rows that (b) and (c) wrote, by one connection into tables with the same columns, checks and indexes
that hold as many rows, in transactions of as many rows as those of (b) have.
"""

import asyncio
import gc
import math
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
import uvloop

from benchmarks.bulk_kinds import CARDS, KINDS, NOW, Kind
from commands.jobs import run_shared
from models.database import DatabaseLimits, open_database
from models.schema_version import migrate
from resolvers import configurations, issuing
from resolvers.books import RuleBooks
from resolvers.callers import Caller, Role
from resolvers.card_watch import CardWatch
from resolvers.configurations import Apply
from resolvers.context import Context, Service, open_context
from resolvers.issuing import Issue
from resolvers.jobs import JobDone
from resolvers.rewards import grant_rewards
from settings import read_settings
from tests.databases import Cluster, server

ISSUED = NOW - timedelta(days=60)
BULK = 10_000
WARM = 1_000
SINGLE = 200
ROUNDS = 3
WORKERS = os.cpu_count() or 1
TABLES = ("ledger_entry", "lot_remainder")


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Run:
    """Seconds of each round, `cpu` those of Python in the bulk of one process, and how many rows a
    bulk round wrote into the two tables.
    """

    single: list[float] = field(default_factory=list)
    bulk: list[float] = field(default_factory=list)
    shared: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    copy: list[float] = field(default_factory=list)
    rows: int = 0


class Spent(NamedTuple):
    """Seconds in all, and of these Python's own."""

    seconds: float
    worked: float


@asynccontextmanager
async def prepared(url: str, document: dict[str, Any]) -> AsyncIterator[Context]:
    """An operator at a service with cards in the program."""
    clock = Clock(ISSUED)
    database = open_database(url, DatabaseLimits())
    service = Service(database, RuleBooks(), clock, os.urandom, grant_rewards, CardWatch(database))
    admin = await open_context(service, Caller(Role.ADMIN, "benchmark"), "benchmark")
    await configurations.apply(admin, Apply(document, None, None, process=True))
    for number in range(CARDS):
        await issuing.issue(admin, f"card-{number}", Issue("WEB", f"B{number}"))
    clock.now = NOW
    await admin.read.close()
    # As a serving process does when it has started.
    gc.collect()
    gc.freeze()
    context = await open_context(service, Caller(Role.ADMIN, "operator"), "benchmark")
    yield context
    await context.read.close()
    await database.dispose()


async def one_by_one(kind: Kind, context: Context, numbers: Sequence[int]) -> float:
    began = time.perf_counter()
    for number in numbers:
        await kind.one(context, number)
    return time.perf_counter() - began


async def in_bulk(kind: Kind, context: Context, numbers: Sequence[int], connection: Any) -> Spent:
    """The posting alone: what is posted waits before."""
    await kind.wait(context, numbers)
    # The throw-away server does not look after its statistics by itself: without them the plans
    # that were made for emptier tables would stay.
    await connection.execute("ANALYZE")
    began, worked = time.perf_counter(), time.process_time()
    posted = await kind.post(context)
    spent = Spent(time.perf_counter() - began, time.process_time() - worked)
    if posted != len(numbers):
        raise AssertionError(posted)
    return spent


async def by_workers(kind: Kind, context: Context, numbers: Sequence[int], url: str) -> float:
    await kind.wait(context, numbers)
    await context.read.close()
    settings = read_settings({"LOYALTY_DATABASE_URL": url, "LOYALTY_CLOCK": NOW.isoformat()})
    began = time.perf_counter()
    done = await asyncio.to_thread(run_shared, settings, kind.job, WORKERS)
    spent = time.perf_counter() - began
    if done != JobDone(len(numbers)):
        raise AssertionError(done)
    return spent


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

    async def fill(self, rows: dict[str, list[Any]], transactions: int) -> float:
        """Seconds that COPY takes."""
        count = max(map(len, rows.values()))
        size = math.ceil(count / transactions)
        began = time.perf_counter()
        for first in range(0, count, size):
            async with self.connection.transaction():
                for table, found in rows.items():
                    await self.connection.copy_records_to_table(
                        f"copy_of_{table}", records=found[first : first + size]
                    )
        return time.perf_counter() - began


async def measure(url: str, kind: Kind) -> Run:
    await asyncio.to_thread(migrate, url)
    connection = await asyncpg.connect(url)
    copies, run, numbers = Copies(connection), Run(), iter(range(10**9))

    def some(count: int) -> Sequence[int]:
        return [next(numbers) for _ in range(count)]

    await copies.create()
    async with prepared(url, kind.document) as context:
        await in_bulk(kind, context, some(WARM), connection)
        await copies.fill(await copies.take(), 1)
        for _ in range(ROUNDS):
            run.single.append(await one_by_one(kind, context, some(SINGLE)))
            await copies.fill(await copies.take(), 1)
            spent = await in_bulk(kind, context, some(BULK), connection)
            run.bulk.append(spent.seconds)
            run.cpu.append(spent.worked)
            rows = await copies.take()
            run.rows = sum(map(len, rows.values()))
            run.copy.append(await copies.fill(rows, BULK // kind.together))
            run.shared.append(await by_workers(kind, context, some(BULK), url))
            run.copy.append(await copies.fill(await copies.take(), BULK // kind.together))
    await connection.close()
    return run


def told(kind: Kind, run: Run) -> None:
    single = SINGLE / statistics.median(run.single)
    copied = run.rows / statistics.median(run.copy)
    cpu = statistics.median(run.cpu) / BULK * 1e6
    print(
        f"{BULK:,} {kind.name}, over {CARDS:,} cards: single {single:.0f}/s; {run.rows:,} ledger "
        f"and lot rows, COPY of them alone {copied:.0f} rows/s; {cpu:.0f} us of Python each"
    )
    for name, spent in (("one process", run.bulk), (f"{WORKERS} processes", run.shared)):
        seconds = statistics.median(spent)
        bulk, written = BULK / seconds, run.rows / seconds
        print(
            f"  bulk, {name}: {bulk:.0f}/s, {bulk / single:.1f} times single; "
            f"{written:.0f} rows/s, {written / copied:.2f} of COPY",
            flush=True,
        )


def main(only: str = "") -> int:
    """`only`: kinds whose name has this in it."""
    with server() as address, Cluster(address).connected() as cluster:
        for kind in KINDS:
            if only in kind.name:
                with cluster.database() as url:
                    told(kind, uvloop.run(measure(url, kind)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
