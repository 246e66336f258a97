"""Semantics 8 through the API: what points pay, holds, captures, contact tender, limits."""

import threading
from typing import Any

import pytest

from tests.api.harness import Harness, entries, line, notes
from tests.api.program import amount_rule, channel, club_document, pay_rule, reward_points, scheme
from tests.api.test_points import adjust, codes, give

PAID = """payment { id status orderId amount { amount } holdExpiresAt
    points { rewardPoint { code } points amount { amount } }
    lines { lineNumber amount { amount } points { points } }
    transactions { card { number } points entryType occurredAt explanation { formula } } }
  replayed userErrors { code field ... on NotEnoughRewardPointsError {
    required available held amountCovered { amount } } }"""
TENDER = """query($input: CartInput!) { cart(input: $input) { userErrors { code }
  total { amount } balanceDue { amount } loyaltyTender { amountCovered { amount }
    points { rewardPoint { code } points amount { amount } } refusal { code } } } }"""
CASH_RULE = pay_rule("cash", point="CASH", points=1)


def program(*rules: Any, **more: Any) -> Any:
    paying = scheme(amount_rule(), redemptionRules=list(rules or (pay_rule(),)), **more)
    kind = [channel(kind="STORE")]
    return club_document(schemes=[paying], channels=kind)


def cart(*lines: Any, **more: Any) -> dict[str, Any]:
    return {"channel": "WEB", "currency": "USD", "lines": list(lines), **more}


def one(price: Any, **more: Any) -> dict[str, Any]:
    return cart(line(1, price), **more)


def pay(service: Harness, card: str, amount: Any, bought: Any, **more: Any) -> Any:
    given = {
        "idempotencyKey": service.fresh_key(),
        "cardNumber": card,
        "cart": bought,
        "orderId": f"O{service.fresh_key()}",
        "amount": str(amount),
        **more,
    }
    return service.mutate("payWithLoyalty", PAID, given)


def change(service: Harness, mutation: str, payment: Any, **more: Any) -> Any:
    given = {"idempotencyKey": service.fresh_key(), "paymentId": payment["payment"]["id"], **more}
    return service.mutate(mutation, PAID, given)


def taken(payload: Any) -> list[tuple[str, str]]:
    assert codes(payload) == [], payload["userErrors"]
    rows = payload["payment"]["points"]
    return [(row["rewardPoint"]["code"], row["points"]) for row in rows]


def covered(service: Harness, card: str, bought: Any) -> str:
    found = service.ask(TENDER, input={**bought, "cardNumber": card})["cart"]["loyaltyTender"]
    amount: str = found["amountCovered"]["amount"]
    return amount


def holder(service: Harness, document: Any, points: Any = 10_000, **more: Any) -> str:
    service.apply(document)
    card = service.issue(**more)
    if points:
        adjust(service, card, points)
    return card


def test_ex_23_rounded_up_once(service: Harness) -> None:
    card = holder(service, program(pay_rule(points=3, pays="0.10")))
    payload = pay(service, card, "10.05", one("10.05"))
    assert taken(payload) == [("PTS", "302")]
    (row,) = payload["payment"]["transactions"]
    assert (row["points"], row["entryType"]) == ("-302", "REDEEM")
    assert row["explanation"]["formula"] == "10.05 x 30 = 301.5 -> 302"


def test_ex_24_spread_by_largest_remainder(service: Harness) -> None:
    card = holder(service, program(pay_rule(points=3, pays="0.10")))
    lines = [line(number, "5.01") for number in (1, 2, 3)]
    payload = pay(service, card, "15.03", cart(*lines))
    assert [row["points"][0]["points"] for row in payload["payment"]["lines"]] == [
        "151",
        "150",
        "150",
    ]


def test_ex_36_the_cheapest_rule_a_line(service: Harness) -> None:
    shoes = pay_rule("shoes", points=80, categories=["Shoes"])
    card = holder(service, program(pay_rule(), shoes))
    bought = cart(line(1, "30.00", categories=["Shoes"]), line(2, "20.00"))
    payload = pay(service, card, "50.00", bought)
    assert taken(payload) == [("PTS", "4400")]
    formula = payload["payment"]["transactions"][0]["explanation"]["formula"]
    assert formula == "30.00 x 80 + 20.00 x 100 = 4400"


