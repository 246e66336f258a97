"""Semantics 7.2 through the API: points that paid, given back by amount and by lines."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.harness import Harness, entries, line
from tests.api.program import pay_rule, reward_points, tier
from tests.api.test_payments import (
    CASH_RULE,
    cart,
    change,
    covered,
    holder,
    one,
    pay,
    program,
    sold,
    taken,
)
from tests.api.test_points import adjust, codes
from tests.api.test_verification import broken

REFUNDED = """payment { id status amount { amount } refundedAmount { amount }
    points { rewardPoint { code } points }
    transactions { entryType points occurredAt vestsOn expiresOn card { number }
      rewardPoint { code } explanation { configurationVersion scheme rule formula computed } } }
  replayed userErrors { code field message }"""
EXPIRING = {"expiration": {"value": 1, "unit": "YEAR"}}


def refund(service: Harness, payment: Any, caller: str = "admin", **how: Any) -> Any:
    given = {"idempotencyKey": service.fresh_key(), "paymentId": payment["payment"]["id"], **how}
    return service.mutate("refundLoyaltyPayment", REFUNDED, given, caller)


def back(payload: Any) -> list[tuple[str, str, str]]:
    """(reward point, points, card) of each REFUND entry written so far."""
    assert codes(payload) == [], payload["userErrors"]
    return [
        (row["rewardPoint"]["code"], row["points"], row["card"]["number"])
        for row in payload["payment"]["transactions"]
        if row["entryType"] == "REFUND"
    ]


def state(payload: Any) -> tuple[str, str]:
    payment = payload["payment"]
    return payment["status"], payment["refundedAmount"]["amount"]


def lines(*parts: tuple[int, Any]) -> list[dict[str, Any]]:
    return [{"lineNumber": number, "quantity": str(quantity)} for number, quantity in parts]


SIXTY_FORTY = cart(line(1, "60.00"), line(2, "40.00"))


def test_ex_32_lines_get_back_what_they_took(service: Harness) -> None:
    card = holder(service, program(), 5000)
    payment = pay(service, card, "50.00", SIXTY_FORTY)
    assert service.available(card) == "0"
    second = refund(service, payment, lines=lines((2, 1)))
    assert (back(second), state(second)) == ([], ("CAPTURED", "0.00"))
    first = refund(service, payment, lines=lines((1, 1)))
    assert back(first) == [("PTS", "5000", card)]
    assert state(first) == ("REFUNDED", "50.00")
    assert first["payment"]["amount"]["amount"] == "50.00"
    assert service.balance(card)["used"] == "0"
    assert service.available(card) == "5000"
    for again in (2, 1):
        payload = refund(service, payment, lines=lines((again, 1)))
        assert codes(payload) == ["PAYMENT_STATE_CONFLICT"]


@pytest.mark.parametrize(("per_line", "points"), [(True, "5000"), (False, "10000")])
def test_ex_33_recomputed_by_the_rules_of_today(
    service: Harness, per_line: bool, points: str
) -> None:
    told = {"settings": {"postPointsPerSalesLine": per_line}}
    card = holder(service, {**program(), **told}, 5000)
    payment = pay(service, card, "50.00", SIXTY_FORTY)
    service.apply({**program(pay_rule(points=200)), **told})
    payload = refund(service, payment, lines=lines((1, 1)))
    assert back(payload) == [("PTS", points, card)]
    entry = payload["payment"]["transactions"][-1]
    assert entry["explanation"] == {
        "configurationVersion": 1,
        "scheme": None,
        "rule": None,
        "formula": f"{points} of 5000",
        "computed": points,
    }


def test_ex_107_the_last_consumed_comes_back_first(service: Harness) -> None:
    card = holder(service, program(pay_rule(), CASH_RULE), 1250)
    adjust(service, card, "10.00", rewardPoint="CASH")
    payment = pay(service, card, "20.00", one("20.00"))
    payload = refund(service, payment, amount="10.00")
    assert back(payload) == [("CASH", "7.50", card), ("PTS", "250", card)]
    assert state(payload) == ("PARTIALLY_REFUNDED", "10.00")
    rest = refund(service, payment, amount="10.00")
    assert back(rest)[2:] == [("PTS", "1000", card)]
    assert state(rest) == ("REFUNDED", "20.00")


@pytest.mark.parametrize(
    # Both lots were past at the refund: thirty days of grace, in one entry a card and day.
    ("setting", "last"),
    [("FRESH", "2027-02-10"), ("RESTORE_ORIGINAL", "2026-03-12")],
)
def test_refunded_points_last_as_the_program_says(
    service: Harness, setting: str, last: str
) -> None:
    document = {**program(), "rewardPoints": reward_points(**EXPIRING)}
    document["settings"] = {"refundExpiry": setting}
    service.apply(document)
    service.clock.set("2025-01-10")
    card = service.issue()
    adjust(service, card, 100, occurredAt="2025-01-10T17:00:00Z")
    adjust(service, card, 100, occurredAt="2024-05-01T17:00:00Z")
    service.clock.set("2025-02-01")
    payment = pay(service, card, "1.50", one("1.50"))
    service.clock.set("2026-02-10")
    payload = refund(service, payment, amount="1.50")
    rows = [row for row in payload["payment"]["transactions"] if row["entryType"] == "REFUND"]
    assert {row["vestsOn"] for row in rows} == {"2026-02-10"}
    assert {row["occurredAt"] for row in rows} == {"2026-02-10T17:00:00Z"}
    assert [(row["points"], row["expiresOn"]) for row in rows] == [("150", last)]


def test_a_lot_that_still_lasts_is_restored(service: Harness) -> None:
    document = {**program(), "rewardPoints": reward_points(**EXPIRING)}
    document["settings"] = {"refundExpiry": "RESTORE_ORIGINAL", "refundGraceDays": 3}
    service.apply(document)
    service.clock.set("2025-01-10")
    card = service.issue()
    adjust(service, card, 100)
    adjust(service, card, 100, occurredAt="2024-02-01T17:00:00Z")
    payment = pay(service, card, "1.50", one("1.50"))
    service.clock.set("2025-03-01")
    payload = refund(service, payment, amount="1.50")
    rows = [row for row in payload["payment"]["transactions"] if row["entryType"] == "REFUND"]
    assert [(row["points"], row["expiresOn"]) for row in rows] == [
        ("50", "2026-01-10"),
        ("100", "2025-03-04"),
    ]


def test_a_pool_gets_back_what_each_card_gave(service: Harness) -> None:
    service.apply(program())
    service.customer("c")
    contact = service.issue(customerId="c", tenderType="AS_CONTACT_TENDER")
    other = service.issue(customerId="c")
    adjust(service, contact, 120)
    adjust(service, other, 300)
    payment = pay(service, contact, "4.00", one("4.00"))
    service.change_card("blockLoyaltyCard", number=other, reason="lost")
    payload = refund(service, payment, amount="3.50")
    assert sorted(back(payload)) == sorted([("PTS", "280", other), ("PTS", "70", contact)])
    rest = refund(service, payment, lines=lines((1, 1)))
    assert (state(rest), service.available(other), service.available(contact)) == (
        ("REFUNDED", "4.00"),
        "300",
        "120",
    )


def test_a_successor_gets_what_a_replaced_card_paid(service: Harness) -> None:
    card = holder(service, program(), 1000)
    payment = pay(service, card, "4.00", one("4.00"))
    for place, new in enumerate(("N1", "N2")):
        given = {"idempotencyKey": service.fresh_key(), "channel": "WEB", "number": card}
        number = card if place == 0 else "N1"
        given |= {"number": number, "newNumber": new}
        replaced = service.mutate("replaceLoyaltyCard", "userErrors { code }", given)
        assert replaced["userErrors"] == []
    payload = refund(service, payment, amount="4.00")
    assert back(payload) == [("PTS", "400", "N2")]
    assert service.available("N2") == "1000"
    assert service.available(card) == "0"


def test_a_refund_settles_debt_and_counts_for_no_tier_or_maximum(service: Harness) -> None:
    document = program()
    document["rewardPoints"] = reward_points(maximumPerCard=500)
    document["programs"] = [{"code": "CLUB", "tiers": [tier("MEMBER", 1, 0)]}]
    card = holder(service, document, 500)
    payment = pay(service, card, "4.00", one("4.00"))
    adjust(service, card, -300, force=True)
    assert service.available(card) == "-200"
    adjust(service, card, 600)
    assert service.available(card) == "400"
    refund(service, payment, amount="4.00")
    assert service.available(card) == "800"


def test_what_was_given_by_amount_is_not_given_again_by_lines(service: Harness) -> None:
    card = holder(service, program(), 5000)
    payment = pay(service, card, "50.00", cart(line(1, "10.00", 3), line(2, "20.00")))
    refund(service, payment, amount="35.00")
    assert service.available(card) == "3500"
    # 20.00 of line 2 and 15.00 of line 1 are back: a third of line 1 is less than that.
    payload = refund(service, payment, lines=lines((1, 1), (2, 1)))
    assert state(payload) == ("PARTIALLY_REFUNDED", "35.00")
    assert service.available(card) == "3500"
    payload = refund(service, payment, lines=lines((1, 1)))
    assert state(payload) == ("PARTIALLY_REFUNDED", "40.00")
    payload = refund(service, payment, lines=lines((1, 1)))
    assert (state(payload), service.available(card)) == (("REFUNDED", "50.00"), "5000")


def test_what_a_refund_is_refused_for(service: Harness) -> None:
    card = holder(service, program(), 5000)
    held = pay(service, card, "5.00", one("10.00"), capture=False)
    assert codes(refund(service, held, amount="1.00")) == ["PAYMENT_STATE_CONFLICT"]
    payment = pay(service, card, "10.00", cart(line(1, "5.00", 2), line(2, "5.00")))

    def refused(**how: Any) -> list[tuple[str, list[str] | None]]:
        found = refund(service, payment, **how)["userErrors"]
        return [(error["code"], error["field"]) for error in found]

    both = {"amount": "1.00", "lines": lines((1, 1))}
    for how in ({}, both):
        assert refused(**how) == [("INVALID_PAYMENT_REQUEST", None)]
    for amount in ("0", "-1.00", "0.001"):
        assert refused(amount=amount) == [("INVALID_PAYMENT_REQUEST", ["amount"])]
    assert refused(amount="10.01") == [("REFUND_EXCEEDS_ALLOWED", ["amount"])]
    assert refused(lines=lines((2, "1.5"))) == [
        ("REFUND_EXCEEDS_ALLOWED", ["lines", "0", "quantity"])
    ]
    assert refused(lines=lines((9, 1))) == [("INVALID_INPUT", ["lines", "0", "lineNumber"])]
    assert refused(lines=lines((1, 0), (1, 1))) == [
        ("INVALID_INPUT", ["lines", "0", "quantity"]),
        ("INVALID_INPUT", ["lines", "1", "lineNumber"]),
    ]
    assert refused(lines=[]) == [("INVALID_INPUT", ["lines"])]
    foreign = {"payment": {"id": "Zm9yZWlnbg"}}
    assert codes(refund(service, foreign, amount="1.00")) == ["INVALID_INPUT"]
    service.key("storefront", "elsewhere", channels={"OTHER"})
    query = """mutation($id: ID!) { refundLoyaltyPayment(input: { idempotencyKey: "x",
      paymentId: $id, amount: "1.00" }) { userErrors { code } } }"""
    answer = service.send(query, service.key("storefront", "elsewhere"), payment["payment"])
    assert codes(answer["refundLoyaltyPayment"]) == ["NOT_FOUND"]
    refund(service, payment, lines=lines((1, "0.5")))
    assert refused(lines=lines((1, 2))) == [("REFUND_EXCEEDS_ALLOWED", ["lines", "0", "quantity"])]
    assert service.balance(card)["used"] == "750"


def test_the_same_key_gives_back_once_and_refuses_for_ever(service: Harness) -> None:
    card = holder(service, program(), 5000)
    payment = pay(service, card, "10.00", one("10.00"))
    given = {"paymentId": payment["payment"]["id"], "idempotencyKey": "once", "amount": "4.00"}
    first = service.mutate("refundLoyaltyPayment", REFUNDED, given)
    again = service.mutate("refundLoyaltyPayment", REFUNDED, given)
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert back(again) == [("PTS", "400", card)]
    over = {**given, "idempotencyKey": "over", "amount": "6.01"}
    for replayed in (False, True):
        payload = service.mutate("refundLoyaltyPayment", REFUNDED, over)
        assert (codes(payload), payload["replayed"]) == (["REFUND_EXCEEDS_ALLOWED"], replayed)


def test_an_order_whose_payment_is_refunded_can_be_paid_again(service: Harness) -> None:
    card = holder(service, program(), 5000)
    payment = pay(service, card, "10.00", one("10.00"), orderId="O")
    refund(service, payment, amount="9.99")
    assert codes(pay(service, card, "1.00", one("10.00"), orderId="O")) == [
        "ONE_LOYALTY_TENDER_ONLY"
    ]
    refund(service, payment, amount="0.01")
    assert codes(pay(service, card, "1.00", one("10.00"), orderId="O")) == []


def test_a_sale_earns_for_what_was_refunded_before_it(service: Harness) -> None:
    document = {**program(), "settings": {"earnOnRedeemSale": "REMAINDER"}}
    card = holder(service, document, 3000)
    payment = pay(service, card, "30.00", one("100.00"))
    refund(service, payment, amount="10.00")
    payload = sold(service, card, payment, line(1, "100.00"))
    assert [row["points"] for row in payload["salesTransaction"]["transactions"]] == ["80"]


@pytest.mark.parametrize("rules", [(pay_rule(),), (pay_rule(), CASH_RULE)])
def test_what_comes_back_of_a_sale_is_not_taken_from_what_pays_the_next(
    service: Harness, rules: tuple[Any, ...]
) -> None:
    """Three pieces paid with points alone, delivered one by one, the first sent back."""
    document = {**program(*rules), "settings": {"earnOnRedeemSale": "REMAINDER"}}
    card = holder(service, document, 9000 if len(rules) == 1 else 6000)
    adjust(service, card, "30.00", rewardPoint="CASH")
    payment = pay(service, card, "90.00", cart(line(1, "30.00", 3)))
    first = sold(service, card, payment, line(1, "30.00"))
    assert entries(first["salesTransaction"]) == []
    assert state(refund(service, payment, amount="30.00")) == ("PARTIALLY_REFUNDED", "30.00")
    for _ in range(2):
        assert entries(sold(service, card, payment, line(1, "30.00"))["salesTransaction"]) == []
    # All is used up or given back.
    last = sold(service, card, payment, line(1, "30.00"))
    assert entries(last["salesTransaction"]) == [("PTS", "30")]


def test_what_is_given_back_beyond_what_sales_used_pays_no_more(service: Harness) -> None:
    document = {**program(), "settings": {"earnOnRedeemSale": "REMAINDER"}}
    card = holder(service, document, 9000)
    payment = pay(service, card, "90.00", cart(line(1, "30.00", 3)))
    sold(service, card, payment, line(1, "30.00"))
    refund(service, payment, lines=lines((1, 2)))
    rest = sold(service, card, payment, line(1, "30.00", 2))
    assert entries(rest["salesTransaction"]) == [("PTS", "30")]


PIECE = {
    "code": "piece",
    "reward": "PAYMENT_BY_QUANTITY",
    "products": ["P1"],
    "rewardPoint": "PTS",
    "points": 9,
    "pays": 1,
    "wholeUnitsOnly": True,
}
# Reward points of one ranking, of which one is cheaper for line 1 and the other for the rest.
LEVEL = [
    {"code": "PTS", "kind": "QUANTITY", "redeemable": True},
    {"code": "BTS", "kind": "QUANTITY", "redeemable": True},
    {"code": "STAT", "kind": "QUANTITY"},
]
LEVEL_RULES = (
    pay_rule("first", points=50, products=["P1"]),
    pay_rule("other", points=200),
    pay_rule("level", point="BTS"),
)


@pytest.mark.parametrize(
    ("document", "stock", "prices", "captured", "points", "paid"),
    [
        (
            program(PIECE, CASH_RULE),
            {"PTS": 9, "CASH": "10.00"},
            ("10.00", "10.00"),
            "5.00",
            [("CASH", "5.00")],
            [(1, "5.00")],
        ),
        (
            program(pay_rule(), CASH_RULE, PIECE),
            {"PTS": 9, "CASH": "10.00"},
            ("3.00", "10.00"),
            "1.00",
            [("PTS", "9"), ("CASH", "0.91")],
            [(1, "1.00")],
        ),
        (
            {**program(*LEVEL_RULES), "rewardPoints": LEVEL},
            {"PTS": 5000, "BTS": 1500},
            ("10.00", "10.00"),
            "8.00",
            [("PTS", "400")],
            [(1, "8.00")],
        ),
    ],
    ids=["whole units", "whole units and money", "equal rankings"],
)
def test_a_partial_capture_that_pays_otherwise_than_was_authorised_comes_back_whole(
    service: Harness,
    document: Any,
    stock: dict[str, Any],
    prices: tuple[str, str],
    captured: str,
    points: list[tuple[str, str]],
    paid: list[tuple[int, str]],
) -> None:
    card = holder(service, document, 0)
    for code, units in stock.items():
        adjust(service, card, units, rewardPoint=code)
    before = [service.available(card, code) for code in stock]
    total = str(sum(map(Decimal, prices)))
    held = pay(service, card, total, cart(*map(line, (1, 2), prices)), capture=False)
    payment = change(service, "captureLoyaltyPayment", held, amount=captured)
    assert taken(payment) == points
    rows = payment["payment"]["lines"]
    assert [(row["lineNumber"], row["amount"]["amount"]) for row in rows] == paid
    assert broken(service) == set()
    assert state(refund(service, payment, amount=captured)) == ("REFUNDED", captured)
    assert [service.available(card, code) for code in stock] == before


def test_what_a_sale_used_of_a_hold_stays_used_when_part_of_it_is_captured(
    service: Harness,
) -> None:
    document = {**program(PIECE, CASH_RULE), "settings": {"earnOnRedeemSale": "REMAINDER"}}
    card = holder(service, document, 9)
    adjust(service, card, "10.00", rewardPoint="CASH")
    bought = (line(1, "10.00"), line(2, "10.00"))
    held = pay(service, card, "20.00", cart(*bought), capture=False)
    first = sold(service, card, held, line(1, "4.00"))
    assert entries(first["salesTransaction"]) == []
    payment = change(service, "captureLoyaltyPayment", held, amount="5.00")
    # Of the 5.00 on line 1 the first sale used 4.00; line 2 is not paid any more.
    again = sold(service, card, payment, *bought)
    assert entries(again["salesTransaction"]) == [("PTS", "9"), ("PTS", "10")]


REDEMPTIONS = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from(["PTS", "BTS", "CASH"]),
        st.sampled_from(["0.5", "1", "9", "50", "333"]),
        st.sampled_from([None, "P1", "P2"]),
        st.booleans(),
    ),
    max_size=3,
)


def redemptions(rules: list[tuple[bool, str, str, str | None, bool]]) -> list[Any]:
    """Rules by amount, and by whole or broken pieces; always whole pieces and money."""
    found = [PIECE, CASH_RULE]
    for place, (by_amount, point, points, product, whole) in enumerate(rules):
        rule: dict[str, Any] = pay_rule(f"r{place}", point=point, points=points)
        if not by_amount:
            del rule["currency"]
            rule.update(reward="PAYMENT_BY_QUANTITY", wholeUnitsOnly=whole)
        found.append(rule | ({"products": [product]} if product else {}))
    return found


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rules=REDEMPTIONS,
    ranking=st.integers(1, 2),
    prices=st.lists(st.integers(1, 2000), min_size=1, max_size=3),
    share=st.integers(1, 99),
)
def test_whatever_part_of_a_hold_is_captured_comes_back_whole(
    service: Harness, rules: list[Any], ranking: int, prices: list[int], share: int
) -> None:
    points = [*reward_points(), {**LEVEL[1], "redeemRanking": ranking}]
    service.apply({**program(*redemptions(rules)), "rewardPoints": points})
    service.clock.advance(minutes=1)
    card = service.issue()
    stock = {"PTS": 900, "BTS": 700, "CASH": "8.00"}
    for code, units in stock.items():
        assert codes(adjust(service, card, units, rewardPoint=code)) == []
    before = [service.available(card, code) for code in stock]
    bought = cart(*(line(place, cents(price), 2) for place, price in enumerate(prices, 1)))
    most = Decimal(covered(service, card, bought))
    if most == 0:
        return
    held = pay(service, card, most, bought, capture=False)
    part = max(1, int(most * share))
    payment = change(service, "captureLoyaltyPayment", held, amount=cents(part))
    if codes(payment) == ["INVALID_PAYMENT_REQUEST"]:
        # What the rules cannot pay exactly; the whole they can.
        part = int(most * 100)
        payment = change(service, "captureLoyaltyPayment", held)
    assert (
        sum(Decimal(row["amount"]["amount"]) * 100 for row in payment["payment"]["lines"]) == part
    )
    assert broken(service) == set()
    assert state(refund(service, payment, amount=cents(part)))[0] == "REFUNDED"
    assert [service.available(card, code) for code in stock] == before


@settings(
    max_examples=7, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    prices=st.lists(st.integers(1, 4000), min_size=1, max_size=3),
    ratio=st.integers(1, 333),
    share=st.integers(1, 100),
    cuts=st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=6),
)
def test_any_way_to_cut_a_refund_gives_back_exactly_what_was_taken(
    service: Harness, prices: list[int], ratio: int, share: int, cuts: list[tuple[bool, int]]
) -> None:
    """Parts by lines and by amount in any order, then the rest: everything, and never more."""
    service.apply(program(pay_rule(points=ratio), CASH_RULE))
    card = service.issue()
    for units, point in ((3000, "PTS"), (2000, "PTS"), ("100.00", "CASH")):
        assert codes(adjust(service, card, units, rewardPoint=point)) == []
    before = [service.available(card), service.available(card, "CASH")]
    bought = cart(*(line(place + 1, cents(price), 3) for place, price in enumerate(prices)))
    amount = max(1, min(sum(prices) * 3 * share // 100, 9000))
    payment = pay(service, card, cents(amount), bought)
    assert codes(payment) == []
    for by_lines, part in cuts:
        number, quantity = part % len(prices) + 1, Decimal(part % 7 + 1) / 2
        how = {"lines": lines((number, quantity))} if by_lines else {"amount": cents(part)}
        assert codes(refund(service, payment, **how)) in (
            [],
            ["REFUND_EXCEEDS_ALLOWED"],
            ["PAYMENT_STATE_CONFLICT"],
        )
    query = "query($id: ID!) { loyaltyPayment(id: $id) { refundedAmount { amount } } }"
    found = service.ask(query, id=payment["payment"]["id"])["loyaltyPayment"]
    left = Decimal(cents(amount)) - Decimal(found["refundedAmount"]["amount"])
    if left:
        assert codes(refund(service, payment, amount=str(left))) == []
    assert [service.available(card), service.available(card, "CASH")] == before


def cents(minor: int) -> str:
    return str(Decimal(minor) / 100)
