"""Where "now" comes from: one clock that tests and demonstrations can replace. Source: semantics 2,
16.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]

FUTURE_TOLERANCE = timedelta(minutes=5)
MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def system_clock() -> datetime:
    return datetime.now(UTC)


def clock_from(start: datetime) -> Clock:
    """A clock that stands at `start` now and runs on at the pace of real time."""
    shift = start - system_clock()
    return lambda: system_clock() + shift


def start_of(day: date, time_zone: str) -> datetime:
    """The instant at which the day begins where the clocks show `time_zone`."""
    return datetime.combine(day, time.min, ZoneInfo(time_zone)).astimezone(UTC)


def civil_date(instant: datetime, time_zone: str) -> date:
    """The calendar day of `instant` where the clocks show `time_zone`; the ends of the calendar do
    not overflow.
    """
    try:
        return instant.astimezone(ZoneInfo(time_zone)).date()
    except OverflowError:
        return instant.astimezone(UTC).date()
