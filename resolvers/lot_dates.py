"""When a lot can be spent: by the version that counts for the posting. Source: semantics 6."""

from datetime import date

from rules.calendar import add_period
from rules.program import RewardPoint


def lot_dates(point: RewardPoint, entry_date: date) -> tuple[date, date | None]:
    """First and last day of a lot: vesting and expiration count from the entry date (semantics
    6).
    """
    vests_on = add_period(entry_date, point.vesting) if point.vesting else entry_date
    if point.expiration is None or point.expiration.value == 0:
        return vests_on, None
    expires_on = add_period(entry_date, point.expiration)
    return min(vests_on, expires_on), expires_on
