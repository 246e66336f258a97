"""The tier rows of a card in a program: won, extended, given way to one another.

A row's days include both ends, None is open; automatic rows of a card and program never overlap.
Source: semantics 9.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from rules.program import Program

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TierRow:
    """`manual`: given by hand; `brought`: by time alone, no posting has won or extended it."""

    tier: str
    starts_on: date
    ends_on: date | None
    manual: bool = False
    brought: bool = False


def with_won(
    automatic: Sequence[TierRow], won: TierRow, program: Program, *, extends: bool
) -> list[TierRow]:
    on = won.starts_on
    running = next((row for row in automatic if runs_on(row, on)), None)
    later = [row for row in automatic if row.starts_on > on]
    kept = [row for row in automatic if row.starts_on <= on and row is not running]
    if running is None:
        return [*kept, *placed(won, later, program)]
    if rank_of(program, won.tier) > rank_of(program, running.tier):
        cut = [replace(running, ends_on=on - _DAY)] if running.starts_on < on else []
        return [*kept, *cut, *placed(won, later, program)]
    if extends and won.tier == running.tier:
        return [*kept, *_extended(running, won, later, program)]
    return list(automatic)


def _extended(
    running: TierRow, won: TierRow, later: Sequence[TierRow], program: Program
) -> list[TierRow]:
    """Move the end, never back; a row that a posting wins on its first day is not time's alone."""
    row, *left = [running, *later]
    if _last(won) > _last(running):
        row, *left = placed(replace(running, ends_on=won.ends_on), later, program)
    alone = running.brought and row == running and row.starts_on < won.starts_on
    return [replace(row, brought=alone), *left]


def placed(row: TierRow, later: Sequence[TierRow], program: Program) -> list[TierRow]:
    """Let a row meet those that start after it: it yields to its own level and above.

    Rows of a lower level give way: they start the day after it, or go if nothing is left of them.
    """
    rank = rank_of(program, row.tier)
    met = [other for other in later if other.starts_on <= _last(row)]
    stop = next((other for other in met if rank_of(program, other.tier) >= rank), None)
    if stop is not None:
        row = replace(row, ends_on=stop.starts_on - _DAY)
    left = [_given_way(other, row) for other in later]
    return [row, *(other for other in left if other is not None)]


def _given_way(other: TierRow, row: TierRow) -> TierRow | None:
    day = day_after(row)
    if other.starts_on > _last(row):
        return other
    if day is None or _last(other) < day:
        return None
    return replace(other, starts_on=day)


def automatic_rows(rows: Iterable[TierRow]) -> list[TierRow]:
    return sorted((row for row in rows if not row.manual), key=lambda row: row.starts_on)


def in_order(rows: Iterable[TierRow]) -> tuple[TierRow, ...]:
    return tuple(sorted(rows, key=lambda row: (row.starts_on, row.manual, row.tier, _last(row))))


def rank_of(program: Program, code: str | None) -> tuple[bool, int]:
    """Order tiers by level; one that the program does not know stands below all."""
    level = next((tier.level for tier in program.tiers if tier.code == code), None)
    return (False, 0) if level is None else (True, level)


def runs_on(row: TierRow, day: date) -> bool:
    return row.starts_on <= day <= _last(row)


def _last(row: TierRow) -> date:
    return row.ends_on or date.max


def day_after(row: TierRow) -> date | None:
    """Give the day after the row's end, None where it has none or the calendar ends with it."""
    return None if _last(row) == date.max else _last(row) + _DAY
