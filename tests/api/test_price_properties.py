"""Properties of semantics 10 and 18 through the API, on both databases: what a cart shows is what a
sale books and what points can pay, whatever the order of anything.
"""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.harness import Harness, line
from tests.api.prices import APPAREL5, APPAREL10, AUTO_CHARGES, PROMO, amounts, cart, shop, shown
from tests.api.program import amount_rule, pay_rule, reward_points, scheme
from tests.api.test_payments import covered, pay
from tests.api.test_points import adjust, codes

API = settings(
    max_examples=7,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

DISCOUNTS = [
    APPAREL5,
    APPAREL10,
    {"code": "VOLUME", "percentOff": "3.3", "concurrency": "COMPOUND"},
    {"code": "OFF1", "amountOff": "1.01", "currency": "USD", "concurrency": "COMPOUND"},
    {"code": "SPRING", "percentOff": 20, "coupon": "SPRING", "concurrency": "EXCLUSIVE"},
    {"code": "B-ONLY", "percentOff": 7, "products": ["P2"], "priority": 1},
]
SHIPPING = [
    PROMO,
    {
        **PROMO,
        "code": "LOY-FREE",
        "name": "Members - free",
        "thresholds": [{"amount": 20, "percentOff": "33.3"}],
        "priceGroups": ["LOY"],
        "concurrency": "COMPOUND",
        "priority": 2,
    },
    {
        **PROMO,
        "code": "TOO",
        "name": "free",
        "thresholds": [{"amount": 0, "percentOff": "12.5"}],
        "concurrency": "COMPOUND",
        "priority": 2,
    },
    {**PROMO, "code": "SLOW", "deliveryMode": "STANDARD", "basis": "BEFORE_DISCOUNT"},
]
RULES = [
    amount_rule(),
    amount_rule("apparel", categories=["Apparel"], per=10, points=3),
    amount_rule("gold", tier="GOLD", points=10),
]


def document(**more: Any) -> Any:
    pays = [pay_rule(), pay_rule("apparel", points=80, categories=["Apparel"])]
    second = scheme(amount_rule("cash", point="CASH", per=100, points="1.5"), code="SECOND")
    return shop(
        discounts=DISCOUNTS,
        shippingThresholdDiscounts=SHIPPING,
        autoCharges=AUTO_CHARGES,
        coupons=[{"code": "SPRING", "validFrom": "2020-01-01"}],
        schemes=[scheme(*RULES, redemptionRules=pays), second],
        rewardPoints=reward_points(),
        **more,
    )


@st.composite
def carts(draw: st.DrawFn) -> dict[str, Any]:
    lines = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        cents = draw(st.integers(1, 9_000))
        more: dict[str, Any] = {
            "categories": draw(st.sampled_from([[], ["Apparel"], ["Other", "Apparel"]])),
            "taxAmount": str(Decimal(draw(st.integers(0, 300))) / 100),
            "deliveryMode": draw(st.sampled_from([None, "TWO_DAY", "STANDARD"])),
            "discountAmount": str(Decimal(draw(st.integers(0, cents))) / 100),
        }
        quantity = draw(st.sampled_from(["1", "2", "3"]))
        lines.append(line(number, Decimal(cents) / 100, quantity, **more))
    given_cart = cart(*lines)
    charges = st.lists(
        st.builds(
            lambda code, cents, number, overridden: {
                "code": code,
                "amount": str(Decimal(cents) / 100),
                "lineNumber": number,
                "overridden": overridden,
            },
            st.sampled_from(["FREIGHT", "HANDLING"]),
            st.integers(0, 2_000),
            st.sampled_from([None, *range(1, len(lines) + 1)]),
            st.booleans(),
        ),
        max_size=3,
    )
    given_cart["charges"] = draw(st.none() | charges)
    given_cart["coupons"] = draw(st.sampled_from([[], ["SPRING"], ["UNKNOWN"]]))
    given_cart["deliveryMode"] = draw(st.sampled_from([None, "TWO_DAY"]))
    given_cart["applyDiscounts"] = draw(st.sampled_from([True, True, False, None]))
    return given_cart


def prepared(service: Harness) -> None:
    if not service.ask("{ channels { code } }")["channels"]:
        service.apply(document())


def by_line(found: Any) -> dict[int, Decimal]:
    """What this service's discounts take off each line."""
    return {
        row["lineNumber"]: sum(
            (Decimal(d["amount"]["amount"]) for d in row["discounts"]), Decimal(0)
        )
        for row in found["lines"]
    }


@given(sent=carts())
@API
def test_the_discounts_shown_sent_in_discount_amount_book_what_was_promised(
    service: Harness, sent: dict[str, Any]
) -> None:
    prepared(service)
    card = service.issue()
    found = shown(service, sent, cardNumber=card)
    off = by_line(found)
    sold = [
        {**one, "discountAmount": str(Decimal(one["discountAmount"]) + off[one["lineNumber"]])}
        for one in sent["lines"]
    ]
    sale = service.sale(card, lines=sold)
    promised = [
        (earning["rewardPoint"]["code"], share["lineNumber"], share["points"])
        for earning in found["earnings"]
        for share in earning["lines"]
    ]
    booked = [
        (entry["rewardPoint"]["code"], entry["lineNumber"], entry["points"])
        for entry in sale["transactions"]
    ]
    assert promised == booked
    assert found["earningNotes"] == sale["earningNotes"]
    # Sent so and with discounts left out, the cart costs the same.
    again = shown(service, {**sent, "lines": sold, "applyDiscounts": False}, cardNumber=card)
    for name in ("netAmount", "lineNumber"):
        assert [row[name] for row in again["lines"]] == [row[name] for row in found["lines"]]
    for name in ("total", "balanceDue", "taxTotal", "discountTotal", "subtotal"):
        assert again[name] == found[name]
    assert amounts(again) == amounts(found)


@given(sent=carts(), points=st.sampled_from([0, 700, 100_000]))
@API
def test_exactly_the_cover_is_paid_and_one_cent_more_is_not(
    service: Harness, sent: dict[str, Any], points: int
) -> None:
    prepared(service)
    card = service.issue()
    if points:
        adjust(service, card, points)
    cover = Decimal(covered(service, card, sent))
    more = pay(service, card, cover + Decimal("0.01"), sent)
    assert codes(more) in (["NOT_ENOUGH_REWARD_POINTS"], ["INVALID_PAYMENT_REQUEST"])
    if cover:
        found = shown(service, sent, cardNumber=card)
        payload = pay(service, card, cover, sent)
        assert codes(payload) == []
        rows = payload["payment"]["points"]
        assert [row["points"] for row in rows] == [
            row["points"] for row in found["loyaltyTender"]["points"]
        ]


@given(sent=carts())
@API
def test_charges_of_the_answer_sent_again_are_not_reduced_twice(
    service: Harness, sent: dict[str, Any]
) -> None:
    prepared(service)
    card = service.issue()
    found = shown(service, sent, cardNumber=card)

    def fed_back(amount: str, *, overridden: bool) -> Any:
        charges = [
            {
                "code": one["code"],
                "lineNumber": one["lineNumber"],
                "description": one["description"],
                "amount": one[amount]["amount"],
                "overridden": overridden or (one["amount"] == one["originalAmount"]),
            }
            for one in found["charges"]
        ]
        return shown(service, {**sent, "charges": charges}, cardNumber=card)

    # From the amounts before: the same sum again; from those after, fixed by hand: left alone.
    for again in (
        fed_back("originalAmount", overridden=False),
        fed_back("amount", overridden=True),
    ):
        assert amounts(again) == amounts(found)
        assert [one["description"] for one in again["charges"]] == [
            one["description"] for one in found["charges"]
        ]
        assert again["total"] == found["total"]


@given(sent=carts(), data=st.data())
@settings(API, max_examples=4)
def test_the_order_of_anything_changes_no_price(
    service: Harness, sent: dict[str, Any], data: st.DataObject
) -> None:
    mixed = document()
    for name in ("discounts", "shippingThresholdDiscounts", "schemes", "priceGroups", "coupons"):
        mixed[name] = data.draw(st.permutations(mixed[name]))
    for one in mixed["schemes"]:
        one["earningRules"] = data.draw(st.permutations(one["earningRules"]))
        one["redemptionRules"] = data.draw(st.permutations(one.get("redemptionRules", [])))
    shuffled = {**sent, "lines": data.draw(st.permutations(sent["lines"]))}
    found = []
    for program, given_cart in ((document(), sent), (mixed, shuffled)):
        service.apply(program)
        service.clock.advance(minutes=1)
        card = service.issue()
        adjust(service, card, 700)
        answer = shown(service, given_cart, cardNumber=card)
        for name, key in (("lines", "lineNumber"), ("charges", "lineNumber")):
            answer[name].sort(key=lambda row, key=key: (row[key] or 0, repr(row)))
        for name in ("earnings", "earningNotes"):
            answer[name].sort(key=repr)
        found.append(answer)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("given_cart", "field"),
    [
        ({"deliveryMode": ""}, ["deliveryMode"]),
        ({"deliveryMode": "x" * 257}, ["deliveryMode"]),
        ({"coupons": ["C"] * 101}, ["coupons"]),
        ({"charges": [{"code": "", "amount": "1"}]}, ["charges", "0", "code"]),
        ({"charges": [{"code": "F", "amount": "-1"}]}, ["charges", "0", "amount"]),
        ({"charges": [{"code": "F", "amount": "0.001"}]}, ["charges", "0", "amount"]),
        (
            {"charges": [{"code": "F", "amount": "1", "lineNumber": 9}]},
            ["charges", "0", "lineNumber"],
        ),
        (
            {"charges": [{"code": "F", "amount": "1", "description": "x" * 1001}]},
            ["charges", "0", "description"],
        ),
        ({"lines": [line(1, "1.00", deliveryMode="")]}, ["lines", "0", "deliveryMode"]),
        ({"amountPaid": "-1"}, ["amountPaid"]),
    ],
)
def test_whatever_is_malformed_is_told_with_its_path(
    service: Harness, given_cart: dict[str, Any], field: list[str]
) -> None:
    prepared(service)
    card = service.issue()
    query = "query($input: CartInput!) { cart(input: $input) { total { amount } } }"
    wrong = {**cart(line(1, "5.00")), **given_cart}
    answer = service.gql(query, input=wrong)
    assert answer.response.status_code == 200
    assert answer.codes == ["INVALID_INPUT"]
    assert answer.errors[0]["extensions"]["field"] == field
    payload = pay(service, card, "1.00", wrong)
    (error,) = payload["userErrors"]
    assert (error["code"], error["field"]) == ("INVALID_INPUT", ["cart", *field])


