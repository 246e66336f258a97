"""Which tier a card holds in a program: rows of whole days, won by points or given by hand.

Points are counted in points, not in smallest units. A row's days include both ends, None is open.
Automatic rows of a card and program never overlap. Source: semantics 9.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from rules.calendar import window
from rules.numbers import exact_of
from rules.program import Program, Tier, TierRule
from rules.program_terms import DateInterval
from rules.tier_rows import (
    TierRow,
    automatic_rows,
    day_after,
    in_order,
    placed,
    rank_of,
    runs_on,
    with_won,
)

# Countable points of a reward point with entry date from .. to, for the card or its group of cards.
Counted = Callable[[str, date | None, date | None], int | Fraction]


@dataclass(frozen=True, slots=True)
class ProgramVersion:
    """A program, with its date intervals by code, as one configuration version has them.

    `kin`: where cards are combined, what the customer's others in the program on a day count.
    """

    program: Program
    interval: Callable[[str], DateInterval]
    kin: Callable[[date], Counted] | None = None


# The version effective when a day began; None where the card is not in the program on that day.
ProgramOn = Callable[[date], ProgramVersion | None]


@dataclass(frozen=True, slots=True)
class Moment:
    """A date to evaluate at; `extends`: a positive countable posting has this entry date."""

    on: date
    extends: bool


@dataclass(frozen=True, slots=True)
class Replay:
    """What a posting, an enrolment or a link has to judge: its dates and those of all later
    countable postings, in any order. What is counted is another from the day `since` on.

    `adds`: something positive is posted. Nothing else extends a row that stands already.
    """

    since: date
    moments: Sequence[Moment]
    adds: bool


@dataclass(frozen=True, slots=True)
class Requirement:
    """One way to win a tier, in points; an open end of the window is the first or last date."""

    reward_point: str
    required: Decimal
    counted: Fraction
    missing: Fraction
    from_on: date
    to_on: date


@dataclass(frozen=True, slots=True)
class Progress:
    tier: Tier
    requirements: tuple[Requirement, ...]


def won_tier(version: ProgramVersion, counted: Counted, on: date) -> Tier | None:
    """Find the highest tier of which any one rule is met on a date."""
    tiers = sorted(version.program.tiers, key=lambda tier: tier.level, reverse=True)
    # Tiers of a program mostly count the same points over the same window.
    known: dict[tuple[str, str], int | Fraction] = {}

    def met(rule: TierRule) -> bool:
        asked = (rule.reward_point, rule.evaluation)
        if asked not in known:
            known[asked] = _points(version, counted, on, rule)
        return known[asked] >= exact_of(rule.minimum_points)

    return next((tier for tier in tiers if any(met(rule) for rule in tier.rules)), None)


def evaluate(
    rows: Iterable[TierRow], version: ProgramVersion, counted: Counted, on: date, *, extends: bool
) -> tuple[TierRow, ...]:
    """Give the rows, by first day, after one evaluation; rows given by hand stay as they are.

    A higher tier ends the running row the day before; the same tier moves its end, never back and
    only where `extends`; a lower one or none changes nothing. Doing it again changes nothing.
    """
    rows = tuple(rows)
    won = _won_row(version, counted, on)
    if won is not None:
        automatic = with_won(automatic_rows(rows), won, version.program, extends=extends)
        rows = (*automatic, *(row for row in rows if row.manual))
    return in_order(rows)


def rows_until(
    rows: Iterable[TierRow], today: date, program_on: ProgramOn, counted: Counted
) -> tuple[TierRow, ...]:
    """Add the rows that time alone has brought through `today`: evaluations the day after an end.

    Each is judged by the version effective when that day began, and meets later rows as others do.
    """
    rows = tuple(rows)
    automatic = automatic_rows(rows)
    position = 0
    # Ends rise from row to row, so that the loop ends at `today` at the latest.
    while position < len(automatic):
        following = automatic[position + 1 :]
        day = day_after(automatic[position])
        if day is None or day > today:
            break
        if not following or following[0].starts_on > day:
            automatic[position + 1 :] = _brought(following, program_on(day), counted, day)
        position += 1
    return in_order((*automatic, *(row for row in rows if row.manual)))


def replay(
    rows: Iterable[TierRow],
    asked: Replay,
    today: date,
    version: ProgramVersion,
    program_on: ProgramOn,
    counted: Counted,
) -> tuple[TierRow, ...]:
    """Give the rows after a posting, an enrolment or a link, through `today`.

    Rows that time alone brought later than `since` are judged anew, and extended by the positive
    postings after them, whatever is posted now. Before it counts a posting the caller takes
    `rows_until` today, lest rows already begun be judged by what came later.
    """
    extends = _by_date(asked.moments)
    rows = [row for row in rows if not row.brought or row.starts_on <= asked.since]
    kept = set() if asked.adds else {(row.tier, row.ends_on) for row in automatic_rows(rows)}
    for on in sorted(extends):
        rows = rows_until(rows, on, program_on, counted)
        stays = any(
            (row.tier, row.ends_on) in kept and runs_on(row, on)
            for row in (automatic_rows(rows) if kept else ())
        )
        rows = evaluate(rows, version, counted, on, extends=extends[on] and not stays)
    return rows_until(rows, today, program_on, counted)


def tier_on(rows: Iterable[TierRow], program: Program, day: date) -> TierRow | None:
    """Find the row that shows the card's tier: the highest level running, then the later end."""
    levels = {tier.code: tier.level for tier in program.tiers}
    running = [row for row in rows if runs_on(row, day) and row.tier in levels]
    return max(
        running,
        key=lambda row: (levels[row.tier], row.ends_on or date.max, -row.starts_on.toordinal()),
        default=None,
    )


