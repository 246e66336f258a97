"""What a payment with points is judged by: the cart's items, the card's standing, rules, limits.

Money counts in minor units of the cart's currency; rates are exact fractions.
Source: semantics 8.2 (Rules, Payable, Rate), 8.3.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from math import lcm

from rules.book import RuleBook
from rules.earning import CardFacts
from rules.indexes import Opened
from rules.notes import held_keys
from rules.numbers import currency_digits, cut, scale
from rules.program import RedemptionLimits, RedemptionRule, RewardPoint, Scheme
from rules.program_terms import RedemptionReward

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
    found = [(scheme, _opened(facts, scheme)) for scheme in schemes]
    applying = [(scheme, one) for scheme, one in found if one is not None and one.labels]
    opened = [one for _, one in applying]
    by_amount = _ByAmount(facts.currency, book.rate)
    priced = [_prices(by_amount, opened, item) for item in facts.items]
    codes = frozenset().union(*(one.labels for one in opened))
    return Tender(
        facts=facts,
        points=book.reward_points,
        limits=_together([scheme.redemption_limits for scheme, _ in applying]),
        prices={code: tuple(one.get(code, ()) for one in priced) for code in codes},
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


def _opened(facts: TenderFacts, scheme: Scheme) -> Opened[RedemptionRule] | None:
    """Excluded affiliations stop earning only. Source: semantics 5.1, 8.2."""
    if scheme.program not in facts.card.programs:
        return None
    keys = held_keys(facts.card.tiers.get(scheme.program), facts.affiliations)
    return scheme.redemption_index.opened(facts.on, keys)


def _together(limits: Sequence[RedemptionLimits]) -> Limits:
    if not limits:
        return Limits()
    return Limits(
        minimum_points=max(Fraction(one.minimum_points) for one in limits),
        step=lcm(*(one.step for one in limits)),
        maximum_share=min(Fraction(one.maximum_share_of_order) for one in limits),
    )


def _prices(
    by_amount: "_ByAmount", opened: Iterable[Opened[RedemptionRule]], item: Item
) -> dict[str, tuple[Price, ...]]:
    """By reward point, cheapest first; ties: by amount first, then the document's order, which
    sorting keeps.
    """
    found: dict[str, list[Price]] = {}
    for one in opened:
        for _, rule in one.matching(item.products, item.categories):
            price = _price(by_amount, rule, item) if _pays_for(rule, item) else None
            if price is not None:
                found.setdefault(rule.reward_point, []).append(price)
    return {
        code: tuple(sorted(prices, key=lambda price: (price.rate, not price.pays_charges)))
        for code, prices in found.items()
    }


def _pays_for(rule: RedemptionRule, item: Item) -> bool:
    """The order's own charges are paid by unrestricted rules only; lines were matched before."""
    return item.line_number is not None or is_unrestricted(rule)


def _price(by_amount: "_ByAmount", rule: RedemptionRule, item: Item) -> Price | None:
    """Give what a rule asks; None for a rule by quantity on a line that is worth nothing."""
    if rule.reward is RedemptionReward.PAYMENT_BY_QUANTITY:
        return _by_quantity(rule, item)
    return by_amount.price(rule)


class _ByAmount:
    """Prices of rules by amount, worked out once for all items: what a rule pays is converted into
    the cart's currency without rounding.
    """

    def __init__(self, currency: str, rate: _Rate) -> None:
        self._currency = currency
        self._rate = rate
        # The rules live as long as the book, so that their identity tells them apart.
        self._prices: dict[int, Price] = {}

    def price(self, rule: RedemptionRule) -> Price:
        found = self._prices.get(id(rule))
        if found is None:
            found = self._prices[id(rule)] = self._worked_out(rule)
        return found

    def _worked_out(self, rule: RedemptionRule) -> Price:
        own = rule.currency or self._currency
        factor = self._rate(own, self._currency)
        if factor is None:
            raise ValueError(f"No rate from {own} to {self._currency}.")
        worth = Fraction(rule.pays) * factor * scale(currency_digits(self._currency))
        return Price(Fraction(rule.points) / worth, rule)


def _by_quantity(rule: RedemptionRule, item: Item) -> Price | None:
    """Give what a rule asks for pieces of the line; None where those are worth nothing."""
    if item.goods_minor == 0:
        return None
    worth = Fraction(rule.pays) * item.goods_minor / item.quantity
    return Price(Fraction(rule.points) / worth, rule)
