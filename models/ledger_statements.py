"""Statements that read and extend the book, and keep what is derived from it."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.sql import ColumnElement

from models.cards import card
from models.columns import IDENTIFIER, INSTANT
from models.ledger import (
    allocation,
    balance,
    countable_day,
    debt,
    ledger_entry,
    lot_remainder,
    operation,
    points_day,
)
from models.statements import KeyedStatement, Statement, among, write


class EntryRow(NamedTuple):
    card_id: UUID
    entry_id: UUID
    seq_no: int
    entry_type: str
    reward_point: str
    points: int
    entry_date: date
    counts_on: date
    occurred_at: datetime
    posted_at: datetime
    vests_on: date | None
    expires_on: date | None
    channel: str | None
    program: str | None
    tier: str | None
    transaction_id: str | None
    line_number: int | None
    payment_id: UUID | None
    activity_type: str | None
    activity_id: str | None
    adjustment_id: UUID | None
    op_id: UUID
    op_line: int
    configuration_version: int
    scheme: str | None
    rule: str | None
    computed: int
    formula: str
    prev_hash: bytes
    entry_hash: bytes


class BalanceRow(NamedTuple):
    card_id: UUID
    reward_point: str
    issued: int
    used: int
    expired_written: int
    debt: int
    available: int
    unvested: int
    held: int
    expired: int
    as_of_from: date
    next_change_on: date
    next_hold_lapse_at: datetime | None


class PointsDayRow(NamedTuple):
    card_id: UUID
    reward_point: str
    vests_on: date
    expires_on: date
    remainder: int
    held: int


class CountableDayRow(NamedTuple):
    card_id: UUID
    reward_point: str
    entry_date: date
    points: int
    positive: bool


class AllocationRow(NamedTuple):
    card_id: UUID
    entry_id: UUID
    lot_id: UUID
    allocated_on: date
    points: int
    posted_at: datetime


class LotRow(NamedTuple):
    card_id: UUID
    lot_id: UUID
    reward_point: str
    vests_on: date
    expires_on: date
    occurred_at: datetime
    remainder: int
    held: int
    expired: int


class OpenLotRow(NamedTuple):
    card_id: UUID
    lot_id: UUID
    reward_point: str
    vests_on: date
    expires_on: date
    occurred_at: datetime
    remainder: int
    held: int
    expired: int
    entry_date: date


class DebtRow(NamedTuple):
    card_id: UUID
    entry_id: UUID
    reward_point: str
    entry_date: date
    remaining: int
    seq_no: int


class OperationRow(NamedTuple):
    card_id: UUID
    op_id: UUID
    kind: str
    posted_at: datetime


class StretchRow(NamedTuple):
    first_seq: int
    last_seq: int


class PostingRow(NamedTuple):
    """When the card's last entry was written, and its last operation that has a row."""

    card_id: UUID
    entry_at: datetime | None
    operation_at: datetime | None


class SumRow(NamedTuple):
    card_id: UUID
    reward_point: str
    entry_type: str
    points: int


class PastLotRow(NamedTuple):
    card_id: UUID
    reward_point: str
    vests_on: date
    expires_on: date | None
    points: int


class TakenRow(NamedTuple):
    card_id: UUID
    reward_point: str
    vests_on: date | None
    expires_on: date | None
    entry_type: str
    points: int


CARD = bindparam("of_card", type_=IDENTIFIER)
_entry = ledger_entry.c

insert_entries = write(insert(ledger_entry))
insert_operation = write(insert(operation))
insert_lots = write(insert(lot_remainder))
insert_allocations = write(insert(allocation))
insert_debts = write(insert(debt))

entries_of: KeyedStatement[EntryRow] = KeyedStatement(
    lambda keys: select(ledger_entry).where(_entry.card_id == CARD, among(_entry.entry_id, keys)),
    EntryRow,
    IDENTIFIER,
)
entries_of_operations: KeyedStatement[EntryRow] = KeyedStatement(
    lambda keys: (
        select(ledger_entry)
        .where(_entry.card_id == CARD, among(_entry.op_id, keys))
        .order_by(_entry.seq_no)
    ),
    EntryRow,
    IDENTIFIER,
)
# The entries of one operation are one stretch of the book.
stretches_of: KeyedStatement[StretchRow] = KeyedStatement(
    lambda keys: (
        select(
            func.min(_entry.seq_no).label("first_seq"), func.max(_entry.seq_no).label("last_seq")
        )
        .where(_entry.card_id == CARD, among(_entry.op_id, keys))
        .group_by(_entry.op_id)
    ),
    StretchRow,
    IDENTIFIER,
)
operations_of: KeyedStatement[OperationRow] = KeyedStatement(
    lambda keys: select(operation).where(
        operation.c.card_id == CARD, among(operation.c.op_id, keys)
    ),
    OperationRow,
    IDENTIFIER,
)


