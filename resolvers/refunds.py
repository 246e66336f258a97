"""Giving back points that paid: by amount, or by the lines that come back.

Points go back to the cards and lots they came from, last consumed first; those of a replaced card
to its newest successor. Source: semantics 7.2.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from uuid import UUID

from models.failures import ChangedMeanwhile
from models.payment_statements import SliceRow, hold_lots_of_payment, slices_of
from models.transactions import Transaction
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.holds import cards_of
from resolvers.lineage import newest
from resolvers.lot_dates import lot_dates
from resolvers.payment_changes import Found, check_form, find_row, finish
from resolvers.point_books import Step
from resolvers.pools import lock_cards
from resolvers.refund_rows import Refund, Refunding, write_payment
from resolvers.replays import Answer, Operation, Outcome, once
from rules import explanations, refunds
from rules.book import RuleBook
from rules.errors import (
    InvalidPaymentRequest,
    LoyaltyError,
    PaymentStateConflict,
    RefundExceedsAllowed,
)
from rules.explanations import point_digits
from rules.ledger import Draft, EntryType, Origin, Reason
from rules.numbers import fits_minor, to_minor
from rules.refunds import PaidLine, PaidSlice, Source, Undone
from rules.returns import MILLION, form_faults
from rules.tender import tender
from rules.tender_json import facts_from_json

REFUNDABLE = frozenset({"CAPTURED", "PARTIALLY_REFUNDED"})


async def refund(context: Context, key: str, command: Refund) -> Outcome:
    """Give points back, at any balance; they vest at once and no maximum cuts them.

    Raises Refused, InvalidPaymentRequest, NotFound, PaymentStateConflict, InvalidInput,
    RefundExceedsAllowed.
    """
    check_form(key, command.payment_id, _line_faults(command))

    async def work(operation: Operation) -> Answer:
        return await _refund(context, operation, command)

    return await once(context, "refundLoyaltyPayment", key, command, work)


def _line_faults(command: Refund) -> list[LoyaltyError]:
    return [] if command.lines is None else [*form_faults(command.lines)]


async def _refund(context: Context, operation: Operation, command: Refund) -> Answer:
    transaction = operation.transaction
    if command.payment_id is None or operation.book is None:
        raise AssertionError
    found = await _locked(context, transaction, command.payment_id)
    if found.status not in REFUNDABLE:
        raise PaymentStateConflict("The payment has nothing to give back.", ("paymentId",))
    if (command.amount is None) == (command.lines is None):
        raise InvalidPaymentRequest("A refund is by amount or by lines.", None)
    refunding = await _facts(context, transaction, found, operation.book)
    quantities = refunds.quantities(command.lines or (), refunding.lines)
    undone = _undone(refunding, command, quantities)
    written = await _give_back(transaction, refunding, undone, by_lines=command.lines is not None)
    op_id = operation.op_id
    await write_payment(transaction, refunding, undone, quantities, [(c, op_id) for c in written])
    return await finish(context, operation, found, "refundLoyaltyPayment")


async def _locked(context: Context, transaction: Transaction, payment_id: UUID) -> Found:
    """The payment under the locks of the card presented and of those that points go back to.

    Raises ChangedMeanwhile where one of them was replaced meanwhile; the unit then runs again.
    """
    before = await find_row(context, transaction, payment_id)
    now = context.service.clock()
    others = {(await newest(transaction, card_id)).card_id for card_id in cards_of([before])}
    pool = await lock_cards(context, transaction, before.card_id, now, others)
    if any(pool.ledgers[card_id].card.replaced_by is not None for card_id in others):
        raise ChangedMeanwhile
    row = await find_row(context, transaction, payment_id)
    return Found(row, pool, now)


async def _facts(
    context: Context, transaction: Transaction, found: Found, effective: RuleBook
) -> Refunding:
    row = found.row
    channel = await context.service.books.last_with(
        transaction, row.channel, lambda book: book.channels
    )
    if channel is None:
        raise LookupError(f"no version has the channel {row.channel}")
    rows = await transaction.each(slices_of, [row.payment_id], of_card=row.card_id)
    refunded = json.loads(row.refunded_quantities or "{}")
    items = facts_from_json(json.loads(row.facts)["tender"]).items
    return Refunding(
        found=found,
        book=await context.service.books.version(transaction, row.configuration_version),
        effective=effective,
        on=civil_date(found.now, channel.time_zone),
        slices=tuple(map(_slice, rows)),
        lines=tuple(
            PaidLine(
                item.line_number,
                int(item.quantity * MILLION),
                refunded.get(str(item.line_number), 0),
            )
            for item in items
            if item.line_number is not None
        ),
    )


def _slice(row: SliceRow) -> PaidSlice:
    return PaidSlice(
        place=row.slice_no,
        reward_point=row.reward_point,
        line_number=row.line_number,
        points_units=row.points,
        amount_minor=row.amount_minor,
        refunded_units=row.refunded_points,
        refunded_minor=row.refunded_minor,
        used_minor=row.used_minor,
    )


def _undone(
    refunding: Refunding, command: Refund, quantities: dict[int, int]
) -> tuple[Undone, ...]:
    if command.amount is None:
        return refunds.undo_lines(refunding.slices, refunding.lines, quantities)
    row = refunding.found.row
    if command.amount <= 0 or not fits_minor(command.amount, row.currency):
        message = "A refund is more than 0, in whole minor units."
        raise InvalidPaymentRequest(message, ("amount",))
    minor = to_minor(command.amount, row.currency)
    if minor > row.amount_minor - row.refunded_minor:
        message = "This is more than is left of the payment."
        raise RefundExceedsAllowed(message, ("amount",))
    return refunds.undo_amount(refunding.slices, minor)


async def _give_back(
    transaction: Transaction, refunding: Refunding, undone: Sequence[Undone], *, by_lines: bool
) -> list[UUID]:
    """Write REFUND entries, one a reward point, card and last day; the cards that got some."""
    per_line = refunding.book.configuration.settings.post_points_per_sales_line
    shares: dict[str, int] = defaultdict(int)
    for one in undone:
        shares[one.slice.reward_point] += one.units
    points: dict[str, int] = dict(shares)
    if by_lines and not per_line:
        points = _recomputed(refunding, undone)
    consumed = await _consumed(transaction, refunding)
    steps: dict[UUID, list[Step]] = defaultdict(list)
    for code, share in shares.items():
        before = sum(one.refunded_units for one in refunding.slices if one.reward_point == code)
        # Money may come back whose share of the points is less than one: its lot is the next.
        places = refunds.sources(consumed[code], before, max(share, 1)) or consumed[code][:1]
        for card_id, step in _steps(refunding, code, places, points[code]):
            steps[card_id].append(step)
    for card_id, mine in steps.items():
        await refunding.found.pool.ledgers[card_id].add(mine)
    return list(steps)


def _recomputed(refunding: Refunding, undone: Sequence[Undone]) -> dict[str, int]:
    """By the rules effective now, for the standing that the payment was judged by."""
    row, book = refunding.found.row, refunding.effective
    facts = facts_from_json(json.loads(row.facts)["tender"])
    asked = tender(facts.on_day(refunding.on), book, book.schemes_on(row.channel))
    return refunds.recomputed_units(undone, asked, refunding.book.reward_points)


async def _consumed(transaction: Transaction, refunding: Refunding) -> dict[str, list[Source]]:
    """Lots by reward point in the order of consumption, with what was captured of each; their
    cards are those that stand for the ones that paid.
    """
    row = refunding.found.row
    left: dict[str, int] = defaultdict(int)
    for one in refunding.slices:
        left[one.reward_point] += one.points_units
    holds = []
    bearers: dict[UUID, UUID] = {}
    for card_id in cards_of([row]):
        bearers[card_id] = (await newest(transaction, card_id)).card_id
        holds += await transaction.all(
            hold_lots_of_payment, of_card=card_id, of_payment=row.payment_id
        )
    found: dict[str, list[Source]] = defaultdict(list)
    for hold in sorted(holds, key=lambda hold: hold.place):
        units = min(hold.points, left[hold.reward_point])
        if units > 0:
            left[hold.reward_point] -= units
            source = Source(bearers[hold.card_id], hold.expires_on_lot, units)
            found[hold.reward_point].append(source)
    return found


def _steps(
    refunding: Refunding, code: str, places: Sequence[Source], units: int
) -> list[tuple[UUID, Step]]:
    settings = refunding.book.configuration.settings
    _, fresh = lot_dates(refunding.book.reward_points[code], refunding.on)
    sums: dict[tuple[UUID, date | None], int] = defaultdict(int)
    for one in refunds.spread(places, units):
        last = refunds.expiry(
            settings.refund_expiry,
            settings.refund_grace_days,
            refunding.on,
            fresh,
            one.expires_on,
        )
        sums[one.card_id, last] += one.units
    return [
        (card_id, Step(_draft(refunding, code, given, last)))
        for (card_id, last), given in sums.items()
    ]


def _draft(refunding: Refunding, code: str, units: int, expires_on: date | None) -> Draft:
    row = refunding.found.row
    paid = sum(one.points_units for one in refunding.slices if one.reward_point == code)
    digits = point_digits(refunding.book.reward_points[code])
    return Draft(
        entry_type=EntryType.REFUND,
        reward_point=code,
        points_units=units,
        entry_date=refunding.on,
        counts_on=refunding.on,
        occurred_at=refunding.found.now,
        vests_on=refunding.on,
        expires_on=expires_on,
        origin=Origin(channel=row.channel, payment_id=row.payment_id),
        reason=Reason(
            row.configuration_version,
            None,
            None,
            units,
            explanations.refund(units, paid, digits),
        ),
    )
