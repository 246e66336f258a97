"""Posting what a sale earns to the card's book, and the tiers that it wins; at once or by a batch.

Source: semantics 5.3, 6, 9.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from models.card_statements import CardRow
from models.sale_statements import SaleRow
from models.transactions import Transaction
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.happenings import SaleCounted
from resolvers.identifiers import operation_id
from resolvers.judging import Judged
from resolvers.lot_dates import lot_dates
from resolvers.reward_counts import count_sale
from resolvers.winning_tiers import win_tiers
from resolvers.writing import post
from rules.book import RuleBook
from rules.earnings import Earning, Share
from rules.errors import InvalidInput
from rules.ledger import Draft, EntryType, Origin, Reason


@dataclass(frozen=True, slots=True)
class SaleEarnings:
    """A sale whose card is locked; `now` is when its points are posted."""

    row: SaleRow
    book: RuleBook
    card: CardRow
    now: datetime


async def post_earnings(
    context: Context, transaction: Transaction, sale: SaleEarnings, judged: Judged
) -> None:
    """Write the entries. Raises InvalidInput where one or a balance would pass its bound."""
    programs = judged.programs(sale.book)
    if programs:
        counts = await count_sale(transaction, sale.card.card_id, programs)
        row = sale.row
        transaction.happened.append(
            SaleCounted(
                sale.card.card_id,
                row.channel,
                row.entry_date,
                row.occurred_at,
                sale.book,
                counts,
            )
        )
    drafts = sale_drafts(sale.row, sale.book, judged.earned.earnings)
    if not drafts or judged.standing is None:
        return
    zone = judged.standing.time_zone
    try:
        posted = await post(
            transaction,
            sale.card,
            op_id=operation_id(sale.row.sale_key),
            kind="sale",
            drafts=drafts,
            events=(),
            now=sale.now,
            zone=zone,
            randomness=context.service.randomness,
        )
    except InvalidInput as beyond:
        beyond.field = ("lines",)
        raise
    today = civil_date(sale.now, zone)
    await win_tiers(context, transaction, posted, judged.standing, today)


def sale_drafts(row: SaleRow, book: RuleBook, earnings: Iterable[Earning]) -> list[Draft]:
    """EARN entries of the sale."""
    return [
        draft
        for earning in earnings
        for dates in (lot_dates(book.reward_points[earning.reward_point], row.entry_date),)
        for draft in (_draft(row, book, earning, dates, share) for share in earning.shares)
    ]


def _draft(
    row: SaleRow,
    book: RuleBook,
    earning: Earning,
    dates: tuple[date, date | None],
    share: Share,
) -> Draft:
    return Draft(
        EntryType.EARN,
        earning.reward_point,
        share.points_units,
        row.entry_date,
        row.entry_date,
        row.occurred_at,
        *dates,
        Origin(row.channel, earning.program, earning.tier, row.transaction_id, share.line_number),
        Reason(book.version, earning.scheme, earning.rule, share.computed_units, share.formula),
    )
