"""Subscriptions to events and the log of what was sent."""

from datetime import datetime
from enum import Enum

import strawberry

from execution.relay import Page
from models.webhook_statements import DeliveryRow, WebhookRow
from resolvers import webhooks
from resolvers.audit_views import NEWEST, OLDEST, Window
from resolvers.context import Context
from schema.access import Info
from schema.audits import place_of
from schema.cards import LoyaltyCard, load_card
from schema.values import (
    After,
    Before,
    First,
    Key,
    Last,
    Node,
    PageInfo,
    asked_page,
    cut_page,
)

CURSOR = "webhookDeliveries"


@strawberry.enum(description="What happens to a card.")
class EventKind(Enum):
    CARD_ISSUED = strawberry.enum_value("cardIssued", description="The card was issued.")
    CARD_CHANGED = strawberry.enum_value(
        "cardChanged", description="Its customer, enrolments or status changed."
    )
    CARD_BLOCKED = strawberry.enum_value("cardBlocked", description="The card was blocked.")
    POINTS_POSTED = strawberry.enum_value(
        "pointsPosted", description="Entries were written to its book."
    )
    TIER_CHANGED = strawberry.enum_value("tierChanged", description="Its tier changed.")
    ACTIVITY_POSTED = strawberry.enum_value(
        "activityPosted", description="An activity other than buying was posted."
    )
    PAYMENT_CHANGED = strawberry.enum_value(
        "paymentChanged", description="A payment with points changed its state."
    )
    REWARD_GRANTED = strawberry.enum_value(
        "rewardGranted", description="A one-time reward was granted."
    )


@strawberry.enum(description="How far an event has come on its way to a subscriber.")
class WebhookDeliveryStatus(Enum):
    PENDING = strawberry.enum_value("PENDING", description="It is still to arrive.")
    DELIVERED = strawberry.enum_value("DELIVERED", description="It arrived.")
    GIVEN_UP = strawberry.enum_value(
        "GIVEN_UP", description="It never arrived, in two and a half days of attempts."
    )


@strawberry.type(description="An event on its way to a subscriber.")
class WebhookDelivery:
    row: strawberry.Private[DeliveryRow]

    @strawberry.field(description="The `webhook-id` that it is sent with, at every attempt.")
    def event_id(self) -> strawberry.ID:
        return strawberry.ID(str(self.row.event_id))

    @strawberry.field(description="What happened.")
    def event(self) -> EventKind:
        return EventKind(self.row.kind)

    @strawberry.field(description="The card that it happened to.")
    async def card(self, info: Info) -> LoyaltyCard | None:
        return await load_card(info, self.row.card_id)

    @strawberry.field(description="When it happened.")
    def posted_at(self) -> datetime:
        return self.row.posted_at

    @strawberry.field(description="How far it has come.")
    def status(self) -> WebhookDeliveryStatus:
        return WebhookDeliveryStatus(self.row.status)

    @strawberry.field(description="How often it was sent.")
    def attempts(self) -> int:
        return self.row.attempts

    @strawberry.field(description="When it was sent last.")
    def attempted_at(self) -> datetime | None:
        return self.row.attempted_at

    @strawberry.field(description="When it is sent next; null where it is not.")
    def next_attempt_at(self) -> datetime | None:
        return self.row.next_attempt_at if self.row.status == "PENDING" else None

    @strawberry.field(description="The status of the last answer; null where none came.")
    def http_status(self) -> int | None:
        return self.row.http_status

    @strawberry.field(description="Why no answer came.")
    def error(self) -> str | None:
        return self.row.error


@strawberry.type(description="A delivery and its cursor.")
class WebhookDeliveryEdge:
    cursor: str = strawberry.field(
        description="Where the delivery stands; `replayWebhook` begins with it."
    )
    node: WebhookDelivery = strawberry.field(description="The delivery.")


@strawberry.type(description="A page of deliveries, the newest event first.")
class WebhookDeliveryConnection:
    edges: list[WebhookDeliveryEdge] = strawberry.field(description="Deliveries with cursors.")
    nodes: list[WebhookDelivery] = strawberry.field(description="The deliveries alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")


@strawberry.type(description="A subscription to events. Its secrets are shown once, when made.")
class Webhook(Node):
    row: strawberry.Private[WebhookRow]

    def key(self) -> Key:
        return (self.row.subscription_id.bytes,)

    @strawberry.field(description="Where events are sent.")
    def url(self) -> str:
        return self.row.url

    @strawberry.field(description="Which events.")
    def events(self) -> list[EventKind]:
        return [EventKind(kind) for kind in webhooks.told_since(self.row)]

    @strawberry.field(description="What is told of the card, e.g. `{ number }`.")
    def selection(self) -> str:
        return self.row.selection

    @strawberry.field(description="Whether events are sent; what happens meanwhile is kept.")
    def active(self) -> bool:
        return self.row.active

    @strawberry.field(description="Since when an event was given up and none has arrived.")
    def failing_since(self) -> datetime | None:
        return self.row.failing_since

    @strawberry.field(description="When it was made.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="What was sent and what is to be, the newest event first.")
    async def deliveries(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> WebhookDeliveryConnection:
        page = asked_page(first, after, last, before)
        return await _delivery_page(info.context, self.row, page)


async def _delivery_page(
    context: Context, hook: WebhookRow, page: Page
) -> WebhookDeliveryConnection:
    window = Window(
        above=place_of(CURSOR, page.before, OLDEST),
        below=place_of(CURSOR, page.after, NEWEST),
        count=page.size + 1,
        backwards=page.backward,
    )
    rows = await webhooks.deliveries(context, hook.subscription_id, window)
    cut = cut_page(page, rows, CURSOR, lambda row: (row.posted_at, row.event_id.bytes))
    nodes = [WebhookDelivery(row=row) for row in cut.rows]
    return WebhookDeliveryConnection(
        edges=[
            WebhookDeliveryEdge(cursor=cursor, node=node)
            for cursor, node in zip(cut.cursors, nodes, strict=True)
        ],
        nodes=nodes,
        page_info=cut.page_info,
    )
