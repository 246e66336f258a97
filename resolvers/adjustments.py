"""Adjustments: points set right by staff, dated by when it happened. Source: semantics 11."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from models.card_statements import CardRow, insert_note
from models.transactions import Transaction
from resolvers import cards
from resolvers.audits import audit_card
from resolvers.callers import FORCE, Role
from resolvers.cards import COMMENT
from resolvers.clock import FUTURE_TOLERANCE, civil_date
from resolvers.context import Context
from resolvers.customers import MAXIMUM_TEXT
from resolvers.identifiers import random_id
from resolvers.judging import room_below
from resolvers.kin import lock_with_kin
from resolvers.ledgers import CardLedger, open_ledger
from resolvers.lot_dates import lot_dates
from resolvers.point_books import Step
from resolvers.replays import Answer, Operation, Outcome, key_fault, once
from resolvers.spending import short_units, take_available
from resolvers.stored_standings import standing_in_unit
from resolvers.winning_tiers import win_tiers
from resolvers.writing import write
from rules import explanations
from rules.book import RuleBook
from rules.errors import (
    CardReplaced,
    Forbidden,
    InvalidInput,
    LoyaltyError,
    MaximumPointsReached,
    NotFound,
    ProgramNotFound,
    Refused,
    RewardPointNotFound,
)
from rules.explanations import point_digits
from rules.ledger import Draft, EntryType, Origin, Reason
from rules.lots import take
from rules.numbers import scale, show_units
from rules.program import RewardPoint


@dataclass(frozen=True, slots=True)
class Adjust:
    card_number: str
    reward_point: str
    points: Decimal
    reason_code: str
    program: str | None = None
    occurred_at: datetime | None = None
    comment: str | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class _Adjustment:
    """An adjustment whose card is locked, ready to be judged."""

    command: Adjust
    book: RuleBook
    point: RewardPoint
    units: int
    occurred_at: datetime
    entry_date: date
    adjustment_id: UUID


async def adjust(context: Context, key: str, command: Adjust) -> Outcome:
    """Post one ADJUST entry; the answer names the card and the operation.

    Raises Refused, Forbidden, CardNotFound, CardReplaced, RewardPointNotFound, ProgramNotFound,
    NotEnoughRewardPoints, MaximumPointsReached.
    """
    _check_form(context, key, command)
    may_force = context.caller.role is Role.ADMIN or FORCE in context.caller.rights
    if command.force and not may_force:
        raise Forbidden("This key has no right to force.", ("force",))

    async def work(operation: Operation) -> Answer:
        return await _adjust(context, operation, command)

    return await once(context, "adjustPoints", key, command, work)


def _check_form(context: Context, key: str, command: Adjust) -> None:
    faults: list[LoyaltyError | None] = [key_fault(key)]
    if command.points == 0:
        faults.append(InvalidInput("An adjustment is not 0.", ("points",)))
    if not 1 <= len(command.reason_code) <= MAXIMUM_TEXT:
        message = f"A reason code has 1 to {MAXIMUM_TEXT} characters."
        faults.append(InvalidInput(message, ("reasonCode",)))
    faults += [comment_fault(command.comment), future_fault(context, command.occurred_at)]
    found = [fault for fault in faults if fault is not None]
    if found:
        raise Refused(found)


MAXIMUM_COMMENT = 1000


def comment_fault(comment: str | None) -> InvalidInput | None:
    if comment is None or len(comment) <= MAXIMUM_COMMENT:
        return None
    return InvalidInput(f"At most {MAXIMUM_COMMENT} characters.", ("comment",))


def check_comment(comment: str | None) -> None:
    fault = comment_fault(comment)
    if fault is not None:
        raise fault


def future_fault(context: Context, occurred_at: datetime | None) -> InvalidInput | None:
    if occurred_at is None or occurred_at <= context.service.clock() + FUTURE_TOLERANCE:
        return None
    return InvalidInput("This lies in the future.", ("occurredAt",))


@contextmanager
def blaming_points() -> Iterator[None]:
    """What would pass a bound of entries or balances is refused at `points`."""
    try:
        yield
    except InvalidInput as beyond:
        beyond.field = ("points",)
        raise


def whole_units(point: RewardPoint, points: Decimal) -> int:
    """Smallest units. Raises InvalidInput for a fraction of one."""
    units = Fraction(points) * scale(point_digits(point))
    if units.denominator != 1:
        raise InvalidInput("This is no whole number of the reward point's units.", ("points",))
    return units.numerator


def known_point(book: RuleBook, code: str) -> RewardPoint:
    point = book.reward_points.get(code)
    if point is None:
        raise RewardPointNotFound("There is no such reward point.", ("rewardPoint",))
    return point


async def _adjust(context: Context, operation: Operation, command: Adjust) -> Answer:
    transaction, book = operation.transaction, operation.book
    if book is None:
        raise NotFound("No configuration is in force yet.")
    # Before the card: a refusal by its status is kept, and would hide this one for ever.
    point = known_point(book, command.reward_point)
    units = whole_units(point, command.points)
    found = await cards.find_for_unit(context, transaction, command.card_number, ("cardNumber",))
    card = (await lock_with_kin(context, transaction, [found]))[found.card_id]
    if card.status == "REPLACED":
        raise CardReplaced("This card was replaced.", ("cardNumber",))
    now = context.service.clock()
    standing = await standing_in_unit(context, transaction, card, book)
    occurred_at = command.occurred_at or now
    today = civil_date(now, standing.time_zone)
    entry_date = civil_date(occurred_at, standing.time_zone)
    # What is adjusted may be older than the enrolment, and what has ended may be corrected.
    _check_program(command, standing.programs_on(entry_date) | standing.programs_on(today))
    asked = _Adjustment(
        command,
        book,
        point,
        units,
        occurred_at,
        entry_date,
        random_id(context.service.randomness),
    )
    ledger = await open_ledger(
        transaction, card, now, standing.time_zone, context.service.randomness
    )
    with blaming_points():
        (entry_id,) = await ledger.add([await _step(ledger, asked)])
        posted = await write(ledger, operation.op_id, "adjust")
    await _note(context, transaction, card, entry_id, asked, now)
    await win_tiers(context, transaction, posted, standing, today)
    return {"card_id": str(card.card_id), "op_id": str(operation.op_id)}


def _check_program(command: Adjust, programs: Collection[str]) -> None:
    if command.program is not None and command.program not in programs:
        raise ProgramNotFound("The card is not enrolled in this program.", ("program",))


async def _step(ledger: CardLedger, asked: _Adjustment) -> Step:
    draft = _draft(asked)
    if asked.units > 0:
        if not asked.command.force:
            await check_maximum(ledger, asked.book, asked.point, asked.units)
        return Step(draft)
    if not asked.command.force:
        taken = await take_available(
            ledger, asked.point, -asked.units, asked.entry_date, ("points",)
        )
        return Step(draft, taken)
    lots = (await ledger.reopen(asked.point, asked.entry_date)).lots.values()
    borne = take(lots, -asked.units, asked.entry_date)
    return Step(draft, borne, short_units(borne, -asked.units))


async def check_maximum(ledger: CardLedger, book: RuleBook, point: RewardPoint, units: int) -> None:
    """Raises MaximumPointsReached where the card would hold more than the point's maximum."""
    room = await room_below(
        ledger.transaction, book, ledger.card, ledger.now, ledger.zone, ledger.today
    )
    if units > room.get(point.code, units):
        raise MaximumPointsReached("The card would hold more than its maximum.", ("points",))


