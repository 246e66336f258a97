import asyncio
import random
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import anyio
import asyncpg
import pytest
from sqlalchemy import func, make_url, select

from models.card_statements import insert_card
from models.database import Database
from models.failures import DatabaseSlow, DatabaseUnavailable
from models.program_statements import versions_count
from models.statements import Statement, nothing
from models.transactions import Transaction
from tests.models.samples import Opened, busy_connections, card_row, cards, given_card
from tests.models.wire import Wire, wire_to


@pytest.fixture
async def wire(postgresql_url: str) -> AsyncIterator[Wire]:
    # A socket's path is short: what pytest has for temporary files is not.
    with tempfile.TemporaryDirectory() as directory:
        async with wire_to(postgresql_url, Path(directory)) as wire:
            yield wire


@pytest.fixture
def wired(wire: Wire, opened: Opened) -> Database:
    return opened(
        wire.url.render_as_string(hide_password=False),
        pool_size=4,
        acquire_timeout_seconds=0.2,
        command_timeout_seconds=0.2,
        connect_timeout_seconds=0.2,
    )


async def read_once(database: Database) -> None:
    read = database.read()
    try:
        await read.first(versions_count)
    finally:
        await read.close()


async def write_once(database: Database) -> None:
    await given_card(database)


ONCE = pytest.mark.parametrize("once", [read_once, write_once], ids=["read", "unit"])
Once = Callable[[Database], Awaitable[None]]


async def on_server(url: str, sql: str) -> int:
    connection = await asyncpg.connect(url)
    count: int = await connection.fetchval(sql)
    await connection.close()
    return count


async def end_every_connection(url: str) -> int:
    return await on_server(
        url,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


async def open_transactions(url: str) -> int:
    return await on_server(
        url,
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    )


async def test_failing_units_keep_no_connection(database: Database) -> None:
    async def fail(transaction: Transaction) -> None:
        await transaction.run(insert_card, **card_row())
        raise LookupError

    async def failed() -> None:
        with pytest.raises(LookupError):
            await database.unit(fail)

    for _ in range(20):
        await asyncio.gather(*(failed() for _ in range(10)))
    assert busy_connections(database) == 0
    assert await given_card(database)


async def test_cancelled_units_and_reads_keep_no_connection(
    database: Database, database_url: str
) -> None:
    chance = random.Random(20_260_329)  # noqa: S311 (the same delays in each run)

    async def cancelled(once: Once) -> None:
        with anyio.move_on_after(chance.uniform(0, 0.02)):
            await once(database)

    for _ in range(20):
        await asyncio.gather(
            *(cancelled(write_once) for _ in range(10)), *(cancelled(read_once) for _ in range(10))
        )
    # On SQLite the unit that runs in the writer's thread runs to its end.
    await given_card(database)
    assert busy_connections(database) == 0
    if database_url.startswith("postgresql"):
        assert await open_transactions(database_url) == 0


@ONCE
async def test_a_full_pool_is_told_within_two_seconds(
    postgresql_url: str, once: Once, opened: Opened
) -> None:
    database = opened(postgresql_url, pool_size=1)
    holder = database.read()
    await holder.first(versions_count)
    with anyio.fail_after(2), pytest.raises(DatabaseSlow):
        await once(database)
    await holder.close()
    await once(database)
    assert busy_connections(database) == 0


@ONCE
async def test_ended_connections_are_survived_by_the_next_call(
    postgresql_url: str, once: Once, opened: Opened
) -> None:
    database = opened(postgresql_url)
    for _ in range(3):
        await asyncio.gather(*(once(database) for _ in range(10)))
        assert await end_every_connection(postgresql_url) > 0
        await once(database)
        assert busy_connections(database) == 0


async def test_a_connection_that_ends_within_a_unit_is_survived(
    postgresql_url: str, opened: Opened
) -> None:
    database = opened(postgresql_url)
    row = card_row()
    runs = 0

    async def issue(transaction: Transaction) -> None:
        nonlocal runs
        runs += 1
        await transaction.run(insert_card, **row)
        if runs == 1:
            await end_every_connection(postgresql_url)

    await database.unit(issue)
    assert runs == 2
    assert len(await cards(database, row["card_id"])) == 1
    assert busy_connections(database) == 0


async def test_a_connection_that_ends_within_a_read_is_told(
    postgresql_url: str, opened: Opened
) -> None:
    database = opened(postgresql_url)
    read = database.read()
    await read.first(versions_count)
    await end_every_connection(postgresql_url)
    with pytest.raises(DatabaseUnavailable):
        await read.first(versions_count)
    await read.close()
    assert busy_connections(database) == 0
    assert await read.first(versions_count)
    await read.close()


async def test_only_dead_connections_are_given_up(postgresql_url: str, opened: Opened) -> None:
    database = opened(postgresql_url)
    await asyncio.gather(*(read_once(database) for _ in range(5)))
    reading = database.read()
    await reading.first(versions_count)
    living = await on_server(
        postgresql_url,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle'",
    )
    await asyncio.gather(*(write_once(database) for _ in range(5)))
    assert living == 4
    assert await reading.first(versions_count)
    await reading.close()
    assert busy_connections(database) == 0


@ONCE
async def test_a_stopped_server_is_told_and_its_return_is_noticed(
    wire: Wire, wired: Database, once: Once
) -> None:
    await asyncio.gather(*(once(wired) for _ in range(4)))
    await wire.cut()
    for _ in range(6):
        with pytest.raises(DatabaseUnavailable):
            await once(wired)
    assert busy_connections(wired) == 0
    await wire.mend()
    await once(wired)
    assert busy_connections(wired) == 0


@ONCE
async def test_a_silent_server_is_told_in_time_and_its_return_is_noticed(
    wire: Wire, wired: Database, once: Once
) -> None:
    await once(wired)
    wire.flowing.clear()
    with anyio.fail_after(2), pytest.raises((DatabaseSlow, DatabaseUnavailable)):
        await once(wired)
    wire.flowing.set()
    await once(wired)
    assert busy_connections(wired) == 0


async def test_a_server_that_is_not_there_is_told(tmp_path: Path, opened: Opened) -> None:
    database = opened(f"postgresql://nobody@/none?host={tmp_path}")
    with pytest.raises(DatabaseUnavailable):
        await read_once(database)
    with pytest.raises(DatabaseUnavailable):
        await write_once(database)


async def test_a_statement_that_takes_too_long_is_told(postgresql_url: str, opened: Opened) -> None:
    database = opened(postgresql_url, statement_timeout_seconds=0.05)
    runs = 0

    async def linger(transaction: Transaction) -> None:
        nonlocal runs
        runs += 1
        await transaction.all(Statement(select(func.pg_sleep(1)), nothing))

    with pytest.raises(DatabaseSlow):
        await database.unit(linger)
    assert runs == 1
    assert busy_connections(database) == 0


async def test_a_server_that_takes_no_more_connections_is_told(
    postgresql_url: str, opened: Opened
) -> None:
    role = f"limited_{uuid.uuid4().hex}"
    await on_server(postgresql_url, f"CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 0")
    try:
        address = make_url(postgresql_url).set(username=role, password="x")
        database = opened(address.render_as_string(hide_password=False))
        with pytest.raises(DatabaseUnavailable):
            await read_once(database)
        with pytest.raises(DatabaseUnavailable):
            await write_once(database)
    finally:
        await on_server(postgresql_url, f"DROP ROLE {role}")
