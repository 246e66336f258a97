"""The rule book: one configuration version compiled for look-ups, built once and never changed.

Every tuple keeps the document's order, because order settles ties (semantics 5.5, 8.2).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from typing import Protocol, TypeVar

from rules.giving import maximum_units
from rules.indexes import RuleIndex
from rules.organization import published_channels
from rules.program import (
    ActivityType,
    Affiliation,
    Channel,
    ChargeCode,
    Configuration,
    Coupon,
    DateInterval,
    DeliveryMode,
    Discount,
    Names,
    NumberSequence,
    OneTimeReward,
    OrganizationNode,
    PriceGroup,
    Program,
    RewardPoint,
    Scheme,
    ShippingThresholdDiscount,
    Tier,
    Trigger,
)

Rates = Mapping[tuple[str, str], Fraction]


class _Coded(Protocol):
    @property
    def code(self) -> str: ...


_Item = TypeVar("_Item", bound=_Coded)
_OfProgram = TypeVar("_OfProgram", Scheme, OneTimeReward)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Mappings are by code; `effective_from` is None while the version is not processed."""

    version: int
    effective_from: datetime | None
    configuration: Configuration
    number_sequences: Mapping[str, NumberSequence]
    organization_nodes: Mapping[str, OrganizationNode]
    channels: Mapping[str, Channel]
    affiliations: Mapping[str, Affiliation]
    price_groups: Mapping[str, PriceGroup]
    discounts: Mapping[str, Discount]
    reward_points: Mapping[str, RewardPoint]
    date_intervals: Mapping[str, DateInterval]
    programs: Mapping[str, Program]
    activity_types: Mapping[str, ActivityType]
    schemes: Mapping[str, Scheme]
    one_time_rewards: Mapping[str, OneTimeReward]
    delivery_modes: Mapping[str, DeliveryMode]
    charge_codes: Mapping[str, ChargeCode]
    coupons: Mapping[str, Coupon]
    shipping_threshold_discounts: Mapping[str, ShippingThresholdDiscount]
    schemes_by_channel: Mapping[str, tuple[Scheme, ...]]
    schemes_by_program: Mapping[str, tuple[Scheme, ...]]
    programs_by_channel: Mapping[str, tuple[Program, ...]]
    rewards_by_program: Mapping[str, tuple[OneTimeReward, ...]]
    tiers: Mapping[tuple[str, str], Tier]
    # The maximum of each reward point that has one, in smallest units.
    maxima: Mapping[str, int]
    # What a program's tiers count.
    judged_by_program: Mapping[str, frozenset[str]]
    # What the tiers of any program count.
    judged: frozenset[str]
    # Activity types that a reward counts.
    counted_types: frozenset[str | None]
    rates: Rates
    # By (price group, coupon); shipping discounts select lines only to sum them up.
    discounts_index: RuleIndex[Discount]
    shipping_index: RuleIndex[ShippingThresholdDiscount]
    shipping_names: frozenset[str]

    def program(self, code: str) -> Program | None:
        return self.programs.get(code)

    def tier(self, program: str, code: str) -> Tier | None:
        return self.tiers.get((program, code))

    def interval(self, code: str) -> DateInterval:
        """Date interval that a tier names; the document was checked, so it is there."""
        return self.date_intervals[code]

    def schemes_on(self, channel: str) -> tuple[Scheme, ...]:
        """Schemes published to the channel, in document order; none for an unknown channel."""
        return self.schemes_by_channel.get(channel, ())

    def schemes_of(self, program: str) -> tuple[Scheme, ...]:
        return self.schemes_by_program.get(program, ())

    def programs_on(self, channel: str) -> tuple[Program, ...]:
        """Programs with a scheme published to the channel, in document order."""
        return self.programs_by_channel.get(channel, ())

    def one_time_rewards_of(self, program: str) -> tuple[OneTimeReward, ...]:
        return self.rewards_by_program.get(program, ())

    def judged_points(self, program: str) -> frozenset[str]:
        """Reward points that the program's tiers count."""
        return self.judged_by_program.get(program, frozenset())

    def earned_reward_points(self, program: str) -> tuple[str, ...]:
        """Reward points that the program's rules earn, in document order. Source: semantics 6."""
        earned = {
            rule.reward_point
            for scheme in self.schemes_of(program)
            for rule in scheme.earning_rules
        }
        return tuple(code for code in self.reward_points if code in earned)

    def rate(self, from_currency: str, to_currency: str) -> Fraction | None:
        """Units of `to_currency` for one of `from_currency`, exact; None without a row.

        Source: semantics 2.
        """
        return exchange(self.rates, from_currency, to_currency)

    @property
    def has_ranges(self) -> bool:
        return bool(self.configuration.card_number_ranges)

    def in_range(self, number: str) -> bool:
        """Whether the number has a range's length and lies between its ends in ASCII order.

        Without ranges any number may be given. Source: semantics 4.
        """
        return not self.has_ranges or any(
            len(number) == len(span.first) and span.first <= number <= span.last
            for span in self.configuration.card_number_ranges
        )


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


def exchange_rates(configuration: Configuration) -> Rates:
    """Rows of the document and, where the other direction has none of its own, their inverses."""
    rows = {
        (row.from_currency, row.to_currency): Fraction(row.rate)
        for row in configuration.exchange_rates
        if row.rate > 0
    }
    inverses = {(to, origin): 1 / rate for (origin, to), rate in rows.items()}
    return inverses | rows


def exchange(rates: Rates, from_currency: str, to_currency: str) -> Fraction | None:
    if from_currency == to_currency:
        return Fraction(1)
    return rates.get((from_currency, to_currency))


def text(names: Names, locale: str | None, code: str) -> str:
    """Text in the locale asked for, else its language, else `en`, else the first, else the code.

    Locales are compared without case, `_` as `-`; a single text serves every locale.
    Source: semantics 3.
    """
    by_locale = {_locale(key): value for key, value in names.items()}
    asked = _locale(locale or "")
    wanted = (by_locale.get(key, "") for key in (asked, asked.partition("-")[0], "en"))
    return next((found for found in (*wanted, *names.values()) if found), code)


def _locale(locale: str) -> str:
    return locale.replace("_", "-").lower()


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
