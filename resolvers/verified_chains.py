"""What a card's entries add up to, and the chain that binds them. Source: semantics 6, 18.1."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from models.ledger_statements import EntryRow
from rules.ledger import (
    COUNTING,
    GENESIS,
    ISSUING,
    USING,
    Draft,
    EntryType,
    Origin,
    Reason,
    entry_hash,
)


@dataclass
class Book:
    """What a card's entries add up to, independent of everything derived from them."""

    issued: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    used: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    expired_written: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    countable: dict[tuple[str, date], int] = field(default_factory=lambda: defaultdict(int))
    # Days on which something positive counted.
    extending: set[tuple[str, date]] = field(default_factory=set)
    lots: dict[UUID, EntryRow] = field(default_factory=dict)
    negatives: dict[UUID, EntryRow] = field(default_factory=dict)
    # Those that entries name.
    payments: set[UUID] = field(default_factory=set)
    head: bytes = GENESIS
    next_seq: int = 1


def link_faults(entry: EntryRow, book: Book) -> Iterator[str]:
    if entry.seq_no != book.next_seq:
        yield f"entry {entry.seq_no} follows {book.next_seq - 1}"
    if entry.prev_hash != book.head:
        yield f"entry {entry.seq_no} does not point at the one before"
    if entry.entry_hash != _hash(entry):
        yield f"entry {entry.seq_no} is not what was written"


def _hash(entry: EntryRow) -> bytes:
    draft = Draft(
        entry_type=EntryType(entry.entry_type),
        reward_point=entry.reward_point,
        points_units=entry.points,
        entry_date=entry.entry_date,
        counts_on=entry.counts_on,
        occurred_at=entry.occurred_at,
        vests_on=entry.vests_on,
        expires_on=entry.expires_on,
        origin=Origin(
            entry.channel,
            entry.program,
            entry.tier,
            entry.transaction_id,
            entry.line_number,
            entry.payment_id,
            entry.activity_type,
            entry.activity_id,
            entry.adjustment_id,
        ),
        reason=Reason(
            entry.configuration_version, entry.scheme, entry.rule, entry.computed, entry.formula
        ),
    )
    return entry_hash(
        entry.card_id,
        entry.entry_id,
        entry.seq_no,
        entry.posted_at,
        entry.op_id,
        entry.op_line,
        draft,
        entry.prev_hash,
    )


def add_entry(book: Book, entry: EntryRow) -> None:
    book.next_seq, book.head = entry.seq_no + 1, entry.entry_hash
    kind, point = EntryType(entry.entry_type), entry.reward_point
    if kind in ISSUING:
        book.issued[point] += entry.points
    elif kind in USING:
        book.used[point] -= entry.points
    else:
        book.expired_written[point] -= entry.points
    if kind in COUNTING:
        _count(book, entry)
    if entry.payment_id is not None:
        book.payments.add(entry.payment_id)
    _sort_in(book, entry)


def _count(book: Book, entry: EntryRow) -> None:
    day = (entry.reward_point, entry.counts_on)
    book.countable[day] += entry.points
    if entry.points > 0:
        book.extending.add(day)


def _sort_in(book: Book, entry: EntryRow) -> None:
    if entry.points > 0 and entry.entry_type != EntryType.EXPIRE:
        book.lots[entry.entry_id] = entry
    elif entry.points < 0:
        book.negatives[entry.entry_id] = entry
