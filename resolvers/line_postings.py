"""Lines of the journal posted: by `occurredAt`, then id, each on its own.

Source: semantics 5.7.
"""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from models import line_pages
from models.activity_statements import (
    LineRow,
    fail_line,
    lines_by_id,
    locked_lines_of,
    settle_line,
)
from models.database import Transaction
from models.line_pages import Shape
from resolvers.activities import plan_activity, write_activity
from resolvers.activity_views import FIRST, place
from resolvers.audits import one_row
from resolvers.context import Context
from resolvers.jobs import JobDone, Progress, silent
from resolvers.line_changes import activity_of, checked_ids
from rules.book import RuleBook
from rules.errors import InvalidInput, LoyaltyError, NotFound

OPERATION = "postActivityLines"
CHUNK = 200
# Failures that an answer shows; it counts all.
SHOWN = 1000


@dataclass
class Postings:
    """How many lines were posted now and how many failed; the keys of the first that did."""

    posted: int = 0
    failed: int = 0
    failures: list[bytes] = field(default_factory=list)


async def post_lines(
    context: Context, ids: Sequence[UUID | None] | None, progress: Progress = silent
) -> Postings:
    """Post the lines named, or every unposted one; posted ones are left alone.

    Raises Refused, NotFound or InvalidInput for ids; then nothing was posted.
    """
    done = Postings()
    if ids is not None:
        named = await _named(context, checked_ids(ids))
        with one_row(context, OPERATION, {"lines": len(named)}):
            await post_each(context, named, done)
        return done
    with one_row(context, OPERATION, {"lines": "all unposted"}):
        async for lines in _unposted(context):
            await post_each(context, lines, done)
            await progress(JobDone(done.posted, done.failed))
    return done


async def _named(context: Context, ids: Sequence[UUID]) -> list[LineRow]:
    rows = {row.line_id: row for row in await context.read.each(lines_by_id, ids)}
    for number, line_id in enumerate(ids):
        if line_id not in rows:
            raise NotFound("There is no such line.", ("ids", str(number)))
    for number, line_id in enumerate(ids):
        if rows[line_id].status == "REJECTED":
            path = ("ids", str(number))
            raise InvalidInput("This line was rejected: that is final.", path)
    return sorted(rows.values(), key=place)


async def _unposted(context: Context) -> AsyncIterator[list[LineRow]]:
    """Every unposted line, chunk by chunk; each chunk is read anew."""
    edge_at, edge_id = FIRST
    statement = line_pages.page(Shape(status=True), backwards=False)
    while True:
        lines = await context.read.all(
            statement, status="UNPOSTED", edge_at=edge_at, edge_id=edge_id, count=CHUNK
        )
        if lines:
            yield lines
            edge_at, edge_id = place(lines[-1])
        if len(lines) < CHUNK:
            return


async def post_each(context: Context, lines: Iterable[LineRow], done: Postings) -> None:
    """Post lines one after another and count what came of them."""
    for line in lines:
        if line.status != "UNPOSTED":
            continue
        try:
            done.posted += await post_line(context, line.activity_key)
        except LoyaltyError as refusal:
            await _keep(context, line.activity_key, refusal)
            done.failed += 1
            if len(done.failures) < SHOWN:
                done.failures.append(line.activity_key)


async def post_line(context: Context, activity_key: bytes) -> bool:
    """Post one line in a unit of its own; False where it is no longer unposted.

    Raises the LoyaltyError of the checks; then nothing has changed.
    """

    async def unit(transaction: Transaction, _book: RuleBook | None) -> bool:
        found = await transaction.each(locked_lines_of, [activity_key])
        if not found or found[0].status != "UNPOSTED":
            return False
        plan = await plan_activity(context, transaction, activity_of(found[0]))
        await write_activity(context, transaction, plan, OPERATION)
        await transaction.run(
            settle_line,
            of_activity=activity_key,
            status="POSTED",
            reviewed_by=context.caller.name,
            rejection_reason=None,
        )
        return True

    return await context.unit(unit)


async def _keep(context: Context, activity_key: bytes, refusal: LoyaltyError) -> None:
    """Leave the reason on the line, which stays unposted."""
    error = {"code": refusal.code, "message": refusal.message, "field": refusal.field}

    async def unit(transaction: Transaction, _book: RuleBook | None) -> None:
        await transaction.run(fail_line, of_activity=activity_key, error=json.dumps(error))

    await context.unit(unit)
