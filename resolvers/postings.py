"""The one way points reach a card's book: lock the card, write its next entries, keep what is
derived from them.

Within one transaction, and nothing else is awaited. Source: engineering 3.1, semantics 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.card_statements import CardRow, advance_card, insert_event, locked_card
from models.transactions import Transaction
from resolvers.identifiers import Randomness, ordered_ids
from resolvers.outbox import Event, event_rows
from rules.errors import CardNotFound
from rules.ledger import Entry


@dataclass(frozen=True, slots=True)
class Posted:
    """The card's row after the posting, and its new entries in the order of the book."""

    card: CardRow
    entries: tuple[Entry, ...]


async def lock_card(transaction: Transaction, card_id: UUID) -> CardRow:
    """The card's row, held until the transaction ends. Several cards are locked in ascending order
    of id.
    """
    transaction.go_for(card_id)
    row = await transaction.first(locked_card, of_card=card_id)
    if row is None:
        raise CardNotFound("There is no such card.")
    return row


async def tell(
    transaction: Transaction,
    card: CardRow,
    events: Sequence[Event],
    now: datetime,
    randomness: Randomness,
) -> CardRow:
    """Write the events into the outbox in the card's order, and the card's row with its new
    heads.
    """
    if events:
        (event_id,) = ordered_ids(now, 1, randomness)
        rows = [*event_rows(card.card_id, event_id, card.next_event, events, now)]
        await transaction.run_rows(insert_event, rows)
    card = card._replace(next_event=card.next_event + len(events))
    await transaction.run(
        advance_card,
        of_card=card.card_id,
        next_seq=card.next_seq,
        next_event=card.next_event,
        head_hash=card.head_hash,
        last_posted_at=card.last_posted_at,
        last_entry_on=card.last_entry_on,
    )
    return card
