"""What review does to lines of the journal: edited, deleted, rejected. Source: semantics 5.7."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from models.activity_statements import (
    LineRow,
    PostableRow,
    StoredLineRow,
    change_line,
    change_waiting,
    delete_line,
    end_waiting,
    lines_by_id,
    locked_lines_of,
    locked_waiting_of,
    reject_line,
)
from models.database import Transaction
from models.directory_statements import answer_key, claim_key, free_key, key_used, keys_used
from models.failures import ChangedMeanwhile
from resolvers.activity_checks import Activity, check_form, check_scope
from resolvers.activity_lines import (
    JOURNAL,
    MAXIMUM_LINES,
    NewLine,
    check_named,
    insert,
    key_answer,
    line_of_key,
    named_cards,
    occurred_on,
)
from resolvers.adjustments import comment_fault
from resolvers.audits import Facts, audit
from resolvers.callers import Role
from resolvers.context import Context
from resolvers.customers import MAXIMUM_TEXT
from rules.book import RuleBook
from rules.errors import (
    ActivityLineAlreadyPosted,
    IdempotencyKeyReused,
    InvalidInput,
    LoyaltyError,
    NotFound,
    Path,
    Refused,
)

# Fractions keep every digit, as in lines that are sent.
_AS_STORED = msgspec.json.Decoder(float_hook=Decimal)
_KEPT = {
    "cardNumber": "card_number",
    "activityType": "activity_type",
    "channel": "channel",
}
_SHOWN = ("card_number", "activity_type", "channel", "occurred_at", "affiliation")


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """`given` names the members that were sent, as the line has them: null clears, what is left out
    stays. `line_id` None: a malformed id.
    """

    line_id: UUID | None
    given: frozenset[str]
    card_number: str | None = None
    activity_type: str | None = None
    channel: str | None = None
    occurred_at: datetime | None = None
    affiliation: str | None = None
    comment: str | None = None


async def update(context: Context, command: ChangeLine) -> bytes:
    """Edit an UNPOSTED line; answers with its key, which a changed type makes another.

    Raises Refused, NotFound, ActivityLineAlreadyPosted, InvalidInput for a rejected line,
    IdempotencyKeyReused where the changed type's key is taken, or what creating would.
    """
    line_id = _check_update(command)

    async def unit(transaction: Transaction, _book: RuleBook | None) -> bytes:
        (before,) = await locked(context, transaction, [line_id], "id")
        _check_unposted(before, ("id",))
        after = _edited(before, command)
        activity = activity_of(after)
        check_form(context, activity)
        check_scope(context.caller, activity)
        cards = await named_cards(transaction, [NewLine(activity)])
        await check_named(context, transaction, activity, cards)
        on = await occurred_on(context, transaction, after.channel, after.occurred_at)
        after = after._replace(activity_key=activity.key, occurred_on=on)
        await _write(context, transaction, before, after)
        return after.activity_key

    return await context.unit(unit)


def _check_update(command: ChangeLine) -> UUID:
    faults: list[LoyaltyError] = [
        InvalidInput("A line always has this.", (member,))
        for member, name in _KEPT.items()
        if name in command.given and getattr(command, name) is None
    ]
    comment = comment_fault(command.comment)
    if comment is not None:
        faults.append(comment)
    if command.line_id is None:
        faults.insert(0, InvalidInput("This id is malformed.", ("id",)))
    if faults or command.line_id is None:
        raise Refused(faults)
    return command.line_id


def _edited(before: LineRow, command: ChangeLine) -> LineRow:
    changes = {name: getattr(command, name) for name in command.given}
    if "occurred_at" in changes and changes["occurred_at"] is None:
        changes["occurred_at"] = before.created_at
    return before._replace(**changes, error=None)


def activity_of(line: LineRow | PostableRow) -> Activity:
    return Activity(
        channel=line.channel,
        card_number=line.card_number,
        activity_type=line.activity_type,
        activity_id=line.activity_id,
        occurred_at=line.occurred_at,
        affiliation=line.affiliation,
    )


async def _write(
    context: Context, transaction: Transaction, before: LineRow, after: LineRow
) -> None:
    if after == before:
        return
    now = context.service.clock()
    if after.activity_key == before.activity_key:
        await transaction.run(
            change_line,
            of_activity=after.activity_key,
            channel=after.channel,
            card_number=after.card_number,
            occurred_at=after.occurred_at,
            occurred_on=after.occurred_on,
            affiliation=after.affiliation,
            comment=after.comment,
        )
        await transaction.run(
            change_waiting,
            of_activity=after.activity_key,
            card_number=after.card_number,
            occurred_at=after.occurred_at,
            channel=after.channel,
            affiliation=after.affiliation,
        )
    else:
        await _move(transaction, before, after, now)
    await audit(
        context,
        transaction,
        "updateActivityLine",
        now,
        before=_facts(before),
        after=_facts(after),
    )


async def _move(transaction: Transaction, before: LineRow, after: LineRow, now: datetime) -> None:
    """Another type is another key. What the line was created under stays its own: who sends that
    again is answered with the line.
    """
    evidence = _AS_STORED.decode(after.evidence) if after.evidence else None
    content = NewLine(activity_of(after), after.comment, evidence).content
    had = await _keys(transaction, [before])
    answer = key_answer(after.line_id, sorted(had - {after.activity_key}))
    claim = {"key_hash": after.activity_key, "mutation": JOURNAL, "payload_hash": content}
    if not await transaction.run(
        claim_key, **claim, first_used_at=now, outcome="DONE", answer=answer
    ):
        await _take_again(transaction, after, answer)
    await transaction.run_each(end_waiting, [before.activity_key])
    await transaction.run(delete_line, of_activity=before.activity_key)
    await insert(transaction, [_stored(after)])


async def _take_again(transaction: Transaction, line: LineRow, answer: str) -> None:
    """Raises IdempotencyKeyReused where the key never was the line's."""
    used = await transaction.first(key_used, of_key=line.activity_key)
    if used is None:
        raise ChangedMeanwhile
    if line_of_key(used) != line.line_id:
        raise IdempotencyKeyReused(used.first_used_at, ("activityType",))
    await transaction.run(answer_key, of_key=line.activity_key, outcome="DONE", answer=answer)


