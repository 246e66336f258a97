"""Who is told of events: subscriptions, made and changed by administrators. Source: api
promise 13.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from uuid import UUID

from models.transactions import Transaction
from models.webhook_statements import (
    DeliveryRow,
    WebhookRow,
    change_secrets,
    change_webhook,
    delete_deliveries,
    delete_webhook,
    delivery_behind,
    delivery_page,
    insert_webhook,
    locked_webhook,
    replay_between,
    webhooks,
    webhooks_of,
)
from resolvers.audit_views import NEWEST, OLDEST, Place, Window
from resolvers.audits import Facts, audit, one_row
from resolvers.context import Context
from resolvers.identifiers import random_id
from resolvers.webhook_addresses import AddressRefused, checked_address, target_of
from resolvers.webhook_signatures import new_secret, rotated, write_secrets
from rules.book import RuleBook
from rules.errors import InvalidInput, NotFound, Refused

MAXIMUM_WEBHOOKS = 100
# As many deliveries as one statement changes: a log grows without end.
CHUNK = 5000


class EventKind(StrEnum):
    CARD_ISSUED = "cardIssued"
    CARD_CHANGED = "cardChanged"
    CARD_BLOCKED = "cardBlocked"
    POINTS_POSTED = "pointsPosted"
    TIER_CHANGED = "tierChanged"
    ACTIVITY_POSTED = "activityPosted"
    PAYMENT_CHANGED = "paymentChanged"
    REWARD_GRANTED = "rewardGranted"


@dataclass(frozen=True, slots=True)
class Subscribe:
    """`selection` was checked by whoever knows the schema."""

    url: str
    events: tuple[EventKind, ...]
    selection: str


@dataclass(frozen=True, slots=True)
class Change:
    """None: as it is."""

    url: str | None = None
    events: tuple[EventKind, ...] | None = None
    selection: str | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """`secret` is shown this once."""

    row: WebhookRow
    secret: str


async def everyone(context: Context) -> Sequence[WebhookRow]:
    return await context.read.all(webhooks)


async def rows_by_id(context: Context, ids: list[UUID]) -> list[WebhookRow | None]:
    rows = {row.subscription_id: row for row in await context.read.each(webhooks_of, ids)}
    return [rows.get(one) for one in ids]


async def create(context: Context, command: Subscribe) -> Made:
    """Events from now on are told. Raises Refused."""
    await _check_url(context, command.url)
    _check_events(command.events)

    async def unit(transaction: Transaction, _book: RuleBook | None) -> Made:
        if len(await transaction.all(webhooks)) >= MAXIMUM_WEBHOOKS:
            raise Refused([InvalidInput(f"There are {MAXIMUM_WEBHOOKS} webhooks already.")])
        randomness, now = context.service.randomness, context.service.clock()
        secret = new_secret(randomness)
        row = WebhookRow(
            subscription_id=random_id(randomness),
            url=command.url,
            events=_stored(dict.fromkeys(command.events, now)),
            selection=command.selection,
            secrets=write_secrets([secret]),
            active=True,
            failing_since=None,
            read_to=now,
            created_at=now,
        )
        await transaction.run(insert_webhook, **row._asdict())
        await audit(context, transaction, "createWebhook", now, after=_facts(row))
        return Made(row, secret.text)

    return await context.unit(unit)


async def update(context: Context, hook_id: UUID | None, change: Change) -> WebhookRow:
    """Change what is given; kinds of events that are added are told from now on. Raises NotFound,
    Refused.
    """
    if change.url is not None:
        await _check_url(context, change.url)
    if change.events is not None:
        _check_events(change.events)

    async def unit(transaction: Transaction, _book: RuleBook | None) -> WebhookRow:
        now, before = context.service.clock(), await _locked(transaction, hook_id)
        since = told_since(before)
        kinds: dict[str, datetime] = {one: since.get(one, now) for one in change.events or ()}
        after = before._replace(
            url=before.url if change.url is None else change.url,
            events=_stored(kinds) if kinds else before.events,
            selection=before.selection if change.selection is None else change.selection,
            active=before.active if change.active is None else change.active,
        )
        if after != before:
            await transaction.run(
                change_webhook,
                of_hook=after.subscription_id,
                url=after.url,
                events=after.events,
                selection=after.selection,
                active=after.active,
            )
            was = _facts(before)
            await audit(context, transaction, "updateWebhook", now, before=was, after=_facts(after))
        return after

    return await context.unit(unit)


async def delete(context: Context, hook_id: UUID | None) -> UUID:
    """Forget the subscription with its log, the log first where it is long: cut short, the same
    call goes on. Raises NotFound.
    """

    async def unit(transaction: Transaction, _book: RuleBook | None) -> UUID | None:
        row = await _locked(transaction, hook_id)
        key = row.subscription_id
        if await transaction.run(delete_deliveries, of_hook=key, count=CHUNK) == CHUNK:
            return None
        await transaction.run(delete_webhook, of_hook=key)
        now = context.service.clock()
        await audit(context, transaction, "deleteWebhook", now, before=_facts(row))
        return key

    while True:
        deleted = await context.unit(unit)
        if deleted is not None:
            return deleted


async def rotate(context: Context, hook_id: UUID | None) -> Made:
    """Another secret; the one before signs beside it for a day. Raises NotFound."""

    async def unit(transaction: Transaction, _book: RuleBook | None) -> Made:
        row = await _locked(transaction, hook_id)
        now, secret = context.service.clock(), new_secret(context.service.randomness)
        secrets = rotated(row.secrets, secret, now)
        await transaction.run(change_secrets, of_hook=row.subscription_id, secrets=secrets)
        named: Facts = {"webhook": str(row.subscription_id), "fields": ["secret"]}
        await audit(context, transaction, "rotateWebhookSecret", now, after=named)
        return Made(row._replace(secrets=secrets), secret.text)

    return await context.unit(unit)


async def replay(
    context: Context, hook_id: UUID | None, start: Place | None
) -> tuple[WebhookRow, int]:
    """Send what the log has from the place on once more, with the same ids; how many.

    The oldest first, chunk by chunk: a card's events go out in their order whatever comes between.
    Raises NotFound.
    """

    async def unit(
        edge: Place, transaction: Transaction, _book: RuleBook | None
    ) -> tuple[WebhookRow, int, Place | None]:
        row = await _locked(transaction, hook_id)
        edge_at, edge_id = edge
        chunk = {"of_hook": row.subscription_id, "edge_at": edge_at, "edge_id": edge_id}
        behind = await transaction.first(delivery_behind, **chunk, count=CHUNK)
        end = NEWEST if behind is None else _place(behind)
        now = context.service.clock()
        sent = await transaction.run(replay_between, **chunk, end_at=end[0], end_id=end[1], now=now)
        await audit(context, transaction, "replayWebhook", now)
        return row, sent, None if behind is None else end

    total, edge = 0, start or OLDEST
    told: Facts = {"webhook": str(hook_id), "from": start and start[0].isoformat()}
    with one_row(context, "replayWebhook", told):
        while True:
            row, sent, end = await context.unit(partial(unit, edge))
            total += sent
            if end is None:
                return row, total
            edge = end


async def deliveries(context: Context, hook_id: UUID, window: Window) -> list[DeliveryRow]:
    """Rows of the window, newest first."""
    edge_at, edge_id = window.above if window.backwards else window.below
    rows = await context.read.all(
        delivery_page(backwards=window.backwards),
        of_hook=hook_id,
        edge_at=edge_at,
        edge_id=edge_id,
        count=window.count,
    )
    inside = [row for row in rows if window.above < _place(row) < window.below]
    return sorted(inside, key=_place, reverse=True)


def _place(row: DeliveryRow) -> tuple[datetime, UUID]:
    return row.posted_at, row.event_id


async def _locked(transaction: Transaction, hook_id: UUID | None) -> WebhookRow:
    found = [] if hook_id is None else await transaction.all(locked_webhook, of_hook=hook_id)
    if not found:
        raise NotFound("There is no such webhook.", ("id",))
    return found[0]


async def _check_url(context: Context, url: str) -> None:
    outward = context.service.outward
    if outward is None:
        raise AssertionError
    try:
        await checked_address(target_of(url, outward), outward)
    except AddressRefused as refused:
        raise Refused([InvalidInput(str(refused), ("url",))]) from None


def _check_events(events: Sequence[EventKind]) -> None:
    if not events:
        raise Refused([InvalidInput("Name at least one kind of event.", ("events",))])


def told_since(row: WebhookRow) -> dict[str, datetime]:
    """The kinds of events that are told, each with the instant from which on. One that was added
    later begins then: what came before would be told out of its card's order.
    """
    kinds = json.loads(row.events)
    if isinstance(kinds, list):
        # So it stood while a subscription had one beginning.
        return dict.fromkeys(kinds, row.created_at)
    return {kind: datetime.fromisoformat(at) for kind, at in kinds.items()}


def _stored(since: Mapping[str, datetime]) -> str:
    return json.dumps({kind: since[kind].isoformat() for kind in sorted(since)})


def _facts(row: WebhookRow) -> Facts:
    """Without the secrets."""
    return {
        "webhook": str(row.subscription_id),
        "url": row.url,
        "events": [*told_since(row)],
        "selection": row.selection,
        "active": row.active,
    }
