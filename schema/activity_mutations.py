"""Mutations of activities: payloads and fields."""

from asyncio import gather
from collections.abc import Awaitable, Sequence
from typing import Annotated

import strawberry

from models.activity_statements import PostRow
from models.ledger_statements import EntryRow
from resolvers import (
    activities,
    activity_lines,
    activity_views,
    line_changes,
    line_imports,
    line_postings,
)
from schema.access import EVERYONE, MANAGERS, PARTNERS_AND_SHOPS, REVIEWERS, Info, root
from schema.activities import ActivityLine
from schema.activity_inputs import (
    CreateActivityLinesInput,
    DeleteActivityLinesInput,
    ImportActivityLinesInput,
    PostActivityLinesInput,
    PostNonTransactionalActivityInput,
    RejectActivityLinesInput,
    UpdateActivityLineInput,
)
from schema.cards import LoyaltyCard, load_card
from schema.errors import UserError, told
from schema.ledger import LoyaltyTransaction
from schema.notes import CartNote, shown_note
from schema.values import given, keys_of


@strawberry.type(description="An activity after posting, or why it was not posted.")
class ActivityPayload:
    transactions: list[LoyaltyTransaction] = strawberry.field(
        description="The ledger rows that it wrote."
    )
    earning_notes: list[CartNote] = strawberry.field(
        description="Why rules gave nothing, as told when it was posted."
    )
    card: LoyaltyCard | None = strawberry.field(description="The card that earned.")
    replayed: bool = strawberry.field(description="Whether an earlier call posted it.")
    user_errors: list[UserError] = strawberry.field(description="Why it was not posted.")


@strawberry.type(description="Lines of the journal after a mutation, or why nothing was done.")
class ActivityLinesPayload:
    lines: list[ActivityLine] = strawberry.field(
        description="The lines in the order of the input; deleted ones as they were."
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


@strawberry.type(description="What came of a file, or why nothing was imported.")
class ImportActivityLinesPayload:
    created: int = strawberry.field(description="Lines that are new.")
    unchanged: int = strawberry.field(description="Lines that were there already.")
    user_errors: list[UserError] = strawberry.field(
        description='Every fault, at most 1000, at ["content", the line\'s number, the member].'
    )


@strawberry.type(description="What came of posting lines.")
class PostActivityLinesPayload:
    posted: int = strawberry.field(description="How many were posted now.")
    failed: int = strawberry.field(description="How many could not be.")
    failures: list[ActivityLine] = strawberry.field(
        description="The lines that could not be posted, at most 1000."
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


async def _lines(info: Info, keys: Sequence[bytes]) -> list[ActivityLine]:
    rows = await gather(*(info.context.load(activity_views.lines_by_key, key) for key in keys))
    return [ActivityLine(row=row) for row in rows if row is not None]


async def _payload(info: Info, work: Awaitable[Sequence[bytes]]) -> ActivityLinesPayload:
    answer = await told(lambda: work)
    lines = await _lines(info, answer.value or ())
    return ActivityLinesPayload(lines=lines, user_errors=answer.user_errors)


async def _activity_payload(
    info: Info, work: Awaitable[activities.PostedActivity]
) -> ActivityPayload:
    answer = await told(lambda: work)
    post: PostRow | None = None
    entries: Sequence[EntryRow] = ()
    if answer.value is not None:
        key = answer.value.activity_key
        post = await info.context.load(activity_views.posts_by_key, key)
        entries = await activity_views.entries(info.context, key)
    return ActivityPayload(
        transactions=[LoyaltyTransaction(row=entry) for entry in entries],
        earning_notes=[shown_note(note) for note in activity_views.notes_of(post)] if post else [],
        card=await load_card(info, post.card_id) if post else None,
        replayed=answer.value is not None and answer.value.replayed,
        user_errors=answer.user_errors,
    )


@strawberry.type(description="Postings of activities, and their review.")
class ActivityMutations:
    @root(roles=EVERYONE, description="Post an activity other than buying; the card earns.")
    async def post_non_transactional_activity(
        self,
        info: Info,
        input: Annotated[  # noqa: A002 (the contract's name)
            PostNonTransactionalActivityInput, strawberry.argument(description="The activity.")
        ],
    ) -> ActivityPayload:
        work = activities.post_activity(info.context, input.command())
        return await _activity_payload(info, work)

    @root(roles=EVERYONE, description="Put lines into the review journal, all or none.")
    async def create_activity_lines(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            CreateActivityLinesInput, strawberry.argument(description="The lines.")
        ],
    ) -> ActivityLinesPayload:
        lines = [line.line() for line in input.lines]
        return await _payload(info, activity_lines.create(info.context, lines))

    @root(
        roles=PARTNERS_AND_SHOPS,
        description=(
            "Put the lines of a file into the review journal, all or none; the same file again "
            "changes nothing."
        ),
    )
    async def import_activity_lines(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            ImportActivityLinesInput, strawberry.argument(description="The file.")
        ],
    ) -> ImportActivityLinesPayload:
        answer = await told(
            lambda: line_imports.import_text(info.context, input.kind(), input.content)
        )
        done = answer.value or line_imports.Imported()
        return ImportActivityLinesPayload(
            created=done.created, unchanged=done.unchanged, user_errors=answer.user_errors
        )

    @root(roles=REVIEWERS, description="Edit an unposted line.")
    async def update_activity_line(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            UpdateActivityLineInput, strawberry.argument(description="What changes.")
        ],
    ) -> ActivityLinesPayload:
        async def work() -> list[bytes]:
            return [await line_changes.update(info.context, input.command())]

        return await _payload(info, work())

    @root(roles=REVIEWERS, description="Delete unposted lines, all or none.")
    async def delete_activity_lines(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            DeleteActivityLinesInput, strawberry.argument(description="Which lines.")
        ],
    ) -> ActivityLinesPayload:
        ids = keys_of("ActivityLine", input.ids)
        answer = await told(lambda: line_changes.delete(info.context, ids))
        lines = [ActivityLine(row=row) for row in answer.value or ()]
        return ActivityLinesPayload(lines=lines, user_errors=answer.user_errors)

    @root(roles=MANAGERS, description="Turned down in review: the line stays, with the reason.")
    async def reject_activity_lines(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            RejectActivityLinesInput, strawberry.argument(description="Which lines, and why.")
        ],
    ) -> ActivityLinesPayload:
        ids = keys_of("ActivityLine", input.ids)
        return await _payload(info, line_changes.reject(info.context, ids, input.reason))

    @root(
        roles=MANAGERS,
        description=(
            "Posts the lines named, or every unposted one; a line that fails stays unposted with "
            "its error."
        ),
    )
    async def post_activity_lines(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            PostActivityLinesInput, strawberry.argument(description="Which lines.")
        ],
    ) -> PostActivityLinesPayload:
        wanted = given(input.ids)
        ids = None if wanted is None else keys_of("ActivityLine", wanted)
        answer = await told(lambda: line_postings.post_lines(info.context, ids))
        done = answer.value or line_postings.Postings()
        return PostActivityLinesPayload(
            posted=done.posted,
            failed=done.failed,
            failures=await _lines(info, done.failures),
            user_errors=answer.user_errors,
        )
