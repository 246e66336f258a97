"""What bulk posting asks of a kind of item: its key, its card, its checks, its posting."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from models.card_statements import CardRow
from models.database import Transaction
from models.staging import Staged
from models.statements import Statement
from rules.errors import LoyaltyError, Refused

I = TypeVar("I")  # noqa: E741 (an item)
C = TypeVar("C")  # an item that was checked
A = TypeVar("A")  # its answer


@dataclass(frozen=True, slots=True)
class Checked(Generic[C]):
    """An item that may be posted: key, claim (parameters of `Kind.claim`), card."""

    subject: C
    key: bytes
    claim: Mapping[str, Any]
    card_id: UUID | None


class Kind(ABC, Generic[I, C, A]):
    """A kind of item. `claim` inserts the row of its key, `unclaim` deletes it again (`of_key`)."""

    claim: Statement[None]
    unclaim: Statement[None]

    @abstractmethod
    def key(self, item: I) -> bytes: ...

    @abstractmethod
    def number(self, item: I) -> str | None:
        """The card presented."""

    @abstractmethod
    async def load(self, staged: Staged, items: Sequence[I], cards: Sequence[CardRow]) -> None:
        """Read what the checks of the items ask for; card numbers and cards are there."""

    @abstractmethod
    async def check(self, transaction: Transaction, item: I) -> Checked[C] | A:
        """Raises LoyaltyError where the item is refused; answers where its key was used before."""

    @abstractmethod
    async def post(self, transaction: Transaction, subject: C) -> A:
        """Post it under the card's lock, its key claimed."""

    @abstractmethod
    def refused(self, refusal: Refused | LoyaltyError) -> A: ...

    @abstractmethod
    async def alone(self, item: I) -> A:
        """Post it in a transaction of its own."""
