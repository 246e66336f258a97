import importlib
import pkgutil
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from types import NoneType
from typing import Any, get_args, get_type_hints

import asyncpg
import pytest
from sqlalchemy import Column, Delete, Select, Table, Update

import models
from models import audit_pages, card_pages, entry_pages, line_pages
from models.activity_statements import waiting_after
from models.cards import card_audit
from models.job_statements import due_holds, due_lots
from models.ledger import ledger_entry
from models.local import audit
from models.lot_statements import (
    expired_lots_of_point,
    first_lots_of_point,
    lots_of_point,
    spendable_lots_after,
)
from models.program_statements import CodeRow, CountRow
from models.statements import Changes, KeyedStatement, Statement, compile_statement
from models.tables import metadata
from models.webhook_statements import delivery_page
from tests.models.samples import Opened

TABLES = sorted(metadata.tables.values(), key=lambda table: table.name)
# One column under a name of their own.
_OF_ONE_COLUMN = {CodeRow, CountRow}


def named() -> Iterator[tuple[str, Any]]:
    for module in pkgutil.iter_modules(models.__path__, "models."):
        for name, value in vars(importlib.import_module(module.name)).items():
            yield f"{module.name}.{name}", value


def statements() -> Iterator[tuple[str, Statement[Any]]]:
    for name, value in named():
        if isinstance(value, KeyedStatement):
            yield name, value.over([None])[0]
        elif isinstance(value, Changes):
            yield name, value.portable
        elif isinstance(value, Statement):
            yield name, value


def with_arrays() -> Iterator[tuple[str, Statement[Any]]]:
    """The same for any number of keys or rows, where the engine takes arrays."""
    for name, value in named():
        if isinstance(value, KeyedStatement | Changes):
            yield f"{name} together", value.together


# What is built once a shape of filter, with every filter and with none.
SEARCHES = [
    (f"{module.__name__} {shape}", statement)
    for module, every in (
        (entry_pages, entry_pages.Shape(True, 2, True, True, 2)),
        (card_pages, card_pages.Shape(*[True] * 10)),
        (card_pages, card_pages.Shape(*[True] * 10, certain=True)),
        (card_pages, card_pages.Shape(program=True, certain=False)),
        *(
            (line_pages, line_pages.Shape(status, *[True] * 6, 2, 2))
            for status in ("UNPOSTED", "POSTED", "REJECTED")
        ),
    )
    for shape in (every, module.Shape())
    for statement in (
        module.page(shape, backwards=False),
        module.page(shape, backwards=True),
        module.count(shape),
    )
]
EVERY = [pytest.param(statement, id=name) for name, statement in statements()]
WITH_ROWS = [case for case in EVERY if hasattr(case.values[0].row, "_fields")]
WRITING = [
    pytest.param(statement, id=name)
    for name, statement in [*statements(), *with_arrays()]
    if statement.construct.is_dml
]


def test_there_are_statements_of_each_kind() -> None:
    assert len(WITH_ROWS) > 40
    assert len(WRITING) > 30


@pytest.mark.parametrize("statement", WITH_ROWS)
def test_a_row_has_exactly_the_columns_of_its_statement(statement: Any) -> None:
    columns = [column.name for column in statement.construct.exported_columns]
    if statement.row in _OF_ONE_COLUMN:
        assert len(columns) == len(statement.row._fields) == 1
    else:
        assert columns == list(statement.row._fields)


@pytest.mark.parametrize("statement", WITH_ROWS)
def test_a_row_has_the_types_of_its_columns(statement: Any) -> None:
    hints = get_type_hints(statement.row)
    columns = list(statement.construct.exported_columns)
    kinds = [set(get_args(hint)) or {hint} for hint in hints.values()]
    for kind, column in zip(kinds, columns, strict=True):
        assert column.type.python_type in kind
    if not isinstance(statement.construct, Select):
        return  # its columns are not those of one table
    table = statement.construct.get_final_froms()[0]
    if columns == list(table.columns):
        assert [NoneType in kind for kind in kinds] == [column.nullable for column in columns]


@pytest.mark.parametrize("statement", WRITING)
def test_the_book_is_only_ever_extended(statement: Any) -> None:
    changes = isinstance(statement.construct, Update | Delete)
    assert not (changes and statement.construct.table is ledger_entry)


@pytest.mark.parametrize("statement", WRITING)
def test_a_change_of_what_a_card_owns_names_the_card(statement: Any) -> None:
    construct = statement.construct
    if isinstance(construct, Update | Delete) and construct.table.info["placement"] == "card_id":
        assert "card_id" in {column.name for column in _columns_of(construct.whereclause)}


def _columns_of(clause: Any) -> Iterator[Any]:
    if isinstance(clause, Column):
        yield clause
    for child in clause.get_children():
        yield from _columns_of(child)


async def test_postgresql_understands_every_statement(postgresql_url: str, opened: Opened) -> None:
    dialect = opened(postgresql_url).engine.dialect
    connection = await asyncpg.connect(postgresql_url, statement_cache_size=0)
    for name, statement in [*statements(), *with_arrays(), *SEARCHES]:
        compiled = compile_statement(statement, dialect)
        prepared = await connection.prepare(compiled.sql)
        assert len(prepared.get_parameters()) == len(compiled.names), name
        assert len(prepared.get_attributes()) == len(compiled.readers), name
    await connection.close()


async def test_sqlite_understands_every_statement(sqlite_url: str, opened: Opened) -> None:
    dialect = opened(sqlite_url).engine.dialect
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    for _name, statement in [*statements(), *SEARCHES]:
        compiled = compile_statement(statement, dialect)
        connection.execute(f"EXPLAIN {compiled.sql}", [None] * len(compiled.names))
    connection.close()


