"""What review does to lines of the journal: edited, deleted, rejected. Source: semantics 5.7."""

import json
from collections.abc import Sequence
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
    delete_lines,
    end_waiting,
    reject_lines,
)
from models.directory_statements import answer_key, claim_key, free_keys, key_used, keys_used
from models.failures import ChangedMeanwhile
from models.transactions import Transaction
from resolvers.activity_checks import Activity, check_form, check_scope
from resolvers.activity_lines import check_named, line_of_key, named_cards
from resolvers.adjustments import comment_fault
from resolvers.audits import audit
from resolvers.context import Context
from resolvers.customers import MAXIMUM_TEXT
from resolvers.line_rows import JOURNAL, NewLine, insert, key_answer, occurred_on
from resolvers.locked_lines import (
    audit_each,
    check_not_posted,
    check_unposted,
    checked_ids,
    line_facts,
    locked,
    unique,
)
from rules.book import RuleBook
from rules.errors import IdempotencyKeyReused, InvalidInput, LoyaltyError, Refused

# Fractions keep every digit, as in lines that are sent.
_AS_STORED = msgspec.json.Decoder(float_hook=Decimal)
_KEPT = {
    "cardNumber": "card_number",
    "activityType": "activity_type",
    "channel": "channel",
}


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
        check_unposted(before, ("id",))
        after = _edited(before, command)
        activity = activity_of(after)
        check_form(context, activity)
        check_scope(context.caller, activity)
        cards = await named_cards(context, transaction, [NewLine(activity)])
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
        before=line_facts(before),
        after=line_facts(after),
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
    await transaction.run_each(delete_lines, [before.activity_key])
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


async def _free(transaction: Transaction, lines: Sequence[LineRow]) -> None:
    keys = await _keys(transaction, lines)
    current = [line.activity_key for line in lines]
    await transaction.run_each(end_waiting, current)
    await transaction.run_each(delete_lines, current)
    await transaction.run_each(free_keys, sorted(keys))


async def delete(context: Context, ids: Sequence[UUID | None]) -> list[LineRow]:
    """Delete UNPOSTED lines, all or none, and free their keys; the lines as they were.

    Raises Refused, NotFound, ActivityLineAlreadyPosted, InvalidInput for a rejected line.
    """
    wanted = checked_ids(ids)

    async def unit(transaction: Transaction, _book: RuleBook | None) -> list[LineRow]:
        lines = await locked(context, transaction, wanted)
        for place, line in enumerate(lines):
            check_unposted(line, ("ids", str(place)))
        lines = unique(lines)
        await _free(transaction, lines)
        await audit_each(context, transaction, "deleteActivityLines", lines)
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
            check_not_posted(line, ("ids", str(place)))
        lines = unique(lines)
        fresh = [line for line in lines if line.status == "UNPOSTED"]
        keys = [line.activity_key for line in fresh]
        told = {"rejected_by": context.caller.name, "rejection_reason": reason}
        await transaction.run_each(reject_lines, keys, **told)
        await transaction.run_each(end_waiting, keys)
        await audit_each(context, transaction, "rejectActivityLines", fresh)
        return [line.activity_key for line in lines]

    return await context.unit(unit)


def _reason_faults(reason: str) -> list[LoyaltyError]:
    if 1 <= len(reason) <= MAXIMUM_TEXT:
        return []
    return [InvalidInput(f"A reason has 1 to {MAXIMUM_TEXT} characters.", ("reason",))]
