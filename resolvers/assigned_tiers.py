"""Tiers that staff give by hand. Source: semantics 9."""

from dataclasses import dataclass
from datetime import date

from models.card_statements import StoredTierRow, insert_tier_row
from resolvers.changing_cards import Change, Locked, change_card, check_form, refuse_replaced
from resolvers.context import Context
from resolvers.enrolments import meets
from resolvers.identifiers import random_id
from resolvers.outbox import Event
from resolvers.replays import Outcome
from resolvers.standings import Standing
from resolvers.stored_standings import standing_in_unit
from resolvers.tiers import note_begun
from rules.book import RuleBook
from rules.errors import InvalidInput, ProgramNotFound, TierNotFound
from rules.tier_rows import TierRow


@dataclass(frozen=True, slots=True)
class AssignTier:
    number: str
    program: str
    tier: str
    end_date: date
    reason: str
    start_date: date | None = None


async def assign_tier(context: Context, key: str, command: AssignTier) -> Outcome:
    """Give a tier by hand for a time; no evaluation shortens or removes the row.

    Raises CardReplaced, ProgramNotFound, TierNotFound, InvalidInput.
    """
    check_form(key, command.reason)

    async def work(place: Locked) -> Change:
        refuse_replaced(place.card)
        standing = await standing_in_unit(context, place.transaction, place.card, place.book)
        starts_on = command.start_date or place.today
        _check_tier(place.book, standing, command, starts_on)
        row = StoredTierRow(
            place.card.card_id,
            random_id(context.service.randomness),
            command.program,
            command.tier,
            starts_on,
            command.end_date,
            manual=True,
            brought=False,
        )
        await place.transaction.run(insert_tier_row, **row._asdict())
        if starts_on <= place.today and row.program in standing.programs_on(starts_on):
            _note_assigned(place, standing, row)
        return Change(
            (Event("tierChanged", {"program": command.program}),),
            reason=command.reason,
            after={"program": command.program, "tier": command.tier, "endDate": command.end_date},
        )

    return await change_card(context, "assignLoyaltyTier", key, command, work)


def _note_assigned(place: Locked, standing: Standing, row: StoredTierRow) -> None:
    given = TierRow(row.tier, row.starts_on, row.ends_on, manual=True)
    rows = [*standing.rows_until(row.program, place.today), given]
    note_begun(place.transaction, standing, row.program, given, rows)


def _check_tier(book: RuleBook, standing: Standing, command: AssignTier, starts_on: date) -> None:
    last = max(starts_on, command.end_date)
    enrolments = [row for row in standing.enrolments if row.program == command.program]
    if not any(meets(row, starts_on, last) for row in enrolments):
        message = "The card is not enrolled in this program on any of these days."
        raise ProgramNotFound(message, ("program",))
    if book.tier(command.program, command.tier) is None:
        raise TierNotFound("The program has no such tier.", ("tier",))
    if command.end_date < starts_on:
        raise InvalidInput("The end lies before the start.", ("endDate",))
