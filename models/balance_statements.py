"""Statements that read and keep balances, points by day, and what counts for tiers by day."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, and_, bindparam, case, cast, func, insert, select, update

from models.columns import DAY, IDENTIFIER
from models.ledger import balance, countable_day, points_day
from models.ledger_statements import CARD
from models.statements import KeyedStatement, Statement, among, changes, write


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


class StockRow(NamedTuple):
    """What a day finds of one reward point: free to spend, and held whatever the day."""

    spendable: int
    held: int


balances_of: KeyedStatement[BalanceRow] = KeyedStatement(
    lambda keys: (
        select(balance)
        .where(among(balance.c.card_id, keys))
        .order_by(balance.c.card_id, balance.c.reward_point)
    ),
    BalanceRow,
    IDENTIFIER,
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
_ON = bindparam("on", type_=DAY)
_is_spendable = and_(points_day.c.vests_on <= _ON, points_day.c.expires_on >= _ON)
_free = points_day.c.remainder - points_day.c.held
stock_of_point = Statement(
    select(
        cast(func.coalesce(func.sum(case((_is_spendable, _free), else_=0)), 0), BigInteger).label(
            "spendable"
        ),
        cast(func.coalesce(func.sum(points_day.c.held), 0), BigInteger).label("held"),
    ).where(points_day.c.card_id == CARD, points_day.c.reward_point == bindparam("of_point")),
    StockRow,
)
insert_points_day = write(insert(points_day))
change_points_days = changes(points_day, PointsDayRow._fields[:4], PointsDayRow._fields[4:])
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
