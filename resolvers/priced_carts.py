"""A cart as it stands: who is at the till, what that opens, and what everything then costs.

The cart query and payments with points price a cart by this one function, so that what is shown is
what can be paid. Source: semantics 8.1, 10.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from uuid import UUID

from models.transactions import Reader
from resolvers.context import Context
from resolvers.parties import Asked, Party, party
from resolvers.tenders import items_of
from rules.book import RuleBook
from rules.discounts import Opening, is_coupon_in_force
from rules.errors import CouponNotValid, LoyaltyError
from rules.lines import Charge, ChargeInput, Line, LineInput
from rules.numbers import to_minor
from rules.pricegroups import open_price_groups
from rules.pricing import Order, Priced, price
from rules.program import Channel
from rules.tender import Item


@dataclass(frozen=True, slots=True)
class CartCommand:
    """`charges` None: the configured automatic ones apply."""

    channel: str
    currency: str
    lines: tuple[LineInput, ...]
    charges: tuple[ChargeInput, ...] | None = None
    card_number: str | None = None
    customer_id: str | None = None
    affiliations: tuple[str, ...] = ()
    coupons: tuple[str, ...] = ()
    delivery_mode: str | None = None
    amount_paid: Decimal = Decimal(0)
    # None: an id that is malformed.
    loyalty_payments: tuple[UUID | None, ...] = ()
    apply_discounts: bool = True
    at: datetime | None = None


def by_value(command: CartCommand) -> CartCommand:
    """The command with its lists of codes as sets: their order says nothing.

    Source: semantics 12.
    """
    lines = tuple(replace(line, categories=_as_set(line.categories)) for line in command.lines)
    return replace(
        command,
        lines=lines,
        affiliations=_as_set(command.affiliations),
        coupons=_as_set(command.coupons),
        loyalty_payments=tuple(sorted(set(command.loyalty_payments), key=str)),
    )


def _as_set(codes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(codes)))


@dataclass(frozen=True)  # no slots: what is payable is summed up once
class PricedCart:
    """`coupon_faults` are of coupons configured here but out of date: they were left out."""

    book: RuleBook
    channel: Channel
    on: date
    party: Party
    price_groups: tuple[str, ...]
    coupon_faults: tuple[LoyaltyError, ...]
    priced: Priced
    amount_paid_minor: int

    @property
    def balance_due_minor(self) -> int:
        return self.priced.totals.balance_due_minor(self.amount_paid_minor)

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """What is payable of the cart."""
        taxed = self.channel.prices_include_tax
        return items_of(self.priced.lines, self.priced.charges, prices_include_tax=taxed)


async def price_cart(
    context: Context,
    reader: Reader,
    book: RuleBook,
    channel: Channel,
    command: CartCommand,
    sent: tuple[tuple[Line, ...], tuple[Charge, ...]],
    moment: tuple[datetime, date],
) -> PricedCart:
    """Price the cart by `book` at the moment and its civil date in the channel's zone; `sent` are
    its lines and charges, each sound by itself.

    A card that may not be used counts as none, and other things that cannot count are left out;
    the party's refusals and the coupons' faults tell of them. Raises InvalidInput.
    """
    at, on = moment
    asked = Asked(command.card_number, command.customer_id, command.affiliations, at)
    found = await party(context, reader, book, channel, asked)
    faults = coupon_faults(book, command, on)
    held = [book.affiliations[code] for code in found.affiliations & book.affiliations.keys()]
    schemes = book.schemes_on(channel.code)
    groups = open_price_groups(channel, held, found.card_facts(on), schemes, book.programs)
    lines, charges = sent
    order = Order(
        lines,
        None if command.charges is None else charges,
        command.delivery_mode,
        command.apply_discounts,
    )
    opening = Opening(on, command.currency, groups, _counting_coupons(book, command, faults))
    return PricedCart(
        book=book,
        channel=channel,
        on=on,
        party=found,
        price_groups=groups,
        coupon_faults=tuple(faults),
        priced=price(order, channel, opening, book),
        amount_paid_minor=to_minor(command.amount_paid, command.currency),
    )


def _counting_coupons(
    book: RuleBook, command: CartCommand, faults: Sequence[LoyaltyError]
) -> frozenset[str]:
    left_out = {fault.field for fault in faults}
    return frozenset(
        code
        for place, code in enumerate(command.coupons)
        if code in book.coupons and ("coupons", str(place)) not in left_out
    )


def coupon_faults(book: RuleBook, command: CartCommand, on: date) -> list[LoyaltyError]:
    """Coupons configured here but out of date; codes unknown here are commerce's own."""
    return [
        CouponNotValid("This coupon is out of date.", ("coupons", str(place)))
        for place, code in enumerate(command.coupons)
        if code in book.coupons and not is_coupon_in_force(book.coupons[code], on)
    ]
