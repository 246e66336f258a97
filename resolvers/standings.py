"""What is stored of a card's membership, with that of its customer's other cards where a program
combines them; reading evaluates and never writes.

Source: semantics 9.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from models.balance_statements import CountableDayRow
from models.card_statements import CardRow, EnrolmentRow, StoredTierRow
from resolvers.books import History
from rules import tiers as rules
from rules.book import RuleBook
from rules.errors import InvalidInput
from rules.explanations import point_digits
from rules.numbers import scale
from rules.tier_rows import TierRow
from rules.tiers import Counted, ProgramVersion, Progress

FORESEEABLE = timedelta(days=3653)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is stored of a card's membership, and by which books and calendar it is judged."""

    card: CardRow
    time_zone: str
    enrolments: Sequence[EnrolmentRow]
    rows: Sequence[StoredTierRow]
    countable: Sequence[CountableDayRow]
    book: RuleBook
    history: History
    # The customer's other ACTIVE cards, where any program has ever combined cards.
    kin: tuple["Standing", ...] = ()

    @property
    def card_id(self) -> UUID:
        return self.card.card_id

    def others(self) -> tuple["Standing", ...]:
        """The customer's other cards, each with the rest as its kin."""
        alone = replace(self, kin=())
        return tuple(
            replace(one, kin=(alone, *(other for other in self.kin if other is not one)))
            for one in self.kin
        )

    def version(self, book: RuleBook, program: str) -> ProgramVersion | None:
        """The program as the book has it; where it combines cards, with what the kin counts."""
        found = book.program(program)
        if found is None:
            return None
        combined = found.combine_related_loyalty_cards and self.kin
        return ProgramVersion(found, book.interval, self._kin(program) if combined else None)

    def _kin(self, program: str) -> Callable[[date], Counted]:
        def on(day: date) -> Counted:
            members = [one for one in self.kin if program in one.programs_on(day)]

            def counted(point: str, first: date | None, last: date | None) -> int | Fraction:
                return sum(one.counted(point, first, last) for one in members)

            return counted

        return on

    def programs_on(self, day: date) -> frozenset[str]:
        """Programs the card is enrolled in on the day."""
        return frozenset(
            row.program
            for row in self.enrolments
            if row.starts_on <= day and (row.ends_on is None or day <= row.ends_on)
        )

    def programs_from(self, day: date) -> frozenset[str]:
        """Programs the card is enrolled in on the day or at any time after it."""
        return frozenset(
            row.program for row in self.enrolments if row.ends_on is None or day <= row.ends_on
        )

    def stored(self, program: str) -> tuple[TierRow, ...]:
        return tuple(
            TierRow(row.tier, row.starts_on, row.ends_on, row.manual, row.brought)
            for row in self.rows
            if row.program == program
        )

    def counted(self, point: str, first: date | None, last: date | None) -> int | Fraction:
        """Countable points (not units) dated in the window."""
        units = sum(
            row.points
            for row in self.countable
            if row.reward_point == point
            and (first is None or first <= row.entry_date)
            and (last is None or row.entry_date <= last)
        )
        known = self.history.reward_point(point)
        digits = point_digits(known) if known else 0
        return Fraction(units, scale(digits)) if digits else units

    def latest(self, point: str, first: date | None, last: date | None) -> date | None:
        """The latest day in the window on which something positive that counts was posted."""
        days = [
            row.entry_date
            for row in self.countable
            if row.reward_point == point
            and row.positive
            and (first is None or first <= row.entry_date)
            and (last is None or row.entry_date <= last)
        ]
        return max(days, default=None)

    def latest_together(self, point: str, first: date | None, last: date | None) -> date | None:
        """The same of the card and its kin."""
        found = [one.latest(point, first, last) for one in (self, *self.kin)]
        return max((day for day in found if day is not None), default=None)

    def version_on(self, program: str, day: date) -> ProgramVersion | None:
        """The program as effective when the day began where the card was issued."""
        if program not in self.programs_on(day):
            return None
        began = datetime.combine(day, time.min, ZoneInfo(self.time_zone))
        book = self.history.at(began)
        return self.version(book, program) if book else None

    def rows_until(self, program: str, day: date) -> tuple[TierRow, ...]:
        """The stored rows and those that time alone has brought through `day`: after the end of a
        row, and where an enrolment begins that was written before its start.
        """

        def version_on(on: date) -> ProgramVersion | None:
            return self.version_on(program, on)

        rows, starts = self.stored(program), self._awaited_starts(program, day)
        if not rows and not starts:
            return ()
        for start in starts:
            version = version_on(start)
            if version is not None:
                rows = rules.rows_until(rows, start, version_on, self.counted)
                rows = rules.evaluate(rows, version, self.counted, start, extends=False)
        return rules.rows_until(rows, day, version_on, self.counted)

    def _awaited_starts(self, program: str, day: date) -> list[date]:
        return sorted(
            row.starts_on
            for row in self.enrolments
            if row.program == program and row.enrolled_on < row.starts_on <= day
        )

    def tier_on(self, program: str, day: date) -> TierRow | None:
        return self._tier_on(program, day) if program in self.programs_on(day) else None

    def _tier_on(self, program: str, day: date) -> TierRow | None:
        found = self.book.program(program)
        if found is None or not found.tiers:
            return None
        rows = self.rows_until(program, day)
        return rules.tier_on(rows, found, day) if rows else None

    def progress_on(self, program: str, day: date) -> Progress | None:
        """The next tier up; what the tier of today leaves to win."""
        version = self.version(self.book, program)
        if version is None:
            return None
        held = self.tier_on(program, day)
        return rules.progress(version, self.counted, held.tier if held else None, day)

    def tiers_on(self, day: date) -> dict[str, str]:
        """The tier held on the day, by program."""
        held = {program: self._tier_on(program, day) for program in self.programs_on(day)}
        return {program: row.tier for program, row in held.items() if row is not None}


def check_foreseeable(today: date, day: date) -> None:
    """Raises InvalidInput beyond ten years from today: what time brings is judged step by step."""
    if day - today > FORESEEABLE:
        raise InvalidInput("At most ten years from today can be foreseen.", ("asOf",))


def has_kin(card: CardRow, history: History) -> bool:
    """A card that is not ACTIVE counts for itself alone."""
    return bool(card.customer_key and card.status == "ACTIVE" and history.combined)


def is_kin(row: CardRow, card: CardRow) -> bool:
    return row.status == "ACTIVE" and row.card_id != card.card_id
