"""SQLite behind the door: reads run where they stand, units on the single writer thread."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import PoolProxiedConnection, create_engine, event, make_url
from sqlalchemy.pool import QueuePool

from models.database import Database, DatabaseLimits, Unit
from models.failures import Failure, classify, told
from models.statements import Compiled, Statement, compiled_once
from models.transactions import Read, Transaction

R = TypeVar("R")
T = TypeVar("T")


class SqliteConnection:
    """A `Connection` whose awaits never suspend, so that a unit runs to its end in one hop."""

    def __init__(self, pooled: PoolProxiedConnection) -> None:
        self.pooled = pooled
        driver = pooled.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            raise TypeError("not a connection of sqlite3")
        self.driver = driver

    async def fetch(self, compiled: Compiled[R], parameters: Mapping[str, Any]) -> list[R]:
        return compiled.values(self.driver.execute(compiled.sql, compiled.arguments(parameters)))

    async def execute(self, compiled: Compiled[Any], parameters: Mapping[str, Any]) -> int:
        return self.driver.execute(compiled.sql, compiled.arguments(parameters)).rowcount

    async def execute_many(
        self, compiled: Compiled[Any], arguments: Sequence[Sequence[Any]]
    ) -> None:
        self.driver.executemany(compiled.sql, arguments)

    async def pause(self) -> None:
        # Units have a thread of their own.
        return

    def discard(self) -> None:
        try:
            if self.driver.in_transaction:
                self.driver.execute("ROLLBACK")
        finally:
            self.pooled.close()


class SqliteDatabase(Database):
    def __init__(self, url: str, limits: DatabaseLimits) -> None:
        super().__init__(limits)
        address = make_url(url)
        if address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        # A read keeps its connection over awaits: a bounded pool would block the event loop.
        # Requests are bounded instead.
        self.engine = create_engine(
            address,
            poolclass=QueuePool,
            pool_size=limits.pool_size,
            max_overflow=-1,
            pool_reset_on_return=None,
            connect_args={"check_same_thread": False, "isolation_level": None},
        )
        event.listen(self.engine, "connect", _prepare)
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-writer")

    def _compiled(self, statement: Statement[Any]) -> Compiled[Any]:
        return compiled_once(statement, self.engine.dialect)

    def _connect(self, begin: str) -> SqliteConnection:
        connection = SqliteConnection(self.engine.raw_connection())
        try:
            connection.driver.execute(begin)
        except BaseException:
            connection.pooled.close()
            raise
        return connection

    def read(self) -> Read:
        return Read(self._compiled, self._open_read, self._close_read, takes_arrays=False)

    async def _open_read(self) -> SqliteConnection:
        try:
            return self._connect("BEGIN")
        except sqlite3.Error as error:
            failure = classify(error)
            raise (error if failure is Failure.BUG else told(failure)) from error

    async def _close_read(self, connection: Any) -> None:
        # Nothing was written: giving up the snapshot is all there is to end.
        connection.discard()

    async def attempt(self, unit: Unit[T], deadline: float) -> T:  # noqa: ARG002
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self._drive, unit)

    def _drive(self, unit: Unit[T]) -> T:
        connection = self._connect("BEGIN IMMEDIATE")
        try:
            result: T = _to_its_end(
                unit, Transaction(self._compiled, connection, takes_arrays=False)
            )
            connection.driver.execute("COMMIT")
        finally:
            # What was not committed is rolled back.
            connection.discard()
        return result

    async def dispose(self) -> None:
        self._writer.shutdown()
        self.engine.dispose()


def _to_its_end(unit: Callable[[Transaction], Any], transaction: Transaction) -> Any:
    steps = unit(transaction)
    try:
        steps.send(None)
    except StopIteration as end:
        return end.value
    steps.close()
    raise RuntimeError("a unit of work awaits nothing but its transaction")


def _prepare(driver: sqlite3.Connection, _record: object) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=5000",
        "foreign_keys=ON",
    ):
        driver.execute(f"PRAGMA {pragma}")
