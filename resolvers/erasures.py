"""Erasure: a person is forgotten, and what was written about the person with it; the books stay.

Source: semantics 4.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models.activity_statements import forget_line_texts, line_with_texts
from models.card_statements import CardRow, cards_of, change_customer, change_status, delete_notes
from models.customer_statements import (
    cards_of_customers,
    delete_affiliations,
    delete_customer_cards,
    forget_customer_id,
    forget_person,
    mark_erased,
)
from models.erasure_statements import (
    forget_creator,
    forget_notes_on,
    forget_poster,
    forget_reasons_of_card,
    forget_reasons_of_customer,
    gifts_of_card,
)
from models.transactions import Transaction
from resolvers.audits import Facts, audit
from resolvers.callers import customer_scope
from resolvers.context import Context
from resolvers.customer_changes import check_reason, known_customer, lock_customer
from resolvers.held_cards import lock_with_holds
from resolvers.identifiers import natural_key, operation_id
from resolvers.outbox import Event
from resolvers.rewards import keep_granted
from rules.book import RuleBook


async def erase(context: Context, customer_id: str, reason: str) -> None:
    """Forget the person: cards blocked and unlinked, texts deleted, entries untouched.

    Afterwards the id is unknown. Raises CustomerNotFound, Refused.
    """
    check_reason(reason)

    async def unit(transaction: Transaction, book: RuleBook | None) -> None:
        now = context.service.clock()
        key = await known_customer(context, transaction, customer_id)
        await lock_customer(transaction, key)
        cards = await _block_and_unlink(context, transaction, key, book, now)
        await _forget_author(transaction, customer_id, cards)
        for statement in (
            delete_customer_cards,
            delete_affiliations,
            forget_person,
            forget_customer_id,
            forget_reasons_of_customer,
        ):
            await transaction.run(statement, of_customer=key)
        await transaction.run(mark_erased, of_customer=key, erased_at=now)
        # The reason is a text somebody typed about the person, so it is not kept.
        after: Facts = {"cards": len(cards)}
        await audit(context, transaction, "eraseCustomer", now, customer_key=key, after=after)

    await context.unit(unit)


async def _block_and_unlink(
    context: Context,
    transaction: Transaction,
    key: UUID,
    book: RuleBook | None,
    now: datetime,
) -> Sequence[CardRow]:
    """The cards that the customer had."""
    links = await transaction.each(cards_of_customers, [key])
    rows = await transaction.each(cards_of, [row.card_id for row in links])
    if not rows or book is None:
        return ()
    held = await lock_with_holds(context, transaction, rows, book, now)
    await keep_granted(transaction, key, rows)
    events: dict[UUID, list[Event]] = {}
    for row in rows:
        card_id, status = row.card_id, held.ledgers[row.card_id].card.status
        events[card_id] = [Event("cardChanged", {})]
        await _forget_texts(transaction, row)
        await transaction.run(change_customer, of_card=card_id, customer_key=None)
        if status == "ACTIVE":
            await transaction.run(change_status, of_card=card_id, status="BLOCKED", blocked_at=now)
            events[card_id].insert(0, Event("cardBlocked", {}))
    op_id = operation_id(natural_key("eraseCustomer", str(key)))
    await held.void_all(transaction, op_id, "eraseCustomer", events)
    return rows


async def _forget_author(
    transaction: Transaction, customer_id: str, cards: Sequence[CardRow]
) -> None:
    of = {"author": customer_scope(customer_id), "nobody": customer_scope("")}
    await transaction.run(forget_creator, **of)
    for card in cards:
        await transaction.run(forget_poster, **of, of_card=card.card_id)


async def _forget_texts(transaction: Transaction, card: CardRow) -> None:
    await transaction.run(delete_notes, of_card=card.card_id)
    await transaction.run(forget_reasons_of_card, of_card=card.card_id)
    # The comment of a gift stands on both of its cards.
    gifts = await transaction.all(gifts_of_card, of_card=card.card_id)
    await transaction.run_many(
        forget_notes_on,
        [{"of_card": gift.card_id, "of_subject": gift.entry_id} for gift in gifts],
    )
    await transaction.run(forget_line_texts, of_number=card.number)
    # A line that had another key by the time it was waited for is another row.
    while await transaction.first(line_with_texts, of_number=card.number):
        await transaction.run(forget_line_texts, of_number=card.number)
