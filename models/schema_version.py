"""Which revision of the schema a database has, and the way to the newest one.

All of it is synchronous: for the command line, before a server starts, and for tests.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from models.addresses import driver_address
from models.failures import EncodingUnfit, Failure, RevisionUnknown, classify, told

T = TypeVar("T")

_VERSIONS = Path(__file__).parent / "migrations" / "versions"
_VERSION_TABLE = "alembic_version"
_LOCK_TIMEOUT_SECONDS = 30.0
_CONNECT_TIMEOUT_SECONDS = 5.0


def head() -> str:
    """Tell the newest revision that this code knows."""
    return max(_known())


def _known() -> set[str]:
    """The file of a revision has a name that begins with it."""
    return {path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*_*.py")}


def revision(url: str) -> str | None:
    """Tell the revision of a database: none where it was never migrated.

    Raises DatabaseUnavailable or RevisionUnknown.
    """
    return in_transaction(url, _stored)


def migrate(url: str) -> str:
    """Bring a database to the newest revision, in one transaction, and tell which that is.

    Raises DatabaseUnavailable or RevisionUnknown. Not for a running event loop: there, call it in
    a thread.
    """
    try:
        return in_transaction(url, _to_head)
    except (sa.exc.DBAPIError, RevisionUnknown):
        # Of two processes that find an empty database one makes the tables; the other waits for it,
        # only to fail on a name that exists by then, and finds the work done here. A fault recurs.
        return in_transaction(url, _to_head)


def in_transaction(url: str, work: Callable[[sa.Connection], T]) -> T:
    """Do `work` on the schema wholly or not at all, and return its result.

    Raises DatabaseUnavailable or EncodingUnfit.
    """
    address = sa.make_url(url)
    try:
        if address.get_backend_name() == "sqlite":
            return _on_sqlite(address, work)
        return asyncio.run(_on_postgres(url, work))
    except (OSError, sa.exc.DBAPIError) as error:
        if classify(_of_driver(error)) is Failure.BUG:
            raise
        raise told(Failure.AWAY) from _of_driver(error)


def _of_driver(error: BaseException) -> BaseException:
    if isinstance(error, sa.exc.DBAPIError) and error.orig is not None:
        # SQLAlchemy has asyncpg's error as the cause of its own kind.
        return error.orig.__cause__ or error.orig
    return error


def _stored(connection: sa.Connection, *, locked: bool = False) -> str | None:
    if not sa.inspect(connection).has_table(_VERSION_TABLE):
        return None
    rows = sa.select(sa.column("version_num", sa.String)).select_from(sa.table(_VERSION_TABLE))
    found = connection.scalar(rows.with_for_update() if locked else rows)
    if found is not None and found not in _known():
        raise RevisionUnknown(
            f"it has the schema {found}, of a later release or of another product"
        )
    return found


def _to_head(connection: sa.Connection) -> str:
    newest = head()
    if _stored(connection) != newest:
        # The version's row is the lock: who comes second reads there what the first one wrote.
        _stored(connection, locked=True)
        from models.migrations.upgrading import upgrade  # noqa: PLC0415 - see there

        upgrade(connection)
    return newest


def _on_sqlite(address: sa.URL, work: Callable[[sa.Connection], T]) -> T:
    if address.database:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        address,
        poolclass=NullPool,
        connect_args={"isolation_level": None, "timeout": _LOCK_TIMEOUT_SECONDS},
    )
    sa.event.listen(engine, "connect", _write_ahead)
    sa.event.listen(engine, "begin", _begin_immediately)
    with engine.begin() as connection:
        return work(connection)


def _write_ahead(driver: sqlite3.Connection, _record: object) -> None:
    # The file keeps the mode, so that no server that opens it needs the lock for changing it.
    driver.execute("PRAGMA journal_mode=WAL")


def _begin_immediately(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


async def _on_postgres(url: str, work: Callable[[sa.Connection], T]) -> T:
    # It brings SQLAlchemy's whole ORM along.
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    address, given = driver_address(url)
    engine = create_async_engine(
        address,
        poolclass=NullPool,
        connect_args={
            **given,
            "timeout": _CONNECT_TIMEOUT_SECONDS,
            # A transaction pooler may stand between.
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
        },
    )
    async with engine.begin() as connection:
        await connection.run_sync(_check_encoding)
        return await connection.run_sync(work)


def _check_encoding(connection: sa.Connection) -> None:
    # Engines that speak PostgreSQL's protocol need not have the setting.
    encoding = connection.scalar(sa.select(sa.func.current_setting("server_encoding", True)))
    if encoding not in {"UTF8", None}:
        raise EncodingUnfit(f"its encoding is {encoding}, and UTF8 is needed")
