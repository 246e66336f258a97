"""The limit of an activity type against its own definition, window by window."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rules.activities import exceeds, judged_days
from rules.calendar import add_period
from rules.program import ActivityLimit
from rules.program_terms import Period, PeriodUnit

DAY = timedelta(days=1)
DAYS = st.dates(date(2023, 12, 1), date(2024, 4, 30))
LIMITS = st.builds(
    ActivityLimit,
    count=st.integers(1, 3),
    per=st.builds(
        Period,
        value=st.integers(1, 3),
        unit=st.sampled_from([PeriodUnit.DAY, PeriodUnit.WEEK, PeriodUnit.MONTH]),
    ),
)


def crowded(limit: ActivityLimit, posted: dict[date, int], day: date) -> bool:
    """Some window that holds `day` has more than `count`: every end is tried."""
    ends = [date(2023, 1, 1) + DAY * place for place in range(900)]
    return any(
        sum(count for on, count in posted.items() if first <= on <= end) > limit.count
        for end in ends
        if (first := add_period(end, limit.per, -1) + DAY) <= day <= end
    )


@given(LIMITS, st.dictionaries(DAYS, st.integers(1, 3), max_size=6), DAYS)
def test_one_more_exceeds_a_limit_where_some_window_would_hold_too_many(
    limit: ActivityLimit, posted: dict[date, int], day: date
) -> None:
    after = {**posted, day: posted.get(day, 0) + 1}
    assert exceeds(limit, posted, day) == crowded(limit, after, day)


@given(LIMITS, st.dictionaries(DAYS, st.integers(1, 3), max_size=6), DAYS)
def test_days_outside_those_judged_decide_nothing(
    limit: ActivityLimit, posted: dict[date, int], day: date
) -> None:
    since, until = judged_days(limit, day)
    near = {on: count for on, count in posted.items() if since <= on <= until}
    assert exceeds(limit, near, day) == exceeds(limit, posted, day)


def test_without_a_limit_only_the_day_itself_is_looked_at() -> None:
    day = date(2024, 2, 29)
    assert judged_days(None, day) == (day, day)
