"""Paying with points: the checks in their order, the walk, the lots; captured at once, or held.

Source: semantics 8.1-8.5.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime

from models.card_statements import CardRow
from models.failures import ChangedMeanwhile
from models.payment_statements import (
    PaymentRow,
    authorized_on_card,
    claim_order,
    locked_order,
    payments_of,
)
from models.transactions import Transaction
from resolvers import carts, tills
from resolvers.callers import Role
from resolvers.cards import NOBODY
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.holds import EXPIRED, LIVE, VOIDED, cards_of, release_payment, set_status, status_at
from resolvers.identifiers import random_id
from resolvers.payment_rows import Checked, Decided, Pay, keep_payment
from resolvers.pools import Pool, lock_pool
from resolvers.priced_carts import PricedCart, by_value, price_cart
from resolvers.replays import Answer, Operation, Outcome, key_fault, once
from resolvers.tenders import check_card, tender_of
from rules.book import RuleBook
from rules.errors import (
    CurrencyMismatch,
    InvalidInput,
    InvalidPaymentRequest,
    LoyaltyError,
    OneLoyaltyTenderOnly,
    Refused,
)
from rules.numbers import fits_minor, to_minor
from rules.paying import check_amount, decide
from rules.program import Channel

MAXIMUM_ORDER_ID = 128


async def pay(context: Context, key: str, command: Pay) -> Outcome:
    """Pay with points exactly `amount`, or reserve them; the answer names card and payment.

    Raises Refused or the first refusal of semantics 8.1; then nothing was applied or voided.
    """
    _check_form(context, key, command)

    async def work(operation: Operation) -> Answer:
        return await _pay(context, operation, command)

    said = replace(command, cart=by_value(command.cart))
    return await once(context, "payWithLoyalty", key, said, work)


def _check_form(context: Context, key: str, command: Pay) -> None:
    faults: list[LoyaltyError | None] = [key_fault(key)]
    if not 1 <= len(command.order_id) <= MAXIMUM_ORDER_ID:
        message = f"An order id has 1 to {MAXIMUM_ORDER_ID} characters."
        faults.append(InvalidInput(message, ("orderId",)))
    if command.cart.at is not None and context.caller.role is not Role.ADMIN:
        message = "Only an administrator may date a payment back."
        faults.append(InvalidInput(message, ("cart", "at")))
    if command.cart.card_number not in {None, command.card_number}:
        faults.append(InvalidInput("The cart has another card.", ("cart", "cardNumber")))
    try:
        with in_cart():
            carts.check_form(context, command.cart)
    except Refused as refused:
        faults += refused.errors
    found = [fault for fault in faults if fault is not None]
    if found:
        raise Refused(found)


@contextmanager
def in_cart() -> Iterator[None]:
    """Refusals of the cart's checks blame what stands in `cart`."""
    try:
        yield
    except Refused as refused:
        for error in refused.errors:
            error.field = ("cart", *(error.field or ()))
        raise
    except LoyaltyError as error:
        error.field = ("cart", *(error.field or ()))
        raise


async def _checked(
    context: Context, transaction: Transaction, book: RuleBook | None, command: Pay
) -> Checked:
    with in_cart():
        channel = carts.channel_of(context, book, command.cart)
        if book is None:
            raise AssertionError
        for fault in tills.affiliation_faults(book, command.cart.affiliations):
            raise fault
    at = command.cart.at or context.service.clock()
    moment = (at, civil_date(at, channel.time_zone))
    cart = await _priced(context, transaction, book, channel, command, moment)
    amount = _amount_minor(command)
    check_amount(amount, cart.balance_due_minor)
    if command.cart.currency != channel.currency:
        raise CurrencyMismatch("This is not the channel's currency.", ("cart", "currency"))
    return Checked(command, book, channel, cart, amount, *moment)


async def _priced(
    context: Context,
    transaction: Transaction,
    book: RuleBook,
    channel: Channel,
    command: Pay,
    moment: tuple[datetime, date],
) -> PricedCart:
    """The cart as the cart query would show it with the card presented."""
    shown = replace(command.cart, card_number=command.card_number)
    with in_cart():
        sent = carts.check_form(context, shown)
        return await price_cart(context, transaction, book, channel, shown, sent, moment)


