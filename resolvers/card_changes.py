"""What changes a card apart from its points and programs: link, block, unblock. Source: semantics
4.
"""

from dataclasses import dataclass
from uuid import UUID

from models.card_statements import CardRow, change_customer, change_status, insert_note
from models.customer_statements import CustomerRow, insert_customer_card, locked_customer
from models.transactions import Transaction
from resolvers import cards, customers
from resolvers.audits import audit_card
from resolvers.cards import BLOCK_REASON
from resolvers.changing_cards import Change, Locked, change_card, check_form, refuse_replaced
from resolvers.context import Context
from resolvers.enrolments import first_tier
from resolvers.held_cards import lock_with_holds
from resolvers.identifiers import random_id
from resolvers.ledgers import CardLedger
from resolvers.outbox import Event
from resolvers.replays import Answer, Operation, Outcome, once
from resolvers.stored_standings import standing_in_unit
from resolvers.tiers import is_combined
from rules.errors import CardBlocked, CardCustomerConflict, CustomerBlocked, CustomerNotFound


@dataclass(frozen=True, slots=True)
class Link:
    number: str
    customer_id: str


@dataclass(frozen=True, slots=True)
class Block:
    number: str
    reason: str


async def link(context: Context, key: str, command: Link) -> Outcome:
    """Give an anonymous ACTIVE card a customer; the same customer again changes nothing.

    Raises CardBlocked, CardReplaced, CustomerNotFound, CustomerBlocked, CardCustomerConflict.
    """
    check_form(key)

    async def lock_customer(transaction: Transaction) -> UUID | None:
        customer_key = await customers.key_of(transaction, command.customer_id)
        if customer_key is not None:
            await transaction.first(locked_customer, of_customer=customer_key)
        return customer_key

    async def work(place: Locked) -> Change:
        customer = await _customer(context, place.transaction, command.customer_id)
        card, customer_key = place.card, customer.customer_key
        refuse_replaced(card)
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
        return Change(tuple(events), after={"customer": str(customer_key)}, joins=True)

    return await change_card(context, "linkLoyaltyCard", key, command, work, lock_customer)


async def _tiers_together(place: Locked, customer_key: UUID) -> list[Event]:
    """What the linked card and its customer's other ones win, where programs combine them."""
    linked = place.card._replace(customer_key=customer_key)
    standing = await standing_in_unit(place.context, place.transaction, linked, place.book)
    events: list[Event] = []
    for program in sorted(standing.programs_on(place.today)):
        if is_combined(standing, program):
            events += await first_tier(place, standing, program, place.today)
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
    check_form(key, command.reason)

    async def work(operation: Operation) -> Answer:
        transaction = operation.transaction
        found = await cards.find_for_unit(context, transaction, command.number)
        now = context.service.clock()
        if operation.book is None:
            # Without a configuration no card was ever issued.
            raise AssertionError
        held = await lock_with_holds(context, transaction, [found], operation.book, now)
        ledger = held.ledgers[found.card_id]
        refuse_replaced(ledger.card)
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
    check_form(key, command.reason)

    async def work(place: Locked) -> Change:
        refuse_replaced(place.card)
        if place.card.status == "ACTIVE":
            return Change()
        await place.transaction.run(
            change_status, of_card=place.card.card_id, status="ACTIVE", blocked_at=None
        )
        return Change(
            (Event("cardChanged", {}),),
            command.reason,
            before={"status": "BLOCKED"},
            after={"status": "ACTIVE"},
            joins=True,
        )

    return await change_card(context, "unblockLoyaltyCard", key, command, work)
