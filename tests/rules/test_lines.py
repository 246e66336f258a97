"""Lines and charges: what is refused, what a line is worth, what a cart comes to. Semantics 2."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import InvalidInput, Refused
from rules.faults import MAXIMUM_LINE_NUMBER, amount_fault
from rules.lines import ChargeInput, Line, LineInput, check_lines, split, totals

GOOD = LineInput(1, "SHOES", Decimal(2), Decimal("30.00"))
FREIGHT = ChargeInput("FREIGHT", Decimal("7.00"))


def faults(*lines: LineInput, charges: tuple[ChargeInput, ...] = ()) -> set[tuple[str, ...]]:
    with pytest.raises(Refused) as refused:
        check_lines(lines, charges, "USD")
    assert all(isinstance(error, InvalidInput) for error in refused.value.errors)
    return {error.field or () for error in refused.value.errors}


def line(sent: LineInput, currency: str = "USD") -> Line:
    return check_lines([sent], [], currency)[0][0]


def test_a_line_is_worth_its_gross_less_all_discounts() -> None:
    judged = line(replace(GOOD, discount_amount=Decimal("6.00"), tax_amount=Decimal("5.40")))
    assert (judged.gross_minor, judged.net_minor) == (6000, 5400)
    assert replace(judged, given_minor=400).net_minor == 5000
    assert judged.goods_minor(prices_include_tax=False) == 5940
    assert judged.goods_minor(prices_include_tax=True) == 5400


@pytest.mark.parametrize(
    ("quantity", "price", "currency", "gross"),
    [
        ("3", "0.335", "USD", 101),
        ("0.5", "0.01", "USD", 1),
        ("1", "10.4", "JPY", 10),
        ("1", "10.5", "JPY", 11),
        ("1", "1.0005", "KWD", 1001),
        ("0.000001", "0.000001", "USD", 0),
    ],
)
def test_a_gross_amount_is_rounded_half_up(
    quantity: str, price: str, currency: str, gross: int
) -> None:
    sent = LineInput(1, "A", Decimal(quantity), Decimal(price))
    assert line(sent, currency).gross_minor == gross


def test_a_line_is_named_by_product_and_variant() -> None:
    assert line(GOOD).products == {"SHOES"}
    assert line(replace(GOOD, variant_id="SHOES-42")).products == {"SHOES", "SHOES-42"}


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (replace(GOOD, quantity=Decimal(0)), "quantity"),
        (replace(GOOD, quantity=Decimal(-1)), "quantity"),
        (replace(GOOD, quantity=Decimal("NaN")), "quantity"),
        (replace(GOOD, quantity=Decimal("0.0000001")), "quantity"),
        (replace(GOOD, quantity=Decimal(10) ** 12), "quantity"),
        (replace(GOOD, unit_price=Decimal("-0.01")), "unitPrice"),
        (replace(GOOD, unit_price=Decimal("Infinity")), "unitPrice"),
        (replace(GOOD, discount_amount=Decimal(-1)), "discountAmount"),
        (replace(GOOD, discount_amount=Decimal("0.001")), "discountAmount"),
        (replace(GOOD, discount_amount=Decimal("60.01")), "discountAmount"),
        (replace(GOOD, tax_amount=Decimal("0.005")), "taxAmount"),
        (replace(GOOD, line_number=0), "lineNumber"),
        (replace(GOOD, line_number=MAXIMUM_LINE_NUMBER + 1), "lineNumber"),
        (replace(GOOD, product_id=""), "productId"),
        (replace(GOOD, product_id="x" * 257), "productId"),
        (replace(GOOD, product_id="a\x00b"), "productId"),
        (replace(GOOD, variant_id="\ud800"), "variantId"),
        (replace(GOOD, delivery_mode=""), "deliveryMode"),
        (replace(GOOD, categories=tuple(map(str, range(101)))), "categories"),
    ],
)
def test_a_bad_line_is_refused_at_its_member(bad: LineInput, field: str) -> None:
    good = replace(GOOD, line_number=7)
    assert faults(good, bad) == {("lines", "1", field)}


def test_a_bad_category_is_refused_at_its_place() -> None:
    assert faults(replace(GOOD, categories=("Shoes", ""))) == {("lines", "0", "categories", "1")}


def test_every_fault_is_told_at_once() -> None:
    lines = (replace(GOOD, quantity=Decimal(0), product_id=""), GOOD)
    charges = (replace(FREIGHT, amount=Decimal("0.001")), replace(FREIGHT, line_number=2))
    assert faults(*lines, charges=charges) == {
        ("lines", "0", "quantity"),
        ("lines", "0", "productId"),
        ("lines", "1", "lineNumber"),
        ("charges", "0", "amount"),
        ("charges", "1", "lineNumber"),
    }


def test_faults_stand_below_the_path_given() -> None:
    with pytest.raises(Refused) as refused:
        check_lines([replace(GOOD, quantity=Decimal(0))], [], "USD", ("cart",))
    assert refused.value.errors[0].field == ("cart", "lines", "0", "quantity")


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (replace(FREIGHT, code=""), "code"),
        (replace(FREIGHT, amount=Decimal(-1)), "amount"),
        (replace(FREIGHT, description="x" * 1001), "description"),
        (replace(FREIGHT, line_number=2), "lineNumber"),
    ],
)
def test_a_bad_charge_is_refused_at_its_member(bad: ChargeInput, field: str) -> None:
    assert faults(GOOD, charges=(bad,)) == {("charges", "0", field)}


def test_at_most_a_thousand_lines_and_charges() -> None:
    lines = [replace(GOOD, line_number=number) for number in range(1, 1002)]
    assert len(check_lines(lines[:1000], [FREIGHT] * 1000, "USD")[0]) == 1000
    assert faults(*lines, charges=(FREIGHT,) * 1001) == {("lines",), ("charges",)}


def test_nothing_goes_beyond_ten_to_the_fifteen_smallest_units() -> None:
    dear = replace(GOOD, quantity=Decimal(10), unit_price=Decimal(10) ** 12 - 1)
    assert line(dear).gross_minor == 10**15 - 1000
    assert faults(replace(dear, quantity=Decimal(11))) == {("lines", "0")}
    assert faults(dear, replace(GOOD, line_number=2)) == {("lines",)}
    assert faults(dear, charges=(replace(FREIGHT, amount=Decimal("10.01")),)) == {("charges",)}
    assert faults(dear, replace(dear, line_number=2, discount_amount=Decimal(10) ** 11)) == {
        ("lines",)
    }


@pytest.mark.parametrize(
    ("amount", "currency", "sound"),
    [
        ("0", "USD", True),
        ("1.50", "USD", True),
        ("1.505", "USD", False),
        ("1.505", "KWD", True),
        ("1.5", "JPY", False),
        ("-0.01", "USD", False),
        ("999999999999", "CLF", False),
    ],
)
def test_an_amount_fits_its_currency(amount: str, currency: str, sound: bool) -> None:
    fault = amount_fault(Decimal(amount), currency, ("amountPaid",))
    assert (fault is None) is sound
    assert fault is None or fault.field == ("amountPaid",)


def test_a_cart_comes_to_its_lines_charges_and_tax() -> None:
    lines, charges = check_lines(
        [
            replace(GOOD, discount_amount=Decimal("6.00"), tax_amount=Decimal("5.00")),
            LineInput(2, "HAT", Decimal(1), Decimal("12.00")),
        ],
        [FREIGHT],
        "USD",
    )
    lines = (lines[0], replace(lines[1], given_minor=200))
    taxed = totals(lines, charges, prices_include_tax=False)
    assert (taxed.subtotal_minor, taxed.discount_minor) == (7200, 800)
    assert (taxed.charge_minor, taxed.tax_minor, taxed.total_minor) == (700, 500, 7600)
    assert totals(lines, charges, prices_include_tax=True).total_minor == 7100
    assert taxed.balance_due_minor(7500) == 100
    assert taxed.balance_due_minor(7700) == 0


def test_an_empty_cart_comes_to_nothing() -> None:
    assert check_lines([], [], "USD") == ((), ())
    assert totals([], [], prices_include_tax=False).total_minor == 0


weights = st.dictionaries(
    st.integers(1, MAXIMUM_LINE_NUMBER), st.fractions(0, 10**6), min_size=1, max_size=30
).filter(lambda found: any(found.values()))


@given(st.integers(0, 10**15), weights)
def test_a_split_sums_to_the_whole_and_is_within_one_unit_of_proportional(
    units: int, given_weights: dict[int, Fraction]
) -> None:
    parts = dict(split(units, given_weights))
    whole = sum(given_weights.values())
    assert sum(parts.values()) == units
    assert list(parts) == sorted(given_weights)
    for number, part in parts.items():
        assert abs(part - units * given_weights[number] / whole) < 1
        assert part >= 0


def test_a_split_settles_ties_by_the_lower_line_number() -> None:
    equal = dict.fromkeys((30, 10, 20), Fraction(1))
    assert split(100, equal) == ((10, 34), (20, 33), (30, 33))
