"""Statements that find and write activities: journal lines, postings, and counts by day."""

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    FromClause,
    Select,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from models.activities import activity_day, activity_line, activity_post, activity_waiting
from models.card_statements import CARD
from models.columns import DAY, HASH, IDENTIFIER, INSTANT, ORDERED, UNITS
from models.statements import KeyedStatement, Statement, among, write, write_each


class LineRow(NamedTuple):
    """A line with what other rows tell of it: `status`, `reviewed_by`; `error` while it waits."""

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


class StoredLineRow(NamedTuple):
    """A line as its own table has it."""

    activity_key: bytes
    line_id: UUID
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
    rejection_reason: str | None
    error: str | None
    rejected_by: str | None


class LineIdRow(NamedTuple):
    line_id: UUID


class WaitingRow(NamedTuple):
    """Where and when a line waits."""

    activity_key: bytes
    line_id: UUID
    card_number: str
    occurred_at: datetime


class PostableRow(NamedTuple):
    """A line that waits, with all that posting needs of it."""

    activity_key: bytes
    line_id: UUID
    card_number: str
    occurred_at: datetime
    channel: str
    activity_type: str
    activity_id: str
    affiliation: str | None


class PostRow(NamedTuple):
    activity_key: bytes
    card_id: UUID
    activity_type: str
    entry_date: date
    posted_at: datetime
    posted_by: str
    notes: str
    reviewed_by: str | None


class ActivityCountRow(NamedTuple):
    posted: int


class ActivityDayRow(NamedTuple):
    card_id: UUID
    activity_type: str
    entry_date: date
    posted: int


ACTIVITY = bindparam("of_activity", type_=HASH)
_LINE = activity_line.c
_WAITING = activity_waiting.c
_POST = activity_post.c
_DAY = activity_day.c

_WAITS = _WAITING.activity_key.is_not(None)
_SHOWN = {
    "status": case(
        (_WAITS, "UNPOSTED"), (_LINE.rejected_by.is_not(None), "REJECTED"), else_="POSTED"
    ),
    "reviewed_by": func.coalesce(_LINE.rejected_by, _POST.reviewed_by),
    "error": case((_WAITS, _LINE.error)),
}
OF_WAITING = _WAITING.activity_key == _LINE.activity_key
OF_POST = _POST.activity_key == _LINE.activity_key
EVERY_LINE = activity_line.outerjoin(activity_waiting, OF_WAITING).outerjoin(activity_post, OF_POST)
# Begins with the rows that wait, in the order of their index.
WAITING_LINES = activity_waiting.outerjoin(activity_line, OF_WAITING).outerjoin(
    activity_post, OF_POST
)


def shown_lines(source: FromClause = EVERY_LINE) -> Select[Any]:
    """Rows of LineRow from one of the two joins."""
    own = {column.name: column for column in activity_line.columns}
    columns = own | {name: shown.label(name) for name, shown in _SHOWN.items()}
    return select(*(columns[name] for name in LineRow._fields)).select_from(source)


lines_of: KeyedStatement[LineRow] = KeyedStatement(
    lambda keys: shown_lines().where(among(_LINE.activity_key, keys)), LineRow, HASH
)
lines_by_id: KeyedStatement[LineRow] = KeyedStatement(
    lambda keys: shown_lines().where(among(_LINE.line_id, keys)), LineRow, IDENTIFIER
)
# Erasing of texts and errors of posting wait for the line itself.
locked_lines_of: KeyedStatement[LineRow] = KeyedStatement(
    lambda keys: (
        shown_lines()
        .where(among(_LINE.activity_key, keys))
        .order_by(_LINE.activity_key)
        .with_for_update(of=activity_line)
    ),
    LineRow,
    HASH,
)
# All that posting needs stands here: of a line that is joined with its lock PostgreSQL would show
# what it was before the wait for it.
locked_waiting_of: KeyedStatement[PostableRow] = KeyedStatement(
    lambda keys: (
        select(activity_waiting)
        .where(among(_WAITING.activity_key, keys))
        .order_by(_WAITING.activity_key)
        .with_for_update()
    ),
    PostableRow,
    HASH,
)
_PLACES = select(*(_WAITING[name] for name in WaitingRow._fields))
_EDGE = tuple_(bindparam("edge_at", type_=INSTANT), bindparam("edge_id", type_=IDENTIFIER))
# In the order in which lines are posted.
waiting_after = Statement(
    _PLACES.where(tuple_(_WAITING.occurred_at, _WAITING.line_id) > _EDGE)
    .order_by(_WAITING.occurred_at, _WAITING.line_id)
    .limit(bindparam("count", type_=UNITS)),
    WaitingRow,
)
waiting_of: KeyedStatement[WaitingRow] = KeyedStatement(
    lambda keys: _PLACES.where(among(_WAITING.activity_key, keys)), WaitingRow, HASH
)
insert_waiting = write(insert(activity_waiting))
change_waiting = write(
    update(activity_waiting)
    .where(_WAITING.activity_key == ACTIVITY)
    .values(
        card_number=bindparam("card_number"),
        occurred_at=bindparam("occurred_at", type_=INSTANT),
        channel=bindparam("channel"),
        affiliation=bindparam("affiliation"),
    )
)
end_waiting = write_each(
    lambda keys: delete(activity_waiting).where(among(_WAITING.activity_key, keys)), HASH
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
reject_lines = write_each(
    lambda keys: (
        update(activity_line)
        .where(among(_LINE.activity_key, keys))
        .values(
            rejected_by=bindparam("rejected_by"), rejection_reason=bindparam("rejection_reason")
        )
    ),
    HASH,
)
fail_line = write(
    update(activity_line)
    .where(_LINE.activity_key == ACTIVITY, _LINE.line_id == bindparam("of_line", type_=IDENTIFIER))
    .values(error=bindparam("error"))
)
delete_lines = write_each(
    lambda keys: delete(activity_line).where(among(_LINE.activity_key, keys)), HASH
)
forget_line_texts = write(
    update(activity_line)
    .where(_LINE.card_number == bindparam("of_number", type_=ORDERED))
    .values(comment=None, evidence=None, rejection_reason=None)
)

line_with_texts = Statement(
    select(_LINE.line_id)
    .where(
        _LINE.card_number == bindparam("of_number", type_=ORDERED),
        or_(*(_LINE[name].is_not(None) for name in ("comment", "evidence", "rejection_reason"))),
    )
    .limit(1),
    LineIdRow,
)

posts_of: KeyedStatement[PostRow] = KeyedStatement(
    lambda keys: select(activity_post).where(among(_POST.activity_key, keys)), PostRow, HASH
)
posts_of_card = Statement(select(activity_post).where(_POST.card_id == CARD), PostRow)
insert_post = write(insert(activity_post))

activity_days_of: KeyedStatement[ActivityDayRow] = KeyedStatement(
    lambda keys: select(activity_day).where(
        among(_DAY.card_id, keys),
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
        among(_DAY.card_id, keys), _DAY.activity_type == bindparam("of_type")
    ),
    ActivityCountRow,
    IDENTIFIER,
)
