"""Semantics 8.2 and 14: a cart of which something cannot count says what a payment would say."""

from typing import Any

import pytest

from tests.api.harness import Harness
from tests.api.program import amount_rule, channel, pay_rule, scheme
from tests.api.test_payments import holder, one, pay, program
from tests.api.test_points import codes

CART = """query($input: CartInput!) { cart(input: $input) {
  userErrors { code field } total { amount } earnings { points } earningNotes { code }
  loyaltyTender { card { number } amountCovered { amount } points { points }
    refusal { code field } } } }"""


def looked_at(service: Harness, bought: dict[str, Any], caller: str = "admin") -> dict[str, Any]:
    found: dict[str, Any] = service.ask(CART, caller, input=bought)["cart"]
    return found


@pytest.mark.parametrize(
    ("named", "refusal"),
    [
        ({"customerId": "nobody"}, "CUSTOMER_NOT_FOUND"),
        ({"affiliations": ["unknown"]}, "AFFILIATION_NOT_FOUND"),
        ({"affiliations": ["employee"], "customerId": "nobody"}, "AFFILIATION_HIDDEN"),
        ({"coupons": ["MINE", "PAST"]}, "COUPON_NOT_VALID"),
    ],
)
def test_who_would_be_refused_at_paying_is_told_so_in_the_cart(
    service: Harness, named: dict[str, Any], refusal: str
) -> None:
    past = [{"code": "PAST", "validTo": "2020-01-01"}]
    card = holder(service, {**program(), "coupons": past})
    tender = looked_at(service, one("5.00", cardNumber=card, **named))["loyaltyTender"]
    (told,) = pay(service, card, "5.00", one("5.00", **named))["userErrors"]
    assert told["code"] == refusal
    assert tender["refusal"] == told
    assert (tender["amountCovered"]["amount"], tender["points"]) == ("0.00", [])


def test_a_card_replaced_since_does_not_pay_for_the_past(service: Harness) -> None:
    card = holder(service, program())
    before = service.clock.now.isoformat()
    service.clock.advance(days=1)
    replaced = service.mutate(
        "replaceLoyaltyCard",
        "userErrors { code }",
        {"idempotencyKey": "r", "number": card, "channel": "WEB", "reason": "lost"},
    )
    assert replaced["userErrors"] == []
    bought = one("5.00", at=before)
    assert codes(pay(service, card, "5.00", bought)) == ["LOYALTY_CARD_REPLACED"]
    shown = looked_at(service, {**bought, "cardNumber": card})
    # What is posted late earns on the successor.
    assert [row["points"] for row in shown["earnings"]] == ["5"]
    tender = shown["loyaltyTender"]
    assert tender["card"] == {"number": card}
    assert tender["refusal"] == {"code": "LOYALTY_CARD_REPLACED", "field": ["cardNumber"]}
    assert tender["amountCovered"]["amount"] == "0.00"


def test_a_card_that_may_not_be_used_does_not_spoil_a_cart_paid_with_points(
    service: Harness,
) -> None:
    till = scheme(amount_rule(), channels=["WEB", "SHOP"], redemptionRules=[pay_rule()])
    channels = [channel(kind="STORE"), channel("SHOP")]
    service.customer("c")
    service.customer("d")
    card = holder(service, {**program(), "channels": channels, "schemes": [till]}, customerId="c")
    payment = pay(service, card, "1.00", one("5.00"))["payment"]["id"]
    bought = one("5.00", loyaltyPayments=[payment], cardNumber=card)
    for caller, given, refusal in (
        ("admin", {"cardNumber": "UNKNOWN"}, "LOYALTY_CARD_NOT_FOUND"),
        ("customer:d", {}, "LOYALTY_CARD_NOT_FOUND"),
        ("admin", {"channel": "SHOP"}, "CARD_REQUIRES_SIGN_IN"),
        ("admin", {"customerId": "d"}, "CARD_CUSTOMER_CONFLICT"),
    ):
        shown = looked_at(service, {**bought, **given}, caller)
        assert [error["code"] for error in shown["userErrors"]] == [refusal]
        assert (shown["total"]["amount"], shown["loyaltyTender"]) == ("5.00", None)
        assert [note["code"] for note in shown["earningNotes"]] == ["NO_CARD"]
    # Nobody's card was refused here: a sale of these facts would be.
    nobody = {**bought, "cardNumber": None}
    assert service.gql(CART, input=nobody).codes == ["CARD_CUSTOMER_CONFLICT"]
