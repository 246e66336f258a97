"""The parts of earlier examples of semantics.md that need paying."""

from typing import Any

from tests.api.harness import Harness, entries
from tests.api.program import amount_rule, channel, club_document, pay_rule, reward_points, scheme
from tests.api.test_payments import one, pay, program, taken
from tests.api.test_points import adjust, codes

ALLOCATIONS = """query($n: String!) { loyaltyCard(number: $n) {
  transactions(filter: {entryTypes: [REDEEM]}) { nodes {
    allocations { points lot { expiresOn } } } } } }"""


def lasting(months: int | None, **more: Any) -> dict[str, Any]:
    points = {} if months is None else {"expiration": {"value": months, "unit": "MONTH"}}
    return {**program(), "rewardPoints": reward_points(**points, **more)}


def three_lots(service: Harness) -> str:
    """L1 100 expires 2025-03-31; L2 200 expires 2025-02-28; L3 50 never."""
    service.apply(program())
    card = service.issue()
    service.clock.set("2025-01-31")
    for months, points in ((2, 100), (1, 200), (None, 50)):
        service.apply(lasting(months))
        service.clock.advance(minutes=1)
        assert codes(adjust(service, card, points)) == []
        service.clock.advance(minutes=1)
    return card


def test_ex_21_the_lot_that_expires_first_pays_first(service: Harness) -> None:
    card = three_lots(service)
    service.clock.set("2025-02-01")
    assert taken(pay(service, card, "2.20", one("2.20"))) == [("PTS", "220")]
    (entry,) = service.ask(ALLOCATIONS, n=card)["loyaltyCard"]["transactions"]["nodes"]
    assert sorted((row["points"], row["lot"]["expiresOn"]) for row in entry["allocations"]) == [
        ("20", "2025-03-31"),
        ("200", "2025-02-28"),
    ]
    service.clock.set("2025-03-31")
    assert service.available(card) == "130"
    service.clock.set("2025-04-01")
    assert (service.available(card), service.balance(card)["expired"]) == ("50", "80")


def test_ex_22_what_the_rest_of_a_lot_is_worth_before_it_expires(service: Harness) -> None:
    card = three_lots(service)
    service.clock.set("2025-02-01")
    pay(service, card, "2.20", one("2.20"))
    service.clock.set("2025-03-05")
    query = """query($n: String!) { loyaltyCard(number: $n) { balance(rewardPoint: "PTS") {
      expiring(days: 30) { points until schedule { points date } }
      value(channel: "WEB") { amount } } } }"""
    assert service.ask(query, n=card)["loyaltyCard"]["balance"] == {
        "expiring": {
            "points": "80",
            "until": "2025-04-04",
            "schedule": [{"points": "80", "date": "2025-03-31"}],
        },
        "value": {"amount": "1.30"},
    }


def test_ex_04_what_is_there_still_pays_for_who_is_excluded(service: Harness) -> None:
    paying = scheme(amount_rule(), redemptionRules=[pay_rule()], excludedAffiliations=["wholesale"])
    service.apply(club_document(schemes=[paying], channels=[channel(kind="STORE")]))
    service.customer("w", affiliations=["wholesale"])
    card = service.issue(customerId="w")
    adjust(service, card, 500)
    assert entries(service.sale(card, "500.00", customerId="w")) == []
    assert taken(pay(service, card, "5.00", one("5.00", customerId="w"))) == [("PTS", "500")]


def test_ex_35_paying_makes_room_below_the_maximum(service: Harness) -> None:
    service.apply({**program(), "rewardPoints": reward_points(maximumPerCard=10_000)})
    card = service.issue()
    adjust(service, card, 10_000)
    assert entries(service.sale(card, "80.00")) == []
    assert taken(pay(service, card, "10.00", one("10.00"))) == [("PTS", "1000")]
    assert entries(service.sale(card, "80.00")) == [("PTS", "80")]


def test_ex_65_the_second_card_of_a_blocked_customer_still_pays(service: Harness) -> None:
    service.apply(program())
    service.customer("c")
    lost, second = service.issue(customerId="c"), service.issue(customerId="c")
    adjust(service, second, 500)
    service.change_card("blockLoyaltyCard", number=lost, reason="lost")
    blocked = {"customerId": "c", "blocked": True, "reason": "fraud"}
    service.mutate("setCustomerLoyaltyBlock", "userErrors { code }", blocked)
    assert codes(pay(service, lost, "5.00", one("5.00"))) == ["LOYALTY_CARD_BLOCKED"]
    assert taken(pay(service, second, "5.00", one("5.00"))) == [("PTS", "500")]