def _draft(asked: _Adjustment) -> Draft:
    vests_on: date | None = None
    expires_on: date | None = None
    if asked.units > 0:
        vests_on, expires_on = lot_dates(asked.point, asked.entry_date)
    digits = point_digits(asked.point)
    return Draft(
        entry_type=EntryType.ADJUST,
        reward_point=asked.point.code,
        points_units=asked.units,
        entry_date=asked.entry_date,
        counts_on=asked.entry_date,
        occurred_at=asked.occurred_at,
        vests_on=vests_on,
        expires_on=expires_on,
        origin=Origin(program=asked.command.program, adjustment_id=asked.adjustment_id),
        reason=Reason(
            asked.book.version,
            None,
            None,
            asked.units,
            explanations.adjustment(asked.units, digits),
        ),
    )


async def _note(
    context: Context,
    transaction: Transaction,
    card: CardRow,
    entry_id: UUID,
    asked: _Adjustment,
    now: datetime,
) -> None:
    if asked.command.comment is not None:
        await write_comment(context, transaction, card, entry_id, asked.command.comment, now)
    await audit_card(
        context,
        transaction,
        card.card_id,
        "adjustPoints",
        now,
        reason=asked.command.reason_code,
        after={
            "rewardPoint": asked.point.code,
            "points": show_units(asked.units, point_digits(asked.point)),
            "force": asked.command.force,
        },
    )


async def write_comment(
    context: Context,
    transaction: Transaction,
    card: CardRow,
    entry_id: UUID,
    text: str,
    now: datetime,
) -> None:
    await transaction.run(
        insert_note,
        card_id=card.card_id,
        note_id=random_id(context.service.randomness),
        subject_id=entry_id,
        kind=COMMENT,
        text=text,
        written_at=now,
    )