def _amount_minor(command: Pay) -> int:
    if not fits_minor(command.amount, command.cart.currency):
        raise InvalidPaymentRequest("The amount has more decimals than money.", ("amount",))
    return to_minor(command.amount, command.cart.currency)


async def _pay(context: Context, operation: Operation, command: Pay) -> Answer:
    transaction = operation.transaction
    asked = await _checked(context, transaction, operation.book, command)
    payment_id = random_id(context.service.randomness)
    now = context.service.clock()
    await _check_order(transaction, asked, now)
    card = await _card(context, transaction, asked)
    others = await _others(transaction, asked, card)
    pool = await lock_pool(context, transaction, card, now, cards_of(others))
    if others != await _others(transaction, asked, card):
        raise ChangedMeanwhile
    check_card(asked.book, asked.channel, pool.presented.card)
    with in_cart():
        for fault in asked.cart.coupon_faults:
            raise fault
    for other in others:
        ended = EXPIRED if status_at(other, now) == EXPIRED else VOIDED
        await release_payment(transaction, pool.ledgers, other)
        await set_status(transaction, other, ended)
    for ledger in pool.ledgers.values():
        ledger.settle()
    decided = await _cover(context, transaction, asked, pool)
    ended_ids = [other.payment_id for other in others]
    await keep_payment(context, operation, asked, pool, decided, payment_id, ended_ids)
    return {"card_id": str(card.card_id), "payment_id": str(payment_id)}


async def _check_order(transaction: Transaction, asked: Checked, now: datetime) -> None:
    """The order's row is locked; it has no other live payment."""
    order = {"of_channel": asked.channel.code, "of_order": asked.command.order_id}
    claimed = await transaction.run(
        claim_order,
        channel=asked.channel.code,
        order_id=asked.command.order_id,
        card_id=NOBODY,
        payment_id=NOBODY,
    )
    for row in [] if claimed else await transaction.all(locked_order, **order):
        paid = await transaction.each(payments_of, [row.payment_id], of_card=row.card_id)
        if any(status_at(payment, now) in LIVE for payment in paid):
            message = "The order has a payment with points already."
            raise OneLoyaltyTenderOnly(message, ("orderId",))


async def _card(context: Context, transaction: Transaction, asked: Checked) -> CardRow:
    card = await tills.presented(context, transaction, asked.command.card_number)
    with in_cart():
        customer_key = await tills.named_customer(
            context, transaction, asked.command.cart.customer_id
        )
        tills.check_till(asked.channel, card, customer_key)
    return card


async def _others(transaction: Transaction, asked: Checked, card: CardRow) -> list[PaymentRow]:
    """Uncaptured payments presented on the card for other orders, where they are taken over."""
    if not asked.command.take_over_holds:
        return []
    rows = await transaction.all(authorized_on_card, of_card=card.card_id)
    mine = (asked.channel.code, asked.command.order_id)
    return [row for row in rows if (row.channel, row.order_id) != mine]


async def _cover(context: Context, transaction: Transaction, asked: Checked, pool: Pool) -> Decided:
    """The walk over the cart as it stands under the locks.

    Raises ChangedMeanwhile where it is another than the one that was checked before them.
    """
    moment = (asked.at, asked.on)
    cart = await _priced(context, transaction, asked.book, asked.channel, asked.command, moment)
    facts = cart.party.card_facts(asked.on)
    if (
        facts is None
        or cart.items != asked.cart.items
        or cart.price_groups != asked.cart.price_groups
    ):
        raise ChangedMeanwhile
    held, total_minor = cart.party.affiliations, cart.priced.totals.total_minor
    tender = tender_of(asked.book, asked.channel, facts, held, cart.items, total_minor, asked.on)
    available = {
        code: await pool.available(tender.points[code], asked.on) for code in tender.payable_points
    }
    budgets = {code: sum(units.values()) for code, units in available.items()}
    reserved = {code: await pool.held_units(code, asked.on) for code in tender.payable_points}
    cover = decide(tender, budgets, reserved, asked.amount_minor, cart.balance_due_minor)
    return Decided(tender, cover, available)
