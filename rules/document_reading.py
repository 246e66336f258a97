"""Reading one object of a document key by key, and keeping every fault on the way.

A reader answers with None, or with its default, where a value is left out or at fault, so that
reading goes on to the last key. No fault is reported twice: nothing is added below an object or
list that is none, and one path has one fault. Source: semantics 3.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from rules.document_values import is_code, is_locale, is_text, to_day, to_decimal, to_json
from rules.errors import MAXIMUM_FAULTS, ConfigurationInvalid, Path
from rules.numbers import fits_minor, is_currency
from rules.program_terms import Names, Period, PeriodUnit

LARGEST_INTEGER = 2**31 - 1
LONGEST_PERIOD = 100_000

_LONGEST_KEY = 200
_T = TypeVar("_T")
_Choice = TypeVar("_Choice", bound=StrEnum)

# The codes of each list, and under "tiers/<program>" those of a program's tiers; a list that cannot
# be read is left out, so that no code that refers to it is at fault as well.
Codes = Mapping[str, frozenset[str]]


class Faults:
    """Everything wrong with a document, in the order it was found, as far as it is told."""

    def __init__(self) -> None:
        self.errors: list[ConfigurationInvalid] = []
        self._paths: set[Path] = set()
        self._broken: set[Path] = set()

    @property
    def are_enough(self) -> bool:
        """Whether more would not be told."""
        return len(self.errors) >= MAXIMUM_FAULTS

    def add(self, path: Path, message: str) -> None:
        if not (self.are_enough or self.has(path) or self._below_broken(path)):
            self._paths.add(path)
            self.errors.append(ConfigurationInvalid(message, path))

    def add_broken(self, path: Path, message: str) -> None:
        """Add a fault after which nothing below the path is worth reporting."""
        self.add(path, message)
        self._broken.add(path)

    def has(self, path: Path) -> bool:
        return path in self._paths

    def _below_broken(self, path: Path) -> bool:
        return any(path[:length] in self._broken for length in range(len(path)))


class Item:
    """One object of the document, with the path that leads to it. A key with null is left out."""

    def __init__(self, raw: object, path: Path, faults: Faults, codes: Codes) -> None:
        self.path = path
        self.faults = faults
        self.codes = codes
        if not isinstance(raw, dict):
            faults.add_broken(path, "This must be an object.")
        given = raw if isinstance(raw, dict) else {}
        self._given = {key: value for key, value in given.items() if value is not None}
        self._known: set[object] = set()

    def fault(self, message: str, *keys: str) -> None:
        self.faults.add((*self.path, *keys), message)

    def close(self) -> None:
        """Report the keys that nobody asked for."""
        for key in self._given:
            if key not in self._known:
                self.fault("This key is unknown.", _shown(key))

    def has(self, key: str) -> bool:
        return self._given.get(key) not in (None, [])

    def require(self, *keys: str) -> None:
        for key in keys:
            if key not in self._given:
                self.fault("This is required.", key)

    def forbid(self, key: str, reason: str) -> None:
        if self.has(key):
            self.fault(reason, key)

    def code(self, key: str = "code") -> str:
        """Read a code; empty where there is none, which no other code equals."""
        return self._value(key, _as_code, "This must be 1 to 64 of A-Z a-z 0-9 . _ -.") or ""

    def reference(self, key: str, target: str) -> str | None:
        """Read a code of the list `target`."""
        code = self.code(key)
        if code and code not in self.codes.get(target, {code}):
            self.fault("This code is unknown.", key)
        return code or None

    def references(self, key: str, target: str) -> tuple[str, ...]:
        return self._texts(
            key, lambda value: is_code(value) and value in self.codes.get(target, {value}), "code"
        )

    def texts(self, key: str) -> tuple[str, ...]:
        """Read names that commerce gives, such as categories and products."""
        return self._texts(key, lambda value: is_text(value) and value != "", "text")

    def text(self, key: str) -> str | None:
        return self._value(key, _as_text, "This must be text without NUL, at most 1000 characters.")

    def names(self, key: str) -> Names:
        value = self._take(key)
        if not isinstance(value, dict):
            single = self.text(key)
            return {} if single is None else {"": single}
        for locale, name in value.items():
            if not is_locale(locale) or not (name is None or is_text(name)):
                self.fault("This must be a text under its locale.", key, _shown(locale))
        return {locale: name for locale, name in value.items() if is_locale(locale) and name}

    def flag(self, key: str, default: bool = False) -> bool:
        value = self._value(key, _as_flag, "This must be true or false.")
        return default if value is None else value

    def choice(self, key: str, kind: type[_Choice]) -> _Choice | None:
        members = {member.value: member for member in kind}
        return self._value(
            key,
            lambda value: members.get(value) if isinstance(value, str) else None,
            f"This must be one of {', '.join(members)}.",
        )

    def currency(self, key: str = "currency") -> str | None:
        return self._value(key, _as_currency, "This must be a currency of ISO 4217.")

    def day(self, key: str) -> date | None:
        return self._value(key, to_day, "This must be a date, YYYY-MM-DD.")

    def days(self) -> tuple[date | None, date | None]:
        """Read `validFrom` and `validTo`, both included."""
        first, last = self.day("validFrom"), self.day("validTo")
        if first and last and first > last:
            self.fault("validTo is before validFrom.", "validTo")
        return first, last

    def number(
        self,
        key: str,
        *,
        above: int | None = None,
        least: int | None = None,
        most: int | None = None,
    ) -> Decimal | None:
        """Read an exact number within its limits."""
        value = self._value(
            key, to_decimal, "This must be a number: at most 12 digits before, 6 after the point."
        )
        if value is None:
            return None
        reason = _out_of_limits(value, above=above, least=least, most=most)
        if reason is None:
            return value
        self.fault(reason, key)
        return None

    def money(self, key: str, currency: str | None, *, above: int | None = None) -> Decimal | None:
        """Read an amount >= 0 in whole minor units of its currency."""
        value = self.number(key, above=above, least=0)
        if value is None or currency is None or fits_minor(value, currency):
            return value
        self.fault(f"This has more decimals than {currency}.", key)
        return None

    def integer(self, key: str, *, least: int, most: int = LARGEST_INTEGER) -> int | None:
        value = self.number(key, least=least, most=most)
        if value is None or value == int(value):
            return None if value is None else int(value)
        self.fault("This must be a whole number.", key)
        return None

    def period(self, key: str, least: int = 0) -> Period | None:
        """Read a period; one of 0 is none."""
        return self.child(key, lambda item: _read_period(item, least))

    def json(self, key: str) -> str | None:
        return self._value(key, to_json, "This must be JSON, at most 32 levels deep.")

    def child(self, key: str, read: Callable[["Item"], _T]) -> _T | None:
        """Read the object under `key`; None where there is none."""
        value = self._take(key)
        if value is None:
            return None
        item = Item(value, (*self.path, key), self.faults, self.codes)
        result = read(item)
        item.close()
        return result

    def items(self, key: str, read: Callable[["Item"], _T]) -> tuple[_T, ...]:
        """Read a list of objects, one result each; a code that stood before is a fault. It ends
        with as many faults as are told.
        """
        results: list[_T] = []
        seen: set[str] = set()
        for index, value in enumerate(self._list(key)):
            if self.faults.are_enough:
                break
            item = Item(value, (*self.path, key, str(index)), self.faults, self.codes)
            results.append(read(item))
            item.close()
            code = item._given.get("code")
            if isinstance(code, str) and code in seen:
                item.fault("This code stands twice in its list.", "code")
            seen.update([code] if isinstance(code, str) else [])
        return tuple(results)

    def _take(self, key: str) -> object | None:
        self._known.add(key)
        return self._given.get(key)

    def _value(self, key: str, convert: Callable[[object], _T | None], reason: str) -> _T | None:
        given = self._take(key)
        if given is None:
            return None
        value = convert(given)
        if value is None:
            self.fault(reason, key)
        return value

    def _list(self, key: str) -> list[object]:
        value = self._take(key)
        if isinstance(value, list):
            return value
        if value is not None:
            self.faults.add_broken((*self.path, key), "This must be a list.")
        return []

    def _texts(self, key: str, is_good: Callable[[object], bool], noun: str) -> tuple[str, ...]:
        """Read a list of texts, whose order means nothing; one that stands twice is a fault."""
        good: dict[str, None] = {}
        for index, value in enumerate(self._list(key)):
            if self.faults.are_enough:
                break
            if not isinstance(value, str) or not is_good(value):
                self.fault(f"This {noun} is unknown or malformed.", key, str(index))
            elif value in good:
                self.fault(f"This {noun} stands twice in its list.", key, str(index))
            else:
                good[value] = None
        return tuple(good)


def _as_code(value: object) -> str | None:
    return value if is_code(value) else None


def _as_text(value: object) -> str | None:
    return value if is_text(value) else None


def _as_flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _as_currency(value: object) -> str | None:
    return value if isinstance(value, str) and is_currency(value) else None


def _out_of_limits(
    value: Decimal, *, above: int | None, least: int | None, most: int | None
) -> str | None:
    if above is not None and value <= above:
        return f"This must be more than {above}."
    if least is not None and value < least:
        return f"This must be at least {least}."
    if most is not None and value > most:
        return f"This must be at most {most}."
    return None


def _read_period(item: Item, least: int) -> Period | None:
    item.require("value", "unit")
    value = item.integer("value", least=least, most=LONGEST_PERIOD)
    unit = item.choice("unit", PeriodUnit)
    return Period(value, unit) if value and unit else None


def _shown(key: object) -> str:
    """Key as it can stand in a path: text that can be encoded."""
    if not isinstance(key, str):
        return type(key).__name__
    return key[:_LONGEST_KEY].encode("utf-8", "replace").decode()
