"""Live payments of orders and cards: which still count, and how what they reserve is freed.

A hold ends at its deadline whether or not anybody has noticed. Source: semantics 6, 8.5.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from models.payment_statements import (
    PaymentRow,
    authorized_on_card,
    change_payment,
    hold_lots_of_payment,
)
from models.transactions import Reader, Transaction
from resolvers.ledgers import CardLedger
from resolvers.open_lots import release

AUTHORIZED = "AUTHORIZED"
VOIDED = "VOIDED"
EXPIRED = "EXPIRED"
LIVE = frozenset({AUTHORIZED, "CAPTURED", "PARTIALLY_REFUNDED"})


def status_at(payment: PaymentRow, now: datetime) -> str:
    """The status as it reads at `now`: an authorisation past its deadline is EXPIRED."""
    deadline = payment.hold_expires_at
    if payment.status == AUTHORIZED and deadline is not None and deadline <= now:
        return EXPIRED
    return payment.status


async def live_holds_on(reader: Reader, card_id: UUID, now: datetime) -> list[PaymentRow]:
    """Payments presented on the card that hold points now."""
    rows = await reader.all(authorized_on_card, of_card=card_id)
    return [row for row in rows if status_at(row, now) == AUTHORIZED]


def cards_of(payments: Iterable[PaymentRow]) -> frozenset[UUID]:
    """Cards whose lots the payments took or reserve, and those presented."""
    found = {payment.card_id for payment in payments}
    for payment in payments:
        found |= {UUID(card_id) for card_id in json.loads(payment.facts)["cards"]}
    return frozenset(found)


async def release_payment(
    transaction: Transaction, ledgers: dict[UUID, CardLedger], payment: PaymentRow
) -> None:
    """Free what the payment reserves of the lots of the ledgers' cards; debt does not meet it
    yet.
    """
    for card_id, ledger in ledgers.items():
        rows = await transaction.all(
            hold_lots_of_payment, of_card=card_id, of_payment=payment.payment_id
        )
        await release(ledger, [row for row in rows if row.released_at is None])


async def set_status(
    transaction: Transaction,
    payment: PaymentRow,
    status: str,
    amount_minor: int | None = None,
    written: Sequence[tuple[UUID, UUID]] = (),
) -> None:
    """`written`: (card, operation) of the entries that this writes for the payment."""
    await change(
        transaction,
        payment._replace(
            status=status,
            amount_minor=payment.amount_minor if amount_minor is None else amount_minor,
            operations=with_operations(payment, written),
        ),
    )


async def change(transaction: Transaction, payment: PaymentRow) -> None:
    """Write what may change of a payment."""
    await transaction.run(
        change_payment,
        of_card=payment.card_id,
        of_payment=payment.payment_id,
        status=payment.status,
        amount_minor=payment.amount_minor,
        refunded_minor=payment.refunded_minor,
        operations=payment.operations,
        refunded_quantities=payment.refunded_quantities,
    )


def operations_of(payment: PaymentRow) -> list[tuple[UUID, UUID]]:
    """(card, operation) of what wrote entries for the payment, oldest first."""
    return [(UUID(card_id), UUID(op_id)) for card_id, op_id in json.loads(payment.operations)]


def with_operations(payment: PaymentRow, written: Iterable[tuple[UUID, UUID]]) -> str:
    return operations_json([*operations_of(payment), *written])


def operations_json(operations: Iterable[tuple[UUID, UUID]]) -> str:
    return json.dumps([[str(card_id), str(op_id)] for card_id, op_id in operations])
