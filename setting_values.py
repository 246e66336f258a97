"""How the text of a setting is read: each reader raises ValueError with what it should be."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_args
from urllib.parse import SplitResult, urlsplit

Read = Callable[[str], Any]
SYMMETRIC = ("HS256", "HS384", "HS512")
ASYMMETRIC = tuple(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512))
SQLITE = "sqlite:///"
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")
_COUNT = re.compile(r"[0-9]{1,12}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_CARD_FORMAT = re.compile(r"[\x21-\x7e]{1,64}")


def as_one_of(kind: object) -> Read:
    def read(given: str) -> str:
        if given not in get_args(kind):
            raise ValueError(f"must be one of {', '.join(get_args(kind))}")
        return given

    return read


def as_count(least: int, most: int) -> Read:
    def read(given: str) -> int:
        if _COUNT.fullmatch(given) is None or not least <= int(given) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(given)

    return read


def as_seconds(least: float, most: float) -> Read:
    def read(given: str) -> float:
        if _SECONDS.fullmatch(given) is None or not least <= float(given) <= most:
            raise ValueError(f"must be seconds from {least:g} to {most:g}")
        return float(given)

    return read


def as_list_of(read_item: Callable[[str], str]) -> Read:
    def read(given: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(read_item(item.strip()) for item in given.split(",")))

    return read


def _parts(given: str, form: str) -> SplitResult:
    """Raise ValueError(form) for no address; the error of `urlsplit` would show all of it."""
    try:
        parts = urlsplit(given)
        _ = parts.port
    except ValueError:
        raise ValueError(form) from None
    return parts


def as_database_url(given: str) -> str:
    form = "must be sqlite:///path/file.db or postgresql://user@host/database"
    if given.startswith(SQLITE):
        if given.removeprefix(SQLITE).partition("?")[0] in {"", ":memory:"}:
            raise ValueError(f"{form}; SQLite needs a file")
    elif not _parts(given, form).geturl().startswith("postgresql://"):
        raise ValueError(form)
    return given


def as_web_address(given: str) -> str:
    form = "must be an address like https://host/path"
    parts = _parts(given, form)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(form)
    return given


def as_origin(given: str) -> str:
    form = f"{given!r} is not an origin like https://shop.example"
    parts = _parts(given.lower(), form)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "*" in given:
        raise ValueError(form)
    if "@" in parts.netloc or given.lower() != f"{parts.scheme}://{parts.netloc}":
        raise ValueError(form)
    return given.lower()


def as_algorithm(given: str) -> str:
    if given not in SYMMETRIC + ASYMMETRIC:
        raise ValueError(f"must be among {', '.join(SYMMETRIC + ASYMMETRIC)}")
    return given


def as_instant(given: str) -> datetime:
    form = "must be an RFC 3339 instant like 2026-01-31T09:00:00Z, from 1970 to 9000"
    if _INSTANT.fullmatch(given) is None:
        raise ValueError(form)
    try:
        instant = datetime.fromisoformat(given.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(form) from None
    if not 1970 <= instant.year <= 9000:  # noqa: PLR2004 - the clock runs on from there
        raise ValueError(form)
    return instant


def as_card_format(given: str) -> str:
    if _CARD_FORMAT.fullmatch(given) is None or not re.search("[#*@]", given):
        raise ValueError(f"{given!r} is not a card number format like LC-#####")
    return given
