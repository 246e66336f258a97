"""What each caller took of its allowances in the minute that is running, all processes together.

A caller stands here by a hash: the table knows no customers. Source: engineering 1.2.
"""

from typing import NamedTuple

from sqlalchemy import Column, Table, bindparam, case, delete
from sqlalchemy.dialects.postgresql import insert

from models.columns import HASH, UNITS, metadata, placed
from models.statements import Statement, write

allowance = Table(
    "allowance",
    metadata,
    Column("scope_hash", HASH, primary_key=True),
    # Minutes since 1970, by the world's clock.
    Column("minute", UNITS, nullable=False, index=True),
    Column("taken", UNITS, nullable=False),
    info=placed("local"),
)


class TakenRow(NamedTuple):
    taken: int


_insert = insert(allowance)
_given, _kept = _insert.excluded, allowance.c
_is_over = _kept.minute < _given.minute
# A process whose clock is behind counts for the minute that another has begun.
take = Statement(
    _insert.on_conflict_do_update(
        index_elements=[_kept.scope_hash],
        set_={
            "minute": case((_is_over, _given.minute), else_=_kept.minute),
            "taken": case((_is_over, _given.taken), else_=_kept.taken + _given.taken),
        },
    ).returning(_kept.taken),
    TakenRow,
)
forget_before = write(
    delete(allowance).where(_kept.minute < bindparam("before_minute", type_=UNITS))
)
