"""EX-nn of semantics 10: member prices, charges and shipping discounts, through the API on both
databases.
"""

from typing import Any

import pytest

from tests.api.harness import Harness, line
from tests.api.prices import (
    APPAREL5,
    APPAREL10,
    AUTO_CHARGES,
    PROMO,
    amounts,
    apparel,
    cart,
    charge,
    offers,
    shop,
    shown,
    total,
)
from tests.api.test_earning_examples import gold
from tests.api.test_payments import covered, pay
from tests.api.test_points import adjust, codes

A = line(1, "40.00", deliveryMode="TWO_DAY")
B = line(2, "20.00", deliveryMode="STANDARD")
SENT = [charge("FREIGHT", "8.00", 1), charge("FREIGHT", "5.00", 2), charge("HANDLING", "3.00", 1)]


def promo(**more: Any) -> Any:
    return shop(shippingThresholdDiscounts=[{**PROMO, **more}])


def test_ex_55_members_and_gold_have_their_prices(service: Harness) -> None:
    service.apply(shop(discounts=[APPAREL5, APPAREL10]))
    member, best = service.issue(), service.issue()
    gold(service, best)
    for card, price, given in (
        (None, "100.00", []),
        (member, "95.00", [("LOY5", "5 % off apparel", "5.00", "LOY")]),
        (best, "90.00", [("LOYG10", "10 % off apparel", "10.00", "LOYG")]),
    ):
        found = shown(service, cart(apparel("100.00")), cardNumber=card)
        (row,) = found["lines"]
        assert (row["grossAmount"]["amount"], row["netAmount"]["amount"]) == ("100.00", price)
        discounts = [
            (one["code"], one["name"], one["amount"]["amount"], one["priceGroup"])
            for one in row["discounts"]
        ]
        assert discounts == given
        assert (total(found), total(found, "subtotal")) == (price, "100.00")
        assert [row["points"] for row in found["earnings"]] == (
            [price.split(".")[0]] if card else []
        )


def test_ex_56_a_hidden_affiliation_still_opens_its_prices(service: Harness) -> None:
    staff = {"code": "STAFF25", "percentOff": 25, "priceGroups": ["STAFF"]}
    service.apply(shop(discounts=[staff]))
    service.customer("e", affiliations=["employee"])
    (row,) = shown(service, cart(line(1, "100.00")), customerId="e")["lines"]
    assert row["netAmount"]["amount"] == "75.00"
    named = shown(service, cart(line(1, "100.00")), affiliations=["employee"])
    assert named["userErrors"] == [{"code": "AFFILIATION_HIDDEN", "field": ["affiliations", "0"]}]
    assert total(named) == "100.00"
    query = '{ affiliations(channel: "WEB") { code } }'
    assert service.ask(query)["affiliations"] == [{"code": "veteran"}]


def test_ex_110_compounding_and_best_price(service: Harness) -> None:
    ten = {"code": "TEN", "percentOff": 10, "concurrency": "COMPOUND"}
    five = {"code": "FIVE", "percentOff": 5, "concurrency": "COMPOUND"}
    service.apply(shop(discounts=[ten, five]))
    found = shown(service, cart(line(1, "100.00")))
    assert total(found) == "85.50"
    given = [(one["code"], one["amount"]["amount"]) for one in found["lines"][0]["discounts"]]
    assert given == [("FIVE", "5.00"), ("TEN", "9.50")]
    service.apply(shop(discounts=[ten, {**five, "concurrency": "BEST_PRICE"}]))
    service.clock.advance(minutes=1)
    assert total(shown(service, cart(line(1, "100.00")))) == "90.00"


@pytest.mark.parametrize(
    ("price", "charged"), [("60.00", ["5.00"]), ("100.00", ["5.00"]), ("100.01", [])]
)
def test_ex_111_an_order_charge_within_its_bounds(
    service: Harness, price: str, charged: list[str]
) -> None:
    service.apply(shop(autoCharges=AUTO_CHARGES))
    found = shown(service, cart(line(1, price, deliveryMode="STANDARD")))
    assert amounts(found) == charged
    assert all(one["lineNumber"] is None and one["isShipping"] for one in found["charges"])
    assert (
        shown(service, cart(line(1, price, deliveryMode="STANDARD"), charges=[]))["charges"] == []
    )


def test_ex_111_lines_of_two_modes_have_no_order_mode(service: Harness) -> None:
    service.apply(shop(autoCharges=AUTO_CHARGES))
    lines = [line(1, "60.00", deliveryMode="STANDARD"), line(2, "10.00", deliveryMode="TWO_DAY")]
    found = shown(service, cart(*lines))
    charges = [(one["code"], one["lineNumber"], one["description"]) for one in found["charges"]]
    assert charges == [("FREIGHT", 2, "Freight")]
    assert (amounts(found), total(found, "chargeTotal")) == (["8.00"], "8.00")


