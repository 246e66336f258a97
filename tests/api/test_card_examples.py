"""EX-nn of semantics 2, 4 and 9: dates, cards, customers and tiers, through the API on both
databases.
"""

from typing import Any

import pytest

from tests.api.harness import Harness, line, notes
from tests.api.program import (
    NEXT_YEAR,
    PAST_YEAR,
    amount_rule,
    channel,
    club_document,
    pay_rule,
    reward_points,
    scheme,
    tier,
)

QUARTER = {
    "code": "THIS_QUARTER",
    "start": {"anchor": "TODAY", "snap": "START_OF_QUARTER"},
    "end": {"anchor": "TODAY", "snap": "END_OF_QUARTER"},
}
STATUS_RULE = amount_rule("status", point="STAT")


def codes(payload: dict[str, Any]) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def requirement_windows(service: Harness, card: str) -> list[tuple[str, str]]:
    query = """query($number: String!) { loyaltyCard(number: $number) { enrollments {
      nextTier { requirements { from to } } } } }"""
    (enrolment,) = service.ask(query, number=card)["loyaltyCard"]["enrollments"]
    return [(one["from"], one["to"]) for one in enrolment["nextTier"]["requirements"]]


def test_ex_01_windows_of_intervals(service: Harness) -> None:
    silver = tier("SILVER", 2, 500)
    silver["rules"].append(
        {"rewardPoint": "STAT", "minimumPoints": 9, "evaluation": "THIS_QUARTER"}
    )
    programs = [{"code": "CLUB", "tiers": [tier("MEMBER", 1, 0), silver]}]
    intervals = [PAST_YEAR, NEXT_YEAR, QUARTER]
    service.apply(club_document(programs=programs, dateIntervals=intervals))
    service.clock.set("2025-06-15")
    card = service.issue()
    assert requirement_windows(service, card) == [
        ("2024-06-15", "2025-06-15"),
        ("2025-04-01", "2025-06-30"),
    ]
    assert service.tier(card) == ("MEMBER", "2025-06-15", "2026-06-15")


@pytest.mark.parametrize(
    ("sold_on", "expiration", "last_day"),
    [
        ("2024-02-29", {"value": 1, "unit": "YEAR"}, "2025-02-28"),
        ("2024-08-31", {"value": 6, "unit": "MONTH"}, "2025-02-28"),
        ("2024-08-31", {"value": 2, "unit": "QUARTER"}, "2025-02-28"),
        ("2024-01-01", {"value": 2, "unit": "WEEK"}, "2024-01-15"),
    ],
)
def test_ex_01_months_and_years_clamp_to_the_last_day(
    service: Harness, sold_on: str, expiration: dict[str, Any], last_day: str
) -> None:
    service.apply(club_document(rewardPoints=reward_points(expiration=expiration)))
    card = service.issue()
    service.clock.set(sold_on)
    sale = service.sale(card, "10.00")
    assert sale["transactions"][0]["expiresOn"] == last_day
    service.clock.set(last_day)
    assert service.available(card) == "10"
    query = """query($n: String!) { loyaltyCard(number: $n) {
      transactions { nodes { remaining } } } }"""
    left = {"loyaltyCard": {"transactions": {"nodes": [{"remaining": "10"}]}}}
    assert service.ask(query, n=card) == left
    service.clock.advance(days=1)
    left["loyaltyCard"]["transactions"]["nodes"] = [{"remaining": "0"}]
    assert service.ask(query, n=card) == left
    assert service.balance(card) == {
        "available": "0",
        "unvested": "0",
        "held": "0",
        "issued": "10",
        "used": "0",
        "expired": "10",
    }


def test_ex_21_lots_expire_one_by_one(service: Harness) -> None:
    """The part without paying: three lots with different last days, made by three versions."""
    months = {1: "2025-02-28", 2: "2025-03-31"}
    service.apply(club_document())
    card = service.issue()
    service.clock.set("2025-01-31")
    for value, points in ((2, "100.00"), (1, "200.00")):
        expiration = {"value": value, "unit": "MONTH"}
        service.apply(club_document(rewardPoints=reward_points(expiration=expiration)))
        service.clock.advance(minutes=1)
        sale = service.sale(card, points)
        assert sale["transactions"][0]["expiresOn"] == months[value]
        service.clock.advance(minutes=1)
    service.apply(club_document())
    service.clock.advance(minutes=1)
    assert service.sale(card, "50.00")["transactions"][0]["expiresOn"] is None
    held = {"2025-02-01": "350", "2025-02-28": "350", "2025-03-01": "150", "2025-03-31": "150"}
    for day, available in {**held, "2025-04-01": "50"}.items():
        service.clock.set(day)
        assert service.available(card) == available
    assert service.balance(card)["expired"] == "300"


