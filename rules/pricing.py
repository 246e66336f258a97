"""A cart priced: member prices, then charges, then shipping discounts, in one pass.

The cart query and a payment with points price a cart by this one function.
Source: semantics 10, 8.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from rules.book import RuleBook
from rules.charges import Modes, automatic_charges, modes_of
from rules.discounts import Given, Opening, line_discounts
from rules.errors import InvalidInput
from rules.lines import Charge, Line, Totals, totals
from rules.numbers import MAXIMUM_UNITS
from rules.program import Channel
from rules.shipping import Offer, PricedCharge, offers, priced_charges


@dataclass(frozen=True, slots=True)
class Order:
    """A cart as sent, each line and charge sound; `charges` None: the configured ones apply."""

    lines: tuple[Line, ...]
    charges: tuple[Charge, ...] | None
    delivery_mode: str | None = None
    apply_discounts: bool = True


@dataclass(frozen=True)  # no slots: offers are worked out where somebody asks for them
class Priced:
    """`discounts` are those of each line, in the order of the lines."""

    lines: tuple[Line, ...]
    discounts: tuple[tuple[Given, ...], ...]
    charges: tuple[PricedCharge, ...]
    totals: Totals
    modes: Modes
    opening: Opening
    book: RuleBook

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        return offers(self.charges, self.lines, self.modes, self.opening, self.book)


def price(order: Order, channel: Channel, opening: Opening, book: RuleBook) -> Priced:
    """Price the cart for what it opens.

    Raises InvalidInput where charges bring it above 10^15 smallest units of the currency.
    """
    given: tuple[tuple[Given, ...], ...] = tuple(() for _ in order.lines)
    if order.apply_discounts:
        given = line_discounts(order.lines, opening, book)
    lines = tuple(map(_discounted, order.lines, given))
    modes = modes_of(lines, order.delivery_mode, channel)
    sent = order.charges
    if sent is None:
        sent = _automatic(lines, modes, channel, opening.currency, book)
    charges = priced_charges(sent, lines, modes, opening, book)
    sums = totals(lines, charges, prices_include_tax=channel.prices_include_tax)
    if sums.total_minor > MAXIMUM_UNITS:
        message = "This comes to more than 10^15 of the currency's smallest units."
        raise InvalidInput(message, ("charges",))
    return Priced(lines, given, charges, sums, modes, opening, book)


def _discounted(line: Line, given: Sequence[Given]) -> Line:
    return replace(line, given_minor=sum(one.amount_minor for one in given)) if given else line


def _automatic(
    lines: Sequence[Line], modes: Modes, channel: Channel, currency: str, book: RuleBook
) -> tuple[Charge, ...]:
    if not book.configuration.settings.use_advanced_auto_charges:
        return ()
    return automatic_charges(lines, modes, channel, currency, book)
