"""Semantics 4 through the API: a card takes another's place with everything that it is and has."""

from typing import Any

import pytest

from tests.api.harness import Harness, entries, notes
from tests.api.program import amount_rule, channel, club_document, reward_points
from tests.api.test_points import adjust, codes, give, lots_until
from tests.api.test_returns import return_input

SELECTION = """card { id number status replaces { number } tenderType customer { customerId }
    enrollmentSource { code } }
  replaced { number status replacedBy { number } }
  replayed userErrors { code message field }"""
STATUS_RULE = amount_rule("status", point="STAT")


def replace(service: Harness, number: str, caller: str = "admin", **given: Any) -> Any:
    key = service.fresh_key()
    wanted = {"idempotencyKey": key, "channel": "WEB", "number": number, **given}
    return service.mutate("replaceLoyaltyCard", SELECTION, wanted, caller)


def replaced(service: Harness, number: str, by: str, **given: Any) -> str:
    payload = replace(service, number, newNumber=by, **given)
    assert payload["userErrors"] == [], payload["userErrors"]
    return by


def book(service: Harness, card: str) -> list[tuple[str, str, str | None, str | None]]:
    """(type, points, first day, last day) of each entry, oldest first."""
    query = """query($n: String!) { loyaltyCard(number: $n) { transactions { nodes {
      entryType points vestsOn expiresOn } } } }"""
    nodes = service.ask(query, n=card)["loyaltyCard"]["transactions"]["nodes"]
    return [
        (node["entryType"], node["points"], node["vestsOn"], node["expiresOn"])
        for node in reversed(nodes)
    ]


def test_ex_64_a_card_is_replaced_once(service: Harness) -> None:
    service.apply(club_document())
    a, b = service.issue("A"), service.issue("B")
    service.clock.set("2025-01-31")
    lots_until(service, a, (100, 2), (200, 1))
    assert codes(give(service, a, b, 250)) == []
    held = service.tier(a)
    payload = replace(service, a, newNumber="A2", reason="lost")
    assert payload["card"] == {
        **payload["card"],
        "number": "A2",
        "status": "ACTIVE",
        "replaces": {"number": "A"},
        "enrollmentSource": {"code": "WEB"},
    }
    assert payload["replaced"] == {
        "number": "A",
        "status": "REPLACED",
        "replacedBy": {"number": "A2"},
    }
    assert service.balance(a) == {
        "available": "0",
        "unvested": "0",
        "held": "0",
        "issued": "0",
        "used": "0",
        "expired": "0",
    }
    assert service.available("A2") == "50"
    assert book(service, "A2") == [("TRANSFER", "50", "2025-01-31", "2025-03-31")]
    assert service.tier("A2") == held
    again = replace(service, a)
    assert (codes(again), again["userErrors"][0]["field"]) == (
        ["LOYALTY_CARD_REPLACED"],
        ["number"],
    )


def test_entries_of_a_replacement_share_an_id_and_sum_to_0(service: Harness) -> None:
    service.apply(club_document(amount_rule(), amount_rule("cash", point="CASH", points="0.1")))
    a = service.issue("A")
    service.sale(a, "80.00")
    adjust(service, a, -200, force=True)
    replaced(service, a, "A2")
    query = """query($n: String!) { loyaltyCard(number: $n) {
      transactions(filter: {entryTypes: [TRANSFER]}) { nodes {
        rewardPoint { code } points adjustmentId } } } }"""
    rows = [
        row
        for number in (a, "A2")
        for row in service.ask(query, n=number)["loyaltyCard"]["transactions"]["nodes"]
    ]
    assert len({row["adjustmentId"] for row in rows}) == 1
    for code in ("PTS", "CASH"):
        moved = [row["points"] for row in rows if row["rewardPoint"]["code"] == code]
        assert len(moved) == 2
        assert moved[0] in (f"-{moved[1]}", moved[1].removeprefix("-"))


