"""What one rule gives for the lines it selects, before any maximum cuts it.

Points count in smallest units: whole points for QUANTITY, minor units of the point's currency for
AMOUNT. Source: semantics 5.2, 5.3.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from rules import explanations
from rules.errors import InvalidInput
from rules.explanations import ONCE, Base, point_digits
from rules.indexes import LineIndex
from rules.lines import split
from rules.notes import NoteCode
from rules.numbers import MAXIMUM_UNITS, cut, exact_of, half_up, scale
from rules.occasions import EarningFacts, EarningLine
from rules.program import EarningRule, RewardPoint
from rules.program_terms import EarningActivity, RewardPointKind

# One unit of the first currency in units of the second; None where the configuration has no rate.
Rate = Callable[[str, str], Fraction | None]
PURCHASES = frozenset({EarningActivity.PURCHASE_BY_AMOUNT, EarningActivity.PURCHASE_BY_QUANTITY})


def maximum_units(point: RewardPoint) -> int | None:
    """Give `maximumPerCard` in smallest units, cut; None (none or 0 configured): no limit."""
    if not point.maximum_per_card:
        return None
    return cut(Fraction(point.maximum_per_card) * scale(point_digits(point)))


@dataclass(frozen=True, slots=True)
class Kind:
    """What sets a sale apart from an activity, which has a type and no lines."""

    activity_type: str | None
    lines: LineIndex[EarningLine]
    base: Callable[[EarningRule, Sequence[EarningLine]], Base]
    stop: NoteCode | None
    per_line: bool


class Given(NamedTuple):
    """What a rule gives before the maximum cuts; `lines` are those it matched."""

    rule: EarningRule
    point: RewardPoint
    units: int
    formula: str
    lines: Sequence[EarningLine]

    def cut_text(self, kept_units: int, computed_units: int) -> str:
        if kept_units == computed_units:
            return ""
        limit = maximum_units(self.point) or 0
        digits = point_digits(self.point)
        return explanations.cut_by_maximum(limit, kept_units, computed_units, digits)


def given(kind: Kind, points: Mapping[str, RewardPoint], rule: EarningRule) -> Given | NoteCode:
    """Give what the rule gives for its lines, or why nothing.

    Raises InvalidInput for more than 10^15 smallest units.
    """
    lines = kind.lines.selected(rule)
    if not lines and rule.activity in PURCHASES:
        return NoteCode.NO_MATCHING_LINES
    base = kind.base(rule, lines)
    point = points[rule.reward_point]
    exact = _exact_points(rule, point, base.value)
    units = _whole_units(exact, point)
    if units == 0:
        spent = base.value == 0 and any(line.paid_with_points for line in lines)
        return NoteCode.PAID_WITH_POINTS if spent else NoteCode.BELOW_THRESHOLD
    if units > MAXIMUM_UNITS:
        field = "lines" if kind.activity_type is None else "activityType"
        raise InvalidInput("This earns more than 10^15 smallest units.", (field,))
    return Given(rule, point, units, explanations.earned(rule, point, base, exact, units), lines)


def _exact_points(rule: EarningRule, point: RewardPoint, value: Fraction) -> Fraction:
    """Give the points before rounding; below `per` there are none, AMOUNT points included."""
    per, points = exact_of(rule.per), exact_of(rule.points)
    blocks = (value.numerator * per.denominator, value.denominator * per.numerator)
    whole = blocks[0] // blocks[1]
    if point.kind is RewardPointKind.QUANTITY or whole < 1:
        return Fraction(whole * points.numerator, points.denominator)
    return Fraction(blocks[0] * points.numerator, blocks[1] * points.denominator)


def _whole_units(exact: Fraction, point: RewardPoint) -> int:
    if point.kind is RewardPointKind.QUANTITY:
        return cut(exact)
    return half_up(exact, scale(point_digits(point)))


def parts(kind: Kind, given: Given) -> Sequence[tuple[int | None, int]]:
    """Split what a purchase rule gives by net amount, or by quantity if it counts quantities."""
    if not kind.per_line or given.rule.activity not in PURCHASES:
        return ((None, given.units),)
    by_amount = given.rule.activity is EarningActivity.PURCHASE_BY_AMOUNT
    weights = {
        line.line_number: line.net_minor if by_amount else line.quantity for line in given.lines
    }
    return split(given.units, weights)


def sale_base(
    facts: EarningFacts, rate: Rate, rule: EarningRule, lines: Sequence[EarningLine]
) -> Base:
    if rule.activity is EarningActivity.PURCHASE_BY_QUANTITY:
        return explanations.pieces(sum((line.quantity for line in lines), Fraction(0)))
    net = sum(line.net_minor for line in lines)
    if rule.activity is EarningActivity.SALES_TRANSACTION_COUNT:
        return ONCE if net > 0 else explanations.pieces(Fraction(0))
    currency = rule.currency or facts.currency
    if currency == facts.currency:
        return explanations.amount(net, currency)
    factor = rate(facts.currency, currency)
    if factor is None:
        raise ValueError(f"No rate from {facts.currency} to {currency} for {facts.channel}.")
    return explanations.converted(net, facts.currency, factor, currency)
