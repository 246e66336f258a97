"""What changes a card apart from its points: link, block, unblock, enrol, assign a tier. Source:
semantics 4, 9.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from models.card_statements import (
    CardRow,
    EnrolmentRow,
    StoredTierRow,
    change_customer,
    change_status,
    end_enrolment,
    insert_enrolment,
    insert_note,
    insert_tier_row,
)
from models.customer_statements import CustomerRow, insert_customer_card, locked_customer
from models.database import Transaction
from resolvers import cards, customers
from resolvers.audits import Facts, audit_card
from resolvers.cards import BLOCK_REASON
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.customers import MAXIMUM_TEXT
from resolvers.held_cards import lock_with_holds
from resolvers.identifiers import random_id
from resolvers.kin import lock_with_kin
from resolvers.ledgers import CardLedger
from resolvers.outbox import Event
from resolvers.replays import Answer, Operation, Outcome, key_fault, once
from resolvers.standings import Standing, standing_in_unit
from resolvers.tiers import bring, is_combined, joining, judge, judge_together, note_begun
from resolvers.writing import post
from rules.book import RuleBook
from rules.errors import (
    CardBlocked,
    CardCustomerConflict,
    CardReplaced,
    CustomerBlocked,
    CustomerNotFound,
    InvalidInput,
    LoyaltyError,
    ProgramNotFound,
    Refused,
    TierNotFound,
)
from rules.tiers import TierRow

# Every day of validity since the start may have to be judged: the walk must have a bound.
FIRST_ENROLMENT = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Link:
    number: str
    customer_id: str


@dataclass(frozen=True, slots=True)
class Block:
    number: str
    reason: str


@dataclass(frozen=True, slots=True)
class Enrol:
    number: str
    program: str
    start_date: date | None = None
    end_date: date | None = None


@dataclass(frozen=True, slots=True)
class AssignTier:
    number: str
    program: str
    tier: str
    end_date: date
    reason: str
    start_date: date | None = None


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
    """What a change tells the world and the audit; no events: nothing has changed."""

    events: tuple[Event, ...] = ()
    reason: str | None = None
    before: Facts | None = None
    after: Facts | None = None


def _check_form(key: str, reason: str | None = None) -> None:
    faults: list[LoyaltyError | None] = [key_fault(key)]
    if reason is not None and not 1 <= len(reason) <= MAXIMUM_TEXT:
        message = f"A reason has 1 to {MAXIMUM_TEXT} characters."
        faults.append(InvalidInput(message, ("reason",)))
    found = [fault for fault in faults if fault is not None]
    if found:
        raise Refused(found)


async def _change(
    context: Context,
    mutation: str,
    key: str,
    command: Link | Block | Enrol | AssignTier,
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
        await _finish(place, mutation, await work(place))
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


def _refuse_replaced(card: CardRow) -> None:
    if card.status == "REPLACED":
        raise CardReplaced("This card was replaced.", ("number",))


async def link(context: Context, key: str, command: Link) -> Outcome:
    """Give an anonymous ACTIVE card a customer; the same customer again changes nothing.

    Raises CardBlocked, CardReplaced, CustomerNotFound, CustomerBlocked, CardCustomerConflict.
    """
    _check_form(key)

    async def lock_customer(transaction: Transaction) -> UUID | None:
        customer_key = await customers.key_of(transaction, command.customer_id)
        if customer_key is not None:
            await transaction.first(locked_customer, of_customer=customer_key)
        return customer_key

    async def work(place: Locked) -> Change:
        customer = await _customer(context, place.transaction, command.customer_id)
        card, customer_key = place.card, customer.customer_key
        _refuse_replaced(card)
        if card.customer_key == customer_key:
            return Change()
        _check_linkable(card, customer)
        await place.transaction.run(
            change_customer, of_card=card.card_id, customer_key=customer_key
        )
        await place.transaction.run(
            insert_customer_card, customer_key=customer_key, card_id=card.card_id
        )
        events = [Event("cardChanged", {}), *await _tiers_together(place, customer_key)]
        return Change(tuple(events), after={"customer": str(customer_key)})

    return await _change(context, "linkLoyaltyCard", key, command, work, lock_customer)


async def _tiers_together(place: Locked, customer_key: UUID) -> list[Event]:
    """What the linked card and its customer's other ones win, where programs combine them."""
    linked = place.card._replace(customer_key=customer_key)
    standing = await standing_in_unit(place.context, place.transaction, linked, place.book)
    events: list[Event] = []
    for program in sorted(standing.programs_on(place.today)):
        if is_combined(standing, program):
            events += await _first_tier(place, standing, program, place.today)
    return events


def _check_linkable(card: CardRow, customer: CustomerRow) -> None:
    if customer.blocked_for_loyalty:
        raise CustomerBlocked("This customer is blocked for loyalty.", ("customerId",))
    if card.customer_key is not None:
        raise CardCustomerConflict("This card has another customer.", ("customerId",))
    if card.status == "BLOCKED":
        raise CardBlocked("This card is blocked.", ("number",))


async def _customer(context: Context, transaction: Transaction, customer_id: str) -> CustomerRow:
    key = await customers.key_of(transaction, customer_id)
    row = await customers.row_of(transaction, key) if key else None
    if row is None:
        customers.missed(context, customer_id)
        raise CustomerNotFound("There is no such customer.", ("customerId",))
    return row


