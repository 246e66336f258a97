"""Civil dates: adding periods, and the windows that date intervals name, in whole days.

A result outside the years 1 to 9999 is the nearest date there is: such a bound is as good as open.
Source: semantics 2.
"""

from datetime import date

from rules.program_terms import Bound, DateInterval, Period, PeriodUnit, Snap

_DECEMBER = 12
_DAYS = {PeriodUnit.DAY: 1, PeriodUnit.WEEK: 7}
_MONTHS = {PeriodUnit.MONTH: 1, PeriodUnit.QUARTER: 3, PeriodUnit.YEAR: 12}
_SNAP_MONTHS = {
    Snap.START_OF_MONTH: 1,
    Snap.END_OF_MONTH: 1,
    Snap.START_OF_QUARTER: 3,
    Snap.END_OF_QUARTER: 3,
    Snap.START_OF_YEAR: 12,
    Snap.END_OF_YEAR: 12,
}
_SNAPS_TO_END = frozenset(
    {Snap.END_OF_WEEK, Snap.END_OF_MONTH, Snap.END_OF_QUARTER, Snap.END_OF_YEAR}
)


def add_period(day: date, period: Period, times: int = 1) -> date:
    """`day` moved by `times` periods, into the past if the product is negative.

    WEEK is 7 days, QUARTER 3 months; months and years keep the day of the month, at most the
    month's last. Source: semantics 2.
    """
    count = period.value * times
    if period.unit in _DAYS:
        return _add_days(day, count * _DAYS[period.unit])
    return _add_months(day, count * _MONTHS[period.unit])


def window(interval: DateInterval, on: date) -> tuple[date | None, date | None]:
    """First and last day of `interval` evaluated on `on`, both included; None is open."""
    return _resolve(interval.start, on), _resolve(interval.end, on)


def _resolve(bound: Bound | None, on: date) -> date | None:
    if bound is None:
        return None
    day = on if bound.anchor is None else bound.anchor
    shifted = day if bound.shift is None else add_period(day, bound.shift)
    return shifted if bound.snap is None else _snap(shifted, bound.snap)


def _snap(day: date, snap: Snap) -> date:
    to_end = snap in _SNAPS_TO_END
    if snap not in _SNAP_MONTHS:
        return _add_days(day, 6 - day.weekday() if to_end else -day.weekday())
    months = _SNAP_MONTHS[snap]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    if not to_end:
        return first
    # The last month of the block lies in the same year, so only its length is left to look up.
    month = first.month + months - 1
    return date(day.year, month, _length(day.year, month))


def _add_days(day: date, count: int) -> date:
    ordinal = day.toordinal() + count
    return date.fromordinal(min(max(ordinal, date.min.toordinal()), date.max.toordinal()))


def _add_months(day: date, count: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    if year < date.min.year:
        return date.min
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, _length(year, month + 1)))


def _length(year: int, month: int) -> int:
    """Days of the month."""
    if month == _DECEMBER:
        return 31
    return (date(year, month + 1, 1) - date(year, month, 1)).days
