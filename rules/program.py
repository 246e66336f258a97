"""The program as values: what one configuration document says, parsed, complete and frozen.

Codes are plain strings, dates are civil dates with both ends included (None: open), numbers are
exact decimals. Lists keep the document's order, because order settles ties (semantics 5.5, 8.2).
Source: semantics 3.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property

from rules.indexes import RuleIndex
from rules.program_prices import (
    AutoCharge,
    ChargeCode,
    Coupon,
    DeliveryMode,
    Discount,
    PriceGroup,
    ShippingThresholdDiscount,
)
from rules.program_terms import (
    ChannelKind,
    DateInterval,
    EarningActivity,
    EarnOnRedeemSale,
    Names,
    Once,
    Period,
    RedemptionReward,
    RefundExpiry,
    ReturnDeducts,
    RewardPointKind,
    Trigger,
)


@dataclass(frozen=True, slots=True)
class Settings:
    post_points_per_sales_line: bool = True
    earn_on_redeem_sale: EarnOnRedeemSale = EarnOnRedeemSale.NONE
    return_deducts: ReturnDeducts = ReturnDeducts.UNVESTED_FIRST
    refund_expiry: RefundExpiry = RefundExpiry.FRESH
    refund_grace_days: int = 30
    return_transaction_count_points: bool = False
    post_earned_points_in_batches: bool = False
    use_advanced_auto_charges: bool = True
    payment_hold_minutes: int = 30
    process_on_apply: bool = False


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """One unit of `from_currency` is `rate` units of `to_currency`."""

    from_currency: str
    to_currency: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class NumberSequence:
    code: str
    format: str
    next: int


@dataclass(frozen=True, slots=True)
class OrganizationNode:
    code: str
    name: Names
    parent: str | None


@dataclass(frozen=True, slots=True)
class Channel:
    code: str
    name: Names
    kind: ChannelKind
    currency: str
    time_zone: str
    legal_entity: str
    node: str | None
    number_sequence: str | None
    loyalty_payment: bool
    prices_include_tax: bool
    price_groups: tuple[str, ...]
    active: bool


@dataclass(frozen=True, slots=True)
class CardNumberRange:
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Affiliation:
    code: str
    name: Names
    hide_in_channels: bool
    price_groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RewardPoint:
    """`maximum_per_card` is in points (None: no limit); `expiration` None: never expires."""

    code: str
    name: Names
    kind: RewardPointKind
    currency: str | None
    redeemable: bool
    redeem_ranking: int
    expiration: Period | None
    vesting: Period | None
    maximum_per_card: Decimal | None


@dataclass(frozen=True, slots=True)
class TierRule:
    reward_point: str
    minimum_points: Decimal
    evaluation: str


@dataclass(frozen=True, slots=True)
class Tier:
    code: str
    name: Names
    level: int
    validity: str
    price_groups: tuple[str, ...]
    rules: tuple[TierRule, ...]


@dataclass(frozen=True, slots=True)
class Program:
    code: str
    name: Names
    description: Names
    combine_related_loyalty_cards: bool
    price_groups: tuple[str, ...]
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class ActivityLimit:
    count: int
    per: Period


@dataclass(frozen=True, slots=True)
class ActivityType:
    code: str
    name: Names
    review: bool
    self_service: bool
    limit: ActivityLimit | None


@dataclass(frozen=True, slots=True)
class EarningRule:
    code: str
    activity: EarningActivity
    activity_type: str | None
    per: Decimal
    currency: str | None
    reward_point: str
    points: Decimal
    tier: str | None
    affiliation: str | None
    categories: tuple[str, ...]
    products: tuple[str, ...]
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class RedemptionRule:
    code: str
    reward: RedemptionReward
    reward_point: str
    points: Decimal
    pays: Decimal
    currency: str | None
    whole_units_only: bool
    tier: str | None
    affiliation: str | None
    categories: tuple[str, ...]
    products: tuple[str, ...]
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class RedemptionLimits:
    minimum_points: Decimal
    step: int
    maximum_share_of_order: Decimal


@dataclass(frozen=True)  # no slots: the indexes are compiled once and kept with the scheme
class Scheme:
    code: str
    program: str
    channels: tuple[str, ...]
    organization_nodes: tuple[str, ...]
    excluded_affiliations: tuple[str, ...]
    earning_rules: tuple[EarningRule, ...]
    redemption_limits: RedemptionLimits
    redemption_rules: tuple[RedemptionRule, ...]

    @cached_property
    def sale_rules(self) -> tuple[EarningRule, ...]:
        """Rules for purchases and transaction counts: only rules for activities have a type."""
        return tuple(rule for rule in self.earning_rules if rule.activity_type is None)

    @cached_property
    def sale_index(self) -> RuleIndex[EarningRule]:
        """Its `sale_rules` by (tier, affiliation)."""
        return RuleIndex(self.sale_rules, lambda rule: [(rule.tier, rule.affiliation)])

    @cached_property
    def sale_affiliations(self) -> frozenset[str]:
        """The affiliations that its `sale_rules` ask for."""
        return frozenset(rule.affiliation for rule in self.sale_rules if rule.affiliation)

    @cached_property
    def redemption_index(self) -> RuleIndex[RedemptionRule]:
        """Its redemption rules by (tier, affiliation), labelled by reward point."""
        return RuleIndex(
            self.redemption_rules,
            lambda rule: [(rule.tier, rule.affiliation)],
            lambda rule: rule.reward_point,
        )


@dataclass(frozen=True, slots=True)
class OneTimeReward:
    """`payload` is JSON as text, handed out untouched; None where the reward is points alone."""

    code: str
    name: Names
    trigger: Trigger
    program: str
    tier: str | None
    activity_type: str | None
    count: int | None
    once: Once
    reward_point: str | None
    points: Decimal | None
    payload: str | None


@dataclass(frozen=True, slots=True)
class Configuration:
    """One document, whole: every list in the document's order."""

    settings: Settings
    exchange_rates: tuple[ExchangeRate, ...]
    number_sequences: tuple[NumberSequence, ...]
    organization_nodes: tuple[OrganizationNode, ...]
    channels: tuple[Channel, ...]
    card_number_ranges: tuple[CardNumberRange, ...]
    affiliations: tuple[Affiliation, ...]
    price_groups: tuple[PriceGroup, ...]
    discounts: tuple[Discount, ...]
    reward_points: tuple[RewardPoint, ...]
    date_intervals: tuple[DateInterval, ...]
    programs: tuple[Program, ...]
    activity_types: tuple[ActivityType, ...]
    schemes: tuple[Scheme, ...]
    one_time_rewards: tuple[OneTimeReward, ...]
    delivery_modes: tuple[DeliveryMode, ...]
    charge_codes: tuple[ChargeCode, ...]
    auto_charges: tuple[AutoCharge, ...]
    coupons: tuple[Coupon, ...]
    shipping_threshold_discounts: tuple[ShippingThresholdDiscount, ...]
