"""What points pay of a cart: slices by reward point and line, and the formula of each point.

Source: semantics 8.2 (the last sentence of Walk), 14.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from rules.explanations import point_digits
from rules.faults import MAXIMUM_LINE_NUMBER
from rules.lines import split
from rules.numbers import currency_digits, scale, show_decimal, show_units
from rules.tender import Item, Tender
from rules.walk import Part, Walked

_ORDER_CHARGES = MAXIMUM_LINE_NUMBER + 1


@dataclass(frozen=True, slots=True)
class Slice:
    """What one reward point pays of one item, in the order of consumption.

    A slice that pays little may have 0 points: points are rounded once, over all items.
    """

    reward_point: str
    line_number: int | None
    points_units: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Cover:
    """What the walk pays; `formulas` by reward point."""

    slices: tuple[Slice, ...]
    formulas: Mapping[str, str]

    @property
    def amount_minor(self) -> int:
        return sum(one.amount_minor for one in self.slices)

    def points_units(self, reward_point: str) -> int:
        return sum(one.points_units for one in self.slices if one.reward_point == reward_point)

    @property
    def reward_points(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.reward_point for one in self.slices))


def slices(code: str, walked: Walked, items: Sequence[Item]) -> Iterator[Slice]:
    """Spread the units over the items in proportion to their exact needs, by largest remainder.

    Ties go to the lower line number, the order's own charges come last.
    """
    needs: dict[int, Fraction] = {}
    amounts: dict[int, int] = {}
    for part in walked.parts:
        key = items[part.place].line_number or _ORDER_CHARGES
        needs[key] = needs.get(key, Fraction(0)) + part.need
        amounts[key] = amounts.get(key, 0) + part.amount_minor
    for key, units in split(walked.units, needs):
        line_number = None if key == _ORDER_CHARGES else key
        yield Slice(code, line_number, units, amounts[key])


def formula(asked: Tender, code: str, walked: Walked) -> str:
    """Show how money at each rate became points: `30.00 x 80 + 20.00 x 100 = 4400`.

    Whole units stand as blocks times their points: `2 x 100 = 200`. Source: semantics 14.
    """
    digits = currency_digits(asked.facts.currency)
    counts: dict[tuple[bool, Fraction], int] = {}
    for part in walked.parts:
        key, count = _term(part, scale(digits))
        counts[key] = counts.get(key, 0) + count
    shown = " + ".join(
        f"{count if by_blocks else show_units(count, digits)} x {show_decimal(points)}"
        for (by_blocks, points), count in counts.items()
    )
    exact = sum(
        (points * Fraction(count, 1 if by_blocks else scale(digits)))
        for (by_blocks, points), count in counts.items()
    )
    return f"{shown} = {_rounded(Fraction(exact), walked.units, point_digits(asked.points[code]))}"


def _term(part: Part, money_scale: int) -> tuple[tuple[bool, Fraction], int]:
    """Give blocks and the points of one, or minor units and the points of a currency unit."""
    if part.blocks:
        return (True, part.need / part.blocks), part.blocks
    return (False, part.price.rate * money_scale), part.amount_minor


def _rounded(exact: Fraction, units: int, digits: int) -> str:
    shown = show_units(units, digits)
    return shown if exact * scale(digits) == units else f"{show_decimal(exact)} -> {shown}"
