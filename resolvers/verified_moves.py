"""Points reserved and points moved, proved: holds reserve what lots say, and what leaves one card
arrives on another.

Source: semantics 6 (Holds), 18.1.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from operator import attrgetter
from uuid import UUID

from models.card_statements import CardRow, cards_of
from models.database import Database
from models.payment_statements import payment_cards_of, payments_of, unreleased_holds_of
from models.transactions import Read
from models.verification_statements import all_lots, transfers_after
from resolvers.walks import walked

TRANSFERS = 5_000


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken invariant; `where` is a card, or what several cards share."""

    where: str
    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}: {self.detail}"


async def hold_faults(read: Read, card: CardRow) -> list[Fault]:
    """What a lot says is held is what unreleased holds reserve of it, each of a payment that is
    AUTHORIZED: the others have been released.
    """
    reserved: dict[UUID, int] = {}
    holds = await read.each(unreleased_holds_of, [card.card_id])
    for hold in holds:
        reserved[hold.lot_id] = reserved.get(hold.lot_id, 0) + hold.points
    faults = [
        f"{lot.lot_id} says {lot.held}, holds reserve {reserved.get(lot.lot_id, 0)}"
        for lot in await read.all(all_lots, of_card=card.card_id)
        if lot.held != reserved.pop(lot.lot_id, 0)
    ]
    faults += [f"holds reserve {units} of {lot_id}, no lot" for lot_id, units in reserved.items()]
    for payment_id in sorted({hold.payment_id for hold in holds}):
        status = await _status(read, payment_id)
        if status != "AUTHORIZED":
            faults.append(f"payment {payment_id} is {status} and still holds points")
    return [Fault(f"card {card.number}", "holds", text) for text in faults]


async def _status(read: Read, payment_id: UUID) -> str | None:
    for place in await read.each(payment_cards_of, [payment_id]):
        for row in await read.each(payments_of, [payment_id], of_card=place.card_id):
            return row.status
    return None


async def lineage_faults(read: Read, card: CardRow) -> list[Fault]:
    """A card is REPLACED if another took its place, and both name each other."""
    faults = []
    if (card.status == "REPLACED") != (card.replaced_by is not None):
        faults.append(
            Fault(f"card {card.number}", "lineage", f"{card.status}, by {card.replaced_by}")
        )
    others = {one for one in (card.replaced_by, card.replaces) if one is not None}
    for row in await read.each(cards_of, list(others)):
        named = row.replaces if row.card_id == card.replaced_by else row.replaced_by
        if named != card.card_id:
            faults.append(
                Fault(f"card {card.number}", "lineage", f"{row.number} names another card")
            )
    return faults


async def transfer_faults(database: Database) -> AsyncIterator[Fault]:
    """TRANSFER entries of one `adjustmentId` sum to 0, over all cards."""
    ids = attrgetter("adjustment_id")
    async for row in walked(database, transfers_after, ids, UUID(int=0), TRANSFERS):
        if row.points:
            yield Fault(f"adjustment {row.adjustment_id}", "transfer", f"sums to {row.points}")
