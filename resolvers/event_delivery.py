"""The job that tells subscribers of events: at least once each, in order per card.

An event's way to a subscriber is a row of its own, claimed before it is sent and settled after: who
is killed between the two has sent an event that will be sent again, with the same id. Of a card the
next event goes out when the one before has arrived or was given up. Source: semantics 13 (Events),
engineering 1.2 (Outbox), api promise 13.
"""

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from models.failures import DatabaseSlow, DatabaseUnavailable
from models.transactions import Transaction
from models.webhook_statements import (
    DeliveryRow,
    WebhookRow,
    claim_delivery,
    due_deliveries,
    event_rows,
    mark_failing,
    mark_working,
    settle_delivery,
    webhooks,
    webhooks_of,
)
from resolvers.callers import Caller, Role
from resolvers.clock import system_clock
from resolvers.context import Context, Outward, open_context
from resolvers.event_queues import enqueue
from resolvers.jobs import PAGE, JobDone, Progress
from resolvers.outbox import payload_of, row_ids
from resolvers.webhook_addresses import AddressRefused, checked_address, target_of
from resolvers.webhook_posting import PostFailed, post
from resolvers.webhook_signatures import signed_headers

AT_ONCE = 4
RUN_SECONDS = 15.0
CLAIM = timedelta(seconds=60)
# 5 s, 20 s, 80 s … 12 h: two and a half days in all.
ATTEMPTS = 12
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 12 * 3600.0
WORKER = Caller(Role.STAFF, "webhooks")
LOG = logging.getLogger("loyalty.webhooks")
_JSON = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt: an answer's status, or why there is none."""

    status: int | None
    error: str | None = None

    @property
    def has_arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Message:
    hook: WebhookRow
    body: bytes


@dataclass
class Run:
    """Subscribers that gave no answer rest until the next run; `turn` bounds what of the database
    the run takes at once.
    """

    context: Context
    outward: Outward
    progress: Progress
    until: float
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    resting: set[UUID] = field(default_factory=set)
    done: JobDone = field(default_factory=JobDone)


async def deliver_events(context: Context, progress: Progress) -> JobDone:
    """Events that arrived, and attempts that failed and come again."""
    if context.service.outward is None:
        return JobDone()
    until = asyncio.get_running_loop().time() + RUN_SECONDS
    run = Run(context, context.service.outward, progress, until)
    await enqueue(context, run.outward)
    await context.renew()
    hooks = [hook.subscription_id for hook in await context.read.all(webhooks) if hook.active]
    # Each at its own pace: who is slow holds up nobody else.
    ended = await asyncio.gather(*(_serve(run, one) for one in hooks), return_exceptions=True)
    for failure in ended:
        if failure is not None:
            raise failure
    return run.done


async def _serve(run: Run, hook_id: UUID) -> None:
    """Send one subscriber what is due, until nothing is, it rests, or the run has taken its time:
    the next one takes in what is new.
    """
    while rows := await _due(run, hook_id):
        for start in range(0, len(rows), AT_ONCE):
            if hook_id in run.resting or asyncio.get_running_loop().time() >= run.until:
                return
            some = rows[start : start + AT_ONCE]
            run.done = sum(await asyncio.gather(*(_deliver(run, row) for row in some)), run.done)
            await run.progress(run.done)


async def _due(run: Run, hook_id: UUID) -> Sequence[DeliveryRow]:
    service = run.context.service
    async with run.turn:
        read = service.database.read()
        try:
            return await read.all(due_deliveries, of_hook=hook_id, now=service.clock(), count=PAGE)
        finally:
            await read.close()


async def _deliver(run: Run, row: DeliveryRow) -> JobDone:
    """One attempt, where nobody else is at it."""
    async with run.turn:
        claim = await _claim(run.context, row)
        if claim is None:
            return JobDone()
        message = await _message(run, row)
    outcome = message if isinstance(message, Outcome) else await _sent(run, row, message)
    if outcome.status is None:
        run.resting.add(row.subscription_id)
    async with run.turn:
        await _settle(run.context, row, claim, outcome)
    return JobDone(processed=1) if outcome.has_arrived else JobDone(failed=1)


