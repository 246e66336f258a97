"""The journal's new lines: checked one by one, written all or none, each once for its key.

Source: semantics 5.7, 12.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from models.activity_statements import LineRow, lines_by_id, lines_of
from models.card_statements import cards_of, numbers_of
from models.directory_statements import KeyRow, keys_used
from models.transactions import Reader, Transaction
from resolvers import customers
from resolvers.activity_checks import (
    Activity,
    check_affiliation,
    check_scope,
    checked_type,
    form_faults,
    named_channel,
)
from resolvers.adjustments import comment_fault
from resolvers.audits import audit
from resolvers.callers import Role
from resolvers.cards import NOBODY
from resolvers.context import Context
from resolvers.identifiers import ordered_ids
from resolvers.line_rows import JOURNAL, NewLine, claim, insert, new_row
from rules.book import RuleBook
from rules.errors import CardNotFound, IdempotencyKeyReused, InvalidInput, LoyaltyError, Refused

MAXIMUM_LINES = 1000
MAXIMUM_EVIDENCE = 16_384


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of one new line: where it stands, or why it does not."""

    activity_key: bytes
    is_new: bool
    refusal: LoyaltyError | None = None


def line_faults(context: Context, line: NewLine) -> list[LoyaltyError]:
    """Every fault of the line's form, by its path in the line."""
    faults = form_faults(context, line.activity)
    comment = comment_fault(line.comment)
    if comment is not None:
        faults.append(comment)
    if len(line.stored_evidence or "") > MAXIMUM_EVIDENCE:
        message = f"Evidence has at most {MAXIMUM_EVIDENCE} characters of JSON."
        faults.append(InvalidInput(message, ("evidence",)))
    return faults


async def create(context: Context, lines: Sequence[NewLine]) -> list[bytes]:
    """Create all lines or none; a key used with equal content answers with its line.

    The keys in the order of the input. Raises Refused for faults of form, else the first refusal.
    """
    _check_form(context, lines)

    async def unit(transaction: Transaction, _book: RuleBook | None) -> list[Settled]:
        settled = await settle(context, transaction, lines)
        for place, one in enumerate(settled):
            if one.refusal is not None:
                raise at_line(one.refusal, place)
        return settled

    with context.looking_up_together():
        return [one.activity_key for one in await context.unit(unit)]


def _check_form(context: Context, lines: Sequence[NewLine]) -> None:
    if len(lines) > MAXIMUM_LINES:
        message = f"At most {MAXIMUM_LINES} lines may be sent."
        raise Refused([InvalidInput(message, ("lines",))])
    faults = [
        at_line(fault, place)
        for place, line in enumerate(lines)
        for fault in line_faults(context, line)
    ]
    if faults:
        raise Refused(faults)


def at_line(fault: LoyaltyError, place: int) -> LoyaltyError:
    fault.field = ("lines", str(place), *(fault.field or ()))
    return fault


async def settle(
    context: Context, transaction: Transaction, lines: Sequence[NewLine]
) -> list[Settled]:
    """Write each line that nothing speaks against, and tell what came of every one.

    Raises ChangedMeanwhile where another call took one of the keys at the same moment.
    """
    examined = await examine(context, transaction, lines)
    pairs = zip(lines, examined, strict=True)
    fresh = {one.activity_key: line for line, one in pairs if one.is_new}
    if fresh:
        await _write(context, transaction, fresh)
    return examined


async def examine(context: Context, reader: Reader, lines: Sequence[NewLine]) -> list[Settled]:
    """Judge each line by what is there and by those before it; nothing is written."""
    keys = [line.activity.key for line in lines]
    used = {row.key_hash: row for row in await reader.each(keys_used, keys)}
    rows = await _lines_of_keys(reader, used)
    named = await named_cards(context, reader, lines)
    before: dict[bytes, bytes] = {}
    examined = []
    for line in lines:
        key, content, row = line.activity.key, line.content, rows.get(line.activity.key)
        try:
            is_new = await _examine(context, reader, line, named, used.get(key), row)
            if is_new and before.get(key, content) != content:
                now = context.service.clock()
                raise IdempotencyKeyReused(now, ("activityId",))
            there = row.activity_key if row else key
            examined.append(Settled(there, is_new and key not in before))
            before[key] = content
        except LoyaltyError as refusal:
            examined.append(Settled(key, is_new=False, refusal=refusal))
    return examined


