"""Sales paid with points: the payments a sale or cart names, and what they leave of its lines.

Source: semantics 5.4.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from uuid import UUID

from models.card_statements import CardRow
from models.payment_statements import (
    PaymentRow,
    SliceRow,
    payment_cards_of,
    payments_of,
    slices_of,
    use_slice,
)
from models.transactions import Reader, Transaction
from resolvers.holds import LIVE, status_at
from resolvers.lineage import newest
from rules.earning import EarningLine
from rules.errors import CardCustomerConflict, CurrencyMismatch, NotFound, PaymentStateConflict
from rules.numbers import half_up
from rules.tender import Item


@dataclass(frozen=True, slots=True)
class PaidLines:
    """The payments named and what each slice of theirs can still pay of the sale's lines."""

    payments: tuple[PaymentRow, ...] = ()
    slices: tuple[SliceRow, ...] = ()

    @property
    def cards(self) -> frozenset[UUID]:
        return frozenset(payment.card_id for payment in self.payments)

    def on_line(self, line_number: int) -> int:
        """Minor units paid on the line, less refunds and what earlier sales have used up."""
        return sum(_left(one) for one in self.slices if one.line_number == line_number)


NOTHING_PAID = PaidLines()


def _left(one: SliceRow) -> int:
    return max(0, one.amount_minor - one.refunded_minor - one.used_minor)


async def paid_lines(
    reader: Reader,
    ids: Sequence[UUID | None],
    card: CardRow | None,
    currency: str,
    now: datetime,
) -> PaidLines:
    """The payments, checked in the order named; one that is named twice is one.

    Raises NotFound, PaymentStateConflict, CurrencyMismatch, CardCustomerConflict.
    """
    payments: list[PaymentRow] = []
    slices: list[SliceRow] = []
    for payment_id in dict.fromkeys(ids):
        path = ("loyaltyPayments", str(ids.index(payment_id)))
        row = await _found(reader, payment_id)
        if row is None:
            raise NotFound("There is no such payment.", path)
        if status_at(row, now) not in LIVE:
            raise PaymentStateConflict("The payment pays nothing any more.", path)
        if row.currency != currency:
            raise CurrencyMismatch("The payment has another currency.", path)
        if not await _is_of(reader, row, card):
            raise CardCustomerConflict("The payment is of another customer's card.", path)
        payments.append(row)
        slices += await reader.each(slices_of, [row.payment_id], of_card=row.card_id)
    return PaidLines(tuple(payments), tuple(slices))


async def _found(reader: Reader, payment_id: UUID | None) -> PaymentRow | None:
    places = await reader.each(payment_cards_of, [payment_id] if payment_id else [])
    for place in places:
        rows = await reader.each(payments_of, [place.payment_id], of_card=place.card_id)
        return rows[0] if rows else None
    return None


async def _is_of(reader: Reader, payment: PaymentRow, card: CardRow | None) -> bool:
    """Of the sale's card, one it replaced, or another card of its customer."""
    if card is None or payment.card_id == card.card_id:
        return card is not None
    paying, earning = await newest(reader, payment.card_id), await newest(reader, card.card_id)
    if paying.card_id == earning.card_id:
        return True
    return earning.customer_key is not None and paying.customer_key == earning.customer_key


def shrunk(
    lines: Sequence[EarningLine], items: Sequence[Item], paid: PaidLines
) -> tuple[EarningLine, ...]:
    """Lines less what points paid of them: net and quantity times (1 - paid / payable).

    Payable is the line's goods total and its charges; the net is then rounded half-up.
    """
    payable = {item.line_number: item.goods_minor + item.charges_minor for item in items}
    return tuple(_shrunk(line, payable.get(line.line_number, 0), paid) for line in lines)


def _shrunk(line: EarningLine, payable: int, paid: PaidLines) -> EarningLine:
    units = min(payable, paid.on_line(line.line_number))
    if units <= 0:
        return line
    rest = 1 - Fraction(units, payable)
    return line._replace(
        net_minor=half_up(line.net_minor * rest),
        quantity=line.quantity * rest,
        paid_with_points=True,
    )


async def use_up(transaction: Transaction, paid: PaidLines, items: Sequence[Item]) -> None:
    """Remember what the sale used of each slice, so that no later sale uses it again."""
    left: dict[int | None, int] = defaultdict(int)
    for item in items:
        left[item.line_number] += item.goods_minor + item.charges_minor
    for one in paid.slices:
        units = min(left[one.line_number], _left(one))
        if one.line_number is not None and units > 0:
            left[one.line_number] -= units
            await transaction.run(
                use_slice,
                of_card=one.card_id,
                of_payment=one.payment_id,
                of_slice=one.slice_no,
                used_minor=one.used_minor + units,
            )
