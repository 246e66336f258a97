import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    bindparam,
    insert,
    select,
)

from models.columns import (
    CODE,
    DAY,
    HASH,
    IDENTIFIER,
    INSTANT,
    JSON_TEXT,
    MILLIONTHS,
    ORDERED,
    TEXT,
    UNITS,
)
from models.database import Database
from models.schema_version import in_transaction
from models.statements import Statement, write
from models.transactions import Transaction
from tests.models.samples import NOW

every_type = Table(
    "every_type",
    MetaData(),
    Column("instant", INSTANT),
    Column("day", DAY),
    Column("identifier", IDENTIFIER),
    Column("hash", HASH),
    Column("units", UNITS),
    Column("millionths", MILLIONTHS),
    Column("code", CODE),
    Column("ordered", ORDERED),
    Column("text", TEXT),
    Column("json_text", JSON_TEXT),
    Column("flag", Boolean),
    Column("count", Integer),
    Column("place", SmallInteger),
)
NAMES = tuple(every_type.columns.keys())
ROWS = Statement(select(every_type), lambda *columns: columns)
COMMON = (
    datetime(2026, 3, 29, 1, 30, 0, 123_457, tzinfo=UTC),
    date(2026, 2, 28),
    uuid.UUID(int=2**127 + 1),
    bytes(range(32)),
    10**17,
    1_500_001,
    "bonus",
    "LC-00001",
    "Zoë Ñandú 𝔸𝕝𝕚𝕔𝕖 👩‍👩‍👧 e\u0301 'quoted' \\ %s :name $1",
    '{"b" : 1.0,  "a":"\\u0000"}',
    True,
    2**31 - 1,
    2**15 - 1,
)
FAR = (
    datetime(9999, 12, 31, 23, 59, 59, 999_998, tzinfo=UTC),
    date.max,
    uuid.UUID(int=2**128 - 1),
    bytes(32),
    2**63 - 1,
    10**17,
    "",
    "Z" * 64,
    "",
    "null",
    False,
    0,
    0,
)
EARLY = (
    datetime(1582, 10, 4, 0, 0, 0, 1, tzinfo=UTC),
    date(1, 1, 2),
    uuid.UUID(int=0),
    b"\xff" * 32,
    -(2**63),
    -(10**17),
    "ß",
    "0",
    "\n\t\r ",
    "[]",
    False,
    -(2**31),
    -(2**15),
)
NOTHING = (None,) * len(NAMES)


@pytest.fixture(autouse=True)
def _table(database_url: str) -> None:
    in_transaction(database_url, every_type.create)


async def written(database: Database, row: tuple[Any, ...]) -> None:
    async def write_row(transaction: Transaction) -> None:
        await transaction.run(write(insert(every_type)), **dict(zip(NAMES, row, strict=True)))

    await database.unit(write_row)


async def found(database: Database, statement: Statement[Any], **parameters: Any) -> list[Any]:
    read = database.read()
    try:
        return await read.all(statement, **parameters)
    finally:
        await read.close()


@pytest.mark.parametrize(
    "row", [COMMON, FAR, EARLY, NOTHING], ids=["common", "far", "early", "nothing"]
)
async def test_every_column_type_reads_back_what_was_written(
    database: Database, row: tuple[Any, ...]
) -> None:
    await written(database, row)
    (back,) = await found(database, ROWS)
    assert back == row
    assert all(isinstance(value, type(given)) for value, given in zip(back, row, strict=True))


async def test_an_instant_reads_back_in_utc(database: Database) -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    await written(database, (NOW.astimezone(zone), *NOTHING[1:]))
    ((instant, *_),) = await found(database, ROWS)
    assert instant == NOW
    assert instant.utcoffset() == timedelta(0)


@pytest.mark.parametrize("name", NAMES)
async def test_every_column_type_is_compared_by_value(database: Database, name: str) -> None:
    await written(database, COMMON)
    await written(database, NOTHING)
    column = every_type.columns[name]
    alike = Statement(select(every_type).where(column == bindparam("value")), ROWS.row)
    value = COMMON[NAMES.index(name)]
    assert await found(database, alike, value=value) == [COMMON]


@pytest.mark.parametrize(
    ("name", "ascending"),
    [
        ("instant", [EARLY[0], COMMON[0], FAR[0]]),
        ("day", [EARLY[1], COMMON[1], FAR[1]]),
        ("identifier", [EARLY[2], COMMON[2], FAR[2]]),
        ("units", [EARLY[4], -1, COMMON[4], FAR[4]]),
        ("ordered", ["1", "10", "2", "A-1", "AB", "a1"]),
    ],
)
async def test_every_engine_has_the_same_order(
    database: Database, name: str, ascending: list[Any]
) -> None:
    column = every_type.columns[name]

    async def write_rows(transaction: Transaction) -> None:
        await transaction.run_many(
            write(insert(every_type).values({name: bindparam("value", type_=column.type)})),
            [{"value": value} for value in reversed(ascending)],
        )

    await database.unit(write_rows)
    in_order = Statement(select(column).order_by(column), lambda value: value)
    assert await found(database, in_order) == ascending
