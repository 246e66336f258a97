"""One effect a key: replay, reuse, and the refusals that a late retry must not turn into a yes.

Source: semantics 12, engineering 3.1.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.directory_statements import KeyRow, answer_key, claim_key, key_used
from models.transactions import Transaction
from resolvers.context import Context
from resolvers.identifiers import content_hash, natural_key, operation_id
from rules import errors
from rules.book import RuleBook
from rules.errors import (
    IdempotencyKeyReused,
    InvalidInput,
    LoyaltyError,
    NotEnoughRewardPoints,
    RedemptionLimit,
)

MAXIMUM_KEY = 128

# Refusals that depend on state: kept under the key, so that the same request is refused the same
# way for ever.
KEPT: dict[str, Callable[..., LoyaltyError]] = {
    kind.code: kind
    for kind in (
        errors.CardAlreadyIssued,
        errors.CardBlocked,
        errors.CardReplaced,
        errors.CustomerBlocked,
        errors.CardCustomerConflict,
        errors.CardNoTender,
        errors.MaximumPointsReached,
        errors.OneLoyaltyTenderOnly,
        errors.NotEnoughRewardPoints,
        errors.PaymentStateConflict,
        errors.RedemptionLimit,
        errors.RefundExceedsAllowed,
    )
}

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """What a unit of work is told of the key it works under."""

    op_id: UUID
    transaction: Transaction
    book: RuleBook | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The ids of what was done; `replayed`: by an earlier call."""

    answer: Answer
    replayed: bool


class ReplayedRefusal(Exception):
    """The refusal that was stored under the key; it is told as the first time."""

    def __init__(self, error: LoyaltyError) -> None:
        super().__init__(error.message)
        self.error = error


def key_fault(key: str) -> InvalidInput | None:
    if 1 <= len(key) <= MAXIMUM_KEY and all("!" <= letter <= "~" for letter in key):
        return None
    return InvalidInput(
        f"A key has 1 to {MAXIMUM_KEY} visible ASCII characters.", ("idempotencyKey",)
    )


async def once(
    context: Context,
    mutation: str,
    key: str,
    command: object,
    work: Callable[[Operation], Awaitable[Answer]],
) -> Outcome:
    """Do `work` once for this mutation, caller and key; `command` is the input without the key.

    Raises ReplayedRefusal, IdempotencyKeyReused, or the LoyaltyError that `work` raised; then
    nothing has changed.
    """
    key_hash = natural_key(mutation, context.caller.scope, key)
    claim = {
        "key_hash": key_hash,
        "mutation": mutation,
        "payload_hash": content_hash(command),
        "first_used_at": context.service.clock(),
    }

    async def unit(transaction: Transaction, book: RuleBook | None) -> Outcome:
        if not await transaction.run(claim_key, **claim, outcome="DONE", answer="{}"):
            return await _replay(transaction, claim)
        answer = await work(Operation(operation_id(key_hash), transaction, book))
        await transaction.run(
            answer_key, of_key=key_hash, outcome="DONE", answer=json.dumps(answer)
        )
        return Outcome(answer, replayed=False)

    try:
        return await context.unit(unit)
    except LoyaltyError as refusal:
        if refusal.code not in KEPT:
            raise
        return await _keep(context, claim, refusal)


async def _keep(context: Context, claim: dict[str, Any], refusal: LoyaltyError) -> Outcome:
    """Store the refusal in a unit of its own: the work's unit was rolled back and left nothing."""
    facts = refusal.facts if isinstance(refusal, NotEnoughRewardPoints | RedemptionLimit) else {}
    stored = {
        "code": refusal.code,
        "message": refusal.message,
        "field": refusal.field,
        "facts": facts,
    }

    async def unit(transaction: Transaction, _book: RuleBook | None) -> Outcome | None:
        if await transaction.run(claim_key, **claim, outcome="REFUSED", answer=json.dumps(stored)):
            return None
        return await _replay(transaction, claim)

    outcome = await context.unit(unit)
    if outcome is None:
        raise refusal
    return outcome


async def _replay(transaction: Transaction, claim: dict[str, Any]) -> Outcome:
    row = await transaction.first(key_used, of_key=claim["key_hash"])
    if row is None:
        raise RuntimeError("a claimed key is there")
    if row.payload_hash != claim["payload_hash"]:
        raise IdempotencyKeyReused(row.first_used_at, ("idempotencyKey",))
    if row.outcome == "REFUSED":
        raise ReplayedRefusal(_stored_refusal(row))
    return Outcome(json.loads(row.answer), replayed=True)


def _stored_refusal(row: KeyRow) -> LoyaltyError:
    stored = json.loads(row.answer)
    field = tuple(stored["field"]) if stored["field"] is not None else None
    kind = KEPT[stored["code"]]
    if stored["facts"]:
        return kind(**stored["facts"], field=field)
    return kind(stored["message"], field)
