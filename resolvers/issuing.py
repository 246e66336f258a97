"""Issuing cards: the checks in their order, the number, the enrolments, the first tiers. Source:
semantics 4.
"""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from models.card_statements import (
    CardRow,
    EnrolmentRow,
    cards_of,
    claim_number,
    insert_card,
    insert_enrolment,
)
from models.customer_statements import cards_of_customers, insert_customer_card, locked_customer
from models.database import Transaction
from models.directory_statements import advance_sequence, insert_sequence, locked_sequence
from resolvers import customers
from resolvers.audits import audit_card
from resolvers.callers import Role, check_channel
from resolvers.clock import MICROSECOND, civil_date
from resolvers.context import Context
from resolvers.identifiers import random_id
from resolvers.postings import Event
from resolvers.programs import known_channel
from resolvers.replays import Answer, Operation, Outcome, key_fault, once
from resolvers.tiers import judge, standing_in_unit
from resolvers.writing import post
from rules.book import RuleBook
from rules.errors import (
    CardAlreadyIssued,
    ChannelInactive,
    ChannelNotParticipating,
    ContactTenderNeedsCustomer,
    CustomerBlocked,
    CustomerNotFound,
    Forbidden,
    InvalidInput,
    NumberOutOfRange,
    NumberSequenceMissing,
    ProgramNotFound,
    Refused,
)
from rules.ledger import GENESIS
from rules.program import Channel, NumberSequence
from rules.sequences import draw, random_digits_needed
from rules.tiers import Moment

AS_CARD_TENDER = "AS_CARD_TENDER"
AS_CONTACT_TENDER = "AS_CONTACT_TENDER"
_NUMBER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DRAWS = 10_000


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
    faults = [key_fault(key)]
    if command.number is not None and not _NUMBER.fullmatch(command.number):
        message = "A number has 1 to 64 characters of A-Z a-z 0-9 . _ -"
        faults.append(InvalidInput(message, ("number",)))
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
    _check_channel(book, channel)
    customer_key = await _customer(context, transaction, customer_id)
    if command.tender_type == AS_CONTACT_TENDER and customer_key is None:
        raise ContactTenderNeedsCustomer("A contact-tender card needs a customer.", ("customerId",))
    programs = _programs(context, book, command)
    now = context.service.clock()
    card = _new_card(context, command, channel, customer_key, now)
    card = card._replace(number=await _number(context, operation, book, channel, command, card))
    await _write(context, operation, book, card, programs, channel)
    return {"card_id": str(card.card_id)}


def _check_channel(book: RuleBook, channel: Channel) -> None:
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


def _new_card(
    context: Context, command: Issue, channel: Channel, customer_key: UUID | None, now: datetime
) -> CardRow:
    return CardRow(
        card_id=random_id(context.service.randomness),
        number=command.number or "",
        status="ACTIVE",
        tender_type=command.tender_type,
        customer_key=customer_key,
        issued_at=now,
        issued_on=civil_date(now, channel.time_zone),
        enrollment_source=channel.code,
        blocked_at=None,
        replaced_by=None,
        replaces=None,
        next_seq=1,
        next_event=1,
        head_hash=GENESIS,
        # The book's first posting is stamped now.
        last_posted_at=now - MICROSECOND,
        last_entry_on=None,
    )


async def _number(
    context: Context,
    operation: Operation,
    book: RuleBook,
    channel: Channel,
    command: Issue,
    card: CardRow,
) -> str:
    """The card's number, claimed for it."""
    if command.number is None:
        return await _drawn(context, operation.transaction, book, channel, card.card_id)
    claim = {"number": command.number, "card_id": card.card_id}
    if not await operation.transaction.run(claim_number, **claim):
        raise CardAlreadyIssued("This number is taken.", ("number",))
    if not book.in_range(command.number):
        raise NumberOutOfRange("This number lies outside all ranges.", ("number",))
    return command.number


async def _drawn(
    context: Context, transaction: Transaction, book: RuleBook, channel: Channel, card_id: UUID
) -> str:
    """The next number of the channel's sequence; numbers in use are skipped."""
    sequence = book.number_sequences.get(channel.number_sequence or "")
    if sequence is None:
        raise NumberSequenceMissing("This channel has no number sequence.", ("number",))
    counter = await _counter(transaction, sequence)
    for _ in range(_DRAWS):
        number = draw(sequence.format, counter, _digits(context, sequence))
        counter += 1
        if not book.in_range(number):
            raise NumberOutOfRange("The sequence has left all ranges.", ("number",))
        if not _NUMBER.fullmatch(number):
            break
        if await transaction.run(claim_number, number=number, card_id=card_id):
            await transaction.run(advance_sequence, of_code=sequence.code, next=counter)
            return number
    raise NumberSequenceMissing("The sequence has no free number left.", ("number",))


async def _counter(transaction: Transaction, sequence: NumberSequence) -> int:
    row = await transaction.first(locked_sequence, of_code=sequence.code)
    if row is None:
        await transaction.run(insert_sequence, code=sequence.code, next=sequence.next)
        row = await transaction.first(locked_sequence, of_code=sequence.code)
    return row.next if row else sequence.next


def _digits(context: Context, sequence: NumberSequence) -> list[int]:
    needed = random_digits_needed(sequence.format)
    # Sixteen random bytes a digit leave no bias to notice.
    return [int.from_bytes(context.service.randomness(16)) % 10 for _ in range(needed)]


async def _write(
    context: Context,
    operation: Operation,
    book: RuleBook,
    card: CardRow,
    programs: tuple[str, ...],
    channel: Channel,
) -> None:
    transaction, today = operation.transaction, card.issued_on
    await transaction.run(insert_card, **card._asdict())
    if card.customer_key is not None:
        link = {"customer_key": card.customer_key, "card_id": card.card_id}
        await transaction.run(insert_customer_card, **link)
    await transaction.run_many(
        insert_enrolment, [_enrolment(context, card, code, today) for code in programs]
    )
    events = [Event("cardIssued", {"channel": channel.code, "programs": list(programs)})]
    standing = await standing_in_unit(context, transaction, card, book)
    for code in programs:
        events += await judge(
            transaction,
            standing,
            code,
            [Moment(today, extends=True)],
            today,
            context.service.randomness,
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
        today=today,
        randomness=context.service.randomness,
    )


def _enrolment(context: Context, card: CardRow, program: str, starts_on: date) -> dict[str, object]:
    return EnrolmentRow(
        card.card_id, random_id(context.service.randomness), program, starts_on, None, starts_on
    )._asdict()
