"""Rewards as callers see them: those of a card and of the cards it replaced, oldest first."""

from asyncio import gather
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from models.card_statements import CardRow
from models.reward_statements import RewardRow, rewards_of
from resolvers.context import Context
from resolvers.lineage import loaded_replaced_ids
from rules.program import OneTimeReward


async def rewards_by_card(context: Context, ids: list[UUID]) -> list[Sequence[RewardRow]]:
    rows: dict[UUID, list[RewardRow]] = defaultdict(list)
    for row in await context.read.each(rewards_of, ids):
        rows[row.card_id].append(row)
    return [rows[card_id] for card_id in ids]


async def of_card(context: Context, card: CardRow) -> list[RewardRow]:
    ids = [*reversed(await loaded_replaced_ids(context, card)), card.card_id]
    found = await gather(*(context.load(rewards_by_card, card_id) for card_id in ids))
    return [row for rows in found for row in rows]


async def definitions(context: Context, keys: list[tuple[str, int]]) -> list[OneTimeReward | None]:
    """Each reward as the version has it that granted it."""
    return [
        (await context.service.books.version(context.read, version)).one_time_rewards.get(code)
        for code, version in keys
    ]
