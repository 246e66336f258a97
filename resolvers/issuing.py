"""Issuing cards: the checks in their order, the number, the enrolments, the first tiers. Source:
semantics 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from models.card_statements import CardRow, EnrolmentRow, cards_of, insert_card, insert_enrolment
from models.customer_statements import cards_of_customers, insert_customer_card, locked_customer
from models.transactions import Transaction
from resolvers import customers
from resolvers.audits import audit_card
from resolvers.callers import Role, check_channel
from resolvers.clock import MICROSECOND, civil_date
from resolvers.context import Context
from resolvers.happenings import CardIssued
from resolvers.identifiers import random_id
from resolvers.kin import lock_with_kin
from resolvers.numbers import Wanted, claim, number_fault
from resolvers.outbox import Event
from resolvers.programs import known_channel
from resolvers.replays import Answer, Operation, Outcome, key_fault, once
from resolvers.stored_standings import standing_in_unit
from resolvers.tiers import joining, judge
from resolvers.writing import post
from rules.book import RuleBook
from rules.errors import (
    ChannelInactive,
    ChannelNotParticipating,
    ContactTenderNeedsCustomer,
    CustomerBlocked,
    CustomerNotFound,
    Forbidden,
    ProgramNotFound,
    Refused,
)
from rules.ledger import GENESIS
from rules.program import Channel

AS_CARD_TENDER = "AS_CARD_TENDER"
AS_CONTACT_TENDER = "AS_CONTACT_TENDER"


@dataclass(frozen=True, slots=True)
class Issue:
    channel: str
    number: str | None = None
    customer_id: str | None = None
    tender_type: str = AS_CARD_TENDER
    programs: tuple[str, ...] | None = None


async def issue(context: Context, key: str, command: Issue) -> Outcome:
    """Issue a card; the answer names it. Raises Refused or the first LoyaltyError of semantics 4's
    checks.
    """
    _check_form(key, command)
    customer_id = customers.named(context, command.customer_id, ("customerId",))
    _check_self_service(context, command)
    check_channel(context.caller, command.channel, ("channel",))

    async def work(operation: Operation) -> Answer:
        return await _issue(context, operation, command, customer_id)

    # Programs are a set of codes; none at all is not the same as those that are left out.
    programs = None if command.programs is None else frozenset(command.programs)
    content = (replace(command, customer_id=customer_id, programs=None), programs)
    return await once(context, "issueLoyaltyCard", key, content, work)


def _check_form(key: str, command: Issue) -> None:
    faults = [key_fault(key), number_fault(command.number, ("number",))]
    found = [fault for fault in faults if fault is not None]
    if found:
        raise Refused(found)


def _check_self_service(context: Context, command: Issue) -> None:
    """A shopper may issue one plain card for itself."""
    if context.caller.role is not Role.CUSTOMER:
        return
    if command.number is not None:
        raise Forbidden("A customer token may not choose a number.", ("number",))
    if command.tender_type != AS_CARD_TENDER:
        raise Forbidden("A customer token may issue card tender only.", ("tenderType",))


async def _issue(
    context: Context, operation: Operation, command: Issue, customer_id: str | None
) -> Answer:
    book, transaction = operation.book, operation.transaction
    channel = known_channel(book, command.channel, ("channel",))
    if book is None:
        raise AssertionError
    check_participation(book, channel)
    customer_key = await _customer(context, transaction, customer_id)
    if command.tender_type == AS_CONTACT_TENDER and customer_key is None:
        raise ContactTenderNeedsCustomer("A contact-tender card needs a customer.", ("customerId",))
    programs = _programs(context, book, command)
    now = context.service.clock()
    card = new_card(context, channel, command.tender_type, customer_key, now)
    wanted = Wanted(card.card_id, channel, command.number)
    card = card._replace(number=await claim(context, transaction, book, wanted))
    # The sequence of numbers is locked before cards are.
    await lock_with_kin(context, transaction, [], [customer_key])
    await _write(context, operation, book, card, programs, channel)
    return {"card_id": str(card.card_id)}


def check_participation(book: RuleBook, channel: Channel) -> None:
    """Raises ChannelInactive or ChannelNotParticipating."""
    if not channel.active:
        raise ChannelInactive("This channel is not active.", ("channel",))
    if not book.schemes_on(channel.code):
        raise ChannelNotParticipating("No scheme is published to this channel.", ("channel",))


async def _customer(
    context: Context, transaction: Transaction, customer_id: str | None
) -> UUID | None:
    if customer_id is None:
        return None
    key = await customers.key_of(transaction, customer_id)
    if key is None:
        customers.missed(context, customer_id)
        raise CustomerNotFound("There is no such customer.", ("customerId",))
    row = await transaction.first(locked_customer, of_customer=key)
    if row is None or row.erased_at is not None:
        raise CustomerNotFound("There is no such customer.", ("customerId",))
    if row.blocked_for_loyalty:
        raise CustomerBlocked("This customer is blocked for loyalty.", ("customerId",))
    if context.caller.role is Role.CUSTOMER and await _has_active_card(transaction, key):
        raise Forbidden("This customer has an active card already.", ("customerId",))
    return key


async def _has_active_card(transaction: Transaction, customer_key: UUID) -> bool:
    held = await transaction.each(cards_of_customers, [customer_key])
    rows = await transaction.each(cards_of, [row.card_id for row in held])
    return any(row.status == "ACTIVE" for row in rows)


def _programs(context: Context, book: RuleBook, command: Issue) -> tuple[str, ...]:
    """The programs to enrol in, in the order of the document."""
    published = [program.code for program in book.programs_on(command.channel)]
    if command.programs is None:
        return tuple(published)
    allowed = book.programs if context.caller.is_managing else published
    for place, code in enumerate(command.programs):
        if code not in allowed:
            raise ProgramNotFound("No such program is open here.", ("programs", str(place)))
    return tuple(code for code in book.programs if code in command.programs)


def new_card(
    context: Context,
    channel: Channel,
    tender_type: str,
    customer_key: UUID | None,
    now: datetime,
    replaces: UUID | None = None,
) -> CardRow:
    """An ACTIVE card issued now on the channel; its number is still to be claimed."""
    return CardRow(
        card_id=random_id(context.service.randomness),
        number="",
        status="ACTIVE",
        tender_type=tender_type,
        customer_key=customer_key,
        issued_at=now,
        issued_on=civil_date(now, channel.time_zone),
        enrollment_source=channel.code,
        blocked_at=None,
        replaced_by=None,
        replaces=replaces,
        next_seq=1,
        next_event=1,
        head_hash=GENESIS,
        # The book's first posting is stamped now.
        last_posted_at=now - MICROSECOND,
        last_entry_on=None,
    )


async def insert_new_card(transaction: Transaction, card: CardRow) -> None:
    """The card's row, and where its customer finds it."""
    await transaction.run(insert_card, **card._asdict())
    if card.customer_key is not None:
        link = {"customer_key": card.customer_key, "card_id": card.card_id}
        await transaction.run(insert_customer_card, **link)