def test_ex_22_what_expires_soon(service: Harness) -> None:
    expiration = {"value": 2, "unit": "MONTH"}
    service.apply(club_document(rewardPoints=reward_points(expiration=expiration)))
    card = service.issue()
    service.clock.set("2025-01-31")
    service.sale(card, "80.00")
    service.clock.set("2025-03-05")
    query = """query($number: String!) { loyaltyCard(number: $number) {
      balance(rewardPoint: "PTS") { expiring(days: 30) { points until schedule { points date } }
      less: expiring(days: 25) { points until schedule { points date } }
      nextExpiry { points date } nextVesting { points date }
      value(channel: "WEB") { amount } } } }"""
    balance = service.ask(query, number=card)["loyaltyCard"]["balance"]
    schedule = [{"points": "80", "date": "2025-03-31"}]
    assert balance["expiring"] == {"points": "80", "until": "2025-04-04", "schedule": schedule}
    assert balance["less"] == {"points": "0", "until": "2025-03-30", "schedule": []}
    assert balance["nextExpiry"] == schedule[0]
    assert balance["nextVesting"] is None
    assert balance["value"] is None


@pytest.mark.parametrize(
    "moment", [{"asOf": "2025-01-30"}, {"knownAt": "2025-01-30T12:00:00Z"}], ids=["asOf", "knownAt"]
)
def test_before_the_first_points_there_are_none_to_come(
    service: Harness, moment: dict[str, str]
) -> None:
    days = {"vesting": {"value": 1, "unit": "DAY"}, "expiration": {"value": 2, "unit": "DAY"}}
    service.apply(club_document(rewardPoints=reward_points(**days)))
    card = service.issue()
    service.clock.set("2025-01-31")
    service.sale(card, "80.00")
    query = """query($n: String!, $asOf: Date, $knownAt: DateTime) { loyaltyCard(number: $n) {
      balance(rewardPoint: "PTS", asOf: $asOf, knownAt: $knownAt) {
        available unvested expiring { points schedule { date } }
        nextExpiry { points } nextVesting { points } } } }"""
    for today in ("2025-01-31", "2025-02-01"):
        service.clock.set(today)
        assert service.ask(query, n=card, **moment)["loyaltyCard"]["balance"] == {
            "available": "0",
            "unvested": "0",
            "expiring": {"points": "0", "schedule": []},
            "nextExpiry": None,
            "nextVesting": None,
        }


def test_the_last_days_of_the_calendar_have_an_end_too(club: Harness) -> None:
    card = club.issue()
    club.sale(card, "10.00")
    query = """query($n: String!, $day: Date) { loyaltyCard(number: $n) {
      balance(rewardPoint: "PTS", asOf: $day) { expiring { points until } } } }"""
    for day in ("9999-12-15", "9999-12-31"):
        found = club.ask(query, n=card, day=day)["loyaltyCard"]["balance"]
        assert found == {"expiring": {"points": "0", "until": "9999-12-31"}}


def test_value_is_what_the_cheapest_unrestricted_rule_pays(service: Harness) -> None:
    rules = [
        pay_rule("dear", points=150),
        pay_rule("cheap", points=80),
        pay_rule("gold", tier="GOLD", points=1),
    ]
    service.apply(club_document(schemes=[scheme(amount_rule(), redemptionRules=rules)]))
    card = service.issue()
    service.sale(card, "101.00")
    query = """query($number: String!) { loyaltyCard(number: $number) {
      balance(rewardPoint: "PTS") { value(channel: "WEB") { amount currencyCode } } } }"""
    value = service.ask(query, number=card)["loyaltyCard"]["balance"]["value"]
    assert value == {"amount": "1.26", "currencyCode": "USD"}


