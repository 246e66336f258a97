"""What a cart or a sale would earn: one gathering of facts, one call of the rules, for preview and
commit alike.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from models.card_statements import CardRow
from models.database import Reader
from models.ledger_statements import balances_of, points_days_of
from models.payment_statements import unreleased_holds_of
from resolvers.context import Context
from resolvers.paid_sales import NOTHING_PAID, PaidLines, shrunk
from resolvers.standings import Standing, standing_in_unit
from rules import balances
from rules.balances import PointsDay, Sums
from rules.book import RuleBook
from rules.earning import CardFacts, EarningFacts, Judgement, earning_line, judge, maximum_units
from rules.lines import Line
from rules.program import Channel
from rules.tender import Item


@dataclass(frozen=True, slots=True)
class Judged:
    """The facts a sale was judged by, what the rules made of them, and the card's standing then."""

    facts: EarningFacts
    earned: Judgement
    standing: Standing | None


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
    standing = None
    card_facts = None
    if card is not None:
        standing = await standing_in_unit(context, reader, card, context_book(context, book))
        card_facts = CardFacts(
            active=card.status == "ACTIVE",
            programs=standing.programs_on(entry_date),
            tiers=standing.tiers_on(entry_date),
        )
    facts = EarningFacts(
        channel=channel.code,
        on=entry_date,
        card=card_facts,
        affiliations=affiliations,
        room=await room_below(reader, book, card, context.now, today),
        currency=channel.currency,
        lines=shrunk([earning_line(line) for line in lines], items, paid),
        paid_with_points=bool(paid.payments),
    )
    return Judged(facts, judge_facts(facts, book), standing)


def context_book(context: Context, book: RuleBook) -> RuleBook:
    """Tiers are judged by the version effective now, whatever version the sale is judged by."""
    return context.service.books.effective or book


async def room_below(
    reader: Reader, book: RuleBook, card: CardRow | None, now: datetime, today: date
) -> dict[str, int]:
    """Units left below each maximum: it less today's available + unvested + held, known now,
    whether or not anybody has noticed that a hold is over.
    """
    if card is None or not limited(book):
        return {}
    sums = {
        row.reward_point: (
            Sums(row.issued, row.used, row.expired_written, row.debt),
            row.as_of_from,
        )
        for row in await reader.each(balances_of, [card.card_id])
    }
    rows = await reader.each(points_days_of, [card.card_id])
    lapsed = await _lapsed(reader, card, now) if any(day.held for day in rows) else Counter()
    days: dict[str, list[PointsDay]] = defaultdict(list)
    for row in rows:
        held = row.held - lapsed[row.reward_point, row.vests_on, row.expires_on]
        days[row.reward_point].append(
            PointsDay(row.vests_on, row.expires_on, row.remainder, held)
        )
    return room_of(book, sums, days, today)


def limited(book: RuleBook) -> dict[str, int]:
    """The maximum of each reward point that has one, in smallest units."""
    limits = {code: maximum_units(point) for code, point in book.reward_points.items()}
    return {code: limit for code, limit in limits.items() if limit is not None}


def room_of(
    book: RuleBook,
    sums: Mapping[str, tuple[Sums, date]],
    days: Mapping[str, Sequence[PointsDay]],
    today: date,
) -> dict[str, int]:
    """The same from the sums of each point, with the day up to which its debt is settled."""
    room = limited(book)
    for code in room.keys() & sums.keys():
        held, since = sums[code]
        now = balances.totals(held, days.get(code, ()), since, today)
        room[code] -= now.available + now.unvested + now.held
    return room


async def _lapsed(reader: Reader, card: CardRow, now: datetime) -> Counter[tuple[str, date, date]]:
    """Units that holds reserve whose end has passed, by reward point and dates."""
    lapsed: Counter[tuple[str, date, date]] = Counter()
    for hold in await reader.each(unreleased_holds_of, [card.card_id]):
        if hold.expires_at <= now:
            lapsed[hold.reward_point, hold.vests_on, hold.expires_on_lot] += hold.points
    return lapsed
