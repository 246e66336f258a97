"""An accepted document made a rule book. Source: semantics 3."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

from rules.book import RuleBook, exchange_rates, text
from rules.giving import maximum_units
from rules.indexes import RuleIndex
from rules.organization import published_channels
from rules.program import Configuration, OneTimeReward, Program, RewardPoint, Scheme
from rules.program_prices import Discount, ShippingThresholdDiscount
from rules.program_terms import Trigger


class _Coded(Protocol):
    @property
    def code(self) -> str: ...


_Item = TypeVar("_Item", bound=_Coded)
_OfProgram = TypeVar("_OfProgram", Scheme, OneTimeReward)


def compile_book(
    version: int, effective_from: datetime | None, configuration: Configuration
) -> RuleBook:
    """Rule book of an accepted document, its nodes expanded to the channels on and below them."""
    schemes, judged = _schemes_by_channel(configuration), _judged_by_program(configuration)
    return RuleBook(
        version=version,
        effective_from=effective_from,
        configuration=configuration,
        number_sequences=_by_code(configuration.number_sequences),
        organization_nodes=_by_code(configuration.organization_nodes),
        channels=_by_code(configuration.channels),
        affiliations=_by_code(configuration.affiliations),
        price_groups=_by_code(configuration.price_groups),
        discounts=_by_code(configuration.discounts),
        reward_points=_by_code(configuration.reward_points),
        date_intervals=_by_code(configuration.date_intervals),
        programs=_by_code(configuration.programs),
        activity_types=_by_code(configuration.activity_types),
        schemes=_by_code(configuration.schemes),
        one_time_rewards=_by_code(configuration.one_time_rewards),
        delivery_modes=_by_code(configuration.delivery_modes),
        charge_codes=_by_code(configuration.charge_codes),
        coupons=_by_code(configuration.coupons),
        shipping_threshold_discounts=_by_code(configuration.shipping_threshold_discounts),
        schemes_by_channel=schemes,
        schemes_by_program=_by_program(configuration, configuration.schemes),
        programs_by_channel=_programs_by_channel(configuration, schemes),
        rewards_by_program=_by_program(configuration, configuration.one_time_rewards),
        tiers={(p.code, tier.code): tier for p in configuration.programs for tier in p.tiers},
        maxima=_maxima(configuration.reward_points),
        judged_by_program=judged,
        judged=frozenset().union(*judged.values()),
        counted_types=_counted_types(configuration),
        rates=exchange_rates(configuration),
        discounts_index=RuleIndex(configuration.discounts, _gates),
        shipping_index=_shipping_index(configuration),
        shipping_names=_shipping_names(configuration),
    )


def _schemes_by_channel(configuration: Configuration) -> Mapping[str, tuple[Scheme, ...]]:
    published = published_channels(configuration)
    return _grouped(
        configuration.channels, configuration.schemes, lambda scheme: published[scheme.code]
    )


def _by_program(
    configuration: Configuration, things: Iterable[_OfProgram]
) -> Mapping[str, tuple[_OfProgram, ...]]:
    return _grouped(configuration.programs, things, lambda thing: [thing.program])


def _judged_by_program(configuration: Configuration) -> Mapping[str, frozenset[str]]:
    return {
        program.code: frozenset(rule.reward_point for tier in program.tiers for rule in tier.rules)
        for program in configuration.programs
    }


def _counted_types(configuration: Configuration) -> frozenset[str | None]:
    return frozenset(
        reward.activity_type
        for reward in configuration.one_time_rewards
        if reward.trigger is Trigger.ACTIVITY_COUNT
    )


def _shipping_index(configuration: Configuration) -> RuleIndex[ShippingThresholdDiscount]:
    discounts = configuration.shipping_threshold_discounts
    return RuleIndex(discounts, _gates, selects=lambda _: False)


def _shipping_names(configuration: Configuration) -> frozenset[str]:
    discounts = configuration.shipping_threshold_discounts
    return frozenset(text(one.name, None, one.code) for one in discounts)


def in_units_of(book: RuleBook, points: Mapping[str, RewardPoint]) -> RuleBook:
    """The book with its reward points in the units, kind and currency, that `points` have.

    Stored points have one unit, whichever version they were earned by; the rest of a reward point,
    its dates and its maximum, stays the book's own. Source: semantics 3.
    """
    read = {
        code: replace(point, kind=points[code].kind, currency=points[code].currency)
        for code, point in book.reward_points.items()
    }
    if read == book.reward_points:
        return book
    return replace(book, reward_points=read, maxima=_maxima(read.values()))


def _maxima(points: Iterable[RewardPoint]) -> Mapping[str, int]:
    limits = {point.code: maximum_units(point) for point in points}
    return {code: limit for code, limit in limits.items() if limit is not None}


def _gates(
    discount: Discount | ShippingThresholdDiscount,
) -> list[tuple[str | None, str | None]]:
    """Any of its price groups opens a discount, none at all to every cart; its coupon is needed."""
    return [(group, discount.coupon) for group in discount.price_groups or (None,)]


def _by_code(items: Iterable[_Item]) -> Mapping[str, _Item]:
    return {item.code: item for item in items}


def _grouped(
    owners: Iterable[_Coded], items: Iterable[_Item], of: Callable[[_Item], Iterable[str]]
) -> Mapping[str, tuple[_Item, ...]]:
    """The items of each owner, in document order; `of` names an item's owners."""
    found: dict[str, list[_Item]] = {owner.code: [] for owner in owners}
    for item in items:
        for code in of(item):
            found[code].append(item)
    return {code: tuple(mine) for code, mine in found.items()}


def _programs_by_channel(
    configuration: Configuration, schemes: Mapping[str, tuple[Scheme, ...]]
) -> Mapping[str, tuple[Program, ...]]:
    programs = {channel: {scheme.program for scheme in given} for channel, given in schemes.items()}
    return {
        channel: tuple(program for program in configuration.programs if program.code in codes)
        for channel, codes in programs.items()
    }
