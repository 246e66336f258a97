"""The batch that posts what queued sales earn and queued returns take back, in the order in which
they occurred, a return never before its sale.

Entry dates are those of the sale, `postedAt` is the batch's. Source: semantics 12.
"""

import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from models.card_statements import CardRow, cards_of
from models.failures import ChangedMeanwhile, DatabaseUnavailable
from models.sale_statements import (
    QueuedRow,
    SaleRow,
    change_sale_card,
    change_sale_facts,
    end_pending,
    fail_pending,
    locked_sale,
    pending_of,
    queued_after,
    sale_facts_of,
    sale_lines_of,
    sales_of,
)
from models.transactions import Transaction
from resolvers.bulk_sales import Known, post_sales_together
from resolvers.cards import NOBODY
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.jobs import Attempts, JobDone
from resolvers.judging import judge_lines
from resolvers.kin import lock_with_kin
from resolvers.lineage import earning_card
from resolvers.portions import WINDOW, Portioned, pieces, portions
from resolvers.queues import earning_lines
from resolvers.returns import sold_lines
from resolvers.sale_earnings import SaleEarnings, post_earnings
from resolvers.sale_records import facts_json, notes_json
from resolvers.taking_back import Return, take_back
from rules.book import RuleBook
from rules.returns import Part, SoldLine

LOG = logging.getLogger("loyalty.jobs")
# As many as one unit posts, about: a sale of many lines has many entries.
SALES = 500
# Equal facts are remembered from portion to portion, up to so many.
MOST_KNOWN = 10_000
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class SaleIsQueued(Exception):  # noqa: N818 - named for what is wrong
    """The sale of a return could not be posted yet; the return waits for it."""


async def _windows(context: Context, at_once: int) -> AsyncIterator[list[list[QueuedRow]]]:
    last = None
    while rows := await _queued(context, last):
        waiting = [(row, row.card_id or NOBODY.hex) for row in rows]
        yield await portions(context, waiting, at_once, SALES)
        last = rows[-1]
        if len(rows) < WINDOW:
            return


async def _queued(context: Context, last: QueuedRow | None) -> Sequence[QueuedRow]:
    """The next window of the queue."""
    await context.read.close()
    return await context.read.all(
        queued_after,
        at_after=last.occurred_at if last else BEFORE_ALL,
        key_after=last.sale_key if last else b"",
        count=WINDOW,
    )


@dataclass
class _Poster:
    """Sales and returns processed; what fails keeps its place in the queue and its error."""

    attempts: Attempts = field(default_factory=Attempts)
    known: Known = field(default_factory=dict)

    async def __call__(self, context: Context, portion: Sequence[QueuedRow]) -> JobDone:
        """What is plain together, then what is left one after another, in its order."""
        done, left = JobDone(), list[QueuedRow]()
        for some in pieces(portion):
            # What is left of one piece may be of who has more in the next.
            posted, behind = (0, some) if left else await self._post_together(context, some)
            done += JobDone(posted)
            left += behind
        for row in left:
            done += await self.attempts.make(partial(_post_or_note, context), row)
        return done

    async def _post_together(
        self, context: Context, rows: Sequence[QueuedRow]
    ) -> tuple[int, Sequence[QueuedRow]]:
        """How many were posted, and those that are left; whatever fails here shows one by one whose
        fault it is.
        """
        if len(self.known) > MOST_KNOWN:
            self.known.clear()
        try:
            return await post_sales_together(context, rows, self.known)
        except DatabaseUnavailable:
            raise
        except Exception:
            LOG.exception("Sales are posted one by one.")
            return 0, rows


# Everything that is queued.
QUEUE = Portioned(_windows, _Poster)


async def _post_or_note(context: Context, row: QueuedRow) -> bool:
    try:
        return await _post(context, row.sale_key)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        told = type(error).__name__

        async def note(transaction: Transaction, _book: RuleBook | None) -> None:
            attempts = row.attempts + 1
            await transaction.run(fail_pending, of_sale=row.sale_key, attempts=attempts, error=told)

        await context.unit(note)
        raise


