"""The life of a payment after its authorisation: capture, whole or in part, and void.

Source: semantics 8.5.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from models.payment_statements import (
    HoldLotRow,
    PaymentRow,
    SliceRow,
    hold_lots_of_payment,
    payment_cards_of,
    payments_of,
    slices_of,
)
from models.transactions import Reader, Transaction
from resolvers.audits import audit_card
from resolvers.context import Context
from resolvers.holds import (
    AUTHORIZED,
    EXPIRED,
    VOIDED,
    cards_of,
    release_payment,
    set_status,
    status_at,
)
from resolvers.payment_books import by_card, redemptions, replace_slices
from resolvers.payment_rows import write_pool
from resolvers.pools import Pool, lock_cards
from resolvers.replays import Answer, Operation, Outcome, key_fault, once
from rules.cover import Cover, Slice
from rules.errors import (
    InvalidInput,
    InvalidPaymentRequest,
    LoyaltyError,
    NotFound,
    PaymentStateConflict,
    Refused,
)
from rules.lots import Taken
from rules.numbers import fits_minor, to_minor
from rules.paying import recapture, tender
from rules.tender_json import facts_from_json


@dataclass(frozen=True, slots=True)
class Capture:
    payment_id: UUID | None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Void:
    payment_id: UUID | None


@dataclass(frozen=True, slots=True)
class Found:
    """A payment under the locks of all its cards."""

    row: PaymentRow
    pool: Pool
    now: datetime

    @property
    def status(self) -> str:
        """As of the posting: a card may have given away what the payment held, by a clock that was
        ahead of this one.
        """
        posted_at = max(ledger.posted_at for ledger in self.pool.ledgers.values())
        return status_at(self.row, posted_at)


def check_form(key: str, payment_id: UUID | None, others: Iterable[LoyaltyError] = ()) -> None:
    """Raises Refused with every fault of the call's form."""
    faults: list[LoyaltyError | None] = [key_fault(key)]
    if payment_id is None:
        faults.append(InvalidInput("This id is malformed.", ("paymentId",)))
    faults += others
    found = [fault for fault in faults if fault is not None]
    if found:
        raise Refused(found)


async def find_row(context: Context, reader: Reader, payment_id: UUID) -> PaymentRow:
    """The payment, where its channel is the caller's. Raises NotFound for unknown and foreign."""
    found = await reader.each(payment_cards_of, [payment_id])
    rows = await reader.each(payments_of, [payment_id], of_card=found[0].card_id) if found else []
    if not rows or not context.caller.reaches(rows[0].channel):
        raise NotFound("There is no such payment.", ("paymentId",))
    return rows[0]


async def locked(context: Context, transaction: Transaction, payment_id: UUID) -> Found:
    """The payment read again under the locks of the cards presented and taken from."""
    before = await find_row(context, transaction, payment_id)
    now = context.service.clock()
    pool = await lock_cards(context, transaction, before.card_id, now, cards_of([before]))
    row = await find_row(context, transaction, payment_id)
    return Found(row, pool, now)


async def capture(context: Context, key: str, command: Capture) -> Outcome:
    """Capture a payment that holds points: the whole, or less; the rest is free at once.

    Raises Refused, NotFound, PaymentStateConflict, InvalidPaymentRequest.
    """
    check_form(key, command.payment_id)

    async def work(operation: Operation) -> Answer:
        return await _capture(context, operation, command)

    return await once(context, "captureLoyaltyPayment", key, command, work)


async def _capture(context: Context, operation: Operation, command: Capture) -> Answer:
    transaction = operation.transaction
    if command.payment_id is None:
        raise AssertionError
    found = await locked(context, transaction, command.payment_id)
    if found.status != AUTHORIZED:
        raise PaymentStateConflict("The payment holds no points.", ("paymentId",))
    row = found.row
    held = await _held(transaction, found)
    slices = await transaction.each(slices_of, [row.payment_id], of_card=row.card_id)
    cover = await _captured(context, transaction, found, command, (held, slices))
    await release_payment(transaction, found.pool.ledgers, row)
    consumed = by_card(_consumed(held, cover, found.pool))
    book = await context.service.books.version(transaction, row.configuration_version)
    for card_id, mine in consumed.items():
        steps = redemptions(row, mine, cover, book.reward_points)
        await found.pool.ledgers[card_id].add(steps)
    if cover.amount_minor < row.amount_minor:
        await replace_slices(transaction, row, slices, cover)
    written = [(card_id, operation.op_id) for card_id in consumed]
    await set_status(transaction, row, "CAPTURED", cover.amount_minor, written)
    return await finish(context, operation, found, "captureLoyaltyPayment")