@pytest.mark.parametrize("text", ["Two-day promo", " - Two-day promo", "", None])
def test_a_charge_described_by_nothing_but_a_discount_has_the_name_of_its_code(
    service: Harness, text: str | None
) -> None:
    service.apply(promo())
    for line_sent, described in ((A, "Freight - Two-day promo"), (line(1, "10.00"), "Freight")):
        found = shown(
            service, cart(line_sent, charges=[charge("FREIGHT", "8.00", 1, description=text)])
        )
        assert [one["description"] for one in found["charges"]] == [described]


def test_goods_in_the_products_or_in_the_categories_of_a_shipping_discount_qualify(
    service: Harness,
) -> None:
    service.apply(promo(products=["P1"], categories=["Apparel"]))
    lines = [line(1, "20.00"), apparel("14.00", 2), apparel("1.00", 3), line(4, "50.00")]
    found = shown(service, cart(*lines, deliveryMode="TWO_DAY"))
    assert offers(found) == [
        ("TWODAY-PROMO", "35.00", "50", "0.00", ("75.00", "100"), "40.00"),
    ]


def test_ex_68_a_threshold_halves_the_freight_of_its_mode_alone(service: Harness) -> None:
    service.apply(promo())
    found = shown(service, cart(A, B, charges=SENT))
    assert amounts(found) == ["4.00", "5.00", "3.00"]
    rows = [(c["description"], c["originalAmount"]["amount"]) for c in found["charges"]]
    assert rows == [("Freight - Two-day promo", "8.00"), ("Freight", "5.00"), ("Handling", "3.00")]
    given = [[one["code"] for one in c["discounts"]] for c in found["charges"]]
    assert given == [["TWODAY-PROMO"], [], []]
    assert [row["discounts"] for row in found["lines"]] == [[], []]
    step = ("75.00", "100")
    assert offers(found) == [("TWODAY-PROMO", "40.00", "50", "4.00", step, "35.00")]
    more = [A, B, line(3, "35.00", deliveryMode="TWO_DAY")]
    full = shown(service, cart(*more, charges=[*SENT, charge("FREIGHT", "8.00", 3)]))
    assert amounts(full) == ["0.00", "5.00", "3.00", "0.00"]
    assert offers(full) == [("TWODAY-PROMO", "75.00", "100", "16.00", None, "0.00")]


@pytest.mark.parametrize(
    ("price", "percent", "freight"),
    [("35.00", 0, "4.00"), ("34.99", 0, "8.00"), ("40.00", 15, "8.00"), ("40.00", 10, "4.00")],
)
def test_ex_69_net_amounts_qualify(
    service: Harness, price: str, percent: int, freight: str
) -> None:
    member = [{"code": "OFF", "percentOff": percent}] if percent else []
    service.apply(shop(shippingThresholdDiscounts=[PROMO], discounts=member))
    sent = [charge("FREIGHT", "8.00", 1)]
    assert amounts(shown(service, cart({**A, "unitPrice": price}, charges=sent))) == [freight]


def test_ex_112_gross_amounts_qualify_before_discount(service: Harness) -> None:
    document = promo(basis="BEFORE_DISCOUNT")
    service.apply({**document, "discounts": [{"code": "OFF", "percentOff": 15}]})
    found = shown(service, cart(A, charges=[charge("FREIGHT", "8.00", 1)]))
    assert (total(found, "discountTotal"), amounts(found)) == ("6.00", ["4.00"])
    assert offers(found)[0][1] == "40.00"


def test_ex_71_free_for_members_and_plain_again_without_the_card(service: Harness) -> None:
    free = {"thresholds": [{"amount": 0, "percentOff": 100}], "priceGroups": ["LOY"]}
    service.apply(promo(**free))
    card = service.issue()
    sent = [charge("FREIGHT", "8.00", 1)]
    member = shown(service, cart(A, charges=sent), cardNumber=card)
    assert amounts(member) == ["0.00"]
    description = member["charges"][0]["description"]
    assert description == "Freight - Two-day promo"
    again = [charge("FREIGHT", "8.00", 1, description=description)]
    guest = shown(service, cart(A, charges=again))
    assert amounts(guest) == ["8.00"]
    assert guest["charges"][0]["description"] == "Freight"
    assert offers(guest) == []


