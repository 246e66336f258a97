"""What the outbox has to tell, queued for each subscriber. Source: semantics 13 (Events)."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from models.card_statements import EventRow
from models.transactions import Transaction
from models.webhook_statements import (
    DeliveryRow,
    WebhookRow,
    events_after,
    insert_deliveries,
    keep_read,
    locked_webhook,
    queued_events,
    webhooks,
)
from resolvers.context import Context, Outward
from resolvers.jobs import PAGE
from resolvers.outbox import events_of
from resolvers.portions import CHUNK, chunks
from resolvers.webhooks import told_since

Place = tuple[datetime, UUID, int]


async def enqueue(context: Context, outward: Outward) -> None:
    """Give each subscriber a row of each new event, from a little before where it last read to: a
    transaction may commit after a later instant was read. A clock that was ahead may have written
    instants still to come: what follows is looked for from now on.
    """
    await context.renew()
    for hook in await context.read.all(webhooks):
        if not hook.active:
            continue
        kinds = told_since(hook)
        since = max(min(hook.read_to, context.now) - outward.lag, hook.created_at)
        async for rows in _outbox(context, since, context.now - outward.lag):
            told = (event for row in rows for event in events_of(row) if event.kind in kinds)
            chosen = (event for event in told if kinds[event.kind] <= event.posted_at)
            await _queue(context, hook, chosen, rows[-1].posted_at)


async def _outbox(
    context: Context, since: datetime, settled: datetime
) -> AsyncIterator[Sequence[EventRow]]:
    """Page by page up to `settled`, before which nothing is committed any more; then all the rest
    at once: of a card's two events that are committed between two looks, the second look could
    find the later alone.
    """
    place = (since - timedelta(microseconds=1), UUID(int=2**128 - 1), 2**62)
    while rows := await _behind(context, place, settled):
        yield rows
        if len(rows) < PAGE or rows[-1].posted_at >= settled:
            return
        place = _place(rows[-1])


async def _behind(context: Context, place: Place, settled: datetime) -> list[EventRow]:
    """A page, and where it goes beyond `settled` whatever follows, in one snapshot."""
    rows: list[EventRow] = []
    read = context.service.database.read()
    try:
        while True:
            at, card_id, seq_no = place
            page = await read.all(
                events_after, at_after=at, card_after=card_id, seq_after=seq_no, count=PAGE
            )
            rows += page
            if len(page) < PAGE or page[-1].posted_at < settled:
                return rows
            place = _place(page[-1])
    finally:
        await read.close()


def _place(row: EventRow) -> Place:
    return row.posted_at, row.card_id, row.seq_no


async def _queue(
    context: Context, hook: WebhookRow, events: Iterable[EventRow], read_to: datetime
) -> None:
    *whole, last = [*chunks(events, CHUNK)] or [[]]
    for part in whole:
        if new := await _unqueued(context, hook, part):
            await _keep(context, hook, new)
    new = await _unqueued(context, hook, last) if last else []
    if new or read_to > hook.read_to:
        await _keep(context, hook, new, read_to)


async def _unqueued(
    context: Context, hook: WebhookRow, events: Sequence[EventRow]
) -> list[EventRow]:
    """Those of which there is no row yet: each is looked at as long as others may be committed
    before it, and writing, if for nothing, would hold up what is posted meanwhile.
    """
    read = context.service.database.read()
    try:
        instants = [event.posted_at for event in events]
        within = {"first_at": min(instants), "last_at": max(instants)}
        rows = await read.all(queued_events, of_hook=hook.subscription_id, **within)
    finally:
        await read.close()
    queued = {row.event_id for row in rows}
    return [event for event in events if event.event_id not in queued]


async def _keep(
    context: Context,
    hook: WebhookRow,
    events: Sequence[EventRow],
    read_to: datetime | None = None,
) -> None:
    now = context.service.clock()
    rows = [_new(hook, event, now) for event in events]

    async def unit(transaction: Transaction) -> None:
        # Of one that was deleted meanwhile nothing may be left behind.
        if not await transaction.all(locked_webhook, of_hook=hook.subscription_id):
            return
        await transaction.run_many(insert_deliveries, rows)
        if read_to is not None:
            await transaction.run(keep_read, of_hook=hook.subscription_id, read_to=read_to)

    await context.service.database.unit(unit)


def _new(hook: WebhookRow, event: EventRow, now: datetime) -> dict[str, object]:
    return DeliveryRow(
        subscription_id=hook.subscription_id,
        event_id=event.event_id,
        card_id=event.card_id,
        seq_no=event.seq_no,
        kind=event.kind,
        posted_at=event.posted_at,
        status="PENDING",
        attempts=0,
        next_attempt_at=now,
        claimed_until=None,
        attempted_at=None,
        http_status=None,
        error=None,
    )._asdict()
