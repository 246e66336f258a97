"""The cart: everything loyalty has to say of it before anything is posted, by the very rules that
post a sale.

Source: semantics 5, 10.1, 14.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from resolvers import loyalty_tenders, payment_views
from resolvers.callers import Role
from resolvers.clock import FUTURE_TOLERANCE, civil_date
from resolvers.context import Context
from resolvers.judging import judge_facts, room_of
from resolvers.loyalty_tenders import TenderView
from resolvers.paid_sales import NOTHING_PAID, PaidLines, paid_lines, shrunk
from resolvers.parties import Party
from resolvers.priced_carts import CartCommand, PricedCart, price_cart
from resolvers.programs import known_channel
from resolvers.tills import payment_id_faults
from rules.book import RuleBook
from rules.earning import EarningFacts, earning_line
from rules.earnings import Judgement
from rules.errors import (
    ChannelInactive,
    CurrencyMismatch,
    Forbidden,
    InvalidInput,
    LoyaltyError,
    NotFound,
    Refused,
)
from rules.faults import amount_fault, text_faults
from rules.lines import Charge, Line, check_lines
from rules.numbers import is_currency
from rules.program import Channel

MAXIMUM_CODES = 100


@dataclass(frozen=True)  # no slots: what points can pay is worked out where somebody asks for it
class CartView:
    """A cart with what it earns. `refusals` tell why it was judged as if it had no card, an
    affiliation was left out, and so on.
    """

    cart: PricedCart
    earned: Judgement
    refusals: tuple[LoyaltyError, ...]

    @cached_property
    def tender(self) -> TenderView | None:
        return loyalty_tenders.view(self.cart)


async def view(context: Context, command: CartCommand) -> CartView:
    """Judge the cart. Raises Refused or a LoyaltyError where nothing sensible can be shown."""
    # An operation may ask for several large ones: others have their turn before each.
    await asyncio.sleep(0)
    sent = check_form(context, command)
    at = command.at or context.now
    book = await context.service.books.at(context.read, at)
    channel = _channel(context, book, command)
    if book is None:
        raise AssertionError
    moment = (at, civil_date(at, channel.time_zone))
    cart = await price_cart(context, context.read, book, channel, command, sent, moment)
    party = cart.party
    paid = await _paid(context, command, party, channel)
    today = context.today(channel)
    room = room_of(book, party.points.sums, party.points.days, today) if party.card else {}
    facts = EarningFacts(
        channel=channel.code,
        on=cart.on,
        card=party.card_facts(cart.on),
        affiliations=party.affiliations,
        room=room,
        currency=channel.currency,
        lines=shrunk([earning_line(line) for line in cart.priced.lines], cart.items, paid),
        paid_with_points=bool(paid.payments),
    )
    refusals = (*party.refusals, *cart.coupon_faults)
    return CartView(cart, judge_facts(facts, book), refusals)


async def _paid(
    context: Context, command: CartCommand, party: Party, channel: Channel
) -> PaidLines:
    """The payments named. They shape nothing where the card was refused, which comes before them.

    Raises as paid_lines; of payments that a customer may not see it knows nothing. Source:
    semantics 5.6 (order of checks), 14, 18.9.
    """
    if command.card_number is not None and party.card is None:
        return NOTHING_PAID
    ids = command.loyalty_payments
    try:
        return await paid_lines(context.read, ids, party.card, channel.currency, context.now)
    except LoyaltyError as error:
        if context.caller.role is not Role.CUSTOMER or await _is_seen(context, ids, error):
            raise
        raise NotFound("There is no such payment.", error.field) from error


async def _is_seen(context: Context, ids: Sequence[UUID | None], error: LoyaltyError) -> bool:
    """Whether the caller may see the payment that the error is about."""
    payment_id = ids[int((error.field or ())[-1])]
    return payment_id is not None and await payment_views.find(context, payment_id) is not None


def check_form(
    context: Context, command: CartCommand
) -> tuple[tuple[Line, ...], tuple[Charge, ...]]:
    faults: list[LoyaltyError] = [
        *_list_faults(command),
        *payment_id_faults(command.loyalty_payments),
        *text_faults(command.delivery_mode, ("deliveryMode",)),
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
        judged = check_lines(command.lines, command.charges or (), command.currency)
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
