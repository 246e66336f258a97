"""Single values of a document: JSON-like data in, exact values out, None for what is no such value.

Nothing here raises, whatever it is given. Source: semantics 2 (Numbers), 3.
"""

import re
from datetime import date
from decimal import Decimal
from functools import cache
from typing import TypeGuard
from zoneinfo import available_timezones

LONGEST_TEXT = 1000

_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LOCALE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,7}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_INTEGER_END = 10**12
_MOST_DIGITS = 60
_DEEPEST_JSON = 32
_LARGEST_JSON_INTEGER = 10**100
_ESCAPED = re.compile('["\\\\\x00-\x1f\x7f]')


def is_code(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def is_text(value: object) -> TypeGuard[str]:
    """Text that every database can store: no NUL, no lone surrogate, at most 1000 characters."""
    return (
        isinstance(value, str) and len(value) <= LONGEST_TEXT and _UNSTORABLE.search(value) is None
    )


def is_locale(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _LOCALE.fullmatch(value) is not None


def is_time_zone(value: str) -> bool:
    return value in _time_zones()


def to_decimal(value: object) -> Decimal | None:
    """Exact number of at most 12 digits before and 6 after the point; text is plain ASCII decimals.

    A float or a bool is no number. Source: semantics 2.
    """
    text = _number_text(value)
    if text is None or _NUMBER.fullmatch(text) is None:
        return None
    # A negative zero is zero: it must not make two equal documents differ.
    return Decimal(text) or Decimal(0)


def to_day(value: object) -> date | None:
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def to_json(value: object, depth: int = 0) -> str | None:
    """JSON text of a payload, keys sorted, so that equal payloads are equal texts.

    None for what is no JSON: floats, NaN, unstorable text, keys that are no text, over 32 levels.
    """
    if isinstance(value, dict | list):
        return _json_collection(value, depth + 1) if depth < _DEEPEST_JSON else None
    if isinstance(value, str):
        return None if _UNSTORABLE.search(value) else _quoted(value)
    return _json_atom(value)


def _number_text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < _INTEGER_END else None
    return _plain(value) if isinstance(value, Decimal) else None


def _plain(value: Decimal) -> str | None:
    """Digits without exponent and trailing zeros; None for what would take a page to write."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or not -_MOST_DIGITS < exponent < _MOST_DIGITS:
        return None
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _json_atom(value: object) -> str | None:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value) if abs(value) < _LARGEST_JSON_INTEGER else None
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    return None


def _json_collection(value: dict[object, object] | list[object], depth: int) -> str | None:
    if isinstance(value, list):
        items = [to_json(item, depth) for item in value]
        return None if None in items else f"[{','.join(filter(None, items))}]"
    if not all(isinstance(key, str) for key in value):
        return None
    parts: list[str] = []
    for key in sorted(value, key=str):
        name, content = to_json(key, depth), to_json(value[key], depth)
        if name is None or content is None:
            return None
        parts.append(f"{name}:{content}")
    return "{" + ",".join(parts) + "}"


def _quoted(text: str) -> str:
    escaped = _ESCAPED.sub(
        lambda found: "\\" + found[0] if found[0] in '"\\' else f"\\u{ord(found[0]):04x}", text
    )
    return f'"{escaped}"'
