"""Number formats: what they draw and which are refused. Source: semantics 3, 4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.sequences import draw, format_fault, random_digits_needed


@pytest.mark.parametrize(
    ("number_format", "counter", "digits", "drawn"),
    [
        ("LC-#####", 41, [], "LC-00041"),
        ("LC-#####", 1_234_567, [], "LC-1234567"),
        ("#", 0, [], "0"),
        ("A.###_B", 7, [], "A.007_B"),
        ("**-##-*", 5, [1, 2, 3], "12-05-3"),
        ("####", 12, [9, 9], "0012"),
        ("7992739871@*", 0, [4], "799273987134"),
        ("###@", 18, [], "0182"),
        ("X@", 0, [], "X0"),
        ("#@@", 1, [], "182"),
    ],
)
def test_a_format_draws(number_format: str, counter: int, digits: list[int], drawn: str) -> None:
    assert draw(number_format, counter, digits) == drawn


def test_too_few_random_digits_are_an_error() -> None:
    with pytest.raises(ValueError, match="fewer random digits"):
        draw("***", 1, [1, 2])


@given(st.integers(0, 10**15), st.lists(st.integers(0, 9), min_size=3, max_size=3))
def test_a_check_digit_makes_the_luhn_sum_end_in_zero(counter: int, digits: list[int]) -> None:
    drawn = draw("***####@", counter, digits)
    total = 0
    for position, character in enumerate(reversed(drawn)):
        doubled = int(character) * (1 + position % 2)
        total += doubled // 10 + doubled % 10
    assert total % 10 == 0
    assert int(drawn[3:-1]) == counter
    assert random_digits_needed("***####@") == 3


@pytest.mark.parametrize("number_format", ["#", "*", "**#**@", "LC-#####", "a.b_C-*"])
def test_a_format_with_a_run_is_good(number_format: str) -> None:
    assert format_fault(number_format) is None


@pytest.mark.parametrize("number_format", ["", "LC", "@", "#-#", "# ", "#\n", "é#", "#" * 65])
def test_a_format_without_a_run_or_with_two_is_refused(number_format: str) -> None:
    assert format_fault(number_format) is not None
