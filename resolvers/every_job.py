"""Every job and what does it."""

from collections.abc import Mapping

from resolvers.context import Context
from resolvers.event_delivery import deliver_events
from resolvers.expiry_jobs import expire_holds, expire_points
from resolvers.jobs import Job, JobDone, Progress, Run
from resolvers.line_postings import post_lines
from resolvers.queued_earnings import post_earned_points
from resolvers.tier_jobs import update_tiers


async def post_activity_lines(context: Context, progress: Progress) -> JobDone:
    """Every unposted line of the journal; a line that fails stays with its error."""
    posted = await post_lines(context, None, progress)
    return JobDone(posted.posted, posted.failed)


JOBS: Mapping[Job, Run] = {
    Job.POST_EARNED_POINTS: post_earned_points,
    Job.EXPIRE_POINTS: expire_points,
    Job.EXPIRE_HOLDS: expire_holds,
    Job.UPDATE_TIERS: update_tiers,
    Job.POST_ACTIVITY_LINES: post_activity_lines,
    Job.DELIVER_EVENTS: deliver_events,
}
