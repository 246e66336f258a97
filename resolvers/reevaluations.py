"""Changed tier rules, applied: to one card, or to all of them, each in a unit of its own.

Source: semantics 9.
"""

import json
from dataclasses import dataclass
from uuid import UUID

from models.card_statements import CardRow, cards_of
from models.transactions import Transaction
from models.verification_statements import cards_after
from resolvers import cards
from resolvers.audits import audit, audit_card
from resolvers.callers import Role
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.cursors import keep, kept_cursor
from resolvers.kin import lock_with_kin
from resolvers.outbox import Event
from resolvers.postings import tell
from resolvers.stored_standings import standing_in_unit
from resolvers.tiers import reevaluate
from rules.book import RuleBook
from rules.errors import CardReplaced, Forbidden

MUTATION = "updateLoyaltyCardTiers"
CARDS = 200


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Cards looked at, and those with a row added, extended or ended."""

    cards: int
    changed: int


async def update_tiers(context: Context, card_number: str | None) -> Evaluated:
    """Re-evaluate one card, or all that no other replaced.

    Raises Forbidden (all cards, by staff), CardNotFound, CardReplaced.
    """
    if card_number is None:
        if context.caller.role is not Role.ADMIN:
            message = "Only administrators may re-evaluate all cards."
            raise Forbidden(message, ("cardNumber",))
        return await _all(context)

    async def unit(transaction: Transaction, book: RuleBook | None) -> bool:
        found = await cards.find_for_unit(context, transaction, card_number, ("cardNumber",))
        if found.status == "REPLACED":
            raise CardReplaced("This card was replaced.", ("cardNumber",))
        changed = await _one(context, transaction, book, found)
        await _audit(context, transaction, found)
        return changed

    return Evaluated(1, int(await context.unit(unit)))


async def _all(context: Context) -> Evaluated:
    """Card by card in the order of their ids, a page in memory at a time. Where a call was broken
    off, the next of the day under the same version goes on: no call has time for millions of cards.
    """
    await context.unit(lambda transaction, _book: _audit(context, transaction, None))
    version = context.book.version if context.book else 0
    mark = [version, civil_date(context.now, "UTC").isoformat()]
    evaluated, changed, after = 0, 0, await _reached(context, mark)
    while page := await _page(context, after):
        for card in page:
            if card.status != "REPLACED":
                evaluated += 1
                changed += await _unit(context, card.card_id)
        after = page[-1].card_id
        await keep(context, MUTATION, json.dumps([mark, str(after)]))
    await keep(context, MUTATION, None)
    return Evaluated(evaluated, changed)


async def _reached(context: Context, mark: list[object]) -> UUID:
    """The last card of a call of the mark that has not come to its end."""
    cursor = await kept_cursor(context, MUTATION)
    if cursor is not None:
        of, card_id = json.loads(cursor)
        if of == mark:
            return UUID(card_id)
    return UUID(int=0)


async def _page(context: Context, after: UUID) -> list[CardRow]:
    read = context.service.database.read()
    try:
        return await read.all(cards_after, after=after, count=CARDS)
    finally:
        await read.close()


async def _unit(context: Context, card_id: UUID) -> bool:
    async def unit(transaction: Transaction, book: RuleBook | None) -> bool:
        (found,) = await transaction.each(cards_of, [card_id])
        return await _one(context, transaction, book, found)

    return await context.unit(unit)


async def _one(
    context: Context, transaction: Transaction, book: RuleBook | None, found: CardRow
) -> bool:
    """Whether a row of the card was added, extended or ended."""
    if book is None:
        raise AssertionError
    card = (await lock_with_kin(context, transaction, [found]))[found.card_id]
    if card.status == "REPLACED":
        # Another card has taken its place meanwhile, and its rows.
        return False
    standing = await standing_in_unit(context, transaction, card, book)
    now = context.service.clock()
    today = civil_date(now, standing.time_zone)
    events: list[Event] = []
    for program in sorted(standing.programs_on(today)):
        randomness = context.service.randomness
        events += await reevaluate(transaction, standing, program, today, randomness)
    if events:
        at = max(now, card.last_posted_at)
        await tell(transaction, card, events, at, context.service.randomness)
    return bool(events)


async def _audit(context: Context, transaction: Transaction, card: CardRow | None) -> None:
    """One row for the call: of the card, or of all cards before the first of them changes."""
    now = context.service.clock()
    if card is None:
        await audit(context, transaction, MUTATION, now, after={"cards": "all"})
    else:
        await audit_card(context, transaction, card.card_id, MUTATION, now)
