"""Replacing a card: a new one takes its place with everything that it is and has.

Of a lot and of a debt there is one entry on either card, of equal `op_line`, so that later returns
find where each went. Source: semantics 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from models.card_statements import (
    CardRow,
    StoredTierRow,
    insert_enrolment,
    insert_note,
    insert_tier_row,
    mark_replaced,
)
from models.customer_statements import locked_customer
from models.reward_statements import counters_of, insert_counter
from models.transactions import Transaction
from resolvers import cards
from resolvers.audits import audit_card
from resolvers.callers import check_channel
from resolvers.cards import REPLACE_REASON
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.customers import MAXIMUM_TEXT
from resolvers.held_cards import lock_with_holds
from resolvers.identifiers import natural_key, operation_id, random_id
from resolvers.issuing import check_participation, insert_new_card, new_card
from resolvers.kin import held_together
from resolvers.ledgers import CardLedger, open_ledger
from resolvers.lineage import REPLACING
from resolvers.numbers import Wanted, claim, number_fault
from resolvers.outbox import Event
from resolvers.point_books import Step
from resolvers.postings import lock_card
from resolvers.programs import known_channel
from resolvers.replays import Answer, Operation, Outcome, key_fault, once
from resolvers.standings import Standing
from resolvers.stored_standings import standing_in_unit
from resolvers.transfers import Move
from resolvers.winning_tiers import bring_to_joined
from resolvers.writing import write
from rules.book import RuleBook
from rules.errors import CardReplaced, CustomerBlocked, InvalidInput, LoyaltyError, Refused
from rules.lots import Debt, Lot, Taken, lot_order
from rules.program import Channel


@dataclass(frozen=True, slots=True)
class Replace:
    channel: str
    number: str
    new_number: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Swap:
    """Both cards, the old one under its lock, and what the old one stands for."""

    context: Context
    operation: Operation
    book: RuleBook
    old: CardRow
    new: CardRow
    standing: Standing
    zone: str  # of the new card
    reason: str | None

    @property
    def transaction(self) -> Transaction:
        return self.operation.transaction

    @property
    def now(self) -> datetime:
        return self.new.issued_at

    @property
    def old_today(self) -> date:
        return civil_date(self.now, self.standing.time_zone)


async def replace_card(context: Context, key: str, command: Replace) -> Outcome:
    """Issue a card in place of another; the answer names both.

    Raises Refused, ChannelNotFound, ChannelInactive, ChannelNotParticipating, CardNotFound,
    CardReplaced, CustomerBlocked, CardAlreadyIssued, NumberOutOfRange, NumberSequenceMissing.
    """
    _check_form(key, command)
    check_channel(context.caller, command.channel, ("channel",))

    async def work(operation: Operation) -> Answer:
        return await _replace(context, operation, command)

    return await once(context, "replaceLoyaltyCard", key, command, work)


def _check_form(key: str, command: Replace) -> None:
    faults: list[LoyaltyError | None] = [
        key_fault(key),
        number_fault(command.new_number, ("newNumber",)),
    ]
    if command.reason is not None and not 1 <= len(command.reason) <= MAXIMUM_TEXT:
        message = f"A reason has 1 to {MAXIMUM_TEXT} characters."
        faults.append(InvalidInput(message, ("reason",)))
    found = [fault for fault in faults if fault is not None]
    if found:
        raise Refused(found)


async def _replace(context: Context, operation: Operation, command: Replace) -> Answer:
    transaction, book = operation.transaction, operation.book
    channel = known_channel(book, command.channel, ("channel",))
    if book is None:
        raise AssertionError
    check_participation(book, channel)
    found = await cards.find_for_unit(context, transaction, command.number)
    _refuse_replaced(found)
    await _check_customer(transaction, found.customer_key)
    new = await _successor(context, transaction, book, channel, found, command)
    # The number's sequence is locked before cards are.
    held = await lock_with_holds(context, transaction, [found], book, new.issued_at)
    _refuse_replaced(held.ledgers[found.card_id].card)
    voiding = operation_id(natural_key("voidHolds", str(operation.op_id)))
    await held.void_all(transaction, voiding, "voidLoyaltyPayment", {})
    old = await lock_card(transaction, found.card_id)
    standing = await standing_in_unit(context, transaction, old, book)
    zone, reason = channel.time_zone, command.reason
    swap = _Swap(context, operation, book, old, new, standing, zone, reason)
    await _write(swap)
    if old.status == "BLOCKED":
        together = await held_together(context, transaction, {new.customer_key} - {None})
        await bring_to_joined(context, transaction, together, book, swap.now)
    return {"card_id": str(new.card_id), "replaced_id": str(old.card_id)}


def _refuse_replaced(card: CardRow) -> None:
    if card.status == "REPLACED":
        raise CardReplaced("This card was replaced.", ("number",))


async def _check_customer(transaction: Transaction, customer_key: UUID | None) -> None:
    if customer_key is None:
        return
    row = await transaction.first(locked_customer, of_customer=customer_key)
    if row is not None and row.blocked_for_loyalty:
        raise CustomerBlocked("This card's customer is blocked for loyalty.", ("number",))


async def _successor(
    context: Context,
    transaction: Transaction,
    book: RuleBook,
    channel: Channel,
    old: CardRow,
    command: Replace,
) -> CardRow:
    """The new card with its number, not written yet."""
    now = context.service.clock()
    new = new_card(context, channel, old.tender_type, old.customer_key, now, old.card_id)
    wanted = Wanted(new.card_id, channel, command.new_number, ("newNumber",))
    return new._replace(number=await claim(context, transaction, book, wanted))


async def _write(swap: _Swap) -> None:
    transaction, old, new = swap.transaction, swap.old, swap.new
    await insert_new_card(transaction, new)
    await _copy_membership(swap)
    randomness = swap.context.service.randomness
    leaving = await open_ledger(transaction, old, swap.now, swap.standing.time_zone, randomness)
    arriving = await open_ledger(transaction, new, swap.now, swap.zone, randomness)
    # Live holds of the old card are voided here, before its points move.
    await _move_points(swap, leaving, arriving)
    await transaction.run(mark_replaced, of_card=old.card_id, replaced_by=new.card_id)
    op_id, programs = swap.operation.op_id, sorted(swap.standing.programs_on(new.issued_on))
    await write(leaving, op_id, REPLACING, [Event("cardChanged", {})])
    issued: dict[str, object] = {"channel": new.enrollment_source, "programs": programs}
    await write(arriving, op_id, REPLACING, [Event("cardIssued", issued)])
    await _record(swap)


async def _copy_membership(swap: _Swap) -> None:
    """Enrolments and tier rows of the same days, those included that time has brought by now."""
    randomness, card_id = swap.context.service.randomness, swap.new.card_id
    await swap.transaction.run_many(
        insert_enrolment,
        [
            row._replace(card_id=card_id, enrolment_id=random_id(randomness))._asdict()
            for row in swap.standing.enrolments
        ],
    )
    for row in await swap.transaction.each(counters_of, [swap.old.card_id]):
        await swap.transaction.run(insert_counter, **row._replace(card_id=card_id)._asdict())
    programs = [row.program for row in swap.standing.enrolments]
    programs += [row.program for row in swap.standing.rows]
    await swap.transaction.run_many(
        insert_tier_row,
        [
            StoredTierRow(
                card_id,
                random_id(randomness),
                program,
                row.tier,
                row.starts_on,
                row.ends_on,
                row.manual,
                row.brought,
            )._asdict()
            for program in dict.fromkeys(programs)
            for row in swap.standing.rows_until(program, swap.old_today)
        ],
    )


async def _move_points(swap: _Swap, leaving: CardLedger, arriving: CardLedger) -> None:
    """All debts, then all lots that have not expired, in their order; maxima do not count."""
    adjustment_id = random_id(swap.context.service.randomness)
    pairs: list[tuple[Step, Step]] = []
    for code in sorted(leaving.balances):
        point = await swap.context.service.books.reward_point(swap.transaction, code)
        move = Move(swap.book.version, point, adjustment_id, swap.now)
        pairs += await _pairs(move, leaving, arriving.today)
    await leaving.add([out for out, _ in pairs])
    await arriving.add([into for _, into in pairs])


async def _pairs(move: Move, leaving: CardLedger, arrives_on: date) -> Sequence[tuple[Step, Step]]:
    """What leaves the one card and arrives on the other; debt is met here and owed there.

    What a channel whose calendar is ahead has dated moves on its own day: before it, neither card
    has it.
    """
    book, today = await leaving.open(move.point.code), leaving.today
    owed = sorted(book.debts.values(), key=lambda debt: debt.seq_no)
    kept = (lot for lot in book.lots.values() if lot.remainder and lot.expires_on >= today)
    return [
        *(_debt_pair(move, debt, today, arrives_on) for debt in owed),
        *(_lot_pair(move, lot, today, arrives_on) for lot in lot_order(kept)),
    ]


def _debt_pair(move: Move, debt: Debt, today: date, arrives_on: date) -> tuple[Step, Step]:
    met_on, owed_on = max(today, debt.entry_date), max(arrives_on, debt.entry_date)
    return (
        Step(move.draft(debt.units, met_on, met_on)),
        Step(move.draft(-debt.units, owed_on), debt_units=debt.units),
    )


def _lot_pair(move: Move, lot: Lot, today: date, arrives_on: date) -> tuple[Step, Step]:
    units = lot.remainder
    left_on, arrived_on = max(today, lot.entry_date), max(arrives_on, lot.entry_date)
    return (
        Step(move.draft(-units, left_on), (Taken(lot, units),)),
        Step(move.draft(units, arrived_on, lot.vests_on, lot.expires_on)),
    )


async def _record(swap: _Swap) -> None:
    context, transaction, old, new = swap.context, swap.transaction, swap.old, swap.new
    if swap.reason is not None:
        await transaction.run(
            insert_note,
            card_id=old.card_id,
            note_id=random_id(context.service.randomness),
            subject_id=old.card_id,
            kind=REPLACE_REASON,
            text=swap.reason,
            written_at=swap.now,
        )
    await audit_card(
        context,
        transaction,
        old.card_id,
        "replaceLoyaltyCard",
        swap.now,
        reason=swap.reason,
        before={"status": old.status},
        after={"status": "REPLACED", "replacedBy": new.number},
    )
