"""Jobs, run once by hand."""

import os
import sys
from argparse import Namespace
from dataclasses import replace
from time import monotonic

from commands.database import on_database
from commands.outcomes import DONE, CommandFailed, say
from resolvers.context import Context
from resolvers.every_job import JOBS
from resolvers.jobs import Job, JobDone, run_job
from settings import read_settings

TOLD_EVERY_SECONDS = 2.0


class _Told:
    """Progress on standard error, for work that takes its time."""

    def __init__(self) -> None:
        self._at = monotonic()

    async def __call__(self, done: JobDone) -> None:
        if monotonic() - self._at >= TOLD_EVERY_SECONDS:
            self._at = monotonic()
            sys.stderr.write(f"{done.processed} processed, {done.failed} failed so far\n")


def _open_outward(context: Context) -> None:
    """What is told of a card is a GraphQL selection: this job alone needs the schema."""
    from app import outward  # noqa: PLC0415

    settings = read_settings(os.environ)
    context.service = replace(context.service, outward=outward(settings))


@on_database
async def run(context: Context, given: Namespace) -> int:
    if Job(given.name) is Job.DELIVER_EVENTS:
        _open_outward(context)
    done = await run_job(context, JOBS, Job(given.name), _Told())
    say(f"{done.processed} processed, {done.failed} failed.")
    if done.failed:
        raise CommandFailed(f"{done.failed} items are left for the next run; the log says why.")
    return DONE
