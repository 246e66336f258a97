"""Plans: changes by code, warnings, and what exists and may not change. Source: semantics 3."""

import copy
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.documents import load_document
from rules.document import parse_document
from rules.plan import Change, canonical, changes
from rules.plan_refusals import Existing, refusals
from rules.plan_warnings import warnings
from rules.program import Configuration

EXAMPLE = Path(__file__).parents[2] / "docs" / "configuration.example.yaml"
DOCUMENT: Any = load_document(EXAMPLE.read_text(encoding="utf-8"))
CONFIGURATION = parse_document(DOCUMENT)
TODAY = date(2026, 6, 1)
LEFT_OUT = object()
SCHEME = "schemes.0"


def example(*edits: tuple[str, object]) -> Configuration:
    document = copy.deepcopy(DOCUMENT)
    for path, value in edits:
        place, (*parents, last) = document, path.split(".")
        for part in parents:
            place = place[int(part) if isinstance(place, list) else part]
        key = int(last) if isinstance(place, list) else last
        if value is LEFT_OUT:
            del place[key]
        elif isinstance(key, int):
            place[key : key + 1] = [value]
        else:
            place[key] = value
    return parse_document(document)


def plan(*edits: tuple[str, object]) -> list[tuple[str, str, object, object]]:
    found = changes(CONFIGURATION, example(*edits))
    return [(change.action, change.path, change.before, change.after) for change in found]


def shuffled(value: Any, data: st.DataObject) -> Any:
    """Put the keys of every object in another order."""
    if isinstance(value, list):
        return [shuffled(item, data) for item in value]
    if not isinstance(value, dict):
        return value
    keys = data.draw(st.permutations(list(value)))
    return {key: shuffled(value[key], data) for key in keys}


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_the_order_of_keys_means_nothing(data: st.DataObject) -> None:
    configuration = parse_document(shuffled(DOCUMENT, data))
    assert canonical(configuration) == canonical(CONFIGURATION)
    assert changes(CONFIGURATION, configuration) == ()


@pytest.mark.parametrize(
    "edits",
    [
        [],
        [("schemes.0.earningRules.0.points", "1.00"), ("discounts.0.percentOff", Decimal("5.0"))],
        [("settings", LEFT_OUT)],
        [("channels.0.active", LEFT_OUT), ("channels.0.priceGroups", None)],
        [("channels", [*reversed(DOCUMENT["channels"])])],
        [("programs.0.tiers", [*reversed(DOCUMENT["programs"][0]["tiers"])])],
        [(f"{SCHEME}.channels", ["CALL", "WEB", "STORE-1"])],
        [("autoCharges.1.fromAmount", LEFT_OUT)],
        [("rewardPoints.1.expiration", {"value": 0, "unit": "DAY"})],
        [("rewardPoints.0.name", {"fr": "Points", "en": "Points"})],
        [("shippingThresholdDiscounts.0.thresholds",
          [{"amount": 75, "percentOff": 100}, {"amount": 35, "percentOff": 50}])],
    ],
)  # fmt: skip
def test_equal_documents_have_no_changes(edits: list[tuple[str, object]]) -> None:
    assert plan(*edits) == []