def test_debt_moves_and_meets_what_the_new_card_earns(club: Harness) -> None:
    a = club.issue("A")
    for points in (-20, -40):
        adjust(club, a, points, force=True)
    replaced(club, a, "A2")
    assert (club.available(a), club.available("A2")) == ("0", "-60")
    replaced(club, "A2", "A3")
    assert (club.available("A2"), club.available("A3")) == ("0", "-60")
    club.sale("A3", "100.00")
    assert club.available("A3") == "40"


def test_unvested_points_move_with_their_dates_and_meet_debt_when_they_vest(
    service: Harness,
) -> None:
    periods = {
        "vesting": {"value": 14, "unit": "DAY"},
        "expiration": {"value": 2, "unit": "MONTH"},
        "maximumPerCard": 100,
    }
    service.apply(club_document(rewardPoints=reward_points(**periods)))
    a = service.issue("A")
    service.clock.set("2025-01-10")
    service.sale(a, "80.00")
    adjust(service, a, -30, force=True)
    service.clock.set("2025-01-20")
    replaced(service, a, "A2")
    assert book(service, "A2") == [
        ("TRANSFER", "-30", None, None),
        ("TRANSFER", "80", "2025-01-24", "2025-03-10"),
    ]
    assert (service.available("A2"), service.balance("A2")["unvested"]) == ("-30", "80")
    service.clock.set("2025-01-24")
    assert (service.available("A2"), service.available(a)) == ("50", "0")
    service.clock.set("2025-03-11")
    assert service.balance("A2")["expired"] == "50"


def test_what_has_expired_stays_on_the_old_card(service: Harness) -> None:
    service.apply(club_document())
    a = service.issue("A")
    service.clock.set("2025-01-31")
    lots_until(service, a, (100, 2), (200, 1))
    service.clock.set("2025-03-10")
    replaced(service, a, "A2")
    assert (service.balance(a)["expired"], service.available(a)) == ("200", "0")
    assert (service.balance("A2")["expired"], service.available("A2")) == ("0", "100")


def test_maxima_do_not_limit_what_moves(service: Harness) -> None:
    service.apply(club_document())
    a = service.issue("A")
    service.sale(a, "500.00")
    service.apply(club_document(rewardPoints=reward_points(maximumPerCard=100)))
    replaced(service, a, "A2")
    assert service.available("A2") == "500"


def test_tiers_enrolments_and_history_go_on(service: Harness) -> None:
    service.apply(club_document(STATUS_RULE))
    a = service.issue("A")
    service.clock.set("2025-03-01")
    service.sale(a, "600.00")
    gold = {"program": "CLUB", "tier": "GOLD", "startDate": "2025-06-01", "endDate": "2025-06-30"}
    assert codes(service.change_card("assignLoyaltyTier", number=a, reason="r", **gold)) == []
    service.clock.set("2025-04-01")
    replaced(service, a, "A2")
    replaced(service, "A2", "A3")
    query = """query($n: String!) { loyaltyCard(number: $n) { enrollments {
      program { code } startDate endDate nextTier { requirements { counted } } } } }"""
    shown = [service.ask(query, n=number)["loyaltyCard"]["enrollments"] for number in (a, "A3")]
    assert shown[0] == shown[1]
    assert shown[0][0]["nextTier"]["requirements"] == [{"counted": "600"}]
    assert service.tier("A3") == ("SILVER", "2025-03-01", "2026-03-01")
    assert service.tier("A3", "2025-06-15") == ("GOLD", "2025-06-01", "2025-06-30")
    service.clock.set("2025-08-10")
    service.sale("A3", "450.00")
    assert service.tier("A3") == ("GOLD", "2025-08-10", "2026-08-10")
    assert service.tier("A3", "2025-08-09") == ("SILVER", "2025-03-01", "2025-08-09")


def test_a_customer_and_a_tender_type_go_on(club: Harness) -> None:
    club.customer("ada")
    club.issue("A", customerId="ada", tenderType="AS_CONTACT_TENDER")
    club.change_card("blockLoyaltyCard", number="A", reason="stolen")
    card = replace(club, "A")["card"]
    assert (card["number"], card["status"], card["tenderType"], card["customer"]) == (
        "LC-00041",
        "ACTIVE",
        "AS_CONTACT_TENDER",
        {"customerId": "ada"},
    )
    query = """{ customer(customerId: "ada") { loyaltyCards { number } } }"""
    numbers = club.ask(query)["customer"]["loyaltyCards"]
    assert sorted(card["number"] for card in numbers) == ["A", "LC-00041"]