def test_ex_37_foreign_rules_are_converted(service: Harness) -> None:
    document = program(pay_rule(currency="EUR"))
    document["exchangeRates"] = [{"from": "EUR", "to": "USD", "rate": "1.10"}]
    card = holder(service, document)
    assert taken(pay(service, card, "11.00", one("11.00"))) == [("PTS", "1000")]


def test_ex_40_by_ranking(service: Harness) -> None:
    card = holder(service, program(pay_rule(), CASH_RULE), 1250)
    adjust(service, card, "10.00", rewardPoint="CASH")
    assert covered(service, card, one("50.00")) == "22.50"
    payload = pay(service, card, "20.00", one("20.00"))
    assert taken(payload) == [("PTS", "1250"), ("CASH", "7.50")]
    amounts = [row["amount"]["amount"] for row in payload["payment"]["points"]]
    assert amounts == ["12.50", "7.50"]


def test_ex_42_points_for_shoes_alone(service: Harness) -> None:
    card = holder(service, program(pay_rule(categories=["Shoes"])), 5000)
    bought = cart(line(1, "30.00", categories=["Shoes"]), line(2, "20.00"))
    assert covered(service, card, bought) == "30.00"
    refused = pay(service, card, "40.00", bought)
    assert codes(refused) == ["NOT_ENOUGH_REWARD_POINTS"]
    assert refused["userErrors"][0]["amountCovered"] == {"amount": "30.00"}
    assert service.available(card) == "5000"
    assert taken(pay(service, card, "30.00", bought)) == [("PTS", "3000")]


def test_ex_44_charges_of_the_order_come_last(service: Harness) -> None:
    card = holder(service, program(), 1200)
    bought = one("10.00", charges=[{"code": "FREIGHT", "amount": "5.00"}])
    assert covered(service, card, bought) == "12.00"
    payload = pay(service, card, "12.00", bought)
    rows = [(row["lineNumber"], row["amount"]["amount"]) for row in payload["payment"]["lines"]]
    assert rows == [(1, "10.00"), (None, "2.00")]


def test_ex_45_what_is_paid_already_is_not_covered(service: Harness) -> None:
    card = holder(service, program(pay_rule(), CASH_RULE), 1250)
    adjust(service, card, "10.00", rewardPoint="CASH")
    bought = one("50.00", amountPaid="35.00")
    tender = service.ask(TENDER, input={**bought, "cardNumber": card})["cart"]["loyaltyTender"]
    assert tender["amountCovered"] == {"amount": "15.00"}
    rows = [(r["points"], r["amount"]["amount"]) for r in tender["points"]]
    assert rows == [("1250", "12.50"), ("2.50", "2.50")]
    assert codes(pay(service, card, "15.01", bought)) == ["INVALID_PAYMENT_REQUEST"]


def test_ex_46_contact_tender_pays_with_all_active_cards(service: Harness) -> None:
    service.apply(program())
    service.customer("c")
    kinds = {
        "A": "AS_CONTACT_TENDER",
        "B": "AS_CARD_TENDER",
        "C": "NO_TENDER",
        "D": "AS_CARD_TENDER",
    }
    for number, kind in kinds.items():
        service.issue(number, customerId="c", tenderType=kind)
    months = {"A": (120, 5), "B": (300, 2), "C": (80, 4), "D": (500, 6)}
    service.clock.set("2025-01-31")
    for number, (points, value) in months.items():
        document = program()
        document["rewardPoints"] = reward_points(expiration={"value": value, "unit": "MONTH"})
        service.apply(document)
        service.clock.advance(minutes=1)
        adjust(service, number, points)
        service.clock.advance(minutes=1)
    service.change_card("blockLoyaltyCard", number="D", reason="lost")
    assert covered(service, "A", one("50.00")) == "5.00"
    assert covered(service, "B", one("50.00")) == "3.00"
    payload = pay(service, "A", "4.00", one("50.00"))
    rows = {r["card"]["number"]: r["points"] for r in payload["payment"]["transactions"]}
    assert rows == {"B": "-300", "C": "-80", "A": "-20"}
    assert codes(pay(service, "C", "0.50", one("50.00"))) == ["LOYALTY_CARD_NO_TENDER"]
    assert codes(pay(service, "D", "0.50", one("50.00"))) == ["LOYALTY_CARD_BLOCKED"]


