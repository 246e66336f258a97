"""What a document must keep across its lists, checked once all of it is read.

Values that are at fault themselves were read as neutral ones and cause no second fault here.
Source: semantics 3 (Validation).
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from rules.book import exchange, exchange_rates
from rules.document_reading import Faults
from rules.errors import Path
from rules.numbers import fits_minor
from rules.organization import cycles, parents_of, published_channels
from rules.program import (
    Configuration,
    EarningRule,
    OneTimeReward,
    RedemptionRule,
    RewardPoint,
    Scheme,
)

_T = TypeVar("_T")
_DOCUMENT = ("document",)


def check(configuration: Configuration, faults: Faults) -> None:
    """Add the faults that no single item shows."""
    _check_exchange_rates(configuration, faults)
    _check_nodes(configuration, faults)
    _check_reward_points_paid(configuration, faults)
    _check_levels(configuration, faults)
    _check_rule_currencies(configuration, faults)
    _check_gifts(configuration, faults)
    _check_thresholds(configuration, faults)


def _check_exchange_rates(configuration: Configuration, faults: Faults) -> None:
    path = (*_DOCUMENT, "exchangeRates")
    pairs = [(row.from_currency, row.to_currency) for row in configuration.exchange_rates]
    for index in _repeated(pairs, lambda pair: pair if all(pair) else None):
        faults.add((*path, str(index)), "This pair of currencies stands twice.")


def _check_nodes(configuration: Configuration, faults: Faults) -> None:
    """Report each cycle once, at the first of its nodes."""
    places = {node.code: place for place, node in enumerate(configuration.organization_nodes)}
    found = cycles(parents_of(configuration))
    for place in sorted(min(places[code] for code in cycle) for cycle in found):
        path = (*_DOCUMENT, "organizationNodes", str(place), "parent")
        faults.add(path, "These nodes form a cycle.")


def _check_reward_points_paid(configuration: Configuration, faults: Faults) -> None:
    unredeemable = {
        point.code
        for index, point in enumerate(configuration.reward_points)
        if not point.redeemable
        and not faults.has((*_DOCUMENT, "rewardPoints", str(index), "redeemable"))
    }
    for scheme, path in _schemes(configuration):
        for index, rule in enumerate(scheme.redemption_rules):
            if rule.reward_point in unredeemable:
                where = (*path, "redemptionRules", str(index), "rewardPoint")
                faults.add(where, "This reward point is not redeemable.")


def _check_levels(configuration: Configuration, faults: Faults) -> None:
    for position, program in enumerate(configuration.programs):
        path = (*_DOCUMENT, "programs", str(position), "tiers")
        levels = [
            (index, tier.level)
            for index, tier in enumerate(program.tiers)
            if tier.level or not faults.has((*path, str(index), "level"))
        ]
        for repeated in _repeated(levels, lambda pair: pair[1]):
            where = (*path, str(levels[repeated][0]), "level")
            faults.add(where, "Another tier of this program has this level.")


def _check_rule_currencies(configuration: Configuration, faults: Faults) -> None:
    rates = exchange_rates(configuration)
    currencies = {channel.code: channel.currency for channel in configuration.channels}
    published = published_channels(configuration)
    for scheme, path in _schemes(configuration):
        wanted = sorted({currencies[code] for code in published[scheme.code]} - {""})
        for rule, where in _rules(scheme, path):
            for currency in wanted:
                if rule.currency and exchange(rates, rule.currency, currency) is None:
                    faults.add((*where, "currency"), f"There is no rate to {currency}.")


def _check_gifts(configuration: Configuration, faults: Faults) -> None:
    """Report points of one-time rewards that no entry can carry: they are booked uncut."""
    points = {point.code: point for point in configuration.reward_points}
    for index, reward in enumerate(configuration.one_time_rewards):
        point = points.get(reward.reward_point or "")
        if point is not None and not _fits(reward, point):
            where = (*_DOCUMENT, "oneTimeRewards", str(index), "points")
            faults.add(where, "This has more decimals than the reward point.")


def _check_thresholds(configuration: Configuration, faults: Faults) -> None:
    for position, discount in enumerate(configuration.shipping_threshold_discounts):
        path = (*_DOCUMENT, "shippingThresholdDiscounts", str(position), "thresholds")
        amounts = [
            (index, threshold.amount)
            for index, threshold in enumerate(discount.thresholds)
            if not faults.has((*path, str(index), "amount"))
        ]
        for repeated in _repeated(amounts, lambda pair: pair[1]):
            where = (*path, str(amounts[repeated][0]), "amount")
            faults.add(where, "Another threshold has this amount.")


def _fits(reward: OneTimeReward, point: RewardPoint) -> bool:
    if reward.points is None:
        return True
    if point.currency is None:
        return reward.points == int(reward.points)
    return fits_minor(reward.points, point.currency)


def _schemes(configuration: Configuration) -> Iterator[tuple[Scheme, Path]]:
    for index, scheme in enumerate(configuration.schemes):
        yield scheme, (*_DOCUMENT, "schemes", str(index))


def _rules(scheme: Scheme, path: Path) -> Iterator[tuple[EarningRule | RedemptionRule, Path]]:
    for index, earning_rule in enumerate(scheme.earning_rules):
        yield earning_rule, (*path, "earningRules", str(index))
    for index, redemption_rule in enumerate(scheme.redemption_rules):
        yield redemption_rule, (*path, "redemptionRules", str(index))


def _repeated(items: Iterable[_T], key: Callable[[_T], Hashable]) -> Iterator[int]:
    """Positions of items whose key another had before; None is no key."""
    seen: set[Hashable] = {None}
    for index, item in enumerate(items):
        found = key(item)
        if found in seen and found is not None:
            yield index
        seen.add(found)
