"""What was earned, of which lines, and why no more. Source: semantics 5, 14."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from rules.notes import Note


class Share(NamedTuple):
    """One ledger entry to be, more than 0; `line_number` None: the rule as a whole.

    `computed_units` is the number before the maximum cut it to `points_units`.
    """

    line_number: int | None
    points_units: int
    computed_units: int
    formula: str


class Earning(NamedTuple):
    """What one rule gives, more than 0; `tier` is the one held in the program, if any."""

    scheme: str
    rule: str
    program: str
    tier: str | None
    reward_point: str
    computed_units: int
    points_units: int
    formula: str
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Earned:
    earnings: tuple[Earning, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True)  # no slots: notes are worked out where somebody asks for them
class Judgement:
    """What a sale earns, and on request why it earns no more."""

    earnings: tuple[Earning, ...]
    _explain: Callable[[], tuple[Note, ...]]

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        return self._explain()
