"""Statements on subscriptions, and on events on their way to subscribers.

Candidates are found by a plain SELECT and claimed one by one. Source: engineering 1.2 (Outbox).
"""

from datetime import datetime
from functools import cache
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Tuple, and_, bindparam, delete, insert, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from models.card_statements import EventRow
from models.cards import outbox
from models.columns import IDENTIFIER, INSTANT, UNITS
from models.statements import KeyedStatement, Statement, among, write
from models.webhooks import webhook_delivery, webhook_subscription


class WebhookRow(NamedTuple):
    subscription_id: UUID
    url: str
    events: str
    selection: str
    secrets: str
    active: bool
    failing_since: datetime | None
    read_to: datetime
    created_at: datetime


class DeliveryRow(NamedTuple):
    subscription_id: UUID
    event_id: UUID
    card_id: UUID
    seq_no: int
    kind: str
    posted_at: datetime
    status: str
    attempts: int
    next_attempt_at: datetime
    claimed_until: datetime | None
    attempted_at: datetime | None
    http_status: int | None
    error: str | None


class QueuedRow(NamedTuple):
    event_id: UUID


_hook = webhook_subscription.c
_sent = webhook_delivery.c
_HOOK = bindparam("of_hook", type_=IDENTIFIER)
_EVENT = bindparam("of_event", type_=IDENTIFIER)
_NOW = bindparam("now", type_=INSTANT)
_COUNT = bindparam("count", type_=UNITS)
_THIS = _hook.subscription_id == _HOOK

webhooks = Statement(
    select(webhook_subscription).order_by(_hook.created_at, _hook.subscription_id), WebhookRow
)
webhooks_of: KeyedStatement[WebhookRow] = KeyedStatement(
    lambda keys: select(webhook_subscription).where(among(_hook.subscription_id, keys)),
    WebhookRow,
    IDENTIFIER,
)
locked_webhook = Statement(select(webhook_subscription).where(_THIS).with_for_update(), WebhookRow)
insert_webhook = write(insert(webhook_subscription))
change_webhook = write(
    update(webhook_subscription)
    .where(_THIS)
    .values(
        url=bindparam("url"),
        events=bindparam("events"),
        selection=bindparam("selection"),
        active=bindparam("active"),
    )
)
change_secrets = write(
    update(webhook_subscription).where(_THIS).values(secrets=bindparam("secrets"))
)
delete_webhook = write(delete(webhook_subscription).where(_THIS))
mark_failing = write(
    update(webhook_subscription)
    .where(_THIS, _hook.failing_since.is_(None))
    .values(failing_since=bindparam("failing_since"))
)
mark_working = write(
    update(webhook_subscription)
    .where(_THIS, _hook.failing_since.is_not(None))
    .values(failing_since=None)
)
keep_read = write(
    update(webhook_subscription)
    .where(_THIS, _hook.read_to < bindparam("read_to", type_=INSTANT))
    .values(read_to=bindparam("read_to"))
)

_out = outbox.c
_OUTBOX_PLACE = tuple_(_out.posted_at, _out.card_id, _out.seq_no)
# Of one card in its own order, for its events' instants never fall.
events_after = Statement(
    select(outbox)
    .where(
        tuple_(
            bindparam("at_after", type_=INSTANT),
            bindparam("card_after", type_=IDENTIFIER),
            bindparam("seq_after", type_=UNITS),
        )
        < _OUTBOX_PLACE
    )
    .order_by(_out.posted_at, _out.card_id, _out.seq_no)
    .limit(_COUNT),
    EventRow,
)
event_rows: KeyedStatement[EventRow] = KeyedStatement(
    lambda keys: select(outbox).where(
        _out.card_id == bindparam("of_card", type_=IDENTIFIER), among(_out.event_id, keys)
    ),
    EventRow,
    IDENTIFIER,
)