async def _held(transaction: Transaction, found: Found) -> list[HoldLotRow]:
    rows: list[HoldLotRow] = []
    for card_id in found.pool.ledgers:
        rows += await transaction.all(
            hold_lots_of_payment, of_card=card_id, of_payment=found.row.payment_id
        )
    return sorted(rows, key=lambda hold: hold.place)


async def _captured(
    context: Context,
    transaction: Transaction,
    found: Found,
    command: Capture,
    stored: tuple[Sequence[HoldLotRow], Sequence[SliceRow]],
) -> Cover:
    row, (held, slices) = found.row, stored
    facts = json.loads(row.facts)
    amount = row.amount_minor
    if command.amount is not None:
        if not fits_minor(command.amount, row.currency):
            raise InvalidPaymentRequest("The amount has more decimals than money.", ("amount",))
        amount = to_minor(command.amount, row.currency)
    if not 0 < amount <= row.amount_minor:
        message = "A capture is above 0 and at most what was authorised."
        raise InvalidPaymentRequest(message, ("amount",))
    if amount == row.amount_minor:
        parts = tuple(
            Slice(one.reward_point, one.line_number, one.points, one.amount_minor) for one in slices
        )
        return Cover(parts, facts["formulas"])
    book = await context.service.books.version(transaction, row.configuration_version)
    asked = tender(facts_from_json(facts["tender"]), book, book.schemes_on(row.channel))
    budgets: dict[str, int] = defaultdict(int)
    for hold in held:
        budgets[hold.reward_point] += hold.points
    return recapture(asked, budgets, amount)


def _consumed(held: Sequence[HoldLotRow], cover: Cover, pool: Pool) -> list[Taken]:
    """Lots in the order in which they were held, as many points as are captured."""
    left = {code: cover.points_units(code) for code in cover.reward_points}
    taken = []
    for hold in held:
        units = min(hold.points, left.get(hold.reward_point, 0))
        if units > 0:
            left[hold.reward_point] -= units
            book = pool.ledgers[hold.card_id].points[hold.reward_point]
            taken.append(Taken(book.lots[hold.lot_id], units))
    return taken


async def void(context: Context, key: str, command: Void) -> Outcome:
    """Free what the payment reserves; voiding an ended authorisation changes nothing.

    Raises Refused, NotFound, PaymentStateConflict.
    """
    check_form(key, command.payment_id)

    async def work(operation: Operation) -> Answer:
        if command.payment_id is None:
            raise AssertionError
        found = await locked(context, operation.transaction, command.payment_id)
        if found.status in {VOIDED, EXPIRED}:
            return _answer(found)
        if found.status != AUTHORIZED:
            raise PaymentStateConflict("The payment was captured: refund it.", ("paymentId",))
        await release_payment(operation.transaction, found.pool.ledgers, found.row)
        await set_status(operation.transaction, found.row, VOIDED)
        return await finish(context, operation, found, "voidLoyaltyPayment")

    return await once(context, "voidLoyaltyPayment", key, command, work)


def _answer(found: Found) -> Answer:
    return {"card_id": str(found.row.card_id), "payment_id": str(found.row.payment_id)}


async def finish(context: Context, operation: Operation, found: Found, mutation: str) -> Answer:
    """Write the ledgers and the audit of a change of the payment."""
    await write_pool(found.pool, operation.op_id, mutation, found.row.payment_id)
    await audit_card(
        context,
        operation.transaction,
        found.row.card_id,
        mutation,
        found.now,
        after={"payment": str(found.row.payment_id)},
    )
    return _answer(found)
