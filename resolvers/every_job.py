"""Every job and what does it."""

from collections.abc import Mapping
from typing import Any

from resolvers.context import Context
from resolvers.event_delivery import deliver_events
from resolvers.expiry_jobs import expire_holds, expire_points
from resolvers.jobs import Job, JobDone, Progress, Run
from resolvers.line_postings import JOURNAL
from resolvers.portions import Portioned, at_once_here, post_all
from resolvers.queued_earnings import QUEUE
from resolvers.tier_jobs import update_tiers

# Jobs that several processes may do together.
PORTIONED: Mapping[Job, Portioned[Any]] = {
    Job.POST_EARNED_POINTS: QUEUE,
    Job.POST_ACTIVITY_LINES: JOURNAL,
}


def _posting(work: Portioned[Any]) -> Run:
    async def run(context: Context, progress: Progress) -> JobDone:
        return await post_all(context, work, work.poster(), progress, at_once_here(context))

    return run


JOBS: Mapping[Job, Run] = {
    **{job: _posting(work) for job, work in PORTIONED.items()},
    Job.EXPIRE_POINTS: expire_points,
    Job.EXPIRE_HOLDS: expire_holds,
    Job.UPDATE_TIERS: update_tiers,
    Job.DELIVER_EVENTS: deliver_events,
}
