"""Semantics 7.1 through the API: what goods that come back take from the card, and from which
lots.
"""

import threading
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.harness import Harness, entries, line
from tests.api.program import (
    NEXT_YEAR,
    PAST_YEAR,
    amount_rule,
    channel,
    club_document,
    pay_rule,
    reward_points,
    scheme,
)
from tests.api.test_payments import cart, pay
from tests.api.test_points import adjust
from tests.api.test_properties import API, COUNT_RULE, QUANTITY_RULE
from tests.databases import ON_POSTGRESQL

RETURNED = """salesTransaction { transactionId earningNotes { code } card { number }
  returnOf { transactionId lines { lineNumber returnedQuantity } returns { transactionId } }
  lines { lineNumber productId quantity returnedQuantity netAmount { amount }
    pointsEarned { points } }
  transactions { entryType rewardPoint { code } points lineNumber occurredAt transactionId
    vestsOn expiresOn allocations { points lot { transactionId } }
    explanation { configurationVersion scheme rule formula computed } }
} replayed userErrors { code field ... on IdempotencyKeyReusedError { firstUsedAt } }"""
VISIT = {**COUNT_RULE, "rewardPoint": "PTS", "points": 5}
RECOMPUTED = {"postPointsPerSalesLine": False}


def return_input(service: Harness, sale: str, *lines: tuple[int, Any], **more: Any) -> Any:
    wanted = [{"lineNumber": number, "quantity": str(quantity)} for number, quantity in lines]
    return {
        "channel": "WEB",
        "transactionId": f"R-{service.fresh_key()}",
        "occurredAt": service.clock.now.isoformat(),
        "originalChannel": "WEB",
        "originalTransactionId": sale,
        "lines": wanted or [{"lineNumber": 1, "quantity": "1"}],
        **more,
    }


def take(service: Harness, sale: str, *lines: tuple[int, Any], **more: Any) -> Any:
    """The payload of a return now at WEB; of one piece of line 1 where no lines are named."""
    return service.mutate("postReturn", RETURNED, return_input(service, sale, *lines, **more))


def taken(service: Harness, sale: str, *lines: tuple[int, Any], **more: Any) -> Any:
    payload = take(service, sale, *lines, **more)
    assert payload["userErrors"] == [], payload["userErrors"]
    return payload["salesTransaction"]


def refused(payload: Any) -> list[tuple[str, list[str] | None]]:
    assert payload["salesTransaction"] is None
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


def balance(service: Harness, card: str, point: str = "PTS") -> tuple[str, str, str]:
    held = service.balance(card, point)
    return held["available"], held["unvested"], held["expired"]


def test_ex_14_points_for_the_transaction_stay(service: Harness) -> None:
    service.apply(club_document(VISIT))
    card = service.issue()
    assert service.earned(card, "80.00", transactionId="S") == [("PTS", "5")]
    assert taken(service, "S")["transactions"] == []
    assert service.available(card) == "5"


@pytest.mark.parametrize("per_line", [True, False])
def test_ex_14_points_for_the_transaction_go_with_the_last_line(
    service: Harness, per_line: bool
) -> None:
    chosen = {"returnTransactionCountPoints": True, "postPointsPerSalesLine": per_line}
    service.apply(club_document(VISIT, settings=chosen))
    card = service.issue()
    service.sale(card, lines=[line(n, "20.00", 2) for n in (1, 2)], transactionId="S")
    # Settings of later versions change nothing for the sale.
    service.clock.advance(minutes=1)
    service.apply(club_document(VISIT))
    service.clock.advance(minutes=1)
    assert taken(service, "S", (1, 2))["transactions"] == []
    assert taken(service, "S", (2, 1))["transactions"] == []
    last = taken(service, "S", (2, 1))
    assert entries(last) == [("PTS", "-5")]
    assert last["transactions"][0]["explanation"]["formula"] == "5 of 5"
    assert service.available(card) == "0"


TENS = amount_rule("base", per=10, points=10)


def ex_25(service: Harness, **settings: Any) -> str:
    service.apply(club_document(TENS, settings=settings))
    card = service.issue()
    service.clock.set("2025-03-01")
    sold = service.sale(card, lines=[line(1, "15.00"), line(2, "10.00")], transactionId="S")
    assert sum(int(points) for _, points in entries(sold)) == 20
    service.clock.set("2025-03-05")
    return card


