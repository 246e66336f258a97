"""Lines of the journal as text: CSV with a header, or JSON lines; read as they come, numbered as in
the file.

Columns and members have the names of the API's input. A cell that is empty, like a member that is
null, is left out.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NoReturn, TextIO

from resolvers.activity_checks import Activity
from resolvers.line_rows import NewLine
from rules.errors import InvalidInput, LoyaltyError

REQUIRED = ("channel", "cardNumber", "activityType", "activityId")
TEXTS = (*REQUIRED, "affiliation", "comment")
COLUMNS = (*TEXTS, "occurredAt", "evidence")
DEEPEST_EVIDENCE = 64
LONGEST_LINE = 131_072
_TOO_LONG = f"A line has at most {LONGEST_LINE} characters."

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_FIRST_INSTANT = datetime(1, 1, 2, tzinfo=UTC)
_LAST_INSTANT = datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC)


class FileFormat(StrEnum):
    CSV = "CSV"
    JSON_LINES = "JSON_LINES"


@dataclass(frozen=True, slots=True)
class Numbered:
    """What stands at a line of the file: a journal line, or what is wrong with its form."""

    number: int
    line: NewLine | None
    faults: tuple[LoyaltyError, ...] = ()


def bounded_lines(file: TextIO) -> Iterator[str]:
    """The lines of a file, of those that are too long no more than shows it: memory is bounded."""
    text = file.readline(LONGEST_LINE + 1)
    while text:
        yield text
        while len(text) > LONGEST_LINE and not text.endswith(("\n", "\r")):
            text = file.readline(LONGEST_LINE + 1)
        may_be_cut = len(text) > LONGEST_LINE and text.endswith("\r")
        text = file.readline(LONGEST_LINE + 1)
        if may_be_cut and text == "\n":
            # The other half of what ended the line is no line of its own.
            text = file.readline(LONGEST_LINE + 1)


def read_lines(kind: FileFormat, texts: Iterable[str]) -> Iterator[Numbered]:
    """Everything in the file, one by one; blank lines are passed over."""
    return _csv(texts) if kind is FileFormat.CSV else _json(texts)


def _csv(texts: Iterable[str]) -> Iterator[Numbered]:
    rows = _rows(texts)
    first = next(rows, None)
    if first is None:
        return
    number, header = first
    fault = InvalidInput(header) if isinstance(header, str) else _header_fault(header)
    if fault is not None or isinstance(header, str):
        yield Numbered(number, None, (fault,) if fault else ())
        return
    for number, row in rows:
        yield _faulty(number, row) if isinstance(row, str) else _row(number, header, row)


def _rows(texts: Iterable[str]) -> Iterator[tuple[int, list[str] | str]]:
    """Rows that are not blank, each with the number of its first line; a text instead of a row says
    what is wrong with it. Where quotes are wrong that is the last: nobody knows what follows.
    """
    lines = _Lines(texts)
    for text in lines:
        number = lines.number
        if len(text) > LONGEST_LINE:
            yield number, _TOO_LONG
            continue
        try:
            row = next(csv.reader(lines.from_here(text), strict=True))
        except csv.Error as error:
            for _ in lines:
                pass
            told = f"This is no CSV: {error}. Lines {number} to {lines.number} were not read."
            yield number, told
            return
        if row:
            yield number, row


class _Lines:
    """The lines of a file, and the number of the last that was given."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = iter(texts)
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for text in self._texts:
            self.number += 1
            yield text

    def from_here(self, first: str) -> Iterator[str]:
        """The first again, and what follows as far as a row of several lines goes."""
        yield first
        for text in self:
            if len(text) > LONGEST_LINE:
                raise csv.Error(f"a line has more than {LONGEST_LINE} characters")
            yield text


def _header_fault(header: list[str]) -> InvalidInput | None:
    unknown = sorted(set(header) - set(COLUMNS))
    missing = [name for name in REQUIRED if name not in header]
    if unknown:
        return InvalidInput(f"There is no column {unknown[0]!r}.")
    if missing:
        return InvalidInput(f"The column {missing[0]!r} is missing.")
    if len(set(header)) < len(header):
        return InvalidInput("A column stands twice.")
    return None


