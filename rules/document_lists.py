"""Readers of a document's lists: the organisation and the program, one for each kind of item.

Source: semantics 3.
"""

from datetime import date
from decimal import Decimal

from rules.calendar import add_period
from rules.document_reading import LARGEST_INTEGER, LONGEST_PERIOD, Item
from rules.document_values import is_time_zone, to_day
from rules.program import (
    ActivityLimit,
    ActivityType,
    Affiliation,
    CardNumberRange,
    Channel,
    ExchangeRate,
    NumberSequence,
    OrganizationNode,
    Program,
    RewardPoint,
    Settings,
    Tier,
    TierRule,
)
from rules.program_prices import PriceGroup
from rules.program_terms import (
    Bound,
    ChannelKind,
    DateInterval,
    EarnOnRedeemSale,
    Period,
    RefundExpiry,
    ReturnDeducts,
    RewardPointKind,
    Snap,
)
from rules.sequences import format_fault

LONGEST_HOLD_MINUTES = 1_000_000
LARGEST_COUNTER = 10**12 - 1

_COMPARED_FROM = date(2001, 1, 1)


def read_settings(item: Item) -> Settings:
    default = Settings()
    grace_days = item.integer("refundGraceDays", least=0, most=LONGEST_PERIOD)
    hold_minutes = item.integer("paymentHoldMinutes", least=0, most=LONGEST_HOLD_MINUTES)
    return Settings(
        post_points_per_sales_line=item.flag(
            "postPointsPerSalesLine", default.post_points_per_sales_line
        ),
        earn_on_redeem_sale=item.choice("earnOnRedeemSale", EarnOnRedeemSale)
        or default.earn_on_redeem_sale,
        return_deducts=item.choice("returnDeducts", ReturnDeducts) or default.return_deducts,
        refund_expiry=item.choice("refundExpiry", RefundExpiry) or default.refund_expiry,
        refund_grace_days=default.refund_grace_days if grace_days is None else grace_days,
        return_transaction_count_points=item.flag("returnTransactionCountPoints"),
        post_earned_points_in_batches=item.flag("postEarnedPointsInBatches"),
        use_advanced_auto_charges=item.flag(
            "useAdvancedAutoCharges", default.use_advanced_auto_charges
        ),
        payment_hold_minutes=default.payment_hold_minutes if hold_minutes is None else hold_minutes,
        process_on_apply=item.flag("processOnApply"),
    )


def read_exchange_rate(item: Item) -> ExchangeRate:
    item.require("from", "to", "rate")
    from_currency, to_currency = item.currency("from"), item.currency("to")
    if from_currency and from_currency == to_currency:
        item.fault("A currency needs no rate to itself.", "to")
    return ExchangeRate(
        from_currency or "", to_currency or "", item.number("rate", above=0) or Decimal(1)
    )


def read_number_sequence(item: Item) -> NumberSequence:
    item.require("code", "format")
    number_format = item.text("format")
    reason = None if number_format is None else format_fault(number_format)
    if reason:
        item.fault(reason, "format")
    first = item.integer("next", least=0, most=LARGEST_COUNTER)
    return NumberSequence(item.code(), number_format or "", 1 if first is None else first)


def read_organization_node(item: Item) -> OrganizationNode:
    item.require("code")
    parent = item.reference("parent", "organizationNodes")
    return OrganizationNode(item.code(), item.names("name"), parent)


def read_channel(item: Item) -> Channel:
    item.require("code", "kind", "currency", "timeZone", "legalEntity")
    time_zone = item.text("timeZone")
    if time_zone is not None and not is_time_zone(time_zone):
        item.fault("This must be a time zone of the IANA database.", "timeZone")
    return Channel(
        code=item.code(),
        name=item.names("name"),
        kind=item.choice("kind", ChannelKind) or ChannelKind.ONLINE,
        currency=item.currency() or "",
        time_zone=time_zone or "",
        legal_entity=item.text("legalEntity") or "",
        node=item.reference("node", "organizationNodes"),
        number_sequence=item.reference("numberSequence", "numberSequences"),
        loyalty_payment=item.flag("loyaltyPayment"),
        prices_include_tax=item.flag("pricesIncludeTax"),
        price_groups=item.references("priceGroups", "priceGroups"),
        active=item.flag("active", default=True),
    )


