"""The book of a card: what an entry says, and the chain of hashes that binds each entry to the one
before.

Points are smallest units of their reward point. Source: semantics 6, engineering 1.1.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import NamedTuple
from uuid import UUID

GENESIS = bytes(32)
_FORM = "loyalty-entry-1"


class EntryType(StrEnum):
    # That of an enum is written in Python, and every hash of an entry looks a type up.
    __hash__ = str.__hash__

    EARN = "EARN"
    REDEEM = "REDEEM"
    RETURN_EARNED = "RETURN_EARNED"
    REFUND = "REFUND"
    ADJUST = "ADJUST"
    TRANSFER = "TRANSFER"
    EXPIRE = "EXPIRE"


# The types whose sum is `issued`, and which win tiers. Source: semantics 6, 9.
ISSUING = frozenset({EntryType.EARN, EntryType.RETURN_EARNED, EntryType.ADJUST, EntryType.TRANSFER})
USING = frozenset({EntryType.REDEEM, EntryType.REFUND})
COUNTING = frozenset({EntryType.EARN, EntryType.RETURN_EARNED, EntryType.ADJUST})


class Origin(NamedTuple):
    """Where an entry comes from; the shape of the columns, not of one kind of posting."""

    channel: str | None = None
    program: str | None = None
    tier: str | None = None
    transaction_id: str | None = None
    line_number: int | None = None
    payment_id: UUID | None = None
    activity_type: str | None = None
    activity_id: str | None = None
    adjustment_id: UUID | None = None


class Reason(NamedTuple):
    """Which rule of which version gave the points, and the sum it did. Source: semantics 14."""

    configuration_version: int
    scheme: str | None
    rule: str | None
    computed_units: int
    formula: str


class Draft(NamedTuple):
    """An entry that is decided and not yet written: it has no place in the book."""

    entry_type: EntryType
    reward_point: str
    points_units: int
    entry_date: date
    counts_on: date
    occurred_at: datetime
    vests_on: date | None
    expires_on: date | None
    origin: Origin
    reason: Reason


class Entry(NamedTuple):
    """A row of the book. `seq_no` is its order; `entry_hash` covers every other member and
    `prev_hash`.
    """

    card_id: UUID
    entry_id: UUID
    seq_no: int
    posted_at: datetime
    op_id: UUID
    op_line: int
    draft: Draft
    prev_hash: bytes
    entry_hash: bytes


def _text(value: str | None) -> str:
    return "null" if value is None else encode_basestring_ascii(value)


def _plain(value: date | UUID | None) -> str:
    """A date or id: nothing of it needs an escape."""
    return "null" if value is None else f'"{value}"'


def _instant(value: datetime) -> str:
    """As `isoformat` has it with microseconds in UTC, in two thirds of its time."""
    told = value if value.tzinfo is UTC else value.astimezone(UTC)
    return f'"{_day(told.date())}T{told.time().isoformat("microseconds")}+00:00"'


# A book names few codes, sums and days, again and again.
@lru_cache(maxsize=64)
def _day(value: date) -> str:
    return str(value)


@lru_cache(maxsize=4096)
def _gain(kind: str, point: str, units: int, entry_date: date, counts_on: date) -> str:
    return f"{_text(kind)},{_text(point)},{units},{_plain(entry_date)},{_plain(counts_on)}"


@lru_cache(maxsize=4096)
def _terms(
    vests_on: date | None,
    expires_on: date | None,
    channel: str | None,
    program: str | None,
    tier: str | None,
) -> str:
    days = f"{_plain(vests_on)},{_plain(expires_on)}"
    return f"{days},{_text(channel)},{_text(program)},{_text(tier)}"


@lru_cache(maxsize=4096)
def _rule(version: int, scheme: str | None, rule: str | None) -> str:
    return f"{version},{_text(scheme)},{_text(rule)}"


def entry_hash(
    card_id: UUID,
    entry_id: UUID,
    seq_no: int,
    posted_at: datetime,
    op_id: UUID,
    op_line: int,
    draft: Draft,
    prev_hash: bytes,
) -> bytes:
    """SHA-256 over the versioned canonical form: a JSON list of the immutable members in a fixed
    order.
    """
    operation, at = _operation(posted_at, op_id), _instant(draft.occurred_at)
    return _hashed(str(card_id), operation, at, entry_id, seq_no, op_line, draft, prev_hash)


def _operation(posted_at: datetime, op_id: UUID) -> str:
    """What all entries of an operation say alike, and one after the other."""
    return f'{_instant(posted_at)},"{op_id}"'


def _hashed(
    card_id: str,
    operation: str,
    at: str,
    entry_id: UUID,
    seq_no: int,
    op_line: int,
    draft: Draft,
    prev_hash: bytes,
) -> bytes:
    kind, point, units, entry_date, counts_on, _, vests_on, expires_on, origin, reason = draft
    channel, program, tier, sale, line, payment, activity, activity_id, adjustment = origin
    version, scheme, rule, computed, formula = reason
    form = (
        f'["{_FORM}","{prev_hash.hex()}","{card_id}","{entry_id}",{seq_no},{operation},{op_line}'
        f",{_gain(kind, point, units, entry_date, counts_on)},{at}"
        f",{_terms(vests_on, expires_on, channel, program, tier)}"
        f",{_text(sale)},{'null' if line is None else line},{_plain(payment)}"
        f",{_text(activity)},{_text(activity_id)},{_plain(adjustment)}"
        f",{_rule(version, scheme, rule)},{computed},{_text(formula)}]"
    )
    return hashlib.sha256(form.encode()).digest()


def chain(
    card_id: UUID,
    next_seq: int,
    head_hash: bytes,
    posted_at: datetime,
    op_id: UUID,
    drafts: Sequence[Draft],
    entry_ids: Iterable[UUID],
    first_line: int = 0,
) -> tuple[Entry, ...]:
    """The drafts as the next entries of the card's book, in their order."""
    entries: list[Entry] = []
    previous = head_hash
    card, operation = str(card_id), _operation(posted_at, op_id)
    occurred_at, at = None, ""
    for place, (draft, entry_id) in enumerate(zip(drafts, entry_ids, strict=True)):
        seq_no, op_line = next_seq + place, first_line + place
        if draft.occurred_at is not occurred_at:
            occurred_at, at = draft.occurred_at, _instant(draft.occurred_at)
        digest = _hashed(card, operation, at, entry_id, seq_no, op_line, draft, previous)
        entries.append(
            Entry(card_id, entry_id, seq_no, posted_at, op_id, op_line, draft, previous, digest)
        )
        previous = digest
    return tuple(entries)
