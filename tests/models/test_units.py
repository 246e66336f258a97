import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import event, func, select

from models.card_statements import CARD, advance_card, insert_card, locked_card
from models.database import ATTEMPTS, Database
from models.failures import KeyInProgress
from models.statements import Statement
from models.transactions import Transaction
from tests.models.samples import HASH, NOW, Opened, busy_connections, card_row, cards, given_card


@pytest.fixture
def postgres(postgresql_url: str, opened: Opened) -> Database:
    # A lock is waited for longer than the server waits before it looks for a deadlock.
    return opened(postgresql_url, lock_timeout_seconds=3.0)


@pytest.fixture
def sqlite(sqlite_url: str, opened: Opened) -> Any:
    return opened(sqlite_url)


async def counted(transaction: Transaction, card_id: UUID) -> int:
    """Count one posting on a card, as the posting path does: read under lock, decide, write."""
    row = await transaction.first(locked_card, **{CARD.key: card_id})
    assert row
    next_seq = row.next_seq + 1
    written = await transaction.run(
        advance_card,
        **{CARD.key: card_id},
        next_seq=next_seq,
        next_event=row.next_event,
        head_hash=HASH,
        last_posted_at=NOW,
        last_entry_on=None,
    )
    assert written == 1
    return next_seq


async def test_a_unit_returns_its_result_and_what_it_wrote_stands(database: Database) -> None:
    card_id = await given_card(database)

    async def count(transaction: Transaction) -> int:
        return await counted(transaction, card_id)

    assert await database.unit(count) == 2
    assert [row.next_seq for row in await cards(database, card_id)] == [2]
    assert busy_connections(database) == 0


async def test_a_failing_unit_leaves_nothing_and_runs_once(database: Database) -> None:
    row = card_row()
    runs = 0

    async def fail(transaction: Transaction) -> None:
        nonlocal runs
        runs += 1
        await transaction.run(insert_card, **row)
        raise LookupError

    with pytest.raises(LookupError):
        await database.unit(fail)
    assert runs == 1
    assert await cards(database, row["card_id"]) == []
    assert busy_connections(database) == 0


async def test_units_on_one_card_are_serial(database: Database) -> None:
    card_id = await given_card(database)

    async def count(transaction: Transaction) -> int:
        return await counted(transaction, card_id)

    results = await asyncio.gather(*(database.unit(count) for _ in range(40)))
    assert sorted(results) == list(range(2, 42))


@pytest.mark.parametrize(
    "error",
    [asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError],
)
async def test_a_unit_that_always_conflicts_runs_five_times(
    database: Database, error: Callable[[], Exception]
) -> None:
    row = card_row()
    runs = 0

    async def conflict(transaction: Transaction) -> None:
        nonlocal runs
        runs += 1
        await transaction.run(insert_card, **row)
        raise error()

    with pytest.raises(KeyInProgress):
        await database.unit(conflict)
    assert runs == ATTEMPTS
    assert await cards(database, row["card_id"]) == []
    assert busy_connections(database) == 0


async def test_no_attempt_begins_after_the_deadline(database_url: str, opened: Opened) -> None:
    database = opened(database_url, unit_deadline_seconds=0)
    runs = 0

    async def conflict(_transaction: Transaction) -> None:
        nonlocal runs
        runs += 1
        raise asyncpg.SerializationError

    with pytest.raises(KeyInProgress):
        await database.unit(conflict)
    assert runs == 1


async def test_two_units_that_lock_in_opposite_order_both_end_well(postgres: Database) -> None:
    one, other = [await given_card(postgres), await given_card(postgres)]
    both_hold_one = asyncio.Barrier(2)
    conflicts: list[Exception] = []

    def locking(first: UUID, second: UUID) -> Callable[[Transaction], Awaitable[None]]:
        async def lock(transaction: Transaction) -> None:
            await counted(transaction, first)
            if not conflicts:
                await both_hold_one.wait()
            try:
                await counted(transaction, second)
            except Exception as error:
                conflicts.append(error)
                raise

        return lock

    await asyncio.gather(
        postgres.unit(locking(one, other)),
        postgres.unit(locking(other, one)),
    )
    assert isinstance(conflicts[0], asyncpg.DeadlockDetectedError)
    assert [row.next_seq for row in await cards(postgres, one, other)] == [3, 3]


async def test_a_card_locked_for_ever_is_told_after_every_attempt(
    postgresql_url: str, opened: Opened
) -> None:
    database = opened(postgresql_url, lock_timeout_seconds=0.05)
    card_id = await given_card(database)
    held, done = asyncio.Event(), asyncio.Event()
    runs = 0

    async def hold(transaction: Transaction) -> None:
        await transaction.first(locked_card, **{CARD.key: card_id})
        held.set()
        await done.wait()

    async def count(transaction: Transaction) -> int:
        nonlocal runs
        runs += 1
        return await counted(transaction, card_id)

    holder = asyncio.create_task(database.unit(hold))
    await held.wait()
    with pytest.raises(KeyInProgress) as refusal:
        await database.unit(count)
    assert isinstance(refusal.value.__cause__, asyncpg.LockNotAvailableError)
    assert runs == ATTEMPTS
    done.set()
    await holder
    assert await database.unit(count) == 2