async def _claim(context: Context, row: DeliveryRow) -> datetime | None:
    """Until when the event is this run's; None where it is another's, or not as it was read."""
    now = context.service.clock()
    claim = now + CLAIM

    async def unit(transaction: Transaction) -> datetime | None:
        claimed = await transaction.run(
            claim_delivery,
            of_hook=row.subscription_id,
            of_event=row.event_id,
            now=now,
            attempts=row.attempts,
            claimed_until=claim,
        )
        return claim if claimed else None

    return await context.service.database.unit(unit)


async def _message(run: Run, row: DeliveryRow) -> Message | Outcome:
    """What is said to whom; or why there is nothing to say."""
    opened = await open_context(run.context.service, WORKER, f"event-{row.event_id}")
    try:
        hooks = await opened.read.each(webhooks_of, [row.subscription_id])
        if not hooks:
            return Outcome(None, "The webhook was deleted.")
        found = await opened.read.each(event_rows, row_ids(row.event_id), of_card=row.card_id)
        told = next(filter(None, (payload_of(row.event_id, one) for one in found)), "{}")
        card = await run.outward.shown(opened, row.card_id, hooks[0].selection)
        return Message(hooks[0], _body(row, run.outward.told(row.kind, row.card_id, told), card))
    except (DatabaseUnavailable, DatabaseSlow):
        raise
    except Exception:
        LOG.exception("An event could not be told.")
        return Outcome(None, "The service failed to make the message.")
    finally:
        await opened.read.end()


async def _sent(run: Run, row: DeliveryRow, message: Message) -> Outcome:
    try:
        target = target_of(message.hook.url, run.outward)
        address = await checked_address(target, run.outward)
        headers = signed_headers(
            message.hook.secrets,
            row.event_id,
            message.body,
            run.context.service.clock(),
            system_clock(),
        )
        return Outcome(await post(target, address, headers, message.body))
    except (AddressRefused, PostFailed) as error:
        return Outcome(None, str(error))


def _body(row: DeliveryRow, event: str, card: object) -> bytes:
    told = {
        "type": row.kind,
        "timestamp": row.posted_at.isoformat(),
        "data": {"card": card, "event": msgspec.Raw(event.encode())},
    }
    return _JSON.encode(told)


async def _settle(context: Context, row: DeliveryRow, claim: datetime, outcome: Outcome) -> None:
    """Keep what came of the attempt; a subscription whose event is given up is failing. Nothing of
    one that is replayed meanwhile, for it is to be sent once more.
    """
    now = context.service.clock()
    attempts = row.attempts + 1
    given_up = not outcome.has_arrived and attempts >= ATTEMPTS
    status = "DELIVERED" if outcome.has_arrived else "GIVEN_UP" if given_up else "PENDING"

    async def unit(transaction: Transaction) -> bool:
        settled = await transaction.run(
            settle_delivery,
            of_hook=row.subscription_id,
            of_event=row.event_id,
            claim=claim,
            status=status,
            attempts=attempts,
            next_attempt_at=now + pause(attempts),
            attempted_at=now,
            http_status=outcome.status,
            error=outcome.error,
        )
        if outcome.has_arrived:
            await transaction.run(mark_working, of_hook=row.subscription_id)
        return bool(
            settled
            and given_up
            and await transaction.run(mark_failing, of_hook=row.subscription_id, failing_since=now)
        )

    if await context.service.database.unit(unit):
        LOG.warning("The webhook %s is failing: an event was given up.", row.subscription_id)


def pause(attempts: int) -> timedelta:
    """Before the next attempt, after so many: four times longer each, a fifth more or less."""
    seconds = min(FIRST_PAUSE_SECONDS * 4.0 ** (attempts - 1), LONGEST_PAUSE_SECONDS)
    # Nothing secret hangs on it.
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311
