"""Every job and what does it."""

from collections.abc import Mapping
from functools import partial

from resolvers.context import Context
from resolvers.event_delivery import deliver_events
from resolvers.expiry_jobs import expire_holds, expire_points
from resolvers.jobs import Job, JobDone, Progress, Run
from resolvers.line_postings import post_lines
from resolvers.portions import ALL, Share
from resolvers.queued_earnings import post_earned_points
from resolvers.tier_jobs import update_tiers


async def post_activity_lines(context: Context, progress: Progress, share: Share = ALL) -> JobDone:
    """Every unposted line of the share; a line that fails stays with its error."""
    posted = await post_lines(context, None, progress, share)
    return JobDone(posted.posted, posted.failed)


JOBS: Mapping[Job, Run] = {
    Job.POST_EARNED_POINTS: post_earned_points,
    Job.EXPIRE_POINTS: expire_points,
    Job.EXPIRE_HOLDS: expire_holds,
    Job.UPDATE_TIERS: update_tiers,
    Job.POST_ACTIVITY_LINES: post_activity_lines,
    Job.DELIVER_EVENTS: deliver_events,
}

_SHARED = {
    Job.POST_EARNED_POINTS: post_earned_points,
    Job.POST_ACTIVITY_LINES: post_activity_lines,
}


def can_be_shared(job: Job) -> bool:
    """Whether several processes may do one run of the job, each its share of the customers."""
    return job in _SHARED


def share_of(job: Job, share: Share) -> Mapping[Job, Run]:
    """The job as a process does it that does its share alone."""
    return {job: partial(_SHARED[job], share=share)}
