"""Exact numbers: rounding, smallest units, and how numbers are shown. No float comes near them.

Money and AMOUNT points count in minor units of their currency, QUANTITY points in whole points.
Source: semantics 2.
"""

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

# ISO 4217: currencies whose minor unit is not two digits.
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
_UNUSUAL_DIGITS = {
    code: digits
    for codes, digits in ((_NONE, 0), (_THREE, 3), (_FOUR, 4))
    for code in codes.split()
}
_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
    "CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
    "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL "
    "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN "
    "PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
    "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG "
)
_USUAL = frozenset(_TWO.split())

_ONE = Decimal(1)
_SCALES: tuple[int, ...] = tuple(10**digits for digits in range(20))

MAXIMUM_UNITS = 10**15  # of one line, total, earning or entry
MAXIMUM_BALANCE_UNITS = 10**17


def is_currency(code: str) -> bool:
    return code in _USUAL or code in _UNUSUAL_DIGITS


def currency_digits(currency: str) -> int:
    """Decimals of the currency's minor unit: USD 2, JPY 0, KWD 3."""
    return _UNUSUAL_DIGITS.get(currency, 2)


@lru_cache(maxsize=4096)
def exact_of(number: Decimal) -> Fraction:
    """The number of a rule as a fraction: rules ask for few numbers again and again."""
    return Fraction(number)


# Comparing fractions costs more than all else here: their integers are compared.
def half_up(value: Fraction, times: int = 1) -> int:
    """The integer nearest to `value` x `times`; halves go away from zero."""
    above, below = value.numerator * times, value.denominator
    magnitude = (2 * abs(above) + below) // (2 * below)
    return magnitude if above >= 0 else -magnitude


def cut(value: Fraction) -> int:
    """The integer part: cut toward zero."""
    above, below = value.numerator, value.denominator
    return above // below if above >= 0 else -(-above // below)


def scale(digits: int) -> int:
    return _SCALES[digits]


def to_minor(amount: Decimal | Fraction, currency: str, times: Decimal = _ONE) -> int:
    """Minor units of `currency` in `amount` x `times`, rounded half-up."""
    above, below = amount.as_integer_ratio()
    if times is not _ONE:
        times_above, times_below = times.as_integer_ratio()
        above, below = above * times_above, below * times_below
    magnitude = (2 * abs(above) * scale(currency_digits(currency)) + below) // (2 * below)
    return magnitude if above >= 0 else -magnitude


def fits_minor(amount: Decimal, currency: str) -> bool:
    """Whether `amount` is a whole number of the currency's minor units."""
    above, below = amount.as_integer_ratio()
    return above * scale(currency_digits(currency)) % below == 0


# What a sale earns is shown again for each of its lines.
@lru_cache(maxsize=4096)
def show_units(units: int, digits: int) -> str:
    """A whole number of smallest units with its decimals: (1250, 2) is "12.50", (302, 0) is
    "302".
    """
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), scale(digits))
    return f"{sign}{whole}.{part:0{digits}d}" if digits else f"{sign}{whole}"


def show_decimal(value: Decimal | Fraction) -> str:
    """A number without trailing zeros and without exponent; a fraction that does not end is cut
    after 12 decimals.
    """
    exact = Fraction(value)
    units = cut(exact * scale(12))
    text = show_units(units, 12).rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