@pytest.mark.parametrize("capture", [True, False])
def test_what_one_card_of_a_pool_gave_is_told_with_what_was_paid(
    service: Harness, capture: bool
) -> None:
    service.apply(program(pay_rule(), CASH_RULE))
    service.customer("c")
    for number, kind in (("A", "AS_CONTACT_TENDER"), ("B", "NO_TENDER")):
        service.issue(number, customerId="c", tenderType=kind)
        adjust(service, number, 120)
    adjust(service, "B", "5.00", rewardPoint="CASH")
    adjust(service, "A", "0.50", rewardPoint="CASH")
    payment = pay(service, "A", "3.50", one("5.00"), capture=capture)
    if not capture:
        payment = change(service, "captureLoyaltyPayment", payment)
    told = {
        (row["card"]["number"], row["points"]): row["explanation"]["formula"]
        for row in payment["payment"]["transactions"]
    }
    assert told == {
        ("A", "-120"): "2.40 x 100 = 240; card: 120 of 240",
        ("B", "-120"): "2.40 x 100 = 240; card: 120 of 240",
        ("A", "-0.50"): "1.10 x 1 = 1.10; card: 0.50 of 1.10",
        ("B", "-0.60"): "1.10 x 1 = 1.10; card: 0.60 of 1.10",
    }


def lasting(**periods: Any) -> Any:
    """A program for New York and Auckland; `periods` of PTS in days."""
    document = program(channels=["WEB", "AKL"])
    kinds = [channel(kind="STORE"), channel("AKL", kind="STORE", timeZone="Pacific/Auckland")]
    days = {name: {"value": value, "unit": "DAY"} for name, value in periods.items()}
    return {**document, "channels": kinds, "rewardPoints": reward_points(**days)}


def contact_pool(service: Harness) -> None:
    """X, and the contact-tender card Y, of one customer."""
    service.clock.set("2025-01-01")
    service.apply(lasting())
    service.customer("c")
    service.issue("X", customerId="c")
    service.issue("Y", customerId="c", tenderType="AS_CONTACT_TENDER")
    adjust(service, "Y", 100)


@pytest.mark.parametrize("capture", [True, False])
def test_a_card_in_debt_adds_no_more_to_its_pool_than_it_has_available(
    service: Harness, capture: bool
) -> None:
    contact_pool(service)
    adjust(service, "X", -60, force=True)
    service.clock.advance(minutes=1)
    service.apply(lasting(vesting=10, expiration=60))
    service.clock.advance(minutes=1)
    adjust(service, "X", 100)
    # In Auckland it is the 11th already, on which X has vested 100 and owes 60.
    service.clock.set("2025-01-10")
    bought = one("5.00", channel="AKL")
    assert covered(service, "Y", bought) == "1.40"
    assert codes(pay(service, "Y", "1.41", bought)) == ["NOT_ENOUGH_REWARD_POINTS"]
    payment = pay(service, "Y", "1.00", bought, capture=capture)
    if not capture:
        payment = change(service, "captureLoyaltyPayment", payment)
    rows = {row["card"]["number"]: row["points"] for row in payment["payment"]["transactions"]}
    assert rows == {"X": "-40", "Y": "-60"}
    service.clock.set("2025-01-11")
    assert [service.available(number) for number in ("X", "Y")] == ["0", "40"]


def test_a_card_in_debt_has_no_more_expiring_soon_than_it_has_available(service: Harness) -> None:
    contact_pool(service)
    service.clock.advance(minutes=1)
    service.apply(lasting(expiration=30))
    service.clock.advance(minutes=1)
    adjust(service, "X", 100)
    service.clock.set("2025-01-10")
    held = pay(service, "X", "1.00", one("1.00"), capture=False)
    adjust(service, "X", -60, force=True)
    service.clock.advance(hours=1)
    query = """query($input: CartInput!, $id: ID!) { loyaltyPayment(id: $id) { status }
      cart(input: $input) { loyaltyTender {
        amountCovered { amount } expiringSoon { points } } } }"""
    # The hold ended on the 10th: on the 9th the debt stands beside what it reserved.
    bought = one("5.00", cardNumber="Y", at="2025-01-09T17:00:00Z")
    found = service.ask(query, input=bought, id=held["payment"]["id"])
    assert found["loyaltyPayment"] == {"status": "EXPIRED"}
    assert found["cart"]["loyaltyTender"] == {
        "amountCovered": {"amount": "1.40"},
        "expiringSoon": [{"points": "40"}],
    }


