"""What jobs have to do, page by page over all cards, and the leases by which one worker does it.

A page goes on behind the last row of the one before. Source: engineering 1.2 (Outbox / jobs).
"""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BindParameter, and_, bindparam, literal_column, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from models.cards import tier_row
from models.columns import CODE, DAY, IDENTIFIER, INSTANT, UNITS
from models.ledger import lot_remainder
from models.local import job_lease
from models.lot_statements import NOTHING
from models.payments import payment
from models.statements import Statement, write


class DueLotRow(NamedTuple):
    card_id: UUID
    lot_id: UUID
    expires_on: date


class DueHoldRow(NamedTuple):
    card_id: UUID
    payment_id: UUID
    hold_expires_at: datetime


class EndedTierRow(NamedTuple):
    card_id: UUID
    tier_row_id: UUID
    ends_on: date


class CursorRow(NamedTuple):
    cursor: str | None


_COUNT = bindparam("count", type_=UNITS)
_CARD_AFTER = bindparam("card_after", type_=IDENTIFIER)
_ID_AFTER = bindparam("id_after", type_=IDENTIFIER)

_lot = lot_remainder.c
# Lots that ended before the day and have something left that no hold reserves.
due_lots = Statement(
    select(_lot.card_id, _lot.lot_id, _lot.expires_on)
    .where(
        _lot.remainder > NOTHING,
        _lot.remainder > _lot.held,
        _lot.expires_on < bindparam("before", type_=DAY),
        tuple_(_lot.expires_on, _lot.card_id, _lot.lot_id)
        > tuple_(bindparam("day_after", type_=DAY), _CARD_AFTER, _ID_AFTER),
    )
    .order_by(_lot.expires_on, _lot.card_id, _lot.lot_id)
    .limit(_COUNT),
    DueLotRow,
)
_payment = payment.c
due_holds = Statement(
    select(_payment.card_id, _payment.payment_id, _payment.hold_expires_at)
    .where(
        _payment.status == literal_column("'AUTHORIZED'", CODE),
        _payment.hold_expires_at <= bindparam("until", type_=INSTANT),
        tuple_(_payment.hold_expires_at, _payment.card_id, _payment.payment_id)
        > tuple_(bindparam("at_after", type_=INSTANT), _CARD_AFTER, _ID_AFTER),
    )
    .order_by(_payment.hold_expires_at, _payment.card_id, _payment.payment_id)
    .limit(_COUNT),
    DueHoldRow,
)
_tier = tier_row.c
# Rows that had ended before the day: time alone may have brought others.
ended_tiers = Statement(
    select(_tier.card_id, _tier.tier_row_id, _tier.ends_on)
    .where(
        _tier.ends_on < bindparam("before", type_=DAY),
        tuple_(_tier.ends_on, _tier.card_id, _tier.tier_row_id)
        > tuple_(bindparam("day_after", type_=DAY), _CARD_AFTER, _ID_AFTER),
    )
    .order_by(_tier.ends_on, _tier.card_id, _tier.tier_row_id)
    .limit(_COUNT),
    EndedTierRow,
)

_lease = job_lease.c
_JOB: BindParameter[str] = bindparam("of_job")
_NOW = bindparam("now", type_=INSTANT)
# What lies behind it was written by a clock that was ahead and has been set since: it binds nobody.
_AHEAD = bindparam("ahead", type_=INSTANT)
insert_lease = write(insert_or_leave(job_lease).on_conflict_do_nothing())
# The job is due, and nobody else is at it: the loser changes no row.
claim_lease = write(
    update(job_lease)
    .where(
        _lease.job == _JOB,
        or_(
            _lease.held_until.is_(None),
            _lease.held_until <= _NOW,
            _lease.held_until > _AHEAD,
        ),
        or_(
            _lease.finished_at.is_(None),
            _lease.finished_at <= bindparam("due", type_=INSTANT),
            _lease.finished_at > _AHEAD,
        ),
    )
    .values(holder=bindparam("holder"), held_until=bindparam("held_until"))
)
_MINE = and_(_lease.job == _JOB, _lease.holder == bindparam("of_holder"))
renew_lease = write(update(job_lease).where(_MINE).values(held_until=bindparam("held_until")))
end_lease = write(
    update(job_lease)
    .where(_MINE)
    .values(holder=None, held_until=None, finished_at=bindparam("finished_at"))
)
cursor_of = Statement(select(_lease.cursor).where(_lease.job == _JOB), CursorRow)
keep_cursor = write(update(job_lease).where(_lease.job == _JOB).values(cursor=bindparam("cursor")))