def test_ex_25_per_line(service: Harness) -> None:
    card = ex_25(service)
    posted = taken(service, "S", (2, 1), transactionId="R")
    assert posted["transactions"] == [
        {
            "entryType": "RETURN_EARNED",
            "rewardPoint": {"code": "PTS"},
            "points": "-8",
            "lineNumber": 2,
            "occurredAt": "2025-03-05T17:00:00Z",
            "transactionId": "R",
            "vestsOn": None,
            "expiresOn": None,
            "allocations": [{"points": "8", "lot": {"transactionId": "S"}}],
            "explanation": {
                "configurationVersion": 1,
                "scheme": "CLUB-US",
                "rule": "base",
                "formula": "line 2: 8 of 8",
                "computed": "-8",
            },
        }
    ]
    assert posted["earningNotes"] == []
    assert posted["lines"] == [
        {
            "lineNumber": 2,
            "productId": "P2",
            "quantity": "1",
            "returnedQuantity": "0",
            "netAmount": {"amount": "10.00"},
            "pointsEarned": [],
        }
    ]
    assert posted["returnOf"] == {
        "transactionId": "S",
        "lines": [
            {"lineNumber": 1, "returnedQuantity": "0"},
            {"lineNumber": 2, "returnedQuantity": "1"},
        ],
        "returns": [{"transactionId": "R"}],
    }
    assert service.available(card) == "12"
    assert entries(taken(service, "S", (1, 1))) == [("PTS", "-12")]
    assert service.available(card) == "0"


def test_ex_25_recomputed(service: Harness) -> None:
    card = ex_25(service, **RECOMPUTED)
    (row,) = taken(service, "S", (2, 1))["transactions"]
    assert (row["points"], row["lineNumber"]) == ("-10", None)
    assert row["explanation"]["formula"] == "floor(10.00 / 10) x 10 = 10"
    assert row["explanation"]["computed"] == "-10"
    assert service.available(card) == "10"


@pytest.mark.parametrize("per_line", [True, False])
def test_ex_25_both_lines_take_back_all(service: Harness, per_line: bool) -> None:
    card = ex_25(service, postPointsPerSalesLine=per_line)
    returned = taken(service, "S", (2, 1), (1, 1))
    assert sum(int(points) for _, points in entries(returned)) == -20
    assert service.available(card) == "0"


@pytest.mark.parametrize(("per_line", "points"), [(True, "-50"), (False, "-100")])
def test_ex_27_rules_have_changed_since(service: Harness, per_line: bool, points: str) -> None:
    chosen = {"postPointsPerSalesLine": per_line}
    service.apply(club_document(amount_rule(), settings=chosen))
    card = service.issue()
    service.sale(card, "50.00", transactionId="S")
    service.clock.advance(minutes=1)
    service.apply(club_document(amount_rule(points=2), settings=chosen))
    service.clock.advance(minutes=1)
    (row,) = taken(service, "S")["transactions"]
    assert row["points"] == points
    assert row["explanation"]["configurationVersion"] == (1 if per_line else 2)
    assert service.available(card) == str(50 + int(points))


def test_recomputing_uses_what_the_sale_stored(service: Harness) -> None:
    """Tier and affiliations of the sale, and only those rules that earned on it."""
    rules = [amount_rule("veteran", affiliation="veteran"), amount_rule("gold", tier="GOLD")]
    service.apply(club_document(*rules, VISIT, settings=RECOMPUTED))
    card = service.issue()
    service.sale(card, lines=[line(1, "9.99", 2)], affiliations=["veteran"], transactionId="S")
    assert service.available(card) == "24"
    service.clock.advance(minutes=1)
    service.apply(club_document(*rules, amount_rule("new"), VISIT, settings=RECOMPUTED))
    wanted = {"program": "CLUB", "tier": "GOLD", "endDate": "2040-01-01", "reason": "r"}
    service.change_card("assignLoyaltyTier", number=card, **wanted)
    service.clock.advance(minutes=1)
    first = taken(service, "S", (1, "0.5"))
    assert entries(first) == [("PTS", "-4")]
    explained = first["transactions"][0]["explanation"]
    assert explained["formula"] == "floor(4.995 / 1) x 1 = 4"
    assert explained["rule"] == "veteran"


def test_recomputing_leaves_aside_rules_without_a_rate_from_the_sale_s_currency(
    service: Harness,
) -> None:
    """A late sale is in the currency that its channel had before its first sale."""
    whole = {"postPointsPerSalesLine": False}
    service.apply(club_document(settings=whole))
    card, at = service.issue(), service.clock.now.isoformat()
    service.clock.advance(minutes=10)
    euro = amount_rule(currency="EUR")
    rules = (euro, amount_rule("count", activity="PURCHASE_BY_QUANTITY", currency=None))
    service.apply(club_document(*rules, channels=[channel(currency="EUR")], settings=whole))
    service.sale(card, "80.00", occurredAt=at, transactionId="L")
    assert entries(taken(service, "L")) == []
    assert service.available(card) == "80"


