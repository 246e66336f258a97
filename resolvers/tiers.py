"""Tiers of a card: the rows stored, those that time alone has brought, and what a posting wins.

Reading evaluates and never writes; postings write what they and time have changed. Source:
semantics 9.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from models.card_statements import (
    CardRow,
    EnrolmentRow,
    StoredTierRow,
    change_tier_row,
    delete_tier_row,
    enrolments_of,
    insert_tier_row,
    tier_rows_of,
)
from models.database import Reader, Transaction
from models.ledger_statements import CountableDayRow, countable_days_of
from resolvers import cards, programs
from resolvers.books import History
from resolvers.context import Context
from resolvers.identifiers import Randomness, random_id
from resolvers.postings import Event, Posted, tell
from rules import tiers as rules
from rules.book import RuleBook
from rules.errors import InvalidInput
from rules.explanations import point_digits
from rules.ledger import COUNTING
from rules.numbers import scale
from rules.tiers import Moment, ProgramVersion, Progress, TierRow

FORESEEABLE = timedelta(days=3653)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is stored of a card's membership, and by which books and calendar it is judged."""

    card_id: UUID
    time_zone: str
    enrolments: Sequence[EnrolmentRow]
    rows: Sequence[StoredTierRow]
    countable: Sequence[CountableDayRow]
    book: RuleBook
    history: History

    def programs_on(self, day: date) -> frozenset[str]:
        """Programs the card is enrolled in on the day."""
        return frozenset(
            row.program
            for row in self.enrolments
            if row.starts_on <= day and (row.ends_on is None or day <= row.ends_on)
        )

    def stored(self, program: str) -> tuple[TierRow, ...]:
        return tuple(
            TierRow(row.tier, row.starts_on, row.ends_on, row.manual, row.brought)
            for row in self.rows
            if row.program == program
        )

    def counted(self, point: str, first: date | None, last: date | None) -> Fraction:
        """Countable points (not units) dated in the window."""
        units = sum(
            row.points
            for row in self.countable
            if row.reward_point == point
            and (first is None or first <= row.entry_date)
            and (last is None or row.entry_date <= last)
        )
        known = self.book.reward_points.get(point)
        return Fraction(units, scale(point_digits(known) if known else 0))

    def version_on(self, program: str, day: date) -> ProgramVersion | None:
        """The program as effective when the day began where the card was issued."""
        if program not in self.programs_on(day):
            return None
        began = datetime.combine(day, time.min, ZoneInfo(self.time_zone))
        book = self.history.at(began)
        return _version(book, program) if book else None

    def rows_until(self, program: str, day: date) -> tuple[TierRow, ...]:
        """The stored rows and those that time alone has brought through `day`: after the end of a
        row, and where an enrolment begins that was written before its start.
        """

        def version_on(on: date) -> ProgramVersion | None:
            return self.version_on(program, on)

        rows = self.stored(program)
        for start in self._awaited_starts(program, day):
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
        version = _version(self.book, program)
        if version is None or program not in self.programs_on(day):
            return None
        return rules.tier_on(self.rows_until(program, day), version.program, day)

    def progress_on(self, program: str, day: date) -> Progress | None:
        """The next tier up; what the tier of today leaves to win."""
        version = _version(self.book, program)
        if version is None:
            return None
        held = self.tier_on(program, day)
        return rules.progress(version, self.counted, held.tier if held else None, day)

    def tiers_on(self, day: date) -> dict[str, str]:
        """The tier held on the day, by program."""
        held = {program: self.tier_on(program, day) for program in self.programs_on(day)}
        return {program: row.tier for program, row in held.items() if row is not None}


def _version(book: RuleBook, program: str) -> ProgramVersion | None:
    found = book.program(program)
    return ProgramVersion(found, book.interval) if found else None


def check_foreseeable(today: date, day: date) -> None:
    """Raises InvalidInput beyond ten years from today: what time brings is judged step by step."""
    if day - today > FORESEEABLE:
        raise InvalidInput("At most ten years from today can be foreseen.", ("asOf",))


async def countable_by_card(context: Context, ids: list[UUID]) -> list[Sequence[CountableDayRow]]:
    rows: dict[UUID, list[CountableDayRow]] = defaultdict(list)
    for row in await context.read.each(countable_days_of, ids):
        rows[row.card_id].append(row)
    return [rows[card_id] for card_id in ids]


async def standing(
    context: Context, card: CardRow, book: RuleBook | None = None
) -> Standing | None:
    """For queries: every part comes in one batch with those of the other cards. None without a
    configuration.
    """
    book = book or context.book
    if book is None:
        return None
    channel = await context.load(programs.channels_by_code, card.enrollment_source)
    return Standing(
        card.card_id,
        channel.time_zone if channel else "UTC",
        await context.load(cards.enrolments_by_card, card.card_id),
        await context.load(cards.tier_rows_by_card, card.card_id),
        await context.load(countable_by_card, card.card_id),
        book,
        await context.service.books.history(context.read),
    )