_KNOWN_AT = bindparam("known_at", type_=INSTANT)
# The later an entry stands in the book, the later it was written.
_last_entry_at = (
    select(_entry.posted_at)
    .where(_entry.card_id == card.c.card_id, _entry.posted_at <= _KNOWN_AT)
    .order_by(_entry.seq_no.desc())
    .limit(1)
    .scalar_subquery()
)
_last_operation_at = (
    select(func.max(operation.c.posted_at))
    .where(operation.c.card_id == card.c.card_id, operation.c.posted_at <= _KNOWN_AT)
    .scalar_subquery()
)
last_postings_of: KeyedStatement[PostingRow] = KeyedStatement(
    lambda keys: select(
        card.c.card_id,
        _last_entry_at.label("entry_at"),
        _last_operation_at.label("operation_at"),
    ).where(among(card.c.card_id, keys)),
    PostingRow,
    IDENTIFIER,
)
lots_of: KeyedStatement[LotRow] = KeyedStatement(
    lambda keys: select(lot_remainder).where(
        lot_remainder.c.card_id == CARD, among(lot_remainder.c.lot_id, keys)
    ),
    LotRow,
    IDENTIFIER,
)
allocations_of: KeyedStatement[AllocationRow] = KeyedStatement(
    lambda keys: (
        select(allocation)
        .where(allocation.c.card_id == CARD, among(allocation.c.entry_id, keys))
        .order_by(allocation.c.posted_at, allocation.c.lot_id)
    ),
    AllocationRow,
    IDENTIFIER,
)

allocations_of_lots: KeyedStatement[AllocationRow] = KeyedStatement(
    lambda keys: (
        select(allocation)
        .where(allocation.c.card_id == CARD, among(allocation.c.lot_id, keys))
        .order_by(allocation.c.posted_at, allocation.c.entry_id)
    ),
    AllocationRow,
    IDENTIFIER,
)

balances_of: KeyedStatement[BalanceRow] = KeyedStatement(
    lambda keys: (
        select(balance)
        .where(among(balance.c.card_id, keys))
        .order_by(balance.c.card_id, balance.c.reward_point)
    ),
    BalanceRow,
    IDENTIFIER,
)
_lots_with_dates = select(lot_remainder, _entry.entry_date).join(
    ledger_entry,
    and_(_entry.card_id == lot_remainder.c.card_id, _entry.entry_id == lot_remainder.c.lot_id),
)
_lots_of_point = _lots_with_dates.where(
    lot_remainder.c.card_id == CARD, lot_remainder.c.reward_point == bindparam("of_point")
)
# What is left to spend of one reward point, in lot order; the entry tells when each lot was earned.
lots_of_point = Statement(
    _lots_of_point.where(lot_remainder.c.remainder > 0).order_by(
        lot_remainder.c.expires_on, lot_remainder.c.occurred_at, lot_remainder.c.lot_id
    ),
    OpenLotRow,
)
# Lots of which EXPIRE entries took something, and that lasted until the day at least.
expired_lots_of_point = Statement(
    _lots_of_point.where(
        lot_remainder.c.expired > 0, lot_remainder.c.expires_on >= bindparam("since")
    ),
    OpenLotRow,
)
expired_lots_of: KeyedStatement[OpenLotRow] = KeyedStatement(
    lambda keys: _lots_with_dates.where(
        lot_remainder.c.card_id == CARD,
        among(lot_remainder.c.lot_id, keys),
        lot_remainder.c.expired > 0,
    ),
    OpenLotRow,
    IDENTIFIER,
)
# The same of whole cards.
expired_lots_of_cards: KeyedStatement[LotRow] = KeyedStatement(
    lambda keys: select(lot_remainder).where(
        among(lot_remainder.c.card_id, keys),
        lot_remainder.c.expired > 0,
        lot_remainder.c.expires_on >= bindparam("since"),
    ),
    LotRow,
    IDENTIFIER,
)
change_lot = write(
    update(lot_remainder)
    .where(
        lot_remainder.c.card_id == CARD,
        lot_remainder.c.lot_id == bindparam("of_lot", type_=IDENTIFIER),
    )
    .values(remainder=bindparam("remainder"), held=bindparam("held"), expired=bindparam("expired"))
)
debts_of_point = Statement(
    select(debt, _entry.seq_no)
    .join(
        ledger_entry,
        and_(_entry.card_id == debt.c.card_id, _entry.entry_id == debt.c.entry_id),
    )
    .where(debt.c.card_id == CARD, debt.c.reward_point == bindparam("of_point"))
    .order_by(_entry.seq_no),
    DebtRow,
)
change_debt = write(
    update(debt)
    .where(debt.c.card_id == CARD, debt.c.entry_id == bindparam("of_entry", type_=IDENTIFIER))
    .values(remaining=bindparam("remaining"))
)
delete_debt = write(
    delete(debt).where(
        debt.c.card_id == CARD, debt.c.entry_id == bindparam("of_entry", type_=IDENTIFIER)
    )
)
insert_balance = write(insert(balance))
change_balance = write(
    update(balance)
    .where(balance.c.card_id == CARD, balance.c.reward_point == bindparam("of_point"))
    .values(
        {
            name: bindparam(name)
            for name in BalanceRow._fields
            if name not in {"card_id", "reward_point"}
        }
    )
)
points_days_of: KeyedStatement[PointsDayRow] = KeyedStatement(
    lambda keys: select(points_day).where(
        among(points_day.c.card_id, keys), points_day.c.remainder > 0
    ),
    PointsDayRow,
    IDENTIFIER,
)
points_days_of_card = Statement(
    select(points_day).where(points_day.c.card_id == CARD), PointsDayRow
)
insert_points_day = write(insert(points_day))
change_points_day = write(
    update(points_day)
    .where(
        points_day.c.card_id == CARD,
        points_day.c.reward_point == bindparam("of_point"),
        points_day.c.vests_on == bindparam("of_vesting"),
        points_day.c.expires_on == bindparam("of_expiry"),
    )
    .values(remainder=bindparam("remainder"), held=bindparam("held"))
)
countable_days_of: KeyedStatement[CountableDayRow] = KeyedStatement(
    lambda keys: select(countable_day).where(among(countable_day.c.card_id, keys)),
    CountableDayRow,
    IDENTIFIER,
)
insert_countable_day = write(insert(countable_day))
change_countable_day = write(
    update(countable_day)
    .where(
        countable_day.c.card_id == CARD,
        countable_day.c.reward_point == bindparam("of_point"),
        countable_day.c.entry_date == bindparam("of_day"),
    )
    .values(points=bindparam("points"), positive=bindparam("positive"))
)