def test_recomputing_leaves_aside_the_pieces_that_points_paid(service: Harness) -> None:
    document = club_document(
        {**QUANTITY_RULE, "categories": [], "per": 1, "points": 1},
        channels=[channel(kind="STORE")],
        settings={**RECOMPUTED, "earnOnRedeemSale": "REMAINDER"},
    )
    document["schemes"][0]["redemptionRules"] = [pay_rule()]
    service.apply(document)
    card = service.issue()
    adjust(service, card, 2000)
    bought = line(1, "10.00", 4)
    payment = pay(service, card, "20.00", cart(bought))["payment"]["id"]
    sold = service.sale(card, lines=[bought], transactionId="S", loyaltyPayments=[payment])
    assert entries(sold) == [("PTS", "2")]
    assert entries(taken(service, "S", (1, 4))) == [("PTS", "-2")]


def test_ex_30_a_return_may_leave_a_debt(club: Harness) -> None:
    card, other = club.issue("A"), club.issue("B")
    club.sale(card, "80.00", transactionId="S")
    given = {"idempotencyKey": "g", "fromCardNumber": card, "toCardNumber": other}
    gift = {**given, "rewardPoint": "PTS", "points": "60"}
    assert club.mutate("transferPoints", "userErrors { code }", gift) == {"userErrors": []}
    assert club.available(card) == "20"
    (row,) = taken(club, "S")["transactions"]
    assert (row["points"], row["allocations"][0]["points"]) == ("-80", "20")
    assert club.available(card) == "-60"
    club.clock.set("2024-01-05")
    club.sale(card, "100.00")
    assert club.available(card) == "40"
    # The debt reads right afterwards too.
    assert (club.available(card, asOf="2024-01-04"), club.available(card)) == ("-60", "40")
    # Later returns on the source never reach the receiver.
    assert club.available(other) == "60"


def test_ex_104_available_only(service: Harness) -> None:
    points = reward_points(vesting={"value": 14, "unit": "DAY"})
    service.apply(club_document(settings={"returnDeducts": "AVAILABLE_ONLY"}, rewardPoints=points))
    card = service.issue()
    service.clock.set("2025-01-01")
    service.sale(card, "20.00")
    service.clock.set("2025-01-20")
    service.sale(card, "40.00")
    service.sale(card, "80.00", transactionId="S")
    assert balance(service, card) == ("20", "120", "0")
    taken(service, "S")
    assert balance(service, card) == ("-60", "120", "0")
    service.clock.set("2025-02-03")
    assert balance(service, card) == ("60", "0", "0")
    service.sale(card, "1.00")
    assert balance(service, card) == ("60", "1", "0")


def test_unvested_first_takes_its_own_then_the_latest(service: Harness) -> None:
    points = reward_points(vesting={"value": 14, "unit": "DAY"})
    service.apply(club_document(rewardPoints=points))
    card = service.issue()
    service.clock.set("2025-01-01")
    service.sale(card, "20.00", transactionId="OLD")
    service.clock.set("2025-01-20")
    for name in ("A", "B", "C"):
        service.sale(card, "10.00", transactionId=name)
        service.clock.advance(minutes=1)
    lots = taken(service, "OLD")["transactions"][0]["allocations"]
    assert {(one["lot"]["transactionId"], one["points"]) for one in lots} == {
        ("C", "10"),
        ("B", "10"),
    }
    assert balance(service, card) == ("20", "10", "0")
    lots = taken(service, "A")["transactions"][0]["allocations"]
    assert [(one["lot"]["transactionId"], one["points"]) for one in lots] == [("A", "10")]


def test_what_expired_costs_nothing_more(service: Harness) -> None:
    points = reward_points(expiration={"value": 1, "unit": "MONTH"})
    service.apply(club_document(rewardPoints=points))
    card = service.issue()
    service.clock.set("2025-01-10")
    service.sale(card, "80.00", transactionId="S")
    adjusted = {
        "idempotencyKey": "k",
        "cardNumber": card,
        "rewardPoint": "PTS",
        "points": "-30",
        "reasonCode": "R",
    }
    assert service.mutate("adjustPoints", "userErrors { code }", adjusted) == {"userErrors": []}
    service.clock.set("2025-03-01")
    service.sale(card, "100.00")
    assert balance(service, card) == ("100", "0", "50")
    taken(service, "S")
    # 50 of the 80 had expired unspent; the 30 that were spent are taken from what is there.
    assert balance(service, card) == ("70", "0", "0")
    assert service.available(card, asOf="2025-02-10") == "50"


