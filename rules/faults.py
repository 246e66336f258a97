"""What is wrong with a text, number or amount that somebody sends. Source: semantics 2."""

import re
from collections.abc import Iterator
from decimal import Decimal

from rules.errors import InvalidInput, Path
from rules.numbers import MAXIMUM_UNITS, fits_minor, to_minor

MAXIMUM_TEXT = 256
MAXIMUM_LINE_NUMBER = 2**31 - 1
_DIGITS_BEFORE = 12
_DIGITS_AFTER = 6
TOO_LARGE = "This comes to more than 10^15 of the currency's smallest units."
# Text that no database stores and no encoder writes.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def amount_fault(amount: Decimal, currency: str, path: Path) -> InvalidInput | None:
    """Tell what is wrong with an amount that must be >= 0 and fit the currency's minor unit."""
    fault = number_fault(amount)
    if fault is None and not fits_minor(amount, currency):
        fault = "This amount has more decimals than its currency."
    if fault is None and to_minor(amount, currency) > MAXIMUM_UNITS:
        fault = TOO_LARGE
    return None if fault is None else InvalidInput(fault, path)


def number_fault(number: Decimal) -> str | None:
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        return "This is not a number."
    if number.adjusted() >= _DIGITS_BEFORE or -exponent > _DIGITS_AFTER:
        return "At most 12 digits may stand before the point and 6 after it."
    return "This may not be negative." if number < 0 else None


def line_number_faults(number: int, taken: set[int], path: Path) -> Iterator[InvalidInput]:
    at = (*path, "lineNumber")
    if not 1 <= number <= MAXIMUM_LINE_NUMBER:
        yield InvalidInput(f"A line number lies between 1 and {MAXIMUM_LINE_NUMBER}.", at)
    if number in taken:
        yield InvalidInput("Another line has this number.", at)


def text_faults(
    text: str | None, path: Path, least: int = 1, most: int = MAXIMUM_TEXT
) -> Iterator[InvalidInput]:
    if text is None:
        return
    if not least <= len(text) <= most:
        yield InvalidInput(f"This text has {least} to {most} characters.", path)
    elif _UNSTORABLE.search(text):
        yield InvalidInput("This text has characters that cannot be stored.", path)
