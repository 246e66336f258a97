"""The job that tells subscribers of events: at least once each, in order per card.

An event's way to a subscriber is a row of its own, claimed before it is sent and settled after: who
is killed between the two has sent an event that will be sent again, with the same id. Of a card the
next event goes out when the one before has arrived or was given up. Source: semantics 13 (Events),
engineering 1.2 (Outbox), api promise 13.
"""

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from models.database import Transaction
from models.failures import DatabaseSlow, DatabaseUnavailable
from models.webhook_statements import (
    DeliveryRow,
    EventRow,
    WebhookRow,
    claim_delivery,
    due_deliveries,
    event_of,
    events_after,
    insert_deliveries,
    keep_read,
    mark_failing,
    mark_working,
    settle_delivery,
    webhooks,
    webhooks_of,
)
from resolvers.callers import Caller, Role
from resolvers.clock import system_clock
from resolvers.context import Context, Outward, open_context
from resolvers.jobs import PAGE, JobDone, Progress
from resolvers.webhook_addresses import AddressRefused, checked_address, target_of
from resolvers.webhook_posting import PostFailed, post
from resolvers.webhook_signatures import signed_headers

AT_ONCE = 4
CLAIM = timedelta(seconds=60)
# 5 s, 20 s, 80 s … 12 h: two and a half days in all.
ATTEMPTS = 12
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 12 * 3600.0
WORKER = Caller(Role.STAFF, "webhooks")
LOG = logging.getLogger("loyalty.webhooks")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt: an answer's status, or why there is none."""

    status: int | None
    error: str | None = None

    @property
    def has_arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004


@dataclass
class Run:
    """Subscribers that gave no answer rest until the next run: they would hold up the others."""

    context: Context
    outward: Outward
    resting: set[UUID] = field(default_factory=set)


async def deliver_events(context: Context, progress: Progress) -> JobDone:
    """Events that arrived, and attempts that failed and come again."""
    if context.service.outward is None:
        return JobDone()
    run = Run(context, context.service.outward)
    await enqueue(context, run.outward)
    done = JobDone()
    while rows := [row for row in await _due(context) if row.subscription_id not in run.resting]:
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            outcomes = await asyncio.gather(*(_deliver(run, row) for row in some))
            done = sum(outcomes, done)
            await progress(done)
    return done


async def enqueue(context: Context, outward: Outward) -> None:
    """Give each subscriber a row of each new event, from a little before where it last read to: a
    transaction may commit after a later instant was read.
    """
    await context.renew()
    for hook in await context.read.all(webhooks):
        if not hook.active:
            continue
        wanted = frozenset(json.loads(hook.events))
        since = max(hook.read_to - outward.lag, hook.created_at)
        async for events in _outbox(context, since):
            chosen = [event for event in events if event.kind in wanted]
            await _keep(context, hook, chosen, events[-1].posted_at)


async def _outbox(context: Context, since: datetime) -> AsyncIterator[Sequence[EventRow]]:
    place = (since - timedelta(microseconds=1), UUID(int=2**128 - 1), 2**62)
    while True:
        read = context.service.database.read()
        try:
            at, card_id, seq_no = place
            events = await read.all(
                events_after, at_after=at, card_after=card_id, seq_after=seq_no, count=PAGE
            )
        finally:
            await read.close()
        if events:
            yield events
            place = (events[-1].posted_at, events[-1].card_id, events[-1].seq_no)
        if len(events) < PAGE:
            return


async def _keep(
    context: Context, hook: WebhookRow, events: Sequence[EventRow], read_to: datetime
) -> None:
    now = context.service.clock()
    rows = [_new(hook, event, now) for event in events]

    async def unit(transaction: Transaction) -> None:
        await transaction.run_many(insert_deliveries, rows)
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


async def _due(context: Context) -> Sequence[DeliveryRow]:
    read = context.service.database.read()
    try:
        return await read.all(due_deliveries, now=context.service.clock(), count=PAGE)
    finally:
        await read.close()


async def _deliver(run: Run, row: DeliveryRow) -> JobDone:
    """One attempt, where nobody else is at it."""
    if row.subscription_id in run.resting or not await _claim(run.context, row):
        return JobDone()
    try:
        outcome = await _attempt(run, row)
    except (DatabaseUnavailable, DatabaseSlow):
        raise
    except Exception:
        LOG.exception("An event could not be told.")
        outcome = Outcome(None, "The service failed to make the message.")
    if outcome.status is None:
        run.resting.add(row.subscription_id)
    await _settle(run.context, row, outcome)
    return JobDone(processed=1) if outcome.has_arrived else JobDone(failed=1)


async def _claim(context: Context, row: DeliveryRow) -> bool:
    now = context.service.clock()

    async def unit(transaction: Transaction) -> bool:
        claimed = await transaction.run(
            claim_delivery,
            of_hook=row.subscription_id,
            of_event=row.event_id,
            now=now,
            claimed_until=now + CLAIM,
        )
        return bool(claimed)

    return await context.service.database.unit(unit)


async def _attempt(run: Run, row: DeliveryRow) -> Outcome:
    service = run.context.service
    opened = await open_context(service, WORKER, f"event-{row.event_id}")
    try:
        hooks = await opened.read.each(webhooks_of, [row.subscription_id])
        if not hooks:
            return Outcome(None, "The webhook was deleted.")
        hook = hooks[0]
        event = await opened.read.first(event_of, of_card=row.card_id, of_event=row.event_id)
        card = await run.outward.shown(opened, row.card_id, hook.selection)
    finally:
        await opened.read.close()
    body = _body(row, {} if event is None else json.loads(event.payload), card)
    try:
        target = target_of(hook.url, run.outward)
        address = await checked_address(target, run.outward)
        now = service.clock()
        headers = signed_headers(hook.secrets, row.event_id, body, now, system_clock())
        return Outcome(await post(target, address, headers, body))
    except (AddressRefused, PostFailed) as error:
        return Outcome(None, str(error))


def _body(row: DeliveryRow, event: object, card: object) -> bytes:
    told = {
        "type": row.kind,
        "timestamp": row.posted_at.isoformat(),
        "data": {"card": card, "event": event},
    }
    return json.dumps(told, ensure_ascii=False, default=str).encode("utf-8")


async def _settle(context: Context, row: DeliveryRow, outcome: Outcome) -> None:
    """Keep what came of the attempt; a subscription whose event is given up is failing."""
    now = context.service.clock()
    attempts = row.attempts + 1
    given_up = not outcome.has_arrived and attempts >= ATTEMPTS
    status = "DELIVERED" if outcome.has_arrived else "GIVEN_UP" if given_up else "PENDING"

    async def unit(transaction: Transaction) -> bool:
        await transaction.run(
            settle_delivery,
            of_hook=row.subscription_id,
            of_event=row.event_id,
            status=status,
            attempts=attempts,
            next_attempt_at=now + pause(attempts),
            attempted_at=now,
            http_status=outcome.status,
            error=outcome.error,
        )
        if outcome.has_arrived:
            await transaction.run(mark_working, of_hook=row.subscription_id)
        return given_up and bool(
            await transaction.run(mark_failing, of_hook=row.subscription_id, failing_since=now)
        )

    if await context.service.database.unit(unit):
        LOG.warning("The webhook %s is failing: an event was given up.", row.subscription_id)


def pause(attempts: int) -> timedelta:
    """Before the next attempt, after so many: four times longer each, a fifth more or less."""
    seconds = min(FIRST_PAUSE_SECONDS * 4.0 ** (attempts - 1), LONGEST_PAUSE_SECONDS)
    # Nothing secret hangs on it.
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311