def _row(number: int, header: list[str], row: list[str]) -> Numbered:
    if len(row) != len(header):
        return _faulty(number, f"The header has {len(header)} columns, this line {len(row)}.")
    members: dict[str, object] = {
        name: cell for name, cell in zip(header, row, strict=True) if cell
    }
    if "evidence" in members:
        try:
            members["evidence"] = _loaded(str(members["evidence"]))
        except InvalidInput as fault:
            fault.field = ("evidence",)
            return Numbered(number, None, (fault,))
    return _numbered(number, members)


def _json(texts: Iterable[str]) -> Iterator[Numbered]:
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        if len(text) > LONGEST_LINE:
            yield _faulty(number, _TOO_LONG)
            continue
        try:
            members = _loaded(text)
        except InvalidInput as fault:
            yield Numbered(number, None, (fault,))
            continue
        if isinstance(members, dict):
            given = {name: value for name, value in members.items() if value is not None}
            yield _numbered(number, given)
        else:
            yield _faulty(number, "A line is one JSON object.")


def _loaded(text: str) -> object:
    """Strict JSON, fractions as Decimal. Raises InvalidInput."""
    try:
        value: object = json.loads(
            text, parse_float=_fraction, parse_constant=_refuse, object_pairs_hook=_unique
        )
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise InvalidInput("This is no JSON.") from error
    level = [value]
    for _ in range(DEEPEST_EVIDENCE + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    raise InvalidInput(f"JSON is nested at most {DEEPEST_EVIDENCE} levels deep.")


def _fraction(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > DEEPEST_EVIDENCE:
        raise ValueError(text)
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise InvalidInput("A member stands twice.")
    return dict(pairs)


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _numbered(number: int, members: Mapping[str, object]) -> Numbered:
    # A name that is no text cannot be told.
    faults: list[LoyaltyError] = [
        InvalidInput("There is no such member.", (name,) if _is_sound(name) else None)
        for name in members
        if name not in COLUMNS
    ]
    faults += [
        InvalidInput("This is missing.", (name,)) for name in REQUIRED if name not in members
    ]
    faults += [
        InvalidInput("This is no text that can be stored.", (name,))
        for name in members
        if not _is_sound(members[name]) or (name in TEXTS and not isinstance(members[name], str))
    ]
    occurred_at = None
    try:
        occurred_at = _instant(members.get("occurredAt"))
    except InvalidInput as fault:
        faults.append(fault)
    if faults:
        return Numbered(number, None, tuple(faults))
    return Numbered(number, _line(members, occurred_at))


def _line(members: Mapping[str, object], occurred_at: datetime | None) -> NewLine:
    def text(name: str) -> str | None:
        value = members.get(name)
        return None if value is None else str(value)

    channel, card_number, activity_type, activity_id = (str(members[name]) for name in REQUIRED)
    activity = Activity(
        channel, card_number, activity_type, activity_id, occurred_at, text("affiliation")
    )
    return NewLine(activity, text("comment"), members.get("evidence"))


def _instant(value: object) -> datetime | None:
    if value is None:
        return None
    message = "This is no RFC 3339 instant with an offset, like 2025-01-31T09:30:00Z."
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        raise InvalidInput(message, ("occurredAt",))
    try:
        instant = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(message, ("occurredAt",)) from error
    if not _FIRST_INSTANT <= instant <= _LAST_INSTANT:
        raise InvalidInput(message, ("occurredAt",))
    return instant


def _is_sound(value: object) -> bool:
    """Whether every text in it can be stored: no U+0000, no half of a surrogate pair."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, str) and ("\0" in one or _SURROGATE.search(one)):
            return False
        stack += _inside(one)
        stack += one.keys() if isinstance(one, dict) else ()
    return True


_SURROGATE = re.compile("[\ud800-\udfff]")


def _faulty(number: int, message: str) -> Numbered:
    return Numbered(number, None, (InvalidInput(message),))


Source = Callable[[], Iterable[Numbered]]