async def standing_in_unit(
    context: Context, reader: Reader, card: CardRow, book: RuleBook
) -> Standing:
    source = await context.service.books.last_with(
        reader, card.enrollment_source, lambda book: book.channels
    )
    return Standing(
        card.card_id,
        source.time_zone if source else "UTC",
        await reader.each(enrolments_of, [card.card_id]),
        await reader.each(tier_rows_of, [card.card_id]),
        await reader.each(countable_days_of, [card.card_id]),
        book,
        await context.service.books.history(reader),
    )


def moments_from(standing_now: Standing, program: str, day: date) -> list[Moment]:
    """The day itself and, after it, every day of enrolment on which something that the program
    counts was posted.
    """
    points = judged_points(standing_now, program)
    found = {day: False}
    for row in standing_now.countable:
        if row.entry_date >= day and row.reward_point in points:
            found[row.entry_date] = found.get(row.entry_date, False) or row.positive
    return [
        Moment(on, extends)
        for on, extends in found.items()
        if program in standing_now.programs_on(on)
    ]


def judged_points(standing_now: Standing, program: str) -> frozenset[str]:
    """Reward points that the program's tiers count."""
    found = standing_now.book.program(program)
    tiers = found.tiers if found else ()
    return frozenset(rule.reward_point for tier in tiers for rule in tier.rules)


async def judge(
    transaction: Transaction,
    standing_now: Standing,
    program: str,
    moments: Sequence[Moment],
    today: date,
    randomness: Randomness,
    before: Sequence[TierRow] | None = None,
) -> list[Event]:
    """Evaluate at the moments and write the rows that changed; tells of it by an event.

    `before` are the rows that stood before what is counted now: those that time had brought by then
    stay judged by what was there then.
    """
    version = _version(standing_now.book, program)
    if version is None or not version.program.tiers:
        return []
    after = rules.replay(
        standing_now.stored(program) if before is None else before,
        moments,
        today,
        version,
        lambda day: standing_now.version_on(program, day),
        standing_now.counted,
    )
    changed = await _write(transaction, standing_now, program, after, randomness)
    return [Event("tierChanged", {"program": program})] if changed else []


async def _write(
    transaction: Transaction,
    standing_now: Standing,
    program: str,
    after: Sequence[TierRow],
    randomness: Randomness,
) -> bool:
    wanted = {(row.tier, row.starts_on): row for row in after if not row.manual}
    stored = {
        (row.tier, row.starts_on): row
        for row in standing_now.rows
        if row.program == program and not row.manual
    }
    for place, row in stored.items():
        if place not in wanted:
            await transaction.run(delete_tier_row, of_card=row.card_id, of_row=row.tier_row_id)
    changed = bool(stored.keys() - wanted.keys())
    for place, won in wanted.items():
        kept = stored.get(place)
        if kept is None:
            new = StoredTierRow(
                standing_now.card_id,
                random_id(randomness),
                program,
                won.tier,
                won.starts_on,
                won.ends_on,
                manual=False,
                brought=won.brought,
            )
            await transaction.run(insert_tier_row, **new._asdict())
        elif (kept.ends_on, kept.brought) != (won.ends_on, won.brought):
            await transaction.run(
                change_tier_row,
                of_card=kept.card_id,
                of_row=kept.tier_row_id,
                ends_on=won.ends_on,
                brought=won.brought,
            )
        changed = changed or kept is None or kept.ends_on != won.ends_on
    return changed


async def win_tiers(
    context: Context, transaction: Transaction, posted: Posted, before: Standing, today: date
) -> None:
    """Evaluate the programs whose tiers count what was posted, on the days on which it counts and
    at later countable days; a negative entry never extends. `before`: as it stood without it.
    """
    counting = [entry.draft for entry in posted.entries if entry.draft.entry_type in COUNTING]
    if not counting:
        return
    days: dict[date, bool] = {}
    for draft in counting:
        days[draft.counts_on] = days.get(draft.counts_on, False) or draft.points_units > 0
    first = min(days)
    points = {draft.reward_point for draft in counting}
    standing_now = await standing_in_unit(context, transaction, posted.card, before.book)
    events: list[Event] = []
    for program in sorted(standing_now.programs_on(first)):
        if judged_points(standing_now, program) & points:
            moments = [Moment(day, extends) for day, extends in days.items()]
            events += await judge(
                transaction,
                standing_now,
                program,
                [*moments, *moments_from(standing_now, program, first)],
                today,
                context.service.randomness,
                before.rows_until(program, today),
            )
    if events:
        card = posted.card
        await tell(transaction, card, events, card.last_posted_at, context.service.randomness)
