"""One-time rewards that a card was granted."""

import json
from datetime import datetime
from decimal import Decimal

import strawberry

from execution.scalars import Json
from models.reward_statements import RewardRow
from resolvers import reward_views, transactions
from rules.program import OneTimeReward
from schema.access import Info
from schema.ledger import LoyaltyTransaction
from schema.program import Locale, shown


@strawberry.type(description="A one-time reward that the card was granted.")
class GrantedReward:
    row: strawberry.Private[RewardRow]

    async def _definition(self, info: Info) -> OneTimeReward | None:
        key = (self.row.reward, self.row.configuration_version)
        return await info.context.load(reward_views.definitions, key)

    @strawberry.field(description="Its code in the configuration.")
    def code(self) -> str:
        return self.row.reward

    @strawberry.field(description="Its name.")
    async def name(self, info: Info, locale: Locale = strawberry.UNSET) -> str:
        found = await self._definition(info)
        return shown(found.name, locale, found.code) if found else self.row.reward

    @strawberry.field(description="When it was granted.")
    def granted_at(self) -> datetime:
        return self.row.granted_at

    @strawberry.field(description="What it was granted for.")
    def reason(self) -> str:
        return self.row.reason

    @strawberry.field(
        description="A product, coupon or other thing for the commerce system to hand out."
    )
    async def payload(self, info: Info) -> Json | None:
        found = await self._definition(info)
        if found is None or found.payload is None:
            return None
        return Json(json.loads(found.payload, parse_float=Decimal))

    @strawberry.field(description="The entry that its points are, if it has any.")
    async def points(self, info: Info) -> LoyaltyTransaction | None:
        if self.row.entry_id is None:
            return None
        key = (self.row.card_id, self.row.entry_id)
        entry = await info.context.load(transactions.entries_by_id, key)
        return None if entry is None else LoyaltyTransaction(row=entry)
