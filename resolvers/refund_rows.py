"""What a refund leaves of a payment and its slices. Source: semantics 7.2."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from models.payment_statements import refund_slice
from models.transactions import Transaction
from resolvers.holds import change, with_operations
from resolvers.payment_changes import Found
from rules import refunds
from rules.book import RuleBook
from rules.refunds import PaidLine, PaidSlice, Undone
from rules.returns import ReturnLine


@dataclass(frozen=True, slots=True)
class Refund:
    """Exactly one of the two says what is given back."""

    payment_id: UUID | None
    amount: Decimal | None = None
    lines: tuple[ReturnLine, ...] | None = None


@dataclass(frozen=True, slots=True)
class Refunding:
    """A payment under the locks of all cards concerned, on the day of the refund; `book` is the
    payment's, `effective` the one in force now.
    """

    found: Found
    book: RuleBook
    effective: RuleBook
    on: date
    slices: tuple[PaidSlice, ...]
    lines: tuple[PaidLine, ...]


async def write_slices(
    transaction: Transaction, refunding: Refunding, undone: Sequence[Undone]
) -> None:
    row, slices = refunding.found.row, refunding.slices
    by_place = {one.slice.place: one for one in undone}
    for one, used in zip(slices, refunds.still_used(slices, undone), strict=True):
        back = by_place.get(one.place, Undone(one, 0, 0))
        if back.units or back.minor or used != one.used_minor:
            await transaction.run(
                refund_slice,
                of_card=row.card_id,
                of_payment=row.payment_id,
                of_slice=one.place,
                used_minor=used,
                refunded_points=one.refunded_units + back.units,
                refunded_minor=one.refunded_minor + back.minor,
            )


async def write_payment(
    transaction: Transaction,
    refunding: Refunding,
    undone: Sequence[Undone],
    quantities: dict[int, int],
    written: Sequence[tuple[UUID, UUID]],
) -> None:
    row = refunding.found.row
    await write_slices(transaction, refunding, undone)
    refunded = row.refunded_minor + sum(one.minor for one in undone)
    status = "PARTIALLY_REFUNDED" if undone else row.status
    back = json.loads(row.refunded_quantities or "{}")
    for number, quantity in quantities.items():
        back[str(number)] = back.get(str(number), 0) + quantity
    await change(
        transaction,
        row._replace(
            status="REFUNDED" if refunded == row.amount_minor else status,
            refunded_minor=refunded,
            operations=with_operations(row, written),
            refunded_quantities=json.dumps(back),
        ),
    )
