"""Subscriptions to events: inputs, payloads and fields."""

from typing import Annotated

import strawberry

from execution.relay import MalformedCursor
from resolvers import webhooks
from resolvers.audit_views import OLDEST, Place
from resolvers.webhooks import Change, Made, Subscribe
from rules.errors import InvalidInput, Refused
from schema.access import ADMINISTRATORS, Info, root
from schema.audits import place_of
from schema.errors import Told, UserError, told
from schema.values import given, keys_of
from schema.webhooks import CURSOR, EventKind, Webhook

SELECTION = (
    "What is told of the card: a selection on LoyaltyCard, e.g. "
    "`{ number balances { available rewardPoint { code } } }`; made as staff would, when sent."
)
URL = "Where events are sent: https, on the public internet (development: loop-back, too)."


@strawberry.input(description="A new subscription.")
class CreateWebhookInput:
    url: str = strawberry.field(description=URL)
    events: list[EventKind] = strawberry.field(description="Which events, at least one.")
    selection: str = strawberry.field(description=SELECTION)


@strawberry.input(description="What changes; members left out stay.")
class UpdateWebhookInput:
    id: strawberry.ID = strawberry.field(description="The webhook's id.")
    url: str | None = strawberry.field(default=strawberry.UNSET, description=URL)
    events: list[EventKind] | None = strawberry.field(
        default=strawberry.UNSET, description="Which events; those that are waiting stay."
    )
    selection: str | None = strawberry.field(default=strawberry.UNSET, description=SELECTION)
    active: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether events are sent; what happens meanwhile is kept.",
    )

    def change(self) -> Change:
        events = given(self.events)
        return Change(
            given(self.url),
            None if events is None else _kinds(events),
            given(self.selection),
            given(self.active),
        )


@strawberry.input(description="The webhook to delete, with its log.")
class DeleteWebhookInput:
    id: strawberry.ID = strawberry.field(description="The webhook's id.")


@strawberry.input(description="The webhook that gets another secret.")
class RotateWebhookSecretInput:
    id: strawberry.ID = strawberry.field(description="The webhook's id.")


@strawberry.input(description="Deliveries to be made once more.")
class ReplayWebhookInput:
    id: strawberry.ID = strawberry.field(description="The webhook's id.")
    from_cursor: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The cursor of the first delivery, from `deliveries`; all where left out.",
    )


@strawberry.type(description="The webhook, or why nothing was done.")
class WebhookPayload:
    webhook: Webhook | None = strawberry.field(description="The webhook.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


@strawberry.type(description="The webhook and its new secret, or why nothing was done.")
class WebhookSecretPayload:
    webhook: Webhook | None = strawberry.field(description="The webhook.")
    secret: str | None = strawberry.field(
        description="`whsec_…`, to verify signatures by: shown this once."
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


@strawberry.type(description="Whether the webhook was deleted.")
class DeleteWebhookPayload:
    deleted: bool = strawberry.field(description="Whether it was.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


@strawberry.type(description="How many events are sent once more.")
class ReplayWebhookPayload:
    webhook: Webhook | None = strawberry.field(description="The webhook.")
    deliveries: int = strawberry.field(description="How many, each with the id that it had.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


def _kinds(events: list[EventKind]) -> tuple[webhooks.EventKind, ...]:
    return tuple(webhooks.EventKind(str(kind.value)) for kind in events)


def _place(cursor: str | None) -> Place:
    """Raises Refused for what is no cursor of a delivery."""
    try:
        return place_of(CURSOR, cursor, OLDEST)
    except MalformedCursor as error:
        raise Refused([InvalidInput(str(error), ("fromCursor",))]) from error


def _check_selection(selection: str | None) -> None:
    # The schema is made of this module.
    from schema.payloads import check_selection  # noqa: PLC0415

    if selection is not None:
        check_selection(selection)


def _made(answer: Told[Made]) -> WebhookSecretPayload:
    made = answer.value
    return WebhookSecretPayload(
        webhook=Webhook(row=made.row) if made else None,
        secret=made.secret if made else None,
        user_errors=answer.user_errors,
    )


@strawberry.type(description="Subscriptions to events.")
class WebhookMutations:
    @root(roles=ADMINISTRATORS, description="Have events sent from now on, signed.")
    async def create_webhook(
        self,
        info: Info,
        input: Annotated[  # noqa: A002 (as all mutations have it)
            CreateWebhookInput, strawberry.argument(description="The subscription.")
        ],
    ) -> WebhookSecretPayload:
        async def work() -> Made:
            _check_selection(input.selection)
            command = Subscribe(input.url, _kinds(input.events), input.selection)
            return await webhooks.create(info.context, command)

        return _made(await told(work))

    @root(roles=ADMINISTRATORS, description="Change a subscription, or stop and start it.")
    async def update_webhook(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            UpdateWebhookInput, strawberry.argument(description="What changes.")
        ],
    ) -> WebhookPayload:
        async def work() -> Webhook:
            change = input.change()
            _check_selection(change.selection)
            (key,) = keys_of("Webhook", [input.id])
            return Webhook(row=await webhooks.update(info.context, key, change))

        answer = await told(work)
        return WebhookPayload(webhook=answer.value, user_errors=answer.user_errors)

    @root(roles=ADMINISTRATORS, description="End a subscription; what is waiting is not sent.")
    async def delete_webhook(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            DeleteWebhookInput, strawberry.argument(description="Which.")
        ],
    ) -> DeleteWebhookPayload:
        (key,) = keys_of("Webhook", [input.id])
        answer = await told(lambda: webhooks.delete(info.context, key))
        return DeleteWebhookPayload(
            deleted=answer.value is not None, user_errors=answer.user_errors
        )

    @root(
        roles=ADMINISTRATORS,
        description="Another secret; for a day both sign, that receivers can change over.",
    )
    async def rotate_webhook_secret(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            RotateWebhookSecretInput, strawberry.argument(description="Which.")
        ],
    ) -> WebhookSecretPayload:
        (key,) = keys_of("Webhook", [input.id])
        return _made(await told(lambda: webhooks.rotate(info.context, key)))

    @root(roles=ADMINISTRATORS, description="Send once more what was sent, in its order.")
    async def replay_webhook(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            ReplayWebhookInput, strawberry.argument(description="Which, and from where.")
        ],
    ) -> ReplayWebhookPayload:
        async def work() -> tuple[Webhook, int]:
            (key,) = keys_of("Webhook", [input.id])
            row, count = await webhooks.replay(info.context, key, _place(given(input.from_cursor)))
            return Webhook(row=row), count

        answer = await told(work)
        webhook, count = answer.value or (None, 0)
        return ReplayWebhookPayload(
            webhook=webhook, deliveries=count, user_errors=answer.user_errors
        )
