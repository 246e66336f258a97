"""Transfers: a gift of available points from card to card; its lots keep their last days.

Source: semantics 11.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from models.card_statements import CardRow
from models.transactions import Transaction
from resolvers import cards
from resolvers.adjustments import (
    blaming_points,
    check_maximum,
    comment_fault,
    known_point,
    whole_units,
    write_comment,
)
from resolvers.audits import audit_card
from resolvers.context import Context
from resolvers.identifiers import random_id
from resolvers.ledgers import CardLedger, open_ledger
from resolvers.point_books import Step
from resolvers.postings import lock_card
from resolvers.replays import Answer, Operation, Outcome, key_fault, once
from resolvers.spending import take_available
from resolvers.stored_standings import standing_in_unit
from resolvers.writing import write
from rules import explanations
from rules.balances import NEVER
from rules.book import RuleBook
from rules.errors import CardBlocked, CardReplaced, InvalidInput, LoyaltyError, NotFound, Refused
from rules.explanations import point_digits
from rules.ledger import Draft, EntryType, Origin, Reason
from rules.lots import Taken, taken_units
from rules.numbers import show_units
from rules.program import RewardPoint


@dataclass(frozen=True, slots=True)
class Transfer:
    from_card_number: str
    to_card_number: str
    reward_point: str
    points: Decimal
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """What all TRANSFER entries of one reward point in one operation share."""

    version: int
    point: RewardPoint
    adjustment_id: UUID
    now: datetime

    def draft(
        self, units: int, on: date, vests_on: date | None = None, expires_on: date | None = None
    ) -> Draft:
        """An entry of signed `units`; a lot keeps the dates given."""
        return Draft(
            entry_type=EntryType.TRANSFER,
            reward_point=self.point.code,
            points_units=units,
            entry_date=on,
            counts_on=on,
            occurred_at=self.now,
            vests_on=vests_on,
            expires_on=None if expires_on == NEVER else expires_on,
            origin=Origin(adjustment_id=self.adjustment_id),
            reason=Reason(
                self.version,
                None,
                None,
                units,
                explanations.transfer(units, point_digits(self.point)),
            ),
        )


async def transfer(context: Context, key: str, command: Transfer) -> Outcome:
    """Move points between two cards in one transaction; both cards are locked in id order.

    Raises Refused, CardNotFound, CardBlocked, CardReplaced, RewardPointNotFound,
    NotEnoughRewardPoints, MaximumPointsReached; then nothing has changed.
    """
    _check_form(key, command)

    async def work(operation: Operation) -> Answer:
        return await _transfer(context, operation, command)

    return await once(context, "transferPoints", key, command, work)


def _check_form(key: str, command: Transfer) -> None:
    faults: list[LoyaltyError | None] = [key_fault(key), comment_fault(command.comment)]
    if command.points <= 0:
        faults.append(InvalidInput("A transfer is above 0.", ("points",)))
    if command.from_card_number == command.to_card_number:
        faults.append(InvalidInput("A card gives nothing to itself.", ("toCardNumber",)))
    found = [fault for fault in faults if fault is not None]
    if found:
        raise Refused(found)


async def _transfer(context: Context, operation: Operation, command: Transfer) -> Answer:
    transaction, book = operation.transaction, operation.book
    if book is None:
        raise NotFound("No configuration is in force yet.")
    # Before the cards: a refusal by their status is kept, and would hide this one for ever.
    point = known_point(book, command.reward_point)
    if not point.redeemable:
        raise InvalidInput("Only redeemable points can be given.", ("rewardPoint",))
    units = whole_units(point, command.points)
    source, target = await _locked(context, transaction, command)
    adjustment_id = random_id(context.service.randomness)
    gift = Move(book.version, point, adjustment_id, context.service.clock())
    giving = await _ledger(context, transaction, book, source, gift.now)
    taking = await _ledger(context, transaction, book, target, gift.now)
    taken = await take_available(giving, point, units, giving.today, ("points",))
    await check_maximum(taking, book, point, units)
    with blaming_points():
        await _write(context, operation, gift, (giving, taking), taken, command.comment)
    return {
        "card_id": str(source.card_id),
        "to_card_id": str(target.card_id),
        "op_id": str(operation.op_id),
    }


async def _locked(
    context: Context, transaction: Transaction, command: Transfer
) -> tuple[CardRow, CardRow]:
    """Source and target, locked in ascending order of id; the source is judged first."""
    found = (
        await cards.find_for_unit(
            context, transaction, command.from_card_number, ("fromCardNumber",)
        ),
        await cards.find_for_unit(context, transaction, command.to_card_number, ("toCardNumber",)),
    )
    ids = sorted((row.card_id for row in found), key=lambda card_id: card_id.bytes)
    rows = {card_id: await lock_card(transaction, card_id) for card_id in ids}
    source, target = (rows[row.card_id] for row in found)
    for row, path in ((source, ("fromCardNumber",)), (target, ("toCardNumber",))):
        if row.status == "BLOCKED":
            raise CardBlocked("This card is blocked.", path)
        if row.status == "REPLACED":
            raise CardReplaced("This card was replaced.", path)
    return source, target


async def _ledger(
    context: Context, transaction: Transaction, book: RuleBook, card: CardRow, now: datetime
) -> CardLedger:
    standing = await standing_in_unit(context, transaction, card, book)
    zone = standing.time_zone
    return await open_ledger(transaction, card, now, zone, context.service.randomness)


async def _write(
    context: Context,
    operation: Operation,
    gift: Move,
    ledgers: tuple[CardLedger, CardLedger],
    taken: tuple[Taken, ...],
    comment: str | None,
) -> None:
    giving, taking = ledgers
    units = taken_units(taken)
    out = Step(gift.draft(-units, giving.today), taken)
    given = await giving.add([out])
    received = await taking.add(
        [
            Step(gift.draft(one.units, taking.today, one.lot.vests_on, one.lot.expires_on))
            for one in taken
        ]
    )
    # Written in the order in which the cards were locked.
    for ledger in sorted(ledgers, key=lambda one: one.card.card_id.bytes):
        await write(ledger, operation.op_id, "transfer")
    if comment is not None:
        for ledger, ids in ((giving, given), (taking, received)):
            for entry_id in ids:
                await write_comment(
                    context, operation.transaction, ledger.card, entry_id, comment, gift.now
                )
    await audit_card(
        context,
        operation.transaction,
        giving.card.card_id,
        "transferPoints",
        gift.now,
        after={
            "to": taking.card.number,
            "rewardPoint": gift.point.code,
            "points": show_units(units, point_digits(gift.point)),
        },
    )