async def _lines_of_keys(reader: Reader, used: Mapping[bytes, KeyRow]) -> dict[bytes, LineRow]:
    """The line that each key created; review may have given it another key since."""
    rows = {row.activity_key: row for row in await reader.each(lines_of, list(used))}
    moved = {key: line_of_key(row) for key, row in used.items() if key not in rows}
    ids = [line_id for line_id in moved.values() if line_id is not None]
    by_id = {row.line_id: row for row in await reader.each(lines_by_id, ids)}
    found = {key: by_id[line_id] for key, line_id in moved.items() if line_id in by_id}
    return rows | found


def line_of_key(row: KeyRow) -> UUID | None:
    """The line of the journal that took the key."""
    line_id = json.loads(row.answer).get("line") if row.mutation == JOURNAL else None
    return UUID(line_id) if line_id else None


async def named_cards(context: Context, reader: Reader, lines: Sequence[NewLine]) -> frozenset[str]:
    """Those numbers of the lines that are a card's; for a shopper, one of its own."""
    numbers = sorted({line.activity.card_number for line in lines})
    ids = {row.number: row.card_id for row in await reader.each(numbers_of, numbers)}
    if context.caller.role is not Role.CUSTOMER:
        return frozenset(ids)
    # An unknown number costs the same statements as a foreign one.
    rows = await reader.each(cards_of, [ids.get(number, NOBODY) for number in numbers])
    own = await customers.key_of(reader, context.caller.customer_id or "")
    return frozenset(row.number for row in rows if own is not None and row.customer_key == own)


async def _examine(
    context: Context,
    reader: Reader,
    line: NewLine,
    cards: frozenset[str],
    used: KeyRow | None,
    row: LineRow | None,
) -> bool:
    """Whether the line is new. Raises the first LoyaltyError of the checks."""
    check_scope(context.caller, line.activity)
    if context.caller.role is Role.CUSTOMER:
        # Whose card it is comes before the key.
        _check_card(context, line.activity, cards)
    if used is not None:
        _check_same(context, line, used, row)
        return False
    await check_named(context, reader, line.activity, cards)
    return True


def _check_same(context: Context, line: NewLine, used: KeyRow, row: LineRow | None) -> None:
    """Raises IdempotencyKeyReused unless this very line was created, by this partner if by one."""
    same = row is not None and used.payload_hash == line.content
    if row is not None and context.caller.role is Role.PARTNER:
        same = same and row.created_by == context.caller.scope
    if not same:
        raise IdempotencyKeyReused(used.first_used_at, ("activityId",))


async def check_named(
    context: Context, reader: Reader, activity: Activity, cards: frozenset[str]
) -> None:
    """Whether what the line names exists, in order: type, channel, card, affiliation.

    What may change until then (an inactive channel, a blocked card, a limit) is judged when it is
    posted.
    """
    at = activity.occurred_at or context.service.clock()
    book = await context.service.books.at(reader, at)
    checked_type(context.caller, book, activity.activity_type)
    named_channel(book, activity.channel)
    _check_card(context, activity, cards)
    if book is not None:
        check_affiliation(book, activity.affiliation)


def _check_card(context: Context, activity: Activity, cards: frozenset[str]) -> None:
    """Raises CardNotFound."""
    context.lookups.check()
    if activity.card_number not in cards:
        context.lookups.missed()
        raise CardNotFound("There is no such card.", ("cardNumber",))


async def _write(context: Context, transaction: Transaction, fresh: dict[bytes, NewLine]) -> None:
    now = context.service.clock()
    ids = ordered_ids(now, len(fresh), context.service.randomness)
    rows = [
        await new_row(context, transaction, line, line_id, now)
        for line, line_id in zip(fresh.values(), ids, strict=True)
    ]
    await claim(transaction, [(row, fresh[row.activity_key].content) for row in rows], now)
    await insert(transaction, rows)
    created: dict[str, object] = {"lines": [str(line_id) for line_id in ids]}
    await audit(context, transaction, JOURNAL, now, after=created)
