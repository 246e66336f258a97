"""Lines of the journal posted: by `occurredAt`, then id, each on its own.

Source: semantics 5.7.
"""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from uuid import UUID

from models.activity_statements import (
    WaitingRow,
    end_waiting,
    fail_line,
    lines_by_id,
    locked_waiting_of,
    waiting_after,
)
from models.card_statements import numbers_of
from models.failures import DatabaseSlow, DatabaseUnavailable
from models.transactions import Transaction
from resolvers.activities import write_activity
from resolvers.activity_views import FIRST
from resolvers.allowances import AllowanceSpent
from resolvers.audits import one_row
from resolvers.bulk_activities import post_together
from resolvers.context import Context
from resolvers.jobs import Attempts, JobDone
from resolvers.line_changes import activity_of
from resolvers.locked_lines import checked_ids
from resolvers.planned_activities import plan_activity
from resolvers.portions import (
    WINDOW,
    Portioned,
    at_once_here,
    pieces,
    portions,
    post_portions,
)
from rules.book import RuleBook
from rules.errors import InvalidInput, LoyaltyError, NotFound

OPERATION = "postActivityLines"
# Failures that an answer shows; it counts all.
SHOWN = 1000
LOG = logging.getLogger("loyalty.jobs")
_ORDER = attrgetter("occurred_at", "line_id")
# Key and id of a line that waits: all that who posts it has to be told.
_Place = tuple[bytes, UUID]


@dataclass
class Postings:
    """How many lines were posted now and how many failed; the keys of the first that did."""

    posted: int = 0
    failed: int = 0
    failures: list[bytes] = field(default_factory=list)


async def post_lines(context: Context, ids: Sequence[UUID | None] | None) -> Postings:
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
    return done


async def _named(context: Context, ids: Sequence[UUID]) -> list[WaitingRow]:
    rows = {row.line_id: row for row in await context.read.each(lines_by_id, ids)}
    for number, line_id in enumerate(ids):
        if line_id not in rows:
            raise NotFound("There is no such line.", ("ids", str(number)))
    for number, line_id in enumerate(ids):
        if rows[line_id].status == "REJECTED":
            path = ("ids", str(number))
            raise InvalidInput("This line was rejected: that is final.", path)
    return [
        WaitingRow(row.activity_key, row.line_id, row.card_number, row.occurred_at)
        for row in rows.values()
        if row.status == "UNPOSTED"
    ]


async def _unposted(context: Context) -> AsyncIterator[list[WaitingRow]]:
    """Every unposted line, window by window; each is read anew."""
    edge_at, edge_id = FIRST
    while True:
        lines = await context.read.all(
            waiting_after, edge_at=edge_at, edge_id=edge_id, count=WINDOW
        )
        if lines:
            yield lines
            edge_at, edge_id = lines[-1].occurred_at, lines[-1].line_id
        if len(lines) < WINDOW:
            return


async def post_each(context: Context, lines: Sequence[WaitingRow], done: Postings) -> None:
    """Post lines, together as far as they are plain, and count what came of them."""
    failures: set[bytes] = set()
    attempts = Attempts()

    async def post(beside: Context, portion: Sequence[_Place]) -> None:
        posted, failed = await _post_portion(beside, portion, attempts)
        done.posted += posted
        failures.update(failed)

    at_once = at_once_here(context)
    await post_portions(context, await _portions(context, lines, at_once), post, at_once)
    done.failed += len(failures)
    failed = sorted([line for line in lines if line.activity_key in failures], key=_ORDER)
    done.failures += [line.activity_key for line in failed[: SHOWN - len(done.failures)]]


async def _windows(context: Context, at_once: int) -> AsyncIterator[list[list[_Place]]]:
    async for lines in _unposted(context):
        yield await _portions(context, lines, at_once)


def _poster() -> Callable[[Context, Sequence[_Place]], Awaitable[JobDone]]:
    attempts = Attempts()

    async def post(context: Context, portion: Sequence[_Place]) -> JobDone:
        posted, failed = await _post_portion(context, portion, attempts)
        return JobDone(posted, len(failed))

    return post


# Every unposted line; one that fails stays with its error.
JOURNAL = Portioned(_windows, _poster)


async def _post_portion(
    context: Context, portion: Sequence[_Place], attempts: Attempts
) -> tuple[int, list[bytes]]:
    """How many were posted, and the keys of those that failed."""
    done, failed = 0, list[bytes]()
    for some in map(dict, pieces(portion)):
        posted, left = await _post_together(context, some)
        done += posted
        for key in left:
            alone = await _post_alone(context, key, some[key], attempts)
            done += alone.processed
            failed += [key] * alone.failed
    return done, failed


async def _post_together(context: Context, lines: Mapping[bytes, UUID]) -> tuple[int, list[bytes]]:
    """How many were posted, and those that are left; whatever fails here shows one by one whose
    fault it is.
    """
    try:
        return await post_together(context, lines, OPERATION)
    except DatabaseUnavailable:
        raise
    except Exception:
        LOG.exception("Lines are posted one by one.")
        return 0, [*lines]


async def _post_alone(context: Context, key: bytes, line_id: UUID, attempts: Attempts) -> JobDone:
    """One line, whatever becomes of the others; a refusal is left on it.

    Raises DatabaseUnavailable, AllowanceSpent, or DatabaseSlow where it is not this line that is
    slow: then nothing more can be done now.
    """
    done = JobDone(failed=1)
    try:
        done = JobDone(processed=int(await post_line(context, key, line_id)))
    except LoyaltyError as refusal:
        await _keep(context, key, line_id, refusal)
    except (DatabaseUnavailable, AllowanceSpent):
        raise
    except DatabaseSlow:
        if attempts.one_more_is_too_many():
            raise
        LOG.exception("A line of the journal takes too long.")
        return done
    except Exception:
        LOG.exception("A line of the journal stays unposted.")
    attempts.slow = 0
    return done


async def _portions(
    context: Context, lines: Sequence[WaitingRow], at_once: int
) -> list[list[_Place]]:
    """The lines for units of many, each in the order of posting."""
    numbers = [*{line.card_number for line in lines}]
    found = {row.number: row.card_id for row in await context.read.each(numbers_of, numbers)}
    waiting = [
        ((line.activity_key, line.line_id), found.get(line.card_number, line.card_number))
        for line in sorted(lines, key=_ORDER)
    ]
    return await portions(context, waiting, at_once)


async def post_line(context: Context, activity_key: bytes, line_id: UUID) -> bool:
    """Post one line in a unit of its own; False where it no longer waits under its key.

    Raises the LoyaltyError of the checks; then nothing has changed.
    """

    async def unit(transaction: Transaction, _book: RuleBook | None) -> bool:
        locked = await transaction.each(locked_waiting_of, [activity_key])
        if [row.line_id for row in locked] != [line_id]:
            return False
        plan = await plan_activity(context, transaction, activity_of(locked[0]))
        await write_activity(context, transaction, plan, OPERATION, reviewed_by=context.caller.name)
        await transaction.run_each(end_waiting, [activity_key])
        return True

    return await context.unit(unit)


async def _keep(
    context: Context, activity_key: bytes, line_id: UUID, refusal: LoyaltyError
) -> None:
    """Leave the reason on the line, which stays unposted; on one that was settled meanwhile nobody
    sees it.
    """
    error = {"code": refusal.code, "message": refusal.message, "field": refusal.field}

    async def unit(transaction: Transaction, _book: RuleBook | None) -> None:
        await transaction.run(
            fail_line, of_activity=activity_key, of_line=line_id, error=json.dumps(error)
        )

    await context.unit(unit)