async def block(context: Context, key: str, command: Block) -> Outcome:
    """Block the card and void the holds that it gave or that reserve its lots; a blocked one stays
    as it is. Raises CardReplaced.
    """
    _check_form(key, command.reason)

    async def work(operation: Operation) -> Answer:
        transaction = operation.transaction
        found = await cards.find_for_unit(context, transaction, command.number)
        now = context.service.clock()
        if operation.book is None:
            # Without a configuration no card was ever issued.
            raise AssertionError
        held = await lock_with_holds(context, transaction, [found], operation.book, now)
        ledger = held.ledgers[found.card_id]
        _refuse_replaced(ledger.card)
        if ledger.card.status == "ACTIVE":
            await _block(context, transaction, ledger, command.reason)
            events = {found.card_id: (Event("cardBlocked", {}),)}
            await held.void_all(transaction, operation.op_id, "blockLoyaltyCard", events)
        return {"card_id": str(found.card_id)}

    return await once(context, "blockLoyaltyCard", key, command, work)


async def _block(
    context: Context, transaction: Transaction, ledger: CardLedger, reason: str
) -> None:
    card_id = ledger.card.card_id
    await transaction.run(change_status, of_card=card_id, status="BLOCKED", blocked_at=ledger.now)
    await transaction.run(
        insert_note,
        card_id=card_id,
        note_id=random_id(context.service.randomness),
        subject_id=card_id,
        kind=BLOCK_REASON,
        text=reason,
        written_at=ledger.now,
    )
    await audit_card(
        context,
        transaction,
        card_id,
        "blockLoyaltyCard",
        ledger.now,
        reason=reason,
        before={"status": "ACTIVE"},
        after={"status": "BLOCKED"},
    )


async def unblock(context: Context, key: str, command: Block) -> Outcome:
    """Make a blocked card ACTIVE; an active one stays as it is. Raises CardReplaced."""
    _check_form(key, command.reason)

    async def work(place: Locked) -> Change:
        _refuse_replaced(place.card)
        if place.card.status == "ACTIVE":
            return Change()
        await place.transaction.run(
            change_status, of_card=place.card.card_id, status="ACTIVE", blocked_at=None
        )
        return _status_change("cardChanged", command.reason, "BLOCKED", "ACTIVE")

    return await _change(context, "unblockLoyaltyCard", key, command, work)


def _status_change(event: str, reason: str, before: str, after: str) -> Change:
    events = (Event(event, {}),)
    return Change(events, reason, {"status": before}, {"status": after})


async def enrol(context: Context, key: str, command: Enrol) -> Outcome:
    """Add an enrolment; where one covers the start date, its end date becomes the given one (None:
    open).

    Raises CardReplaced, ProgramNotFound, InvalidInput for an end before the start or an overlap
    with a later one.
    """
    _check_form(key)
    _check_days(command)

    async def work(place: Locked) -> Change:
        _refuse_replaced(place.card)
        if place.book.program(command.program) is None:
            raise ProgramNotFound("There is no such program.", ("program",))
        starts_on = command.start_date or place.today
        if command.end_date is not None and command.end_date < starts_on:
            raise InvalidInput("The end lies before the start.", ("endDate",))
        standing = await standing_in_unit(context, place.transaction, place.card, place.book)
        changed = await _write_enrolment(place, standing, command, starts_on)
        standing = await standing_in_unit(context, place.transaction, place.card, place.book)
        events = [Event("cardChanged", {})] if changed else []
        events += await _first_tier(place, standing, command.program, starts_on)
        facts: Facts = {"program": command.program, "startDate": starts_on}
        return Change(tuple(events), after={**facts, "endDate": command.end_date})

    return await _change(context, "enrollLoyaltyCard", key, command, work)


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
    return _meets(row, day, day)


def _meets(row: EnrolmentRow, first: date, last: date) -> bool:
    return row.starts_on <= last and (row.ends_on is None or first <= row.ends_on)


async def _first_tier(
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


async def assign_tier(context: Context, key: str, command: AssignTier) -> Outcome:
    """Give a tier by hand for a time; no evaluation shortens or removes the row.

    Raises CardReplaced, ProgramNotFound, TierNotFound, InvalidInput.
    """
    _check_form(key, command.reason)

    async def work(place: Locked) -> Change:
        _refuse_replaced(place.card)
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

    return await _change(context, "assignLoyaltyTier", key, command, work)


def _note_assigned(place: Locked, standing: Standing, row: StoredTierRow) -> None:
    given = TierRow(row.tier, row.starts_on, row.ends_on, manual=True)
    rows = [*standing.rows_until(row.program, place.today), given]
    note_begun(place.transaction, standing, row.program, given, rows)


def _check_tier(book: RuleBook, standing: Standing, command: AssignTier, starts_on: date) -> None:
    last = max(starts_on, command.end_date)
    enrolments = [row for row in standing.enrolments if row.program == command.program]
    if not any(_meets(row, starts_on, last) for row in enrolments):
        message = "The card is not enrolled in this program on any of these days."
        raise ProgramNotFound(message, ("program",))
    if book.tier(command.program, command.tier) is None:
        raise TierNotFound("The program has no such tier.", ("tier",))
    if command.end_date < starts_on:
        raise InvalidInput("The end lies before the start.", ("endDate",))
