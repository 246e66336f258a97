"""The natural key that sales and returns share, and what is judged of both alike. Source: semantics
12.
"""

from datetime import datetime

from models.sale_statements import sales_of
from models.transactions import Transaction
from resolvers.clock import FUTURE_TOLERANCE
from resolvers.context import Context
from resolvers.identifiers import natural_key
from rules.errors import IdempotencyKeyReused, InvalidInput, LoyaltyError

MAXIMUM_TRANSACTION_ID = 128


def sale_key(channel: str, transaction_id: str) -> bytes:
    """SHA-256 of the natural key that sales and returns share."""
    return natural_key("sale", channel, transaction_id)


def key_faults(context: Context, transaction_id: str, occurred_at: datetime) -> list[LoyaltyError]:
    """What is wrong with the form of an id and of the moment of a sale or return."""
    faults: list[LoyaltyError] = []
    if not 1 <= len(transaction_id) <= MAXIMUM_TRANSACTION_ID:
        message = f"A transaction id has 1 to {MAXIMUM_TRANSACTION_ID} characters."
        faults.append(InvalidInput(message, ("transactionId",)))
    if occurred_at > context.service.clock() + FUTURE_TOLERANCE:
        faults.append(InvalidInput("This lies in the future.", ("occurredAt",)))
    return faults


async def posted_before(transaction: Transaction, key: bytes, content: bytes) -> bool:
    """Whether this very sale or return is there. Raises IdempotencyKeyReused for another under its
    key.
    """
    rows = await transaction.each(sales_of, [key])
    if rows and rows[0].content_hash != content:
        raise IdempotencyKeyReused(rows[0].posted_at, ("transactionId",))
    return bool(rows)
