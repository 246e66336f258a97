"""The strict scalars of the schema: what is not written exactly as described is refused.

Give `SCALARS` to `StrawberryConfig(scalar_map=...)` and annotate fields with `decimal.Decimal`,
`datetime.datetime`, `datetime.date`, `CurrencyCode` and `Json`. A resolver may give the text of a
decimal instead of a Decimal.

A refusal is a GraphQLError without a code: the endpoint knows whether the value stood in the
variables or in the document. A value that a resolver gives and that cannot be shown raises
TypeError: an internal error, never the caller's.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NewType, TypeAlias

import strawberry
from graphql import GraphQLError
from graphql.language import (
    BooleanValueNode,
    FloatValueNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)
from strawberry.types.scalar import ScalarDefinition

from execution.nesting import is_deeper

CurrencyCode = NewType("CurrencyCode", str)
Json = NewType("Json", object)

LiteralParser: TypeAlias = Callable[[ValueNode, Mapping[str, Any] | None], object]

JSON_DEPTH_MAX: Final = 64
"""Levels of lists and objects in a JSON value, itself included."""

JSON_DIGITS_MAX: Final = 40
"""Digits of a number in a JSON value, and the bound of its decimal exponent either way."""

# A day from either end of the calendar: every time zone has a civil date for it, and databases that
# take the very ends for infinity never see them.
_FIRST_INSTANT = datetime(1, 1, 2, tzinfo=UTC)
_LAST_INSTANT = datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC)

_DECIMAL = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?", re.ASCII)
_WHOLE_UNITS_END = 10**12
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))",
    re.ASCII,
)

_DECIMAL_WANTED = (
    'a string such as "12.50", or an integer, of at most 12 digits before and 6 after the point'
)
_INSTANT_WANTED = 'an RFC 3339 date and time with an offset, such as "2025-01-31T09:30:00Z"'
_DATE_WANTED = 'a date such as "2025-01-31"'
_CURRENCY_WANTED = 'three capital letters such as "EUR"'


def parse_decimal(value: object) -> Decimal:
    """Read a JSON string or integer; JSON fractions are refused, for most senders' are floats."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        number = Decimal(value)
        return number or number.copy_abs()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _WHOLE_UNITS_END:
        return Decimal(value)
    raise GraphQLError(f"Decimal is {_DECIMAL_WANTED}.")


def print_decimal(value: object) -> str:
    """Print plain digits without exponent; a text passes as the resolver gave it."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Decimal) or not value.is_finite():
        raise TypeError(f"No decimal number: {value!r}")
    return f"{value or value.copy_abs():f}"


def parse_instant(value: object) -> datetime:
    """Read an aware instant into UTC; digits beyond microseconds are cut off."""
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise GraphQLError(f"DateTime is {_INSTANT_WANTED}.")
    local, fraction, sign, hours, minutes = found.groups()
    try:
        civil = datetime.fromisoformat(local).replace(
            microsecond=int((fraction or "")[:6].ljust(6, "0"))
        )
        instant = civil.replace(tzinfo=_zone(sign, hours, minutes)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise GraphQLError(f"DateTime is {_INSTANT_WANTED}.") from error
    if not _FIRST_INSTANT <= instant <= _LAST_INSTANT:
        raise GraphQLError(f"DateTime is {_INSTANT_WANTED}.")
    return instant


def print_instant(value: object) -> str:
    """Print UTC with `Z`, and six digits of fraction where they are not all zero."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError(f"No aware instant: {value!r}")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_date(value: object) -> date:
    """Read a civil date of the years 0001 to 9999."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise GraphQLError(f"Date is {_DATE_WANTED}.") from error
    raise GraphQLError(f"Date is {_DATE_WANTED}.")


def print_date(value: object) -> str:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise TypeError(f"No civil date: {value!r}")
    return value.isoformat()


def parse_currency(value: object) -> CurrencyCode:
    """Check the form of a code; whether the currency exists is for the rules to say."""
    if isinstance(value, str) and _CURRENCY.fullmatch(value):
        return CurrencyCode(value)
    raise GraphQLError(f"CurrencyCode is {_CURRENCY_WANTED}.")


def print_currency(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"No currency code: {value!r}")
    return value


def parse_json(value: object) -> object:
    """Take any JSON value, fractions as Decimal, in JSON_DEPTH_MAX and JSON_DIGITS_MAX."""
    # What stands in the deepest list or object is a level, too.
    if is_deeper(value, JSON_DEPTH_MAX + 1, _inside):
        raise GraphQLError(f"JSON is nested at most {JSON_DEPTH_MAX} levels deep.")
    return value


def print_json(value: object) -> object:
    return value


def _zone(sign: str | None, hours: str | None, minutes: str | None) -> timezone:
    if sign is None:
        return UTC
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return timezone(-offset if sign == "-" else offset)


def _inside(value: object) -> list[object]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
        case bool():
            return []
        case int() if abs(value) >= 10**JSON_DIGITS_MAX:
            raise GraphQLError(f"JSON has numbers of at most {JSON_DIGITS_MAX} digits.")
        case Decimal() if not _is_modest(value):
            raise GraphQLError(f"JSON has numbers of at most {JSON_DIGITS_MAX} digits.")
        case _:
            return []


def _is_modest(number: Decimal) -> bool:
    return (
        len(number.as_tuple().digits) <= JSON_DIGITS_MAX
        and abs(number.adjusted()) <= JSON_DIGITS_MAX
    )


def _literal(parse: Callable[[object], object], *, integers: bool = False) -> LiteralParser:
    """Make a parser of string literals, and of integers where wanted, that judges by `parse`.

    An integer goes by its text: a literal of ten thousand digits is never converted.
    """
    wanted = (StringValueNode, IntValueNode) if integers else (StringValueNode,)

    def parse_literal(node: ValueNode, _variables: Mapping[str, Any] | None = None) -> object:
        try:
            return parse(node.value if isinstance(node, wanted) else None)
        except GraphQLError as error:
            raise GraphQLError(error.message, node) from error

    return parse_literal


def _json_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> object:
    try:
        return parse_json(_plain(node, variables or {}))
    except GraphQLError as error:
        raise GraphQLError(error.message, node) from error
    except InvalidOperation as error:
        raise GraphQLError("JSON has numbers with modest exponents.", node) from error


def _plain(node: ValueNode, variables: Mapping[str, Any]) -> object:
    """Give the JSON value of a literal; graphql-core's parser bounds the recursion."""
    match node:
        case ObjectValueNode():
            return {field.name.value: _plain(field.value, variables) for field in node.fields}
        case ListValueNode():
            return [_plain(value, variables) for value in node.values]
        case VariableNode():
            return variables.get(node.name.value)
        case _:
            return _plain_leaf(node)