POINTS = f"{SCHEME}.earningRules.0.points"
RULES = DOCUMENT["schemes"][0]["earningRules"]
PAYS = DOCUMENT["schemes"][0]["redemptionRules"]
TIER_RULE = "programs.0.tiers.1.rules.0"


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        ((POINTS, 2), ("CHANGE", "schemes/CLUB-US/earningRules/base/points", "1", "2")),
        (("settings.refundGraceDays", 9), ("CHANGE", "settings/refundGraceDays", 30, 9)),
        (("exchangeRates.0.rate", 2), ("CHANGE", "exchangeRates/EUR:USD/rate", "1.1", "2")),
        ((f"{TIER_RULE}.minimumPoints", 300), (
            "CHANGE", "programs/CLUB/tiers/SILVER/rules/STAT:PAST_YEAR/minimumPoints", "500", "300",
        )),
        (("rewardPoints.0.vesting.value", 7), ("CHANGE", "rewardPoints/PTS/vesting/value", 14, 7)),
        (("rewardPoints.0.vesting", None), (
            "CHANGE", "rewardPoints/PTS/vesting", {"value": 14, "unit": "DAY"}, None,
        )),
        (("rewardPoints.0.name.de", "Punkte"), ("ADD", "rewardPoints/PTS/name/de", None, "Punkte")),
        (("channels.0.name", "Web"), ("CHANGE", "channels/WEB/name", "Web shop", "Web")),
        ((f"{SCHEME}.channels", ["WEB"]), (
            "CHANGE", "schemes/CLUB-US/channels", ["CALL", "STORE-1", "WEB"], ["WEB"],
        )),
        (("dateIntervals.0.end.anchor", "2026-01-01"), (
            "CHANGE", "dateIntervals/PAST_YEAR/end/anchor", "TODAY", "2026-01-01",
        )),
        (("shippingThresholdDiscounts.0.thresholds.0.percentOff", 60), (
            "CHANGE", "shippingThresholdDiscounts/TWODAY-PROMO/thresholds/35/percentOff",
            "50", "60",
        )),
        (("oneTimeRewards.0.payload", {"productId": "CUP"}), (
            "CHANGE", "oneTimeRewards/gold-mug/payload",
            '{"productId":"MUG"}', '{"productId":"CUP"}',
        )),
        (("coupons.1", {"code": "NEW"}), (
            "ADD", "coupons/NEW", None, {"code": "NEW", "validFrom": None, "validTo": None},
        )),
        (("cardNumberRanges.0", LEFT_OUT), (
            "REMOVE", "cardNumberRanges/LC-00000:LC-99999",
            {"from": "LC-00000", "to": "LC-99999"}, None,
        )),
        # Order that settles ties and shares what a maximum leaves.
        ((f"{SCHEME}.earningRules", [RULES[1], RULES[0], *RULES[2:]]), (
            "CHANGE", "schemes/CLUB-US/earningRules",
            [rule["code"] for rule in RULES],
            [rule["code"] for rule in (RULES[1], RULES[0], *RULES[2:])],
        )),
        ((f"{SCHEME}.redemptionRules", PAYS[::-1]), (
            "CHANGE", "schemes/CLUB-US/redemptionRules",
            ["pay", "cash", "free-coffee"], ["free-coffee", "cash", "pay"],
        )),
        (("oneTimeRewards", DOCUMENT["oneTimeRewards"][::-1]), (
            "CHANGE", "oneTimeRewards", ["gold-mug", "tenth"], ["tenth", "gold-mug"],
        )),
    ],
)  # fmt: skip
def test_one_edit_is_one_change(
    edit: tuple[str, object], change: tuple[str, str, object, object]
) -> None:
    assert plan(edit) == [change]


def test_another_order_of_automatic_charges_is_a_change() -> None:
    found = plan(("autoCharges", DOCUMENT["autoCharges"][::-1]))
    assert [(action, path) for action, path, _, _ in found] == [("CHANGE", "autoCharges")]


def test_the_first_text_counts_where_there_is_no_english() -> None:
    french = example(("rewardPoints.0.name", {"fr": "Points", "de": "Punkte"}))
    german = example(("rewardPoints.0.name", {"de": "Punkte", "fr": "Points"}))
    assert [change.path for change in changes(french, german)] == ["rewardPoints/PTS/name"]


def test_a_rule_put_first_is_one_addition() -> None:
    rule = RULES[0] | {"code": "new"}
    (added,) = plan((f"{SCHEME}.earningRules", [rule, *RULES]))
    assert added[:2] == ("ADD", "schemes/CLUB-US/earningRules/new")


def test_the_first_document_is_compared_with_the_empty_one() -> None:
    found = changes(None, CONFIGURATION)
    assert {change.action for change in found} == {"ADD", "CHANGE"}
    assert [c.path for c in found if c.action == "CHANGE"] == ["autoCharges"]
    assert "schemes/CLUB-US" in {change.path for change in found}
    assert changes(None, parse_document({})) == ()


def test_changes_there_and_back_mirror_each_other() -> None:
    other = example((POINTS, 2), ("coupons.1", {"code": "NEW"}), ("activityTypes.2", LEFT_OUT))
    there, back = changes(CONFIGURATION, other), changes(other, CONFIGURATION)
    turned = {"ADD": "REMOVE", "REMOVE": "ADD", "CHANGE": "CHANGE"}
    mirrored = {(turned[c.action], c.path, str(c.after), str(c.before)) for c in back}
    assert {(c.action, c.path, str(c.before), str(c.after)) for c in there} == mirrored
    assert all(isinstance(change, Change) for change in there)


