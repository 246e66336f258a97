"""Semantics 3 through the API: points and sales whose codes the effective version no longer has are
worked with as ever.

A late sale of the time before a code was removed is the way to them: nothing lived under the code
when it went.
"""

from decimal import Decimal
from typing import Any

import pytest

from tests.api.activities import act, activity_rule
from tests.api.harness import Harness, entries, line
from tests.api.program import amount_rule, channel, club_document, reward_points, scheme, tier
from tests.api.test_jobs import answers, expired, run
from tests.api.test_points import adjust, codes, give
from tests.api.test_replacing import replaced
from tests.api.test_returns import taken
from tests.api.test_rewards import codes_of
from tests.live import CHANGED, stream

MONTH = {"expiration": {"value": 30, "unit": "DAY"}}
OLD = {"code": "OLD", "kind": "QUANTITY", **MONTH}
COIN = {"code": "COIN", "kind": "AMOUNT", "currency": "USD", **MONTH}
BEFORE = "2025-01-05T17:00:00Z"
ALL_KINDS = [("PTS", "80"), ("OLD", "80"), ("COIN", "80.00")]
BOOK = """query($n: String!) { loyaltyCard(number: $n) { transactions(first: 50) { nodes {
  entryType rewardPoint { code } points channel { code } activityType { code } remaining
  tier { code } program { code } allocations { points } explanation { formula computed } } }
  customer { balances { rewardPoint { code } available value(channel: "WEB") { amount } } } } }"""


def before(**more: Any) -> Any:
    """The program while it had OLD, COIN, a channel, an activity and an affiliation more."""
    document = club_document(
        amount_rule(),
        amount_rule("old", point="OLD"),
        amount_rule("coin", point="COIN"),
        activity_rule(activityType="VISIT", rewardPoint="COIN", points="7.5"),
        rewardPoints=[*reward_points(**MONTH), OLD, COIN],
        channels=[channel(), channel("SHOP", kind="STORE")],
        activityTypes=[{"code": "VISIT"}],
        oneTimeRewards=[
            {
                "code": "hello",
                "trigger": "ACTIVITY_COUNT",
                "activityType": "VISIT",
                "count": 1,
                "program": "CLUB",
                "rewardPoint": "OLD",
                "points": 3,
            }
        ],
        **more,
    )
    document["schemes"][0]["channels"].append("SHOP")
    document["affiliations"].append({"code": "founder"})
    return document


def after(*rules: Any, **more: Any) -> Any:
    return club_document(*rules, rewardPoints=reward_points(**MONTH), **more)


def late(service: Harness, **settings: Any) -> str:
    """A card with 80 of PTS, and 80 of OLD and 80.00 of COIN, which are gone, from the sale S."""
    service.clock.set("2025-01-01")
    service.apply(before(settings=settings))
    card = service.issue("A", customerId=service.customer("ann"))
    service.clock.set("2025-01-10")
    service.apply(after(settings=settings))
    service.clock.set("2025-01-11")
    sold = service.sale(
        card,
        "80.00",
        transactionId="S",
        occurredAt=BEFORE,
        channel="SHOP",
        affiliations=["founder"],
        customerId="ann",
    )
    assert entries(sold) == ALL_KINDS
    return card


def held(service: Harness, card: str) -> list[str]:
    return [service.available(card, code) for code in ("PTS", "OLD", "COIN")]


@pytest.mark.parametrize("per_line", [True, False])
def test_a_return_takes_back_points_that_are_gone(service: Harness, per_line: bool) -> None:
    card = late(service, postPointsPerSalesLine=per_line)
    half = {"originalChannel": "SHOP", "occurredAt": "2025-01-06T17:00:00Z"}
    payload = taken(service, "S", (1, "0.5"), **half)
    assert entries(payload) == [("PTS", "-40"), ("OLD", "-40"), ("COIN", "-40.00")]
    assert held(service, card) == ["40", "40", "40.00"]


def test_a_return_of_today_leaves_what_no_rule_gives_any_more(service: Harness) -> None:
    card = late(service, postPointsPerSalesLine=False)
    assert entries(taken(service, "S", originalChannel="SHOP")) == []
    assert held(service, card) == ["80", "80", "80.00"]


def test_a_batch_takes_back_points_that_are_gone(service: Harness) -> None:
    card = late(service, postEarnedPointsInBatches=False)
    service.apply(after(settings={"postEarnedPointsInBatches": True}))
    taken(service, "S", originalChannel="SHOP")
    assert held(service, card) == ["0", "0", "0.00"]


def test_sales_that_wait_are_posted_with_points_that_are_gone(service: Harness) -> None:
    service.clock.set("2025-01-01")
    service.apply(before(settings={"postEarnedPointsInBatches": True}))
    card = service.issue()
    service.clock.set("2025-01-05")
    service.sale(card, "80.00", transactionId="S")
    service.sale(card, lines=[line(1, "10.00"), line(2, "5.00")], transactionId="T")
    service.clock.set("2025-01-06")
    taken(service, "S", (1, "0.5"))
    service.clock.set("2025-01-10")
    gone = before(settings={"postEarnedPointsInBatches": True})
    gone["rewardPoints"] = reward_points(**MONTH)
    gone["schemes"] = [scheme(amount_rule(), channels=["WEB", "SHOP"])]
    gone["oneTimeRewards"], gone["activityTypes"] = [], []
    service.apply(gone)
    assert run(service, "POST_EARNED_POINTS") == (3, 0)
    assert held(service, card) == ["55", "55", "55.00"]


