"""Statements that find and write configuration versions and API keys, and what existing data
forbids to remove.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Column, Executable, FromClause, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from models.activities import activity_line, activity_waiting
from models.cards import card, enrolment
from models.customers import customer_affiliation
from models.ledger import balance
from models.payments import payment
from models.program import api_key, configuration_version
from models.sales import pending_earning, sale
from models.statements import KeyedStatement, Keys, Statement, among, write

_version = configuration_version.c


class VersionRow(NamedTuple):
    version: int
    document: str
    comment: str | None
    created_at: datetime
    created_by: str
    effective_from: datetime | None


class EffectiveRow(NamedTuple):
    version: int
    effective_from: datetime


class ApiKeyRow(NamedTuple):
    key_hash: bytes
    prefix: str
    name: str
    role: str
    channels: str | None
    activity_types: str | None
    rights: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class CodeRow(NamedTuple):
    code: str


class CountRow(NamedTuple):
    rows: int


class NumberRow(NamedTuple):
    version: int


effective_after = Statement(
    select(_version.version, _version.effective_from)
    .where(_version.version > bindparam("known"), _version.effective_from.is_not(None))
    .order_by(_version.version),
    EffectiveRow,
)
versions_of: KeyedStatement[VersionRow] = KeyedStatement(
    lambda keys: select(configuration_version).where(among(_version.version, keys)),
    VersionRow,
    _version.version.type,
)
newest_version = Statement(
    select(configuration_version).order_by(_version.version.desc()).limit(1), VersionRow
)
locked_version = Statement(
    select(configuration_version)
    .where(_version.version == bindparam("of_version"))
    .with_for_update(),
    VersionRow,
)
versions_page = Statement(
    select(configuration_version)
    .where(_version.version < bindparam("before"))
    .order_by(_version.version.desc())
    .limit(bindparam("count")),
    VersionRow,
)
versions_count = Statement(select(func.count()).select_from(configuration_version), CountRow)
claim_version = write(insert_or_leave(configuration_version).on_conflict_do_nothing())
make_effective = write(
    update(configuration_version)
    .where(_version.version == bindparam("of_version"), _version.effective_from.is_(None))
    .values(effective_from=bindparam("effective_from"))
)

key_by_hash = Statement(
    select(api_key).where(api_key.c.key_hash == bindparam("key_hash")), ApiKeyRow
)
keys_listed = Statement(select(api_key).order_by(api_key.c.created_at, api_key.c.name), ApiKeyRow)
insert_key = write(insert_or_leave(api_key).on_conflict_do_nothing())
revoke_key = write(
    update(api_key)
    .where(api_key.c.prefix == bindparam("of_prefix"), api_key.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("revoked_at"))
)


def _codes_among(column: Column[str], source: FromClause | None = None) -> KeyedStatement[CodeRow]:
    """Which of the codes are used in the column."""

    def build(keys: Keys) -> Executable:
        rows = select(column.label("code")).where(among(column, keys)).distinct()
        return rows if source is None else rows.select_from(source)

    return KeyedStatement(build, CodeRow, column.type)


# What exists under the codes of the program: a document may not take these away (semantics 3).
points_with_entries = _codes_among(balance.c.reward_point)
# By which queued sales are judged: what they earn are entries to come.
versions_queued = Statement(
    select(sale.c.configuration_version.label("version"))
    .join_from(pending_earning, sale, sale.c.sale_key == pending_earning.c.sale_key)
    .distinct(),
    NumberRow,
)
channels_with_sales = _codes_among(sale.c.channel)
channels_with_payments = _codes_among(payment.c.channel)
channels_with_cards = _codes_among(card.c.enrollment_source)
programs_with_enrolments = _codes_among(enrolment.c.program)
types_with_unposted_lines = _codes_among(
    activity_line.c.activity_type,
    activity_line.join(
        activity_waiting, activity_waiting.c.activity_key == activity_line.c.activity_key
    ),
)
affiliations_held = _codes_among(customer_affiliation.c.affiliation)
