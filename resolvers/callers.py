"""Who calls, and what the call may reach. Source: semantics 16."""

from dataclasses import dataclass
from enum import StrEnum

from rules.errors import Forbidden


class Role(StrEnum):
    CUSTOMER = "customer"
    STOREFRONT = "storefront"
    PARTNER = "partner"
    STAFF = "staff"
    ADMIN = "admin"


MANAGING = frozenset({Role.STAFF, Role.ADMIN})

FORCE = "force"
INTROSPECT = "introspect"
RIGHTS = frozenset({FORCE, INTROSPECT})


@dataclass(frozen=True, slots=True)
class Caller:
    """`name` is the API key's, or the customer's id; `channels` and `activity_types` None: all of
    them.
    """

    role: Role
    name: str
    customer_id: str | None = None
    channels: frozenset[str] | None = None
    activity_types: frozenset[str] | None = None
    rights: frozenset[str] = frozenset()

    @property
    def scope(self) -> str:
        """What idempotency keys are kept under: a rotated key keeps its name."""
        return customer_scope(self.name) if self.role is Role.CUSTOMER else f"key:{self.name}"

    @property
    def is_managing(self) -> bool:
        return self.role in MANAGING

    def reaches(self, channel: str) -> bool:
        return self.channels is None or channel in self.channels


def customer_scope(customer_id: str) -> str:
    return f"customer:{customer_id}"


def check_channel(caller: Caller, channel: str, path: tuple[str, ...]) -> None:
    """Raises Forbidden where the key is not for this channel."""
    if not caller.reaches(channel):
        raise Forbidden("This key is not for this channel.", path)
