"""The jobs: work that time or a queue brings, in units of one card each, page by page.

All of them may run at any time, twice, at once and after a crash with the same result; no answer to
a query depends on whether one has run. Source: semantics 6 (Expiry, Holds), 9, 12.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from models.failures import DatabaseSlow, DatabaseUnavailable
from models.transactions import Read, Transaction
from resolvers.audits import audit, one_row
from resolvers.callers import Role
from resolvers.context import Context
from rules.errors import Forbidden

R = TypeVar("R")

PAGE = 200
# So many slow items in a row are no matter of the items.
MOST_SLOW = 10
MUTATION = "runJob"
LOG = logging.getLogger("loyalty.jobs")

# Told after each page how many are done so far.
Progress = Callable[["JobDone"], Awaitable[None]]


class Job(StrEnum):
    POST_EARNED_POINTS = "POST_EARNED_POINTS"
    EXPIRE_POINTS = "EXPIRE_POINTS"
    EXPIRE_HOLDS = "EXPIRE_HOLDS"
    UPDATE_TIERS = "UPDATE_TIERS"
    POST_ACTIVITY_LINES = "POST_ACTIVITY_LINES"
    DELIVER_EVENTS = "DELIVER_EVENTS"


@dataclass(frozen=True, slots=True)
class JobDone:
    """Items whose work is done, and items that failed and stay for the next run."""

    processed: int = 0
    failed: int = 0

    def __add__(self, other: "JobDone") -> "JobDone":
        return JobDone(self.processed + other.processed, self.failed + other.failed)


async def silent(_done: JobDone) -> None:
    """No progress is told."""


async def walk(
    context: Context,
    page: Callable[[Read, R | None], Awaitable[Sequence[R]]],
    work: Callable[[R], Awaitable[bool]],
    progress: Progress,
) -> JobDone:
    """Do `work` on every row of every page; `page` gives the rows behind the one it is given.

    Each row stands or falls alone: what fails is logged and left. `work` tells whether there was
    anything to do. Raises DatabaseUnavailable or DatabaseSlow: then nothing more can be done now.
    """
    done, last, attempts = JobDone(), None, Attempts()
    while rows := await _page(context, page, last):
        for row in rows:
            done += await attempts.make(work, row)
        last = rows[-1]
        await progress(done)
        if len(rows) < PAGE:
            break
    return done


async def _page(
    context: Context, page: Callable[[Read, R | None], Awaitable[Sequence[R]]], last: R | None
) -> Sequence[R]:
    read = context.service.database.read()
    try:
        return await page(read, last)
    finally:
        await read.close()


@dataclass
class Attempts:
    """Of one run; `slow`: how many the database has not answered in time, one after another."""

    slow: int = 0

    async def make(self, work: Callable[[R], Awaitable[bool]], row: R) -> JobDone:
        """Do `work` on one row; what fails is logged and left.

        Raises DatabaseUnavailable, or DatabaseSlow where it is not this row that is slow: then
        nothing more can be done now.
        """
        try:
            done = JobDone(processed=int(await work(row)))
        except DatabaseUnavailable:
            raise
        except DatabaseSlow:
            if self.one_more_is_too_many():
                raise
            LOG.exception("A job left an item that takes too long.")
            return JobDone(failed=1)
        except Exception:
            LOG.exception("A job left an item for its next run.")
            done = JobDone(failed=1)
        self.slow = 0
        return done

    def one_more_is_too_many(self) -> bool:
        """Whether another slow item tells that all of them are."""
        self.slow += 1
        return self.slow >= MOST_SLOW


Run = Callable[[Context, Progress], Awaitable[JobDone]]


async def run_job(
    context: Context, jobs: Mapping[Job, Run], job: Job, progress: Progress = silent
) -> JobDone:
    """Run the job once, now, whoever else is at it. Raises Forbidden for all but administrators."""
    if context.caller.role is not Role.ADMIN:
        raise Forbidden("Only administrators run jobs.", ("job",))

    async def unit(transaction: Transaction, _book: object) -> None:
        await audit(context, transaction, MUTATION, context.service.clock())

    with one_row(context, MUTATION, {"job": job.value}):
        await context.unit(unit)
        return await jobs[job](context, progress)
