"""Reading a balance with 10 and with 100,000 entries on the card, in one run, on both engines.

`make bench` prints the medians of many reads through the service's own read path (card by number,
balance by reward point) and their ratio.
"""

import asyncio
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from models.database import Database, DatabaseLimits, open_database
from models.schema_version import migrate
from models.transactions import Transaction
from resolvers import balances, cards, configurations, issuing
from resolvers.balances import Moment
from resolvers.books import RuleBooks
from resolvers.callers import Caller, Role
from resolvers.card_watch import CardWatch
from resolvers.configurations import Apply
from resolvers.context import Service, open_context
from resolvers.identifiers import random_id
from resolvers.issuing import Issue
from resolvers.postings import lock_card
from resolvers.rewards import grant_rewards
from resolvers.writing import post
from rules.ledger import Draft, EntryType, Origin, Reason
from tests.databases import Cluster, server

SIZES = (10, 100_000)
CHUNK = 5_000
READS = 400
ROUNDS = 5
NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
DAYS = 300

DOCUMENT = {
    "numberSequences": [{"code": "N", "format": "B-#####", "next": 1}],
    "channels": [
        {
            "code": "WEB",
            "kind": "ONLINE",
            "currency": "USD",
            "timeZone": "UTC",
            "legalEntity": "B",
            "numberSequence": "N",
        }
    ],
    "rewardPoints": [
        {"code": "PTS", "kind": "QUANTITY", "expiration": {"value": 2, "unit": "YEAR"}}
    ],
    "programs": [{"code": "CLUB"}],
    "schemes": [
        {
            "code": "S",
            "program": "CLUB",
            "channels": ["WEB"],
            "earningRules": [
                {
                    "code": "base",
                    "activity": "PURCHASE_BY_AMOUNT",
                    "currency": "USD",
                    "rewardPoint": "PTS",
                    "points": 1,
                }
            ],
        }
    ],
}


def drafts(first: int, count: int) -> list[Draft]:
    """Earnings of one point each, spread over `DAYS` days."""
    made = []
    for number in range(first, first + count):
        day = (NOW - timedelta(days=number % DAYS)).date()
        made.append(
            Draft(
                entry_type=EntryType.EARN,
                reward_point="PTS",
                points_units=1,
                entry_date=day,
                counts_on=day,
                occurred_at=NOW,
                vests_on=day,
                expires_on=day + timedelta(days=730),
                origin=Origin(channel="WEB", program="CLUB"),
                reason=Reason(1, "S", "base", 1, "floor(1.00 / 1) x 1 = 1"),
            )
        )
    return made


async def fill(service: Service, card_id: UUID, size: int) -> None:
    for first in range(0, size, CHUNK):

        async def unit(transaction: Transaction, first: int = first) -> None:
            card = await lock_card(transaction, card_id)
            await post(
                transaction,
                card,
                op_id=random_id(service.randomness),
                kind="bench",
                drafts=drafts(first, min(CHUNK, size - first)),
                events=(),
                now=NOW,
                zone="UTC",
                randomness=service.randomness,
            )

        await service.database.unit(unit)


async def prepared(service: Service) -> dict[int, str]:
    """The number of a card for each size of book."""
    caller = Caller(Role.ADMIN, "benchmark")
    context = await open_context(service, caller, "benchmark")
    await configurations.apply(context, Apply(DOCUMENT, None, None, process=True))
    numbers = {}
    for size in SIZES:
        outcome = await issuing.issue(context, f"card-{size}", Issue("WEB", f"B{size}"))
        await fill(service, UUID(outcome.answer["card_id"]), size)
        numbers[size] = f"B{size}"
    await context.read.close()
    return numbers


async def read_balance(service: Service, number: str) -> int:
    """One query operation: a context, the card by its number, one balance."""
    context = await open_context(service, Caller(Role.STAFF, "benchmark"), "benchmark")
    try:
        card = await cards.by_number(context, number)
        if card is None:
            raise LookupError(number)
        balance = await balances.of_point(context, card, "PTS", Moment())
        return balance.total("available") if balance else 0
    finally:
        await context.read.close()


async def measure(service: Service) -> dict[int, float]:
    """Microseconds of one read, the median of the rounds' medians, sizes taking turns."""
    numbers = await prepared(service)
    for size, number in numbers.items():
        found = await read_balance(service, number)
        if found != size:
            raise AssertionError(f"{number} holds {found}, not {size}")
    rounds: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size, number in numbers.items():
            rounds[size].append(await _median_us(service, number))
    return {size: statistics.median(found) for size, found in rounds.items()}


async def _median_us(service: Service, number: str) -> float:
    times = []
    for _ in range(READS):
        began = time.perf_counter_ns()
        await read_balance(service, number)
        times.append((time.perf_counter_ns() - began) / 1000)
    return statistics.median(times)


async def run(name: str, url: str) -> None:
    await asyncio.to_thread(migrate, url)
    limits = DatabaseLimits(command_timeout_seconds=60, statement_timeout_seconds=60)
    database: Database = open_database(url, limits)
    service = Service(
        database, RuleBooks(), lambda: NOW, os.urandom, grant_rewards, CardWatch(database)
    )
    try:
        found = await measure(service)
    finally:
        await database.dispose()
    small, large = (found[size] for size in SIZES)
    print(
        f"{name}: balance with {SIZES[0]:,} entries {small:.0f} us, "
        f"with {SIZES[1]:,} entries {large:.0f} us, ratio {large / small:.2f}"
    )


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run("SQLite", f"sqlite:///{Path(directory) / 'bench.db'}"))
    with (
        server() as address,
        Cluster(address).connected() as cluster,
        cluster.database() as url,
    ):
        asyncio.run(run("PostgreSQL", url))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
