"""Member prices, charges and shipping discounts. Semantics 10; rounding and ties."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.book import RuleBook
from rules.compiling import compile_book
from rules.discounts import Opening
from rules.document import parse_document
from rules.errors import InvalidInput
from rules.lines import Charge, LineInput, check_lines
from rules.pricing import Order, Priced, price

DAY = date(2025, 6, 15)
STEP = [{"amount": 35, "percentOff": 50}]
FREIGHT = Charge("FREIGHT", 800, None, 1, overridden=False)


def book(**more: Any) -> RuleBook:
    document = {
        "channels": [
            {
                "code": code,
                "kind": kind,
                "currency": "USD",
                "timeZone": "UTC",
                "legalEntity": "X",
            }
            for code, kind in (("WEB", "ONLINE"), ("CALL", "CALL_CENTER"))
        ],
        "priceGroups": [
            {"code": "LOW"},
            {"code": "MID", "priority": 1},
            {"code": "TOP", "priority": 2},
        ],
        "deliveryModes": [{"code": "FAST"}, {"code": "SLOW"}],
        "chargeCodes": [{"code": "FREIGHT", "name": "Freight", "shipping": True}, {"code": "WRAP"}],
        "coupons": [{"code": "C"}],
        **more,
    }
    return compile_book(1, None, parse_document(document))


def ship(code: str = "PROMO", **more: Any) -> dict[str, Any]:
    head = {"code": code, "name": code.title(), "deliveryMode": "FAST", "currency": "USD"}
    return {**head, "thresholds": STEP, **more}


def line(number: int, price_of_one: str, quantity: str = "1", **more: Any) -> LineInput:
    return LineInput(number, f"P{number}", Decimal(quantity), Decimal(price_of_one), **more)


def priced(
    rules: RuleBook,
    *lines: LineInput,
    charges: tuple[Charge, ...] | None = (),
    groups: tuple[str, ...] = (),
    coupons: frozenset[str] = frozenset(),
    mode: str | None = None,
    channel: str = "WEB",
    on: date = DAY,
) -> Priced:
    judged, _ = check_lines(lines, (), "USD")
    opening = Opening(on, "USD", groups, coupons)
    return price(Order(judged, charges, mode), rules.channels[channel], opening, rules)


def given_off(found: Priced) -> list[tuple[str, int, str | None]]:
    return [(one.code, one.amount_minor, one.price_group) for row in found.discounts for one in row]


def test_percents_round_half_up_on_what_the_caller_left() -> None:
    rules = book(discounts=[{"code": "TEN", "percentOff": 10}])
    off = given_off(priced(rules, line(1, "0.10", discount_amount=Decimal("0.05"))))
    assert off == [("TEN", 1, None)]
    # 0.4 cents round to nothing, and nothing is not listed.
    assert given_off(priced(rules, line(1, "0.04"))) == []


@pytest.mark.parametrize(
    ("quantity", "off"), [("1", 150), ("3", 450), ("0.333333", 50), ("100", 10_000)]
)
def test_an_amount_off_is_per_unit_and_never_more_than_the_line(quantity: str, off: int) -> None:
    discount = {"code": "A", "amountOff": "1.50", "currency": "USD"}
    cheap = line(1, "1.00" if quantity == "100" else "9.00", quantity)
    assert given_off(priced(book(discounts=[discount]), cheap)) == [("A", off, None)]


def test_an_amount_off_of_another_currency_takes_no_part() -> None:
    euros = {"code": "E", "amountOff": "5", "currency": "EUR", "concurrency": "EXCLUSIVE"}
    rules = book(discounts=[euros, {"code": "TEN", "percentOff": 10}])
    assert given_off(priced(rules, line(1, "10.00"))) == [("TEN", 100, None)]


@pytest.mark.parametrize(
    ("first", "second", "given_codes"),
    [
        ({}, {"percentOff": 20}, ["B"]),
        ({"concurrency": "EXCLUSIVE"}, {"percentOff": 20}, ["A"]),
        ({"concurrency": "EXCLUSIVE"}, {"percentOff": 20, "priority": 1}, ["B"]),
        ({"concurrency": "COMPOUND"}, {"percentOff": 20}, ["B"]),
        ({"concurrency": "COMPOUND"}, {"concurrency": "COMPOUND"}, ["A", "B"]),
        ({"concurrency": "COMPOUND"}, {"concurrency": "COMPOUND", "priority": -1}, ["A"]),
        ({}, {}, ["A"]),
    ],
)
def test_what_competes_by_priority_and_concurrency(
    first: dict[str, Any], second: dict[str, Any], given_codes: list[str]
) -> None:
    a, b = ({"code": "A", "percentOff": 10, **first}, {"code": "B", "percentOff": 10, **second})
    for order in ([a, b], [b, a]):
        off = given_off(priced(book(discounts=order), line(1, "10.00")))
        assert [code for code, _, _ in off] == given_codes


def test_the_highest_group_that_opened_a_discount_ranks_it() -> None:
    wide = {"code": "WIDE", "percentOff": 10, "priceGroups": ["LOW", "TOP", "MID"]}
    rules = book(discounts=[wide, {"code": "BIG", "percentOff": 50, "priority": 1}])
    many, few = (
        priced(rules, line(1, "1.00"), groups=groups) for groups in (("LOW", "TOP"), ("LOW",))
    )
    assert given_off(many) == [("WIDE", 10, "TOP")]
    assert given_off(few) == [("BIG", 50, None)]
    alone = book(discounts=[{**wide, "priceGroups": ["LOW"]}])
    assert given_off(priced(alone, line(1, "1.00"), groups=("LOW",))) == [("WIDE", 10, "LOW")]


def test_dates_and_coupons_open_discounts() -> None:
    rules = book(
        discounts=[{"code": "A", "percentOff": 10, "coupon": "C", "validTo": "2025-06-15"}]
    )
    with_coupon = {"coupons": frozenset({"C"})}
    assert given_off(priced(rules, line(1, "1.00"), **with_coupon)) == [("A", 10, None)]
    assert given_off(priced(rules, line(1, "1.00"))) == []
    assert given_off(priced(rules, line(1, "1.00"), on=date(2025, 6, 16), **with_coupon)) == []


def test_the_order_mode_is_the_carts_at_a_call_center_alone() -> None:
    rules = book(
        autoCharges=[
            {
                "level": "HEADER",
                "deliveryMode": "FAST",
                "chargeCode": "FREIGHT",
                "currency": "USD",
                "amount": 5,
            },
            {"level": "HEADER", "chargeCode": "WRAP", "currency": "USD", "amount": 1},
            {"level": "HEADER", "chargeCode": "WRAP", "currency": "USD", "amount": 2},
        ]
    )
    lines = (line(1, "1.00", delivery_mode="SLOW"), line(2, "1.00"))

    def charged(channel: str) -> list[tuple[str, int]]:
        found = priced(rules, *lines, charges=None, mode="FAST", channel=channel)
        return [(one.code, one.amount_minor) for one in found.charges]

    assert charged("CALL") == [("FREIGHT", 500), ("WRAP", 100)]
    assert charged("WEB") == [("WRAP", 100)]


def test_compounded_percents_are_multiplied_out_before_one_rounding() -> None:
    both = [
        ship("B", thresholds=[{"amount": 0, "percentOff": 20}], concurrency="COMPOUND"),
        ship("A", thresholds=[{"amount": 0, "percentOff": 50}], concurrency="COMPOUND"),
    ]
    found = priced(
        book(shippingThresholdDiscounts=both),
        line(1, "1.00", delivery_mode="FAST"),
        charges=(FREIGHT,),
    )
    (charge,) = found.charges
    assert (charge.amount_minor, charge.description) == (320, "Freight - A - B")
    assert [(one.discount.code, one.saved_minor) for one in found.offers] == [("A", 400), ("B", 80)]


def test_names_are_taken_off_the_longest_first_and_hand_made_charges_stand() -> None:
    rules = book(
        shippingThresholdDiscounts=[ship("FREE"), ship("NOW", name="B - Free"), ship("B", name="B")]
    )

    def described(text: str, *, overridden: bool = False) -> str:
        charge = Charge("FREIGHT", 800, text, 1, overridden=overridden)
        cart = line(1, "1.00", delivery_mode="FAST")
        return priced(rules, cart, charges=(charge,)).charges[0].description

    assert described("Post - B - Free") == "Post"
    assert described("Post - Free - B - Free - Free") == "Post"
    assert described("Post - Freedom") == "Post - Freedom"
    assert described(" - Free") == "Freight"
    assert described("Post - Free", overridden=True) == "Post - Free"


def test_charges_beyond_all_bounds_are_refused() -> None:
    most = {"level": "LINE", "chargeCode": "WRAP", "currency": "USD", "amount": "999999999999"}
    rules = book(autoCharges=[most])
    lines = [line(number, "1.00") for number in range(1, 12)]
    with pytest.raises(InvalidInput) as refused:
        priced(rules, *lines, charges=None)
    assert refused.value.field == ("charges",)


@given(
    percents=st.lists(st.decimals("0.01", "100", places=2), min_size=1, max_size=4),
    cents=st.integers(0, 10_000),
)
@settings(deadline=None)
def test_what_is_saved_adds_up_to_what_a_charge_lost(percents: list[Decimal], cents: int) -> None:
    discounts = [
        ship(f"S{place}", thresholds=[{"amount": 0, "percentOff": str(percent)}])
        | {"concurrency": "COMPOUND"}
        for place, percent in enumerate(percents)
    ]
    charge = Charge("FREIGHT", cents, None, 1, overridden=False)
    found = priced(
        book(shippingThresholdDiscounts=discounts),
        line(1, "1.00", delivery_mode="FAST"),
        charges=(charge,),
    )
    rest = Fraction(1)
    for percent in percents:
        rest *= 1 - Fraction(percent) / 100
    (shown,) = found.charges
    assert abs(shown.amount_minor - cents * rest) <= Fraction(1, 2)
    assert sum(offer.saved_minor for offer in found.offers) == cents - shown.amount_minor
    assert all(saved >= 0 for saved in shown.saved_minor)