def test_a_late_return_of_a_lot_that_was_alive_then(service: Harness) -> None:
    points = reward_points(expiration={"value": 1, "unit": "MONTH"})
    service.apply(club_document(rewardPoints=points))
    card = service.issue()
    service.clock.set("2025-01-10")
    service.sale(card, "80.00", transactionId="S")
    service.clock.set("2025-03-01")
    taken(service, "S", occurredAt="2025-01-15T12:00:00Z")
    assert balance(service, card) == ("0", "0", "0")
    assert service.available(card, asOf="2025-01-15") == "0"
    assert service.available(card, asOf="2025-01-14") == "80"


def test_points_go_back_from_a_blocked_card(club: Harness) -> None:
    card = club.issue()
    club.sale(card, "80.00", transactionId="S")
    club.change_card("blockLoyaltyCard", number=card, reason="lost")
    assert entries(taken(club, "S")) == [("PTS", "-80")]
    assert club.available(card) == "0"


def test_a_sale_without_card_or_earning_comes_back_too(club: Harness) -> None:
    card = club.issue()
    club.sale(None, "80.00", transactionId="CASH")
    club.sale(card, "0.50", transactionId="SMALL")
    for name in ("CASH", "SMALL"):
        posted = taken(club, name)
        assert posted["transactions"] == []
        assert posted["returnOf"]["lines"][0]["returnedQuantity"] == "1"


def test_parts_of_fractional_quantities_add_up(service: Harness) -> None:
    rules = [amount_rule(), amount_rule("cash", point="CASH", per=10, points="0.1"), VISIT]
    service.apply(club_document(*rules))
    card = service.issue()
    # 10.00 a kilogram: 16.67 for 1.666667 of them.
    sale = service.sale(card, lines=[line(1, "10.00", "1.666667")], transactionId="S")
    assert entries(sale) == [("PTS", "16"), ("CASH", "0.17"), ("PTS", "5")]
    nets, taken_back = [], []
    for quantity in ("0.5", "0.5", "0.666667"):
        posted = taken(service, "S", (1, quantity))
        nets.append(posted["lines"][0]["netAmount"]["amount"])
        taken_back.append(entries(posted))
    assert nets == ["5.00", "5.00", "6.67"]
    assert taken_back == [
        [("PTS", "-4"), ("CASH", "-0.05")],
        [("PTS", "-5"), ("CASH", "-0.05")],
        [("PTS", "-7"), ("CASH", "-0.07")],
    ]
    assert (service.available(card), service.available(card, "CASH")) == ("5", "0.00")


def test_the_part_that_a_maximum_cut_off_was_never_there_to_take(service: Harness) -> None:
    service.apply(club_document(rewardPoints=reward_points(maximumPerCard=50)))
    card = service.issue()
    service.sale(card, lines=[line(1, "40.00", 2)], transactionId="S")
    assert entries(taken(service, "S", (1, 1))) == [("PTS", "-25")]
    assert entries(taken(service, "S", (1, 1))) == [("PTS", "-25")]


def test_more_than_was_sold_does_not_come_back(club: Harness) -> None:
    card = club.issue()
    club.sale(card, lines=[line(1, "10.00", 3), line(2, "1.00")], transactionId="S")
    beyond = [("RETURN_EXCEEDS_SOLD", ["lines", "1", "quantity"])]
    assert refused(take(club, "S", (2, 1), (1, "3.000001"))) == beyond
    taken(club, "S", (1, 2))
    assert refused(take(club, "S", (2, 1), (1, 2))) == beyond
    # A return that was refused may be sent again.
    once = take(club, "S", (1, 2), transactionId="AGAIN")
    assert refused(once) == [("RETURN_EXCEEDS_SOLD", ["lines", "0", "quantity"])]
    assert take(club, "S", (1, 1), transactionId="AGAIN")["userErrors"] == []
    assert club.available(card) == "1"


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"transactionId": ""}, ("INVALID_INPUT", ["transactionId"])),
        ({"transactionId": "x" * 129}, ("INVALID_INPUT", ["transactionId"])),
        ({"occurredAt": "2030-01-01T00:00:00Z"}, ("INVALID_INPUT", ["occurredAt"])),
        ({"occurredAt": "2023-12-31T00:00:00Z"}, ("INVALID_INPUT", ["occurredAt"])),
        ({"lines": []}, ("INVALID_INPUT", ["lines"])),
        ({"channel": "NONE"}, ("CHANNEL_NOT_FOUND", ["channel"])),
        ({"channel": "CLOSED"}, ("CHANNEL_INACTIVE", ["channel"])),
        ({"originalTransactionId": "T"}, ("TRANSACTION_NOT_FOUND", ["originalTransactionId"])),
        ({"originalTransactionId": "R"}, ("TRANSACTION_NOT_FOUND", ["originalTransactionId"])),
        ({"originalChannel": "NONE"}, ("TRANSACTION_NOT_FOUND", ["originalTransactionId"])),
    ],
)
def test_refusals(service: Harness, changed: Any, fault: Any) -> None:
    channels = [channel(), channel("CLOSED", active=False)]
    service.apply(club_document(channels=channels))
    service.sale(None, "5.00", lines=[line(1, "5.00", 2)], transactionId="S")
    taken(service, "S", transactionId="R")
    assert refused(take(service, "S", **changed)) == [fault]


