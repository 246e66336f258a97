"""What a payment with points is judged by: the cart's items, the card's standing, rules, limits.

Money counts in minor units of the cart's currency; rates are exact fractions.
Source: semantics 8.2 (Rules, Payable, Rate), 8.3.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from math import lcm

from rules.book import RuleBook
from rules.earning import CardFacts
from rules.lines import matches
from rules.notes import rule_stop
from rules.numbers import currency_digits, cut, scale
from rules.program import RedemptionLimits, RedemptionReward, RedemptionRule, RewardPoint, Scheme

_Rate = Callable[[str, str], Fraction | None]


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

    def on_day(self, on: date) -> "TenderFacts":
        return replace(self, on=on)


@dataclass(frozen=True, slots=True)
class Limits:
    """Together over all schemes with an applicable rule; `maximum_share` in per cent."""

    minimum_points: Fraction = Fraction(0)
    step: int = 1
    maximum_share: Fraction = Fraction(100)


@dataclass(frozen=True, slots=True)
class Price:
    """What a rule asks for an item: `rate` exact points for one minor unit."""

    rate: Fraction
    rule: RedemptionRule

    @property
    def pays_charges(self) -> bool:
        return self.rule.reward is RedemptionReward.PAYMENT_BY_AMOUNT


@dataclass(frozen=True, slots=True)
class _Offer:
    """An applicable rule; `price` is the same for every item, None for a rule by quantity."""

    rule: RedemptionRule
    price: Price | None


@dataclass(frozen=True, slots=True)
class Tender:
    """Everything the walk needs, gathered once: preview, payment and capture walk the same way.

    `facts.items` stand by line number, the order's own charges last. `prices` has, for each reward
    point with an applicable rule, the rules that may pay something of each item, cheapest first.
    """

    facts: TenderFacts
    points: Mapping[str, RewardPoint]
    limits: Limits
    prices: Mapping[str, tuple[tuple[Price, ...], ...]]

    @property
    def share_cap_minor(self) -> int:
        """The most that all points together may pay, cut to the minor unit. Source: 8.3."""
        return cut(self.facts.total_minor * self.limits.maximum_share / 100)

    @property
    def payable_points(self) -> tuple[str, ...]:
        """Reward points with an applicable rule, by ranking and code."""
        return tuple(sorted(self.prices, key=lambda code: (self.points[code].redeem_ranking, code)))


def tender(facts: TenderFacts, book: RuleBook, schemes: Sequence[Scheme]) -> Tender:
    """Gather the rules and limits of the `schemes` published to the channel that apply to the card.

    Raises ValueError where a rate is missing (no accepted configuration has such a rule).
    """
    facts = replace(facts, items=tuple(sorted(facts.items, key=_place)))
    applying = [(scheme, rule) for scheme in schemes for rule in _applicable(facts, scheme)]
    offers = [_offer(facts.currency, book.rate, rule) for _, rule in applying]
    return Tender(
        facts=facts,
        points=book.reward_points,
        limits=_together([scheme.redemption_limits for scheme, _ in applying]),
        prices={
            code: tuple(_prices(offers, code, item) for item in facts.items)
            for code in dict.fromkeys(offer.rule.reward_point for offer in offers)
        },
    )


def is_unrestricted(rule: RedemptionRule) -> bool:
    """Tell a PAYMENT_BY_AMOUNT rule without tier, affiliation, categories and products.

    Source: semantics 1.
    """
    return rule.reward is RedemptionReward.PAYMENT_BY_AMOUNT and not (
        rule.tier or rule.affiliation or rule.categories or rule.products
    )


def _place(item: Item) -> tuple[bool, int]:
    return (item.line_number is None, item.line_number or 0)


def _applicable(facts: TenderFacts, scheme: Scheme) -> list[RedemptionRule]:
    """Excluded affiliations stop earning only. Source: semantics 5.1, 8.2."""
    if scheme.program not in facts.card.programs:
        return []
    tier = facts.card.tiers.get(scheme.program)
    return [
        rule
        for rule in scheme.redemption_rules
        if rule_stop(rule, facts.on, tier, facts.affiliations) is None
    ]


def _together(limits: Sequence[RedemptionLimits]) -> Limits:
    if not limits:
        return Limits()
    return Limits(
        minimum_points=max(Fraction(one.minimum_points) for one in limits),
        step=lcm(*(one.step for one in limits)),
        maximum_share=min(Fraction(one.maximum_share_of_order) for one in limits),
    )


def _offer(currency: str, rate: _Rate, rule: RedemptionRule) -> _Offer:
    """Convert what the rule pays into the cart's currency, without rounding."""
    if rule.reward is RedemptionReward.PAYMENT_BY_QUANTITY:
        return _Offer(rule, None)
    own = rule.currency or currency
    factor = rate(own, currency)
    if factor is None:
        raise ValueError(f"No rate from {own} to {currency}.")
    worth = Fraction(rule.pays) * factor * scale(currency_digits(currency))
    return _Offer(rule, Price(Fraction(rule.points) / worth, rule))


def _prices(offers: Sequence[_Offer], code: str, item: Item) -> tuple[Price, ...]:
    """Cheapest first; ties: by amount first, then the document's order, which sorting keeps."""
    found = [
        offer.price or _by_quantity(offer.rule, item)
        for offer in offers
        if offer.rule.reward_point == code and _pays_for(offer.rule, item)
    ]
    priced = (price for price in found if price is not None)
    return tuple(sorted(priced, key=lambda price: (price.rate, not price.pays_charges)))


def _pays_for(rule: RedemptionRule, item: Item) -> bool:
    if item.line_number is None:
        return is_unrestricted(rule)
    return matches(item.products, item.categories, rule)


def _by_quantity(rule: RedemptionRule, item: Item) -> Price | None:
    """Give what a rule asks for pieces of the line; None where those are worth nothing."""
    if item.goods_minor == 0:
        return None
    worth = Fraction(rule.pays) * item.goods_minor / item.quantity
    return Price(Fraction(rule.points) / worth, rule)