def test_ex_105_holds_are_seen_and_taken_over(service: Harness) -> None:
    card = holder(service, program(), 1000)
    service.clock.set("2025-01-10T10:00:00+00:00")
    first = pay(service, card, "6.00", one("20.00"), orderId="O1", capture=False)
    assert first["payment"]["status"] == "AUTHORIZED"
    assert first["payment"]["holdExpiresAt"] == "2025-01-10T10:30:00Z"
    held = service.balance(card)
    assert (held["available"], held["held"]) == ("400", "600")
    service.clock.set("2025-01-10T10:05:00+00:00")
    refused = pay(service, card, "5.00", one("20.00"), orderId="O2")
    (error,) = refused["userErrors"]
    assert (error["required"], error["available"], error["held"]) == ("500", "400", "600")
    assert error["amountCovered"] == {"amount": "4.00"}
    service.clock.set("2025-01-10T10:06:00+00:00")
    over = pay(service, card, "5.00", one("20.00"), orderId="O2", takeOverHolds=True)
    assert taken(over) == [("PTS", "500")]
    query = "query($id: ID!) { loyaltyPayment(id: $id) { status } }"
    found = service.ask(query, id=first["payment"]["id"])["loyaltyPayment"]
    assert found == {"status": "VOIDED"}
    now = service.balance(card)
    assert (now["available"], now["held"]) == ("500", "0")


def test_ex_105_a_hold_lapses_at_its_instant_without_a_job(service: Harness) -> None:
    card = holder(service, program(), 1000)
    service.clock.set("2025-01-10T10:00:00+00:00")
    first = pay(service, card, "6.00", one("20.00"), orderId="O1", capture=False)
    query = "query($id: ID!) { loyaltyPayment(id: $id) { status } }"
    for at, available, status in (
        ("2025-01-10T10:29:59.999999+00:00", "400", "AUTHORIZED"),
        ("2025-01-10T10:30:00+00:00", "1000", "EXPIRED"),
    ):
        service.clock.set(at)
        assert service.available(card) == available
        assert service.ask(query, id=first["payment"]["id"])["loyaltyPayment"]["status"] == status
    assert codes(change(service, "captureLoyaltyPayment", first)) == ["PAYMENT_STATE_CONFLICT"]
    assert codes(change(service, "voidLoyaltyPayment", first)) == []
    assert taken(pay(service, card, "10.00", one("20.00"), orderId="O1")) == [("PTS", "1000")]


def test_a_hold_whose_points_are_spent_is_over_whatever_the_clock_says(service: Harness) -> None:
    """A capture that waited for the card still has the time at which it began to wait."""
    card = holder(service, program(), 1000)
    held = pay(service, card, "6.00", one("20.00"), capture=False)
    service.clock.advance(minutes=30)
    assert taken(pay(service, card, "8.00", one("20.00"))) == [("PTS", "800")]
    service.clock.advance(seconds=-1)
    for amount in ("6.00", "1.00"):
        late = change(service, "captureLoyaltyPayment", held, amount=amount)
        assert codes(late) == ["PAYMENT_STATE_CONFLICT"]
    assert codes(change(service, "voidLoyaltyPayment", held)) == []
    assert service.available(card) == "200"


def test_ex_106_held_points_outlive_their_last_day(service: Harness) -> None:
    document = program()
    document["rewardPoints"] = reward_points(expiration={"value": 2, "unit": "MONTH"})
    service.apply(document)
    cards = [service.issue(), service.issue()]
    service.clock.set("2025-01-31")
    for card in cards:
        adjust(service, card, 300)
    service.clock.set("2025-03-31T23:50:00-04:00")
    held = [pay(service, card, "3.00", one("3.00"), capture=False) for card in cards]
    service.clock.set("2025-04-01T00:10:00-04:00")
    captured = change(service, "captureLoyaltyPayment", held[0])
    assert captured["payment"]["status"] == "CAPTURED"
    assert captured["payment"]["transactions"][0]["occurredAt"] == "2025-04-01T03:50:00Z"
    change(service, "voidLoyaltyPayment", held[1])
    found = service.balance(cards[1])
    assert (found["available"], found["expired"]) == ("0", "300")


def test_ex_108_limits(service: Harness) -> None:
    limits = {"minimumPoints": 500, "step": 250}
    card = holder(service, program(redemptionLimits=limits), 1180)
    bought = one("20.00")
    assert covered(service, card, bought) == "10.00"
    for amount in ("6.00", "2.50", "11.00"):
        assert codes(pay(service, card, amount, bought)) == ["REDEMPTION_LIMIT"], amount
    refused = pay(service, card, "12.00", bought)
    assert codes(refused) == ["NOT_ENOUGH_REWARD_POINTS"]
    assert refused["userErrors"][0]["amountCovered"] == {"amount": "10.00"}
    service.apply(program(redemptionLimits={**limits, "maximumShareOfOrder": 40}))
    service.clock.advance(minutes=1)
    assert covered(service, card, bought) == "7.50"
    assert taken(pay(service, card, "7.50", bought)) == [("PTS", "750")]


