"""Tier rules that were changed, applied to cards without a posting.

Source: semantics 9, re-evaluation.
"""

from collections.abc import Callable, Iterable
from datetime import date

from rules.calendar import window
from rules.program import Tier, TierRule
from rules.tier_rows import TierRow, automatic_rows, runs_on, with_won
from rules.tiers import Counted, ProgramVersion, is_met, won_tier

# The day of the latest positive countable posting of a reward point in a window, if there is one.
Latest = Callable[[str, date | None, date | None], date | None]


def reevaluate(
    rows: Iterable[TierRow], version: ProgramVersion, counted: Counted, latest: Latest, today: date
) -> tuple[TierRow, ...]:
    """Give the rows after an evaluation at today; `rows` are those of `rows_until` today.

    Validity is that of the latest posting that counts, so that doing it again, or daily, changes
    nothing more. A minimum of 0 wins a row, valid from today, only where none is running.
    """
    rows = tuple(rows)
    automatic = automatic_rows(rows)
    tier = won_tier(version, counted, today)
    idle = not any(runs_on(row, today) for row in automatic)
    ends = [] if tier is None else _ends(tier, version, counted, latest, today, idle=idle)
    if tier is None or not ends:
        return rows
    won = TierRow(tier.code, today, None if None in ends else max(filter(None, ends)))
    after = with_won(automatic, won, version.program, extends=True)
    if _spans(after) == _spans(automatic):
        return rows
    return (*after, *(row for row in rows if row.manual))


def _ends(
    tier: Tier,
    version: ProgramVersion,
    counted: Counted,
    latest: Latest,
    today: date,
    *,
    idle: bool,
) -> list[date | None]:
    """The last day, or None for an open end, by each rule that is met; none that is over."""
    found = []
    for rule in tier.rules:
        anchor = _anchor(rule, version, latest, today, idle=idle)
        if anchor is None or not is_met(version, counted, today, rule):
            continue
        ends_on = window(version.interval(tier.validity), anchor)[1]
        if ends_on is None or ends_on >= today:
            found.append(ends_on)
    return found


def _anchor(
    rule: TierRule, version: ProgramVersion, latest: Latest, today: date, *, idle: bool
) -> date | None:
    if rule.minimum_points == 0:
        return today if idle else None
    return latest(rule.reward_point, *window(version.interval(rule.evaluation), today))


def _spans(rows: Iterable[TierRow]) -> list[tuple[str, date, date | None]]:
    return [(row.tier, row.starts_on, row.ends_on) for row in rows]
