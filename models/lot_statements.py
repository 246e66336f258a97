"""Statements that read and change lots, what was taken from them, and debts."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    and_,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)

from models.columns import DAY, IDENTIFIER, INSTANT, UNITS
from models.ledger import allocation, debt, ledger_entry, lot_remainder
from models.ledger_statements import CARD, ENTRY
from models.statements import KeyedStatement, Statement, among, changes, write


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


insert_lots = write(insert(lot_remainder))
insert_allocations = write(insert(allocation))
insert_debts = write(insert(debt))
lots_of: KeyedStatement[LotRow] = KeyedStatement(
    lambda keys: select(lot_remainder).where(
        lot_remainder.c.card_id == CARD, among(lot_remainder.c.lot_id, keys)
    ),
    LotRow,
    IDENTIFIER,
    probes=(),
)
allocations_of: KeyedStatement[AllocationRow] = KeyedStatement(
    lambda keys: (
        select(allocation)
        .where(allocation.c.card_id == CARD, among(allocation.c.entry_id, keys))
        .order_by(allocation.c.posted_at, allocation.c.lot_id)
    ),
    AllocationRow,
    IDENTIFIER,
    probes=("posted_at", "lot_id"),
)
allocations_of_lots: KeyedStatement[AllocationRow] = KeyedStatement(
    lambda keys: (
        select(allocation)
        .where(allocation.c.card_id == CARD, among(allocation.c.lot_id, keys))
        .order_by(allocation.c.posted_at, allocation.c.entry_id)
    ),
    AllocationRow,
    IDENTIFIER,
    probes=("posted_at", "entry_id"),
)
_lots_with_dates = select(lot_remainder, ENTRY.entry_date).join(
    ledger_entry,
    and_(ENTRY.card_id == lot_remainder.c.card_id, ENTRY.entry_id == lot_remainder.c.lot_id),
)
_lots_of_point = _lots_with_dates.where(
    lot_remainder.c.card_id == CARD, lot_remainder.c.reward_point == bindparam("of_point")
)
# Written out: a plan that serves any parameter could not tell that an index of such rows serves.
NOTHING = literal_column("0", UNITS)
_IS_OPEN = lot_remainder.c.remainder > NOTHING
_LOT_ORDER = (lot_remainder.c.expires_on, lot_remainder.c.occurred_at, lot_remainder.c.lot_id)
_COUNT = bindparam("count", type_=UNITS)
# What is left to spend of one reward point, in lot order; the entry tells when each lot was earned.
lots_of_point = Statement(_lots_of_point.where(_IS_OPEN).order_by(*_LOT_ORDER), OpenLotRow)
first_lots_of_point = Statement(
    _lots_of_point.where(_IS_OPEN).order_by(*_LOT_ORDER).limit(_COUNT),
    OpenLotRow,
)
# What can be taken on a day, in lot order, behind a lot.
spendable_lots_after = Statement(
    _lots_of_point.where(
        _IS_OPEN,
        lot_remainder.c.remainder > lot_remainder.c.held,
        lot_remainder.c.vests_on <= bindparam("on", type_=DAY),
        tuple_(*_LOT_ORDER)
        > tuple_(
            bindparam("day_after", type_=DAY),
            bindparam("at_after", type_=INSTANT),
            bindparam("id_after", type_=IDENTIFIER),
        ),
    )
    .order_by(*_LOT_ORDER)
    .limit(_COUNT),
    OpenLotRow,
)
open_lots_of: KeyedStatement[OpenLotRow] = KeyedStatement(
    lambda keys: _lots_of_point.where(among(lot_remainder.c.lot_id, keys), _IS_OPEN),
    OpenLotRow,
    IDENTIFIER,
    probes=(),
)
# Lots of which EXPIRE entries took something, and that lasted until the day at least.
expired_lots_of_point = Statement(
    _lots_of_point.where(
        lot_remainder.c.expired > NOTHING, lot_remainder.c.expires_on >= bindparam("since")
    ),
    OpenLotRow,
)
expired_lots_of: KeyedStatement[OpenLotRow] = KeyedStatement(
    lambda keys: _lots_with_dates.where(
        lot_remainder.c.card_id == CARD,
        among(lot_remainder.c.lot_id, keys),
        lot_remainder.c.expired > NOTHING,
    ),
    OpenLotRow,
    IDENTIFIER,
    probes=(),
)
# The same of whole cards.
expired_lots_of_cards: KeyedStatement[LotRow] = KeyedStatement(
    lambda keys: select(lot_remainder).where(
        among(lot_remainder.c.card_id, keys),
        lot_remainder.c.expired > NOTHING,
        lot_remainder.c.expires_on >= bindparam("since"),
    ),
    LotRow,
    IDENTIFIER,
)
change_lots = changes(lot_remainder, ("card_id", "lot_id"), ("remainder", "held", "expired"))
debts_of_point = Statement(
    select(debt, ENTRY.seq_no)
    .join(
        ledger_entry,
        and_(ENTRY.card_id == debt.c.card_id, ENTRY.entry_id == debt.c.entry_id),
    )
    .where(debt.c.card_id == CARD, debt.c.reward_point == bindparam("of_point"))
    .order_by(ENTRY.seq_no),
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
