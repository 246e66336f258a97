"""How an entry came to its number, in one line that can be recomputed by hand.

Amounts and AMOUNT points show their currency's decimals, other numbers no trailing zeros. A value
to be rounded stands in full; one that does not end (10 / 3) is cut after 12 decimals, which changes
no rounding: every bound that rounding looks at ends sooner. Source: semantics 14.
"""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from rules.numbers import currency_digits, scale, show_decimal, show_units, to_minor
from rules.program import EarningRule, RewardPoint
from rules.program_terms import EarningActivity, RewardPointKind

_ONCE = frozenset({EarningActivity.SALES_TRANSACTION_COUNT, EarningActivity.OTHER_ACTIVITY})


def point_digits(point: RewardPoint) -> int:
    """Count the decimals of the point's smallest unit: QUANTITY 0, AMOUNT those of its currency."""
    return currency_digits(point.currency) if point.currency is not None else 0


class Base(NamedTuple):
    """What a rule multiplies: units of its currency, pieces, or 1; and how its formula shows it."""

    value: Fraction
    shown: str
    prefix: str = ""


ONCE = Base(Fraction(1), "1")


def pieces(quantity: Fraction) -> Base:
    return Base(quantity, show_decimal(quantity))


def amount(amount_minor: int | Fraction, currency: str) -> Base:
    """Take an amount of the rule's own currency, shown as `20.40`; part of a minor unit in full."""
    digits = currency_digits(currency)
    units, parts = amount_minor.numerator, amount_minor.denominator
    value = Fraction(units, parts * scale(digits))
    return Base(value, show_units(units, digits) if parts == 1 else show_decimal(value))


def converted(
    amount_minor: int | Fraction, currency: str, rate: Fraction, to_currency: str
) -> Base:
    """Convert into the rule's currency, half-up to its minor unit: `33.00 USD = 30.00 EUR; `.

    Source: semantics 2, Currencies.
    """
    before = amount(amount_minor, currency)
    after = amount(to_minor(before.value * rate, to_currency), to_currency)
    prefix = f"{before.shown} {currency} = {after.shown} {to_currency}; "
    return Base(after.value, after.shown, prefix)


def earned(rule: EarningRule, point: RewardPoint, base: Base, exact: Fraction, units: int) -> str:
    """Show how `base` gives `exact` points, booked as `units`: `floor(20.40 / 1) x 10 = 200`.

    A rule for a sale or an activity as a whole is `1 x 5 = 5`; an AMOUNT point takes no floor.
    """
    product = _product(rule, point, base.shown)
    return f"{base.prefix}{product} = {_rounded(exact, units, point_digits(point))}"


def _product(rule: EarningRule, point: RewardPoint, base: str) -> str:
    points = _shown(rule.points)
    if rule.activity in _ONCE:
        return f"{base} x {points}"
    blocks = f"{base} / {_shown(rule.per)}"
    if point.kind is RewardPointKind.QUANTITY:
        blocks = f"floor({blocks})"
    return f"{blocks} x {points}"


@lru_cache(maxsize=4096)
def _shown(number: Decimal) -> str:
    return show_decimal(number)


def _rounded(exact: Fraction, units: int, digits: int) -> str:
    shown = show_units(units, digits)
    is_exact = exact.numerator * scale(digits) == units * exact.denominator
    return shown if is_exact else f"{show_decimal(exact)} -> {shown}"


def share_of_line(line_number: int, share_units: int, rule_units: int, digits: int) -> str:
    """Show a line's part of its rule before any maximum, after the formula: `; line 2: 8 of 20`."""
    share = f"{show_units(share_units, digits)} of {show_units(rule_units, digits)}"
    return f"; line {line_number}: {share}"


def cut_by_maximum(maximum_units: int, kept_units: int, computed_units: int, digits: int) -> str:
    """Show a cut after the formula: `; maximum 10000: 50 of 80`; nothing where nothing was cut."""
    if kept_units == computed_units:
        return ""
    kept = f"{show_units(kept_units, digits)} of {show_units(computed_units, digits)}"
    return f"; maximum {show_units(maximum_units, digits)}: {kept}"


def share_of_card(share_units: int, paid_units: int, digits: int) -> str:
    """Show what one card of a pool gave, after the formula of the payment: `; card: 120 of 200`;
    nothing where it gave all.
    """
    if share_units == paid_units:
        return ""
    return f"; card: {show_units(share_units, digits)} of {show_units(paid_units, digits)}"


def taking_back(line_number: int | None, taken_units: int, booked_units: int, digits: int) -> str:
    """Show the part of what was booked: `line 2: 8 of 8`; of a rule for the whole sale `5 of 5`."""
    part = f"{show_units(taken_units, digits)} of {show_units(booked_units, digits)}"
    return part if line_number is None else f"line {line_number}: {part}"


def adjustment(units: int, digits: int) -> str:
    """`adjustment 50`, signed."""
    return f"adjustment {show_units(units, digits)}"


def transfer(units: int, digits: int) -> str:
    """`transfer 250`, signed."""
    return f"transfer {show_units(units, digits)}"


def expiry(last_day: date, units: int, digits: int) -> str:
    """`expired after 2025-03-31: 80`; below 0 in a correction."""
    return f"expired after {last_day.isoformat()}: {show_units(units, digits)}"


def refund(units: int, paid_units: int, digits: int) -> str:
    """Show what goes back of what the payment took of the reward point: `200 of 400`."""
    return f"{show_units(units, digits)} of {show_units(paid_units, digits)}"
