"""How many activities of a type a card may have. Source: semantics 5.7."""

from collections.abc import Mapping
from datetime import date, timedelta

from rules.calendar import add_period
from rules.program import ActivityLimit

_DAY = timedelta(days=1)


def judged_days(limit: ActivityLimit | None, day: date) -> tuple[date, date]:
    """First and last day that some window with `day` in it can hold; without limit, the day."""
    if limit is None:
        return day, day
    return add_period(day, limit.per, -1), add_period(day, limit.per)


def exceeds(limit: ActivityLimit, posted: Mapping[date, int], day: date) -> bool:
    """Tell whether one more on `day` gives some window more than `count`.

    A window that ends on day d starts the day after d - per. Only those that hold `day` matter, and
    of those only the ones that end on a day with an activity: later ends only lose days.
    """
    ends = [day, *(other for other, count in posted.items() if other > day and count)]
    windows = [(add_period(end, limit.per, -1) + _DAY, end) for end in ends]
    return any(
        sum(count for other, count in posted.items() if first <= other <= last) >= limit.count
        for first, last in windows
        if first <= day
    )
