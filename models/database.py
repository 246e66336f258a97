"""The one door to the database: a read has one snapshot, a unit of work may run again.

Everything else in the project reaches SQL through `Database.read` and `Database.unit`.
Source: engineering 1.4, 3.
"""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from models.card_queue import Claim
from models.failures import (
    DatabaseSlow,
    DatabaseUnavailable,
    Failure,
    KeyInProgress,
    classify,
)
from models.statements import (
    FEW_KEYS,
    MAXIMUM_ARRAY,
    MAXIMUM_KEYS,
    Changes,
    Compiled,
    KeyedStatement,
    Statement,
)

R = TypeVar("R")
T = TypeVar("T")

ATTEMPTS = 5
# Items after which others have their turn.
BREATH = 16


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """Seconds and counts of engineering 3.4; each is a setting."""

    pool_size: int = 10
    acquire_timeout_seconds: float = 1.0
    command_timeout_seconds: float = 1.5
    connect_timeout_seconds: float = 2.0
    statement_timeout_seconds: float = 3.0
    lock_timeout_seconds: float = 1.0
    idle_in_transaction_seconds: float = 10.0
    unit_deadline_seconds: float = 5.0
    # Units that wait for one card; more are refused at once.
    card_queue: int = 32


class Connection(Protocol):
    """One driver connection inside one transaction."""

    async def fetch(self, compiled: Compiled[R], parameters: Mapping[str, Any]) -> list[R]: ...

    async def execute(self, compiled: Compiled[Any], parameters: Mapping[str, Any]) -> int: ...

    async def execute_many(
        self, compiled: Compiled[Any], arguments: Sequence[Sequence[Any]]
    ) -> None: ...

    async def pause(self) -> None:
        """Let the process go on with what else it does, where a unit would keep it from that."""

    def discard(self) -> None:
        """Away with it, whatever it is doing; never waits."""


