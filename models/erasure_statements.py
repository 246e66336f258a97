"""Statements that find and delete what somebody wrote about a person. Source: semantics 4."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Table, Update, and_, bindparam, delete, select, update
from sqlalchemy.sql import ColumnElement

from models.activities import activity_line, activity_post
from models.card_statements import CARD
from models.cards import card_audit, note
from models.columns import IDENTIFIER, TEXT
from models.customer_statements import CUSTOMER
from models.ledger import ledger_entry
from models.local import audit
from models.statements import Statement, write


class GiftRow(NamedTuple):
    """The other end of a gift from or to a card."""

    card_id: UUID
    entry_id: UUID


_end = ledger_entry.alias("other_end")
gifts_of_card = Statement(
    select(_end.c.card_id, _end.c.entry_id)
    .select_from(
        ledger_entry.join(
            _end,
            and_(
                _end.c.adjustment_id == ledger_entry.c.adjustment_id,
                _end.c.card_id != ledger_entry.c.card_id,
            ),
        )
    )
    .where(ledger_entry.c.card_id == CARD, ledger_entry.c.adjustment_id.is_not(None)),
    GiftRow,
)
forget_notes_on = write(
    delete(note).where(
        note.c.card_id == CARD, note.c.subject_id == bindparam("of_subject", type_=IDENTIFIER)
    )
)
# A customer's own id stands as the author of what its token has sent.
_AUTHOR = bindparam("author", type_=TEXT)
_NOBODY = bindparam("nobody", type_=TEXT)
forget_creator = write(
    update(activity_line).where(activity_line.c.created_by == _AUTHOR).values(created_by=_NOBODY)
)
forget_poster = write(
    update(activity_post)
    .where(activity_post.c.card_id == CARD, activity_post.c.posted_by == _AUTHOR)
    .values(posted_by=_NOBODY)
)
# Why points were adjusted is a code of the books, and no text about a person.
_CODED = "adjustPoints"


def _forgetful(table: Table, of: ColumnElement[bool]) -> Update:
    reason = table.c.reason.is_not(None) & (table.c.operation != _CODED)
    return update(table).where(of, reason).values(reason=None)


forget_reasons_of_card = write(_forgetful(card_audit, card_audit.c.card_id == CARD))
forget_reasons_of_customer = write(_forgetful(audit, audit.c.customer_key == CUSTOMER))