def test_a_late_sale_earns_on_the_newest_successor(club: Harness) -> None:
    a = club.issue("A")
    club.clock.set("2025-01-10")
    replaced(club, a, "A2")
    club.clock.set("2025-01-12")
    replaced(club, "A2", "A3")
    club.clock.set("2025-01-20")
    early, late = "2025-01-09T12:00:00Z", "2025-01-11T12:00:00Z"
    sold = club.sale(a, "80.00", occurredAt=early, transactionId="S")
    assert entries(sold) == [("PTS", "80")]
    query = """{ salesTransaction(channel: "WEB", transactionId: "S") { card { number } } }"""
    assert club.ask(query)["salesTransaction"]["card"] == {"number": "A3"}
    after = club.sale(a, "80.00", occurredAt=late)
    assert (entries(after), notes(after)) == ([], [("CARD_BLOCKED", None, None)])
    assert entries(club.sale("A2", "80.00", occurredAt=late)) == [("PTS", "80")]
    assert (club.available(a), club.available("A2"), club.available("A3")) == ("0", "0", "160")


def test_a_cart_of_the_past_shows_what_the_late_sale_earns(club: Harness) -> None:
    a = club.issue("A")
    club.clock.set("2025-01-10")
    replaced(club, a, "A2")
    query = """query($at: DateTime) { cart(input: {channel: "WEB", currency: "USD", at: $at,
      cardNumber: "A", lines: [{lineNumber: 1, productId: "P", quantity: 1, unitPrice: 80}]}) {
        earnings { points } earningNotes { code } } }"""
    assert club.ask(query, at="2025-01-09T12:00:00Z")["cart"] == {
        "earnings": [{"points": "80"}],
        "earningNotes": [],
    }
    assert club.ask(query)["cart"]["earningNotes"] == [{"code": "CARD_BLOCKED"}]


def test_a_replaced_card_is_refused_for_every_change(club: Harness) -> None:
    a = club.issue("A")
    club.issue("B")
    club.customer("ada")
    replaced(club, a, "A2")
    tier = {"program": "CLUB", "tier": "GOLD", "endDate": "2030-01-01", "reason": "r"}
    for mutation, given in (
        ("linkLoyaltyCard", {"customerId": "ada"}),
        ("blockLoyaltyCard", {"reason": "r"}),
        ("unblockLoyaltyCard", {"reason": "r"}),
        ("enrollLoyaltyCard", {"program": "CLUB"}),
        ("assignLoyaltyTier", tier),
    ):
        assert codes(club.change_card(mutation, number=a, **given)) == ["LOYALTY_CARD_REPLACED"]
    assert codes(adjust(club, a, 5)) == ["LOYALTY_CARD_REPLACED"]
    assert codes(give(club, a, "B", 5)) == ["LOYALTY_CARD_REPLACED"]
    assert codes(give(club, "B", a, 5)) == ["LOYALTY_CARD_REPLACED"]