class Reader:
    """Statements on one connection, one after another; `statements` counts them.

    `takes_arrays`: a parameter may be a list of values, one for each key or row.
    """

    def __init__(
        self, compiled: Callable[[Statement[Any]], Compiled[Any]], *, takes_arrays: bool
    ) -> None:
        self._compiled = compiled
        self._takes_arrays = takes_arrays
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None
        self.statements = 0

    async def _open(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("this transaction has ended")
        return self._connection

    async def all(self, statement: Statement[R], **parameters: Any) -> list[R]:
        compiled: Compiled[R] = self._compiled(statement)
        async with self._turn:
            connection = await self._open()
            self.statements += 1
            return await connection.fetch(compiled, parameters)

    async def pause(self) -> None:
        """Let the process go on with what else it does: for who thinks for long between
        statements.
        """
        await asyncio.sleep(0)

    async def first(self, statement: Statement[R], **parameters: Any) -> R | None:
        rows = await self.all(statement, **parameters)
        return rows[0] if rows else None

    async def each(
        self, statement: KeyedStatement[R], keys: Sequence[Any], **parameters: Any
    ) -> list[R]:
        """Rows for all `keys`, in as few statements as the engine allows."""
        rows: list[R] = []
        for over, arguments in self._over(statement, keys):
            rows += await self.all(over, **arguments, **parameters)
        return rows

    def _over(
        self, statement: KeyedStatement[T], keys: Sequence[Any]
    ) -> Iterator[tuple[Statement[T], dict[str, Any]]]:
        if self._takes_arrays and len(keys) > FEW_KEYS:
            for start in range(0, len(keys), MAXIMUM_ARRAY):
                yield statement.together, {"keys": keys[start : start + MAXIMUM_ARRAY]}
        else:
            for start in range(0, len(keys), MAXIMUM_KEYS):
                yield statement.over(keys[start : start + MAXIMUM_KEYS])


class Transaction(Reader):
    """What a unit of work writes through; it awaits nothing else."""

    def __init__(
        self,
        compiled: Callable[[Statement[Any]], Compiled[Any]],
        connection: Connection,
        *,
        takes_arrays: bool,
        claim: Claim | None = None,
    ) -> None:
        super().__init__(compiled, takes_arrays=takes_arrays)
        self._connection = connection
        self._claim = claim
        # What has happened in the unit and has consequences; whoever opened it sees to them before
        # it commits.
        self.happened: list[object] = []

    def go_for(self, card_id: UUID) -> None:
        """Say that the card's row is locked next; where others of the process do so already, the
        unit ends here and runs again when it has its turn.
        """
        if self._claim is not None:
            self._claim.take(card_id)

    async def run(self, statement: Statement[None], **parameters: Any) -> int:
        """Write, and tell the number of rows written."""
        compiled = self._compiled(statement)
        async with self._turn:
            connection = await self._open()
            self.statements += 1
            return await connection.execute(compiled, parameters)

    async def pause(self) -> None:
        await (await self._open()).pause()

    async def unhurried(self, items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
        """The items of a unit that thinks for long, some at a time: other operations are answered
        meanwhile.
        """
        for first in range(0, len(items), BREATH):
            await self.pause()
            yield items[first : first + BREATH]

    async def run_each(
        self, statement: KeyedStatement[None], keys: Sequence[Any], **parameters: Any
    ) -> None:
        """Write the same to the rows of all `keys`."""
        for over, arguments in self._over(statement, keys):
            await self.run(over, **arguments, **parameters)

    async def run_many(self, statement: Statement[None], rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            compiled = self._compiled(statement)
            await self._execute_many(compiled, compiled.all_arguments(rows))

    async def run_rows(self, statement: Statement[None], rows: Sequence[NamedTuple]) -> None:
        """Write rows that have the statement's parameters in their order; an INSERT has those of
        its table.
        """
        if rows:
            compiled = self._compiled(statement)
            await self._execute_many(compiled, compiled.row_arguments(rows))

    async def _execute_many(
        self, compiled: Compiled[Any], arguments: Sequence[Sequence[Any]]
    ) -> None:
        async with self._turn:
            connection = await self._open()
            self.statements += 1
            await connection.execute_many(compiled, arguments)

    async def change_many(self, changes: Changes, rows: Sequence[Sequence[Any]]) -> None:
        """Update rows by key, each of them once; values stand in the order of `changes.names`."""
        if not rows:
            return
        if self._takes_arrays:
            columns = map(list, zip(*rows, strict=True))
            await self.run(changes.together, **dict(zip(changes.names, columns, strict=True)))
        else:
            await self.run_many(
                changes.portable, [dict(zip(changes.names, row, strict=True)) for row in rows]
            )


class ReadEnded(Exception):  # noqa: N818 - named for what has happened
    """The operation that asks is over."""


class Read(Reader):
    """One snapshot for a whole query operation, opened at its first statement."""

    def __init__(
        self,
        compiled: Callable[[Statement[Any]], Compiled[Any]],
        connect: Callable[[], Awaitable[Connection]],
        close: Callable[[Connection], Awaitable[None]],
        *,
        takes_arrays: bool,
    ) -> None:
        super().__init__(compiled, takes_arrays=takes_arrays)
        self._connect = connect
        self._close = close
        self._has_ended = False

    async def _open(self) -> Connection:
        if self._connection is None:
            self._check()
            connection = await self._connect()
            try:
                self._check()
            except ReadEnded:
                await self._close(connection)
                raise
            self._connection = connection
        return self._connection

    def _check(self) -> None:
        if self._has_ended:
            raise ReadEnded

    async def all(self, statement: Statement[R], **parameters: Any) -> list[R]:
        try:
            return await super().all(statement, **parameters)
        except Exception as error:
            failure = classify(error)
            if failure is Failure.BUG:
                raise
            raise told(failure) from error

    async def end(self) -> None:
        """Close it for good: what is still under way for an operation that was given up would open
        a snapshot that nobody closes.
        """
        self._has_ended = True
        await self.close()

    async def close(self) -> None:
        """End the snapshot, even if cancelled meanwhile; the next statement opens a new one."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await self._turn.acquire()
        except asyncio.CancelledError:
            connection.discard()
            raise
        try:
            await self._close(connection)
        finally:
            self._turn.release()


Unit = Callable[[Transaction], Awaitable[T]]


class Database(ABC):
    """An engine behind the door; `dispose` ends all of its connections."""

    def __init__(self, limits: DatabaseLimits) -> None:
        self.limits = limits

    @abstractmethod
    def read(self) -> Read: ...

    @abstractmethod
    async def attempt(self, unit: Unit[T], deadline: float) -> T:
        """Run the unit once, in a transaction of its own; by the loop's clock it is to begin well
        before the deadline.
        """

    async def instant(self) -> datetime | None:
        """What the server's own clock says; None where there is no server."""
        return None

    @abstractmethod
    async def dispose(self) -> None: ...

    async def unit(self, unit: Unit[T]) -> T:
        """Run the unit until it stands, at most five times and within the deadline.

        Raises KeyInProgress, DatabaseSlow or DatabaseUnavailable: the same key may be sent again.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.limits.unit_deadline_seconds
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self.attempt(unit, deadline)
            except Exception as error:
                failure = classify(error)
                if failure is Failure.BUG:
                    raise
                # Who has waited in vain for a lock may wait as long again, and is answered in time.
                wait = 1.5 * self.limits.lock_timeout_seconds if failure is Failure.BUSY else 0.0
                last = attempt == ATTEMPTS or loop.time() + wait >= deadline
                if last or failure in {Failure.AWAY, Failure.SLOW}:
                    raise told(failure) from error
            # Full jitter; nothing secret hangs on it.
            await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311
        raise AssertionError


def told(failure: Failure) -> Exception:
    """Make the exception that the caller of the door gets for a failure that is not a bug."""
    if failure in {Failure.AGAIN, Failure.BUSY}:
        return KeyInProgress("Another call holds this key or card; send the same request again.")
    if failure is Failure.SLOW:
        return DatabaseSlow("The database did not answer in time; send the same request again.")
    return DatabaseUnavailable("The database cannot be reached; try again later.")


def open_database(url: str, limits: DatabaseLimits, *, pooled: bool = False) -> Database:
    """Open a `sqlite:///path` or `postgresql://...` address; `pooled`: PgBouncer stands between."""
    # Each engine is loaded only where it is used.
    if url.startswith("sqlite:"):
        from models.sqlite import SqliteDatabase  # noqa: PLC0415

        return SqliteDatabase(url, limits)
    from models.postgres import PostgresDatabase  # noqa: PLC0415

    return PostgresDatabase(url, limits, pooled=pooled)
