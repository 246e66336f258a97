"""Cards about to be blocked or replaced, locked with all cards that their live holds touch.

Blocking voids at once every live hold presented on the card and every live hold that reserves any
of its lots. Source: semantics 4, 8.5.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.card_statements import CardRow
from models.failures import ChangedMeanwhile
from models.payment_statements import (
    PaymentRow,
    authorized_on_card,
    payment_cards_of,
    payments_of,
    unreleased_holds_of,
)
from models.transactions import Transaction
from resolvers.context import Context
from resolvers.holds import EXPIRED, VOIDED, cards_of, release_payment, set_status, status_at
from resolvers.kin import lock_with_kin
from resolvers.ledgers import CardLedger
from resolvers.outbox import Event
from resolvers.pools import ledger_of
from resolvers.winning_tiers import bring
from resolvers.writing import write
from rules.book import RuleBook


@dataclass(frozen=True, slots=True)
class HeldCards:
    """Ledgers by card id in the order of their locks, and the payments to void."""

    ledgers: dict[UUID, CardLedger]
    payments: tuple[PaymentRow, ...]
    now: datetime

    async def void_all(
        self,
        transaction: Transaction,
        op_id: UUID,
        kind: str,
        events: Mapping[UUID, Sequence[Event]],
    ) -> None:
        """Void the payments and write every ledger with its events."""
        for payment in self.payments:
            ended = EXPIRED if status_at(payment, self.now) == EXPIRED else VOIDED
            await release_payment(transaction, self.ledgers, payment)
            await set_status(transaction, payment, ended)
        voided = [
            Event("paymentChanged", {"payment": str(one.payment_id)}) for one in self.payments
        ]
        for card_id, ledger in self.ledgers.items():
            await write(ledger, op_id, kind, [*events.get(card_id, ()), *voided])


async def lock_with_holds(
    context: Context,
    transaction: Transaction,
    found: Sequence[CardRow],
    book: RuleBook,
    now: datetime,
) -> HeldCards:
    """Lock the cards, their kin, and all that their holds touch, in ascending order of id.

    Raises ChangedMeanwhile where the holds are others under the locks; the unit then runs again.
    """
    ids = [row.card_id for row in found]
    before = cards_of(await _payments(transaction, ids))
    rows = await lock_with_kin(context, transaction, found, others=before)
    payments = await _payments(transaction, ids)
    if cards_of(payments) - rows.keys():
        raise ChangedMeanwhile
    rows = await bring(context, transaction, rows.values(), book, now)
    touched = {*ids, *cards_of(payments)}
    ledgers = {
        card_id: await ledger_of(context, transaction, row, now)
        for card_id, row in rows.items()
        if card_id in touched
    }
    return HeldCards(ledgers, tuple(payments), now)


async def _payments(transaction: Transaction, card_ids: Iterable[UUID]) -> list[PaymentRow]:
    """Authorised payments presented on the cards, or reserving any of their lots."""
    found: dict[UUID, PaymentRow] = {}
    for card_id in card_ids:
        for row in await transaction.all(authorized_on_card, of_card=card_id):
            found[row.payment_id] = row
    holds = await transaction.each(unreleased_holds_of, list(card_ids))
    others = sorted({hold.payment_id for hold in holds} - found.keys())
    for place in await transaction.each(payment_cards_of, others):
        rows = await transaction.each(payments_of, [place.payment_id], of_card=place.card_id)
        found |= {row.payment_id: row for row in rows if row.status == "AUTHORIZED"}
    return list(found.values())