PAGES = [
    statement
    for backwards in (False, True)
    for statement in (
        audit_pages.page(audit, audit_pages.Shape(), backwards=backwards),
        audit_pages.page(card_audit, audit_pages.Shape(card=True), backwards=backwards),
        *(
            line_pages.page(line_pages.Shape(status), backwards=backwards)
            for status in (None, "UNPOSTED", "POSTED", "REJECTED")
        ),
        delivery_page(backwards=backwards),
        waiting_after,
    )
]


async def test_a_page_begins_where_the_index_finds_its_edge(
    sqlite_url: str, opened: Opened
) -> None:
    """However deep it lies: what comes before is not read."""
    dialect = opened(sqlite_url).engine.dialect
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    for statement in PAGES:
        compiled = compile_statement(statement, dialect)
        nulls = [None] * len(compiled.names)
        plan = connection.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", nulls).fetchall()
        told, *joined = [detail for *_, detail in plan]
        assert re.search(r"USING INDEX \w+ \(.*\(\w+,\w+\)[<>]\(\?,\?\)\)", told), told
        assert all("(activity_key=?)" in one for one in joined), joined
    connection.close()


PROBING = [
    pytest.param(value, id=name)
    for name, value in named()
    if isinstance(value, KeyedStatement) and value.probes is not None
]


@pytest.mark.parametrize("statement", PROBING)
async def test_ids_of_a_cards_rows_are_looked_up_one_by_one(
    postgresql_url: str, opened: Opened, statement: KeyedStatement[Any]
) -> None:
    """A plan for any card, which has a few rows, would read all that a card has for one page."""
    database = opened(postgresql_url)
    sql = compile_statement(statement.together, database.engine.dialect).sql
    connection = await asyncpg.connect(postgresql_url)
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    await connection.execute(f"PREPARE probing AS {sql}")
    nulls = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", sql))))
    rows = await connection.fetch(f"EXPLAIN EXECUTE probing({nulls})")
    plan = " ".join(row[0] for row in rows)
    assert plan.lstrip().startswith(("Nested Loop", "Sort")), plan
    assert re.search(r"\w+ = \w+\.key\)", plan), plan
    assert "Hash" not in plan, plan
    await connection.close()


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (lots_of_point, "ix_lot_remainder_open"),
        (first_lots_of_point, "ix_lot_remainder_open"),
        (spendable_lots_after, "ix_lot_remainder_open"),
        (expired_lots_of_point, "ix_lot_remainder_expired"),
        (due_lots, "ix_lot_remainder_expires_on"),
        (due_holds, "ix_payment_hold_expires_at"),
    ],
)
async def test_whatever_its_parameters_a_statement_has_the_index_of_such_rows_alone(
    sqlite_url: str, opened: Opened, statement: Statement[Any], index: str
) -> None:
    """Lots that are used up stay: a card may have a hundred thousand of them."""
    compiled = compile_statement(statement, opened(sqlite_url).engine.dialect)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        nulls = [None] * len(compiled.names)
        plan = connection.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", nulls).fetchall()
    told = [detail for *_, detail in plan]
    assert f"INDEX {index} " in told[0], told
    assert not [one for one in told if "TEMP B-TREE" in one], told


@pytest.mark.parametrize("filters", [{"program"}, {"tier"}, {"program", "tier"}])
def test_a_count_of_what_is_certain_does_not_ask_what_is_possible(filters: set[str]) -> None:
    certain = card_pages.Shape(**dict.fromkeys(filters, True), certain=True)
    asked = str(card_pages.count(certain).construct)
    assert " OR " not in asked
    assert asked.count("EXISTS") == (4 if "tier" in filters else 1), asked


@pytest.mark.parametrize("status", [None, "UNPOSTED", "POSTED"])
async def test_lines_are_counted_by_indexes_alone(
    sqlite_url: str, opened: Opened, status: str | None
) -> None:
    statement = line_pages.count(line_pages.Shape(status))
    compiled = compile_statement(statement, opened(sqlite_url).engine.dialect)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {compiled.sql}").fetchall()
    told = [detail for *_, detail in plan if "activity_" in detail]
    assert all(re.match(r"SCAN \w+ USING (COVERING )?INDEX", one) for one in told), told


@pytest.mark.parametrize("status", [None, "UNPOSTED", "POSTED"])
@pytest.mark.parametrize("end", ["dated_from", "dated_to"])
async def test_lines_of_some_days_are_found_by_their_instants(
    sqlite_url: str, opened: Opened, status: str | None, end: str
) -> None:
    shape = line_pages.Shape(status, **{end: True})
    compiled = compile_statement(line_pages.count(shape), opened(sqlite_url).engine.dialect)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        nulls = [None] * len(compiled.names)
        plan = connection.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", nulls).fetchall()
    first, *_ = [detail for *_, detail in plan]
    assert re.match(r"SEARCH \w+ USING (COVERING )?INDEX \w+ \(occurred_at[<>]", first), plan


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_has_a_placement_that_its_key_begins_or_holds(table: Table) -> None:
    placement = table.info["placement"]
    key = [column.name for column in table.primary_key.columns]
    assert placement in {"local", "reference"} or placement in key
    if placement == "card_id":
        assert key[0] == "card_id"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_table_has_a_type_or_a_default_of_one_engine(table: Table) -> None:
    for column in table.columns:
        assert column.server_default is None
        assert column.autoincrement in {"auto", False}
        assert column.type.python_type is not float
    assert not table.foreign_keys
