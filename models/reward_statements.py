"""Statements on one-time rewards: what was granted, to whom, and the sales that count for them."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from models.card_statements import CARD
from models.cards import card_counter, card_reward
from models.columns import IDENTIFIER, UNITS
from models.directory import reward_grant
from models.statements import KeyedStatement, Statement, among, write


class CounterRow(NamedTuple):
    card_id: UUID
    program: str
    sales: int


class RewardRow(NamedTuple):
    card_id: UUID
    reward: str
    scope: UUID
    granted_at: datetime
    reason: str
    entry_id: UUID | None
    configuration_version: int


class GrantRow(NamedTuple):
    reward: str
    scope: UUID


_SCOPE = bindparam("of_scope", type_=IDENTIFIER)

# At most once a scope: of two that grant at once, the second changes no row.
claim_grant = write(insert_or_leave(reward_grant).on_conflict_do_nothing())
name_entry = write(
    update(reward_grant)
    .where(reward_grant.c.reward == bindparam("of_reward"), reward_grant.c.scope == _SCOPE)
    .values(entry_id=bindparam("entry_id", type_=IDENTIFIER))
)
granted = Statement(
    select(reward_grant.c.reward, reward_grant.c.scope).where(
        reward_grant.c.reward == bindparam("of_reward"), reward_grant.c.scope == _SCOPE
    ),
    GrantRow,
)
insert_reward = write(insert(card_reward))
rewards_of: KeyedStatement[RewardRow] = KeyedStatement(
    lambda keys: (
        select(card_reward)
        .where(among(card_reward.c.card_id, keys))
        .order_by(card_reward.c.granted_at, card_reward.c.reward, card_reward.c.scope)
    ),
    RewardRow,
    IDENTIFIER,
)
counters_of: KeyedStatement[CounterRow] = KeyedStatement(
    lambda keys: select(card_counter).where(among(card_counter.c.card_id, keys)),
    CounterRow,
    IDENTIFIER,
)
insert_counter = write(insert(card_counter))
change_counter = write(
    update(card_counter)
    .where(card_counter.c.card_id == CARD, card_counter.c.program == bindparam("of_program"))
    .values(sales=bindparam("sales", type_=UNITS))
)
