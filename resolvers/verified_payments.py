"""Payments proved: what their slices say was paid is what they took from the books, or reserve.

Source: semantics 7.2, 8.5, 18.2.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from uuid import UUID

from models.card_statements import CardRow
from models.ledger_statements import entries_of_operations
from models.payment_statements import PaymentRow, SliceRow, hold_lots_of_payment
from models.transactions import Read
from models.verification_statements import all_payments, all_slices
from resolvers.holds import AUTHORIZED, cards_of, operations_of
from resolvers.verified_moves import Fault

TAKING = frozenset({"CAPTURED", "PARTIALLY_REFUNDED", "REFUNDED"})
Points = dict[str, int]


async def payment_faults(read: Read, card: CardRow) -> list[Fault]:
    """A payment's slices add up to its money, to its REDEEM entries on whatever cards, and before a
    capture to what it reserves; what was refunded is within them.
    """
    payments = await read.all(all_payments, of_card=card.card_id)
    slices: dict[UUID, list[SliceRow]] = defaultdict(list)
    for one in await read.all(all_slices, of_card=card.card_id):
        slices[one.payment_id].append(one)
    redeemed = await _redeemed(read, payments)
    faults = []
    for row in payments:
        mine = slices[row.payment_id]
        faults += [*_money_faults(row, mine)]
        took = await _reserved(read, row) if row.status == AUTHORIZED else redeemed[row.payment_id]
        if row.status in {AUTHORIZED, *TAKING} and _points(mine) != took:
            faults.append(f"payment {row.payment_id} took {took}, its slices {_points(mine)}")
    return [Fault(f"card {card.number}", "payments", text) for text in faults]


def _money_faults(row: PaymentRow, slices: Sequence[SliceRow]) -> Iterator[str]:
    paid = sum(one.amount_minor for one in slices)
    if paid != row.amount_minor:
        yield f"payment {row.payment_id} is of {row.amount_minor}, its slices of {paid}"
    refunded = sum(one.refunded_minor for one in slices)
    if refunded != row.refunded_minor:
        yield f"payment {row.payment_id} gave back {row.refunded_minor}, its slices {refunded}"
    for one in slices:
        if one.refunded_minor > one.amount_minor or one.refunded_points > one.points:
            yield f"slice {one.slice_no} of payment {row.payment_id} gave back more than it took"


def _points(slices: Sequence[SliceRow]) -> Points:
    units: Points = Counter()
    for one in slices:
        units[one.reward_point] += one.points
    return {code: taken for code, taken in units.items() if taken}


async def _redeemed(read: Read, payments: Sequence[PaymentRow]) -> dict[UUID, Points]:
    """Units that REDEEM entries took, by payment and reward point: a statement a card."""
    operations: dict[UUID, list[UUID]] = defaultdict(list)
    for row in payments:
        for card_id, op_id in operations_of(row):
            operations[card_id].append(op_id)
    found: dict[UUID, Points] = defaultdict(Counter)
    for card_id, ids in operations.items():
        for entry in await read.each(entries_of_operations, ids, of_card=card_id):
            if entry.entry_type == "REDEEM" and entry.payment_id is not None:
                found[entry.payment_id][entry.reward_point] -= entry.points
    return found


async def _reserved(read: Read, row: PaymentRow) -> Points:
    units: Points = Counter()
    for card_id in cards_of([row]):
        given = {"of_card": card_id, "of_payment": row.payment_id}
        for hold in await read.all(hold_lots_of_payment, **given):
            units[hold.reward_point] += hold.points
    return units
