"""What is read from the words of a command. Each reader raises ArgumentTypeError, or makes one."""

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def text(given: str) -> str:
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError("must be text in UTF-8") from None
    return given


def number(least: int, most: int) -> Callable[[str], int]:
    def read(given: str) -> int:
        if re.fullmatch("[0-9]{1,9}", given) is None or not least <= int(given) <= most:
            raise ArgumentTypeError(f"must be a whole number from {least} to {most}")
        return int(given)

    return read


def end_of_day(given: str) -> datetime:
    """The first instant after that day in UTC."""
    try:
        return datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise ArgumentTypeError("must be a date like 2027-12-31") from None


JOB_NAMES = (
    "post-earned-points",
    "expire-points",
    "expire-holds",
    "update-tiers",
    "post-activity-lines",
    "deliver-events",
)


def job_name(given: str) -> str:
    """The job's name as the API has it."""
    if given not in JOB_NAMES:
        raise ArgumentTypeError(f"must be one of {', '.join(JOB_NAMES)}")
    return given.upper().replace("-", "_")
