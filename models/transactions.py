"""What a query reads through, and what a unit of work reads and writes through."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from models.card_queue import Claim
from models.failures import Failure, classify, told
from models.statements import (
    FEW_IDS,
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


# Items after which others have their turn.
BREATH = 16


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
        few = FEW_KEYS if statement.probes is None else FEW_IDS
        if self._takes_arrays and len(keys) > few:
            # A key that stands there twice would be looked up twice.
            keys = list(dict.fromkeys(keys))
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
        if len(rows) == 1:
            await self.run(changes.portable, **dict(zip(changes.names, rows[0], strict=True)))
        elif self._takes_arrays:
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
