"""How a card is changed: locked with its kin, once for the key, told and audited.

Source: semantics 4, engineering 3.1.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from models.card_statements import CardRow
from models.transactions import Transaction
from resolvers import cards
from resolvers.audits import Facts, audit_card
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.customers import MAXIMUM_TEXT
from resolvers.kin import lock_with_kin
from resolvers.outbox import Event
from resolvers.replays import Answer, Operation, Outcome, key_fault, once
from resolvers.winning_tiers import bring, bring_to_joined
from resolvers.writing import post
from rules.book import RuleBook
from rules.errors import CardReplaced, InvalidInput, LoyaltyError, Refused


class _Command(Protocol):
    """What is asked of the card with this number."""

    @property
    def number(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Locked:
    """The card under its lock, and what a change of it needs."""

    context: Context
    operation: Operation
    book: RuleBook
    card: CardRow
    now: datetime
    zone: str

    @property
    def today(self) -> date:
        return civil_date(self.now, self.zone)

    @property
    def transaction(self) -> Transaction:
        return self.operation.transaction


@dataclass(frozen=True, slots=True)
class Change:
    """What a change tells the world and the audit; no events: nothing has changed.

    `joins`: the card counts with its customer's others, and did not before.
    """

    events: tuple[Event, ...] = ()
    reason: str | None = None
    before: Facts | None = None
    after: Facts | None = None
    joins: bool = False


def check_form(key: str, reason: str | None = None) -> None:
    faults: list[LoyaltyError | None] = [key_fault(key)]
    if reason is not None and not 1 <= len(reason) <= MAXIMUM_TEXT:
        message = f"A reason has 1 to {MAXIMUM_TEXT} characters."
        faults.append(InvalidInput(message, ("reason",)))
    found = [fault for fault in faults if fault is not None]
    if found:
        raise Refused(found)


async def change_card(
    context: Context,
    mutation: str,
    key: str,
    command: _Command,
    work: Callable[[Locked], Awaitable[Change]],
    before_lock: Callable[[Transaction], Awaitable[UUID | None]] | None = None,
) -> Outcome:
    """Lock the card, do `work`, write its events and the audit row; once for the key.

    `before_lock` takes the locks that stand before a card's, and names a customer whose cards are
    locked too.
    """

    async def locked(operation: Operation) -> Answer:
        transaction = operation.transaction
        found = await cards.find_for_unit(context, transaction, command.number)
        if operation.book is None:
            # Without a configuration no card was ever issued.
            raise AssertionError
        joined = None if before_lock is None else await before_lock(transaction)
        rows = await lock_with_kin(context, transaction, [found], [joined])
        now = context.service.clock()
        rows = await bring(context, transaction, rows.values(), operation.book, now)
        card = rows[found.card_id]
        source = await context.service.books.last_with(
            transaction, card.enrollment_source, lambda book: book.channels
        )
        zone = source.time_zone if source else "UTC"
        place = Locked(context, operation, operation.book, card, now, zone)
        change = await work(place)
        await _finish(place, mutation, change)
        if change.joins:
            await bring_to_joined(context, transaction, rows, operation.book, now)
        return {"card_id": str(card.card_id)}

    return await once(context, mutation, key, command, locked)


async def _finish(place: Locked, mutation: str, change: Change) -> None:
    if not change.events:
        return
    await audit_card(
        place.context,
        place.transaction,
        place.card.card_id,
        mutation,
        place.now,
        reason=change.reason,
        before=change.before,
        after=change.after,
    )
    await post(
        place.transaction,
        place.card,
        op_id=place.operation.op_id,
        kind=mutation,
        drafts=(),
        events=change.events,
        now=place.now,
        zone=place.zone,
        randomness=place.context.service.randomness,
    )


def refuse_replaced(card: CardRow) -> None:
    if card.status == "REPLACED":
        raise CardReplaced("This card was replaced.", ("number",))