async def _keys(transaction: Transaction, lines: Sequence[LineRow]) -> set[bytes]:
    """Those of the lines, and those that they had before."""
    keys = {line.activity_key for line in lines}
    answers = [json.loads(row.answer) for row in await transaction.each(keys_used, sorted(keys))]
    return keys | {bytes.fromhex(key) for answer in answers for key in answer.get("had", [])}


def _stored(line: LineRow) -> StoredLineRow:
    """An unposted line as a row."""
    members = line._asdict() | {"rejected_by": None}
    return StoredLineRow(*map(members.__getitem__, StoredLineRow._fields))


def _facts(line: LineRow) -> Facts:
    """What an audit may tell of a line; of texts that somebody wrote, nothing."""
    return {"line": str(line.line_id), **{name: getattr(line, name) for name in _SHOWN}}


async def _free(transaction: Transaction, lines: Sequence[LineRow]) -> None:
    keys = await _keys(transaction, lines)
    await transaction.run_each(end_waiting, [line.activity_key for line in lines])
    for line in lines:
        await transaction.run(delete_line, of_activity=line.activity_key)
    for key in sorted(keys):
        await transaction.run(free_key, of_key=key)


async def delete(context: Context, ids: Sequence[UUID | None]) -> list[LineRow]:
    """Delete UNPOSTED lines, all or none, and free their keys; the lines as they were.

    Raises Refused, NotFound, ActivityLineAlreadyPosted, InvalidInput for a rejected line.
    """
    wanted = checked_ids(ids)

    async def unit(transaction: Transaction, _book: RuleBook | None) -> list[LineRow]:
        lines = await locked(context, transaction, wanted)
        for place, line in enumerate(lines):
            _check_unposted(line, ("ids", str(place)))
        lines = unique(lines)
        await _free(transaction, lines)
        await _audit_each(context, transaction, "deleteActivityLines", lines)
        return lines

    return await context.unit(unit)


async def reject(context: Context, ids: Sequence[UUID | None], reason: str) -> list[bytes]:
    """Turn lines down for good, all or none; those rejected before stay as they are.

    The keys of the lines named. Raises Refused, NotFound, ActivityLineAlreadyPosted.
    """
    wanted = checked_ids(ids, _reason_faults(reason))

    async def unit(transaction: Transaction, _book: RuleBook | None) -> list[bytes]:
        lines = await locked(context, transaction, wanted)
        for place, line in enumerate(lines):
            _check_not_posted(line, ("ids", str(place)))
        lines = unique(lines)
        fresh = [line for line in lines if line.status == "UNPOSTED"]
        for line in fresh:
            await transaction.run(
                reject_line,
                of_activity=line.activity_key,
                rejected_by=context.caller.name,
                rejection_reason=reason,
            )
        await transaction.run_each(end_waiting, [line.activity_key for line in fresh])
        await _audit_each(context, transaction, "rejectActivityLines", fresh)
        return [line.activity_key for line in lines]

    return await context.unit(unit)


def _reason_faults(reason: str) -> list[LoyaltyError]:
    if 1 <= len(reason) <= MAXIMUM_TEXT:
        return []
    return [InvalidInput(f"A reason has 1 to {MAXIMUM_TEXT} characters.", ("reason",))]


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


def _check_not_posted(line: LineRow, path: Path) -> None:
    if line.status == "POSTED":
        raise ActivityLineAlreadyPosted("This line is posted: it stays as it is.", path)


def _check_unposted(line: LineRow, path: Path) -> None:
    _check_not_posted(line, path)
    if line.status == "REJECTED":
        raise InvalidInput("This line was rejected: that is final.", path)


async def _audit_each(
    context: Context, transaction: Transaction, operation: str, lines: Sequence[LineRow]
) -> None:
    if lines:
        facts: Facts = {"lines": [_facts(line) for line in lines]}
        await audit(context, transaction, operation, context.service.clock(), before=facts)