@pytest.mark.parametrize(
    ("edits", "begins"),
    [
        ([], []),
        ([("rewardPoints.2.redeemable", True)],
         ["rewardPoints/STAT", *[f"programs/CLUB/tiers/{t}/rules" for t in
                                 ("MEMBER", "SILVER", "GOLD")]]),
        ([(f"{SCHEME}.channels", [])], ["schemes/CLUB-US: it is on no channel"]),
        ([(f"{SCHEME}.earningRules.5.validTo", "2026-05-31")],
         ["schemes/CLUB-US/earningRules/visit"]),
        ([(f"{SCHEME}.redemptionRules.0.validTo", "2026-05-31")],
         ["schemes/CLUB-US/redemptionRules/pay"]),
        ([(f"{SCHEME}.earningRules.5.validTo", "2026-06-01")], []),
        ([("channels.0.priceGroups", ["LOY", "LOYG"])], ["priceGroups/LOY:", "priceGroups/LOYG:"]),
        ([("channels.1.loyaltyPayment", False)], ["channels/STORE-1/loyaltyPayment"]),
        ([("numberSequences.0.next", 40)], ["numberSequences/LOYALTY/next"]),
    ],
)  # fmt: skip
def test_warnings_name_what_is_seldom_meant(
    edits: list[tuple[str, object]], begins: list[str]
) -> None:
    found = warnings(example(*edits), TODAY, {"LOYALTY": 41})
    assert len(found) == len(begins)
    assert all(warning.startswith(begin) for warning, begin in zip(found, begins, strict=True))


def test_units_are_those_of_the_last_version_that_had_the_code() -> None:
    """A code that is gone keeps its unit; of two the newer counts, so that one is always right."""
    gone = example(("schemes", []), ("oneTimeRewards", []), ("rewardPoints.0", LEFT_OUT))
    other = example(*KINDS)
    has = Existing(reward_points_with_entries=frozenset({"PTS", "STAT"}))
    assert refusals([CONFIGURATION, gone], CONFIGURATION, has) == ()
    assert refusals([CONFIGURATION, other], other, has) == ()
    assert len(refusals([CONFIGURATION, other], CONFIGURATION, has)) == len(KINDS)
    assert refusals([], CONFIGURATION, has) == ()


EVERYTHING = Existing(
    reward_points_with_entries=frozenset({"PTS", "CASH", "STAT"}),
    channels_with_sales_or_payments=frozenset({"WEB", "CALL"}),
    channels_with_cards_or_sales=frozenset({"WEB", "CALL"}),
    programs_with_enrolments=frozenset({"CLUB"}),
    tiers_with_running_rows=frozenset({("CLUB", "GOLD")}),
    activity_types_with_unposted_lines=frozenset({"APP_CHECKIN"}),
    affiliations_held=frozenset({"employee"}),
)
KINDS = [("rewardPoints.2.kind", "AMOUNT"), ("rewardPoints.2.currency", "USD")]
EUROS = [("channels.0.currency", "EUR"), ("channels.1.currency", "EUR")]
NO_GOLD = [
    (f"{SCHEME}.earningRules.2", LEFT_OUT), ("oneTimeRewards.0", LEFT_OUT),
    ("programs.0.tiers.2", LEFT_OUT),
]  # fmt: skip


@pytest.mark.parametrize(
    ("edits", "paths"),
    [
        ([], []),
        (KINDS, ["rewardPoints.2.kind", "rewardPoints.2.currency"]),
        ([("rewardPoints.1.currency", "EUR")], ["rewardPoints.1.currency"]),
        (EUROS, ["channels.0.currency"]),
        ([(f"{SCHEME}.channels", ["WEB"]), ("channels.2", LEFT_OUT)], ["channels"]),
        ([(f"{SCHEME}.channels", ["WEB"]), ("channels.1", LEFT_OUT)], []),
        ([("channels.2.active", False)], []),
        ([("schemes", []), ("oneTimeRewards", []), ("programs", [])], ["programs", "programs"]),
        (NO_GOLD, ["programs.0.tiers"]),
        ([("activityTypes.2", LEFT_OUT)], ["activityTypes"]),
        ([("affiliations.2", LEFT_OUT)], ["affiliations"]),
        ([("schemes", []), ("oneTimeRewards", []), ("rewardPoints.0", LEFT_OUT)], ["rewardPoints"]),
    ],
)
def test_what_exists_keeps_its_configuration(
    edits: list[tuple[str, object]], paths: list[str]
) -> None:
    after = example(*edits)
    found = refusals([CONFIGURATION], after, EVERYTHING)
    assert [".".join((fault.field or ())[1:]) for fault in found] == paths
    assert refusals([CONFIGURATION], after, Existing()) == ()
