"""What a card or customer holds of one reward point, and when that changes by itself."""

from datetime import date
from decimal import Decimal
from typing import Annotated

import strawberry

from resolvers import balances, programs, values
from resolvers.balances import Balance
from rules.balances import Dated
from rules.program import RewardPoint as RewardPointValue
from schema.access import Info
from schema.program import RewardPoint, load_point
from schema.values import Money, money, points


@strawberry.type(description="Points on a day.")
class DatedPoints:
    points: Decimal = strawberry.field(description="How many.")
    on: date = strawberry.field(name="date", description="The day.")


@strawberry.type(description="Points that are lost unless they are spent.")
class ExpiringPoints:
    points: Decimal = strawberry.field(description="All of them.")
    until: date = strawberry.field(description="The last day looked at.")
    schedule: list[DatedPoints] = strawberry.field(description="By their last usable day.")


@strawberry.type(description="What is held of one reward point.")
class PointsBalance:
    balance: strawberry.Private[Balance]
    point: strawberry.Private[RewardPointValue]

    def _shown(self, name: str) -> Decimal:
        return points(self.balance.total(name), self.point)

    def _dated(self, dated: Dated) -> DatedPoints:
        return DatedPoints(points=points(dated.points, self.point), on=dated.on)

    @strawberry.field(description="Of what.")
    def reward_point(self) -> RewardPoint:
        return RewardPoint(value=self.point)

    @strawberry.field(
        description=(
            "Vested, unexpired, not held; may be negative after a return of goods whose points "
            "were already spent."
        )
    )
    def available(self) -> Decimal:
        return self._shown("available")

    @strawberry.field(description="Earned and not spendable yet.")
    def unvested(self) -> Decimal:
        return self._shown("unvested")

    @strawberry.field(description="Held by authorised payments that are not captured yet.")
    def held(self) -> Decimal:
        return self._shown("held")

    @strawberry.field(description="Earned, taken back, adjusted and transferred, signed.")
    def issued(self) -> Decimal:
        return self._shown("issued")

    @strawberry.field(description="Paid with, less what was refunded.")
    def used(self) -> Decimal:
        return self._shown("used")

    @strawberry.field(description="Lost by time.")
    def expired(self) -> Decimal:
        return self._shown("expired")

    @strawberry.field(
        description="Available points whose last usable day lies in [today, today + days]."
    )
    async def expiring(
        self,
        info: Info,
        days: Annotated[int, strawberry.argument(description="How far to look.")] = 30,
    ) -> ExpiringPoints:
        found = await balances.expiring(info.context, self.balance, days)
        return ExpiringPoints(
            points=points(found.points, self.point),
            until=found.until,
            schedule=[self._dated(dated) for dated in found.schedule],
        )

    @strawberry.field(description="The next points to vest.")
    async def next_vesting(self, info: Info) -> DatedPoints | None:
        found = await balances.next_vesting(info.context, self.balance)
        return None if found is None else self._dated(found)

    @strawberry.field(description="The next available points to expire, by their last usable day.")
    async def next_expiry(self, info: Info) -> DatedPoints | None:
        found = await balances.next_expiry(info.context, self.balance)
        return None if found is None else self._dated(found)

    @strawberry.field(
        description=(
            "What the available points can pay on this channel by its unrestricted rules; null "
            "where no rule converts them."
        )
    )
    async def value(
        self,
        info: Info,
        channel: Annotated[str, strawberry.argument(description="The code of the channel.")],
    ) -> Money | None:
        minor = await values.value_minor(info.context, self.balance, channel)
        if minor is None:
            return None
        return money(minor, programs.known_channel(info.context.book, channel).currency)


async def shown_balance(info: Info, balance: Balance) -> PointsBalance:
    return PointsBalance(balance=balance, point=await load_point(info, balance.reward_point))
