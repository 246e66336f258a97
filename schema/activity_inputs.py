"""What mutations of activities are sent."""

from datetime import datetime
from enum import Enum

import strawberry

from execution.scalars import Json
from resolvers.activity_checks import Activity
from resolvers.line_changes import ChangeLine
from resolvers.line_files import FileFormat
from resolvers.line_rows import NewLine
from schema.values import given, keys_of

_TYPE = "ActivityLine"


@strawberry.input(
    description=(
        "The activity type and `activityId` are the activity's key: posted again, it answers as "
        "the first time."
    )
)
class PostNonTransactionalActivityInput:
    channel: str = strawberry.field(description="Where it happened.")
    card_number: str = strawberry.field(description="The card that earns.")
    activity_type: str = strawberry.field(description="The code of the activity type.")
    activity_id: str = strawberry.field(description="Its own id, unique within the type.")
    occurred_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="When it happened; default: now."
    )
    affiliation: str | None = strawberry.field(
        default=strawberry.UNSET, description="An affiliation held besides the customer's own."
    )

    def command(self) -> Activity:
        return Activity(
            channel=self.channel,
            card_number=self.card_number,
            activity_type=self.activity_type,
            activity_id=self.activity_id,
            occurred_at=given(self.occurred_at),
            affiliation=given(self.affiliation),
        )


@strawberry.input(description="A line for the review journal.")
class ActivityLineInput:
    channel: str = strawberry.field(description="Where it happened.")
    card_number: str = strawberry.field(description="The card that is to earn.")
    activity_type: str = strawberry.field(description="The code of the activity type.")
    activity_id: str = strawberry.field(description="Its own id, unique within the type.")
    occurred_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="When it happened; default: now."
    )
    affiliation: str | None = strawberry.field(
        default=strawberry.UNSET, description="An affiliation held besides the customer's own."
    )
    comment: str | None = strawberry.field(
        default=strawberry.UNSET, description="For those who review it."
    )
    evidence: Json | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whatever supports the claim: a link, a form, a ticket number.",
    )

    def line(self) -> NewLine:
        activity = Activity(
            channel=self.channel,
            card_number=self.card_number,
            activity_type=self.activity_type,
            activity_id=self.activity_id,
            occurred_at=given(self.occurred_at),
            affiliation=given(self.affiliation),
        )
        return NewLine(activity, given(self.comment), given(self.evidence))


@strawberry.input(description="Lines for the review journal, all or none.")
class CreateActivityLinesInput:
    lines: list[ActivityLineInput] = strawberry.field(description="At most 1000.")


@strawberry.enum(description="How lines of a file are written.")
class ActivityFileFormat(Enum):
    CSV = strawberry.enum_value(
        "CSV", description="A header with the names of ActivityLineInput, then a line each."
    )
    JSON_LINES = strawberry.enum_value(
        "JSON_LINES", description="A JSON object with members of ActivityLineInput on each line."
    )


@strawberry.input(description="A file of lines for the review journal, all or none.")
class ImportActivityLinesInput:
    format: ActivityFileFormat = strawberry.field(description="How it is written.")
    content: str = strawberry.field(description="The text of the file; at most 1000 lines.")

    def kind(self) -> FileFormat:
        return FileFormat[self.format.name]


@strawberry.input(description="A line to edit: members left out stay, null clears.")
class UpdateActivityLineInput:
    id: strawberry.ID = strawberry.field(description="The line's id.")
    card_number: str | None = strawberry.field(
        default=strawberry.UNSET, description="The card that is to earn."
    )
    activity_type: str | None = strawberry.field(
        default=strawberry.UNSET, description="The code of the activity type; another key."
    )
    channel: str | None = strawberry.field(
        default=strawberry.UNSET, description="Where it happened."
    )
    occurred_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="When it happened; null: when the line was created.",
    )
    affiliation: str | None = strawberry.field(
        default=strawberry.UNSET, description="An affiliation held besides the customer's own."
    )
    comment: str | None = strawberry.field(
        default=strawberry.UNSET, description="For those who review it."
    )

    def command(self) -> ChangeLine:
        sent = {
            "card_number": self.card_number,
            "activity_type": self.activity_type,
            "channel": self.channel,
            "occurred_at": self.occurred_at,
            "affiliation": self.affiliation,
            "comment": self.comment,
        }
        (line_id,) = keys_of(_TYPE, [self.id])
        return ChangeLine(
            line_id=line_id,
            given=frozenset(name for name, value in sent.items() if value is not strawberry.UNSET),
            card_number=given(self.card_number),
            activity_type=given(self.activity_type),
            channel=given(self.channel),
            occurred_at=given(self.occurred_at),
            affiliation=given(self.affiliation),
            comment=given(self.comment),
        )


@strawberry.input(description="Lines to delete, all or none; their keys are free again.")
class DeleteActivityLinesInput:
    ids: list[strawberry.ID] = strawberry.field(description="At most 1000.")


@strawberry.input(description="Lines to turn down, all or none.")
class RejectActivityLinesInput:
    ids: list[strawberry.ID] = strawberry.field(description="At most 1000.")
    reason: str = strawberry.field(description="Why, for those who sent them.")


@strawberry.input(description="Null ids: every unposted line.")
class PostActivityLinesInput:
    ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="At most 1000; null: every unposted line."
    )
