"""Statements that find who holds a tier: rows that run, and cards to which time may have brought
one that nobody has written yet.

All cards are walked in pages of so many by id, so that no statement is long, however few match.
"""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BindParameter, Column, ColumnElement, and_, bindparam, or_, select

from models.card_statements import CardRow
from models.cards import card, enrolment, tier_row
from models.columns import DAY, IDENTIFIER, UNITS
from models.statements import Statement


class CardIdRow(NamedTuple):
    card_id: UUID


_AFTER = bindparam("after", type_=IDENTIFIER)
_UNTIL = bindparam("until", type_=IDENTIFIER)
EARLIEST = bindparam("earliest_today", type_=DAY)
LATEST = bindparam("latest_today", type_=DAY)
_PROGRAM: BindParameter[str] = bindparam("of_program")
_row = tier_row.c
_later = tier_row.alias()

# One card with a row of the tier that runs on the day or begins after it.
row_from = Statement(
    select(_row.card_id)
    .join(card, card.c.card_id == _row.card_id)
    .where(
        _row.program == _PROGRAM,
        _row.tier == bindparam("of_tier"),
        or_(_row.ends_on.is_(None), _row.ends_on >= bindparam("day", type_=DAY)),
        card.c.status != "REPLACED",
    )
    .limit(1),
    CardIdRow,
)
# The first card behind so many others.
page_end = Statement(
    select(card.c.card_id)
    .where(card.c.card_id > _AFTER)
    .order_by(card.c.card_id)
    .limit(1)
    .offset(bindparam("count", type_=UNITS)),
    CardIdRow,
)


def unindexed(column: Column[str]) -> ColumnElement[str]:
    """The rows of a card are few, those of a program are millions: SQLite, which counts neither,
    would look up the program for each card.
    """
    return column.concat("")


_runs_on = (
    select(_later.c.card_id)
    .where(
        _later.c.card_id == _row.card_id,
        unindexed(_later.c.program) == _row.program,
        _later.c.manual.is_(False),
        _later.c.starts_on <= EARLIEST,
        or_(_later.c.ends_on.is_(None), _later.c.ends_on >= LATEST),
    )
    .exists()
)
# A row that has ended, and behind which time may have brought another that nobody has written.
# "Today" is a day between the two; it depends on where the card was issued.
LAST_HAS_ENDED = and_(
    _row.ends_on < LATEST,
    or_(_row.ends_on >= EARLIEST, and_(_row.manual.is_(False), ~_runs_on)),
)
_has_ended = (
    select(_row.card_id)
    .where(
        _row.card_id == card.c.card_id,
        _row.card_id > _AFTER,
        _row.card_id <= _UNTIL,
        unindexed(_row.program) == _PROGRAM,
        LAST_HAS_ENDED,
    )
    .exists()
)
_has_awaited = (
    select(enrolment.c.card_id)
    .where(
        enrolment.c.card_id == card.c.card_id,
        enrolment.c.card_id > _AFTER,
        enrolment.c.card_id <= _UNTIL,
        unindexed(enrolment.c.program) == _PROGRAM,
        enrolment.c.enrolled_on < enrolment.c.starts_on,
        enrolment.c.starts_on <= LATEST,
    )
    .exists()
)
# Cards of the page whose last row in the program has ended, or that awaited an enrolment: what they
# hold is judged.
to_judge = Statement(
    select(card).where(
        card.c.card_id > _AFTER,
        card.c.card_id <= _UNTIL,
        card.c.status != "REPLACED",
        or_(_has_ended, _has_awaited),
    ),
    CardRow,
)