@pytest.mark.parametrize(
    "given_cart",
    [
        {"applyDiscounts": "yes"},
        {"charges": "none"},
        {"lines": None},
        {"deliveryMode": "a\x00b"},
        {"coupons": ["\ud800"]},
    ],
)
def test_what_has_the_wrong_type_is_a_bad_request(
    service: Harness, given_cart: dict[str, Any]
) -> None:
    prepared(service)
    query = "query($input: CartInput!) { cart(input: $input) { total { amount } } }"
    answer = service.gql(query, input={**cart(line(1, "5.00")), **given_cart})
    assert answer.response.status_code < 500
    assert answer.codes
    assert "INTERNAL_SERVER_ERROR" not in answer.codes


def test_a_coupon_out_of_date_and_an_unknown_affiliation_are_left_out_and_told(
    service: Harness,
) -> None:
    late = [{"code": "SPRING", "validTo": "2020-01-01"}]
    service.apply({**document(), "coupons": late})
    named = {"coupons": ["MINE", "SPRING"], "affiliations": ["nobody", "employee", "veteran"]}
    found = shown(service, cart(line(1, "50.00"), **named))
    assert [(one["code"], one["field"]) for one in found["userErrors"]] == [
        ("AFFILIATION_NOT_FOUND", ["affiliations", "0"]),
        ("AFFILIATION_HIDDEN", ["affiliations", "1"]),
        ("COUPON_NOT_VALID", ["coupons", "1"]),
    ]
    given_codes = {one["code"] for one in found["lines"][0]["discounts"]}
    assert "SPRING" not in given_codes


