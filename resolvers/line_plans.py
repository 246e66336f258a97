"""What the program says of lines of the journal, found once for those that name the same of it.

Source: semantics 5.7.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import NamedTuple

from models.activity_statements import PostableRow
from resolvers.activity_checks import check_affiliation, checked_type, named_channel
from resolvers.books import History
from resolvers.callers import Caller
from resolvers.clock import civil_date
from resolvers.portions import chunks
from rules.book import RuleBook
from rules.errors import LoyaltyError
from rules.program import ActivityType, Channel

# Lines that are posted at one go: with more there is nothing to win, and others wait meanwhile.
LONGEST_RUN = 8


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What the program says of lines that name the same of it on the same day."""

    book: RuleBook
    channel: Channel
    kind: ActivityType
    affiliation: str | None
    entry_date: date


class Run(NamedTuple):
    """Lines of a card, one behind the other, that are posted alike."""

    card_number: str
    plan: Plan | None
    lines: list[PostableRow]


def runs_of(lines: Iterable[PostableRow], planned: Mapping[bytes, Plan]) -> list[Run]:
    """The lines of each card, in their order, in runs of those with one plan."""
    by_card: dict[str, list[PostableRow]] = defaultdict(list)
    for line in lines:
        by_card[line.card_number].append(line)
    return [
        Run(number, plan, some)
        for number, mine in by_card.items()
        for plan, alike in groupby(mine, lambda line: planned.get(line.activity_key))
        for some in chunks(alike, 1 if plan is None or plan.book.maxima else LONGEST_RUN)
    ]


@dataclass
class Planner:
    """Finds the plan of a line; equal ones are the same one."""

    caller: Caller
    history: History
    _known: dict[object, tuple[Channel, ActivityType] | None] = field(default_factory=dict)
    _plans: dict[object, Plan] = field(default_factory=dict)

    def plan(self, line: PostableRow) -> Plan | None:
        """None for what would be refused, or counts for a reward."""
        book = self.history.at(line.occurred_at)
        if book is None:
            return None
        named = (book.version, line.channel, line.activity_type, line.affiliation)
        if named not in self._known:
            self._known[named] = self._found(book, line)
        found = self._known[named]
        if found is None:
            return None
        channel, kind = found
        on = civil_date(line.occurred_at, channel.time_zone)
        plan = self._plans.get((named, on))
        if plan is None:
            plan = self._plans[named, on] = Plan(book, channel, kind, line.affiliation, on)
        return plan

    def _found(self, book: RuleBook, line: PostableRow) -> tuple[Channel, ActivityType] | None:
        try:
            kind = checked_type(self.caller, book, line.activity_type)
            channel = named_channel(book, line.channel)
            check_affiliation(book, line.affiliation)
        except LoyaltyError:
            return None
        plain = channel.active and kind.code not in book.counted_types
        return (channel, kind) if plain else None