def test_ex_47_contact_tender_needs_a_customer(club: Harness) -> None:
    payload = club.try_issue(tenderType="AS_CONTACT_TENDER")
    assert codes(payload) == ["CONTACT_TENDER_NEEDS_CUSTOMER"]
    club.customer("c")
    card = club.issue(tenderType="AS_CONTACT_TENDER", customerId="c")
    erased = club.mutate(
        "eraseCustomer",
        "customer { id } userErrors { code }",
        {"customerId": "c", "reason": "asked for"},
    )
    assert erased["userErrors"] == []
    query = "query($number: String!) { loyaltyCard(number: $number) { status customer { id } } }"
    assert club.ask(query, number=card)["loyaltyCard"] == {"status": "BLOCKED", "customer": None}


def test_ex_49_a_year_in_tiers(service: Harness) -> None:
    service.apply(club_document(STATUS_RULE))
    card = service.issue()
    service.clock.set("2025-03-01")
    service.sale(card, "600.00")
    assert service.tier(card) == ("SILVER", "2025-03-01", "2026-03-01")
    service.clock.set("2025-08-10")
    service.sale(card, "450.00")
    assert service.tier(card, "2025-08-09") == ("SILVER", "2025-03-01", "2025-08-09")
    assert service.tier(card) == ("GOLD", "2025-08-10", "2026-08-10")
    service.clock.set("2026-02-15")
    service.sale(card, "20.00")
    assert service.tier(card) == ("GOLD", "2025-08-10", "2027-02-15")
    service.clock.set("2027-02-15")
    assert service.tier(card) == ("GOLD", "2025-08-10", "2027-02-15")
    service.clock.set("2027-02-16")
    held = service.tier(card)
    assert held is not None
    assert held[:2] == ("MEMBER", "2027-02-16")


def test_ex_50_any_one_rule_wins(service: Harness) -> None:
    gold = tier("GOLD", 3, 1000)
    gold["rules"].append({"rewardPoint": "TXN", "minimumPoints": 20, "evaluation": "PAST_YEAR"})
    count = {
        "code": "count",
        "activity": "SALES_TRANSACTION_COUNT",
        "rewardPoint": "TXN",
        "points": 1,
    }
    service.apply(
        club_document(
            STATUS_RULE,
            count,
            rewardPoints=[*reward_points(), {"code": "TXN", "kind": "QUANTITY"}],
            programs=[
                {"code": "CLUB", "tiers": [tier("MEMBER", 1, 0), tier("SILVER", 2, 500), gold]}
            ],
        )
    )
    card = service.issue()
    service.clock.set("2025-03-01")
    for _ in range(19):
        service.sale(card, "5.00")
    held = service.tier(card)
    assert held is not None
    assert held[0] == "MEMBER"
    service.sale(card, "5.00")
    assert service.tier(card) == ("GOLD", "2025-03-01", "2026-03-01")
    assert service.balance(card, "STAT")["available"] == "100"


def test_ex_52_a_lower_minimum_waits_for_the_next_posting(service: Harness) -> None:
    """The part without re-evaluation."""
    service.apply(club_document(STATUS_RULE))
    card = service.issue()
    service.clock.set("2025-03-01")
    service.sale(card, "400.00")
    lower = [{"code": "CLUB", "tiers": [tier("MEMBER", 1, 0), tier("SILVER", 2, 300)]}]
    service.apply(club_document(STATUS_RULE, programs=lower))
    held = service.tier(card)
    assert held is not None
    assert held[0] == "MEMBER"
    service.clock.set("2025-03-02")
    service.sale(card, "1.00")
    assert service.tier(card) == ("SILVER", "2025-03-02", "2026-03-02")
    higher = [{"code": "CLUB", "tiers": [tier("MEMBER", 1, 0), tier("SILVER", 2, 800)]}]
    service.apply(club_document(STATUS_RULE, programs=higher))
    service.clock.set("2026-03-02")
    assert service.tier(card) == ("SILVER", "2025-03-02", "2026-03-02")


def test_a_late_posting_is_followed_by_what_the_tiers_count_alone(service: Harness) -> None:
    rules = (amount_rule(categories=["A"]), amount_rule("status", point="STAT", categories=["S"]))
    service.apply(club_document(*rules))
    card = service.issue()
    late = {"occurredAt": "2025-04-01T17:00:00Z"}
    for day, category, amount, given in (
        ("2025-03-01", "S", "600.00", {}),
        ("2025-06-01", "A", "10.00", {}),
        ("2025-07-01", "S", "10.00", late),
    ):
        service.clock.set(day)
        service.sale(card, lines=[line(1, amount, categories=[category])], **given)
    assert service.tier(card) == ("SILVER", "2025-03-01", "2026-04-01")


