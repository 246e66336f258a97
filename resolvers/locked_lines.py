"""Lines of the journal under their lock, and what may still be done with them. Source: semantics
5.7.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from models.activity_statements import LineRow, lines_by_id, locked_lines_of, locked_waiting_of
from models.failures import ChangedMeanwhile
from models.transactions import Transaction
from resolvers.activity_lines import MAXIMUM_LINES
from resolvers.audits import Facts, audit
from resolvers.callers import Role
from resolvers.context import Context
from rules.errors import (
    ActivityLineAlreadyPosted,
    InvalidInput,
    LoyaltyError,
    NotFound,
    Path,
    Refused,
)

_SHOWN = ("card_number", "activity_type", "channel", "occurred_at", "affiliation")


def line_facts(line: LineRow) -> Facts:
    """What an audit may tell of a line; of texts that somebody wrote, nothing."""
    return {"line": str(line.line_id), **{name: getattr(line, name) for name in _SHOWN}}


def checked_ids(ids: Sequence[UUID | None], others: Sequence[LoyaltyError] = ()) -> list[UUID]:
    """Raises Refused where ids are malformed or too many."""
    faults: list[LoyaltyError] = [
        InvalidInput("This id is malformed.", ("ids", str(place)))
        for place, one in enumerate(ids)
        if one is None
    ]
    if len(ids) > MAXIMUM_LINES:
        faults = [InvalidInput(f"At most {MAXIMUM_LINES} ids may be sent.", ("ids",))]
    if faults or others:
        raise Refused([*faults, *others])
    return [one for one in ids if one is not None]


async def locked(
    context: Context, transaction: Transaction, ids: Sequence[UUID], member: str = "ids"
) -> list[LineRow]:
    """The lines in the order of the ids, locked in the order of their keys.

    Raises NotFound for one that is unknown or that another caller created, as partners see it.
    """
    rows = {row.line_id: row for row in await transaction.each(lines_by_id, ids)}
    for place, line_id in enumerate(ids):
        if not _may_change(context, rows.get(line_id)):
            path = (member, str(place)) if member == "ids" else (member,)
            raise NotFound("There is no such line.", path)
    keys = sorted(row.activity_key for row in rows.values())
    waiting = {row.line_id for row in await transaction.each(locked_waiting_of, keys)}
    held: Mapping[UUID, LineRow] = {
        row.line_id: row for row in await transaction.each(locked_lines_of, keys)
    }
    # A line that waits under its key only since this looked for it there is not locked.
    unposted = {line_id for line_id, row in held.items() if row.status == "UNPOSTED"}
    if held.keys() != rows.keys() or unposted != waiting:
        raise ChangedMeanwhile
    return [held[line_id] for line_id in ids]


def _may_change(context: Context, line: LineRow | None) -> bool:
    if line is None:
        return False
    return context.caller.role is not Role.PARTNER or line.created_by == context.caller.scope


def unique(lines: Sequence[LineRow]) -> list[LineRow]:
    return list({line.line_id: line for line in lines}.values())


def check_not_posted(line: LineRow, path: Path) -> None:
    if line.status == "POSTED":
        raise ActivityLineAlreadyPosted("This line is posted: it stays as it is.", path)


def check_unposted(line: LineRow, path: Path) -> None:
    check_not_posted(line, path)
    if line.status == "REJECTED":
        raise InvalidInput("This line was rejected: that is final.", path)


async def audit_each(
    context: Context, transaction: Transaction, operation: str, lines: Sequence[LineRow]
) -> None:
    if lines:
        facts: Facts = {"lines": [line_facts(line) for line in lines]}
        await audit(context, transaction, operation, context.service.clock(), before=facts)
