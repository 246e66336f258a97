"""Who is at the till of a cart, and what is stored of them: card, customer, affiliations, points.

The number of statements is the same for every cart; what cannot count is left out and told.
Source: semantics 4, 14.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID

from models.card_statements import CardRow, cards_of
from models.cart_statements import CustomerFactRow, customer_facts_of
from models.lot_statements import expired_lots_of_cards
from models.transactions import Reader
from resolvers import customers, tills
from resolvers.books import History
from resolvers.card_parts import CardParts, card_parts
from resolvers.cards import NOBODY
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.lineage import earning_card, replaced_ids
from resolvers.pools import CONTACT_TENDER
from resolvers.standings import Standing, has_kin, is_kin
from rules.balances import PointsDay, Sums
from rules.book import RuleBook
from rules.earning import CardFacts
from rules.errors import LoyaltyError
from rules.program import Channel

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who a cart says is at the till, and when."""

    card_number: str | None
    customer_id: str | None
    affiliations: Sequence[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class PointsOf:
    """A card's points by reward point: sums with the day up to which debt is settled, and what is
    left by day, as they stand now.
    """

    sums: Mapping[str, tuple[Sums, date]]
    days: Mapping[str, list[PointsDay]]


NO_POINTS = PointsOf({}, {})


@dataclass(frozen=True, slots=True)
class Party:
    """`card` is the one that earns: `presented`, or of one replaced since then its successor.
    `points` are its own, `paying` those of the cards that it pays with; `refusals` tell what was
    left out and why, in the order in which a payment is checked.
    """

    presented: CardRow | None
    card: CardRow | None
    affiliations: frozenset[str]
    standing: Standing | None
    points: PointsOf
    paying: tuple[PointsOf, ...]
    refusals: tuple[LoyaltyError, ...]

    def card_facts(self, on: date) -> CardFacts | None:
        if self.card is None or self.standing is None:
            return None
        return CardFacts(
            active=self.card.status == "ACTIVE",
            programs=self.standing.programs_on(on),
            tiers=self.standing.tiers_on(on),
        )


async def party(
    context: Context, reader: Reader, book: RuleBook, channel: Channel, asked: Asked
) -> Party:
    """The card presented, none where it is unknown, foreign, or may not be used at this till; and
    what is held. Tiers are judged by the version effective now, whatever `book` is.
    """
    refusals: list[LoyaltyError] = []
    held = _named(book, asked, refusals)
    customer_id = customers.named(context, asked.customer_id, ("customerId",))
    key = await _told(refusals, lambda: tills.named_customer(context, reader, customer_id))
    # Whoever an unknown id may mean, it is not the card's customer.
    at_till = NOBODY if customer_id is not None and key is None else key
    presented, card = await _cards(context, reader, channel, asked, at_till, refusals)
    known_as = key or (card.customer_key if card else None)
    facts = await reader.each(customer_facts_of, [known_as]) if known_as else []
    held |= {row.affiliation for row in facts if row.affiliation}
    if card is None:
        return Party(None, None, held, None, NO_POINTS, (), tuple(refusals))
    history = await context.service.books.history(reader)
    others = await _others(reader, card, facts, history)
    kin = [row for row in others if has_kin(card, history) and is_kin(row, card)]
    on = civil_date(asked.at, channel.time_zone)
    since = on if on < context.today(channel) else None
    read = await _read(context, reader, (card, *others), (card, *kin), history, since)
    paying = [row for row in others if _pays_for(row, card)]
    return Party(
        presented,
        card,
        held,
        replace(read.standings[0], kin=read.standings[1:]),
        read.points[card.card_id],
        tuple(read.points[row.card_id] for row in (card, *paying)),
        tuple(refusals),
    )


async def _told(refusals: list[LoyaltyError], work: Callable[[], Awaitable[T]]) -> T | None:
    try:
        return await work()
    except LoyaltyError as refusal:
        refusals.append(refusal)
        return None


async def _cards(
    context: Context,
    reader: Reader,
    channel: Channel,
    asked: Asked,
    customer_key: UUID | None,
    refusals: list[LoyaltyError],
) -> tuple[CardRow | None, CardRow | None]:
    """The card presented and the one that earns for it; none where it may not be used."""
    number = asked.card_number
    if number is None:
        return None, None

    async def checked() -> tuple[CardRow, CardRow]:
        # A token's own customer is the one that is named.
        shown = await tills.presented(context, reader, number, own=customer_key)
        card = await earning_card(reader, shown, asked.at)
        tills.check_till(channel, card, customer_key)
        return shown, card

    return await _told(refusals, checked) or (None, None)


def _named(book: RuleBook, asked: Asked, refusals: list[LoyaltyError]) -> frozenset[str]:
    """The affiliations named that are known and not hidden."""
    faults = tills.affiliation_faults(book, asked.affiliations)
    refusals += faults
    left_out = {fault.field for fault in faults}
    return frozenset(
        code
        for place, code in enumerate(asked.affiliations)
        if ("affiliations", str(place)) not in left_out
    )


async def _others(
    reader: Reader, card: CardRow, facts: Sequence[CustomerFactRow], history: History
) -> list[CardRow]:
    """The customer's other cards, where they pay for this one or count with it."""
    if card.customer_key is None or not (
        card.tender_type == CONTACT_TENDER or has_kin(card, history)
    ):
        return []
    ids = [row.card_id for row in facts if row.card_id and row.card_id != card.card_id]
    return await reader.each(cards_of, ids)


def _pays_for(row: CardRow, card: CardRow) -> bool:
    return card.tender_type == CONTACT_TENDER and row.status == "ACTIVE"


@dataclass(frozen=True, slots=True)
class _Read:
    points: Mapping[UUID, PointsOf]
    standings: tuple[Standing, ...]


async def _read(
    context: Context,
    reader: Reader,
    rows: Sequence[CardRow],
    judged: Sequence[CardRow],
    history: History,
    since: date | None,
) -> _Read:
    """The points of all `rows`, and the standing of those that are judged. `since`: the past day
    that is asked about, on which lots were there that EXPIRE entries have taken since.
    """
    before = {row.card_id: await replaced_ids(reader, row) for row in judged}
    ids = [row.card_id for row in rows] + [one for chain in before.values() for one in chain]
    parts = await card_parts(reader, list(dict.fromkeys(ids)))
    zones = {row.card_id: await _zone(context, reader, row) for row in rows}
    points = {
        row.card_id: _points(parts[row.card_id], row, context.now, zones[row.card_id])
        for row in rows
    }
    if since is not None:
        for lot in await reader.each(expired_lots_of_cards, [*points], since=since):
            day = PointsDay(lot.vests_on, lot.expires_on, lot.expired)
            points[lot.card_id].days[lot.reward_point].append(day)
    standings = [
        Standing(
            row,
            zones[row.card_id],
            parts[row.card_id].enrolments,
            parts[row.card_id].tier_rows,
            [day for one in (row.card_id, *before[row.card_id]) for day in parts[one].countable],
            history.books[-1][1],
            history,
        )
        for row in judged
    ]
    return _Read(points, tuple(standings))


def _points(parts: CardParts, row: CardRow, now: datetime, zone: str) -> PointsOf:
    return PointsOf(parts.settled(row, zone), parts.days_at(now, zone))


async def _zone(context: Context, reader: Reader, row: CardRow) -> str:
    source = await context.service.books.last_with(
        reader, row.enrollment_source, lambda book: book.channels
    )
    return source.time_zone if source else "UTC"
