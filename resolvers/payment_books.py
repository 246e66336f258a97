"""What a payment writes: its row, its slices, the lots it took or reserves, its REDEEM entries.

Source: semantics 8.4, 8.5.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from models.payment_statements import (
    HoldLotRow,
    PaymentRow,
    SliceRow,
    change_order,
    delete_slices,
    insert_hold_lots,
    insert_payment,
    insert_payment_card,
    insert_slices,
)
from models.transactions import Transaction
from resolvers.clock import civil_date
from resolvers.holds import operations_json
from resolvers.ledgers import CardLedger
from resolvers.point_books import Step
from rules.book import RuleBook
from rules.cover import Cover
from rules.explanations import point_digits, share_of_card
from rules.ledger import Draft, EntryType, Origin, Reason
from rules.lots import Lot, Taken, taken_units
from rules.program import RewardPoint
from rules.tender import Tender
from rules.tender_json import facts_as_json


@dataclass(frozen=True, slots=True)
class Made:
    """A payment that is decided: what it pays, from which lots, and when it happened."""

    row: PaymentRow
    tender: Tender
    cover: Cover
    taken: tuple[Taken, ...]


def by_card(taken: Iterable[Taken]) -> dict[UUID, list[Taken]]:
    found: dict[UUID, list[Taken]] = defaultdict(list)
    for one in taken:
        found[one.lot.card_id].append(one)
    return found


def payment_row(
    card_id: UUID,
    payment_id: UUID,
    order: tuple[str, str],
    tender: Tender,
    cover: Cover,
    taken: Sequence[Taken],
    book: RuleBook,
    moment: tuple[datetime, date],
    op_id: UUID,
    *,
    capture: bool,
) -> PaymentRow:
    """AUTHORIZED until its hold ends, or CAPTURED; with the facts that later calls judge by."""
    minutes = book.configuration.settings.payment_hold_minutes
    facts = {
        "tender": facts_as_json(tender.facts),
        "cards": sorted({str(one.lot.card_id) for one in taken}),
        "formulas": dict(cover.formulas),
    }
    return PaymentRow(
        card_id=card_id,
        payment_id=payment_id,
        status="CAPTURED" if capture else "AUTHORIZED",
        channel=order[0],
        order_id=order[1],
        currency=tender.facts.currency,
        amount_minor=cover.amount_minor,
        refunded_minor=0,
        configuration_version=book.version,
        created_at=moment[0],
        hold_expires_at=None if capture else moment[0] + timedelta(minutes=minutes),
        authorized_on=moment[1],
        operations=operations_json((card_id, op_id) for card_id in by_card(taken))
        if capture
        else "[]",
        facts=json.dumps(facts),
        refunded_quantities=None,
    )


async def write_payment(
    transaction: Transaction, made: Made, ledgers: Mapping[UUID, CardLedger]
) -> None:
    row = made.row
    await transaction.run(insert_payment, **row._asdict())
    await transaction.run(insert_payment_card, payment_id=row.payment_id, card_id=row.card_id)
    await transaction.run(
        change_order,
        of_channel=row.channel,
        of_order=row.order_id,
        card_id=row.card_id,
        payment_id=row.payment_id,
    )
    await _write_slices(transaction, row, made.cover, {})
    await _write_hold_lots(transaction, made, ledgers)


async def _write_slices(
    transaction: Transaction,
    row: PaymentRow,
    cover: Cover,
    used: Mapping[int | None, int],
) -> None:
    """The slices in the order of consumption; `used`: what sales have used up of each line."""
    left = defaultdict(int, used)
    rows = []
    for place, one in enumerate(cover.slices):
        part = min(left[one.line_number], one.amount_minor)
        left[one.line_number] -= part
        rows.append(
            SliceRow(
                card_id=row.card_id,
                payment_id=row.payment_id,
                slice_no=place,
                reward_point=one.reward_point,
                line_number=one.line_number,
                points=one.points_units,
                amount_minor=one.amount_minor,
                used_minor=part,
                refunded_points=0,
                refunded_minor=0,
            )._asdict()
        )
    await transaction.run_many(insert_slices, rows)


async def _write_hold_lots(
    transaction: Transaction, made: Made, ledgers: Mapping[UUID, CardLedger]
) -> None:
    """The lots in the order of consumption; those of a captured payment are free of it at once.

    What is known of a hold begins with its writing, however far back the payment is dated.
    """
    row = made.row
    places = list(enumerate(made.taken))
    for card_id in by_card(made.taken):
        written_at = ledgers[card_id].posted_at
        await transaction.run_many(
            insert_hold_lots,
            [
                HoldLotRow(
                    card_id=card_id,
                    payment_id=row.payment_id,
                    lot_id=one.lot.lot_id,
                    reward_point=one.lot.reward_point,
                    vests_on=one.lot.vests_on,
                    expires_on_lot=one.lot.expires_on,
                    place=place,
                    points=one.units,
                    authorized_on=_held_from(row, one.lot, ledgers[card_id]),
                    authorized_at=written_at,
                    expires_at=row.hold_expires_at or written_at,
                    released_at=written_at if row.hold_expires_at is None else None,
                )._asdict()
                for place, one in places
                if one.lot.card_id == card_id
            ],
        )


def _held_from(row: PaymentRow, lot: Lot, ledger: CardLedger) -> date:
    """The first day whose balance shows the hold: the order's day, or the card's own where that is
    earlier, since no cart can spend the points from then on; never before the lot was there.
    """
    own = civil_date(min(row.created_at, ledger.posted_at), ledger.zone)
    return max(lot.entry_date, min(row.authorized_on, own))


def redemptions(
    row: PaymentRow, taken: Sequence[Taken], cover: Cover, points: Mapping[str, RewardPoint]
) -> list[Step]:
    """One REDEEM entry a reward point of one card, dated by the authorisation; `points` are those
    of the payment's version.
    """
    by_point: dict[str, list[Taken]] = defaultdict(list)
    for one in taken:
        by_point[one.lot.reward_point].append(one)
    steps = []
    for code, mine in by_point.items():
        units, digits = taken_units(mine), point_digits(points[code])
        share = share_of_card(units, cover.points_units(code), digits)
        formula = cover.formulas.get(code, "") + share
        steps.append(Step(_draft(row, code, -units, formula), tuple(mine)))
    return steps


def _draft(row: PaymentRow, code: str, units: int, formula: str) -> Draft:
    return Draft(
        entry_type=EntryType.REDEEM,
        reward_point=code,
        points_units=units,
        entry_date=row.authorized_on,
        counts_on=row.authorized_on,
        occurred_at=row.created_at,
        vests_on=None,
        expires_on=None,
        origin=Origin(channel=row.channel, payment_id=row.payment_id),
        reason=Reason(row.configuration_version, None, None, units, formula),
    )


async def replace_slices(
    transaction: Transaction, row: PaymentRow, before: Sequence[SliceRow], cover: Cover
) -> None:
    """Let the slices say what was captured of what was authorised.

    The walk for less may pay a line with a reward point that the walk for more spent elsewhere.
    Nothing was refunded yet; what sales have used up of a line stays used.
    """
    used: dict[int | None, int] = defaultdict(int)
    for one in before:
        used[one.line_number] += one.used_minor
    await transaction.run(delete_slices, of_card=row.card_id, of_payment=row.payment_id)
    await _write_slices(transaction, row, cover, used)
