"""The rates at which callers may ask, by the settings: cost points, and look-ups that find nothing.

The service's clock may be set for a demonstration; rates go by real time all the same.
"""

from contextlib import suppress

from models.database import Database
from models.failures import DatabaseSlow, DatabaseUnavailable, KeyInProgress
from resolvers.allowances import Allowances, Left
from resolvers.callers import Caller, Role
from resolvers.clock import Clock, system_clock
from resolvers.lookups import Counted, Lookups, Uncounted
from settings import Settings


class Rates:
    """Those of all callers of a process; a limit of 0 is none."""

    def __init__(self, settings: Settings, database: Database, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._costs = Allowances(database, "cost", clock)
        self._failed = Allowances(database, "failed look-up", clock)

    async def admit(self, caller: Caller, cost: int) -> Left | None:
        """Take the cost from what is left to the caller. Raises AllowanceSpent."""
        limit = self._settings.rate_limit
        return await self._costs.take(caller.scope, cost, limit) if limit else None

    def lookups(self, caller: Caller) -> Lookups:
        limit = self._failed_limit(caller)
        return Counted(self._failed, caller.scope, limit) if limit else Uncounted()

    async def settle(self, caller: Caller) -> None:
        """Write down the look-ups of an operation that found nothing.

        Its answer stands, whatever becomes of that: this process counts them all the same.
        """
        with suppress(DatabaseUnavailable, DatabaseSlow, KeyInProgress):
            await self._failed.settle(caller.scope, self._failed_limit(caller))

    def _failed_limit(self, caller: Caller) -> int:
        if caller.role is Role.CUSTOMER:
            return self._settings.customer_failed_lookups
        return self._settings.key_failed_lookups