def test_every_fault_of_the_lines_is_told_at_once(club: Harness) -> None:
    club.sale(None, "5.00", transactionId="S")
    found = refused(take(club, "S", (1, 0), (1, -1), (0, 1), (2, 0), occurredAt=FAR))
    assert found == [
        ("INVALID_INPUT", ["occurredAt"]),
        ("INVALID_INPUT", ["lines", "0", "quantity"]),
        ("INVALID_INPUT", ["lines", "1", "lineNumber"]),
        ("INVALID_INPUT", ["lines", "1", "quantity"]),
        ("INVALID_INPUT", ["lines", "2", "lineNumber"]),
        ("INVALID_INPUT", ["lines", "3", "quantity"]),
    ]
    unknown = refused(take(club, "S", (1, 1), (2, 1)))
    assert unknown == [("INVALID_INPUT", ["lines", "1", "lineNumber"])]


FAR = "2030-01-01T00:00:00Z"


def test_a_return_is_posted_once(club: Harness) -> None:
    card = club.issue()
    sold = [line(1, "10.00", 3), line(2, "10.00", 3)]
    club.sale(card, lines=sold, transactionId="S")
    first = take(club, "S", (1, 1), (2, "1.50"), transactionId="R")
    club.clock.advance(minutes=1)
    moment = {"transactionId": "R", "occurredAt": "2024-01-01T13:00:00+01:00"}
    again = take(club, "S", (2, "1.5"), (1, "1.0"), **moment)
    assert again["replayed"]
    assert again["salesTransaction"] == first["salesTransaction"]
    assert club.available(card) == "35"
    other = take(club, "S", (1, 2), **moment)
    assert refused(other) == [("IDEMPOTENCY_KEY_REUSED", ["transactionId"])]
    assert other["userErrors"][0]["firstUsedAt"] == "2024-01-01T12:00:00Z"


def test_sales_and_returns_share_one_key(club: Harness) -> None:
    card = club.issue()
    club.sale(card, "5.00", transactionId="S")
    taken(club, "S", transactionId="R")
    reused = [("IDEMPOTENCY_KEY_REUSED", ["transactionId"])]
    assert refused(take(club, "S", transactionId="S")) == reused
    assert refused(club.try_sale(card, "5.00", transactionId="R")) == reused


def test_a_return_at_another_channel_counts_on_that_channels_day(service: Harness) -> None:
    shops = [channel(), channel("SHOP", timeZone="Pacific/Auckland", currency="USD")]
    service.apply(club_document(channels=shops))
    card = service.issue()
    service.sale(card, "50.00", transactionId="S")
    service.key("storefront", "of-the-shop", channels=frozenset({"SHOP"}))
    key = service.key("storefront", "of-the-shop")
    query = f"mutation($i: PostReturnInput!) {{ postReturn(input: $i) {{ {RETURNED} }} }}"

    def send(**more: Any) -> Any:
        answer = service.send(query, key, {"i": return_input(service, "S", **more)})
        assert not answer.errors
        return answer["postReturn"]

    assert refused(send()) == [("FORBIDDEN", ["channel"])]
    posted = send(channel="SHOP", transactionId="R")["salesTransaction"]
    dated = [service.available(card, asOf=f"2024-01-0{day}") for day in (1, 2)]
    assert dated == ["50", "0"]
    # The sale is not the shop's to see.
    assert posted["returnOf"] is None
    query = """{ salesTransaction(channel: "WEB", transactionId: "S") {
      returns { transactionId channel { code } returnOf { transactionId } } } }"""
    back = {"transactionId": "R", "channel": {"code": "SHOP"}}
    assert service.ask(query)["salesTransaction"]["returns"] == [
        {**back, "returnOf": {"transactionId": "S"}}
    ]
    web = service.key("storefront", "of-the-web", channels=frozenset({"WEB"}))
    assert service.send(query, web, {})["salesTransaction"]["returns"] == []