def test_the_same_key_replaces_once(club: Harness) -> None:
    a = club.issue("A")
    club.sale(a, "80.00")
    first = replace(club, a, idempotencyKey="k")
    second = replace(club, a, idempotencyKey="k")
    assert (first["replayed"], second["replayed"]) == (False, True)
    assert second["card"] == first["card"]
    assert codes(replace(club, a, idempotencyKey="k", reason="other")) == ["IDEMPOTENCY_KEY_REUSED"]


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"channel": "NONE"}, "CHANNEL_NOT_FOUND", ["channel"]),
        ({"channel": "SHUT"}, "CHANNEL_INACTIVE", ["channel"]),
        ({"channel": "BARE"}, "CHANNEL_NOT_PARTICIPATING", ["channel"]),
        ({"number": "NONE"}, "LOYALTY_CARD_NOT_FOUND", ["number"]),
        ({"number": "BLOCKED"}, "CUSTOMER_BLOCKED_FOR_LOYALTY", ["number"]),
        ({"newNumber": "B1"}, "LOYALTY_CARD_ALREADY_ISSUED", ["newNumber"]),
        ({"newNumber": "C1"}, "NUMBER_OUT_OF_RANGE", ["newNumber"]),
        ({"channel": "PLAIN"}, "NUMBER_SEQUENCE_MISSING", ["newNumber"]),
        ({"newNumber": "not a number"}, "INVALID_INPUT", ["newNumber"]),
        ({"reason": ""}, "INVALID_INPUT", ["reason"]),
    ],
)
def test_checks_of_a_replacement(
    service: Harness, given: dict[str, Any], code: str, field: list[str]
) -> None:
    service.apply(club_document())
    service.customer("ada")
    service.issue("BLOCKED", customerId="ada")
    document = club_document(cardNumberRanges=[{"from": "A1", "to": "B9"}])
    document["channels"] += [
        channel("SHUT", active=False),
        channel("BARE"),
        channel("PLAIN", numberSequence=None),
    ]
    document["schemes"][0]["channels"] += ["SHUT", "PLAIN"]
    service.apply(document)
    blocked = {"customerId": "ada", "blocked": True, "reason": "r"}
    service.mutate("setCustomerLoyaltyBlock", "userErrors { code }", blocked)
    service.issue("A1")
    service.issue("B1")
    payload = replace(service, **{"number": "A1", "newNumber": "A2", **_without(given)})
    assert [(e["code"], e["field"]) for e in payload["userErrors"]] == [(code, field)]
    assert codes(replace(service, "A1", newNumber="A2")) == []


def _without(given: dict[str, Any]) -> dict[str, Any]:
    return {"newNumber": None, **given} if given.get("channel") == "PLAIN" else given


def test_a_card_replaced_elsewhere_lives_by_the_new_channel(service: Harness) -> None:
    document = club_document()
    document["channels"].append(channel("EAST", timeZone="Pacific/Auckland"))
    document["schemes"][0]["channels"].append("EAST")
    service.apply(document)
    a = service.issue("A")
    service.clock.set("2025-01-10")
    service.sale(a, "80.00")
    # The eleventh in Auckland.
    card = replace(service, a, channel="EAST", newNumber="A2")["card"]
    assert card["enrollmentSource"] == {"code": "EAST"}
    query = """query($n: String!, $day: Date!) { loyaltyCard(number: $n) {
      transactions(filter: {from: $day, to: $day, entryTypes: [TRANSFER]}) { totalCount } } }"""
    for number, day in (("A", "2025-01-10"), ("A2", "2025-01-11")):
        found = service.ask(query, n=number, day=day)["loyaltyCard"]["transactions"]
        assert found == {"totalCount": 1}
    assert (service.available(a), service.available("A2")) == ("0", "80")


@pytest.mark.parametrize("is_owed", [False, True])
def test_what_is_dated_ahead_moves_on_its_own_day(service: Harness, is_owed: bool) -> None:
    document = club_document()
    document["channels"].append(channel("EAST", timeZone="Pacific/Auckland"))
    document["schemes"][0]["channels"].append("EAST")
    service.apply(document)
    a = service.issue("A")
    service.clock.set("2025-01-10")
    service.sale(a, "80.00", channel="EAST", transactionId="S")
    if is_owed:
        service.clock.set("2025-01-11")
        give(service, a, service.issue(), 80)
        service.clock.set("2025-01-12")
        service.mutate(
            "postReturn",
            "userErrors { code }",
            return_input(service, "S", channel="EAST", originalChannel="EAST"),
        )
    day = 12 if is_owed else 10
    replaced(service, a, "A2")
    assert (service.available(a), service.available("A2")) == ("0", "0")
    service.clock.set(f"2025-01-{day + 1}")
    assert (service.available(a), service.available("A2")) == ("0", "-80" if is_owed else "80")
    then = {"asOf": f"2025-01-{day}"}
    assert (service.available(a, **then), service.available("A2", **then)) == ("0", "0")
