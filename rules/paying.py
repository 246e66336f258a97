"""What points can pay of a cart: the walk over reward points and lines, exact until it rounds.

Money counts in minor units of the cart's currency, points in smallest units of their reward point;
needs and rates are exact fractions. Source: semantics 8.2, 8.3.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from math import lcm

from rules.book import RuleBook
from rules.earning import CardFacts
from rules.explanations import point_digits
from rules.lines import matches
from rules.notes import rule_stop
from rules.numbers import currency_digits, half_up, scale
from rules.program import (
    RedemptionReward,
    RedemptionRule,
    RewardPoint,
    RewardPointKind,
    Scheme,
)

Rate = Callable[[str, str], Fraction | None]


@dataclass(frozen=True, slots=True)
class Item:
    """Something payable: a line with its charges, or the order's own charges (`line_number` None).

    `goods_minor` is the goods total of the line, of which `quantity` was bought.
    """

    line_number: int | None
    goods_minor: int
    charges_minor: int
    quantity: Fraction = Fraction(0)
    products: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TenderFacts:
    """What a payment is judged by: the cart's items and the presented card's standing."""

    currency: str
    on: date
    card: CardFacts
    affiliations: frozenset[str]
    items: tuple[Item, ...]
    total_minor: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Together over all schemes with an applicable rule; `maximum_share` in per cent."""

    minimum_points: Fraction = Fraction(0)
    step: int = 1
    maximum_share: Fraction = Fraction(100)


@dataclass(frozen=True, slots=True)
class Slice:
    """What one reward point paid of one item, in the order of consumption."""

    reward_point: str
    line_number: int | None
    points_units: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Cover:
    """What the walk paid; `formulas` by reward point."""

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


@dataclass(frozen=True, slots=True)
class _Offer:
    """One applicable rule in the document's order; `limits` are its scheme's."""

    place: int
    rule: RedemptionRule
    scheme: Scheme


@dataclass(frozen=True, slots=True)
class Tender:
    """Everything the walk needs, gathered once: preview, payment and capture walk the same way."""

    facts: TenderFacts
    points: Mapping[str, RewardPoint]
    rate: Rate
    offers: tuple[_Offer, ...]
    limits: Limits

    @property
    def share_cap_minor(self) -> int:
        """Cart total x share / 100, cut to the minor unit."""
        return int(self.facts.total_minor * self.limits.maximum_share / 100)

    @property
    def payable_points(self) -> tuple[str, ...]:
        """Reward points with an applicable rule, by ranking and code."""
        codes = {offer.rule.reward_point for offer in self.offers}
        return tuple(sorted(codes, key=lambda code: (self.points[code].redeem_ranking, code)))


def tender(facts: TenderFacts, book: RuleBook, schemes: Sequence[Scheme]) -> Tender:
    """The applicable rules and limits of the `schemes` published to the channel."""
    offers = tuple(
        _Offer(place, rule, scheme)
        for place, (scheme, rule) in enumerate(
            (scheme, rule) for scheme in schemes for rule in scheme.redemption_rules
        )
        if _applies(facts, scheme, rule)
    )
    involved = [offer.scheme.redemption_limits for offer in offers]
    limits = Limits(
        minimum_points=max((Fraction(one.minimum_points) for one in involved), default=Fraction(0)),
        step=lcm(*(one.step for one in involved)) if involved else 1,
        maximum_share=min(
            (Fraction(one.maximum_share_of_order) for one in involved), default=Fraction(100)
        ),
    )
    return Tender(facts, book.reward_points, book.rate, offers, limits)


def _applies(facts: TenderFacts, scheme: Scheme, rule: RedemptionRule) -> bool:
    tier = facts.card.tiers.get(scheme.program)
    return (
        scheme.program in facts.card.programs
        and rule_stop(rule, facts.on, tier, facts.affiliations) is None
    )


def is_unrestricted(rule: RedemptionRule) -> bool:
    """A PAYMENT_BY_AMOUNT rule without tier, affiliation, categories and products (semantics 1)."""
    return rule.reward is RedemptionReward.PAYMENT_BY_AMOUNT and not (
        rule.tier or rule.affiliation or rule.categories or rule.products
    )


@dataclass(frozen=True, slots=True)
class _Left:
    """What is still to pay of an item."""

    item: Item
    goods_minor: int
    charges_minor: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the walk of one reward point: money paid on an item and its exact need."""

    place: int
    amount_minor: int
    need: Fraction
    rate: Fraction
    charges_minor: int = 0


@dataclass(frozen=True, slots=True)
class _Walked:
    """One reward point's walk: its parts, what it left of the items, and the units it takes."""

    parts: tuple[_Part, ...]
    left: tuple[_Left, ...]
    units: int

    @property
    def amount_minor(self) -> int:
        return sum(part.amount_minor for part in self.parts)


