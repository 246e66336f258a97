"""Readers of a document's schemes, their rules, and one-time rewards. Source: semantics 3."""

from decimal import Decimal

from rules.document_reading import Item
from rules.program import EarningRule, OneTimeReward, RedemptionLimits, RedemptionRule, Scheme
from rules.program_terms import EarningActivity, Once, RedemptionReward, Trigger

LARGEST_SHARE = 100  # per cent

_NO_LIMITS = RedemptionLimits(Decimal(0), 1, Decimal(LARGEST_SHARE))
_PURCHASES = frozenset(
    {EarningActivity.PURCHASE_BY_AMOUNT, EarningActivity.PURCHASE_BY_QUANTITY, None}
)


def read_scheme(item: Item) -> Scheme:
    item.require("code", "program")
    program = item.reference("program", "programs")
    tiers = f"tiers/{program}"
    return Scheme(
        code=item.code(),
        program=program or "",
        channels=item.references("channels", "channels"),
        organization_nodes=item.references("organizationNodes", "organizationNodes"),
        excluded_affiliations=item.references("excludedAffiliations", "affiliations"),
        earning_rules=item.items("earningRules", lambda rule: _read_earning_rule(rule, tiers)),
        redemption_limits=item.child("redemptionLimits", _read_redemption_limits) or _NO_LIMITS,
        redemption_rules=item.items(
            "redemptionRules", lambda rule: _read_redemption_rule(rule, tiers)
        ),
    )


def read_one_time_reward(item: Item) -> OneTimeReward:
    item.require("code", "trigger", "program")
    program = item.reference("program", "programs")
    trigger, once = item.choice("trigger", Trigger), item.choice("once", Once)
    _require_for_trigger(item, trigger)
    if once is Once.TIER_ENTRY and trigger not in {Trigger.TIER_REACHED, None}:
        item.fault("TIER_ENTRY goes with TIER_REACHED alone.", "once")
    _require_gift(item)
    return OneTimeReward(
        code=item.code(),
        name=item.names("name"),
        trigger=trigger or Trigger.CARD_ISSUED,
        program=program or "",
        tier=item.reference("tier", f"tiers/{program}"),
        activity_type=item.reference("activityType", "activityTypes"),
        count=item.integer("count", least=1),
        once=once or Once.CARD,
        reward_point=item.reference("rewardPoint", "rewardPoints"),
        points=item.number("points", above=0),
        payload=item.json("payload"),
    )


def _read_earning_rule(item: Item, tiers: str) -> EarningRule:
    item.require("code", "activity", "rewardPoint", "points")
    activity = item.choice("activity", EarningActivity)
    _check_activity(item, activity)
    per = item.number("per", above=0)
    if activity not in _PURCHASES and per not in {None, Decimal(1)}:
        item.fault("This activity is counted one by one.", "per")
    valid_from, valid_to = item.days()
    return EarningRule(
        code=item.code(),
        activity=activity or EarningActivity.PURCHASE_BY_AMOUNT,
        activity_type=item.reference("activityType", "activityTypes"),
        per=per or Decimal(1),
        currency=item.currency(),
        reward_point=item.reference("rewardPoint", "rewardPoints") or "",
        points=item.number("points", above=0) or Decimal(1),
        tier=item.reference("tier", tiers),
        affiliation=item.reference("affiliation", "affiliations"),
        categories=item.texts("categories"),
        products=item.texts("products"),
        valid_from=valid_from,
        valid_to=valid_to,
    )


def _check_activity(item: Item, activity: EarningActivity | None) -> None:
    """Report keys that the rule's activity needs and lacks, or has no use for."""
    if activity is None:
        return
    if activity is EarningActivity.PURCHASE_BY_AMOUNT:
        item.require("currency")
    else:
        item.forbid("currency", "Only PURCHASE_BY_AMOUNT has a currency.")
    if activity is EarningActivity.OTHER_ACTIVITY:
        item.require("activityType")
    else:
        item.forbid("activityType", "Only OTHER_ACTIVITY has an activity type.")
    if activity not in _PURCHASES:
        item.forbid("categories", "Only purchases have categories.")
        item.forbid("products", "Only purchases have products.")


def _read_redemption_rule(item: Item, tiers: str) -> RedemptionRule:
    item.require("code", "reward", "rewardPoint", "points", "pays")
    reward = item.choice("reward", RedemptionReward)
    whole_units_only = item.flag("wholeUnitsOnly")
    if reward is RedemptionReward.PAYMENT_BY_AMOUNT:
        item.require("currency")
        if whole_units_only:
            item.fault("Only PAYMENT_BY_QUANTITY pays whole units.", "wholeUnitsOnly")
    elif reward is RedemptionReward.PAYMENT_BY_QUANTITY:
        item.forbid("currency", "Only PAYMENT_BY_AMOUNT has a currency.")
    valid_from, valid_to = item.days()
    return RedemptionRule(
        code=item.code(),
        reward=reward or RedemptionReward.PAYMENT_BY_AMOUNT,
        reward_point=item.reference("rewardPoint", "rewardPoints") or "",
        points=item.number("points", above=0) or Decimal(1),
        pays=item.number("pays", above=0) or Decimal(1),
        currency=item.currency(),
        whole_units_only=whole_units_only,
        tier=item.reference("tier", tiers),
        affiliation=item.reference("affiliation", "affiliations"),
        categories=item.texts("categories"),
        products=item.texts("products"),
        valid_from=valid_from,
        valid_to=valid_to,
    )


def _read_redemption_limits(item: Item) -> RedemptionLimits:
    step = item.integer("step", least=1)
    share = item.number("maximumShareOfOrder", above=0, most=LARGEST_SHARE)
    return RedemptionLimits(
        minimum_points=item.number("minimumPoints", least=0) or _NO_LIMITS.minimum_points,
        step=step or _NO_LIMITS.step,
        maximum_share_of_order=share or _NO_LIMITS.maximum_share_of_order,
    )


def _require_for_trigger(item: Item, trigger: Trigger | None) -> None:
    match trigger:
        case Trigger.TIER_REACHED:
            item.require("tier")
        case Trigger.TRANSACTION_COUNT:
            item.require("count")
        case Trigger.ACTIVITY_COUNT:
            item.require("activityType", "count")
        case _:
            pass


def _require_gift(item: Item) -> None:
    """Report a reward that gives nothing, or points of no kind."""
    if item.has("points") or item.has("rewardPoint"):
        item.require("rewardPoint", "points")
    elif not item.has("payload"):
        item.fault("A one-time reward gives a payload, points, or both.")
