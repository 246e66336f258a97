import itertools
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from models.activities import activity_line, activity_post, activity_waiting
from models.activity_statements import (
    LineRow,
    PostableRow,
    StoredLineRow,
    WaitingRow,
    shown_lines,
)
from models.cards import outbox
from models.columns import TEXT
from models.failures import DatabaseUnavailable
from models.ledger import ledger_entry, operation
from models.migrations.upgrading import configured
from models.schema_version import head, in_transaction, migrate, revision
from models.tables import metadata
from tests.databases import Cluster
from tests.models.samples import HASH, NOW, TODAY
from tests.models.test_checks import good_rows

ROOT = Path(__file__).parents[2]

# What autogeneration does not compare: the text of CHECKs, collations, the order of columns.
# SQLite quotes the name of a table that was made anew; PostgreSQL counts columns that are gone.
_ON_SQLITE = """SELECT name, replace(sql, '"', '') AS sql FROM sqlite_master"""
_ON_POSTGRESQL = """
SELECT conname AS name, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT table_name || '.' || column_name,
  concat_ws(' ', row_number() OVER (PARTITION BY table_name ORDER BY ordinal_position), udt_name,
    character_maximum_length, collation_name, is_nullable, column_default)
FROM information_schema.columns WHERE table_schema = 'public'
"""