def test_ex_73_without_automatic_charges_or_shipping_code_nothing_is_reduced(
    service: Harness,
) -> None:
    off = {**promo(), "settings": {"useAdvancedAutoCharges": False}, "autoCharges": AUTO_CHARGES}
    service.apply(off)
    found = shown(service, cart(A, B, charges=SENT))
    assert amounts(found) == ["8.00", "5.00", "3.00"]
    assert found["shippingOffers"] == []
    assert shown(service, cart(A))["charges"] == []
    service.apply(promo())
    service.clock.advance(minutes=1)
    handling = [charge("HANDLING", "8.00", 1), charge("COURIER", "8.00", 1)]
    unknown = shown(service, cart(A, charges=handling))
    assert amounts(unknown) == ["8.00", "8.00"]
    assert [one["isShipping"] for one in unknown["charges"]] == [False, False]
    assert unknown["charges"][1]["description"] == "COURIER"


def test_ex_75_points_pay_lines_with_their_reduced_charges(service: Harness) -> None:
    service.apply(promo())
    card = service.issue()
    adjust(service, card, 10_000)
    bought = cart(A, B, charges=SENT)
    assert covered(service, card, bought) == "72.00"
    payload = pay(service, card, "72.00", bought)
    assert codes(payload) == []
    rows = [(row["lineNumber"], row["amount"]["amount"]) for row in payload["payment"]["lines"]]
    assert rows == [(1, "47.00"), (2, "25.00")]


def test_ex_113_an_offer_counts_lines_without_a_mode(service: Harness) -> None:
    service.apply(promo())
    lines = [line(1, "28.00", deliveryMode="TWO_DAY"), line(2, "5.00")]
    found = shown(service, cart(*lines))
    step = ("35.00", "50")
    assert offers(found) == [("TWODAY-PROMO", "33.00", "0", "0.00", step, "2.00")]


def test_a_sale_shows_its_charges_as_charged(service: Harness) -> None:
    service.apply(promo())
    charges = [charge("FREIGHT", "4.00", 1, description="Freight - Two-day promo"), SENT[2]]
    sale = service.sale(None, lines=[A], charges=charges)
    query = """query($id: String!) { salesTransaction(channel: "WEB", transactionId: $id) {
      charges { code description lineNumber isShipping originalAmount { amount } amount { amount }
        discounts { code } } } }"""
    found = service.ask(query, id=sale["transactionId"])["salesTransaction"]["charges"]
    # It takes amounts as charged: nothing is reduced, whatever the discounts of the day.
    assert [
        (c["description"], c["isShipping"], c["originalAmount"], c["amount"]) for c in found
    ] == [
        ("Freight - Two-day promo", True, {"amount": "4.00"}, {"amount": "4.00"}),
        ("Handling", False, {"amount": "3.00"}, {"amount": "3.00"}),
    ]
    assert [c["discounts"] for c in found] == [[], []]


def test_earnings_and_limits_are_judged_on_discounted_prices(service: Harness) -> None:
    service.apply(shop(discounts=[APPAREL5], autoCharges=AUTO_CHARGES))
    card = service.issue()
    adjust(service, card, 100_000)
    bought = cart(apparel("100.00", deliveryMode="TWO_DAY"), amountPaid="3.00")
    found = shown(service, bought, cardNumber=card)
    assert (total(found), total(found, "balanceDue")) == ("103.00", "100.00")
    assert [row["points"] for row in found["earnings"]] == ["95"]
    assert codes(pay(service, card, "100.01", bought)) == ["INVALID_PAYMENT_REQUEST"]
    assert codes(pay(service, card, "100.00", bought)) == []
    # Discounts given by commerce already are not given again.
    plain = shown(service, bought, cardNumber=card, applyDiscounts=False)
    assert total(plain) == "108.00"


def test_the_shipping_discounts_of_a_channel_are_listed_for_everybody(service: Harness) -> None:
    euros = {**PROMO, "code": "EUROS", "currency": "EUR"}
    coupon = {**PROMO, "code": "COUPON", "coupon": "C", "priceGroups": ["LOY"]}
    document = shop(shippingThresholdDiscounts=[PROMO, euros, coupon], coupons=[{"code": "C"}])
    service.apply(document)
    service.customer("c")
    query = """{ shippingThresholdDiscounts(channel: "WEB") { code name deliveryMode couponRequired
      priceGroups thresholds { amount { amount currencyCode } percentOff } } }"""
    for caller in ("admin", "staff", "storefront", "customer:c"):
        first, second = service.ask(query, caller)["shippingThresholdDiscounts"]
        assert (first["code"], first["couponRequired"]) == ("TWODAY-PROMO", False)
        assert first["thresholds"][0] == {
            "amount": {"amount": "35.00", "currencyCode": "USD"},
            "percentOff": "50",
        }
        assert (second["code"], second["couponRequired"]) == ("COUPON", True)
    unknown = service.gql('{ shippingThresholdDiscounts(channel: "NONE") { code } }')
    assert unknown.codes == ["CHANNEL_NOT_FOUND"]
