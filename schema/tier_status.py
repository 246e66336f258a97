"""The tier that a card holds in a program, and what it lacks for the next. Source: semantics 9."""

from datetime import date
from decimal import Decimal

import strawberry

from rules.tiers import Requirement
from schema.access import Info
from schema.program import LoyaltyTier, RewardPoint, load_point
from schema.values import decimal


@strawberry.type(description="A tier held for some days.")
class TierStatus:
    tier: LoyaltyTier = strawberry.field(description="The tier.")
    since: date = strawberry.field(description="Its first day.")
    until: date | None = strawberry.field(description="Its last day; null: open.")
    manual: bool = strawberry.field(description="Whether staff gave it.")


@strawberry.type(description="One way to win a tier, and how far the card is on it.")
class TierRequirement:
    value: strawberry.Private[Requirement]

    @strawberry.field(description="What is counted.")
    async def reward_point(self, info: Info) -> RewardPoint:
        return RewardPoint(value=await load_point(info, self.value.reward_point))

    @strawberry.field(description="Points that win the tier.")
    def required(self) -> Decimal:
        return decimal(self.value.required)

    @strawberry.field(description="Points counted today.")
    def counted(self) -> Decimal:
        return decimal(self.value.counted)

    @strawberry.field(description="Points that lack.")
    def missing(self) -> Decimal:
        return decimal(self.value.missing)

    @strawberry.field(name="from", description="The first day that counts.")
    def from_(self) -> date:
        return self.value.from_on

    @strawberry.field(description="The last day that counts.")
    def to(self) -> date:
        return self.value.to_on


@strawberry.type(description="The next tier up. Meeting any one requirement wins it.")
class TierProgress:
    tier: LoyaltyTier = strawberry.field(description="The tier.")
    requirements: list[TierRequirement] = strawberry.field(description="The ways to win it.")
