"""Jobs, run once by hand."""

import asyncio
import gc
import logging
import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from functools import partial
from multiprocessing.util import Finalize
from time import monotonic
from typing import Any

from commands.database import OPERATOR, done_in_context, faults_told, loop_factory, prepared
from commands.outcomes import DONE, FAILED, CommandFailed, say, say_beside
from execution.parents import when_parent_ends
from models.failures import DatabaseSlow, DatabaseUnavailable
from resolvers.context import Call, Context, Service, open_context
from resolvers.every_job import JOBS, PORTIONED
from resolvers.jobs import Job, JobDone, Progress, Run, run_job
from resolvers.portions import post_all
from resolvers.services import open_service
from settings import Settings, read_settings

TOLD_EVERY_SECONDS = 2.0
# As many new ones as the collector lets be: more than a portion makes.
YOUNG_OBJECTS = 500_000
LOG = logging.getLogger("loyalty.jobs")


class _Told:
    """Progress on standard error, for work that takes its time."""

    def __init__(self) -> None:
        self._at = monotonic()
        self._done = JobDone()

    async def __call__(self, done: JobDone) -> None:
        self._done = done
        if monotonic() - self._at >= TOLD_EVERY_SECONDS:
            self._at = monotonic()
            self.now()

    def now(self) -> None:
        done = self._done
        say_beside(f"{done.processed} processed, {done.failed} failed so far")


def _open_outward(context: Context) -> None:
    """What is told of a card is a GraphQL selection: this job alone needs the schema."""
    from app import outward  # noqa: PLC0415

    settings = read_settings(os.environ)
    context.service = replace(context.service, outward=outward(settings))


def run(settings: Settings, given: Namespace) -> int:
    job, workers = Job(given.name), given.workers
    if workers > 1 and job not in PORTIONED:
        raise CommandFailed("One process does all of this job: leave out --workers.")
    prepared(settings)
    done = run_shared(settings, job, workers) if workers > 1 else _run(settings, job, JOBS, _Told())
    say(f"{done.processed} processed, {done.failed} failed.")
    if done.failed:
        raise CommandFailed(
            f"{done.failed} items are left for the next run; they or the log say why."
        )
    return DONE


def run_shared(settings: Settings, job: Job, workers: int) -> JobDone:
    """Run the job with so many processes beside this one, which finds what there is to be posted.

    Raises CommandFailed where one of them failed, when what was under way has ended.
    """
    told = _Told()
    _spare_collector()
    with ProcessPoolExecutor(workers, initializer=_begin_work, initargs=(settings, job)) as pool:
        # All are forked before this process has threads and connections, which are not theirs.
        pool.submit(_ready)
        try:
            return _run(settings, job, {job: _handed_out(pool, job, workers)}, told)
        except BrokenProcessPool as error:
            told.now()
            raise CommandFailed(
                "A process of the job has ended early; run the job again."
            ) from error
        except CommandFailed:
            told.now()
            raise


def _handed_out(pool: ProcessPoolExecutor, job: Job, workers: int) -> Run:
    """The job as the process does it that hands its portions out."""

    async def run(context: Context, progress: Progress) -> JobDone:
        async def post(beside: Context, portion: Sequence[Any]) -> JobDone:
            called = (beside.request_id, beside.call, portion)
            return await asyncio.get_running_loop().run_in_executor(pool, _post_portion, *called)

        # One waits beside each that is posted: no process waits for this one.
        return await post_all(context, PORTIONED[job], post, progress, 2 * workers)

    return run


def _ready() -> None:
    """Nothing: a process that does it has begun."""


class _Worker:
    """A process that posts portions; its connections last."""

    def __init__(self, settings: Settings, job: Job) -> None:
        self.post = PORTIONED[job].poster()
        self.runner = asyncio.Runner(loop_factory=loop_factory())
        self.service = self.runner.run(self._open(settings))

    async def _open(self, settings: Settings) -> Service:
        """With the program at hand when the first portion comes."""
        service = open_service(settings)
        # What is wrong with the database the first portion tells.
        with suppress(DatabaseUnavailable, DatabaseSlow):
            context = await open_context(service, OPERATOR, "")
            await context.read.close()
        return service

    async def posted(self, request_id: str, call: Call | None, portion: Sequence[Any]) -> JobDone:
        context = await open_context(self.service, OPERATOR, request_id)
        context.call = call
        try:
            return await self.post(context, portion)
        finally:
            await context.read.close()

    def end(self) -> None:
        self.runner.run(self.service.database.dispose())
        self.runner.close()


# Of this process, where it is one.
_workers: list[_Worker] = []


def _begin_work(settings: Settings, job: Job) -> None:
    _spare_collector()
    # What it has not committed waits.
    when_parent_ends(partial(os._exit, FAILED))
    _workers.append(_Worker(settings, job))
    Finalize(None, _workers[0].end, exitpriority=1)


def _spare_collector() -> None:
    """All that a portion makes stays until it is written: it would be looked at in vain."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def _post_portion(request_id: str, call: Call | None, portion: Sequence[Any]) -> JobDone:
    (worker,) = _workers
    try:
        with faults_told():
            return worker.runner.run(worker.posted(request_id, call, portion))
    except CommandFailed:
        raise
    except Exception as error:
        # Not every error can be handed to another process.
        LOG.exception("A worker failed.")
        raise CommandFailed(f"{type(error).__name__}: {error}") from error


def _run(settings: Settings, job: Job, jobs: Mapping[Job, Run], told: _Told) -> JobDone:
    async def work(context: Context) -> JobDone:
        if job is Job.DELIVER_EVENTS:
            _open_outward(context)
        return await run_job(context, jobs, job, told)

    return done_in_context(settings, work)
