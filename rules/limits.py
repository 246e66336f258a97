"""The walk of one reward point within the limits of redemption: its step and its minimum.

Both concern QUANTITY points only; the share cap bounds what is asked of the walk.
Source: semantics 8.3.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, gcd, lcm

from rules.needs import Needs
from rules.program_terms import RewardPointKind
from rules.tender import Tender
from rules.walk import Left, Part, Walked, walk

_HALF = Fraction(1, 2)


def walk_within_limits(
    asked: Tender, code: str, left: Sequence[Left], to_pay_minor: int, budget_units: int
) -> Walked:
    """Take multiples of the step only, and nothing where it would be less than the minimum."""
    if asked.points[code].kind is not RewardPointKind.QUANTITY:
        return walk(asked, code, left, to_pay_minor, budget_units)
    if asked.limits.step == 1:
        walked = walk(asked, code, left, to_pay_minor, budget_units)
    else:
        walked = _walk_in_steps(asked, code, left, to_pay_minor, budget_units)
    return walked if walked.units >= asked.limits.minimum_points else _nothing(left)


def _walk_in_steps(
    asked: Tender, code: str, left: Sequence[Left], to_pay_minor: int, budget_units: int
) -> Walked:
    """Take the largest multiple of the step that is used wholly and whose worth is not above what
    is left to pay; its worth is what it would pay were there nothing else to bound it.

    Blocks make worth rise and fall with the multiple, so every multiple counts, but those between
    one that fails and the bound that it shows fail as well and are passed over.
    """
    open_minor = sum(one.goods_minor + one.charges_minor for one in left)
    step, needs = _usable_step(asked, code), Needs(asked, code, left)
    multiple = budget_units // step * step
    while multiple > 0:
        bound = needs.used(multiple)
        if bound == multiple:
            walked = walk(asked, code, left, open_minor, multiple)
            if walked.amount_minor <= to_pay_minor:
                return walked
            bound = _below(walked.parts, to_pay_minor)
        multiple = bound // step * step
    return _nothing(left)


def _usable_step(asked: Tender, code: str) -> int:
    """Give the least multiple of the step that could be used wholly; each that is, is its multiple.

    Where only whole units are paid, what a walk uses is a multiple of whatever divides the points
    of every block: no other is tried, or the lines of a long cart would be walked for each.
    """
    step = asked.limits.step
    rules = {id(price.rule): price.rule for item in asked.prices[code] for price in item}.values()
    costs = [Fraction(rule.points) for rule in rules if rule.whole_units_only]
    if not costs or len(costs) < len(rules) or any(cost.denominator > 1 for cost in costs):
        return step
    return lcm(step, gcd(*(cost.numerator for cost in costs)))


def _below(parts: Sequence[Part], to_pay_minor: int) -> int:
    """Give the most points with which the part that pays too much would pay less.

    `parts` pay more than `to_pay_minor`; with fewer points, as long as they last to that part, the
    parts before it stay as they are.
    """
    used = Fraction(0)
    for part in parts:
        if part.amount_minor > to_pay_minor:
            break
        used += part.need
        to_pay_minor -= part.amount_minor
    if part.blocks:
        worth, cost = part.amount_minor // part.blocks, part.need / part.blocks
        return ceil(used + (to_pay_minor // worth + 1) * cost) - 1
    return ceil(used + (to_pay_minor + _HALF) * part.price.rate) - 1


def _nothing(left: Sequence[Left]) -> Walked:
    return Walked((), tuple(left), 0)
