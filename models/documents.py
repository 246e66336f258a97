"""Trusted documents: registered by an operator, named by their hash, never changed."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Column, Table, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from models.columns import HASH, INSTANT, TEXT, metadata, placed
from models.statements import Statement, write

trusted_document = Table(
    "trusted_document",
    metadata,
    # SHA-256 of the document.
    Column("document_hash", HASH, primary_key=True),
    Column("document", TEXT, nullable=False),
    Column("operation", TEXT),
    Column("registered_at", INSTANT, nullable=False),
    info=placed("reference"),
)


class DocumentRow(NamedTuple):
    document_hash: bytes
    document: str
    operation: str | None
    registered_at: datetime


_document = trusted_document.c
_THIS = _document.document_hash == bindparam("of_hash", type_=HASH)
document_by_hash = Statement(select(trusted_document).where(_THIS), DocumentRow)
documents_listed = Statement(
    select(trusted_document).order_by(_document.operation, _document.document_hash), DocumentRow
)
insert_document = write(insert_or_leave(trusted_document).on_conflict_do_nothing())
remove_document = write(delete(trusted_document).where(_THIS))
