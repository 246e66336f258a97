"""Jobs on their schedule inside the serving processes: one worker at a time does each of them.

A lease says who is at it and until when; it is renewed after each page. Who is killed loses
nothing: when the lease has run out, another worker goes on. Leases go by real time. Source:
semantics 12.
"""

import asyncio
import logging
from asyncio import Event
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from models.failures import DatabaseSlow, DatabaseUnavailable, KeyInProgress, with_reason
from models.job_statements import claim_lease, end_lease, insert_lease, renew_lease
from models.transactions import Transaction
from resolvers.callers import Caller, Role
from resolvers.clock import system_clock
from resolvers.context import Service, open_context
from resolvers.cursors import empty_lease
from resolvers.jobs import Job, JobDone, Run

# The lapse of a hold is told at most a minute late; the rest serves nobody's waiting.
EVERY_SECONDS: Mapping[Job, float] = {
    Job.POST_EARNED_POINTS: 10,
    Job.EXPIRE_HOLDS: 30,
    Job.EXPIRE_POINTS: 3600,
    Job.UPDATE_TIERS: 3600,
    Job.DELIVER_EVENTS: 2,
}
# With the pause of the others before they look, a minute after a kill the job has run again.
LEASE = timedelta(seconds=30)
# A worker's clock may be a minute ahead of another's.
AHEAD = LEASE + timedelta(seconds=60)
LOOK_SECONDS = 1.0
WORKER = Caller(Role.ADMIN, "schedule")
# An outage is no fault of ours: a line of log each time.
AWAY = (DatabaseUnavailable, DatabaseSlow, KeyInProgress)
LOG = logging.getLogger("loyalty.jobs")


async def keep_running(
    service: Service,
    jobs: Mapping[Job, Run],
    stop: Event,
    every_seconds: Mapping[Job, float] = EVERY_SECONDS,
) -> None:
    """Run each job whenever it is due, beside the others, until `stop`; what is begun then ends
    with its page.
    """
    async with asyncio.TaskGroup() as group:
        for job in every_seconds:
            if job in jobs:
                group.create_task(_keep_running(service, jobs[job], job, every_seconds[job], stop))


async def _keep_running(
    service: Service, run: Run, job: Job, interval_seconds: float, stop: Event
) -> None:
    pause_seconds = LOOK_SECONDS
    while not await _has_come(stop, pause_seconds):
        await _run_if_due(service, run, job, interval_seconds)
        pause_seconds = interval_seconds


async def _has_come(stop: Event, within_seconds: float) -> bool:
    try:
        await asyncio.wait_for(stop.wait(), within_seconds)
    except TimeoutError:
        return False
    return True


async def _run_if_due(service: Service, run: Run, job: Job, interval_seconds: float) -> None:
    """A failure is logged, and what it left waits for the next run."""
    holder = uuid4().hex
    try:
        if not await claim(service, job, holder, interval_seconds):
            return
        done = await _run(service, run, job, holder)
        await end(service, job, holder)
    except AWAY as error:
        LOG.error("The lease of the job %s is not had. %s", job, with_reason(error))  # noqa: TRY400
        return
    except Exception:
        LOG.exception("The lease of the job %s is not had, or waits to run out.", job)
        return
    if done != JobDone():
        LOG.info("The job %s: %d processed, %d failed.", job, done.processed, done.failed)


async def _run(service: Service, run: Run, job: Job, holder: str) -> JobDone:
    try:
        context = await open_context(service, WORKER, f"job-{holder}")
        try:
            return await run(context, lambda _done: _renew(service, job, holder))
        finally:
            await context.read.close()
    except AWAY as error:
        LOG.error("The job %s ended early. %s", job, with_reason(error))  # noqa: TRY400
    except Exception:
        LOG.exception("The job %s ended early.", job)
    return JobDone()


async def claim(service: Service, job: Job, holder: str, interval_seconds: float) -> bool:
    """Whether the job was due and nobody was at it; it is the holder's then."""
    now = system_clock()

    async def unit(transaction: Transaction) -> bool:
        await transaction.run(insert_lease, **empty_lease(job))
        # A worker looks again after the interval: a little early is not too early.
        due = now - timedelta(seconds=interval_seconds * 0.9)
        claimed = await transaction.run(
            claim_lease,
            of_job=job,
            now=now,
            due=due,
            ahead=now + AHEAD,
            holder=holder,
            held_until=now + LEASE,
        )
        return bool(claimed)

    return await service.database.unit(unit)


async def _renew(service: Service, job: Job, holder: str) -> None:
    until = system_clock() + LEASE

    async def unit(transaction: Transaction) -> None:
        await transaction.run(renew_lease, of_job=job, of_holder=holder, held_until=until)

    await service.database.unit(unit)


async def end(service: Service, job: Job, holder: str) -> None:
    finished_at: datetime = system_clock()

    async def unit(transaction: Transaction) -> None:
        await transaction.run(end_lease, of_job=job, of_holder=holder, finished_at=finished_at)

    await service.database.unit(unit)
