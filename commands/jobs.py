"""Jobs, run once by hand."""

import gc
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import parent_process
from threading import Thread
from time import monotonic

from commands.database import done_in_context, prepared
from commands.outcomes import DONE, FAILED, CommandFailed, say
from resolvers.context import Context
from resolvers.every_job import JOBS, can_be_shared, share_of
from resolvers.jobs import Job, JobDone, Run, run_job
from resolvers.portions import Share
from settings import Settings, read_settings

TOLD_EVERY_SECONDS = 2.0
# As many new ones as the collector lets be in a worker.
YOUNG_OBJECTS = 50_000
LOG = logging.getLogger("loyalty.jobs")


class _Told:
    """Progress on standard error, for work that takes its time."""

    def __init__(self, by: str = "") -> None:
        self._at = monotonic()
        self._by = by

    async def __call__(self, done: JobDone) -> None:
        if monotonic() - self._at >= TOLD_EVERY_SECONDS:
            self._at = monotonic()
            _tell(done, self._by, " so far")


def _tell(done: JobDone, before: str, behind: str = "") -> None:
    sys.stderr.write(f"{before}{done.processed} processed, {done.failed} failed{behind}\n")


def _open_outward(context: Context) -> None:
    """What is told of a card is a GraphQL selection: this job alone needs the schema."""
    from app import outward  # noqa: PLC0415

    settings = read_settings(os.environ)
    context.service = replace(context.service, outward=outward(settings))


def run(settings: Settings, given: Namespace) -> int:
    job, workers = Job(given.name), given.workers
    if workers > 1 and not can_be_shared(job):
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
    """Run the job in so many processes, each its share of the customers; all of them together.

    Raises CommandFailed where one of them failed, when the others have ended.
    """
    with ProcessPoolExecutor(workers, initializer=_begin_work) as pool:
        shares = [Share(place, workers) for place in range(workers)]
        parts = [pool.submit(_run_share, settings, job, share) for share in shares]
    failures = [failure for part in parts if (failure := part.exception()) is not None]
    done = sum((part.result() for part in parts if part.exception() is None), JobDone())
    if failures:
        _tell(done, "by the workers that came to their end: ")
        if isinstance(failures[0], BrokenProcessPool):
            raise CommandFailed("A process of the job has ended early; run the job again.")
        raise failures[0]
    return done


def _begin_work() -> None:
    # All that a unit makes stays until it is written: the collector would look at it in vain.
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    _end_with_parent()


def _end_with_parent() -> None:
    """A worker whose parent was killed ends as well: what it has not committed waits."""
    parent = parent_process()

    def end() -> None:
        if parent is not None:
            parent.join()
            os._exit(FAILED)

    Thread(target=end, daemon=True).start()


def _run_share(settings: Settings, job: Job, share: Share) -> JobDone:
    told = _Told(f"worker {share.place + 1} of {share.of}: ")
    try:
        return _run(settings, job, share_of(job, share), told)
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