def progress(
    version: ProgramVersion, counted: Counted, current: str | None, on: date
) -> Progress | None:
    """Tell what the next tier above the current one asks, the lowest without one; None at the top.

    Missing is what lacks of the required points, never below 0.
    """
    level = rank_of(version.program, current)
    above = [t for t in version.program.tiers if rank_of(version.program, t.code) > level]
    if not above:
        return None
    tier = min(above, key=lambda candidate: candidate.level)
    return Progress(tier, tuple(_requirement(version, counted, on, rule) for rule in tier.rules))


def lasts(version: ProgramVersion, on: date) -> bool:
    """Tell whether every tier that is met on a date is won: none would be over by then."""
    return all((_end(version, tier, on) or on) >= on for tier in version.program.tiers)


def is_met(version: ProgramVersion, counted: Counted, on: date, rule: TierRule) -> bool:
    return _points(version, counted, on, rule) >= exact_of(rule.minimum_points)


def _points(version: ProgramVersion, counted: Counted, on: date, rule: TierRule) -> int | Fraction:
    days = window(version.interval(rule.evaluation), on)
    own = counted(rule.reward_point, *days)
    return own if version.kin is None else own + version.kin(on)(rule.reward_point, *days)


def _requirement(
    version: ProgramVersion, counted: Counted, on: date, rule: TierRule
) -> Requirement:
    first, last = window(version.interval(rule.evaluation), on)
    points = _points(version, counted, on, rule)
    missing = max(Fraction(0), Fraction(rule.minimum_points) - points)
    return Requirement(
        reward_point=rule.reward_point,
        required=rule.minimum_points,
        counted=Fraction(points),
        missing=missing,
        from_on=first or date.min,
        to_on=last or date.max,
    )


def _won_row(version: ProgramVersion, counted: Counted, on: date) -> TierRow | None:
    """Give the row that an evaluation wins, None also where it would already be over."""
    tier = won_tier(version, counted, on)
    if tier is None:
        return None
    ends_on = _end(version, tier, on)
    return None if (ends_on or on) < on else TierRow(tier.code, on, ends_on)


def _end(version: ProgramVersion, tier: Tier, on: date) -> date | None:
    return window(version.interval(tier.validity), on)[1]


def _brought(
    following: Sequence[TierRow], version: ProgramVersion | None, counted: Counted, day: date
) -> list[TierRow]:
    won = None if version is None else _won_row(version, counted, day)
    if version is None or won is None:
        return list(following)
    return placed(replace(won, brought=True), following, version.program)


def _by_date(moments: Iterable[Moment]) -> dict[date, bool]:
    extends: dict[date, bool] = {}
    for moment in moments:
        extends[moment.on] = moment.extends or extends.get(moment.on, False)
    return extends
