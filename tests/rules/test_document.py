"""Configuration documents: what is accepted, and every fault at its path. Source: semantics 3."""

import copy
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolvers.documents import load_document
from rules.document import parse_document
from rules.errors import MAXIMUM_FAULTS, ConfigurationInvalid, LoyaltyError, Refused
from rules.program import Settings
from rules.program_terms import Basis, Concurrency, Once, Period, PeriodUnit, RewardPointKind

EXAMPLE = Path(__file__).parents[2] / "docs" / "configuration.example.yaml"
LEFT_OUT = object()
DOCUMENT: Any = load_document(EXAMPLE.read_text(encoding="utf-8"))

SCHEME = "schemes.0"
RULE = f"{SCHEME}.earningRules"
PAY = f"{SCHEME}.redemptionRules"
LIMITS = f"{SCHEME}.redemptionLimits"
SHIPPING = "shippingThresholdDiscounts.0"
REWARDS = "oneTimeRewards"
TIER = "programs.0.tiers.1"


def put(document: Any, path: str, value: object) -> None:
    """Set, append or leave out what stands at a path."""
    *parents, last = path.split(".")
    for part in parents:
        document = document[int(part) if isinstance(document, list) else part]
    if isinstance(document, list):
        position = int(last)
        document[position : position + 1] = [] if value is LEFT_OUT else [value]
    elif value is LEFT_OUT:
        del document[last]
    else:
        document[last] = value


def example(*changes: tuple[str, object]) -> Any:
    document = copy.deepcopy(DOCUMENT)
    for path, value in changes:
        put(document, path, value)
    return document


def faults(document: object) -> list[str]:
    """Paths of all faults, without the leading "document"."""
    errors: tuple[LoyaltyError, ...] = ()
    try:
        parse_document(document)
    except Refused as refused:
        errors = refused.errors
    fields = [error.field or () for error in errors]
    assert all(type(error) is ConfigurationInvalid for error in errors)
    assert all(field[0] == "document" for field in fields)
    return [".".join(field[1:]) for field in fields]


EUR_CHANNEL = {
    "code": "FR",
    "kind": "STORE",
    "currency": "EUR",
    "timeZone": "Europe/Paris",
    "legalEntity": "FR",
}
REWARD = {"code": "new", "trigger": "CARD_ISSUED", "program": "CLUB", "payload": {}}
COUNTED = REWARD | {"trigger": "ACTIVITY_COUNT"}
POINTS = {"rewardPoint": "PTS", "points": 5}


