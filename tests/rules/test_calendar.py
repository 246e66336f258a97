"""Civil dates: periods and windows. Source: semantics 2."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.calendar import add_period, window
from rules.program_terms import Bound, DateInterval, Period, PeriodUnit, Snap

TODAY = Bound(None, None, None)
DAY = date(2025, 6, 15)
periods = st.builds(Period, st.integers(-(10**12), 10**12), st.sampled_from(PeriodUnit))
bounds = st.none() | st.builds(
    Bound, st.none() | st.dates(), st.none() | periods, st.none() | st.sampled_from(Snap)
)


def shifted(value: int, unit: PeriodUnit) -> Bound:
    return Bound(None, Period(value, unit), None)


def snapped(snap: Snap) -> Bound:
    return Bound(None, None, snap)


def test_ex_01_windows_and_clamping() -> None:
    past_year = DateInterval("PAST_YEAR", shifted(-1, PeriodUnit.YEAR), TODAY)
    next_year = DateInterval("NEXT_YEAR", TODAY, shifted(1, PeriodUnit.YEAR))
    quarter = DateInterval(
        "THIS_QUARTER", snapped(Snap.START_OF_QUARTER), snapped(Snap.END_OF_QUARTER)
    )
    assert window(past_year, DAY) == (date(2024, 6, 15), DAY)
    assert window(next_year, DAY) == (DAY, date(2026, 6, 15))
    assert window(quarter, DAY) == (date(2025, 4, 1), date(2025, 6, 30))
    assert add_period(date(2024, 2, 29), Period(1, PeriodUnit.YEAR)) == date(2025, 2, 28)
    assert add_period(date(2024, 8, 31), Period(6, PeriodUnit.MONTH)) == date(2025, 2, 28)


@pytest.mark.parametrize(
    ("period", "times", "expected"),
    [
        (Period(14, PeriodUnit.DAY), 1, date(2025, 6, 29)),
        (Period(2, PeriodUnit.WEEK), -1, date(2025, 6, 1)),
        (Period(1, PeriodUnit.QUARTER), 3, date(2026, 3, 15)),
        (Period(-7, PeriodUnit.MONTH), 1, date(2024, 11, 15)),
        (Period(0, PeriodUnit.YEAR), 9, DAY),
        (Period(100_000, PeriodUnit.YEAR), 1, date.max),
        (Period(100_000, PeriodUnit.YEAR), -1, date.min),
        (Period(10_000_000, PeriodUnit.DAY), 1, date.max),
        (Period(2025, PeriodUnit.YEAR), -1, date.min),
    ],
)
def test_a_period_moves_a_day_and_stays_on_the_calendar(
    period: Period, times: int, expected: date
) -> None:
    assert add_period(DAY, period, times) == expected


@pytest.mark.parametrize(
    ("snap", "expected"),
    [
        (Snap.START_OF_WEEK, date(2025, 6, 9)),
        (Snap.END_OF_WEEK, DAY),
        (Snap.START_OF_MONTH, date(2025, 6, 1)),
        (Snap.END_OF_MONTH, date(2025, 6, 30)),
        (Snap.START_OF_QUARTER, date(2025, 4, 1)),
        (Snap.END_OF_QUARTER, date(2025, 6, 30)),
        (Snap.START_OF_YEAR, date(2025, 1, 1)),
        (Snap.END_OF_YEAR, date(2025, 12, 31)),
    ],
)
def test_each_snap_of_a_sunday(snap: Snap, expected: date) -> None:
    assert window(DateInterval("X", snapped(snap), None), DAY) == (expected, None)


def test_a_bound_is_anchored_then_shifted_then_snapped() -> None:
    bound = Bound(date(2024, 1, 31), Period(1, PeriodUnit.MONTH), Snap.END_OF_MONTH)
    assert window(DateInterval("X", None, bound), DAY) == (None, date(2024, 2, 29))


@given(bounds, bounds, st.dates())
def test_no_window_leaves_the_calendar(start: Bound | None, end: Bound | None, on: date) -> None:
    first, last = window(DateInterval("X", start, end), on)
    assert (first is None) == (start is None)
    assert (last is None) == (end is None)
