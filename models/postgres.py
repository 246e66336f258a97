"""PostgreSQL behind the door: compiled statements on asyncpg's own connection, taken from SQLAlchemy's pool."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import PoolProxiedConnection, make_url
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.util import greenlet_spawn

from models.database import Database, DatabaseLimits, Read, Transaction, Unit, told
from models.failures import Failure, classify
from models.statements import Compiled, Statement, compile_statement

R = TypeVar("R")
T = TypeVar("T")

_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


class PostgresConnection:
    def __init__(self, pooled: PoolProxiedConnection) -> None:
        self.pooled = pooled
        self.driver: Any = pooled.driver_connection

    async def fetch(self, compiled: Compiled[R], parameters: Mapping[str, Any]) -> list[R]:
        return compiled.values(
            await self.driver.fetch(compiled.sql, *compiled.arguments(parameters))
        )

    async def execute(self, compiled: Compiled[Any], parameters: Mapping[str, Any]) -> int:
        status = await self.driver.execute(compiled.sql, *compiled.arguments(parameters))
        # "INSERT 0 1", "UPDATE 1": the count stands last.
        return int(status.rpartition(" ")[2])

    async def execute_many(
        self, compiled: Compiled[Any], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        await self.driver.executemany(compiled.sql, [compiled.arguments(row) for row in rows])

    async def give_back(self, *, sound: bool) -> None:
        """Back to the pool, or away with it where its state is not known."""
        if sound and not self.driver.is_closed() and not self.driver.is_in_transaction():
            await greenlet_spawn(self.pooled.close)
        else:
            self.driver.terminate()
            await greenlet_spawn(self.pooled.invalidate)


class PostgresDatabase(Database):
    def __init__(self, url: str, limits: DatabaseLimits, *, pooled: bool) -> None:
        super().__init__(limits)
        self._session = {
            "statement_timeout": limits.statement_timeout_seconds,
            "lock_timeout": limits.lock_timeout_seconds,
            "idle_in_transaction_session_timeout": limits.idle_in_transaction_seconds,
        }
        self._pooled = pooled
        connect: dict[str, Any] = {
            "timeout": limits.connect_timeout_seconds,
            "command_timeout": limits.command_timeout_seconds,
        }
        if pooled:
            # A transaction pooler keeps no session: nothing is prepared by name, nothing set outside a transaction.
            connect |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        else:
            connect["server_settings"] = {
                name: _milliseconds(seconds) for name, seconds in self._session.items()
            }
        self.engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=limits.pool_size,
            max_overflow=0,
            pool_timeout=limits.acquire_timeout_seconds,
            pool_reset_on_return=None,
            connect_args=connect,
        )
        self._statements: dict[Statement[Any], Compiled[Any]] = {}

    def _compiled(self, statement: Statement[Any]) -> Compiled[Any]:
        compiled = self._statements.get(statement)
        if compiled is None:
            compiled = compile_statement(statement, self.engine.dialect)
            self._statements[statement] = compiled
        return compiled

    async def _begin(self, how: str) -> PostgresConnection:
        try:
            return await self._opened(how)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if classify(error) is not Failure.UNKNOWN:
                raise told(Failure.AWAY) from error
        # The database was restarted under the pool: its other connections are as dead as this one.
        await self.engine.dispose()
        try:
            return await self._opened(how)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise told(Failure.AWAY) from error

    async def _opened(self, how: str) -> PostgresConnection:
        try:
            connection = PostgresConnection(await self.engine.raw_connection())
        except PoolTimeout as error:
            raise told(Failure.SLOW) from error
        try:
            await connection.driver.execute(self._opening(how))
        except BaseException:
            await connection.give_back(sound=False)
            raise
        return connection

    def _opening(self, how: str) -> str:
        if not self._pooled:
            return how
        settings = "".join(
            f"; SET LOCAL {name} = '{_milliseconds(seconds)}'"
            for name, seconds in self._session.items()
        )
        return how + settings

    def read(self) -> Read:
        return Read(self._compiled, self._open_read, self._close_read)

    async def _open_read(self) -> PostgresConnection:
        return await self._begin(_READ)

    async def _close_read(self, connection: Any) -> None:
        try:
            await connection.driver.execute("COMMIT")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            # What was read was read; only the connection is lost.
            await connection.give_back(sound=False)
        else:
            await connection.give_back(sound=True)

    async def attempt(self, unit: Unit[T]) -> T:
        connection = await self._begin(_WRITE)
        try:
            result = await unit(Transaction(self._compiled, connection))
            await connection.driver.execute("COMMIT")
        except BaseException as error:
            await self._roll_back(connection, error)
            raise
        await connection.give_back(sound=True)
        return result

    async def _roll_back(self, connection: PostgresConnection, error: BaseException) -> None:
        sound = not isinstance(error, asyncio.CancelledError) and classify(error) in {
            Failure.AGAIN,
            Failure.BUSY,
            Failure.BUG,
        }
        if sound:
            try:
                await connection.driver.execute("ROLLBACK")
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                sound = False
        await connection.give_back(sound=sound)

    async def dispose(self) -> None:
        await self.engine.dispose()


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
