"""Statements that walk whole books, page by page, for `loyalty verify`."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, and_, bindparam, cast, func, or_, select

from models.activities import activity_line, activity_post, activity_waiting
from models.activity_statements import OF_POST, OF_WAITING, PostableRow
from models.balance_statements import BalanceRow, CountableDayRow, PointsDayRow
from models.card_statements import CARD, CardRow
from models.cards import card
from models.columns import HASH, IDENTIFIER, TEXT, UNITS
from models.customers import customer_card
from models.directory import card_number, order_payment, payment_card, reward_grant
from models.ledger import (
    allocation,
    balance,
    countable_day,
    debt,
    ledger_entry,
    lot_remainder,
    points_day,
)
from models.ledger_statements import EntryRow
from models.lot_statements import LotRow
from models.payment_statements import OrderPaymentRow, PaymentCardRow, PaymentRow, SliceRow
from models.payments import payment, payment_slice
from models.reward_statements import GrantRow
from models.statements import KeyedStatement, Statement, among


class TakenFromLotRow(NamedTuple):
    lot_id: UUID
    points: int


class TakenByEntryRow(NamedTuple):
    entry_id: UUID
    points: int


class DebtRow(NamedTuple):
    entry_id: UUID
    reward_point: str
    remaining: int


class TransferRow(NamedTuple):
    adjustment_id: UUID
    points: int


class LineStateRow(NamedTuple):
    """`alike`: if it waits, it does so with what it says itself."""

    activity_key: bytes
    line_id: UUID
    waiting: bool
    rejected: bool
    posted: bool
    alike: bool


class WaitingStateRow(NamedTuple):
    """`lost`: no line is there that could wait."""

    activity_key: bytes
    line_id: UUID
    lost: bool


class NumberRow(NamedTuple):
    number: str


class CardNumberRow(NamedTuple):
    number: str
    card_id: UUID


class BookRow(NamedTuple):
    """`lost`: the book of a card that is not there."""

    card_id: UUID
    lost: bool


class CustomerKeyRow(NamedTuple):
    customer_key: UUID


cards_after = Statement(
    select(card)
    .where(card.c.card_id > bindparam("after", type_=IDENTIFIER))
    .order_by(card.c.card_id)
    .limit(bindparam("count", type_=UNITS)),
    CardRow,
)
entries_after = Statement(
    select(ledger_entry)
    .where(
        ledger_entry.c.card_id == CARD, ledger_entry.c.seq_no > bindparam("after_seq", type_=UNITS)
    )
    .order_by(ledger_entry.c.seq_no)
    .limit(bindparam("count", type_=UNITS)),
    EntryRow,
)
all_lots = Statement(select(lot_remainder).where(lot_remainder.c.card_id == CARD), LotRow)
all_balances = Statement(select(balance).where(balance.c.card_id == CARD), BalanceRow)
all_points_days = Statement(select(points_day).where(points_day.c.card_id == CARD), PointsDayRow)
all_countable_days = Statement(
    select(countable_day).where(countable_day.c.card_id == CARD), CountableDayRow
)
all_debts = Statement(
    select(debt.c.entry_id, debt.c.reward_point, debt.c.remaining).where(debt.c.card_id == CARD),
    DebtRow,
)
taken_from_lots = Statement(
    select(allocation.c.lot_id, cast(func.sum(allocation.c.points), BigInteger).label("points"))
    .where(allocation.c.card_id == CARD)
    .group_by(allocation.c.lot_id),
    TakenFromLotRow,
)
# EXPIRE entries less their corrections.
expired_of_lots = Statement(
    select(allocation.c.lot_id, cast(func.sum(allocation.c.points), BigInteger).label("points"))
    .join(
        ledger_entry,
        and_(
            ledger_entry.c.card_id == allocation.c.card_id,
            ledger_entry.c.entry_id == allocation.c.entry_id,
        ),
    )
    .where(allocation.c.card_id == CARD, ledger_entry.c.entry_type == "EXPIRE")
    .group_by(allocation.c.lot_id),
    TakenFromLotRow,
)
taken_by_entries = Statement(
    select(allocation.c.entry_id, cast(func.sum(allocation.c.points), BigInteger).label("points"))
    .where(allocation.c.card_id == CARD)
    .group_by(allocation.c.entry_id),
    TakenByEntryRow,
)
all_payments = Statement(
    select(payment).where(payment.c.card_id == CARD).order_by(payment.c.payment_id), PaymentRow
)
all_slices = Statement(select(payment_slice).where(payment_slice.c.card_id == CARD), SliceRow)
numbers_of_card = Statement(
    select(card_number.c.number).where(
        card_number.c.card_id == CARD, card_number.c.number == bindparam("number")
    ),
    NumberRow,
)
# Over all cards: the entries of one transfer are written in one transaction.
transfers_after = Statement(
    select(
        ledger_entry.c.adjustment_id,
        cast(func.sum(ledger_entry.c.points), BigInteger).label("points"),
    )
    .where(
        ledger_entry.c.adjustment_id > bindparam("after", type_=IDENTIFIER),
        ledger_entry.c.entry_type == "TRANSFER",
    )
    .group_by(ledger_entry.c.adjustment_id)
    .order_by(ledger_entry.c.adjustment_id)
    .limit(bindparam("count", type_=UNITS)),
    TransferRow,
)
_waiting = activity_waiting.c
_COPIED = [
    _waiting[name].is_not_distinct_from(activity_line.c[name])
    for name in PostableRow._fields
    if name != "activity_key"
]
_AFTER = bindparam("after", type_=HASH)
# The edge stands at each table: PostgreSQL would merge what is joined from its first row on.
line_states_after = Statement(
    select(
        activity_line.c.activity_key,
        activity_line.c.line_id,
        _waiting.activity_key.is_not(None).label("waiting"),
        activity_line.c.rejected_by.is_not(None).label("rejected"),
        activity_post.c.activity_key.is_not(None).label("posted"),
        or_(_waiting.activity_key.is_(None), and_(*_COPIED)).label("alike"),
    )
    .select_from(
        activity_line.outerjoin(
            activity_waiting, and_(OF_WAITING, _waiting.activity_key > _AFTER)
        ).outerjoin(activity_post, and_(OF_POST, activity_post.c.activity_key > _AFTER))
    )
    .where(activity_line.c.activity_key > _AFTER)
    .order_by(activity_line.c.activity_key)
    .limit(bindparam("count", type_=UNITS)),
    LineStateRow,
)
waiting_states_after = Statement(
    select(
        _waiting.activity_key,
        _waiting.line_id,
        activity_line.c.activity_key.is_(None).label("lost"),
    )
    .select_from(
        activity_waiting.outerjoin(
            activity_line, and_(OF_WAITING, activity_line.c.activity_key > _AFTER)
        )
    )
    .where(_waiting.activity_key > _AFTER)
    .order_by(_waiting.activity_key)
    .limit(bindparam("count", type_=UNITS)),
    WaitingStateRow,
)
# Each card with entries has a balance of their reward point: few rows, however many entries.
books_after = Statement(
    select(balance.c.card_id, card.c.card_id.is_(None).label("lost"))
    .select_from(balance.outerjoin(card, card.c.card_id == balance.c.card_id))
    .where(balance.c.card_id > bindparam("after", type_=IDENTIFIER))
    .distinct()
    .order_by(balance.c.card_id)
    .limit(bindparam("count", type_=UNITS)),
    BookRow,
)
numbers_after = Statement(
    select(card_number)
    .where(card_number.c.number > bindparam("after"))
    .order_by(card_number.c.number)
    .limit(bindparam("count", type_=UNITS)),
    CardNumberRow,
)
customers_after = Statement(
    select(customer_card.c.customer_key)
    .where(customer_card.c.customer_key > bindparam("after", type_=IDENTIFIER))
    .group_by(customer_card.c.customer_key)
    .order_by(customer_card.c.customer_key)
    .limit(bindparam("count", type_=UNITS)),
    CustomerKeyRow,
)
payment_cards_after = Statement(
    select(payment_card)
    .where(payment_card.c.payment_id > bindparam("after", type_=IDENTIFIER))
    .order_by(payment_card.c.payment_id)
    .limit(bindparam("count", type_=UNITS)),
    PaymentCardRow,
)
orders_of: KeyedStatement[OrderPaymentRow] = KeyedStatement(
    lambda keys: select(order_payment).where(
        order_payment.c.channel == bindparam("of_channel"), among(order_payment.c.order_id, keys)
    ),
    OrderPaymentRow,
    TEXT,
)
grants_of: KeyedStatement[GrantRow] = KeyedStatement(
    lambda keys: select(reward_grant.c.reward, reward_grant.c.scope).where(
        among(reward_grant.c.scope, keys)
    ),
    GrantRow,
    IDENTIFIER,
)