def test_ex_109_a_partial_capture_frees_the_rest(service: Harness) -> None:
    card = holder(service, program(), 1000)
    held = pay(service, card, "6.00", one("20.00"), capture=False)
    assert codes(change(service, "captureLoyaltyPayment", held, amount="6.01")) == [
        "INVALID_PAYMENT_REQUEST"
    ]
    payload = change(service, "captureLoyaltyPayment", held, amount="4.50")
    assert taken(payload) == [("PTS", "450")]
    assert payload["payment"]["amount"] == {"amount": "4.50"}
    found = service.balance(card)
    assert (found["available"], found["held"]) == ("550", "0")
    assert codes(change(service, "captureLoyaltyPayment", held)) == ["PAYMENT_STATE_CONFLICT"]


def test_ex_114_a_gift_leaves_held_points_alone(service: Harness) -> None:
    card = holder(service, program(), 500)
    other = service.issue()
    held = pay(service, card, "2.00", one("20.00"), capture=False)
    refused = give(service, card, other, 400)
    (error,) = refused["userErrors"]
    assert (error["required"], error["available"], error["held"]) == ("400", "300", "200")
    assert codes(give(service, card, other, 300)) == []
    assert codes(change(service, "captureLoyaltyPayment", held)) == []
    assert service.available(card) == "0"


@pytest.mark.parametrize("reserves", ["its own lots", "another card's lots"])
def test_blocking_voids_holds(service: Harness, reserves: str) -> None:
    service.apply(program())
    service.customer("c")
    contact = service.issue(customerId="c", tenderType="AS_CONTACT_TENDER")
    other = service.issue(customerId="c")
    adjust(service, other, 500)
    held = pay(service, contact, "5.00", one("20.00"), capture=False)
    assert service.balance(other)["held"] == "500"
    blocked = contact if reserves == "another card's lots" else other
    service.change_card("blockLoyaltyCard", number=blocked, reason="lost")
    query = "query($id: ID!) { loyaltyPayment(id: $id) { status } }"
    assert service.ask(query, id=held["payment"]["id"])["loyaltyPayment"]["status"] == "VOIDED"
    assert service.balance(other)["held"] == "0"


def test_checks_in_their_order(service: Harness) -> None:
    document = program()
    document["cardNumberRanges"] = [{"from": "LC-00000", "to": "LC-99999"}]
    document["coupons"] = [{"code": "OLD", "validTo": "2020-01-01"}]
    card = holder(service, document, 1000)

    def refused(amount: Any, bought: Any, number: str = card, **more: Any) -> list[str]:
        return codes(pay(service, number, amount, bought, **more))

    assert refused("1.00", one("5.00", channel="NONE"), "NONE") == ["CHANNEL_NOT_FOUND"]
    assert refused("0", one("5.00"), "NONE") == ["INVALID_PAYMENT_REQUEST"]
    assert refused("5.01", one("5.00"), "NONE") == ["INVALID_PAYMENT_REQUEST"]
    assert refused("0.001", one("5.00"), "NONE") == ["INVALID_PAYMENT_REQUEST"]
    assert refused("1.00", one("5.00"), "NONE") == ["LOYALTY_CARD_NOT_FOUND"]
    assert refused("1.00", one("5.00", coupons=["OLD"])) == ["COUPON_NOT_VALID"]
    assert refused("1.00", one("5.00", cardNumber="OTHER")) == ["INVALID_INPUT"]
    assert refused("1.00", one("5.00"), orderId="O") == []
    assert refused("1.00", one("5.00"), orderId="O") == ["ONE_LOYALTY_TENDER_ONLY"]
    late = pay(service, card, "1.00", one("5.00"), orderId="")
    assert late["userErrors"][0]["field"] == ["orderId"]


def test_two_payments_at_once_never_spend_a_point_twice(service: Harness) -> None:
    card = holder(service, program(), 1000)
    service.key("admin")
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(pay(service, card, "0.70", one("5.00"))))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(codes, found)) == [[]] * 14 + [["NOT_ENOUGH_REWARD_POINTS"]] * 6
    assert service.available(card) == "20"


