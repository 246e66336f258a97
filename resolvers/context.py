"""What one operation has at hand: its caller, its clock reading, its snapshot, its batches."""

from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from aiodataloader import DataLoader

from models.database import Database
from models.transactions import Read, Transaction
from resolvers.books import LAG_SECONDS, RuleBooks
from resolvers.callers import Caller
from resolvers.card_watch import CardWatch
from resolvers.clock import Clock, civil_date
from resolvers.identifiers import Randomness
from resolvers.lookups import Lookups, Uncounted
from rules.book import RuleBook
from rules.program import Channel

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")


@dataclass(frozen=True)
class Outward:
    """How events leave the service.

    `shown` gives what a selection gives on a card to staff; `told` what an event of a kind and a
    card has to say, its ids being those of the API; `resolve` the addresses of a host; `lag` is how
    late after its instant an event may be committed.
    """

    shown: Callable[["Context", UUID, str], Awaitable[object]]
    told: Callable[[str, UUID, str], str]
    allows_loopback: bool
    lag: timedelta
    resolve: Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True)
class Service:
    """What all operations of a process share."""

    database: Database
    books: RuleBooks
    clock: Clock
    randomness: Randomness
    # What follows from what has happened in a unit, done before it commits.
    follow: Callable[["Context", Transaction, RuleBook], Awaitable[None]]
    watch: CardWatch
    # None: nothing is sent to anybody.
    outward: Outward | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One call of many effects: it leaves one audit row, whichever of them is written first."""

    operation: str
    audit_id: UUID
    facts: Mapping[str, object]


@dataclass
class Context:
    service: Service
    caller: Caller
    request_id: str
    now: datetime
    read: Read
    book: RuleBook | None
    lookups: Lookups
    call: Call | None = None
    _loaders: dict[Any, DataLoader[Any, Any]] = field(default_factory=dict)

    async def load(
        self, batch: Callable[["Context", list[K]], Coroutine[Any, Any, list[V]]], key: K
    ) -> V:
        """The value of `key`, found together with those of all its siblings by one call of `batch`.

        `batch` answers in the order of its keys.
        """
        loader = self._loaders.get(batch)
        if loader is None:
            loader = self._loaders[batch] = DataLoader(partial(batch, self))
        return await loader.load(key)  # type: ignore[no-any-return]

    async def unit(self, work: Callable[[Transaction, RuleBook | None], Awaitable[T]]) -> T:
        """Run `work` as a unit with the newest effective book; what is read afterwards is read
        anew.
        """
        self.lookups.check()
        # An operation never holds one connection while it waits for another: a full pool of such
        # would wait for itself.
        await self.read.close()

        async def with_book(transaction: Transaction) -> T:
            book = await self.service.books.refresh(transaction)
            done = await work(transaction, book)
            if book is not None and transaction.happened:
                await self.service.follow(self, transaction, book)
            return done

        try:
            return await self.service.database.unit(with_book)
        finally:
            await self.renew()

    @contextmanager
    def looking_up_together(self) -> Iterator[None]:
        """For a call of many items. Raises AllowanceSpent, before anything is done."""
        each = self.lookups
        self.lookups = each.together()
        try:
            yield
        finally:
            self.lookups = each

    def beside(self) -> "Context":
        """Another one for a part of the operation that runs at the same time; its snapshot is its
        own, and to be closed.
        """
        return replace(self, read=self.service.database.read(), _loaders={})

    async def renew(self) -> None:
        """Forget the snapshot and all batches: the next field sees what was committed meanwhile."""
        await self.read.close()
        self._loaders.clear()
        self.now = self.service.clock()
        self.book = await self.service.books.refresh(self.read, lag_seconds=LAG_SECONDS)

    def today(self, channel: Channel | None) -> date:
        """The civil date of now in the channel's zone; in UTC where no version ever had the
        channel.
        """
        return civil_date(self.now, channel.time_zone if channel else "UTC")


async def open_context(
    service: Service, caller: Caller, request_id: str, lookups: Lookups | None = None
) -> Context:
    read = service.database.read()
    book = await service.books.refresh(read, lag_seconds=LAG_SECONDS)
    now = service.clock()
    return Context(service, caller, request_id, now, read, book, lookups or Uncounted())