def test_a_return_may_be_dated_before_its_sale(service: Harness) -> None:
    """Where the sale's calendar is a day ahead of the return's."""
    shops = [channel(timeZone="Pacific/Auckland"), channel("SHOP", timeZone="Pacific/Honolulu")]
    service.apply(club_document(channels=shops))
    card = service.issue()
    service.sale(card, "50.00", transactionId="S")
    assert taken(service, "S", channel="SHOP")["transactions"][0]["points"] == "-50"
    dated = [service.available(card, asOf=f"2024-01-0{day}") for day in (1, 2, 3)]
    assert dated == ["-50", "0", "0"]


def test_a_return_counts_on_the_day_of_the_earning_and_shortens_no_tier(service: Harness) -> None:
    service.apply(club_document(amount_rule("stat", point="STAT")))
    card = service.issue()
    service.clock.set("2025-03-01")
    service.sale(card, lines=[line(1, "300.00", 2)], transactionId="S")
    silver = ("SILVER", "2025-03-01", "2026-03-01")
    assert service.tier(card) == silver
    service.clock.set("2025-08-10")
    taken(service, "S", (1, 1))
    assert service.tier(card) == silver
    # 300 are left on 03-01: 450 more win SILVER, not GOLD.
    service.sale(card, "450.00")
    assert service.tier(card) == ("SILVER", "2025-03-01", "2026-08-10")


def renew(service: Harness, number: str, by: str) -> None:
    given = {"idempotencyKey": by, "channel": "WEB", "number": number, "newNumber": by}
    payload = service.mutate("replaceLoyaltyCard", "userErrors { code }", given)
    assert payload == {"userErrors": []}


BORNE = """{ salesTransaction(channel: "WEB", transactionId: "R") { transactions {
  points card { number } allocations { points lot { expiresOn card { number } } } } } }"""


