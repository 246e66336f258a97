"""What a cart or a sale would earn: one gathering of facts, one call of the rules, for preview and
commit alike.
"""

from collections import Counter
from collections.abc import Sequence
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
from rules.earning import CardFacts, Earned, EarningFacts, earn, earning_line, maximum_units
from rules.lines import Line
from rules.program import Channel
from rules.tender import Item


@dataclass(frozen=True, slots=True)
class Judged:
    """The facts a sale was judged by, what the rules made of them, and the card's standing then."""

    facts: EarningFacts
    earned: Earned
    standing: Standing | None


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
    earned = earn(
        facts,
        book.schemes_on(channel.code),
        book.reward_points,
        book.rate,
        book.configuration.settings,
    )
    return Judged(facts, earned, standing)


def context_book(context: Context, book: RuleBook) -> RuleBook:
    """Tiers are judged by the version effective now, whatever version the sale is judged by."""
    return context.service.books.effective or book


async def room_below(
    reader: Reader, book: RuleBook, card: CardRow | None, now: datetime, today: date
) -> dict[str, int]:
    """Units left below each maximum: it less today's available + unvested + held, known now,
    whether or not anybody has noticed that a hold is over.
    """
    limited = {
        code: limit
        for code, point in book.reward_points.items()
        if (limit := maximum_units(point)) is not None
    }
    if card is None or not limited:
        return {}
    rows = {row.reward_point: row for row in await reader.each(balances_of, [card.card_id])}
    days = await reader.each(points_days_of, [card.card_id])
    lapsed = await _lapsed(reader, card, now) if any(day.held for day in days) else Counter()
    room = {}
    for code, limit in limited.items():
        row = rows.get(code)
        if row is None:
            room[code] = limit
            continue
        by_day = [
            PointsDay(
                day.vests_on,
                day.expires_on,
                day.remainder,
                day.held - lapsed[code, day.vests_on, day.expires_on],
            )
            for day in days
            if day.reward_point == code
        ]
        sums = Sums(row.issued, row.used, row.expired_written, row.debt)
        held = balances.totals(sums, by_day, row.as_of_from, today)
        room[code] = limit - (held.available + held.unvested + held.held)
    return room


async def _lapsed(reader: Reader, card: CardRow, now: datetime) -> Counter[tuple[str, date, date]]:
    """Units that holds reserve whose end has passed, by reward point and dates."""
    lapsed: Counter[tuple[str, date, date]] = Counter()
    for hold in await reader.each(unreleased_holds_of, [card.card_id]):
        if hold.expires_at <= now:
            lapsed[hold.reward_point, hold.vests_on, hold.expires_on_lot] += hold.points
    return lapsed
