"""Statements that find and write payments, what they took, and the lots that holds reserve."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from models.card_statements import CARD
from models.columns import IDENTIFIER
from models.directory import order_payment, payment_card
from models.payments import hold_lot, payment, payment_slice
from models.statements import KeyedStatement, Statement, among, changes, write


class PaymentRow(NamedTuple):
    card_id: UUID
    payment_id: UUID
    status: str
    channel: str
    order_id: str
    currency: str
    amount_minor: int
    refunded_minor: int
    configuration_version: int
    created_at: datetime
    hold_expires_at: datetime | None
    authorized_on: date
    operations: str
    facts: str
    refunded_quantities: str | None


class SliceRow(NamedTuple):
    card_id: UUID
    payment_id: UUID
    slice_no: int
    reward_point: str
    line_number: int | None
    points: int
    amount_minor: int
    used_minor: int
    refunded_points: int
    refunded_minor: int


class HoldLotRow(NamedTuple):
    card_id: UUID
    payment_id: UUID
    lot_id: UUID
    reward_point: str
    vests_on: date
    expires_on_lot: date
    place: int
    points: int
    authorized_on: date
    authorized_at: datetime
    expires_at: datetime
    released_at: datetime | None


class PaymentCardRow(NamedTuple):
    payment_id: UUID
    card_id: UUID


class OrderPaymentRow(NamedTuple):
    channel: str
    order_id: str
    card_id: UUID
    payment_id: UUID


_PAYMENT = bindparam("of_payment", type_=IDENTIFIER)

payment_cards_of: KeyedStatement[PaymentCardRow] = KeyedStatement(
    lambda keys: select(payment_card).where(among(payment_card.c.payment_id, keys)),
    PaymentCardRow,
    IDENTIFIER,
)
payments_of: KeyedStatement[PaymentRow] = KeyedStatement(
    lambda keys: select(payment).where(
        payment.c.card_id == CARD, among(payment.c.payment_id, keys)
    ),
    PaymentRow,
    IDENTIFIER,
)
authorized_on_card = Statement(
    select(payment)
    .where(payment.c.card_id == CARD, payment.c.status == "AUTHORIZED")
    .order_by(payment.c.payment_id),
    PaymentRow,
)
slices_of: KeyedStatement[SliceRow] = KeyedStatement(
    lambda keys: (
        select(payment_slice)
        .where(payment_slice.c.card_id == CARD, among(payment_slice.c.payment_id, keys))
        .order_by(payment_slice.c.payment_id, payment_slice.c.slice_no)
    ),
    SliceRow,
    IDENTIFIER,
)
insert_payment = write(insert(payment))
insert_payment_card = write(insert(payment_card))
insert_slices = write(insert(payment_slice))
change_payment = write(
    update(payment)
    .where(payment.c.card_id == CARD, payment.c.payment_id == _PAYMENT)
    .values(
        status=bindparam("status"),
        amount_minor=bindparam("amount_minor"),
        refunded_minor=bindparam("refunded_minor"),
        operations=bindparam("operations"),
        refunded_quantities=bindparam("refunded_quantities"),
    )
)
# A partial capture may pay what the authorisation did not: its slices take the place of the others.
delete_slices = write(
    delete(payment_slice).where(
        payment_slice.c.card_id == CARD, payment_slice.c.payment_id == _PAYMENT
    )
)
refund_slice = write(
    update(payment_slice)
    .where(
        payment_slice.c.card_id == CARD,
        payment_slice.c.payment_id == _PAYMENT,
        payment_slice.c.slice_no == bindparam("of_slice"),
    )
    .values(
        used_minor=bindparam("used_minor"),
        refunded_points=bindparam("refunded_points"),
        refunded_minor=bindparam("refunded_minor"),
    )
)
use_slice = write(
    update(payment_slice)
    .where(
        payment_slice.c.card_id == CARD,
        payment_slice.c.payment_id == _PAYMENT,
        payment_slice.c.slice_no == bindparam("of_slice"),
    )
    .values(used_minor=bindparam("used_minor"))
)

# "At most one live payment an order": its row is the lock of the order.
claim_order = write(insert_or_leave(order_payment).on_conflict_do_nothing())
locked_order = Statement(
    select(order_payment)
    .where(
        order_payment.c.channel == bindparam("of_channel"),
        order_payment.c.order_id == bindparam("of_order"),
    )
    .with_for_update(),
    OrderPaymentRow,
)
change_order = write(
    update(order_payment)
    .where(
        order_payment.c.channel == bindparam("of_channel"),
        order_payment.c.order_id == bindparam("of_order"),
    )
    .values(
        card_id=bindparam("card_id", type_=IDENTIFIER),
        payment_id=bindparam("payment_id", type_=IDENTIFIER),
    )
)

insert_hold_lots = write(insert(hold_lot))
unreleased_holds_of: KeyedStatement[HoldLotRow] = KeyedStatement(
    lambda keys: (
        select(hold_lot)
        .where(among(hold_lot.c.card_id, keys), hold_lot.c.released_at.is_(None))
        .order_by(hold_lot.c.payment_id, hold_lot.c.place)
    ),
    HoldLotRow,
    IDENTIFIER,
)
hold_lots_of_payment = Statement(
    select(hold_lot)
    .where(hold_lot.c.card_id == CARD, hold_lot.c.payment_id == _PAYMENT)
    .order_by(hold_lot.c.place),
    HoldLotRow,
)
holds_of: KeyedStatement[HoldLotRow] = KeyedStatement(
    lambda keys: select(hold_lot).where(among(hold_lot.c.card_id, keys)), HoldLotRow, IDENTIFIER
)
release_hold_lots = changes(hold_lot, ("card_id", "payment_id", "lot_id"), ("released_at",))