FAILING = """
CREATE SEQUENCE commits;
CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF nextval('commits') = 1 THEN RAISE EXCEPTION 'lost' USING ERRCODE = 'XX000'; END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER failing AFTER UPDATE ON card DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION fail_once();
"""


async def test_a_commit_that_fails_inside_the_server_runs_again(
    postgres: Database, postgresql_url: str
) -> None:
    card_id = await given_card(postgres)
    connection = await asyncpg.connect(postgresql_url)
    await connection.execute(FAILING)
    await connection.close()
    runs = 0

    async def count(transaction: Transaction) -> int:
        nonlocal runs
        runs += 1
        return await counted(transaction, card_id)

    assert await postgres.unit(count) == 2
    assert runs == 2
    assert [row.next_seq for row in await cards(postgres, card_id)] == [2]
    assert busy_connections(postgres) == 0


async def test_a_busy_file_is_told_after_every_attempt(sqlite: Any, sqlite_url: str) -> None:
    def impatient(driver: sqlite3.Connection, _record: object) -> None:
        driver.execute("PRAGMA busy_timeout=10")

    event.listen(sqlite.engine, "connect", impatient)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(KeyInProgress) as refusal:
        await given_card(sqlite)
    assert isinstance(refusal.value.__cause__, sqlite3.OperationalError)
    other.execute("ROLLBACK")
    other.close()
    assert await given_card(sqlite)
    assert busy_connections(sqlite) == 0


@pytest.mark.parametrize("seconds", [0, 0.001])
async def test_a_unit_that_waits_for_something_else_fails_on_sqlite(
    sqlite: Any, seconds: float
) -> None:
    row = card_row()

    async def wait(transaction: Transaction) -> None:
        await transaction.run(insert_card, **row)
        await asyncio.sleep(seconds)

    with pytest.raises(RuntimeError):
        await sqlite.unit(wait)
    assert await cards(sqlite, row["card_id"]) == []
    assert busy_connections(sqlite) == 0


async def test_a_unit_that_hides_a_failed_statement_is_not_taken_for_done(
    postgres: Database,
) -> None:
    row = card_row()

    async def hide(transaction: Transaction) -> None:
        await transaction.run(insert_card, **row)
        with pytest.raises(asyncpg.UniqueViolationError):
            await transaction.run(insert_card, **row)

    with pytest.raises(RuntimeError):
        await postgres.unit(hide)
    assert await cards(postgres, row["card_id"]) == []
    assert busy_connections(postgres) == 0


async def test_an_argument_of_the_wrong_type_is_a_fault_and_no_outage(postgres: Database) -> None:
    runs = 0

    async def misuse(transaction: Transaction) -> None:
        nonlocal runs
        runs += 1
        await transaction.run(insert_card, **card_row(next_seq="one"))

    with pytest.raises(asyncpg.DataError):
        await postgres.unit(misuse)
    assert runs == 1
    assert busy_connections(postgres) == 0


async def test_a_missing_parameter_is_a_fault(database: Database) -> None:
    row = card_row()
    del row["number"]

    async def forget(transaction: Transaction) -> None:
        await transaction.run(insert_card, **row)

    with pytest.raises(KeyError):
        await database.unit(forget)


async def test_a_duplicate_is_left_to_the_caller(database: Database) -> None:
    card_id = await given_card(database)
    with pytest.raises((asyncpg.UniqueViolationError, sqlite3.IntegrityError)):
        await given_card(database, card_id=card_id)


async def test_a_unit_through_a_transaction_pooler_has_its_limits(
    postgresql_url: str, opened: Opened
) -> None:
    database = opened(postgresql_url, pooled=True, lock_timeout_seconds=0.123)
    setting = Statement(select(func.current_setting("lock_timeout")), str)

    async def shown(transaction: Transaction) -> str | None:
        return await transaction.first(setting)

    assert await database.unit(shown) == "123ms"
    assert await cards(database, await given_card(database))


async def test_two_servers_on_one_file_lose_nothing(sqlite_url: str, opened: Opened) -> None:
    servers = [opened(sqlite_url), opened(sqlite_url)]
    card_id = await given_card(servers[0])

    async def count(transaction: Transaction) -> int:
        return await counted(transaction, card_id)

    units = [server.unit(count) for _ in range(50) for server in servers]
    assert sorted(await asyncio.gather(*units)) == list(range(2, 102))
    assert [row.next_seq for row in await cards(servers[1], card_id)] == [101]
