"""Look-ups by numbers and ids that anybody might guess: those that find nothing are counted.

Unknown and foreign count alike. Who has had too many in a minute finds nothing more until the next
one begins, not even what is there: a guess would be known by it. Source: api promise 12.
"""

from typing import Protocol

from resolvers.allowances import Allowances

_TOLD = "Too many look-ups found nothing: try again later."


class Lookups(Protocol):
    """Those of one operation. Both raise AllowanceSpent."""

    def check(self) -> None:
        """Before anything is looked up."""

    def missed(self) -> None:
        """Nothing was found that the caller may see."""

    def together(self) -> "Lookups":
        """The look-ups of one call of many items, each of which stands or falls alone: who may
        begin it may end it. What finds nothing counts.
        """
        ...


class Uncounted:
    """Of callers that may guess: the service itself, and all where no limit is set."""

    def check(self) -> None:
        pass

    def missed(self) -> None:
        pass

    def together(self) -> Lookups:
        return self


class Counted:
    def __init__(self, allowances: Allowances, scope: str, limit: int) -> None:
        self._allowances = allowances
        self._scope = scope
        self._limit = limit

    def check(self) -> None:
        if self._allowances.remaining(self._scope, self._limit) <= 0:
            raise self._allowances.spent(_TOLD)

    def missed(self) -> None:
        self.check()
        self.owe()

    def owe(self) -> None:
        self._allowances.owe(self._scope)

    def together(self) -> Lookups:
        self.check()
        return _Begun(self)


class _Begun:
    def __init__(self, counted: Counted) -> None:
        self._counted = counted

    def check(self) -> None:
        pass

    def missed(self) -> None:
        self._counted.owe()

    def together(self) -> Lookups:
        return self