def test_a_card_is_replaced_with_points_that_are_gone(service: Harness) -> None:
    card = late(service)
    replaced(service, card, "B")
    assert held(service, "B") == ["80", "80", "80.00"]
    payload = taken(service, "S", (1, "0.5"), originalChannel="SHOP")
    assert payload["card"] == {"number": "B"}
    assert held(service, "B") == ["40", "40", "40.00"]


def test_points_that_are_gone_expire(service: Harness) -> None:
    card = late(service)
    other = service.issue("B")
    adjust(service, other, 10)
    service.clock.set("2025-04-11")
    told = answers(service, card)
    assert run(service, "EXPIRE_POINTS") == (2, 0)
    assert answers(service, card) == told
    assert sorted(expired(service, card)) == [
        ("-80", "expired after 2025-02-04: 80"),
        ("-80", "expired after 2025-02-04: 80"),
        ("-80.00", "expired after 2025-02-04: 80.00"),
    ]


def test_what_expired_of_them_is_taken_back_where_it_stands(service: Harness) -> None:
    card = late(service)
    service.clock.set("2025-04-11")
    replaced(service, card, "B")
    run(service, "EXPIRE_POINTS")
    payload = taken(service, "S", (1, "0.5"), originalChannel="SHOP")
    written = [(row["points"], row["explanation"]["formula"]) for row in payload["transactions"]]
    assert written == [
        ("40", "expired after 2025-02-04: -40"),
        ("-40", "line 1: 40 of 80"),
        ("40", "expired after 2025-02-04: -40"),
        ("-40", "line 1: 40 of 80"),
        ("40.00", "expired after 2025-02-04: -40.00"),
        ("-40.00", "line 1: 40.00 of 80.00"),
    ]
    assert held(service, "B") == ["0", "0", "0.00"]


def test_a_late_activity_of_a_type_that_is_gone_is_posted(service: Harness) -> None:
    card = late(service)
    posted = act(service, card, "VISIT", occurredAt=BEFORE)
    assert entries(posted) == [("COIN", "7.50")]
    assert codes_of(service, card) == ["hello"]
    assert held(service, card) == ["80", "83", "87.50"]


def test_everything_else_works_on_a_card_that_holds_them(service: Harness) -> None:
    card = late(service)
    other = service.issue("B")
    with stream(service.client, service.key("staff"), CHANGED, number=card) as live:
        assert live.card()["balance"] == {"available": "80"}
        assert codes(give(service, card, other, 5)) == []
        assert live.card()["balance"] == {"available": "75"}
    assert codes(adjust(service, card, 5, rewardPoint="OLD")) == ["REWARD_POINT_NOT_FOUND"]
    assert codes(give(service, card, other, 5, rewardPoint="OLD")) == ["REWARD_POINT_NOT_FOUND"]
    assert service.balance(card, "COIN", asOf="2025-01-10")["available"] == "80.00"
    for mutation in ("blockLoyaltyCard", "unblockLoyaltyCard"):
        assert codes(service.change_card(mutation, number=card, reason="r")) == []
    selection = "cardsEvaluated userErrors { code }"
    told = service.mutate("updateLoyaltyCardTiers", selection, {"cardNumber": card})
    assert told == {"cardsEvaluated": 1, "userErrors": []}
    given = {"customerId": "ann", "affiliations": ["veteran"]}
    assert codes(service.mutate("upsertCustomer", "userErrors { code }", given)) == []
    for job in ("EXPIRE_POINTS", "EXPIRE_HOLDS", "UPDATE_TIERS", "DELIVER_EVENTS"):
        assert run(service, job)[1] == 0
    assert entries(service.sale(card, "1.00", customerId="ann")) == [("PTS", "1")]
    found = service.ask(BOOK, n=card)["loyaltyCard"]
    assert [row["rewardPoint"]["code"] for row in found["transactions"]["nodes"]][-3:] == [
        "COIN",
        "OLD",
        "PTS",
    ]
    assert {
        row["rewardPoint"]["code"]: Decimal(row["available"])
        for row in found["customer"]["balances"]
    } == {"PTS": 76, "OLD": 80, "COIN": 80}
    erased = {"customerId": "ann", "reason": "asked"}
    assert codes(service.mutate("eraseCustomer", "userErrors { code }", erased)) == []


def test_tiers_count_amounts_that_are_gone_in_their_currency(service: Harness) -> None:
    """A row that time brought is judged by the version of that day, which still counted COIN."""
    rule = {"rewardPoint": "COIN", "minimumPoints": 100, "evaluation": "PAST_YEAR"}
    tiers = [tier("MEMBER", 1, 0), {**tier("GOLD", 3, 0), "rules": [rule]}]
    service.clock.set("2025-01-01")
    service.apply(before(programs=[{"code": "CLUB", "tiers": tiers}]))
    card = service.issue()
    service.clock.set("2026-06-01")
    service.apply(after(amount_rule("status", point="STAT")))
    assert service.tier(card) == ("MEMBER", "2026-01-02", "2027-01-02")
    service.sale(card, "50.00", occurredAt="2025-06-01T17:00:00Z")
    assert service.tier(card) == ("MEMBER", "2026-01-02", "2027-01-02")
    service.sale(card, "50.00", occurredAt="2025-06-01T17:00:00Z")
    assert service.tier(card) == ("GOLD", "2026-01-02", "2027-01-02")
