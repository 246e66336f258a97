"""Every job and what does it."""

from collections.abc import Mapping

from resolvers.expiry_jobs import expire_holds, expire_points
from resolvers.jobs import Job, Run
from resolvers.queued_earnings import post_earned_points
from resolvers.tier_jobs import update_tiers

JOBS: Mapping[Job, Run] = {
    Job.POST_EARNED_POINTS: post_earned_points,
    Job.EXPIRE_POINTS: expire_points,
    Job.EXPIRE_HOLDS: expire_holds,
    Job.UPDATE_TIERS: update_tiers,
}