# (what is put where, the path of the one fault)
FAULTS: list[tuple[list[tuple[str, object]], str]] = [
    # unknown keys
    ([("color", "red")], "color"),
    ([("settings.color", "red")], "settings.color"),
    ([("channels.0.color", "red")], "channels.0.color"),
    ([(f"{RULE}.3.color", "red")], f"{RULE}.3.color"),
    ([("dateIntervals.0.start.shift.color", 1)], "dateIntervals.0.start.shift.color"),
    # missing required keys
    ([("coupons.1", {"validTo": "2026-12-31"})], "coupons.1.code"),
    ([("channels.0.currency", LEFT_OUT)], "channels.0.currency"),
    ([("channels.0.timeZone", LEFT_OUT)], "channels.0.timeZone"),
    ([("channels.0.kind", None)], "channels.0.kind"),
    ([("exchangeRates.0.rate", LEFT_OUT)], "exchangeRates.0.rate"),
    ([("numberSequences.0.format", LEFT_OUT)], "numberSequences.0.format"),
    ([("rewardPoints.0.kind", LEFT_OUT)], "rewardPoints.0.kind"),
    ([("dateIntervals.0.end.anchor", LEFT_OUT)], "dateIntervals.0.end.anchor"),
    ([(f"{SCHEME}.program", LEFT_OUT)], f"{SCHEME}.program"),
    ([(f"{RULE}.0.points", LEFT_OUT)], f"{RULE}.0.points"),
    ([(f"{PAY}.0.pays", LEFT_OUT)], f"{PAY}.0.pays"),
    ([("rewardPoints.0.expiration.unit", LEFT_OUT)], "rewardPoints.0.expiration.unit"),
    ([(f"{REWARDS}.0.trigger", LEFT_OUT)], f"{REWARDS}.0.trigger"),
    ([("autoCharges.0.chargeCode", LEFT_OUT)], "autoCharges.0.chargeCode"),
    # unknown codes
    ([("organizationNodes.1.parent", "moon")], "organizationNodes.1.parent"),
    ([("channels.0.node", "moon")], "channels.0.node"),
    ([("channels.0.numberSequence", "X")], "channels.0.numberSequence"),
    ([("channels.0.priceGroups", ["LOY", "X"])], "channels.0.priceGroups.1"),
    ([("affiliations.2.priceGroups", ["X"])], "affiliations.2.priceGroups.0"),
    ([("discounts.0.priceGroups", ["X"])], "discounts.0.priceGroups.0"),
    ([("discounts.0.coupon", "X")], "discounts.0.coupon"),
    ([(f"{TIER}.validity", "X")], f"{TIER}.validity"),
    ([(f"{TIER}.rules.0.evaluation", "X")], f"{TIER}.rules.0.evaluation"),
    ([(f"{TIER}.rules.0.rewardPoint", "X")], f"{TIER}.rules.0.rewardPoint"),
    ([(f"{SCHEME}.channels.2", "X")], f"{SCHEME}.channels.2"),
    ([(f"{SCHEME}.organizationNodes", ["X"])], f"{SCHEME}.organizationNodes.0"),
    ([(f"{SCHEME}.excludedAffiliations", ["X"])], f"{SCHEME}.excludedAffiliations.0"),
    ([(f"{SCHEME}.program", "X")], f"{SCHEME}.program"),
    ([(f"{RULE}.0.rewardPoint", "X")], f"{RULE}.0.rewardPoint"),
    ([(f"{RULE}.3.affiliation", "X")], f"{RULE}.3.affiliation"),
    ([(f"{RULE}.6.activityType", "X")], f"{RULE}.6.activityType"),
    ([(f"{PAY}.0.rewardPoint", "X")], f"{PAY}.0.rewardPoint"),
    ([(f"{REWARDS}.0.program", "X")], f"{REWARDS}.0.program"),
    ([(f"{REWARDS}.0.tier", "X")], f"{REWARDS}.0.tier"),
    ([("autoCharges.0.deliveryMode", "X")], "autoCharges.0.deliveryMode"),
    ([("autoCharges.0.chargeCode", "X")], "autoCharges.0.chargeCode"),
    ([("autoCharges.0.channels", ["X"])], "autoCharges.0.channels.0"),
    ([(f"{SHIPPING}.deliveryMode", "X")], f"{SHIPPING}.deliveryMode"),
    ([("shippingThresholdDiscounts.1.coupon", "X")], "shippingThresholdDiscounts.1.coupon"),
    # malformed codes
    ([("coupons.1", {"code": "A B"})], "coupons.1.code"),
    ([("coupons.1", {"code": "A" * 65})], "coupons.1.code"),
    ([("coupons.1", {"code": ""})], "coupons.1.code"),
    ([("coupons.1", {"code": 5})], "coupons.1.code"),
    ([("coupons.1", {"code": "Ä"})], "coupons.1.code"),
    ([("coupons.1", {"code": "A\n"})], "coupons.1.code"),
    # duplicate codes
    ([("coupons.1", {"code": "FREESHIP"})], "coupons.1.code"),
    ([("channels.1.code", "WEB"), (f"{SCHEME}.channels", ["WEB", "CALL"])], "channels.1.code"),
    ([("programs.0.tiers.0.code", "SILVER")], f"{TIER}.code"),
    ([(f"{RULE}.1.code", "base")], f"{RULE}.1.code"),
    ([(f"{PAY}.1.code", "pay")], f"{PAY}.1.code"),
    ([(f"{SCHEME}.channels.2", "WEB")], f"{SCHEME}.channels.2"),
    ([("exchangeRates.1", {"from": "EUR", "to": "USD", "rate": 2})], "exchangeRates.1"),
    # nodes in a cycle
    ([("organizationNodes.0.parent", "europe")], "organizationNodes.0.parent"),
    ([("organizationNodes.0.parent", "world")], "organizationNodes.0.parent"),
    # time zones and currencies
    ([("channels.0.timeZone", "Mars/Base")], "channels.0.timeZone"),
    ([("channels.0.timeZone", "../UTC")], "channels.0.timeZone"),
    ([("channels.0.timeZone", "America")], "channels.0.timeZone"),
    ([("channels.0.currency", "usd")], "channels.0.currency"),
    ([("exchangeRates.0.from", "XXX")], "exchangeRates.0.from"),
    ([("exchangeRates.0.from", "USD")], "exchangeRates.0.to"),
    ([(f"{RULE}.0.currency", "ZZZ")], f"{RULE}.0.currency"),
    # reward points
    ([("rewardPoints.1.currency", LEFT_OUT)], "rewardPoints.1.currency"),
    ([("rewardPoints.0.currency", "USD")], "rewardPoints.0.currency"),
    ([("rewardPoints.0.vesting", {"value": 13, "unit": "MONTH"})], "rewardPoints.0.vesting"),
    ([("rewardPoints.0.vesting", {"value": 366, "unit": "DAY"})], "rewardPoints.0.vesting"),
    ([("rewardPoints.0.vesting.value", -1)], "rewardPoints.0.vesting.value"),
    ([("rewardPoints.0.expiration.value", "-12")], "rewardPoints.0.expiration.value"),
    ([("rewardPoints.0.expiration.value", 100_001)], "rewardPoints.0.expiration.value"),
    ([("rewardPoints.0.maximumPerCard", -1)], "rewardPoints.0.maximumPerCard"),
    ([("rewardPoints.0.redeemRanking", 2**31)], "rewardPoints.0.redeemRanking"),
    ([("activityTypes.0.limit.count", -1)], "activityTypes.0.limit.count"),
    ([("activityTypes.0.limit.per.value", -1)], "activityTypes.0.limit.per.value"),
    ([("settings.refundGraceDays", -1)], "settings.refundGraceDays"),
    ([("settings.paymentHoldMinutes", -1)], "settings.paymentHoldMinutes"),
    # tiers
    ([(f"{TIER}.level", 3), ("programs.0.tiers.2.level", 3)], "programs.0.tiers.2.level"),
    ([(f"{TIER}.rules", LEFT_OUT)], f"{TIER}.rules"),
    ([(f"{TIER}.rules", [])], f"{TIER}.rules"),
    ([(f"{TIER}.validity", LEFT_OUT)], f"{TIER}.validity"),
    ([(f"{TIER}.rules.0.evaluation", LEFT_OUT)], f"{TIER}.rules.0.evaluation"),
    ([(f"{TIER}.rules.0.minimumPoints", -1)], f"{TIER}.rules.0.minimumPoints"),
    ([(f"{RULE}.2.tier", "PLATINUM")], f"{RULE}.2.tier"),
    ([("programs.1", {"code": "OTHER"}), (f"{SCHEME}.program", "OTHER")], f"{RULE}.2.tier"),
    ([(f"{PAY}.0.tier", "PLATINUM")], f"{PAY}.0.tier"),
    # rules
    ([(f"{RULE}.3.points", 0)], f"{RULE}.3.points"),
    ([(f"{RULE}.3.per", 0)], f"{RULE}.3.per"),
    ([(f"{RULE}.3.per", "-1")], f"{RULE}.3.per"),
    ([(f"{PAY}.0.points", 0)], f"{PAY}.0.points"),
    ([(f"{PAY}.0.pays", 0)], f"{PAY}.0.pays"),
    ([(f"{RULE}.5.per", 2)], f"{RULE}.5.per"),
    ([(f"{RULE}.6.per", "2")], f"{RULE}.6.per"),
    ([(f"{RULE}.0.currency", LEFT_OUT)], f"{RULE}.0.currency"),
    ([(f"{RULE}.4.currency", "USD")], f"{RULE}.4.currency"),
    ([(f"{RULE}.5.currency", "USD")], f"{RULE}.5.currency"),
    ([(f"{RULE}.6.currency", "USD")], f"{RULE}.6.currency"),
    ([(f"{PAY}.0.currency", LEFT_OUT)], f"{PAY}.0.currency"),
    ([(f"{PAY}.2.currency", "USD")], f"{PAY}.2.currency"),
    ([(f"{RULE}.6.activityType", LEFT_OUT)], f"{RULE}.6.activityType"),
    ([(f"{RULE}.0.activityType", "SURVEY")], f"{RULE}.0.activityType"),
    ([(f"{RULE}.5.categories", ["Coffee"])], f"{RULE}.5.categories"),
    ([(f"{RULE}.6.products", ["COFFEE-1"])], f"{RULE}.6.products"),
    ([(f"{PAY}.0.rewardPoint", "STAT")], f"{PAY}.0.rewardPoint"),
    ([(f"{PAY}.0.wholeUnitsOnly", True)], f"{PAY}.0.wholeUnitsOnly"),
    ([(f"{RULE}.0.currency", "JPY")], f"{RULE}.0.currency"),
    ([(f"{PAY}.0.currency", "JPY")], f"{PAY}.0.currency"),
    ([(f"{RULE}.5.validFrom", "2027-01-01")], f"{RULE}.5.validTo"),
    ([(f"{RULE}.5.validFrom", "2026-02-29")], f"{RULE}.5.validFrom"),
    ([(f"{RULE}.5.validFrom", "20260101")], f"{RULE}.5.validFrom"),
    ([(f"{PAY}.0.validFrom", 20260101)], f"{PAY}.0.validFrom"),
    ([("coupons.0.validTo", "2025-12-31")], "coupons.0.validTo"),
    # percentages, discounts, limits
    ([("discounts.0.percentOff", 0)], "discounts.0.percentOff"),
    ([("discounts.0.percentOff", "100.01")], "discounts.0.percentOff"),
    ([("discounts.0.percentOff", LEFT_OUT)], "discounts.0"),
    ([("discounts.0.amountOff", 1), ("discounts.0.currency", "USD")], "discounts.0"),
    ([("discounts.0.percentOff", LEFT_OUT), ("discounts.0.amountOff", 1)], "discounts.0.currency"),
    ([("discounts.0.concurrency", "best")], "discounts.0.concurrency"),
    ([("discounts.0.priority", Decimal("1.5"))], "discounts.0.priority"),
    ([(f"{SHIPPING}.thresholds.0.percentOff", 0)], f"{SHIPPING}.thresholds.0.percentOff"),
    ([(f"{SHIPPING}.thresholds.0.amount", 75)], f"{SHIPPING}.thresholds.1.amount"),
    ([(f"{SHIPPING}.thresholds", [])], f"{SHIPPING}.thresholds"),
    ([(f"{LIMITS}.maximumShareOfOrder", 101)], f"{LIMITS}.maximumShareOfOrder"),
    ([(f"{LIMITS}.maximumShareOfOrder", 0)], f"{LIMITS}.maximumShareOfOrder"),
    ([(f"{LIMITS}.step", 0)], f"{LIMITS}.step"),
    ([(f"{LIMITS}.step", "1.5")], f"{LIMITS}.step"),
    ([(f"{LIMITS}.step", True)], f"{LIMITS}.step"),
    ([(f"{LIMITS}.minimumPoints", -1)], f"{LIMITS}.minimumPoints"),
    ([("autoCharges.0.amount", -1)], "autoCharges.0.amount"),
    ([("autoCharges.0.amount", "1.001")], "autoCharges.0.amount"),
    ([("autoCharges.1.fromAmount", 101)], "autoCharges.1.toAmount"),
    # number formats and ranges
    ([("numberSequences.0.format", "LC")], "numberSequences.0.format"),
    ([("numberSequences.0.format", "##-##")], "numberSequences.0.format"),
    ([("numberSequences.0.format", "@")], "numberSequences.0.format"),
    ([("numberSequences.0.format", "# #")], "numberSequences.0.format"),
    ([("numberSequences.0.next", -1)], "numberSequences.0.next"),
    ([("numberSequences.0.next", 10**12)], "numberSequences.0.next"),
    ([("cardNumberRanges.0.to", "LC-999999")], "cardNumberRanges.0.to"),
    ([("cardNumberRanges.0.from", "LD-00000")], "cardNumberRanges.0.to"),
    # one-time rewards
    ([(f"{REWARDS}.0.tier", LEFT_OUT)], f"{REWARDS}.0.tier"),
    ([(f"{REWARDS}.1.count", LEFT_OUT)], f"{REWARDS}.1.count"),
    ([(f"{REWARDS}.1.count", 0)], f"{REWARDS}.1.count"),
    ([(f"{REWARDS}.2", COUNTED | {"count": 1})], f"{REWARDS}.2.activityType"),
    ([(f"{REWARDS}.2", COUNTED | {"activityType": "SURVEY"})], f"{REWARDS}.2.count"),
    ([(f"{REWARDS}.0.payload", LEFT_OUT)], f"{REWARDS}.0"),
    ([(f"{REWARDS}.1.points", LEFT_OUT)], f"{REWARDS}.1.points"),
    ([(f"{REWARDS}.1.rewardPoint", LEFT_OUT)], f"{REWARDS}.1.rewardPoint"),
    ([(f"{REWARDS}.1.points", "0.5")], f"{REWARDS}.1.points"),
    ([(f"{REWARDS}.1.once", "TIER_ENTRY")], f"{REWARDS}.1.once"),
    ([(f"{REWARDS}.0.payload", {"price": 1.5})], f"{REWARDS}.0.payload"),
    # forms
    ([("channels", {})], "channels"),
    ([("settings", [])], "settings"),
    ([("coupons.1", "FREESHIP2")], "coupons.1"),
    ([("coupons.1", None)], "coupons.1"),
    ([("settings.processOnApply", "true")], "settings.processOnApply"),
    ([("settings.processOnApply", 1)], "settings.processOnApply"),
    ([("settings.earnOnRedeemSale", "ALL")], "settings.earnOnRedeemSale"),
    ([("channels.0.name", 5)], "channels.0.name"),
    ([("channels.0.name", "a\x00b")], "channels.0.name"),
    ([("channels.0.name", {"en": "\ud800"})], "channels.0.name.en"),
    ([("channels.0.name", {"no such": "x"})], "channels.0.name.no such"),
    ([("discounts.0.categories", ["a", 5])], "discounts.0.categories.1"),
    ([(f"{RULE}.0.points", 1.5)], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", True)], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", "NaN")], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", Decimal("NaN"))], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", Decimal("Infinity"))], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", "1_000")], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", " 1")], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", "1\n")], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", "1e3")], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", "١")], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", "1234567890123")], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", 10**12)], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", 10**5000)], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", "0.0000001")], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", Decimal("1E-7"))], f"{RULE}.0.points"),
    ([(f"{RULE}.0.points", Decimal("1E+999999"))], f"{RULE}.0.points"),
]  # fmt: skip


