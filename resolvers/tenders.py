"""A cart as something to pay with points: its items, the card's standing, the applicable rules.

Preview, payment and capture judge the same facts. Source: semantics 8.2.
"""

from collections.abc import Iterable
from datetime import date
from fractions import Fraction

from models.card_statements import CardRow
from rules.book import RuleBook
from rules.earning import CardFacts
from rules.errors import (
    CardBlocked,
    CardNoTender,
    CardReplaced,
    ChannelNotParticipating,
    PaymentMethodNotConfigured,
)
from rules.lines import Charged, Line
from rules.program import Channel
from rules.tender import Item, Tender, TenderFacts, tender


def items_of(
    lines: Iterable[Line], charges: Iterable[Charged], *, prices_include_tax: bool
) -> tuple[Item, ...]:
    """Each line with its charges, and last the order's own charges."""
    charged: dict[int | None, int] = {}
    for charge in charges:
        charged[charge.line_number] = charged.get(charge.line_number, 0) + charge.amount_minor
    items = [
        Item(
            line_number=line.line_number,
            goods_minor=line.goods_minor(prices_include_tax=prices_include_tax),
            charges_minor=charged.get(line.line_number, 0),
            quantity=Fraction(line.quantity),
            products=line.products,
            categories=line.categories,
        )
        for line in lines
    ]
    if charged.get(None):
        items.append(Item(None, 0, charged[None]))
    return tuple(items)


def tender_of(
    book: RuleBook,
    channel: Channel,
    card: CardFacts,
    affiliations: frozenset[str],
    items: tuple[Item, ...],
    total_minor: int,
    on: date,
) -> Tender:
    """The rules of the channel's schemes that the card may use on the day."""
    facts = TenderFacts(channel.currency, on, card, affiliations, items, total_minor)
    return tender(facts, book, book.schemes_on(channel.code))


def check_card(book: RuleBook, channel: Channel, card: CardRow) -> None:
    """Whether the card may be presented to pay here: checks 4 to 6 of semantics 8.1.

    Raises CardBlocked, CardReplaced, CardNoTender, PaymentMethodNotConfigured,
    ChannelNotParticipating.
    """
    if card.status == "BLOCKED":
        raise CardBlocked("This card is blocked.", ("cardNumber",))
    if card.status == "REPLACED":
        raise CardReplaced("This card was replaced.", ("cardNumber",))
    if card.tender_type == "NO_TENDER":
        raise CardNoTender("This card cannot be presented to pay.", ("cardNumber",))
    if not (channel.loyalty_payment and book.in_range(card.number)):
        path = ("cardNumber",) if channel.loyalty_payment else ("cart", "channel")
        message = "Points are not taken here, or not from this card."
        raise PaymentMethodNotConfigured(message, path)
    if not book.schemes_on(channel.code):
        message = "No scheme is published to this channel."
        raise ChannelNotParticipating(message, ("cart", "channel"))
