"""The audit: what staff and administrators did, page by page."""

import json
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry

from execution.relay import MalformedCursor, Page, decode_cursor, encode_id
from execution.scalars import Json
from models.audit_pages import AuditRow
from resolvers import audit_views
from resolvers.audit_views import NEWEST, OLDEST, AuditFilter, Place, Window
from resolvers.context import Context
from schema.access import Info
from schema.cards import LoyaltyCard, load_card
from schema.values import PageInfo, cut_page, given

CURSOR = "auditLog"
_UUID_BYTES = 16
# What of an audit's facts is an id, by the name that it has there, and of what type.
_NAMED = {"payment": "LoyaltyPayment", "webhook": "Webhook", "line": "ActivityLine"}


def _shown(facts: str | None) -> Json | None:
    """The facts with their ids as `node` takes them."""
    return None if facts is None else Json(_told("", json.loads(facts)))


def _told(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {inner: _told(inner, one) for inner, one in value.items()}
    if isinstance(value, list):
        # Of lines the facts, or ids alone.
        return [_told("line" if name == "lines" else "", one) for one in value]
    return encode_id(_NAMED[name], UUID(value).bytes) if name in _NAMED and value else value


@strawberry.enum(description="Whose calls are written down.")
class AuditedRole(Enum):
    STAFF = strawberry.enum_value("staff", description="Staff.")
    ADMIN = strawberry.enum_value("admin", description="Administrators.")


@strawberry.type(
    description="One call by staff or administrators that changed something. Personal data is "
    "named in it, never shown."
)
class AuditEntry:
    row: strawberry.Private[AuditRow]

    @strawberry.field(description="When.")
    def at(self) -> datetime:
        return self.row.written_at

    @strawberry.field(description="The name of the API key.")
    def caller(self) -> str:
        return self.row.caller

    @strawberry.field(description="Its role.")
    def role(self) -> AuditedRole:
        return AuditedRole(self.row.role)

    @strawberry.field(description="The mutation.")
    def operation(self) -> str:
        return self.row.operation

    @strawberry.field(description="Why, where the caller gave a reason.")
    def reason(self) -> str | None:
        return self.row.reason

    @strawberry.field(description="What was changed, as it was before.")
    def before(self) -> Json | None:
        return _shown(self.row.before)

    @strawberry.field(description="What was changed, as it was afterwards; or what was asked for.")
    def after(self) -> Json | None:
        return _shown(self.row.after)

    @strawberry.field(description="The card that was changed; null where none was, or several.")
    async def card(self, info: Info) -> LoyaltyCard | None:
        return await load_card(info, self.row.card_id)

    @strawberry.field(description="The request, as in its answer's headers and in the log.")
    def request_id(self) -> str:
        return self.row.request_id


@strawberry.type(description="An audit entry and its cursor.")
class AuditEdge:
    cursor: str = strawberry.field(description="Where the entry stands.")
    node: AuditEntry = strawberry.field(description="The entry.")


@strawberry.type(description="A page of the audit, newest first.")
class AuditConnection:
    edges: list[AuditEdge] = strawberry.field(description="Entries with cursors.")
    nodes: list[AuditEntry] = strawberry.field(description="The entries alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")


@strawberry.input(description="Which entries; all conditions given must hold.")
class AuditLogFilter:
    card_number: str | None = strawberry.field(
        default=strawberry.UNSET, description="The number of the card that was changed."
    )
    caller: str | None = strawberry.field(
        default=strawberry.UNSET, description="The name of an API key."
    )
    operation: str | None = strawberry.field(
        default=strawberry.UNSET, description="The name of a mutation."
    )
    from_: datetime | None = strawberry.field(
        name="from", default=strawberry.UNSET, description="The first instant."
    )
    to: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="The instant before which entries were written."
    )

    def chosen(self) -> AuditFilter:
        return AuditFilter(
            card_number=given(self.card_number),
            caller=given(self.caller),
            operation=given(self.operation),
            written_from=given(self.from_),
            written_to=given(self.to),
        )


async def audit_page(context: Context, chosen: AuditFilter, page: Page) -> AuditConnection:
    """Newest first: what comes after a cursor is older."""
    window = Window(
        above=place_of(CURSOR, page.before, OLDEST),
        below=place_of(CURSOR, page.after, NEWEST),
        count=page.size + 1,
        backwards=page.backward,
    )
    rows = await audit_views.page(context, chosen, window)
    cut = cut_page(page, rows, CURSOR, lambda row: (row.written_at, row.audit_id.bytes))
    nodes = [AuditEntry(row=row) for row in cut.rows]
    return AuditConnection(
        edges=[
            AuditEdge(cursor=cursor, node=node)
            for cursor, node in zip(cut.cursors, nodes, strict=True)
        ],
        nodes=nodes,
        page_info=cut.page_info,
    )


def place_of(kind: str, text: str | None, otherwise: Place) -> Place:
    """The instant and id that a cursor of this kind stands at. Raises MalformedCursor."""
    if text is None:
        return otherwise
    at, key = decode_cursor(kind, text, datetime, bytes)
    if isinstance(at, datetime) and isinstance(key, bytes) and len(key) == _UUID_BYTES:
        return at, UUID(bytes=key)
    raise MalformedCursor("The cursor is malformed or belongs to another list.")
