"""Rows of the journal's new lines, each claimed once for its key. Source: semantics 5.7, 12."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from models.activity_statements import PostableRow, StoredLineRow, insert_lines, insert_waiting
from models.directory_statements import claim_key, keys_used
from models.failures import ChangedMeanwhile
from models.transactions import Reader, Transaction
from resolvers.activity_checks import Activity, named_channel
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.identifiers import content_hash

JOURNAL = "createActivityLines"
_AS_SENT = msgspec.json.Encoder(decimal_format="number")
_SORTED = msgspec.json.Encoder(decimal_format="number", order="sorted")


@dataclass(frozen=True, slots=True)
class NewLine:
    """`evidence` is any JSON value, stored and shown, never interpreted."""

    activity: Activity
    comment: str | None = None
    evidence: object = None

    @property
    def stored_evidence(self) -> str | None:
        return None if self.evidence is None else _AS_SENT.encode(self.evidence).decode()

    @property
    def content(self) -> bytes:
        """The hash by which the same line is known again; the order of members is no content."""
        evidence = None if self.evidence is None else _SORTED.encode(self.evidence).decode()
        return content_hash((self.activity, self.comment, evidence))


def key_answer(line_id: UUID, others: Sequence[bytes] = ()) -> str:
    """What is kept under a line's key; `others`: keys that it had before, and keeps from others."""
    had = {"had": [key.hex() for key in others]} if others else {}
    return json.dumps({"line": str(line_id), **had})


async def insert(transaction: Transaction, rows: Sequence[StoredLineRow]) -> None:
    """Add lines that wait for their review; their keys are taken."""
    await transaction.run_rows(insert_lines, rows)
    waiting = [
        PostableRow(
            row.activity_key,
            row.line_id,
            row.card_number,
            row.occurred_at,
            row.channel,
            row.activity_type,
            row.activity_id,
            row.affiliation,
        )
        for row in rows
    ]
    await transaction.run_rows(insert_waiting, waiting)


async def claim(
    transaction: Transaction, rows: Sequence[tuple[StoredLineRow, bytes]], now: datetime
) -> None:
    """Take the lines' keys, in one order for all callers. Raises ChangedMeanwhile if one is
    gone.
    """
    claims: list[dict[str, Any]] = [
        {
            "key_hash": row.activity_key,
            "mutation": JOURNAL,
            "payload_hash": content,
            "first_used_at": now,
            "outcome": "DONE",
            "answer": key_answer(row.line_id),
        }
        for row, content in sorted(rows, key=lambda one: one[0].activity_key)
    ]
    await transaction.run_many(claim_key, claims)
    found = await transaction.each(keys_used, [one["key_hash"] for one in claims])
    taken = {row.key_hash: row.answer for row in found}
    if any(taken.get(one["key_hash"]) != one["answer"] for one in claims):
        raise ChangedMeanwhile


async def new_row(
    context: Context, reader: Reader, line: NewLine, line_id: UUID, now: datetime
) -> StoredLineRow:
    """The line as it stands before any review. What it names exists."""
    activity = line.activity
    occurred_at = activity.occurred_at or now
    return StoredLineRow(
        activity_key=activity.key,
        line_id=line_id,
        channel=activity.channel,
        card_number=activity.card_number,
        activity_type=activity.activity_type,
        activity_id=activity.activity_id,
        occurred_at=occurred_at,
        occurred_on=await occurred_on(context, reader, activity.channel, occurred_at),
        created_at=now,
        affiliation=activity.affiliation,
        comment=line.comment,
        evidence=line.stored_evidence,
        created_by=context.caller.scope,
        rejection_reason=None,
        error=None,
        rejected_by=None,
    )


async def occurred_on(context: Context, reader: Reader, channel: str, at: datetime) -> date:
    """The civil date on the channel, by the version that counts for the line."""
    book = await context.service.books.at(reader, at)
    return civil_date(at, named_channel(book, channel).time_zone)
