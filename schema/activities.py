"""Lines of the review journal, their pages, and what was posted of them."""

import json
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

import strawberry

from execution.relay import MalformedCursor, Page, decode_cursor
from execution.scalars import Json
from models.activity_statements import LineRow
from resolvers import activity_views
from resolvers.activity_views import FIRST, LAST, LineFilter, LineWindow, Place
from resolvers.context import Context
from schema.access import Info
from schema.errors import GeneralError, UserError, UserErrorCode
from schema.ledger import LoyaltyTransaction
from schema.values import Key, Node, PageInfo, cut_page, given

CURSOR = "activityLines"
_UUID_BYTES = 16


@strawberry.enum(description="How far a line has come.")
class ActivityLineStatus(Enum):
    UNPOSTED = strawberry.enum_value("UNPOSTED", description="Awaits review; earns nothing yet.")
    POSTED = strawberry.enum_value("POSTED", description="Has earned what it earns.")
    REJECTED = strawberry.enum_value("REJECTED", description="Turned down, for good.")


@strawberry.type(description="A line of the review journal of activities.")
class ActivityLine(Node):
    row: strawberry.Private[LineRow]

    def key(self) -> Key:
        return (self.row.line_id.bytes,)

    @strawberry.field(description="How far it has come.")
    def status(self) -> ActivityLineStatus:
        return ActivityLineStatus(self.row.status)

    @strawberry.field(description="The card that is to earn.")
    def card_number(self) -> str:
        return self.row.card_number

    @strawberry.field(description="The code of the activity type.")
    def activity_type(self) -> str:
        return self.row.activity_type

    @strawberry.field(description="The activity's own id, unique within its type.")
    def activity_id(self) -> str:
        return self.row.activity_id

    @strawberry.field(description="The code of the channel that it is posted through.")
    def channel(self) -> str:
        return self.row.channel

    @strawberry.field(description="When it happened.")
    def occurred_at(self) -> datetime:
        return self.row.occurred_at

    @strawberry.field(description="An affiliation held besides the customer's own.")
    def affiliation(self) -> str | None:
        return self.row.affiliation

    @strawberry.field(description="What was written about it.")
    def comment(self) -> str | None:
        return self.row.comment

    @strawberry.field(description="Whatever supports the claim, as it was sent.")
    def evidence(self) -> Json | None:
        if self.row.evidence is None:
            return None
        return Json(json.loads(self.row.evidence, parse_float=Decimal))

    @strawberry.field(description="Who posted or rejected it.")
    def reviewed_by(self) -> str | None:
        return self.row.reviewed_by

    @strawberry.field(description="Why it was turned down.")
    def rejection_reason(self) -> str | None:
        return self.row.rejection_reason

    @strawberry.field(description="Why the last attempt to post it failed; a path into the line.")
    def error(self) -> UserError | None:
        if self.row.error is None:
            return None
        stored = json.loads(self.row.error)
        return GeneralError(
            code=UserErrorCode(stored["code"]), message=stored["message"], field=stored["field"]
        )

    @strawberry.field(description="The ledger rows that it wrote.")
    async def transactions(self, info: Info) -> list[LoyaltyTransaction]:
        entries = await activity_views.entries(info.context, self.row.activity_key)
        return [LoyaltyTransaction(row=entry) for entry in entries]


@strawberry.type(description="A line and its cursor.")
class ActivityLineEdge:
    cursor: str = strawberry.field(description="Where the line stands.")
    node: ActivityLine = strawberry.field(description="The line.")


@strawberry.type(description="A page of the journal, in the order in which lines are posted.")
class ActivityLineConnection:
    edges: list[ActivityLineEdge] = strawberry.field(description="Lines with cursors.")
    nodes: list[ActivityLine] = strawberry.field(description="The lines alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    chosen: strawberry.Private[LineFilter]

    @strawberry.field(description="All lines that match, on whatever page.")
    async def total_count(self, info: Info) -> int:
        return await activity_views.count(info.context, self.chosen)


@strawberry.input(description="Which lines; all conditions given must hold.")
class ActivityLineFilter:
    status: ActivityLineStatus | None = strawberry.field(
        default=strawberry.UNSET, description="How far they have come."
    )
    activity_type: str | None = strawberry.field(
        default=strawberry.UNSET, description="The code of an activity type."
    )
    channel: str | None = strawberry.field(
        default=strawberry.UNSET, description="The code of a channel."
    )
    card_number: str | None = strawberry.field(
        default=strawberry.UNSET, description="The number of a card."
    )
    from_: date | None = strawberry.field(
        name="from",
        default=strawberry.UNSET,
        description="The first day of `occurredAt`, on the line's channel.",
    )
    to: date | None = strawberry.field(
        default=strawberry.UNSET, description="The last day of `occurredAt`, on the line's channel."
    )

    def chosen(self) -> LineFilter:
        status = given(self.status)
        return LineFilter(
            status=None if status is None else status.name,
            activity_type=given(self.activity_type),
            channel=given(self.channel),
            card_number=given(self.card_number),
            dated_from=given(self.from_),
            dated_to=given(self.to),
        )


async def line_page(context: Context, chosen: LineFilter, page: Page) -> ActivityLineConnection:
    window = LineWindow(
        above=_place_of(page.after, FIRST),
        below=_place_of(page.before, LAST),
        count=page.size + 1,
        backwards=page.backward,
    )
    rows = await activity_views.page(context, chosen, window)
    cut = cut_page(page, rows, CURSOR, lambda row: (row.occurred_at, row.line_id.bytes))
    nodes = [ActivityLine(row=row) for row in cut.rows]
    return ActivityLineConnection(
        edges=[
            ActivityLineEdge(cursor=cursor, node=node)
            for cursor, node in zip(cut.cursors, nodes, strict=True)
        ],
        nodes=nodes,
        page_info=cut.page_info,
        chosen=chosen,
    )


def _place_of(text: str | None, otherwise: Place) -> Place:
    if text is None:
        return otherwise
    at, line_id = decode_cursor(CURSOR, text, datetime, bytes)
    if isinstance(at, datetime) and isinstance(line_id, bytes) and len(line_id) == _UUID_BYTES:
        return at, UUID(bytes=line_id)
    raise MalformedCursor("The cursor is malformed or belongs to another list.")
