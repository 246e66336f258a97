"""The scalars take exactly what is described and print exactly one form."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import strawberry
from graphql import GraphQLError, parse_value
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig

from execution.scalars import (
    DATE,
    DATE_TIME,
    DECIMAL,
    JSON,
    SCALARS,
    CurrencyCode,
    Json,
    parse_currency,
    parse_date,
    parse_decimal,
    parse_instant,
    parse_json,
    print_currency,
    print_date,
    print_decimal,
    print_instant,
    print_json,
)

NEVER_DECIMAL: list[object] = [
    "NaN", "Infinity", "-Infinity", "1e5", "1E2", " 1", "1 ", "1\n", "1_000", "١٢", "+1", ".5",
    "5.", "", "-", "--1", "1,5", "0x1", "1234567890123", "1.1234567", "-1234567890123",
    Decimal("1.5"), 1.5, True, False, None, [], {}, 10**12, -(10**12),
]  # fmt: skip

NEVER_INSTANT: list[object] = [
    "2025", "2025-01-01", "2025-01-01T00:00:00", "2025-01-01T00:00Z", "2025-01-01 00:00:00Z",
    "2025-01-01t00:00:00Z", "2025-01-01T00:00:00z", "2025-01-01T24:00:00Z", "2025-01-01T00:60:00Z",
    "2016-12-31T23:59:60Z", "2025-02-29T00:00:00Z", "2025-13-01T00:00:00Z", "0000-01-01T00:00:00Z",
    "0001-01-01T23:59:59Z", "9999-12-31T00:00:00Z",
    "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2025-01-01T00:00:00+24:00",
    "2025-01-01T00:00:00+01:60", "2025-01-01T00:00:00+0100", "2025-01-01T00:00:00+01",
    "2025-01-01T00:00:00.Z", "2025-01-01T00:00:00.1234567890Z", "2025-01-01T00:00:00,5Z",
    "2025-W01-1T00:00:00Z", "２025-01-01T00:00:00Z", "2025-01-01T00:00:00Z\n", "", 1735689600,
    None, datetime(2025, 1, 1, tzinfo=UTC),
]  # fmt: skip

NEVER_DATE: list[object] = [
    "2025", "2025-1-1", "20250101", "2025-W01-1", "2025-02-29", "0000-01-01",
    "2025-01-01T00:00:00Z", " 2025-01-01", "2025-01-01\n",
    "２025-01-01", "", 20250101, None, date(2025, 1, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given_value", "number"),
    [("12.50", "12.50"), ("-0.000001", "-0.000001"), ("999999999999.999999", "999999999999.999999"),
     ("007", "7"), (5, "5"), (-5, "-5"), ("-0", "0"), ("-0.00", "0.00")],
)  # fmt: skip
def test_a_decimal_is_a_text_or_an_integer(given_value: object, number: str) -> None:
    assert str(parse_decimal(given_value)) == number


@pytest.mark.parametrize("value", NEVER_DECIMAL)
def test_anything_else_is_no_decimal(value: object) -> None:
    with pytest.raises(GraphQLError, match="Decimal is"):
        parse_decimal(value)


@pytest.mark.parametrize(
    ("number", "text"),
    [("1E+2", "100"), ("1E-6", "0.000001"), ("12.50", "12.50"), ("-0", "0"), ("-0.00", "0.00")],
)
def test_a_decimal_prints_without_exponent(number: str, text: str) -> None:
    assert print_decimal(Decimal(number)) == text


def test_a_decimal_text_prints_as_given() -> None:
    assert print_decimal("302") == "302"


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), 1.5, 1, True, None])
def test_what_is_no_decimal_does_not_print(value: object) -> None:
    with pytest.raises(TypeError):
        print_decimal(value)


def test_an_integer_of_ten_thousand_digits_is_no_decimal() -> None:
    with pytest.raises(GraphQLError, match="Decimal is"):
        parse_decimal(10**10_000)


@given(st.decimals(-(10**12) + 1, 10**12 - 1, places=6))
def test_a_decimal_comes_back_as_it_went(number: Decimal) -> None:
    assert parse_decimal(print_decimal(number)) == number


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("2025-01-31T09:30:00Z", "2025-01-31T09:30:00Z"),
        ("2025-01-31T09:30:00+01:00", "2025-01-31T08:30:00Z"),
        ("2025-01-31T23:30:00.5-02:30", "2025-02-01T02:00:00.500000Z"),
        ("2025-01-31T09:30:00.123456789Z", "2025-01-31T09:30:00.123456Z"),
        ("2025-01-31T09:30:00.000000999Z", "2025-01-31T09:30:00Z"),
        ("0001-01-02T00:00:00Z", "0001-01-02T00:00:00Z"),
        ("9999-12-30T23:59:59.999999Z", "9999-12-30T23:59:59.999999Z"),
        ("2025-01-31T09:30:00-00:00", "2025-01-31T09:30:00Z"),
    ],
)
def test_an_instant_has_an_offset_and_prints_in_utc(text: str, printed: str) -> None:
    assert print_instant(parse_instant(text)) == printed


@pytest.mark.parametrize("value", NEVER_INSTANT)
def test_anything_else_is_no_instant(value: object) -> None:
    with pytest.raises(GraphQLError, match="DateTime is"):
        parse_instant(value)


def test_an_instant_of_another_zone_prints_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert print_instant(datetime(2025, 1, 1, 8, tzinfo=tokyo)) == "2024-12-31T23:00:00Z"


@pytest.mark.parametrize("value", [datetime(2025, 1, 1), date(2025, 1, 1), "2025", None])  # noqa: DTZ001 - naive on purpose
def test_what_is_no_aware_instant_does_not_print(value: object) -> None:
    with pytest.raises(TypeError):
        print_instant(value)


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_comes_back_as_it_went(value: datetime) -> None:
    assert parse_instant(print_instant(value)) == value


def test_a_date_is_written_one_way() -> None:
    assert print_date(parse_date("2024-02-29")) == "2024-02-29"
    assert print_date(parse_date("0001-01-01")) == "0001-01-01"


@pytest.mark.parametrize("value", NEVER_DATE)
def test_anything_else_is_no_date(value: object) -> None:
    with pytest.raises(GraphQLError, match="Date is"):
        parse_date(value)


@pytest.mark.parametrize("value", [datetime(2025, 1, 1, tzinfo=UTC), "2025-01-01", None])
def test_what_is_no_date_does_not_print(value: object) -> None:
    with pytest.raises(TypeError):
        print_date(value)


def test_a_currency_is_three_capitals() -> None:
    assert print_currency(parse_currency("EUR")) == "EUR"
    for value in ["eur", "EURO", "E1R", "ÄÖÜ", "EUR\n", "", 978, None]:
        with pytest.raises(GraphQLError, match="CurrencyCode is"):
            parse_currency(value)
    with pytest.raises(TypeError):
        print_currency(978)


def test_json_keeps_decimals_and_its_structure() -> None:
    value = {"a": [1, Decimal("1.10"), None, True, "text"], "b": {}}
    assert print_json(parse_json(value)) is value


@pytest.mark.parametrize(
    "value",
    [
        10**40,
        -(10**40),
        Decimal("1E+41"),
        Decimal("1E-41"),
        Decimal("1E+999999999"),
        Decimal("1." + "1" * 40),
    ],
)
def test_json_numbers_are_bounded(value: object) -> None:
    with pytest.raises(GraphQLError, match="digits"):
        parse_json({"a": [value]})


def test_json_nesting_is_bounded() -> None:
    def nested(levels: int) -> object:
        value: object = 1
        for _ in range(levels):
            value = [value]
        return value

    assert parse_json(nested(64)) == nested(64)
    for levels in (65, 900):
        with pytest.raises(GraphQLError, match="levels"):
            parse_json(nested(levels))


@pytest.mark.parametrize(
    ("scalar", "literal", "value"),
    [
        (DECIMAL, '"1.5"', Decimal("1.5")),
        (DECIMAL, "15", Decimal(15)),
        (DATE, '"2025-01-31"', date(2025, 1, 31)),
        (DATE_TIME, '"2025-01-31T00:00:00Z"', datetime(2025, 1, 31, tzinfo=UTC)),
        (
            JSON,
            '{a: [1, 1.10, "x", true, null], b: $b}',
            {"a": [1, Decimal("1.10"), "x", True, None], "b": 7},
        ),
    ],
)
def test_literals_mean_what_variables_mean(scalar: Any, literal: str, value: object) -> None:
    parsed = scalar.parse_literal(parse_value(literal), {"b": 7})
    assert parsed == value
    assert repr(parsed) == repr(value)


@pytest.mark.parametrize(
    ("scalar", "literal"),
    [
        (DECIMAL, "1.5"),
        (DECIMAL, "1" * 10_000),
        (DECIMAL, "true"),
        (DECIMAL, "[1]"),
        (DATE, "20250131"),
        (DATE_TIME, "2025"),
        (JSON, "NAME"),
        (JSON, "[" + "1" * 10_000 + "]"),
        (JSON, "1." + "1" * 10_000),
        (JSON, "1e99999999999999999999"),
    ],
)
def test_other_literals_are_refused_where_they_stand(scalar: Any, literal: str) -> None:
    with pytest.raises(GraphQLError):
        scalar.parse_literal(parse_value(literal), None)


def test_a_refused_literal_tells_its_place() -> None:
    parse: Callable[..., object] | None = DECIMAL.parse_literal
    assert parse is not None
    with pytest.raises(GraphQLError) as refusal:
        parse(parse_value("1.5"), None)
    assert refusal.value.locations


def test_every_scalar_is_described_and_specified_or_exemplified() -> None:
    @strawberry.type
    class Query:
        number: Decimal
        at: datetime
        on: date
        currency: CurrencyCode
        extra: Json | None

    schema = strawberry.Schema(Query, config=StrawberryConfig(scalar_map=SCALARS))
    sdl = schema.as_str()
    for name in ("Decimal", "DateTime", "Date", "CurrencyCode", "JSON"):
        assert f"scalar {name}" in sdl
    for definition in SCALARS.values():
        assert definition.specified_by_url or "e.g." in (definition.description or "")
