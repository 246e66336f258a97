"""What happens in a unit of work and may grant one-time rewards before it commits.

Source: semantics 13.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from rules.book import RuleBook


@dataclass(frozen=True, slots=True)
class TierReached:
    """A row of exactly this tier began on the day, coming from another tier or from none."""

    card_id: UUID
    program: str
    tier: str
    on: date


@dataclass(frozen=True, slots=True)
class SaleCounted:
    """A qualifying sale was posted; `counts` are the card's by program, this one included."""

    card_id: UUID
    channel: str
    on: date
    occurred_at: datetime
    book: RuleBook
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ActivityCounted:
    """An activity was posted; `count` are the card's of its type, this one included."""

    card_id: UUID
    channel: str
    on: date
    occurred_at: datetime
    book: RuleBook
    activity_type: str
    count: int


@dataclass(frozen=True, slots=True)
class CardIssued:
    card_id: UUID
    channel: str
    programs: tuple[str, ...]
    on: date
    issued_at: datetime
