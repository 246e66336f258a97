"""Jobs, run once by hand."""

import sys
from argparse import Namespace
from time import monotonic

from commands.database import on_database
from commands.outcomes import DONE, CommandFailed, say
from resolvers.context import Context
from resolvers.every_job import JOBS
from resolvers.jobs import Job, JobDone, run_job

TOLD_EVERY_SECONDS = 2.0


class _Told:
    """Progress on standard error, for work that takes its time."""

    def __init__(self) -> None:
        self._at = monotonic()

    async def __call__(self, done: JobDone) -> None:
        if monotonic() - self._at >= TOLD_EVERY_SECONDS:
            self._at = monotonic()
            sys.stderr.write(f"{done.processed} processed, {done.failed} failed so far\n")


@on_database
async def run(context: Context, given: Namespace) -> int:
    done = await run_job(context, JOBS, Job(given.name), _Told())
    say(f"{done.processed} processed, {done.failed} failed.")
    if done.failed:
        raise CommandFailed(f"{done.failed} items are left for the next run; the log says why.")
    return DONE
