"""A transaction that tells of each statement, for tests that fail at one of them."""

from collections.abc import Callable

from models.transactions import Connection, Transaction


class Watched(Transaction):
    """Tells of each statement before it is run."""

    def __init__(self, transaction: Transaction, step: Callable[[], None]) -> None:
        vars(self).update(vars(transaction))
        self.step = step

    async def _open(self) -> Connection:
        self.step()
        return await super()._open()