def test_an_enrolment_alone_extends_no_tier(club: Harness) -> None:
    card = club.issue()
    club.clock.set("2024-06-01")
    ended = club.change_card("enrollLoyaltyCard", number=card, program="CLUB", endDate="2026-01-01")
    assert ended["userErrors"] == []
    assert club.tier(card) == ("MEMBER", "2024-01-01", "2025-01-01")


def test_ex_53_cards_that_are_not_combined_win_alone(service: Harness) -> None:
    service.apply(club_document(STATUS_RULE))
    service.customer("c")
    for amount in ("300.00", "250.00"):
        card = service.issue(customerId="c")
        service.sale(card, amount, customerId="c")
        held = service.tier(card)
        assert held is not None
        assert held[0] == "MEMBER"


def test_ex_56_hidden_affiliations_work_unseen(service: Harness) -> None:
    rules = [amount_rule(), amount_rule("staff", affiliation="employee", points=10)]
    document = club_document(*rules)
    document["priceGroups"] = [{"code": "STAFF"}]
    document["affiliations"][2]["priceGroups"] = ["STAFF"]
    service.apply(document)
    shown = service.ask('{ affiliations(channel: "WEB") { code } }', "storefront")["affiliations"]
    assert [one["code"] for one in shown] == ["veteran", "wholesale"]
    given = {"customerId": "e", "affiliations": ["employee"]}
    selection = "customer { affiliations { code } } userErrors { code field }"
    refused = service.mutate("upsertCustomer", selection, given, "storefront")
    assert refused["userErrors"] == [{"code": "AFFILIATION_HIDDEN", "field": ["affiliations", "0"]}]
    service.customer("e", affiliations=["employee"])
    kept = service.mutate(
        "upsertCustomer", selection, {"customerId": "e", "affiliations": ["veteran"]}, "storefront"
    )
    assert kept["customer"]["affiliations"] == [{"code": "veteran"}]
    card = service.issue(customerId="e")
    named = ["wholesale", "employee"]
    refused = service.try_sale(card, "10.00", customerId="e", affiliations=named)
    assert codes(refused) == ["AFFILIATION_HIDDEN"]
    assert refused["userErrors"][0]["field"] == ["affiliations", "1"]
    assert service.earned(card, "10.00", customerId="e") == [("PTS", "10"), ("PTS", "100")]
    cart = service.ask(
        """query($input: CartInput!) { cart(input: $input) { priceGroups earnings { points } } }""",
        "storefront",
        input={
            "channel": "WEB",
            "currency": "USD",
            "cardNumber": card,
            "customerId": "e",
            "lines": [{"lineNumber": 1, "productId": "P", "quantity": "1", "unitPrice": "10.00"}],
        },
    )["cart"]
    assert cart == {"priceGroups": ["STAFF"], "earnings": [{"points": "10"}, {"points": "100"}]}


def test_ex_60_numbers_come_from_the_sequence_and_skip_those_in_use(club: Harness) -> None:
    assert club.issue() == "LC-00041"
    held = club.tier("LC-00041")
    assert held is not None
    assert held[0] == "MEMBER"
    assert codes(club.try_issue(number="LC-00041")) == ["LOYALTY_CARD_ALREADY_ISSUED"]
    assert club.issue("LC-00042") == "LC-00042"
    assert club.issue() == "LC-00043"


def test_ex_61_a_channel_without_a_sequence_needs_a_number(service: Harness) -> None:
    service.apply(club_document(channels=[channel(numberSequence=None)]))
    payload = service.try_issue()
    assert codes(payload) == ["NUMBER_SEQUENCE_MISSING"]
    assert service.issue("HAND-1") == "HAND-1"


def test_ex_65_a_blocked_card_earns_nothing_and_its_sale_stands(club: Harness) -> None:
    """The part without paying."""
    club.customer("c")
    card = club.issue(customerId="c")
    club.change_card("blockLoyaltyCard", number=card, reason="lost")
    sale = club.sale(card, "100.00", customerId="c")
    assert sale["transactions"] == []
    assert notes(sale) == [("CARD_BLOCKED", None, None)]
    club.mutate(
        "setCustomerLoyaltyBlock",
        "customer { blockedForLoyalty } userErrors { code }",
        {"customerId": "c", "blocked": True, "reason": "fraud"},
    )
    assert codes(club.try_issue(customerId="c")) == ["CUSTOMER_BLOCKED_FOR_LOYALTY"]