def cover(
    asked: Tender, budgets: Mapping[str, int], to_pay_minor: int, *, limited: bool = True
) -> Cover:
    """The walk with `to_pay_minor`: by ranking, each reward point until it is exhausted.

    `budgets` are the units available of each point in the pool. Without `limited` neither
    minimumPoints nor step count (the share cap is the caller's).
    """
    left = tuple(
        _Left(item, item.goods_minor, item.charges_minor) for item in asked.facts.items
    )
    waiting = [code for code in asked.payable_points if budgets.get(code, 0) > 0]
    slices: list[Slice] = []
    formulas: dict[str, str] = {}
    while waiting and to_pay_minor > 0:
        code = _next_point(asked, waiting, left, to_pay_minor)
        waiting.remove(code)
        walked = _walk_limited(asked, code, budgets[code], left, to_pay_minor, limited=limited)
        if walked.units > 0:
            slices += _slices(code, walked, asked.facts.items)
            formulas[code] = _formula(asked, code, walked)
            left = walked.left
            to_pay_minor -= walked.amount_minor
    return Cover(tuple(slices), formulas)


def units_needed(asked: Tender, code: str, to_pay_minor: int) -> int:
    """Units that the amount would need of one point, over the lines it can pay, with enough of them."""
    left = tuple(
        _Left(item, item.goods_minor, item.charges_minor) for item in asked.facts.items
    )
    return _walk(asked, code, None, left, to_pay_minor).units


def _next_point(
    asked: Tender, waiting: Sequence[str], left: tuple[_Left, ...], to_pay_minor: int
) -> str:
    """By ranking; at equal ranking the one that needs fewer points per money; then by code."""
    first = min(asked.points[code].redeem_ranking for code in waiting)
    level = [code for code in waiting if asked.points[code].redeem_ranking == first]
    if len(level) == 1:
        return level[0]
    return min(level, key=lambda code: (_price(asked, code, left, to_pay_minor), code))


def _price(
    asked: Tender, code: str, left: tuple[_Left, ...], to_pay_minor: int
) -> tuple[bool, Fraction]:
    """Points per minor unit for what the point can pay; a point that can pay nothing comes last."""
    walked = _walk(asked, code, None, left, to_pay_minor)
    if walked.amount_minor == 0:
        return (True, Fraction(0))
    return (False, sum((part.need for part in walked.parts), Fraction(0)) / walked.amount_minor)


