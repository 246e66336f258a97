"""What a cart or a sale would earn: one gathering of facts, one call of the rules, for preview and
commit alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from models.card_statements import CardRow
from models.transactions import Reader
from resolvers.card_parts import card_parts
from resolvers.context import Context
from resolvers.paid_sales import NOTHING_PAID, PaidLines, shrunk
from resolvers.standings import Standing
from resolvers.stored_standings import standing_in_unit
from rules import balances
from rules.balances import PointsDay, Sums
from rules.book import RuleBook
from rules.earning import CardFacts, EarningFacts, EarningLine, earning_line, judge
from rules.earnings import Judgement
from rules.lines import Line
from rules.program import Channel
from rules.rewards import qualifying_programs
from rules.tender import Item


@dataclass(frozen=True, slots=True)
class Judged:
    """The facts a sale was judged by, what the rules made of them, and the card's standing then."""

    facts: EarningFacts
    earned: Judgement
    standing: Standing | None

    def programs(self, book: RuleBook) -> tuple[str, ...]:
        """Those for whose rewards the sale counts."""
        schemes = book.schemes_on(self.facts.channel)
        return qualifying_programs(self.facts, schemes, book.configuration.settings)


def judge_facts(facts: EarningFacts, book: RuleBook) -> Judgement:
    """What the schemes published to the channel make of the facts."""
    return judge(
        facts,
        book.schemes_on(facts.channel),
        book.reward_points,
        book.rate,
        book.configuration.settings,
    )


async def judge_sale(
    context: Context,
    reader: Reader,
    book: RuleBook,
    channel: Channel,
    card: CardRow | None,
    affiliations: frozenset[str],
    lines: Sequence[Line],
    entry_date: date,
    today: date,
    items: Sequence[Item] = (),
    paid: PaidLines = NOTHING_PAID,
) -> Judged:
    """Judge the lines by `book` as of `entry_date`; `today` is the channel's, for the room below
    maxima; `paid` are the payments with points that are named, `items` what they could pay.

    Maxima look at what is known now, also for late postings. Source: semantics 5.
    """
    judged_lines = shrunk([earning_line(line) for line in lines], items, paid)
    return await judge_lines(
        context,
        reader,
        book,
        channel,
        card,
        affiliations,
        judged_lines,
        (entry_date, today),
        paid_with_points=bool(paid.payments),
    )


async def judge_lines(
    context: Context,
    reader: Reader,
    book: RuleBook,
    channel: Channel,
    card: CardRow | None,
    affiliations: frozenset[str],
    lines: tuple[EarningLine, ...],
    days: tuple[date, date],
    *,
    paid_with_points: bool,
) -> Judged:
    """The same for lines less what points paid of them; `days` are the entry date and today."""
    entry_date, today = days
    standing = None
    card_facts = None
    room: dict[str, int] = {}
    if card is not None:
        standing = await standing_in_unit(context, reader, card, context_book(context, book))
        card_facts = CardFacts(
            active=card.status == "ACTIVE",
            programs=standing.programs_on(entry_date),
            tiers=standing.tiers_on(entry_date),
        )
        room = await room_below(reader, book, card, context.now, standing.time_zone, today)
    facts = EarningFacts(
        channel=channel.code,
        on=entry_date,
        card=card_facts,
        affiliations=affiliations,
        room=room,
        currency=channel.currency,
        lines=lines,
        paid_with_points=paid_with_points,
    )
    return Judged(facts, judge_facts(facts, book), standing)


def context_book(context: Context, book: RuleBook) -> RuleBook:
    """Tiers are judged by the version effective now, whatever version the sale is judged by."""
    return context.service.books.effective or book


async def room_below(
    reader: Reader, book: RuleBook, card: CardRow, now: datetime, zone: str, today: date
) -> dict[str, int]:
    """The room of `room_of` for a card issued in the zone."""
    if not book.maxima:
        return {}
    parts = (await card_parts(reader, [card.card_id]))[card.card_id]
    return room_of(book, parts.settled(card, zone), parts.days_at(now, zone), today)


def room_of(
    book: RuleBook,
    sums: Mapping[str, tuple[Sums, date]],
    days: Mapping[str, Sequence[PointsDay]],
    today: date,
) -> dict[str, int]:
    """Units left below each maximum: it less today's available + unvested + held, known now,
    whether or not anybody has noticed that a hold is over.

    `sums` come with the day up to which the point's debt is settled.
    """
    room = dict(book.maxima)
    for code in room.keys() & sums.keys():
        held, since = sums[code]
        now = balances.totals(held, days.get(code, ()), since, today)
        room[code] -= now.available + now.unvested + now.held
    return room