def borne(service: Harness) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(card, points, [(points, last day of the lot)]) of each entry of the return R."""
    found = service.ask(BORNE)["salesTransaction"]["transactions"]
    return [
        (
            row["card"]["number"],
            row["points"],
            [(one["points"], one["lot"]["expiresOn"]) for one in row["allocations"]],
        )
        for row in found
    ]


YEARLY = reward_points(expiration={"value": 1, "unit": "YEAR"})


def test_a_moved_lot_bears_its_own_return_first(service: Harness) -> None:
    service.apply(service.document(rewardPoints=YEARLY))
    card = service.issue("A")
    for day in ("2025-01-05", "2025-01-10"):
        service.clock.set(day)
        service.sale(card, "80.00", transactionId=day)
    renew(service, card, "A2")
    renew(service, "A2", "A3")
    taken(service, "2025-01-10", transactionId="R")
    assert borne(service) == [("A3", "-80", [("80", "2026-01-10")])]
    taken(service, "2025-01-05")
    assert service.available("A3") == "0"


FORTNIGHT = reward_points(vesting={"value": 14, "unit": "DAY"})


@pytest.mark.parametrize("cards", [(), ("A2",), ("A2", "A3")])
def test_a_late_return_finds_its_unvested_lot_on_whatever_card_it_is(
    service: Harness, cards: tuple[str, ...]
) -> None:
    service.apply(service.document(rewardPoints=FORTNIGHT))
    card = service.issue("A")
    service.clock.set("2025-01-10")
    service.sale(card, "80.00", transactionId="S")
    service.clock.set("2025-01-15")
    for number in cards:
        renew(service, card, number)
        card = number
    service.clock.set("2025-01-16")
    taken(service, "S", (1, "0.5"), occurredAt="2025-01-12T17:00:00Z")
    assert balance(service, card) == ("0", "40", "0")
    taken(service, "S", (1, "0.5"), occurredAt="2025-01-12T17:00:00Z")
    assert balance(service, card) == ("0", "0", "0")
    # Between the return and the replacement the new card had no lot that could bear it.
    then = service.balance(card, asOf="2025-01-14")
    shown = ("-80", "0") if cards else ("0", "0")
    assert (then["available"], then["unvested"]) == shown


def test_of_moved_lots_a_late_return_takes_those_earned_by_its_day(service: Harness) -> None:
    service.apply(club_document())
    card = service.issue("A")
    service.clock.set("2025-01-05")
    service.sale(card, "50.00", transactionId="spent")
    assert adjust(service, card, -50)["userErrors"] == []
    service.apply(club_document(rewardPoints=FORTNIGHT))
    for day, amount in (("2025-01-10", "80.00"), ("2025-01-13", "30.00")):
        service.clock.set(day)
        service.sale(card, amount)
    renew(service, card, "A2")
    taken(service, "spent", (1, "0.8"), transactionId="R", occurredAt="2025-01-12T17:00:00Z")
    assert [(units, len(lots)) for _, units, lots in borne(service)] == [("-40", 1)]
    assert balance(service, "A2") == ("0", "70", "0")
    # Both were there on the 13th: the latest first.
    taken(service, "spent", (1, "0.2"), occurredAt="2025-01-13T17:00:00Z")
    service.clock.set("2025-01-24")
    assert balance(service, "A2") == ("40", "20", "0")


def test_what_expired_before_a_replacement_is_taken_where_it_stands(service: Harness) -> None:
    service.apply(service.document(rewardPoints=YEARLY))
    card = service.issue("A")
    service.clock.set("2025-01-05")
    service.sale(card, "80.00", transactionId="old")
    service.clock.set("2025-06-01")
    service.sale(card, "50.00")
    service.clock.set("2026-02-01")
    renew(service, card, "A2")
    service.clock.set("2026-02-02")
    taken(service, "old", (1, "0.5"), transactionId="R")
    assert borne(service) == [("A", "-40", [("40", "2026-01-05")])]
    taken(service, "old", (1, "0.5"))
    assert service.available("A2") == "50"
    held = service.balance(card)
    assert (held["issued"], held["expired"], held["available"]) == ("0", "0", "0")


@pytest.mark.parametrize("cards", [(), ("A2",), ("A2", "A3")])
def test_what_is_taken_on_a_replaced_card_counts_for_the_tiers_of_the_newest(
    service: Harness, cards: tuple[str, ...]
) -> None:
    month = {"value": 1, "unit": "MONTH"}
    intervals = [PAST_YEAR, {**NEXT_YEAR, "end": {"anchor": "TODAY", "shift": month}}]
    points = [{"code": "STAT", "kind": "QUANTITY", "expiration": month}]
    rule = amount_rule("status", point="STAT")
    service.apply(service.document(rule, dateIntervals=intervals, rewardPoints=points))
    service.clock.set("2025-01-01")
    card = service.issue("A")
    service.clock.set("2025-01-10")
    service.sale(card, "600.00", transactionId="S")
    service.clock.set("2025-03-15")
    for number in cards:
        renew(service, card, number)
        card = number
    silver = ("SILVER", "2025-03-12", "2025-04-12")
    assert service.tier(card) == silver
    service.clock.set("2025-03-20")
    taken(service, "S", transactionId="R")
    assert borne(service) == [("A", "-600", [("600", "2025-02-10")])]
    # What time alone had brought is judged by what is left.
    assert service.tier(card) == ("MEMBER", "2025-03-12", "2025-04-12")
    assert service.tier(card, "2025-02-10") == ("SILVER", "2025-01-10", "2025-02-10")


@pytest.mark.parametrize("by", [None, "A2"])
def test_recomputing_takes_the_reward_point_of_today_and_leaves_the_old_lot_alone(
    service: Harness, by: str | None
) -> None:
    told: dict[str, Any] = {"settings": RECOMPUTED, "rewardPoints": YEARLY}
    service.apply(club_document(**told))
    card = service.issue("A")
    service.clock.set("2025-01-05")
    service.sale(card, "80.00", transactionId="S")
    service.clock.set("2026-02-01")
    service.ask("mutation { runJob(input: {job: EXPIRE_POINTS}) { processed } }")
    service.apply(club_document(amount_rule(point="CASH"), **told))
    service.clock.advance(minutes=1)
    if by is not None:
        renew(service, card, by)
    assert entries(taken(service, "S")) == [("CASH", "-80.00")]
    assert balance(service, by or card, "CASH") == ("-80.00", "0.00", "0.00")
    assert balance(service, card) == ("0", "0", "80")


def test_a_return_is_borne_where_each_part_of_its_lot_went(service: Harness) -> None:
    """Some expired on the first card, the rest was spent: what is missing is owed by the newest."""
    service.apply(service.document(rewardPoints=YEARLY))
    card = service.issue("A")
    service.clock.set("2025-01-05")
    service.sale(card, "80.00", transactionId="old")
    given = {"idempotencyKey": "k", "cardNumber": card, "rewardPoint": "PTS", "points": "-30"}
    payload = service.mutate("adjustPoints", "userErrors { code }", {**given, "reasonCode": "X"})
    assert payload == {"userErrors": []}
    service.clock.set("2026-02-01")
    renew(service, card, "A2")
    taken(service, "old", transactionId="R")
    assert borne(service) == [("A", "-50", [("50", "2026-01-05")]), ("A2", "-30", [])]
    assert service.available("A2") == "-30"


def test_a_replaced_cards_returns_reach_the_newest(club: Harness) -> None:
    old = club.issue("OLD")
    club.sale(old, "50.00", transactionId="S")
    given = {"idempotencyKey": "k", "channel": "WEB", "number": old, "newNumber": "NEW"}
    replaced = club.mutate("replaceLoyaltyCard", "card { number } userErrors { code }", given)
    assert replaced == {"card": {"number": "NEW"}, "userErrors": []}
    assert (club.available(old), club.available("NEW")) == ("0", "50")
    posted = taken(club, "S")
    assert (posted["card"]["number"], entries(posted)) == ("NEW", [("PTS", "-50")])
    assert club.available("NEW") == "0"


def test_the_cards_book_finds_what_a_return_took(club: Harness) -> None:
    card = club.issue()
    club.sale(card, "50.00", transactionId="S")
    taken(club, "S", transactionId="R")
    query = """query($n: String!) { loyaltyCard(number: $n) {
      transactions(filter: {transactionId: "R"}) { nodes { entryType points } } } }"""
    found = club.ask(query, n=card)["loyaltyCard"]["transactions"]["nodes"]
    assert found == [{"entryType": "RETURN_EARNED", "points": "-50"}]


@ON_POSTGRESQL
def test_a_thousand_lines_come_back_at_once(service: Harness) -> None:
    rules = [amount_rule(), amount_rule("more", points=2)]
    service.apply(club_document(*rules))
    card = service.issue()
    numbers = range(1, 1001)
    service.sale(card, lines=[line(n, "3.00") for n in numbers], transactionId="S")
    assert service.available(card) == "9000"
    selection = "salesTransaction { transactions { points } } userErrors { code }"
    given_return = return_input(service, "S", *[(n, 1) for n in numbers])
    posted = service.mutate("postReturn", selection, given_return)["salesTransaction"]
    assert len(posted["transactions"]) == 2000
    assert service.available(card) == "0"


def test_many_return_one_line_at_once_and_exactly_what_was_sold_comes_back(club: Harness) -> None:
    card = club.issue()
    club.sale(card, lines=[line(1, "10.00", 7)], transactionId="S")
    club.key("admin")
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(take(club, "S", (1, 1)))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = Counter(code for one in found for code in [*map(_code, one["userErrors"])] or ["OK"])
    assert told == {"OK": 7, "RETURN_EXCEEDS_SOLD": 13}
    assert club.available(card) == "0"


def _code(error: Any) -> str:
    return str(error["code"])


RULES = [
    amount_rule(),
    amount_rule("cash", point="CASH", per=100, points="1.5"),
    amount_rule("b", point="STAT", categories=["B"], points=3),
    QUANTITY_RULE,
    VISIT,
]
PIECES = st.sampled_from(["1", "2", "7", "0.5", "1.333333"])


@st.composite
def sold_and_cuts(draw: st.DrawFn) -> tuple[list[Any], list[dict[int, int]]]:
    """Lines of a sale, and returns (millionths by line) that together make up the whole."""
    lines, left = [], {}
    for number in range(1, draw(st.integers(1, 3)) + 1):
        quantity = draw(PIECES)
        categories = draw(st.lists(st.sampled_from(["A", "B"]), unique=True))
        price = Decimal(draw(st.integers(0, 30_000))) / 100
        lines.append(line(number, price, quantity, categories=categories))
        left[number] = int(Decimal(quantity) * 10**6)
    cuts = []
    for _ in range(draw(st.integers(0, 3))):
        cut = {number: draw(st.integers(0, units)) for number, units in left.items()}
        left = {number: units - cut[number] for number, units in left.items()}
        cuts.append(cut)
    return lines, [*cuts, left]


def by_rule(rows: list[Any]) -> dict[tuple[str, int | None], Fraction]:
    sums: dict[tuple[str, int | None], Fraction] = {}
    for row in rows:
        key = (row["explanation"]["rule"], row["lineNumber"])
        sums[key] = sums.get(key, Fraction(0)) + Fraction(row["points"])
    return sums


@given(made=sold_and_cuts())
@API
def test_any_way_to_cut_a_sale_takes_back_exactly_what_it_gave(
    service: Harness, made: tuple[list[Any], list[dict[int, int]]]
) -> None:
    lines, cuts = made
    if not service.ask("{ channels { code } }")["channels"]:
        chosen = {"returnTransactionCountPoints": True}
        service.apply(club_document(schemes=[scheme(*RULES)], settings=chosen))
    card = service.issue()
    sale = service.sale(card, lines=lines)
    gave = by_rule(sale["transactions"])
    rows: list[Any] = []
    for cut in cuts:
        parts = [(number, Decimal(units) / 10**6) for number, units in cut.items() if units]
        if parts:
            rows += taken(service, sale["transactionId"], *parts)["transactions"]
        assert all(-points <= gave[key] for key, points in by_rule(rows).items())
    assert by_rule(rows) == {key: -points for key, points in gave.items()}
    for point in ("PTS", "CASH", "STAT"):
        assert Decimal(service.available(card, point)) == 0
