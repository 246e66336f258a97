"""Statements on look-ups across cards, number sequences and the audit."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from models.columns import HASH
from models.directory import idempotency_key
from models.local import audit, number_sequence
from models.statements import KeyedStatement, Statement, among, write, write_each


class KeyRow(NamedTuple):
    key_hash: bytes
    mutation: str
    payload_hash: bytes
    first_used_at: datetime
    outcome: str
    answer: str


class SequenceRow(NamedTuple):
    code: str
    next: int


_KEY = bindparam("of_key", type_=HASH)

claim_key = write(insert_or_leave(idempotency_key).on_conflict_do_nothing())
key_used = Statement(select(idempotency_key).where(idempotency_key.c.key_hash == _KEY), KeyRow)
keys_used: KeyedStatement[KeyRow] = KeyedStatement(
    lambda keys: select(idempotency_key).where(among(idempotency_key.c.key_hash, keys)),
    KeyRow,
    HASH,
)
free_keys = write_each(
    lambda keys: delete(idempotency_key).where(among(idempotency_key.c.key_hash, keys)), HASH
)
answer_key = write(
    update(idempotency_key)
    .where(idempotency_key.c.key_hash == _KEY)
    .values(outcome=bindparam("outcome"), answer=bindparam("answer"))
)

sequences = Statement(select(number_sequence), SequenceRow)
locked_sequence = Statement(
    select(number_sequence).where(number_sequence.c.code == bindparam("of_code")).with_for_update(),
    SequenceRow,
)
insert_sequence = write(insert_or_leave(number_sequence).on_conflict_do_nothing())
advance_sequence = write(
    update(number_sequence)
    .where(number_sequence.c.code == bindparam("of_code"))
    .values(next=bindparam("next"))
)
# Each effect of one call brings the call's row: the first one stands.
insert_audit = write(insert_or_leave(audit).on_conflict_do_nothing())