def read_card_number_range(item: Item) -> CardNumberRange:
    item.require("from", "to")
    first, last = item.code("from"), item.code("to")
    if first and last and len(first) != len(last):
        item.fault("The two ends of a range have one length.", "to")
    elif first and last and first > last:
        item.fault("The end of a range is before its start.", "to")
    return CardNumberRange(first, last)


def read_affiliation(item: Item) -> Affiliation:
    item.require("code")
    return Affiliation(
        item.code(),
        item.names("name"),
        item.flag("hideInChannels"),
        item.references("priceGroups", "priceGroups"),
    )


def read_price_group(item: Item) -> PriceGroup:
    item.require("code")
    priority = item.integer("priority", least=-LARGEST_INTEGER)
    return PriceGroup(item.code(), item.names("name"), priority)


def read_reward_point(item: Item) -> RewardPoint:
    item.require("code", "kind")
    kind, currency = item.choice("kind", RewardPointKind), item.currency()
    if kind is RewardPointKind.AMOUNT:
        item.require("currency")
    elif kind is RewardPointKind.QUANTITY:
        item.forbid("currency", "Only AMOUNT points have a currency.")
    ranking = item.integer("redeemRanking", least=-LARGEST_INTEGER)
    expiration, vesting = item.period("expiration"), item.period("vesting")
    if _is_longer(vesting, expiration):
        item.fault("Vesting is longer than expiration.", "vesting")
    return RewardPoint(
        code=item.code(),
        name=item.names("name"),
        kind=kind or RewardPointKind.QUANTITY,
        currency=currency,
        redeemable=item.flag("redeemable"),
        redeem_ranking=1 if ranking is None else ranking,
        expiration=expiration,
        vesting=vesting,
        # A maximum of 0 is none.
        maximum_per_card=item.number("maximumPerCard", least=0) or None,
    )


def read_date_interval(item: Item) -> DateInterval:
    item.require("code")
    start, end = item.child("start", _read_bound), item.child("end", _read_bound)
    return DateInterval(item.code(), start, end)


def read_program(item: Item) -> Program:
    item.require("code")
    return Program(
        code=item.code(),
        name=item.names("name"),
        description=item.names("description"),
        combine_related_loyalty_cards=item.flag("combineRelatedLoyaltyCards"),
        price_groups=item.references("priceGroups", "priceGroups"),
        tiers=item.items("tiers", _read_tier),
    )


def read_activity_type(item: Item) -> ActivityType:
    item.require("code")
    return ActivityType(
        item.code(),
        item.names("name"),
        item.flag("review"),
        item.flag("selfService"),
        item.child("limit", _read_activity_limit),
    )


def _read_bound(item: Item) -> Bound:
    item.require("anchor")
    anchor = item.text("anchor")
    day = None if anchor in {None, "TODAY"} else to_day(anchor)
    if anchor not in {None, "TODAY"} and day is None:
        item.fault("This must be TODAY or a date, YYYY-MM-DD.", "anchor")
    return Bound(day, item.period("shift", least=-LONGEST_PERIOD), item.choice("snap", Snap))


def _read_tier(item: Item) -> Tier:
    item.require("code", "level", "validity")
    if not item.has("rules"):
        item.fault("A tier needs at least one rule.", "rules")
    return Tier(
        code=item.code(),
        name=item.names("name"),
        level=item.integer("level", least=-LARGEST_INTEGER) or 0,
        validity=item.reference("validity", "dateIntervals") or "",
        price_groups=item.references("priceGroups", "priceGroups"),
        rules=item.items("rules", _read_tier_rule),
    )


def _read_tier_rule(item: Item) -> TierRule:
    item.require("rewardPoint", "minimumPoints", "evaluation")
    return TierRule(
        item.reference("rewardPoint", "rewardPoints") or "",
        item.number("minimumPoints", least=0) or Decimal(0),
        item.reference("evaluation", "dateIntervals") or "",
    )


def _read_activity_limit(item: Item) -> ActivityLimit | None:
    item.require("count", "per")
    count, per = item.integer("count", least=1), item.period("per", least=1)
    return ActivityLimit(count, per) if count and per else None


def _is_longer(vesting: Period | None, expiration: Period | None) -> bool:
    """Whether points would expire before they vest, both counted from one fixed day."""
    if vesting is None or expiration is None:
        return False
    return add_period(_COMPARED_FROM, vesting) > add_period(_COMPARED_FROM, expiration)