def test_the_example_is_accepted_as_it_stands() -> None:
    configuration = parse_document(DOCUMENT)
    points = {point.code: point for point in configuration.reward_points}
    assert points["PTS"].maximum_per_card == Decimal(10000)
    assert points["PTS"].vesting == Period(14, PeriodUnit.DAY)
    assert points["CASH"].kind is RewardPointKind.AMOUNT
    assert configuration.exchange_rates[0].rate == Decimal("1.1")
    visit = configuration.schemes[0].earning_rules[5]
    assert (visit.valid_from, visit.valid_to) == (date(2026, 1, 1), date(2026, 12, 31))
    assert configuration.one_time_rewards[0].payload == '{"productId":"MUG"}'
    assert configuration.auto_charges[1].from_amount is None


@pytest.mark.parametrize(("changes", "path"), FAULTS)
def test_one_fault_is_refused_at_its_path(changes: list[tuple[str, object]], path: str) -> None:
    assert faults(example(*changes)) == [path]


def test_every_fault_is_told_at_once() -> None:
    document = example(
        ("color", "red"),
        ("channels.0.timeZone", "Mars/Base"),
        ("organizationNodes.0.parent", "europe"),
        ("rewardPoints.1.currency", LEFT_OUT),
        (f"{TIER}.level", 3),
        (f"{RULE}.0.currency", "JPY"),
        (f"{RULE}.3.points", 0),
        (f"{RULE}.3.tier", "PLATINUM"),
        (f"{PAY}.0.rewardPoint", "STAT"),
        (f"{REWARDS}.1.points", "0.5"),
        ("coupons.1", None),
    )
    assert sorted(faults(document)) == sorted(
        [
            "color",
            "channels.0.timeZone",
            "organizationNodes.0.parent",
            "rewardPoints.1.currency",
            "programs.0.tiers.2.level",
            f"{RULE}.0.currency",
            f"{RULE}.3.points",
            f"{RULE}.3.tier",
            f"{PAY}.0.rewardPoint",
            f"{REWARDS}.1.points",
            "coupons.1",
        ]
    )