async def _write(
    context: Context,
    operation: Operation,
    book: RuleBook,
    card: CardRow,
    programs: tuple[str, ...],
    channel: Channel,
) -> None:
    transaction = operation.transaction
    await insert_new_card(transaction, card)
    events = [Event("cardIssued", {"channel": channel.code, "programs": list(programs)})]
    events += await _join(context, transaction, book, card, programs)
    transaction.happened.append(
        CardIssued(card.card_id, channel.code, programs, card.issued_on, card.issued_at)
    )
    await audit_card(
        context,
        transaction,
        card.card_id,
        "issueLoyaltyCard",
        card.issued_at,
        after={"number": card.number, "tenderType": card.tender_type},
    )
    await post(
        transaction,
        card,
        op_id=operation.op_id,
        kind="issue",
        drafts=(),
        events=events,
        now=card.issued_at,
        zone=channel.time_zone,
        randomness=context.service.randomness,
    )


async def _join(
    context: Context,
    transaction: Transaction,
    book: RuleBook,
    card: CardRow,
    programs: Sequence[str],
) -> list[Event]:
    """Enrol the card; the events of the tiers that this wins."""
    today, randomness = card.issued_on, context.service.randomness
    await transaction.run_many(
        insert_enrolment, [_enrolment(context, card, code, today) for code in programs]
    )
    standing = await standing_in_unit(context, transaction, card, book)
    events: list[Event] = []
    for code in programs:
        moments = joining(standing, code, today, today)
        events += await judge(transaction, standing, code, moments, today, randomness)
    return events


def _enrolment(context: Context, card: CardRow, program: str, starts_on: date) -> dict[str, object]:
    return EnrolmentRow(
        card.card_id, random_id(context.service.randomness), program, starts_on, None, starts_on
    )._asdict()
