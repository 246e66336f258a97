import asyncio
import contextlib
import sqlite3
from uuid import uuid4

import anyio
import asyncpg
import pytest
from sqlalchemy import text

from models.card_statements import CARD, cards_of, change_status, insert_card
from models.database import Database
from models.failures import DatabaseUnavailable
from models.postgres import PostgresDatabase
from models.program_statements import newest_version, versions_count
from models.statements import MAXIMUM_ARRAY, MAXIMUM_KEYS, Statement, nothing
from models.transactions import ReadEnded, Transaction
from tests.models.samples import Opened, busy_connections, card_row, cards, given_card


async def test_a_read_keeps_its_snapshot_until_it_is_closed(database: Database) -> None:
    card_id = await given_card(database)
    read = database.read()
    assert [row.status for row in await read.each(cards_of, [card_id])] == ["ACTIVE"]

    async def block(transaction: Transaction) -> None:
        await transaction.run(
            change_status, **{CARD.key: card_id, "status": "BLOCKED", "blocked_at": None}
        )

    await database.unit(block)
    assert [row.status for row in await cards(database, card_id)] == ["BLOCKED"]
    assert [row.status for row in await read.each(cards_of, [card_id])] == ["ACTIVE"]
    await read.close()
    assert [row.status for row in await read.each(cards_of, [card_id])] == ["BLOCKED"]
    await read.close()


async def test_a_read_takes_a_connection_with_its_first_statement(database: Database) -> None:
    read = database.read()
    await read.close()
    assert busy_connections(database) == 0
    await read.first(newest_version)
    await read.first(newest_version)
    assert busy_connections(database) == 1
    await read.close()
    await read.close()
    assert busy_connections(database) == 0


async def test_a_read_counts_its_statements(database: Database) -> None:
    read = database.read()
    assert read.statements == 0
    assert await read.first(newest_version) is None
    assert await read.each(cards_of, []) == []
    at_once = MAXIMUM_ARRAY if isinstance(database, PostgresDatabase) else MAXIMUM_KEYS
    assert await read.each(cards_of, [uuid4() for _ in range(2 * at_once + 1)]) == []
    await read.close()
    assert read.statements == 1 + 3


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 511, 512, 513])
async def test_a_list_of_any_length_finds_each_key_once(database: Database, count: int) -> None:
    rows = [card_row() for _ in range(count)]

    async def issue(transaction: Transaction) -> None:
        await transaction.run_many(insert_card, rows)

    await database.unit(issue)
    found = await cards(database, *[row["card_id"] for row in rows])
    assert sorted(row.card_id for row in found) == sorted(row["card_id"] for row in rows)


async def test_statements_asked_for_at_once_run_one_after_another(database: Database) -> None:
    card_ids = [await given_card(database) for _ in range(8)]
    read = database.read()
    found = await asyncio.gather(*(read.each(cards_of, [card_id]) for card_id in card_ids))
    await read.close()
    assert [rows[0].card_id for rows in found] == card_ids
    assert read.statements == len(card_ids)


async def test_what_a_read_writes_does_not_stand(database: Database) -> None:
    row = card_row()
    read = database.read()
    with contextlib.suppress(DatabaseUnavailable):
        await read.all(insert_card, **row)
    await read.close()
    assert await cards(database, row["card_id"]) == []


async def test_postgresql_refuses_to_write_in_a_read(postgresql_url: str, opened: Opened) -> None:
    database = opened(postgresql_url)
    read = database.read()
    with pytest.raises(DatabaseUnavailable) as refusal:
        await read.all(insert_card, **card_row())
    assert isinstance(refusal.value.__cause__, asyncpg.ReadOnlySQLTransactionError)
    await read.close()


async def test_what_goes_on_after_the_end_opens_no_snapshot(database: Database) -> None:
    read = database.read()
    await read.first(newest_version)
    await read.end()
    with pytest.raises(ReadEnded):
        await read.first(newest_version)
    opening = database.read()
    late = asyncio.create_task(opening.first(newest_version))
    await asyncio.sleep(0)
    await opening.end()
    with contextlib.suppress(ReadEnded):
        await late
    assert busy_connections(database) == 0


async def test_a_read_closes_though_its_caller_is_cancelled(database: Database) -> None:
    read = database.read()

    async def operation() -> None:
        try:
            await asyncio.gather(*(read.first(versions_count) for _ in range(50)))
        finally:
            await read.close()

    for delay_seconds in (0, 0.001, 0.003):
        with anyio.move_on_after(delay_seconds):
            await operation()
        await anyio.sleep(0.05)
        assert busy_connections(database) == 0


async def test_a_failed_statement_leaves_the_read_closable(database: Database) -> None:
    read = database.read()
    broken = Statement(text("SELECT no_such_column"), nothing)
    with pytest.raises((asyncpg.PostgresError, sqlite3.Error)):
        await read.all(broken)
    await read.close()
    assert busy_connections(database) == 0
    assert await cards(database, await given_card(database))