def test_more_faults_than_are_told_are_not_looked_into() -> None:
    """Whoever may plan holds up nobody: a list of half a million faults took 20 seconds."""
    many = {"discounts": [{"code": "a", "percentOff": 1, "categories": [1] * 5000}]}
    with pytest.raises(Refused) as refused:
        parse_document(many)
    assert str(refused.value) == f"{MAXIMUM_FAULTS} faults"


@pytest.mark.parametrize("document", [None, [], "text", 5, True, Decimal(1), 1.5])
def test_a_document_that_is_no_object_has_one_fault(document: object) -> None:
    assert faults(document) == [""]


@pytest.mark.parametrize(
    "changes",
    [
        # A key with null is left out, known or not.
        [("channels.0.node", None), ("channels.0.color", None), ("coupons", None),
         ("shippingThresholdDiscounts.1.coupon", None)],
        # QUANTITY points of rules may be fractional; they are cut when earned.
        [(f"{RULE}.0.points", "0.5")],
        # A rate serves both directions.
        [(f"{RULE}.0.currency", "EUR")],
        [("channels.3", EUR_CHANNEL), (f"{SCHEME}.channels.3", "FR")],
        [(f"{RULE}.5.per", "1.0")],
        [(f"{REWARDS}.2", REWARD), (f"{REWARDS}.3", REWARD | POINTS | {"code": "both"})],
        [("rewardPoints.0.vesting", {"value": 365, "unit": "DAY"})],
        [("rewardPoints.0.expiration.value", 0), ("rewardPoints.0.vesting.value", 9000)],
        [(f"{PAY}.0.wholeUnitsOnly", False), (f"{RULE}.0.activityType", None),
         (f"{RULE}.5.products", [])],
        [("numberSequences.0.format", "****-@")],
        [("numberSequences.0.next", Decimal("4E+1"))],
        [("channels.0.name", {"en": "Web", "pt-BR": "Loja", "zh_Hant_TW": "X", "fr": None})],
    ],
)  # fmt: skip
def test_what_is_unusual_and_right_is_accepted(changes: list[tuple[str, object]]) -> None:
    assert faults(example(*changes)) == []