def _plain_leaf(node: ValueNode) -> object:
    match node:
        case StringValueNode() | BooleanValueNode():
            return node.value
        case IntValueNode() if len(node.value) <= JSON_DIGITS_MAX + 1:
            return int(node.value)
        case FloatValueNode() if len(node.value) <= 2 * JSON_DIGITS_MAX:
            return Decimal(node.value)
        case NullValueNode():
            return None
        case _:
            raise GraphQLError(
                f"JSON has no enum values, and numbers of at most {JSON_DIGITS_MAX} digits.", node
            )


DECIMAL: Final = strawberry.scalar(
    name="Decimal",
    description=(
        'An exact decimal number as a JSON string, e.g. "12.50". '
        "Integers are accepted as input; JSON floats are refused. "
        "Input has at most 12 digits before and 6 after the point."
    ),
    serialize=print_decimal,
    parse_value=parse_decimal,
    parse_literal=_literal(parse_decimal, integers=True),
)
DATE_TIME: Final = strawberry.scalar(
    name="DateTime",
    description=(
        'A point in time, RFC 3339 with an offset, e.g. "2025-01-31T09:30:00+01:00". '
        "Returned in UTC. Input beyond microseconds is cut."
    ),
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    serialize=print_instant,
    parse_value=parse_instant,
    parse_literal=_literal(parse_instant),
)
DATE: Final = strawberry.scalar(
    name="Date",
    description='A civil date (in the channel\'s time zone), YYYY-MM-DD, e.g. "2025-01-31".',
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
    serialize=print_date,
    parse_value=parse_date,
    parse_literal=_literal(parse_date),
)
CURRENCY_CODE: Final = strawberry.scalar(
    name="CurrencyCode",
    description='An ISO 4217 code, e.g. "EUR".',
    specified_by_url="https://www.iso.org/iso-4217-currency-codes.html",
    serialize=print_currency,
    parse_value=parse_currency,
    parse_literal=_literal(parse_currency),
)
JSON: Final = strawberry.scalar(
    name="JSON",
    description='Any JSON value, e.g. {"till": 4, "gift": true}. Fractions keep every digit.',
    specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
    serialize=print_json,
    parse_value=parse_json,
    parse_literal=_json_literal,
)

SCALARS: Final[dict[object, ScalarDefinition]] = {
    Decimal: DECIMAL,
    datetime: DATE_TIME,
    date: DATE,
    CurrencyCode: CURRENCY_CODE,
    Json: JSON,
}