def _walk_limited(
    asked: Tender,
    code: str,
    budget_units: int,
    left: tuple[_Left, ...],
    to_pay_minor: int,
    *,
    limited: bool,
) -> _Walked:
    walked = _walk(asked, code, budget_units, left, to_pay_minor)
    if not limited or asked.points[code].kind is not RewardPointKind.QUANTITY:
        return walked
    step = asked.limits.step
    if step > 1:
        walked = _walk_in_steps(asked, code, left, to_pay_minor, walked.units // step * step)
    return walked if walked.units >= asked.limits.minimum_points else _Walked((), left, 0)


def _walk_in_steps(
    asked: Tender, code: str, left: tuple[_Left, ...], to_pay_minor: int, multiple: int
) -> _Walked:
    """The largest multiple of the step, at most `multiple`, that the walk uses wholly."""
    while multiple > 0:
        walked = _walk(asked, code, multiple, left, to_pay_minor)
        if walked.units == multiple:
            return walked
        multiple = min(multiple - 1, walked.units) // asked.limits.step * asked.limits.step
    return _Walked((), left, 0)


def _walk(
    asked: Tender,
    code: str,
    budget_units: int | None,
    left: tuple[_Left, ...],
    to_pay_minor: int,
) -> _Walked:
    """One reward point over all items, in their order; a budget of None is enough for everything."""
    digits = point_digits(asked.points[code])
    budget = None if budget_units is None else Fraction(budget_units, scale(digits))
    parts: list[_Part] = []
    after = list(left)
    used = Fraction(0)
    for place in range(len(left)):
        for rule_rate, rule in _rates(asked, code, left[place].item):
            step = _pay(rule, rule_rate, after[place], to_pay_minor, budget, used)
            if step is None:
                continue
            part, after[place] = replace(step[0], place=place), step[1]
            parts.append(part)
            used += part.need
            to_pay_minor -= part.amount_minor
            if step[2]:
                return _finished(asked, code, parts, after, used, budget_units)
    return _finished(asked, code, parts, after, used, budget_units)


def _finished(
    asked: Tender,
    code: str,
    parts: Sequence[_Part],
    after: Sequence[_Left],
    used: Fraction,
    budget_units: int | None,
) -> _Walked:
    """Rounded once: QUANTITY up to whole points, AMOUNT half-up; never above the budget."""
    point = asked.points[code]
    if point.kind is RewardPointKind.QUANTITY:
        units = -((-used.numerator) // used.denominator)
    else:
        units = half_up(used * scale(point_digits(point)))
    if budget_units is not None:
        units = min(units, budget_units)
    return _Walked(tuple(parts), tuple(after), units)


def _rates(asked: Tender, code: str, item: Item) -> list[tuple[Fraction, RedemptionRule]]:
    """The rules that may pay something of the item, cheapest first: points per minor unit."""
    found = [
        (rate, offer.rule.reward is not RedemptionReward.PAYMENT_BY_AMOUNT, offer.place, offer.rule)
        for offer in asked.offers
        if offer.rule.reward_point == code and _pays_for(offer.rule, item)
        if (rate := _rate_of(asked, offer.rule, item)) is not None
    ]
    return [(rate, rule) for rate, _, _, rule in sorted(found, key=lambda one: one[:3])]


def _pays_for(rule: RedemptionRule, item: Item) -> bool:
    if item.line_number is None:
        return is_unrestricted(rule)
    return matches(item.products, item.categories, rule)


def _rate_of(asked: Tender, rule: RedemptionRule, item: Item) -> Fraction | None:
    """Exact points for one minor unit; None where the rule can pay nothing of the item."""
    currency = asked.facts.currency
    if rule.reward is RedemptionReward.PAYMENT_BY_QUANTITY:
        worth = Fraction(rule.pays) * item.goods_minor / item.quantity if item.quantity else 0
    else:
        factor = asked.rate(rule.currency or currency, currency)
        if factor is None:
            raise ValueError(f"no rate from {rule.currency} to {currency}")
        worth = Fraction(rule.pays) * factor * scale(currency_digits(currency))
    return Fraction(rule.points) / worth if worth else None


def _pay(
    rule: RedemptionRule,
    rate: Fraction,
    left: _Left,
    to_pay_minor: int,
    budget: Fraction | None,
    used: Fraction,
) -> tuple[_Part, _Left, bool] | None:
    """What the rule pays of the item now, what it leaves, and whether the point is exhausted."""
    if rule.whole_units_only:
        return _pay_blocks(rule, rate, left, to_pay_minor, budget, used)
    by_amount = rule.reward is RedemptionReward.PAYMENT_BY_AMOUNT
    open_minor = left.goods_minor + (left.charges_minor if by_amount else 0)
    amount = min(open_minor, to_pay_minor)
    if amount <= 0:
        return None
    need, exhausted = amount * rate, False
    if budget is not None and used + need > budget:
        exhausted = True
        amount = min(amount, half_up((budget - used) / rate))
        need = min(amount * rate, budget - used)
    goods = min(amount, left.goods_minor)
    after = replace(
        left,
        goods_minor=left.goods_minor - goods,
        charges_minor=left.charges_minor - (amount - goods),
    )
    return _Part(0, amount, need, rate), after, exhausted


def _pay_blocks(
    rule: RedemptionRule,
    rate: Fraction,
    left: _Left,
    to_pay_minor: int,
    budget: Fraction | None,
    used: Fraction,
) -> tuple[_Part, _Left, bool] | None:
    """Whole blocks of `pays` units: as many as points, line and amount still to pay allow."""
    item = left.item
    worth = half_up(Fraction(rule.pays) * item.goods_minor / item.quantity)
    if worth <= 0:
        return None
    blocks = min(
        int(item.quantity / Fraction(rule.pays)),
        left.goods_minor // worth,
        to_pay_minor // worth,
    )
    cost = Fraction(rule.points)
    if budget is not None:
        blocks = min(blocks, int((budget - used) / cost))
    if blocks <= 0:
        return None
    amount = blocks * worth
    after = replace(left, goods_minor=left.goods_minor - amount)
    return _Part(0, amount, blocks * cost, rate), after, False


def _slices(code: str, walked: _Walked, items: Sequence[Item]) -> Iterator[Slice]:
    """The units spread over the items by largest remainder on exact needs.

    Ties go to the lower line number, the order's own charges come last.
    """
    needs: dict[int, Fraction] = {}
    amounts: dict[int, int] = {}
    for part in walked.parts:
        needs[part.place] = needs.get(part.place, Fraction(0)) + part.need
        amounts[part.place] = amounts.get(part.place, 0) + part.amount_minor
    total = sum(needs.values(), Fraction(0))
    exact = {place: walked.units * need / total for place, need in needs.items()}
    units = {place: int(share) for place, share in exact.items()}
    missing = walked.units - sum(units.values())
    ordered = sorted(exact, key=lambda place: (units[place] - exact[place], _line(items[place])))
    for place in ordered[:missing]:
        units[place] += 1
    for place in sorted(needs):
        yield Slice(code, items[place].line_number, units[place], amounts[place])


def _line(item: Item) -> tuple[bool, int]:
    return (item.line_number is None, item.line_number or 0)


def _formula(asked: Tender, code: str, walked: _Walked) -> str:
    return ""
