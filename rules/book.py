"""The rule book: one configuration version compiled for look-ups, built once and never changed.

Every tuple keeps the document's order, because order settles ties (semantics 5.5, 8.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from rules.indexes import RuleIndex
from rules.program import (
    ActivityType,
    Affiliation,
    Channel,
    Configuration,
    NumberSequence,
    OneTimeReward,
    OrganizationNode,
    Program,
    RewardPoint,
    Scheme,
    Tier,
)
from rules.program_prices import (
    ChargeCode,
    Coupon,
    DeliveryMode,
    Discount,
    PriceGroup,
    ShippingThresholdDiscount,
)
from rules.program_terms import DateInterval, Names

Rates = Mapping[tuple[str, str], Fraction]


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