@pytest.fixture
def empty_url(database_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the address of a database that was never migrated, on the same engine."""
    if database_url.startswith("sqlite:"):
        yield f"sqlite:///{tmp_path}/below/empty.db"
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    with cluster.database() as url:
        in_transaction(url, _emptied)
        yield url


def _emptied(connection: sa.Connection) -> None:
    found = sa.MetaData()
    found.reflect(connection)
    found.drop_all(connection)


def _described(connection: sa.Connection) -> dict[str, str]:
    catalogue = _ON_SQLITE if connection.dialect.name == "sqlite" else _ON_POSTGRESQL
    rows = connection.execute(sa.text(catalogue)).all()
    return {
        name: _plain(definition or "") for name, definition in rows if "alembic_version" not in name
    }


def _plain(definition: str) -> str:
    """The constraints of a table stand in no order that means anything."""
    columns, *constraints = " ".join(definition.rstrip(") ").split()).split(", CONSTRAINT ")
    return ", CONSTRAINT ".join([columns, *sorted(one.rstrip(") ") for one in constraints)])


def test_the_migrated_schema_is_that_of_the_tables(database_url: str) -> None:
    differences = in_transaction(
        database_url,
        lambda connection: compare_metadata(MigrationContext.configure(connection), metadata),
    )
    assert differences == []


def test_the_migrated_schema_has_the_checks_and_collations_of_the_tables(
    database_url: str, empty_url: str
) -> None:
    in_transaction(empty_url, metadata.create_all)
    assert in_transaction(database_url, _described) == in_transaction(empty_url, _described)


def test_the_names_of_the_files_tell_the_newest_revision(sqlite_url: str) -> None:
    config = in_transaction(sqlite_url, configured)
    assert ScriptDirectory.from_config(config).get_current_head() == head()


def test_an_empty_database_has_no_revision_until_it_is_migrated(empty_url: str) -> None:
    assert revision(empty_url) is None
    assert migrate(empty_url) == head()
    assert revision(empty_url) == head()
    assert migrate(empty_url) == head()


def test_an_older_schema_is_brought_to_the_newest(database_url: str) -> None:
    def one_back(connection: sa.Connection) -> None:
        config = configured(connection)
        command.downgrade(config, "-1")

    in_transaction(database_url, one_back)
    assert revision(database_url) not in {None, head()}
    assert migrate(database_url) == head()
    assert revision(database_url) == head()


def _line(place: int, status: str, reviewed_by: str | None, **texts: str) -> dict[str, Any]:
    at = NOW + timedelta(days=place)
    return {
        **dict.fromkeys(LineRow._fields),
        "activity_key": bytes([place] * 32),
        "line_id": UUID(int=place),
        "status": status,
        "channel": "WEB",
        "card_number": "LC-1",
        "activity_type": "SURVEY",
        "activity_id": str(place),
        "occurred_at": at,
        "occurred_on": at.date(),
        "created_at": NOW,
        "created_by": "desk",
        "reviewed_by": reviewed_by,
        **texts,
    }


_LINES = [
    _line(1, "UNPOSTED", None, comment="new", error="{}"),
    _line(2, "POSTED", "ann", affiliation="veteran"),
    _line(3, "REJECTED", "bob", evidence="[1]", rejection_reason="no proof"),
]
# The posting of a line, and one in real time.
_POSTS = [
    {
        "activity_key": key,
        "card_id": UUID(int=9),
        "activity_type": "SURVEY",
        "entry_date": TODAY,
        "posted_at": NOW,
        "posted_by": "desk",
        "notes": "[]",
    }
    for key in (_LINES[1]["activity_key"], HASH)
]


def _of_old(table: sa.Table, names: Iterable[str]) -> sa.TableClause:
    """The table with columns that it has no more."""
    kinds = {column.name: column.type for column in table.columns}
    return sa.table(table.name, *(sa.column(name, kinds.get(name, TEXT)) for name in names))


def test_lines_stay_what_they_are_when_other_rows_tell_their_status(database_url: str) -> None:
    lines, posts = _of_old(activity_line, _LINES[0]), _of_old(activity_post, _POSTS[0])

    def fill(connection: sa.Connection) -> None:
        command.downgrade(configured(connection), "0020")
        connection.execute(lines.insert(), _LINES)
        connection.execute(posts.insert(), _POSTS)

    def taken_back(connection: sa.Connection) -> Sequence[sa.RowMapping]:
        command.downgrade(configured(connection), "0020")
        return connection.execute(lines.select().order_by(lines.c.line_id)).mappings().all()

    def shown(connection: sa.Connection) -> Sequence[sa.RowMapping]:
        rows = connection.execute(shown_lines().order_by(activity_line.c.line_id))
        return rows.mappings().all()

    in_transaction(database_url, fill)
    migrate(database_url)
    assert in_transaction(database_url, shown) == _LINES
    assert in_transaction(database_url, taken_back) == _LINES


def test_what_posting_needs_of_a_line_stands_where_it_waits(database_url: str) -> None:
    line = {name: _LINES[1].get(name) for name in StoredLineRow._fields}
    waiting = _of_old(activity_waiting, WaitingRow._fields)

    def fill(connection: sa.Connection) -> None:
        command.downgrade(configured(connection), "0021")
        connection.execute(activity_line.insert().values(line))
        connection.execute(
            waiting.insert().values({name: line[name] for name in WaitingRow._fields})
        )

    def rows(connection: sa.Connection) -> Sequence[sa.RowMapping]:
        return connection.execute(activity_waiting.select()).mappings().all()

    in_transaction(database_url, fill)
    migrate(database_url)
    assert in_transaction(database_url, rows) == [
        {name: line[name] for name in PostableRow._fields}
    ]


def test_operations_are_told_again_by_their_entries(database_url: str) -> None:
    card_id, op_id, alone = (UUID(int=number) for number in range(3))
    old = _of_old(operation, ("card_id", "op_id", "kind", "first_seq", "last_seq"))
    entries = [
        {**row, "card_id": card_id, "op_id": op_id, "entry_type": "EARN"}
        for row in itertools.islice(good_rows(ledger_entry), 2)
    ]
    issued = {"card_id": card_id, "op_id": alone, "kind": "issue", "posted_at": NOW}

    def fill(connection: sa.Connection) -> None:
        connection.execute(ledger_entry.insert(), entries)
        connection.execute(operation.insert().values(issued))

    def taken_back(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
        command.downgrade(configured(connection), "0021")
        return connection.execute(old.select().order_by(old.c.op_id)).all()

    in_transaction(database_url, fill)
    assert in_transaction(database_url, taken_back) == [
        (card_id, op_id, "EARN", 1, 2),
        (card_id, alone, "issue", 1, 0),
    ]
    migrate(database_url)


def test_events_that_share_a_row_are_told_as_before(database_url: str) -> None:
    row = {**next(good_rows(outbox)), "kind": "several"}

    def fill(connection: sa.Connection) -> None:
        payload = '[["cardChanged",{"points":1.50},3],["cardChanged",{}]]'
        connection.execute(outbox.insert().values({**row, "payload": payload}))

    def taken_back(connection: sa.Connection) -> str | None:
        command.downgrade(configured(connection), "0021")
        return connection.scalar(sa.select(outbox.c.payload))

    in_transaction(database_url, fill)
    told = '[["cardChanged",{"points":1.50}],["cardChanged",{}]]'
    assert in_transaction(database_url, taken_back) == told


def test_every_revision_can_be_taken_back(database_url: str) -> None:
    def to_nothing(connection: sa.Connection) -> list[str]:
        config = configured(connection)
        command.downgrade(config, "base")
        return sa.inspect(connection).get_table_names()

    assert in_transaction(database_url, to_nothing) == ["alembic_version"]


def test_a_migration_that_fails_leaves_nothing(empty_url: str) -> None:
    def halfway(connection: sa.Connection) -> None:
        config = configured(connection)
        command.upgrade(config, "+2")
        raise LookupError

    with pytest.raises(LookupError):
        in_transaction(empty_url, halfway)
    assert in_transaction(empty_url, lambda c: sa.inspect(c).get_table_names()) == []


def test_processes_that_migrate_at_once_all_succeed_silently(empty_url: str) -> None:
    program = "import sys; from models.schema_version import migrate; migrate(sys.argv[1])"
    processes = [
        subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-c", program, empty_url],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(3)
    ]
    said = [process.communicate()[0] for process in processes]
    assert said == [""] * 3
    assert [process.returncode for process in processes] == [0] * 3
    assert revision(empty_url) == head()


def test_a_database_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        migrate(f"postgresql://nobody@/none?host={tmp_path}")
    with pytest.raises(DatabaseUnavailable):
        revision(f"postgresql://nobody@/none?host={tmp_path}")
