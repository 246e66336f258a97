"""The job of tiers: rows that time alone has brought are written, where a row has ended.

Reading evaluates them at any moment; written rows serve searches by tier, and tell. Source:
semantics 9, 12.
"""

import json
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from models.card_statements import cards_of
from models.job_statements import EndedTierRow, ended_tiers
from models.transactions import Read, Transaction
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.cursors import keep, kept_cursor
from resolvers.jobs import PAGE, Job, JobDone, Progress, walk
from resolvers.kin import lock_with_kin
from resolvers.postings import tell
from resolvers.stored_standings import standing_in_unit
from resolvers.winning_tiers import write_brought
from rules.book import RuleBook

START = (date.min, UUID(int=0), UUID(int=0))


async def update_tiers(context: Context, progress: Progress) -> JobDone:
    """Cards processed. A run goes on where the last one ended, also after a kill, or with the page
    on which something failed.
    """
    now = context.service.clock()
    history = await context.service.books.history(context.read)
    zones = {c.time_zone for _, book in history.books for c in book.channels.values()}
    before = min((civil_date(now, zone) for zone in zones), default=civil_date(now, "UTC"))
    start = await _cursor(context)
    reached = start

    async def page(read: Read, last: EndedTierRow | None) -> Sequence[EndedTierRow]:
        day, card_id, row_id = (last.ends_on, last.card_id, last.tier_row_id) if last else start
        return await read.all(
            ended_tiers,
            before=before,
            day_after=day,
            card_after=card_id,
            id_after=row_id,
            count=PAGE,
        )

    async def work(row: EndedTierRow) -> bool:
        nonlocal reached
        reached = (row.ends_on, row.card_id, row.tier_row_id)
        return await _bring(context, row.card_id)

    async def keep_and_tell(done: JobDone) -> None:
        if not done.failed:
            await keep(context, Job.UPDATE_TIERS, json.dumps([str(one) for one in reached]))
        await progress(done)

    return await walk(context, page, work, keep_and_tell)


async def _bring(context: Context, card_id: UUID) -> bool:
    async def unit(transaction: Transaction, book: RuleBook | None) -> bool:
        if book is None:
            return False
        (found,) = await transaction.each(cards_of, [card_id])
        card = (await lock_with_kin(context, transaction, [found]))[card_id]
        if card.status == "REPLACED":
            return False
        standing = await standing_in_unit(context, transaction, card, book)
        now = context.service.clock()
        programs = {row.program for row in standing.rows}
        events = await write_brought(context, transaction, standing, sorted(programs), now)
        if events:
            at = max(now, card.last_posted_at)
            await tell(transaction, card, events, at, context.service.randomness)
        return bool(events)

    return await context.unit(unit)


async def _cursor(context: Context) -> tuple[date, UUID, UUID]:
    cursor = await kept_cursor(context, Job.UPDATE_TIERS)
    if cursor is None:
        return START
    day, card_id, row_id = json.loads(cursor)
    return date.fromisoformat(day), UUID(card_id), UUID(row_id)
