"""One-time rewards: which sales count for them, and what their points come to.

Source: semantics 13.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from rules import explanations
from rules.explanations import point_digits
from rules.giving import maximum_units
from rules.notes import scheme_stop
from rules.numbers import scale, show_decimal, show_units
from rules.occasions import EarningFacts
from rules.program import OneTimeReward, RewardPoint, Scheme, Settings
from rules.program_terms import EarnOnRedeemSale


@dataclass(frozen=True, slots=True)
class RewardPoints:
    """`units` after the maximum, `computed_units` before it."""

    units: int
    computed_units: int
    formula: str


def qualifying_programs(
    facts: EarningFacts, schemes: Iterable[Scheme], settings: Settings
) -> tuple[str, ...]:
    """Give the programs for which the sale counts: the card is ACTIVE and enrolled, one of their
    schemes on the channel is not stopped whole, and something is left to pay.
    """
    card = facts.card
    if card is None or not card.active or sum(line.net_minor for line in facts.lines) <= 0:
        return ()
    if facts.paid_with_points and settings.earn_on_redeem_sale is EarnOnRedeemSale.NONE:
        return ()
    return tuple(
        dict.fromkeys(
            scheme.program
            for scheme in schemes
            if scheme_stop(scheme, card.programs, facts.affiliations) is None
        )
    )


def reward_points(
    reward: OneTimeReward, point: RewardPoint, room: Mapping[str, int]
) -> RewardPoints:
    """Give the reward's points, cut to the room below the maximum: `1 x 100 = 100`."""
    digits = point_digits(point)
    points = Fraction(reward.points or 0)
    computed = int(points * scale(digits))
    units = computed
    if point.code in room:
        units = min(computed, max(0, room[point.code]))
    formula = f"1 x {show_decimal(points)} = {show_units(computed, digits)}"
    limit = maximum_units(point)
    if limit is not None:
        formula += explanations.cut_by_maximum(limit, units, computed, digits)
    return RewardPoints(units, computed, formula)
