"""Cards enrolled in programs, and the tier that this may win. Source: semantics 4, 9."""

from dataclasses import dataclass
from datetime import date

from models.card_statements import EnrolmentRow, end_enrolment, insert_enrolment
from resolvers.audits import Facts
from resolvers.changing_cards import Change, Locked, change_card, check_form, refuse_replaced
from resolvers.context import Context
from resolvers.identifiers import random_id
from resolvers.outbox import Event
from resolvers.replays import Outcome
from resolvers.standings import Standing
from resolvers.stored_standings import standing_in_unit
from resolvers.tiers import joining, judge
from resolvers.winning_tiers import judge_together
from rules.errors import InvalidInput, ProgramNotFound

# Every day of validity since the start may have to be judged: the walk must have a bound.
FIRST_ENROLMENT = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Enrol:
    number: str
    program: str
    start_date: date | None = None
    end_date: date | None = None


async def enrol(context: Context, key: str, command: Enrol) -> Outcome:
    """Add an enrolment; where one covers the start date, its end date becomes the given one (None:
    open).

    Raises CardReplaced, ProgramNotFound, InvalidInput for an end before the start or an overlap
    with a later one.
    """
    check_form(key)
    _check_days(command)

    async def work(place: Locked) -> Change:
        refuse_replaced(place.card)
        if place.book.program(command.program) is None:
            raise ProgramNotFound("There is no such program.", ("program",))
        starts_on = command.start_date or place.today
        if command.end_date is not None and command.end_date < starts_on:
            raise InvalidInput("The end lies before the start.", ("endDate",))
        standing = await standing_in_unit(context, place.transaction, place.card, place.book)
        changed = await _write_enrolment(place, standing, command, starts_on)
        standing = await standing_in_unit(context, place.transaction, place.card, place.book)
        events = [Event("cardChanged", {})] if changed else []
        events += await first_tier(place, standing, command.program, starts_on)
        facts: Facts = {"program": command.program, "startDate": starts_on}
        return Change(tuple(events), after={**facts, "endDate": command.end_date})

    return await change_card(context, "enrollLoyaltyCard", key, command, work)


def _check_days(command: Enrol) -> None:
    """Faults of form: an end before its start, and starts that no retailer's history reaches."""
    start, end = command.start_date, command.end_date
    if start is not None and start < FIRST_ENROLMENT:
        raise InvalidInput(f"Enrolments start from {FIRST_ENROLMENT} on.", ("startDate",))
    if start is not None and end is not None and end < start:
        raise InvalidInput("The end lies before the start.", ("endDate",))


async def _write_enrolment(
    place: Locked, standing: Standing, command: Enrol, starts_on: date
) -> bool:
    """Whether anything changed."""
    rows = [row for row in standing.enrolments if row.program == command.program]
    covering = next((row for row in rows if _covers(row, starts_on)), None)
    later = [row for row in rows if row is not covering and row.starts_on > starts_on]
    ends_on = command.end_date
    if any(ends_on is None or row.starts_on <= ends_on for row in later):
        raise InvalidInput("This overlaps a later enrolment.", ("endDate",))
    card_id = place.card.card_id
    if covering is None:
        row = EnrolmentRow(
            card_id,
            random_id(place.context.service.randomness),
            command.program,
            starts_on,
            ends_on,
            place.today,
        )
        await place.transaction.run(insert_enrolment, **row._asdict())
    elif covering.ends_on != ends_on:
        await place.transaction.run(
            end_enrolment, of_card=card_id, of_enrolment=covering.enrolment_id, ends_on=ends_on
        )
    return covering is None or covering.ends_on != ends_on


def _covers(row: EnrolmentRow, day: date) -> bool:
    return meets(row, day, day)


def meets(row: EnrolmentRow, first: date, last: date) -> bool:
    return row.starts_on <= last and (row.ends_on is None or first <= row.ends_on)


async def first_tier(
    place: Locked, standing: Standing, program: str, starts_on: date
) -> list[Event]:
    """Evaluated at the start, and at later countable postings up to today; a start to come waits
    for its day. Where the program combines cards, so are the customer's others.
    """
    if starts_on > place.today:
        return []
    await judge_together(place.context, place.transaction, standing, program, starts_on, place.now)
    return await judge(
        place.transaction,
        standing,
        program,
        joining(standing, program, starts_on, place.today),
        place.today,
        place.context.service.randomness,
    )
