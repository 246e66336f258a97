"""Statements that find and write cards, their enrolments, tiers and notes."""

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from models.cards import card, card_audit, enrolment, note, outbox, tier_row
from models.columns import IDENTIFIER, ORDERED
from models.directory import card_number
from models.statements import KeyedStatement, Statement, among, write


class CardRow(NamedTuple):
    card_id: UUID
    number: str
    status: str
    tender_type: str
    customer_key: UUID | None
    issued_at: datetime
    issued_on: date
    enrollment_source: str
    blocked_at: datetime | None
    replaced_by: UUID | None
    replaces: UUID | None
    next_seq: int
    next_event: int
    head_hash: bytes
    last_posted_at: datetime
    last_entry_on: date | None


class HeadRow(NamedTuple):
    card_id: UUID
    next_event: int


class OwnerRow(NamedTuple):
    card_id: UUID
    customer_key: UUID | None
    replaced_by: UUID | None


class EventRow(NamedTuple):
    card_id: UUID
    event_id: UUID
    seq_no: int
    kind: str
    payload: str
    posted_at: datetime


class EnrolmentRow(NamedTuple):
    card_id: UUID
    enrolment_id: UUID
    program: str
    starts_on: date
    ends_on: date | None
    enrolled_on: date


class StoredTierRow(NamedTuple):
    card_id: UUID
    tier_row_id: UUID
    program: str
    tier: str
    starts_on: date
    ends_on: date | None
    manual: bool
    brought: bool


class NoteRow(NamedTuple):
    card_id: UUID
    note_id: UUID
    subject_id: UUID
    kind: str
    text: str
    written_at: datetime


class NumberRow(NamedTuple):
    number: str
    card_id: UUID


CARD = bindparam("of_card", type_=IDENTIFIER)

# A card by number goes through the directory: only its key finds the shard.
numbers_of: KeyedStatement[NumberRow] = KeyedStatement(
    lambda keys: select(card_number).where(among(card_number.c.number, keys)), NumberRow, ORDERED
)
owners_of: KeyedStatement[OwnerRow] = KeyedStatement(
    lambda keys: select(card.c.card_id, card.c.customer_key, card.c.replaced_by).where(
        among(card.c.card_id, keys)
    ),
    OwnerRow,
    IDENTIFIER,
)
cards_of: KeyedStatement[CardRow] = KeyedStatement(
    lambda keys: select(card).where(among(card.c.card_id, keys)), CardRow, IDENTIFIER
)
heads_of: KeyedStatement[HeadRow] = KeyedStatement(
    lambda keys: select(card.c.card_id, card.c.next_event).where(among(card.c.card_id, keys)),
    HeadRow,
    IDENTIFIER,
)
locked_card = Statement(select(card).where(card.c.card_id == CARD).with_for_update(), CardRow)
claim_number = write(insert_or_leave(card_number).on_conflict_do_nothing())
insert_card = write(insert(card))
advance_card = write(
    update(card)
    .where(card.c.card_id == CARD)
    .values(
        next_seq=bindparam("next_seq"),
        next_event=bindparam("next_event"),
        head_hash=bindparam("head_hash"),
        last_posted_at=bindparam("last_posted_at"),
        last_entry_on=bindparam("last_entry_on"),
    )
)
change_status = write(
    update(card)
    .where(card.c.card_id == CARD)
    .values(status=bindparam("status"), blocked_at=bindparam("blocked_at"))
)
mark_replaced = write(
    update(card)
    .where(card.c.card_id == CARD)
    .values(status="REPLACED", replaced_by=bindparam("replaced_by", type_=IDENTIFIER))
)
change_customer = write(
    update(card).where(card.c.card_id == CARD).values(customer_key=bindparam("customer_key"))
)

enrolments_of: KeyedStatement[EnrolmentRow] = KeyedStatement(
    lambda keys: (
        select(enrolment)
        .where(among(enrolment.c.card_id, keys))
        .order_by(enrolment.c.starts_on, enrolment.c.program)
    ),
    EnrolmentRow,
    IDENTIFIER,
)
insert_enrolment = write(insert(enrolment))
end_enrolment = write(
    update(enrolment)
    .where(
        enrolment.c.card_id == CARD,
        enrolment.c.enrolment_id == bindparam("of_enrolment", type_=IDENTIFIER),
    )
    .values(ends_on=bindparam("ends_on"))
)

tier_rows_of: KeyedStatement[StoredTierRow] = KeyedStatement(
    lambda keys: select(tier_row).where(among(tier_row.c.card_id, keys)),
    StoredTierRow,
    IDENTIFIER,
)
insert_tier_row = write(insert(tier_row))
change_tier_row = write(
    update(tier_row)
    .where(
        tier_row.c.card_id == CARD,
        tier_row.c.tier_row_id == bindparam("of_row", type_=IDENTIFIER),
    )
    .values(ends_on=bindparam("ends_on"), brought=bindparam("brought"))
)
delete_tier_row = write(
    delete(tier_row).where(
        tier_row.c.card_id == CARD,
        tier_row.c.tier_row_id == bindparam("of_row", type_=IDENTIFIER),
    )
)

notes_of: KeyedStatement[NoteRow] = KeyedStatement(
    lambda keys: (
        select(note)
        .where(among(note.c.card_id, keys), note.c.kind == bindparam("kind"))
        .order_by(note.c.written_at)
    ),
    NoteRow,
    IDENTIFIER,
)
insert_note = write(insert(note))
delete_notes = write(delete(note).where(note.c.card_id == CARD))
insert_event = write(insert(outbox))
insert_card_audit = write(insert(card_audit))


def as_parameters(row: NamedTuple) -> dict[str, Any]:
    """A row as the parameters of its table's INSERT."""
    return row._asdict()
