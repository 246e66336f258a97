"""One row for each mutation by staff or administrators: who, what, why, before, after. Source: api
promise 12.

Personal fields are named, never shown. A call that changes nothing leaves none.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from models.card_statements import insert_card_audit
from models.directory_statements import insert_audit
from models.transactions import Transaction
from resolvers.context import Call, Context
from resolvers.identifiers import random_id

Facts = dict[str, object]


@contextmanager
def one_row(context: Context, operation: str, facts: Facts) -> Iterator[None]:
    """What is done inside is one call: its row is written with the first of its effects.

    Each effect may be a unit of its own, so each writes the row, and the first one stands: no
    effect is without it, and there is one. Inside another such call the outer one counts.
    """
    outer = context.call
    if outer is None:
        context.call = Call(operation, random_id(context.service.randomness), facts)
    try:
        yield
    finally:
        context.call = outer


def _row(
    context: Context,
    operation: str,
    now: datetime,
    reason: str | None,
    before: Facts | None,
    after: Facts | None,
) -> dict[str, object]:
    return {
        "audit_id": random_id(context.service.randomness),
        "caller": context.caller.name,
        "role": context.caller.role.value,
        "operation": operation,
        "reason": reason,
        "before": None if before is None else json.dumps(before, default=str),
        "after": None if after is None else json.dumps(after, default=str),
        "request_id": context.request_id,
        "written_at": now,
    }


async def _audit_call(
    context: Context, transaction: Transaction, call: Call, now: datetime
) -> None:
    row = _row(context, call.operation, now, None, None, dict(call.facts))
    await transaction.run(
        insert_audit,
        customer_key=None,
        configuration_version=None,
        **{**row, "audit_id": call.audit_id},
    )


async def audit_card(
    context: Context,
    transaction: Transaction,
    card_id: UUID,
    operation: str,
    now: datetime,
    *,
    reason: str | None = None,
    before: Facts | None = None,
    after: Facts | None = None,
) -> None:
    """An audit row of what was done to a card."""
    if not context.caller.is_managing:
        return
    if context.call is not None:
        await _audit_call(context, transaction, context.call, now)
        return
    row = _row(context, operation, now, reason, before, after)
    await transaction.run(insert_card_audit, card_id=card_id, **row)


async def audit(
    context: Context,
    transaction: Transaction,
    operation: str,
    now: datetime,
    *,
    customer_key: UUID | None = None,
    configuration_version: int | None = None,
    reason: str | None = None,
    before: Facts | None = None,
    after: Facts | None = None,
) -> None:
    """An audit row of what has no card: a customer, or the program itself."""
    if not context.caller.is_managing:
        return
    if context.call is not None:
        await _audit_call(context, transaction, context.call, now)
        return
    row = _row(context, operation, now, reason, before, after)
    await transaction.run(
        insert_audit,
        customer_key=customer_key,
        configuration_version=configuration_version,
        **row,
    )