def test_a_card_that_may_not_be_used_opens_no_prices(service: Harness) -> None:
    service.apply({**document(), "discounts": [APPAREL5]})
    service.customer("c")
    service.customer("d")
    card = service.issue(customerId="c")
    bought = cart(line(1, "100.00", categories=["Apparel"]))
    found = shown(service, bought, cardNumber=card, customerId="d")
    assert [one["code"] for one in found["userErrors"]] == ["CARD_CUSTOMER_CONFLICT"]
    assert (found["total"]["amount"], found["loyaltyTender"]) == ("100.00", None)
    assert [note["code"] for note in found["earningNotes"]] == ["NO_CARD"]
    unknown = shown(service, bought, cardNumber="NONE")
    assert [one["code"] for one in unknown["userErrors"]] == ["LOYALTY_CARD_NOT_FOUND"]
    foreign = service.gql(
        "query($i: CartInput!) { cart(input: $i) { userErrors { code } total { amount } } }",
        "customer:d",
        i={**bought, "cardNumber": card},
    )
    assert foreign["cart"] == {
        "userErrors": [{"code": "LOYALTY_CARD_NOT_FOUND"}],
        "total": {"amount": "100.00"},
    }
    service.change_card("blockLoyaltyCard", number=card, reason="lost")
    blocked = shown(service, bought, cardNumber=card, customerId="c")
    assert (blocked["total"]["amount"], blocked["priceGroups"]) == ("100.00", [])


def test_no_charges_and_automatic_charges_are_two_different_payments(service: Harness) -> None:
    prepared(service)
    card = service.issue()
    adjust(service, card, 10_000)
    bought = cart(line(1, "10.00", deliveryMode="STANDARD"))
    key = service.fresh_key()
    first = pay(service, card, "1.00", bought, idempotencyKey=key, orderId="O")
    assert codes(first) == []
    again = pay(service, card, "1.00", bought, idempotencyKey=key, orderId="O")
    assert (codes(again), again["replayed"]) == ([], True)
    other = pay(service, card, "1.00", {**bought, "charges": []}, idempotencyKey=key, orderId="O")
    assert codes(other) == ["IDEMPOTENCY_KEY_REUSED"]


def test_the_order_of_codes_says_nothing(service: Harness) -> None:
    prepared(service)
    card = service.issue()
    adjust(service, card, 10_000)
    key = service.fresh_key()
    for order in (1, -1):
        bought = cart(
            line(1, "10.00", categories=["Apparel", "Other"][::order]),
            coupons=["SPRING", "MINE"][::order],
        )
        payload = pay(service, card, "1.00", bought, idempotencyKey=key, orderId="O")
        assert (codes(payload), payload["replayed"]) == ([], order == -1)