async def _post(context: Context, key: bytes) -> bool:
    """In one unit; whether it was still queued. Two that occurred at once may stand in either
    order, so a return has its sale posted first.
    """
    original = await _queued_original(context, key)
    if original is not None:
        await _post(context, original)

    async def unit(transaction: Transaction, book: RuleBook | None) -> bool:
        row = await transaction.first(locked_sale, of_sale=key)
        if row is None or book is None or not await transaction.each(pending_of, [key]):
            return False
        if row.kind == "SALE":
            await _earn(context, transaction, row)
        else:
            await _take_back(context, transaction, row, book)
        await transaction.run(end_pending, of_sale=key)
        return True

    return await context.unit(unit)


async def _queued_original(context: Context, key: bytes) -> bytes | None:
    rows = await context.read.each(sales_of, [key])
    original = rows[0].original_key if rows else None
    if original is None or not await context.read.each(pending_of, [original]):
        return None
    return original


async def _earn(context: Context, transaction: Transaction, row: SaleRow) -> None:
    book = await context.service.books.version(transaction, row.configuration_version)
    (stored,) = await transaction.each(sale_facts_of, [row.sale_key])
    rows = await transaction.each(sale_lines_of, [row.sale_key])
    card = await _card(context, transaction, row)
    channel, now = book.channels[row.channel], context.service.clock()
    facts = json.loads(stored.facts)
    judged = await judge_lines(
        context,
        transaction,
        book,
        channel,
        card,
        frozenset(facts["affiliations"]),
        earning_lines(rows, facts),
        (row.entry_date, civil_date(now, channel.time_zone)),
        paid_with_points=bool(facts["payments"]),
    )
    await transaction.run(
        change_sale_facts,
        of_sale=row.sale_key,
        facts=facts_json(judged.facts, facts["payments"], judged.programs(book)),
        notes=notes_json(judged.earned.notes),
    )
    await post_earnings(context, transaction, SaleEarnings(row, book, card, now), judged)


async def _card(context: Context, transaction: Transaction, row: SaleRow) -> CardRow:
    """The card that earns, locked: of one replaced since the sale, its newest successor."""
    if row.card_id is None:
        raise LookupError("a queued sale has a card")
    (presented,) = await transaction.each(cards_of, [row.card_id])
    found = await earning_card(transaction, presented, row.occurred_at)
    card = (await lock_with_kin(context, transaction, [found]))[found.card_id]
    if card.replaced_by != found.replaced_by:
        raise ChangedMeanwhile
    if card.card_id != row.card_id:
        await transaction.run(change_sale_card, of_sale=row.sale_key, card_id=card.card_id)
    return card


async def _take_back(
    context: Context, transaction: Transaction, row: SaleRow, effective: RuleBook
) -> None:
    if row.original_key is None:
        raise LookupError("a return has a sale")
    sale = await transaction.first(locked_sale, of_sale=row.original_key)
    if sale is None or await transaction.each(pending_of, [row.original_key]):
        raise SaleIsQueued
    (stored,) = await transaction.each(sale_facts_of, [row.sale_key])
    sold, now = await _parts(transaction, sale, json.loads(stored.facts))
    book = await context.service.books.version(transaction, row.configuration_version)
    posted = row._replace(posted_at=context.service.clock())
    await take_back(context, transaction, Return(posted, sale, book, effective), sold, now)
    await transaction.run(
        change_sale_facts, of_sale=row.sale_key, facts=stored.facts, notes=notes_json([])
    )


async def _parts(
    transaction: Transaction, sale: SaleRow, facts: Mapping[str, Mapping[str, int]]
) -> tuple[list[SoldLine], list[Part]]:
    """The sale's lines as they stood before the return, and what came back with it."""
    rows = await transaction.each(sale_lines_of, [sale.sale_key])
    sold = [
        replace(line, returned=facts["before"][str(line.line_number)])
        for line in await sold_lines(transaction, sale, rows)
    ]
    now = facts["now"]
    parts = [
        Part(line, now[str(line.line_number)]) for line in sold if str(line.line_number) in now
    ]
    return sold, parts