def test_a_rule_currency_needs_a_rate_to_every_channel_a_node_reaches() -> None:
    channel = EUR_CHANNEL | {"node": "europe"}
    document = example(
        ("exchangeRates", []),
        ("channels.3", channel),
        (f"{SCHEME}.organizationNodes", ["world"]),
    )
    purchases = [f"{RULE}.{index}.currency" for index in range(4)]
    payments = [f"{PAY}.{index}.currency" for index in range(2)]
    assert faults(document) == purchases + payments


def test_what_is_left_out_has_its_default() -> None:
    configuration = parse_document({})
    assert configuration.settings == Settings()
    assert configuration.schemes == ()
    scheme = {"code": "S", "program": "P"}
    point = {"code": "PTS", "kind": "QUANTITY", "maximumPerCard": 0}
    reward = {"code": "R", "trigger": "CARD_ISSUED", "program": "P", "payload": [None, True, "é\n"]}
    shipping = {
        "code": "F", "deliveryMode": "M", "currency": "USD",
        "thresholds": [{"amount": 0, "percentOff": 100}],
    }  # fmt: skip
    configuration = parse_document(
        {
            "channels": [EUR_CHANNEL],
            "programs": [{"code": "P"}],
            "schemes": [scheme],
            "rewardPoints": [point],
            "oneTimeRewards": [reward],
            "deliveryModes": [{"code": "M"}],
            "shippingThresholdDiscounts": [shipping],
        }
    )
    channel, limits = configuration.channels[0], configuration.schemes[0].redemption_limits
    assert (channel.active, channel.loyalty_payment, channel.prices_include_tax) == (
        True, False, False,
    )  # fmt: skip
    assert (limits.minimum_points, limits.step, limits.maximum_share_of_order) == (0, 1, 100)
    assert configuration.reward_points[0].redeem_ranking == 1
    assert configuration.reward_points[0].maximum_per_card is None
    assert configuration.one_time_rewards[0].once is Once.CARD
    assert configuration.one_time_rewards[0].payload == '[null,true,"é\\u000a"]'
    discount = configuration.shipping_threshold_discounts[0]
    assert (discount.basis, discount.concurrency) == (Basis.AFTER_DISCOUNT, Concurrency.BEST_PRICE)


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.sampled_from(["PTS", "CLUB", "USD", "GOLD", "TODAY", "2025-01-01", "\ud800", "1E9"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text() | st.sampled_from(["code", "name", "rules", "tiers", "value"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def places(value: Any, path: str = "") -> list[str]:
    found = [path] if path else []
    if isinstance(value, dict | list):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members:
            found += places(member, f"{path}.{key}" if path else str(key))
    return found


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(JUNK)
def test_junk_is_refused_and_nothing_else(document: object) -> None:
    faults(document)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(st.sampled_from(places(DOCUMENT)), JUNK), min_size=1, max_size=3))
def test_junk_anywhere_in_a_document_is_refused_or_accepted(
    changes: list[tuple[str, object]],
) -> None:
    document = example()
    for path, value in changes:
        try:
            put(document, path, value)
        except (KeyError, IndexError, TypeError, ValueError):
            continue  # an earlier change took the place away
    assert all("\ud800" not in path for path in faults(document))