def sold(service: Harness, card: str, payment: Any, *lines: Any) -> Any:
    ids = [payment["payment"]["id"]]
    return service.try_sale(card, lines=list(lines), loyaltyPayments=ids)


@pytest.mark.parametrize(("setting", "points"), [("NONE", []), ("REMAINDER", [("PTS", "70")])])
def test_ex_15_what_a_sale_paid_with_points_earns(
    service: Harness, setting: str, points: list[tuple[str, str]]
) -> None:
    document = {**program(), "settings": {"earnOnRedeemSale": setting}}
    card = holder(service, document, 3000)
    payment = pay(service, card, "30.00", one("100.00"))
    preview = """query($input: CartInput!) { cart(input: $input) {
      earnings { rewardPoint { code } points } } }"""
    bought = one("100.00", cardNumber=card, loyaltyPayments=[payment["payment"]["id"]])
    shown = service.ask(preview, input=bought)["cart"]["earnings"]
    assert [(row["rewardPoint"]["code"], row["points"]) for row in shown] == points
    payload = sold(service, card, payment, line(1, "100.00"))
    assert codes(payload) == []
    assert entries(payload["salesTransaction"]) == points
    if not points:
        assert notes(payload["salesTransaction"]) == [("PAID_WITH_POINTS", "CLUB-US", None)]
    else:
        # What the first sale used up shrinks no second one.
        again = sold(service, card, payment, line(1, "100.00"))
        assert entries(again["salesTransaction"]) == [("PTS", "100")]


def test_a_payment_that_a_sale_names_twice_pays_once(service: Harness) -> None:
    document = {**program(), "settings": {"earnOnRedeemSale": "REMAINDER"}}
    card = holder(service, document, 3000)
    ids = [pay(service, card, "30.00", one("100.00"))["payment"]["id"]] * 2
    preview = "query($input: CartInput!) { cart(input: $input) { earnings { points } } }"
    bought = one("100.00", cardNumber=card, loyaltyPayments=ids)
    assert service.ask(preview, input=bought)["cart"]["earnings"] == [{"points": "70"}]
    payload = service.try_sale(card, "100.00", transactionId="S", loyaltyPayments=ids)
    assert entries(payload["salesTransaction"]) == [("PTS", "70")]
    named = """{ salesTransaction(channel: "WEB", transactionId: "S") {
      loyaltyPayments { id } } }"""
    assert service.ask(named)["salesTransaction"]["loyaltyPayments"] == [{"id": ids[0]}]


def test_ex_102_points_pay_tax_too(service: Harness) -> None:
    document = {**program(), "settings": {"earnOnRedeemSale": "REMAINDER"}}
    card = holder(service, document, 5500)
    bought = line(1, "100.00", taxAmount="10.00")
    payment = pay(service, card, "55.00", cart(bought))
    payload = sold(service, card, payment, bought)
    assert entries(payload["salesTransaction"]) == [("PTS", "50")]


def test_a_sale_names_live_payments_of_its_own_customer(service: Harness) -> None:
    card = holder(service, program(), 1000)
    other = service.issue()
    held = pay(service, card, "1.00", one("5.00"), capture=False)
    assert codes(sold(service, other, held, line(1, "5.00"))) == ["CARD_CUSTOMER_CONFLICT"]
    change(service, "voidLoyaltyPayment", held)
    assert codes(sold(service, card, held, line(1, "5.00"))) == ["PAYMENT_STATE_CONFLICT"]


def test_a_late_sale_names_what_the_card_paid_before_it_was_replaced(service: Harness) -> None:
    document = {**program(), "settings": {"earnOnRedeemSale": "REMAINDER"}}
    card = holder(service, document, 3000)
    payment = pay(service, card, "30.00", one("100.00"))
    earlier = service.clock.now.isoformat()
    service.clock.advance(hours=1)
    given = {"idempotencyKey": "k", "channel": "WEB", "number": card, "newNumber": "NEW"}
    replaced = service.mutate("replaceLoyaltyCard", "userErrors { code }", given)
    assert replaced == {"userErrors": []}
    ids = [payment["payment"]["id"]]
    late = service.try_sale(card, "100.00", occurredAt=earlier, loyaltyPayments=ids)
    assert entries(late["salesTransaction"]) == [("PTS", "70")]
    assert service.available("NEW") == "70"
