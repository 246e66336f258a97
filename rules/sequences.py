"""Number formats of sequences: `LC-#####` draws LC-00041; randomness is handed in.

`#`: the run is the counter with leading zeros; `*`: one random digit; `@`: the Luhn check digit
over the digits before it; all else stands for itself. Source: semantics 3.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

_MALFORMED = re.compile(r"[^A-Za-z0-9._#*@-]")
_LONGEST_FORMAT = 64
_LARGEST_DIGIT = 9


def format_fault(number_format: str) -> str | None:
    """Say what is wrong with a number format; None: nothing. Source: semantics 3."""
    if not 0 < len(number_format) <= _LONGEST_FORMAT or _MALFORMED.search(number_format):
        return "A number format has 1 to 64 characters of A-Z a-z 0-9 . _ - # * @."
    if not re.search(r"[#*]", number_format):
        return "A number format needs a run of # or *."
    if len(re.findall(r"#+", number_format)) > 1:
        return "A number format has one run of # at most."
    return None


def random_digits_needed(number_format: str) -> int:
    return number_format.count("*")


def draw(number_format: str, counter: int, random_digits: Sequence[int]) -> str:
    """Write the number that a format gives for this counter; a longer counter uses more digits.

    `random_digits` has one digit 0 to 9 for each `*`; fewer are a ValueError.
    """
    if len(random_digits) < random_digits_needed(number_format):
        raise ValueError("fewer random digits than the format has *")
    left = iter(random_digits)
    drawn = ""
    for character, run in groupby(number_format):
        length = len(list(run))
        if character == "#":
            drawn += str(counter).zfill(length)
            continue
        for _ in range(length):
            drawn += _character(character, drawn, left)
    return drawn


def _character(character: str, before: str, random_digits: Iterator[int]) -> str:
    match character:
        case "*":
            return str(next(random_digits))
        case "@":
            return str(_luhn_check_digit([int(digit) for digit in before if digit.isdigit()]))
        case _:
            return character


def _luhn_check_digit(digits: Sequence[int]) -> int:
    """Digit that makes the sum of `digits` and itself, every second one doubled, end in 0."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = digit if position % 2 else 2 * digit
        total += value - _LARGEST_DIGIT if value > _LARGEST_DIGIT else value
    return -total % 10