queued_events = Statement(
    select(_sent.event_id).where(
        _sent.subscription_id == _HOOK,
        _sent.posted_at.between(
            bindparam("first_at", type_=INSTANT), bindparam("last_at", type_=INSTANT)
        ),
    ),
    QueuedRow,
)
# What was seen before is left as it is.
insert_deliveries = write(insert_or_leave(webhook_delivery).on_conflict_do_nothing())
_earlier = webhook_delivery.alias("earlier")
# The oldest `count`.
delete_deliveries = write(
    delete(webhook_delivery).where(
        _sent.subscription_id == _HOOK,
        _sent.event_id.in_(
            select(_earlier.c.event_id)
            .where(_earlier.c.subscription_id == _HOOK)
            .order_by(_earlier.c.posted_at, _earlier.c.event_id)
            .limit(_COUNT)
        ),
    )
)
# Nothing is sent to one that rests.
_AWAKE = select(_hook.subscription_id).where(_THIS, _hook.active).exists()
_UNCLAIMED = or_(_sent.claimed_until.is_(None), _sent.claimed_until < _NOW)
# Of each card the earliest event alone.
_IN_TURN = (
    ~select(_earlier.c.event_id)
    .where(
        _earlier.c.subscription_id == _sent.subscription_id,
        _earlier.c.status == "PENDING",
        _earlier.c.card_id == _sent.card_id,
        _earlier.c.seq_no < _sent.seq_no,
    )
    .exists()
)
# Where its time has come.
due_deliveries = Statement(
    select(webhook_delivery)
    .where(
        _sent.subscription_id == _HOOK,
        _sent.status == "PENDING",
        _sent.next_attempt_at <= _NOW,
        _UNCLAIMED,
        _IN_TURN,
        _AWAKE,
    )
    .order_by(_sent.next_attempt_at, _sent.posted_at, _sent.event_id)
    .limit(_COUNT),
    DeliveryRow,
)
_ONE = and_(_sent.subscription_id == _HOOK, _sent.event_id == _EVENT, _sent.status == "PENDING")
# The loser changes no row, nor does who read it before a replay.
claim_delivery = write(
    update(webhook_delivery)
    .where(_ONE, _UNCLAIMED, _IN_TURN, _AWAKE)
    .where(_sent.attempts == bindparam("attempts", type_=UNITS))
    .values(claimed_until=bindparam("claimed_until"))
)
# As long as the claim stands: a replay takes it away.
settle_delivery = write(
    update(webhook_delivery)
    .where(_ONE, _sent.claimed_until == bindparam("claim", type_=INSTANT))
    .values(
        status=bindparam("status"),
        attempts=bindparam("attempts"),
        next_attempt_at=bindparam("next_attempt_at"),
        claimed_until=None,
        attempted_at=bindparam("attempted_at"),
        http_status=bindparam("http_status"),
        error=bindparam("error"),
    )
)
_PLACE = tuple_(_sent.posted_at, _sent.event_id)


def _place(name: str) -> Tuple:
    at, event_id = f"{name}_at", f"{name}_id"
    return tuple_(bindparam(at, type_=INSTANT), bindparam(event_id, type_=IDENTIFIER))


_FROM_PLACE = (_sent.subscription_id == _HOOK, _place("edge") <= _PLACE)
# The one that stands `count` rows behind the place.
delivery_behind = Statement(
    select(webhook_delivery)
    .where(*_FROM_PLACE)
    .order_by(_sent.posted_at, _sent.event_id)
    .offset(_COUNT)
    .limit(1),
    DeliveryRow,
)
# From one place on, the other left out.
replay_between = write(
    update(webhook_delivery)
    .where(*_FROM_PLACE, _place("end") > _PLACE)
    .values(status="PENDING", attempts=0, next_attempt_at=_NOW, claimed_until=None)
)


@cache
def delivery_page(*, backwards: bool) -> Statement[DeliveryRow]:
    """Rows before (`edge_at`, `edge_id`), newest first; `backwards`: after it, oldest first."""
    rows, edge = select(webhook_delivery).where(_sent.subscription_id == _HOOK), _place("edge")
    if backwards:
        rows = rows.where(edge < _PLACE).order_by(_sent.posted_at, _sent.event_id)
    else:
        rows = rows.where(edge > _PLACE).order_by(_sent.posted_at.desc(), _sent.event_id.desc())
    return Statement(rows.limit(_COUNT), DeliveryRow)
