"""The one door to the database: a read has one snapshot, a unit of work may run again.

Everything else in the project reaches SQL through `Database.read` and `Database.unit`.
Source: engineering 1.4, 3.
"""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from models.failures import Failure, classify, told
from models.transactions import Read, Transaction

R = TypeVar("R")
T = TypeVar("T")

ATTEMPTS = 5


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


def open_database(url: str, limits: DatabaseLimits, *, pooled: bool = False) -> Database:
    """Open a `sqlite:///path` or `postgresql://...` address; `pooled`: PgBouncer stands between."""
    # Each engine is loaded only where it is used.
    if url.startswith("sqlite:"):
        from models.sqlite import SqliteDatabase  # noqa: PLC0415

        return SqliteDatabase(url, limits)
    from models.postgres import PostgresDatabase  # noqa: PLC0415

    return PostgresDatabase(url, limits, pooled=pooled)
