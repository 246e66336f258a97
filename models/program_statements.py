"""Statements that find and write configuration versions and API keys, and what existing data
forbids to remove.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from models.activities import activity_line, activity_waiting
from models.cards import card, enrolment, tier_row
from models.customers import customer_affiliation
from models.ledger import balance
from models.payments import payment
from models.program import api_key, configuration_version
from models.sales import sale
from models.statements import KeyedStatement, Statement, among, write

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


class TierCodeRow(NamedTuple):
    program: str
    tier: str


class CountRow(NamedTuple):
    rows: int


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

# What exists under the codes of the program: a document may not take these away (semantics 3).
points_with_entries = Statement(select(balance.c.reward_point).distinct(), CodeRow)
channels_with_sales = Statement(select(sale.c.channel).distinct(), CodeRow)
channels_with_payments = Statement(select(payment.c.channel).distinct(), CodeRow)
channels_with_cards = Statement(select(card.c.enrollment_source).distinct(), CodeRow)
programs_with_enrolments = Statement(select(enrolment.c.program).distinct(), CodeRow)
running_tiers = Statement(
    select(tier_row.c.program, tier_row.c.tier)
    .where(or_(tier_row.c.ends_on.is_(None), tier_row.c.ends_on >= bindparam("on")))
    .distinct(),
    TierCodeRow,
)
types_with_unposted_lines = Statement(
    select(activity_line.c.activity_type)
    .join(activity_waiting, activity_waiting.c.activity_key == activity_line.c.activity_key)
    .distinct(),
    CodeRow,
)
affiliations_held = Statement(select(customer_affiliation.c.affiliation).distinct(), CodeRow)
