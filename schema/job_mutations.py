"""Jobs run by hand: input, payload and field."""

from enum import Enum
from typing import Annotated

import strawberry

from resolvers import jobs
from resolvers.every_job import JOBS
from schema.access import ADMINISTRATORS, Info, root
from schema.errors import UserError, told


@strawberry.enum(description="Work that time or a queue brings.")
class Job(Enum):
    POST_EARNED_POINTS = strawberry.enum_value(
        "POST_EARNED_POINTS", description="Points of sales and returns that were queued."
    )
    EXPIRE_POINTS = strawberry.enum_value(
        "EXPIRE_POINTS", description="Points whose last day is over everywhere are written off."
    )
    EXPIRE_HOLDS = strawberry.enum_value(
        "EXPIRE_HOLDS", description="Holds that lapsed are ended, and their cards told."
    )
    UPDATE_TIERS = strawberry.enum_value(
        "UPDATE_TIERS", description="Tiers that time alone has brought are written."
    )
    POST_ACTIVITY_LINES = strawberry.enum_value(
        "POST_ACTIVITY_LINES", description="Every unposted line of the journal is posted."
    )
    DELIVER_EVENTS = strawberry.enum_value(
        "DELIVER_EVENTS", description="Events are sent to those who subscribed."
    )


@strawberry.input(description="The job to run once, now.")
class RunJobInput:
    job: Job = strawberry.field(description="Which.")


@strawberry.type(description="What a job did, or why it did nothing.")
class JobPayload:
    processed: int = strawberry.field(description="Items whose work is done.")
    failed: int = strawberry.field(description="Items that failed and wait for the next run.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


@strawberry.type(description="Jobs run by hand.")
class JobMutations:
    @root(
        roles=ADMINISTRATORS,
        description=(
            "Run one of the service's jobs now; they also run by themselves and from the command "
            "line. What is not done within the deadline is left for the next run."
        ),
    )
    async def run_job(
        self,
        info: Info,
        input: Annotated[  # noqa: A002 (the contract's name)
            RunJobInput, strawberry.argument(description="The job.")
        ],
    ) -> JobPayload:
        job = jobs.Job(str(input.job.value))
        answer = await told(lambda: jobs.run_job(info.context, JOBS, job))
        done = answer.value or jobs.JobDone()
        return JobPayload(
            processed=done.processed, failed=done.failed, user_errors=answer.user_errors
        )
