import itertools
import sqlite3
import uuid
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import CheckConstraint, Table, insert

from models.database import Database
from models.ledger import MAXIMUM_BALANCE_UNITS, MAXIMUM_ENTRY_UNITS
from models.statements import write
from models.tables import metadata
from models.transactions import Transaction
from tests.models.samples import NOW, TODAY

TABLES = metadata.tables
ENTRY, BALANCE = MAXIMUM_ENTRY_UNITS, MAXIMUM_BALANCE_UNITS
REFUSED = (asyncpg.CheckViolationError, sqlite3.IntegrityError)
DUPLICATE = (asyncpg.UniqueViolationError, sqlite3.IntegrityError)


def closed_sets(table: Table) -> dict[str, list[str]]:
    """Find the codes that a table's columns admit."""
    texts = [str(rule.sqltext) for rule in table.constraints if isinstance(rule, CheckConstraint)]
    pairs = [text.split(" IN ") for text in texts if " IN " in text]
    # A table keeps its rules in no order: processes that share the tests want one.
    return {column: listed.split("'")[1::2] for column, listed in sorted(pairs)}


def good_rows(table: Table) -> Iterator[dict[str, Any]]:
    """Make rows that the table takes, no two with the same number, name or id."""
    codes = {column: listed[0] for column, listed in closed_sets(table).items()}
    for number in itertools.count(1):
        kinds = {
            "UUID": uuid.uuid4(),
            "bytes": number.to_bytes(32),
            "int": number,
            "str": f"code-{number}",
            "datetime": NOW,
            "date": TODAY,
            "bool": True,
        }
        row = {column.name: kinds[column.type.python_type.__name__] for column in table.columns}
        yield row | codes


async def written(database: Database, table: Table, row: dict[str, Any]) -> None:
    statement = write(insert(table))

    async def write_row(transaction: Transaction) -> None:
        await transaction.run(statement, **row)

    await database.unit(write_row)


async def test_every_table_takes_a_good_row_once(database: Database) -> None:
    for table in TABLES.values():
        row = next(good_rows(table))
        await written(database, table, row)
        with pytest.raises(DUPLICATE):
            await written(database, table, row)


@pytest.mark.parametrize(
    ("name", "column", "least", "most"),
    [
        ("ledger_entry", "points", -ENTRY, ENTRY),
        ("lot_remainder", "remainder", 0, ENTRY),
        ("lot_remainder", "held", 0, ENTRY),
        ("lot_remainder", "expired", 0, ENTRY),
        ("allocation", "points", -ENTRY, ENTRY),
        ("debt", "remaining", 1, ENTRY),
        ("hold_lot", "points", 1, ENTRY),
        ("balance", "available", -BALANCE, BALANCE),
        ("balance", "debt", 0, BALANCE),
        ("points_day", "remainder", 0, BALANCE),
        ("points_day", "held", 0, BALANCE),
        ("countable_day", "points", -BALANCE, BALANCE),
    ],
)
async def test_a_number_beyond_its_bounds_is_refused(
    database: Database, name: str, column: str, least: int, most: int
) -> None:
    rows = good_rows(TABLES[name])
    for good in (least, most):
        await written(database, TABLES[name], next(rows) | {column: good})
    for bad in (least - 1, most + 1):
        with pytest.raises(REFUSED, match=r"(?i)check constraint"):
            await written(database, TABLES[name], next(rows) | {column: bad})


@pytest.mark.parametrize(
    ("name", "column"), [(name, column) for name in TABLES for column in closed_sets(TABLES[name])]
)
async def test_a_code_beyond_its_set_is_refused(database: Database, name: str, column: str) -> None:
    rows = good_rows(TABLES[name])
    for good in closed_sets(TABLES[name])[column]:
        await written(database, TABLES[name], next(rows) | {column: good})
    for bad in ("UNKNOWN", "active", ""):
        with pytest.raises(REFUSED, match=r"(?i)check constraint"):
            await written(database, TABLES[name], next(rows) | {column: bad})
