"""Every job and what does it."""

from collections.abc import Mapping

from resolvers.expiry_jobs import expire_holds, expire_points
from resolvers.jobs import Job, Run
from resolvers.tier_jobs import update_tiers

JOBS: Mapping[Job, Run] = {
    Job.EXPIRE_POINTS: expire_points,
    Job.EXPIRE_HOLDS: expire_holds,
    Job.UPDATE_TIERS: update_tiers,
}