def _known(on: str = "as_of", at: str = "known_at") -> ColumnElement[bool]:
    return and_(_entry.entry_date <= bindparam(on), _entry.posted_at <= bindparam(at))


# The past is read from the book itself: what was dated by `as_of` and written by `known_at`. Sums
# of BIGINT are
# numeric on some engines, so they are cast back.
past_sums_of: KeyedStatement[SumRow] = KeyedStatement(
    lambda keys: (
        select(
            _entry.card_id,
            _entry.reward_point,
            _entry.entry_type,
            cast(func.sum(_entry.points), BigInteger).label("points"),
        )
        .where(among(_entry.card_id, keys), _known())
        .group_by(_entry.card_id, _entry.reward_point, _entry.entry_type)
    ),
    SumRow,
    IDENTIFIER,
)
past_lots_of: KeyedStatement[PastLotRow] = KeyedStatement(
    lambda keys: (
        select(
            _entry.card_id,
            _entry.reward_point,
            _entry.vests_on,
            _entry.expires_on,
            cast(func.sum(_entry.points), BigInteger).label("points"),
        )
        .where(among(_entry.card_id, keys), _known(), _entry.vests_on.is_not(None))
        .group_by(_entry.card_id, _entry.reward_point, _entry.vests_on, _entry.expires_on)
    ),
    PastLotRow,
    IDENTIFIER,
)
_taker = ledger_entry.alias("taker")
past_taken_of: KeyedStatement[TakenRow] = KeyedStatement(
    lambda keys: (
        select(
            _entry.card_id,
            _entry.reward_point,
            _entry.vests_on,
            _entry.expires_on,
            _taker.c.entry_type,
            cast(func.sum(allocation.c.points), BigInteger).label("points"),
        )
        .select_from(
            allocation.join(
                ledger_entry,
                and_(
                    _entry.card_id == allocation.c.card_id, _entry.entry_id == allocation.c.lot_id
                ),
            ).join(
                _taker,
                and_(
                    _taker.c.card_id == allocation.c.card_id,
                    _taker.c.entry_id == allocation.c.entry_id,
                ),
            )
        )
        .where(
            # Each table by itself: a plan for any number of cards joins them by more than the card.
            *(among(each.c.card_id, keys) for each in (allocation, ledger_entry, _taker)),
            allocation.c.allocated_on <= bindparam("as_of"),
            allocation.c.posted_at <= bindparam("known_at"),
        )
        .group_by(
            _entry.card_id,
            _entry.reward_point,
            _entry.vests_on,
            _entry.expires_on,
            _taker.c.entry_type,
        )
    ),
    TakenRow,
    IDENTIFIER,
)
