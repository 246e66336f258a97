"""Statements that find and write activities: journal lines, postings, and counts by day."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from models.activities import activity_day, activity_line, activity_post
from models.card_statements import CARD
from models.columns import DAY, HASH, IDENTIFIER, INSTANT, ORDERED, UNITS
from models.statements import KeyedStatement, Statement, write


class LineRow(NamedTuple):
    activity_key: bytes
    line_id: UUID
    status: str
    channel: str
    card_number: str
    activity_type: str
    activity_id: str
    occurred_at: datetime
    occurred_on: date
    created_at: datetime
    affiliation: str | None
    comment: str | None
    evidence: str | None
    created_by: str
    reviewed_by: str | None
    rejection_reason: str | None
    error: str | None


class WaitingRow(NamedTuple):
    activity_key: bytes
    line_id: UUID
    card_number: str
    occurred_at: datetime


class PostRow(NamedTuple):
    activity_key: bytes
    card_id: UUID
    activity_type: str
    entry_date: date
    posted_at: datetime
    posted_by: str
    notes: str


class ActivityCountRow(NamedTuple):
    posted: int


class ActivityDayRow(NamedTuple):
    card_id: UUID
    activity_type: str
    entry_date: date
    posted: int


ACTIVITY = bindparam("of_activity", type_=HASH)
_LINE = activity_line.c
_DAY = activity_day.c

lines_of: KeyedStatement[LineRow] = KeyedStatement(
    lambda keys: select(activity_line).where(_LINE.activity_key.in_(keys)), LineRow, HASH
)
lines_by_id: KeyedStatement[LineRow] = KeyedStatement(
    lambda keys: select(activity_line).where(_LINE.line_id.in_(keys)), LineRow, IDENTIFIER
)
locked_lines_of: KeyedStatement[LineRow] = KeyedStatement(
    lambda keys: (
        select(activity_line)
        .where(_LINE.activity_key.in_(keys))
        .order_by(_LINE.activity_key)
        .with_for_update()
    ),
    LineRow,
    HASH,
)
_waiting = select(_LINE.activity_key, _LINE.line_id, _LINE.card_number, _LINE.occurred_at).where(
    _LINE.status == "UNPOSTED"
)
_EDGE = tuple_(bindparam("edge_at", type_=INSTANT), bindparam("edge_id", type_=IDENTIFIER))
# In the order in which lines are posted.
waiting_after = Statement(
    _waiting.where(tuple_(_LINE.occurred_at, _LINE.line_id) > _EDGE)
    .order_by(_LINE.occurred_at, _LINE.line_id)
    .limit(bindparam("count", type_=UNITS)),
    WaitingRow,
)
waiting_of: KeyedStatement[WaitingRow] = KeyedStatement(
    lambda keys: _waiting.where(_LINE.activity_key.in_(keys)), WaitingRow, HASH
)
insert_lines = write(insert(activity_line))
change_line = write(
    update(activity_line)
    .where(_LINE.activity_key == ACTIVITY)
    .values(
        channel=bindparam("channel"),
        card_number=bindparam("card_number"),
        occurred_at=bindparam("occurred_at", type_=INSTANT),
        occurred_on=bindparam("occurred_on", type_=DAY),
        affiliation=bindparam("affiliation"),
        comment=bindparam("comment"),
        error=None,
    )
)
settle_line = write(
    update(activity_line)
    .where(_LINE.activity_key == ACTIVITY)
    .values(
        status=bindparam("status"),
        reviewed_by=bindparam("reviewed_by"),
        rejection_reason=bindparam("rejection_reason"),
        error=None,
    )
)
fail_line = write(
    update(activity_line)
    .where(_LINE.activity_key == ACTIVITY, _LINE.status == "UNPOSTED")
    .values(error=bindparam("error"))
)
delete_line = write(delete(activity_line).where(_LINE.activity_key == ACTIVITY))
forget_line_texts = write(
    update(activity_line)
    .where(_LINE.card_number == bindparam("of_number", type_=ORDERED))
    .values(comment=None, evidence=None, rejection_reason=None)
)

posts_of: KeyedStatement[PostRow] = KeyedStatement(
    lambda keys: select(activity_post).where(activity_post.c.activity_key.in_(keys)), PostRow, HASH
)
posts_of_card = Statement(select(activity_post).where(activity_post.c.card_id == CARD), PostRow)
insert_post = write(insert(activity_post))

activity_days_of: KeyedStatement[ActivityDayRow] = KeyedStatement(
    lambda keys: select(activity_day).where(
        _DAY.card_id.in_(keys),
        _DAY.activity_type == bindparam("of_type"),
        _DAY.entry_date.between(bindparam("since", type_=DAY), bindparam("until", type_=DAY)),
    ),
    ActivityDayRow,
    IDENTIFIER,
)
activity_days_of_card = Statement(
    select(activity_day).where(activity_day.c.card_id == CARD), ActivityDayRow
)
insert_activity_day = write(insert(activity_day))
change_activity_day = write(
    update(activity_day)
    .where(
        _DAY.card_id == CARD,
        _DAY.activity_type == bindparam("of_type"),
        _DAY.entry_date == bindparam("of_day", type_=DAY),
    )
    .values(posted=bindparam("posted"))
)
# All that the cards have posted of the type; one row a day, not one an activity.
activity_count: KeyedStatement[ActivityCountRow] = KeyedStatement(
    lambda keys: select(cast(func.sum(_DAY.posted), BigInteger).label("posted")).where(
        _DAY.card_id.in_(keys), _DAY.activity_type == bindparam("of_type")
    ),
    ActivityCountRow,
    IDENTIFIER,
)
