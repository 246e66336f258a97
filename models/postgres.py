"""PostgreSQL behind the door: asyncpg's own connections, taken from SQLAlchemy's pool."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import PoolProxiedConnection
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import create_async_engine

from models.addresses import driver_address
from models.card_queue import CardQueue, CardTaken, Claim, QueueFull
from models.database import Database, DatabaseLimits, Unit
from models.failures import CommitUnknown, Failure, classify, told
from models.statements import Compiled, Statement, compiled_once
from models.transactions import Read, Transaction

R = TypeVar("R")
T = TypeVar("T")

_OF_DRIVER = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

# From so many rows on, COPY is faster than an INSERT for each.
_COPIED_ROWS = 16

_KNOWN = "lists"
_LISTED = ("uuid", "text", "bytea", "varchar", "date", "int4", "int8", "timestamptz", "bool")
_ARRAYS = "SELECT " + ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(_LISTED, 1))

_CLOCK = "SELECT clock_timestamp()"

_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


class PostgresConnection:
    def __init__(self, pooled: PoolProxiedConnection) -> None:
        self.pooled = pooled
        self.driver: Any = pooled.driver_connection

    async def fetch(self, compiled: Compiled[R], parameters: Mapping[str, Any]) -> list[R]:
        await self._know_lists(compiled)
        return compiled.values(
            await self.driver.fetch(compiled.sql, *compiled.arguments(parameters))
        )

    async def execute(self, compiled: Compiled[Any], parameters: Mapping[str, Any]) -> int:
        await self._know_lists(compiled)
        status = await self.driver.execute(compiled.sql, *compiled.arguments(parameters))
        # "INSERT 0 1", "UPDATE 1": the count stands last.
        return int(status.rpartition(" ")[2])

    async def execute_many(
        self, compiled: Compiled[Any], arguments: Sequence[Sequence[Any]]
    ) -> None:
        if compiled.fills is None or len(arguments) < _COPIED_ROWS:
            await self.driver.executemany(compiled.sql, arguments)
        else:
            await self.driver.copy_records_to_table(
                compiled.fills, records=arguments, columns=compiled.names
            )

    async def _know_lists(self, compiled: Compiled[Any]) -> None:
        # For each kind of list that it does not know yet the driver asks anew, for longer than the
        # statement itself takes.
        if compiled.takes_lists and _KNOWN not in self.pooled.info:
            await self.driver.fetch(_ARRAYS, *[[]] * len(_LISTED))
            self.pooled.info[_KNOWN] = True

    async def pause(self) -> None:
        await asyncio.sleep(0)

    def give_back(self) -> None:
        """Back to the pool, or away with it where its state is not known; never waits."""
        if self.driver.is_closed() or self.driver.is_in_transaction():
            self.discard()
        else:
            self.pooled.close()

    def discard(self) -> None:
        self.pooled.invalidate()


class PostgresDatabase(Database):
    def __init__(self, url: str, limits: DatabaseLimits, *, pooled: bool) -> None:
        super().__init__(limits)
        self._session = {
            "statement_timeout": limits.statement_timeout_seconds,
            "lock_timeout": limits.lock_timeout_seconds,
            "idle_in_transaction_session_timeout": limits.idle_in_transaction_seconds,
        }
        self._pooled = pooled
        self._queue = CardQueue(limits.card_queue)
        address, given = driver_address(url)
        connect: dict[str, Any] = given | {
            "timeout": limits.connect_timeout_seconds,
            "command_timeout": limits.command_timeout_seconds,
        }
        if pooled:
            # A transaction pooler keeps no session: nothing is prepared by name, nothing is set
            # outside a transaction.
            connect |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        else:
            connect["server_settings"] = {
                name: _milliseconds(seconds) for name, seconds in self._session.items()
            }
        self.engine = create_async_engine(
            address,
            pool_size=limits.pool_size,
            max_overflow=0,
            pool_timeout=limits.acquire_timeout_seconds,
            pool_reset_on_return=None,
            connect_args=connect,
        )
        # From 2.1 on, SQLAlchemy raises its own kind for what asyncpg raises when it connects.
        self._adapted = self.engine.dialect.loaded_dbapi.Error

    def _compiled(self, statement: Statement[Any]) -> Compiled[Any]:
        return compiled_once(statement, self.engine.dialect)

    async def _begin(self, how: str) -> PostgresConnection:
        # The database may have been restarted under the pool: then all of its connections are dead.
        for _ in range(self.limits.pool_size + 1):
            connection = await self._taken()
            try:
                await connection.driver.execute(self._opening(how))
            except _OF_DRIVER as error:
                connection.discard()
                if classify(error) is not Failure.UNKNOWN:
                    raise told(Failure.AWAY) from error
            except BaseException:
                connection.discard()
                raise
            else:
                return connection
        raise told(Failure.AWAY)

    async def _taken(self) -> PostgresConnection:
        try:
            return PostgresConnection(await self.engine.raw_connection())
        except PoolTimeout as error:
            raise told(Failure.SLOW) from error
        except (*_OF_DRIVER, self._adapted) as error:
            raise told(Failure.AWAY) from error

    def _opening(self, how: str) -> str:
        if not self._pooled:
            return how
        settings = "".join(
            f"; SET LOCAL {name} = '{_milliseconds(seconds)}'"
            for name, seconds in self._session.items()
        )
        return how + settings

    def read(self) -> Read:
        return Read(self._compiled, self._open_read, self._close_read, takes_arrays=True)

    async def _open_read(self) -> PostgresConnection:
        return await self._begin(_READ)

    async def _close_read(self, connection: Any) -> None:
        # What was read was read, even where the connection is lost by now.
        await _end(connection, "COMMIT")

    async def attempt(self, unit: Unit[T], deadline: float) -> T:
        claim = self._queue.claim()
        while True:
            try:
                await self._turn_of(claim, deadline)
                return await self._once(unit, claim)
            except CardTaken:
                # What it has read and claimed so far is given up with its connection.
                continue
            finally:
                claim.leave()

    async def _turn_of(self, claim: Claim, deadline: float) -> None:
        # Who has the turn may still have to wait for a lock, and is to be answered in time.
        limits = self.limits
        kept = min(2 * limits.lock_timeout_seconds, limits.unit_deadline_seconds / 2)
        try:
            async with asyncio.timeout_at(deadline - kept):
                await claim.wait()
        except (QueueFull, TimeoutError) as error:
            raise told(Failure.BUSY) from error

    async def _once(self, unit: Unit[T], claim: Claim) -> T:
        connection = await self._begin(_WRITE)
        try:
            result = await unit(
                Transaction(self._compiled, connection, takes_arrays=True, claim=claim)
            )
            ended = await _commit(connection)
        except Exception as error:
            if classify(error) in {Failure.AGAIN, Failure.BUSY, Failure.BUG}:
                await _end(connection, "ROLLBACK")
            else:
                connection.discard()
            raise
        except BaseException:
            connection.discard()
            raise
        connection.give_back()
        if ended != "COMMIT":
            raise RuntimeError("a unit of work went on after a statement of it had failed")
        return result

    async def instant(self) -> datetime | None:
        connection = await self._begin(_READ)
        try:
            now: datetime = await connection.driver.fetchval(_CLOCK)
        finally:
            await _end(connection, "COMMIT")
        return now

    async def dispose(self) -> None:
        await self.engine.dispose()


async def _commit(connection: PostgresConnection) -> str:
    """Raises CommitUnknown for a failure of which no other statement leaves a doubt: some engines
    tell so of a commit that may stand.
    """
    try:
        ended: str = await connection.driver.execute("COMMIT")
    except asyncpg.InternalServerError as error:
        raise CommitUnknown from error
    return ended


async def _end(connection: PostgresConnection, how: str) -> None:
    """End the transaction and give the connection back, whatever becomes of the attempt."""
    try:
        await connection.driver.execute(how)
    except _OF_DRIVER:
        connection.discard()
    except BaseException:
        connection.discard()
        raise
    else:
        connection.give_back()


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
