"""How much a caller may take in a minute, counted by all processes of a service together.

A process reserves points in blocks, so that most requests write nothing. What it holds
unused is lost with the minute: of n processes one may refuse a caller n - 1 blocks early, and none
lets anybody through late. Minutes are those of the world's clock. Source: api promises 4 and 12.
"""

import asyncio
import hashlib
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime

from models.allowances import forget_before, take
from models.database import Database
from models.transactions import Transaction
from resolvers.clock import Clock

MINUTE_SECONDS = 60
BLOCKS = 50


class AllowanceSpent(Exception):  # noqa: N818 - named for what is wrong
    """The caller has taken all of this minute; `retry_after_seconds` are left of it."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Left:
    """What this process knows to be left of the minute, which ends at `resets_at`."""

    limit: int
    remaining: int
    resets_at: datetime


@dataclass(slots=True)
class _Share:
    """What this process may still hand out, negative where it owes, and what all have taken."""

    held: int = 0
    taken: int = 0
    # One block at a time: a crowd that comes at once must not reserve one each.
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Allowances:
    """One kind of allowance; each caller has it anew every minute."""

    def __init__(self, database: Database, kind: str, clock: Clock) -> None:
        self._database = database
        self._kind = kind
        self._clock = clock
        self._minute = 0
        self._is_swept = False
        self._shares: dict[str, _Share] = {}

    async def take(self, scope: str, points: int, limit: int) -> Left:
        """Take `points`, or all there is where a caller never has so many.

        Raises AllowanceSpent; DatabaseUnavailable or DatabaseSlow where none can be reserved.
        """
        share, wanted = self._share(scope), min(points, limit)
        await self._ensure(share, scope, wanted, limit)
        if share.held < wanted:
            raise self.spent(f"More than {limit} cost points in a minute: try again later.")
        share.held -= wanted
        return Left(limit, _remaining(share, limit), self._reset())

    def remaining(self, scope: str, limit: int) -> int:
        return _remaining(self._share(scope), limit)

    def owe(self, scope: str) -> None:
        """Take one point at once; `settle` writes it down."""
        self._share(scope).held -= 1

    async def settle(self, scope: str, limit: int) -> None:
        """Write down what is owed. Raises as `take` does; then it is owed still."""
        await self._ensure(self._share(scope), scope, 0, limit)

    def spent(self, message: str) -> AllowanceSpent:
        left = (self._reset() - self._clock()).total_seconds()
        return AllowanceSpent(message, max(1, math.ceil(left)))

    def _share(self, scope: str) -> _Share:
        minute = int(self._clock().timestamp()) // MINUTE_SECONDS
        if minute > self._minute:
            self._minute, self._is_swept = minute, False
            self._shares.clear()
        return self._shares.setdefault(scope, _Share())

    def _reset(self) -> datetime:
        return datetime.fromtimestamp((self._minute + 1) * MINUTE_SECONDS, UTC)

    async def _ensure(self, share: _Share, scope: str, wanted: int, limit: int) -> None:
        """Hold `wanted` points, as far as there are any."""
        if share.held >= wanted or share.taken >= limit:
            return
        async with share.turn:
            if share.held < wanted and share.taken < limit:
                await self._reserve(share, scope, wanted - share.held, limit)

    async def _reserve(self, share: _Share, scope: str, least: int, limit: int) -> None:
        points = max(least, limit // BLOCKS)
        scope_hash = hashlib.sha256(f"{self._kind}\0{scope}".encode()).digest()
        minute = self._minute
        sweeps, self._is_swept = not self._is_swept, True

        async def unit(transaction: Transaction) -> int:
            if sweeps:
                await transaction.run(forget_before, before_minute=minute - 1)
            rows = await transaction.all(take, scope_hash=scope_hash, minute=minute, taken=points)
            return rows[0].taken

        taken = await self._database.unit(unit)
        share.held += max(0, min(points, limit - (taken - points)))
        share.taken = max(share.taken, taken)


def _remaining(share: _Share, limit: int) -> int:
    return max(0, limit - share.taken) + share.held
