"""The cart: everything loyalty has to say of it before anything is posted, by the very rules that
post a sale.

Source: semantics 5, 10.1, 14.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from models.card_statements import CardRow
from resolvers import customers, loyalty_tenders, tills
from resolvers.cards import NOBODY
from resolvers.clock import FUTURE_TOLERANCE, civil_date
from resolvers.context import Context
from resolvers.judging import judge_sale
from resolvers.loyalty_tenders import Payable, TenderView
from resolvers.paid_sales import paid_lines
from resolvers.programs import known_channel
from resolvers.tenders import items_of
from rules.book import RuleBook
from rules.earning import Earned
from rules.errors import (
    ChannelInactive,
    CouponNotValid,
    CurrencyMismatch,
    Forbidden,
    InvalidInput,
    LoyaltyError,
    Refused,
)
from rules.lines import (
    Charge,
    ChargeInput,
    Line,
    LineInput,
    Totals,
    amount_fault,
    check_lines,
    totals,
)
from rules.numbers import is_currency, to_minor
from rules.pricegroups import open_price_groups
from rules.program import Channel

T = TypeVar("T")

MAXIMUM_CODES = 100


@dataclass(frozen=True, slots=True)
class CartCommand:
    channel: str
    currency: str
    lines: tuple[LineInput, ...]
    charges: tuple[ChargeInput, ...] = ()
    card_number: str | None = None
    customer_id: str | None = None
    affiliations: tuple[str, ...] = ()
    coupons: tuple[str, ...] = ()
    amount_paid: Decimal = Decimal(0)
    # None: an id that is malformed.
    loyalty_payments: tuple[UUID | None, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CartView:
    """`refusals` tell why the cart was judged as if it had no card, an affiliation was left out,
    and so on.
    """

    book: RuleBook
    currency: str
    lines: tuple[Line, ...]
    charges: tuple[Charge, ...]
    totals: Totals
    amount_paid_minor: int
    price_groups: tuple[str, ...]
    earned: Earned
    tender: TenderView | None
    refusals: tuple[LoyaltyError, ...]


@dataclass(frozen=True, slots=True)
class _Party:
    card: CardRow | None
    customer_key: UUID | None
    affiliations: frozenset[str]


async def view(context: Context, command: CartCommand) -> CartView:
    """Judge the cart. Raises Refused or a LoyaltyError where nothing sensible can be shown."""
    lines, charges = check_form(context, command)
    at = command.at or context.now
    book = await context.service.books.at(context.read, at)
    channel = _channel(context, book, command)
    if book is None:
        raise AssertionError
    on = civil_date(at, channel.time_zone)
    refusals: list[LoyaltyError] = []
    party = await _party(context, book, channel, command, refusals)
    coupons = coupon_faults(book, command, on)
    refusals += coupons
    items = items_of(lines, charges, prices_include_tax=channel.prices_include_tax)
    paid_by_points = await paid_lines(
        context.read, command.loyalty_payments, party.card, channel.currency, context.now
    )
    judged = await judge_sale(
        context,
        context.read,
        book,
        channel,
        party.card,
        party.affiliations,
        lines,
        on,
        context.today(channel),
        items,
        paid_by_points,
    )
    held = [book.affiliations[code] for code in judged.facts.affiliations & set(book.affiliations)]
    schemes = book.schemes_on(channel.code)
    sums = totals(lines, charges, prices_include_tax=channel.prices_include_tax)
    paid = to_minor(command.amount_paid, channel.currency)
    payable = Payable(items, sums.total_minor, sums.balance_due_minor(paid), on)
    tender = None
    if party.card is not None:
        tender = await loyalty_tenders.view(
            context, book, channel, party.card, party.affiliations, payable, coupons
        )
    return CartView(
        book=book,
        currency=channel.currency,
        lines=lines,
        charges=charges,
        totals=sums,
        amount_paid_minor=paid,
        price_groups=open_price_groups(channel, held, judged.facts.card, schemes, book.programs),
        earned=judged.earned,
        tender=tender,
        refusals=tuple(refusals),
    )


def check_form(
    context: Context, command: CartCommand
) -> tuple[tuple[Line, ...], tuple[Charge, ...]]:
    faults: list[LoyaltyError] = [
        *_list_faults(command),
        *tills.payment_id_faults(command.loyalty_payments),
    ]
    if command.at is not None and command.at > context.now + FUTURE_TOLERANCE:
        faults.append(InvalidInput("This lies in the future.", ("at",)))
    judged: tuple[tuple[Line, ...], tuple[Charge, ...]] = ((), ())
    if not is_currency(command.currency):
        faults.append(InvalidInput("There is no such currency.", ("currency",)))
        raise Refused(faults)
    fault = amount_fault(command.amount_paid, command.currency, ("amountPaid",))
    if fault is not None:
        faults.append(fault)
    try:
        judged = check_lines(command.lines, command.charges, command.currency)
    except Refused as refused:
        faults += refused.errors
    if faults:
        raise Refused(faults)
    return judged


def _list_faults(command: CartCommand) -> Iterator[InvalidInput]:
    for name, codes in (("affiliations", command.affiliations), ("coupons", command.coupons)):
        if len(codes) > MAXIMUM_CODES:
            yield InvalidInput(f"At most {MAXIMUM_CODES} may be sent.", (name,))


def _channel(context: Context, book: RuleBook | None, command: CartCommand) -> Channel:
    channel = channel_of(context, book, command)
    if command.currency != channel.currency:
        raise CurrencyMismatch("This is not the channel's currency.", ("currency",))
    return channel


def channel_of(context: Context, book: RuleBook | None, command: CartCommand) -> Channel:
    """Raises ChannelNotFound, Forbidden, ChannelInactive."""
    channel = known_channel(book, command.channel, ("channel",))
    if not context.caller.reaches(channel.code):
        raise Forbidden("This key is not for this channel.", ("channel",))
    if not channel.active:
        raise ChannelInactive("This channel is not active.", ("channel",))
    return channel


async def _party(
    context: Context,
    book: RuleBook,
    channel: Channel,
    command: CartCommand,
    refusals: list[LoyaltyError],
) -> _Party:
    """Card, customer and affiliations; what cannot count is left out and told."""
    customer_id = customers.named(context, command.customer_id, ("customerId",))
    customer_key = await _told(refusals, lambda: tills.named_customer(context.read, customer_id))
    # Whoever an unknown id may mean, it is not the card's customer.
    at_till = NOBODY if customer_id is not None and customer_key is None else customer_key
    card = await _card(context, channel, command, at_till, refusals)
    faults = tills.affiliation_faults(book, command.affiliations)
    refusals += faults
    left_out = {fault.field for fault in faults}
    named = [
        code
        for place, code in enumerate(command.affiliations)
        if ("affiliations", str(place)) not in left_out
    ]
    held = await tills.held_affiliations(context.read, customer_key, card, named)
    return _Party(card, customer_key, held)


async def _told(refusals: list[LoyaltyError], work: Callable[[], Awaitable[T]]) -> T | None:
    try:
        return await work()
    except LoyaltyError as refusal:
        refusals.append(refusal)
        return None


async def _card(
    context: Context,
    channel: Channel,
    command: CartCommand,
    customer_key: UUID | None,
    refusals: list[LoyaltyError],
) -> CardRow | None:
    """The card presented, or none where it is unknown, foreign, or may not be used at this till."""
    number = command.card_number
    if number is None:
        return None

    async def checked() -> CardRow:
        at = command.at or context.now
        card = await tills.earning(context, context.read, number, at)
        tills.check_till(channel, card, customer_key)
        return card

    return await _told(refusals, checked)


def coupon_faults(book: RuleBook, command: CartCommand, on: date) -> list[LoyaltyError]:
    """Coupons configured here but out of date; codes unknown here are commerce's own."""
    faults: list[LoyaltyError] = []
    for place, code in enumerate(command.coupons):
        coupon = book.coupons.get(code)
        if coupon is None:
            continue
        if not (coupon.valid_from or date.min) <= on <= (coupon.valid_to or date.max):
            message = "This coupon is out of date."
            faults.append(CouponNotValid(message, ("coupons", str(place))))
    return faults
