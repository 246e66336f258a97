"""The book of a card: what an entry says, and the chain of hashes that binds each entry to the one
before.

Points are smallest units of their reward point. Source: semantics 6, engineering 1.1.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
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


class Wording(NamedTuple):
    """A draft in canonical form, but for when it occurred and the id of its activity: `gain` stands
    before the one, `origin` between them, `reason` behind.
    """

    gain: str
    origin: str
    reason: str


def worded(draft: Draft) -> Wording:
    kind, point, units, entry_date, counts_on, _, vests_on, expires_on, origin, reason = draft
    channel, program, tier, sale, line, payment, activity, _, adjustment = origin
    version, scheme, rule, computed, formula = reason
    return Wording(
        _gain(kind, point, units, entry_date, counts_on),
        f"{_terms(vests_on, expires_on, channel, program, tier)},{_text(sale)}"
        f",{'null' if line is None else line},{_plain(payment)},{_text(activity)}",
        f"{_plain(adjustment)},{_rule(version, scheme, rule)},{computed},{_text(formula)}",
    )


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
    return _hashed(
        str(card_id),
        _operation(posted_at, op_id),
        _occasion(draft.occurred_at, draft.origin.activity_id),
        entry_id,
        seq_no,
        op_line,
        worded(draft),
        prev_hash,
    )


def _operation(posted_at: datetime, op_id: UUID) -> str:
    """What all entries of an operation say alike, and one after the other."""
    return f'{_instant(posted_at)},"{op_id}"'


def _occasion(occurred_at: datetime, activity_id: str | None) -> tuple[str, str]:
    return _instant(occurred_at), _text(activity_id)


def _hashed(
    card_id: str,
    operation: str,
    occasion: tuple[str, str],
    entry_id: UUID,
    seq_no: int,
    op_line: int,
    wording: Wording,
    prev_hash: bytes,
) -> bytes:
    at, activity_id = occasion
    gain, origin, reason = wording
    form = (
        f'["{_FORM}","{prev_hash.hex()}","{card_id}","{entry_id}",{seq_no},{operation},{op_line}'
        f",{gain},{at},{origin},{activity_id},{reason}]"
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
) -> tuple[Entry, ...]:
    """The drafts as the next entries of the card's book, in their order."""
    entries: list[Entry] = []
    previous = head_hash
    card, operation = str(card_id), _operation(posted_at, op_id)
    for op_line, (draft, entry_id) in enumerate(zip(drafts, entry_ids, strict=True)):
        seq_no = next_seq + op_line
        occasion = _occasion(draft.occurred_at, draft.origin.activity_id)
        digest = _hashed(
            card, operation, occasion, entry_id, seq_no, op_line, worded(draft), previous
        )
        entries.append(
            Entry(card_id, entry_id, seq_no, posted_at, op_id, op_line, draft, previous, digest)
        )
        previous = digest
    return tuple(entries)


class Occasion(NamedTuple):
    """One of several operations that post the same drafts to a card, but for what stands here."""

    op_id: UUID
    posted_at: datetime
    occurred_at: datetime
    activity_id: str | None


def chain_alike(
    card_id: UUID,
    next_seq: int,
    head_hash: bytes,
    drafts: Sequence[Draft],
    occasions: Iterable[Occasion],
    entry_ids: Iterator[UUID],
) -> Iterator[tuple[UUID, bytes]]:
    """Ids and hashes of the next entries of the card's book: of each occasion the drafts in their
    order. They are those that `chain` would give.
    """
    card, seq_no, previous = str(card_id), next_seq, head_hash
    wordings = [*enumerate(map(worded, drafts))]
    for op_id, posted_at, occurred_at, activity_id in occasions:
        operation, occasion = _operation(posted_at, op_id), _occasion(occurred_at, activity_id)
        for op_line, wording in wordings:
            entry_id = next(entry_ids)
            previous = _hashed(
                card, operation, occasion, entry_id, seq_no, op_line, wording, previous
            )
            seq_no += 1
            yield entry_id, previous
