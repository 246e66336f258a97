"""Statements that add up a card's book as it was known at some moment."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, and_, bindparam, cast, func, select
from sqlalchemy.sql import ColumnElement

from models.columns import IDENTIFIER
from models.ledger import allocation, ledger_entry
from models.ledger_statements import ENTRY
from models.statements import KeyedStatement, among


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


def _known(on: str = "as_of", at: str = "known_at") -> ColumnElement[bool]:
    return and_(ENTRY.entry_date <= bindparam(on), ENTRY.posted_at <= bindparam(at))


# The past is read from the book itself: what was dated by `as_of` and written by `known_at`. Sums
# of BIGINT are
# numeric on some engines, so they are cast back.
past_sums_of: KeyedStatement[SumRow] = KeyedStatement(
    lambda keys: (
        select(
            ENTRY.card_id,
            ENTRY.reward_point,
            ENTRY.entry_type,
            cast(func.sum(ENTRY.points), BigInteger).label("points"),
        )
        .where(among(ENTRY.card_id, keys), _known())
        .group_by(ENTRY.card_id, ENTRY.reward_point, ENTRY.entry_type)
    ),
    SumRow,
    IDENTIFIER,
)
past_lots_of: KeyedStatement[PastLotRow] = KeyedStatement(
    lambda keys: (
        select(
            ENTRY.card_id,
            ENTRY.reward_point,
            ENTRY.vests_on,
            ENTRY.expires_on,
            cast(func.sum(ENTRY.points), BigInteger).label("points"),
        )
        .where(among(ENTRY.card_id, keys), _known(), ENTRY.vests_on.is_not(None))
        .group_by(ENTRY.card_id, ENTRY.reward_point, ENTRY.vests_on, ENTRY.expires_on)
    ),
    PastLotRow,
    IDENTIFIER,
)
_taker = ledger_entry.alias("taker")
past_taken_of: KeyedStatement[TakenRow] = KeyedStatement(
    lambda keys: (
        select(
            ENTRY.card_id,
            ENTRY.reward_point,
            ENTRY.vests_on,
            ENTRY.expires_on,
            _taker.c.entry_type,
            cast(func.sum(allocation.c.points), BigInteger).label("points"),
        )
        .select_from(
            allocation.join(
                ledger_entry,
                and_(ENTRY.card_id == allocation.c.card_id, ENTRY.entry_id == allocation.c.lot_id),
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
            ENTRY.card_id,
            ENTRY.reward_point,
            ENTRY.vests_on,
            ENTRY.expires_on,
            _taker.c.entry_type,
        )
    ),
    TakenRow,
    IDENTIFIER,
)
