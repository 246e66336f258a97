"""Who is at the till: the card presented, the customer it speaks for, the affiliations that count.

Shared by carts, sales and payments. Source: semantics 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.card_statements import CardRow, cards_of, numbers_of
from models.transactions import Reader
from resolvers import customers
from resolvers.callers import Role
from resolvers.cards import NOBODY
from resolvers.context import Context
from resolvers.lineage import earning_card
from rules.book import RuleBook
from rules.errors import (
    AffiliationHidden,
    AffiliationNotFound,
    CardCustomerConflict,
    CardNotFound,
    CardRequiresSignIn,
    CustomerNotFound,
    InvalidInput,
    LoyaltyError,
)
from rules.program import Channel
from rules.program_terms import ChannelKind

# Where a shopper serves itself, a card with a customer needs that customer.
SELF_SERVED = frozenset({ChannelKind.ONLINE, ChannelKind.MOBILE})


@dataclass(frozen=True, slots=True)
class Till:
    """`customer_key` is the customer who counts: the one named, else the card's."""

    card: CardRow | None
    customer_key: UUID | None
    affiliations: frozenset[str]


async def presented(
    context: Context, reader: Reader, number: str, own: UUID | None = None
) -> CardRow:
    """The card by number. Unknown and foreign are one refusal, after the same statements.

    `own` is the customer of a customer's token, where it is known already.
    """
    context.lookups.check()
    found = await reader.each(numbers_of, [number])
    rows = await reader.each(cards_of, [found[0].card_id if found else NOBODY])
    if context.caller.role is Role.CUSTOMER and own is None:
        own = await customers.key_of(reader, context.caller.customer_id or "")
    card = rows[0] if rows else None
    if card is None or (
        context.caller.role is Role.CUSTOMER and (own is None or card.customer_key != own)
    ):
        context.lookups.missed()
        raise CardNotFound("There is no such card.", ("cardNumber",))
    return card


async def earning(context: Context, reader: Reader, number: str, at: datetime) -> CardRow:
    """The card that earns for the one presented: of one replaced since `at`, its successor."""
    return await earning_card(reader, await presented(context, reader, number), at)


async def named_customer(context: Context, reader: Reader, customer_id: str | None) -> UUID | None:
    """The customer named by the call. Raises CustomerNotFound for an unknown id."""
    if customer_id is None:
        return None
    context.lookups.check()
    key = await customers.key_of(reader, customer_id)
    if key is None:
        customers.missed(context, customer_id)
        raise CustomerNotFound("There is no such customer.", ("customerId",))
    return key


def check_till(channel: Channel, card: CardRow | None, customer_key: UUID | None) -> None:
    """Raises CardCustomerConflict or CardRequiresSignIn."""
    if card is None or card.customer_key is None:
        return
    if customer_key is not None and customer_key != card.customer_key:
        raise CardCustomerConflict("This card has another customer.", ("customerId",))
    if customer_key is None and channel.kind in SELF_SERVED:
        raise CardRequiresSignIn(
            "Guests may use anonymous cards only: name the card's customer.", ("customerId",)
        )


def affiliation_faults(book: RuleBook, codes: Sequence[str]) -> list[LoyaltyError]:
    """Affiliations named that are unknown or hidden."""
    faults: list[LoyaltyError] = []
    for place, code in enumerate(codes):
        path = ("affiliations", str(place))
        known = book.affiliations.get(code)
        if known is None:
            faults.append(AffiliationNotFound("There is no such affiliation.", path))
        elif known.hide_in_channels:
            faults.append(AffiliationHidden("Channels may not name this affiliation.", path))
    return faults


def payment_id_faults(ids: Sequence[UUID | None]) -> list[LoyaltyError]:
    """Ids of payments that are malformed."""
    return [
        InvalidInput("This id is malformed.", ("loyaltyPayments", str(place)))
        for place, one in enumerate(ids)
        if one is None
    ]


async def held_affiliations(
    reader: Reader, customer_key: UUID | None, card: CardRow | None, codes: Sequence[str]
) -> frozenset[str]:
    """Those of the customer who counts, hidden ones included, and those named by the call."""
    key = customer_key or (card.customer_key if card else None)
    held = await customers.affiliations_held(reader, key) if key else frozenset()
    return held | frozenset(codes)
