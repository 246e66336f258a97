"""One row for each mutation by staff or administrators: who, what, why, before, after. Source: api
promise 12.

Personal fields are named, never shown.
"""

import json
from datetime import datetime
from uuid import UUID

from models.card_statements import insert_card_audit
from models.database import Transaction
from models.directory_statements import insert_audit
from resolvers.context import Context
from resolvers.identifiers import random_id

Facts = dict[str, object]


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
    if context.caller.is_managing:
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
    if context.caller.is_managing:
        row = _row(context, operation, now, reason, before, after)
        await transaction.run(
            insert_audit,
            customer_key=customer_key,
            configuration_version=configuration_version,
            **row,
        )
