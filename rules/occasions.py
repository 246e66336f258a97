"""What a sale and an activity are judged by: the day, the card, what is held, the lines.

Source: semantics 5.1, 5.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from rules.lines import Line


@dataclass(frozen=True, slots=True)
class CardFacts:
    """The card on the entry date: programs it is enrolled in, and the tier held, by program."""

    active: bool
    programs: frozenset[str]
    tiers: Mapping[str, str]


class EarningLine(NamedTuple):
    """A line as rules see it: net in minor units and quantity, both less what points paid of it.

    The net is whole, but for part of a line that comes back.
    `products` are its productId and variantId; `paid_with_points`: points paid some or all of it.
    """

    line_number: int
    products: frozenset[str]
    categories: frozenset[str]
    net_minor: int | Fraction
    quantity: Fraction
    paid_with_points: bool = False


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a sale and an activity have in common.

    `on` is the entry date, `affiliations` are those held. `room` is what each reward point may
    still gain below its maximum, in smallest units (absent: no maximum; negative counts as 0).
    """

    channel: str
    on: date
    card: CardFacts | None
    affiliations: frozenset[str]
    room: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class EarningFacts(Occasion):
    """What a sale is judged by; `paid_with_points`: it names a payment with points."""

    currency: str
    lines: tuple[EarningLine, ...]
    paid_with_points: bool = False


@dataclass(frozen=True, slots=True)
class ActivityFacts(Occasion):
    """What an activity is judged by."""

    activity_type: str


def earning_line(line: Line) -> EarningLine:
    """Take a line of which points paid nothing."""
    return EarningLine(
        line_number=line.line_number,
        products=line.products,
        categories=line.categories,
        net_minor=line.net_minor,
        quantity=Fraction(line.quantity),
    )
