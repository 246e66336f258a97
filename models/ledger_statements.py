"""Statements that read and extend the book: its entries, and the operations that wrote none."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select

from models.cards import card
from models.columns import IDENTIFIER, INSTANT
from models.ledger import ledger_entry, operation
from models.statements import KeyedStatement, among, write


class EntryRow(NamedTuple):
    card_id: UUID
    entry_id: UUID
    seq_no: int
    entry_type: str
    reward_point: str
    points: int
    entry_date: date
    counts_on: date
    occurred_at: datetime
    posted_at: datetime
    vests_on: date | None
    expires_on: date | None
    channel: str | None
    program: str | None
    tier: str | None
    transaction_id: str | None
    line_number: int | None
    payment_id: UUID | None
    activity_type: str | None
    activity_id: str | None
    adjustment_id: UUID | None
    op_id: UUID
    op_line: int
    configuration_version: int
    scheme: str | None
    rule: str | None
    computed: int
    formula: str
    prev_hash: bytes
    entry_hash: bytes


class OperationRow(NamedTuple):
    card_id: UUID
    op_id: UUID
    kind: str
    posted_at: datetime


class StretchRow(NamedTuple):
    first_seq: int
    last_seq: int


class PostingRow(NamedTuple):
    """When the card's last entry was written, and its last operation that has a row."""

    card_id: UUID
    entry_at: datetime | None
    operation_at: datetime | None


CARD = bindparam("of_card", type_=IDENTIFIER)
ENTRY = ledger_entry.c

insert_entries = write(insert(ledger_entry))
insert_operation = write(insert(operation))

entries_of: KeyedStatement[EntryRow] = KeyedStatement(
    lambda keys: select(ledger_entry).where(ENTRY.card_id == CARD, among(ENTRY.entry_id, keys)),
    EntryRow,
    IDENTIFIER,
    probes=(),
)
entries_of_operations: KeyedStatement[EntryRow] = KeyedStatement(
    lambda keys: (
        select(ledger_entry)
        .where(ENTRY.card_id == CARD, among(ENTRY.op_id, keys))
        .order_by(ENTRY.seq_no)
    ),
    EntryRow,
    IDENTIFIER,
    probes=("seq_no",),
)
# The entries of one operation are one stretch of the book.
stretches_of: KeyedStatement[StretchRow] = KeyedStatement(
    lambda keys: (
        select(func.min(ENTRY.seq_no).label("first_seq"), func.max(ENTRY.seq_no).label("last_seq"))
        .where(ENTRY.card_id == CARD, among(ENTRY.op_id, keys))
        .group_by(ENTRY.op_id)
    ),
    StretchRow,
    IDENTIFIER,
)
operations_of: KeyedStatement[OperationRow] = KeyedStatement(
    lambda keys: select(operation).where(
        operation.c.card_id == CARD, among(operation.c.op_id, keys)
    ),
    OperationRow,
    IDENTIFIER,
)


_KNOWN_AT = bindparam("known_at", type_=INSTANT)
# The later an entry stands in the book, the later it was written.
_last_entry_at = (
    select(ENTRY.posted_at)
    .where(ENTRY.card_id == card.c.card_id, ENTRY.posted_at <= _KNOWN_AT)
    .order_by(ENTRY.seq_no.desc())
    .limit(1)
    .scalar_subquery()
)
_last_operation_at = (
    select(func.max(operation.c.posted_at))
    .where(operation.c.card_id == card.c.card_id, operation.c.posted_at <= _KNOWN_AT)
    .scalar_subquery()
)
last_postings_of: KeyedStatement[PostingRow] = KeyedStatement(
    lambda keys: select(
        card.c.card_id,
        _last_entry_at.label("entry_at"),
        _last_operation_at.label("operation_at"),
    ).where(among(card.c.card_id, keys)),
    PostingRow,
    IDENTIFIER,
)
