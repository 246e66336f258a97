"""Whether points can pay an amount, and the most that they can: the walk over all reward points.

Money counts in minor units of the cart's currency, points in smallest units of their reward point;
a budget is what the pool has available of a point. Source: semantics 8.1 (checks 8, 9), 8.2, 8.3,
8.5 (partial capture).
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial

from rules.cover import Cover, Slice, formula, slices
from rules.errors import InvalidPaymentRequest, NotEnoughRewardPoints, Path, RedemptionLimit
from rules.explanations import point_digits
from rules.limits import walk_within_limits
from rules.tender import Item, Limits, Tender, TenderFacts, is_unrestricted, tender
from rules.walk import Left, Walked, everything, walk

__all__ = [
    "Cover",
    "Item",
    "Limits",
    "Slice",
    "Tender",
    "TenderFacts",
    "check_amount",
    "cover",
    "decide",
    "is_unrestricted",
    "most",
    "recapture",
    "refusal_of_cover",
    "tender",
    "units_needed",
]

Budgets = Mapping[str, int]
_AMOUNT = ("amount",)
_Walk = Callable[[Tender, str, Sequence[Left], int, int], Walked]


def cover(asked: Tender, budgets: Budgets, to_pay_minor: int, *, limited: bool = True) -> Cover:
    """Pay up to `to_pay_minor`: by ranking, each reward point until it is exhausted.

    `limited`: the minimum and the step count; the share cap is the caller's to keep. Points that
    would round to 0 pay nothing.
    """
    return _cover(asked, budgets, to_pay_minor, walk_within_limits if limited else walk)


def most(asked: Tender, budgets: Budgets, balance_due_minor: int) -> Cover:
    """Give the most that points can pay of what is due: paying exactly this succeeds, one minor
    unit more fails, unless the balance due or the share cap is why it is no more.
    """
    return _most_of(asked, budgets, min(balance_due_minor, asked.share_cap_minor))


def decide(
    asked: Tender, budgets: Budgets, held: Budgets, amount_minor: int, balance_due_minor: int
) -> Cover:
    """Pay exactly `amount_minor`; `held` are the pool's points in holds.

    Raises InvalidPaymentRequest as check_amount; RedemptionLimit where the amount would be paid
    without limits; else NotEnoughRewardPoints. Both tell what the points could pay of the amount.
    """
    check_amount(amount_minor, balance_due_minor)
    capped_minor = min(amount_minor, asked.share_cap_minor)
    found = cover(asked, budgets, capped_minor)
    if found.amount_minor == amount_minor:
        return found
    raise _refusal(asked, budgets, held, amount_minor, capped_minor)


def check_amount(amount_minor: int, balance_due_minor: int) -> None:
    """Raise InvalidPaymentRequest for nothing, or for more than is due: points give no change.

    Source: semantics 8.1, check 2.
    """
    if not 0 < amount_minor <= balance_due_minor:
        message = "An amount to pay is more than 0 and at most what is due."
        raise InvalidPaymentRequest(message, _AMOUNT)


def refusal_of_cover(
    asked: Tender, budgets: Budgets, held: Budgets, balance_due_minor: int
) -> NotEnoughRewardPoints | RedemptionLimit:
    """Tell why points can pay nothing of what is due, for a `most` of 0.

    RedemptionLimit where points would pay something without limits. Source: semantics 8.2.
    """
    unlimited = cover(asked, budgets, balance_due_minor, limited=False)
    if unlimited.amount_minor > 0:
        return RedemptionLimit(0, asked.facts.currency)
    return _not_enough(asked, budgets, held, balance_due_minor, 0)


def recapture(asked: Tender, held_budgets: Budgets, amount_minor: int) -> Cover:
    """Pay part of an authorised payment from the points it holds; limits are not tested again.

    Raises InvalidPaymentRequest where the rules cannot pay the amount exactly; the caller has
    checked it against what was authorised. AMOUNT points that were rounded down when they were held
    may need up to half a minor unit more than is held; that much is let pass where it is wanting.
    Source: semantics 8.5.
    """
    for walking in (walk, partial(walk, tolerant=True)):
        found = _cover(asked, held_budgets, amount_minor, walking)
        if found.amount_minor == amount_minor > 0:
            return found
    raise InvalidPaymentRequest("The points held cannot pay exactly this amount.", _AMOUNT)


def units_needed(asked: Tender, code: str, to_pay_minor: int) -> int:
    """Tell what the amount would take of one point, over the lines it can pay, with enough of it.

    Limits and other points are left aside.
    """
    return walk(asked, code, everything(asked.facts.items), to_pay_minor, None).units


def _cover(asked: Tender, budgets: Budgets, to_pay_minor: int, walking: _Walk) -> Cover:
    left: Sequence[Left] = everything(asked.facts.items)
    waiting = [code for code in asked.payable_points if budgets.get(code, 0) > 0]
    found: list[Slice] = []
    formulas: dict[str, str] = {}
    while waiting and to_pay_minor > 0:
        code = _first(asked, waiting, left, to_pay_minor)
        waiting.remove(code)
        walked = walking(asked, code, left, to_pay_minor, budgets[code])
        if walked.units > 0:
            found += slices(code, walked, asked.facts.items)
            formulas[code] = formula(asked, code, walked)
            left = walked.left
            to_pay_minor -= walked.amount_minor
    return Cover(tuple(found), formulas)


def _first(asked: Tender, codes: Sequence[str], left: Sequence[Left], to_pay_minor: int) -> str:
    """By ranking; at equal ranking the one with fewer points for its money; then by code."""
    best = min(asked.points[code].redeem_ranking for code in codes)
    level = [code for code in codes if asked.points[code].redeem_ranking == best]
    if len(level) == 1:
        return level[0]
    return min(level, key=lambda code: (*_points_for_money(asked, code, left, to_pay_minor), code))


def _points_for_money(
    asked: Tender, code: str, left: Sequence[Left], to_pay_minor: int
) -> tuple[bool, Fraction]:
    """Exact points for a minor unit of what the point could pay with enough of it; none is last."""
    walked = walk(asked, code, left, to_pay_minor, None)
    if walked.amount_minor == 0:
        return (True, Fraction(0))
    return (False, walked.need / walked.amount_minor)


def _most_of(asked: Tender, budgets: Budgets, to_pay_minor: int) -> Cover:
    """Walk with `to_pay_minor`, and go down or up to an amount that is paid while the next is not.

    That is the walk itself, unless points of equal ranking change places with the amount, or blocks
    that fit only one of two amounts lift a point over its minimum.
    """
    failing, found = to_pay_minor, cover(asked, budgets, to_pay_minor)
    if found.amount_minor == to_pay_minor or _is_steady(asked):
        return found
    again = cover(asked, budgets, found.amount_minor)
    while again.amount_minor < found.amount_minor:
        failing, found = found.amount_minor, again
        again = cover(asked, budgets, found.amount_minor)
    return _next_failing(asked, budgets, again, failing)


def _is_steady(asked: Tender) -> bool:
    """Whether the walk for less pays the same parts until less is paid: no ties, no blocks."""
    rankings = {asked.points[code].redeem_ranking for code in asked.prices}
    prices = (price for items in asked.prices.values() for item in items for price in item)
    return len(rankings) == len(asked.prices) and not any(
        price.rule.whole_units_only for price in prices
    )


def _next_failing(asked: Tender, budgets: Budgets, paid: Cover, failing: int) -> Cover:
    """Between an amount that is paid and one that fails, find a paid one whose next one fails."""
    probe = paid.amount_minor + 1
    while paid.amount_minor < probe < failing:
        found = cover(asked, budgets, probe)
        if found.amount_minor == probe:
            paid = found
        else:
            failing = probe
        probe = (paid.amount_minor + failing) // 2
    return paid


def _refusal(
    asked: Tender, budgets: Budgets, held: Budgets, amount_minor: int, capped_minor: int
) -> NotEnoughRewardPoints | RedemptionLimit:
    covered_minor = _most_of(asked, budgets, capped_minor).amount_minor
    unlimited = cover(asked, budgets, amount_minor, limited=False)
    if unlimited.amount_minor == amount_minor:
        return RedemptionLimit(covered_minor, asked.facts.currency, _AMOUNT)
    return _not_enough(asked, budgets, held, amount_minor, covered_minor, _AMOUNT)


def _not_enough(
    asked: Tender,
    budgets: Budgets,
    held: Budgets,
    amount_minor: int,
    covered_minor: int,
    field: Path | None = None,
) -> NotEnoughRewardPoints:
    """Speak of the first point in ranking with an applicable rule, also with nothing available."""
    currency = asked.facts.currency
    if not asked.payable_points:
        return NotEnoughRewardPoints(covered_minor, currency, 0, 0, 0, None, field)
    code = _first(asked, asked.payable_points, everything(asked.facts.items), amount_minor)
    return NotEnoughRewardPoints(
        amount_covered_minor=covered_minor,
        currency=currency,
        required_units=units_needed(asked, code, amount_minor),
        available_units=budgets.get(code, 0),
        held_units=held.get(code, 0),
        reward_point=code,
        field=field,
        digits=point_digits(asked.points[code]),
    )
