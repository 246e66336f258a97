"""Programs and the rules of their schemes: how points are earned and what they pay."""

from datetime import date
from decimal import Decimal
from enum import Enum

import strawberry

from execution.scalars import CurrencyCode
from resolvers import programs
from rules import program as rules
from schema.access import Info
from schema.program import (
    ActivityType,
    Affiliation,
    ChannelCode,
    Locale,
    LoyaltyTier,
    RewardPoint,
    load_point,
    load_tier,
    shown,
)
from schema.values import Key, Node, decimal, given


@strawberry.enum(description="What a rule rewards.")
class EarningActivity(Enum):
    PURCHASE_BY_AMOUNT = strawberry.enum_value("PURCHASE_BY_AMOUNT", description="Money spent.")
    PURCHASE_BY_QUANTITY = strawberry.enum_value(
        "PURCHASE_BY_QUANTITY", description="Pieces bought."
    )
    SALES_TRANSACTION_COUNT = strawberry.enum_value(
        "SALES_TRANSACTION_COUNT", description="Each sale once."
    )
    OTHER_ACTIVITY = strawberry.enum_value(
        "OTHER_ACTIVITY", description="An activity other than buying."
    )


@strawberry.enum(description="What points pay by.")
class RedemptionReward(Enum):
    PAYMENT_BY_AMOUNT = strawberry.enum_value("PAYMENT_BY_AMOUNT", description="Money.")
    PAYMENT_BY_QUANTITY = strawberry.enum_value("PAYMENT_BY_QUANTITY", description="Pieces.")


@strawberry.type(description="How points are earned.")
class EarningRule:
    owner: strawberry.Private[rules.Scheme]
    rule: strawberry.Private[rules.EarningRule]

    @strawberry.field(description="The code of its scheme.")
    def scheme(self) -> str:
        return self.owner.code

    @strawberry.field(description="Its code within the scheme.")
    def code(self) -> str:
        return self.rule.code

    @strawberry.field(description="Only cards that hold exactly this tier.")
    async def tier(self, info: Info) -> LoyaltyTier | None:
        return await load_tier(info, self.owner.program, self.rule.tier)

    @strawberry.field(description="Only where this affiliation is held.")
    async def affiliation(self, info: Info) -> Affiliation | None:
        return await _affiliation(info, self.rule.affiliation)

    @strawberry.field(description="What it rewards.")
    def activity(self) -> EarningActivity:
        return EarningActivity(self.rule.activity.value)

    @strawberry.field(description="The type, of OTHER_ACTIVITY.")
    async def activity_type(self, info: Info) -> ActivityType | None:
        if self.rule.activity_type is None:
            return None
        found = await info.context.load(programs.activity_types_by_code, self.rule.activity_type)
        return None if found is None else ActivityType(value=found)

    @strawberry.field(description="Only goods in one of these; none with no products: all goods.")
    def categories(self) -> list[str]:
        return list(self.rule.categories)

    @strawberry.field(description="Only these products or variants.")
    def products(self) -> list[str]:
        return list(self.rule.products)

    @strawberry.field(description="For each block of this amount or quantity.")
    def per(self) -> Decimal:
        return decimal(self.rule.per)

    @strawberry.field(description="The currency of `per`.")
    def currency_code(self) -> CurrencyCode | None:
        return None if self.rule.currency is None else CurrencyCode(self.rule.currency)

    @strawberry.field(description="What is earned.")
    async def reward_point(self, info: Info) -> RewardPoint:
        return RewardPoint(value=await load_point(info, self.rule.reward_point))

    @strawberry.field(description="How many points a block gives.")
    def points(self) -> Decimal:
        return decimal(self.rule.points)

    @strawberry.field(description="Its first day.")
    def valid_from(self) -> date | None:
        return self.rule.valid_from

    @strawberry.field(description="Its last day.")
    def valid_to(self) -> date | None:
        return self.rule.valid_to


@strawberry.type(description="Of the rule's scheme.")
class RedemptionLimits:
    minimum_points: Decimal | None = strawberry.field(description="The fewest points that may pay.")
    step: Decimal | None = strawberry.field(description="Only multiples of this may pay.")
    maximum_share_of_order: Decimal | None = strawberry.field(
        description="The largest share of an order that points may pay, in per cent."
    )


@strawberry.type(description="What points pay.")
class RedemptionRule:
    owner: strawberry.Private[rules.Scheme]
    rule: strawberry.Private[rules.RedemptionRule]

    @strawberry.field(description="The code of its scheme.")
    def scheme(self) -> str:
        return self.owner.code

    @strawberry.field(description="Its code within the scheme.")
    def code(self) -> str:
        return self.rule.code

    @strawberry.field(description="Only cards that hold exactly this tier.")
    async def tier(self, info: Info) -> LoyaltyTier | None:
        return await load_tier(info, self.owner.program, self.rule.tier)

    @strawberry.field(description="Only where this affiliation is held.")
    async def affiliation(self, info: Info) -> Affiliation | None:
        return await _affiliation(info, self.rule.affiliation)

    @strawberry.field(description="What points pay by.")
    def reward(self) -> RedemptionReward:
        return RedemptionReward(self.rule.reward.value)

    @strawberry.field(description="Only goods in one of these; none with no products: all goods.")
    def categories(self) -> list[str]:
        return list(self.rule.categories)

    @strawberry.field(description="Only these products or variants.")
    def products(self) -> list[str]:
        return list(self.rule.products)

    @strawberry.field(description="What pays.")
    async def reward_point(self, info: Info) -> RewardPoint:
        return RewardPoint(value=await load_point(info, self.rule.reward_point))

    @strawberry.field(description="So many points pay `pays`.")
    def points(self) -> Decimal:
        return decimal(self.rule.points)

    @strawberry.field(description="The money or pieces that `points` pay.")
    def pays(self) -> Decimal:
        return decimal(self.rule.pays)

    @strawberry.field(description="Whether only whole blocks of pieces are paid.")
    def whole_units_only(self) -> bool:
        return self.rule.whole_units_only

    @strawberry.field(description="The currency of `pays`.")
    def currency_code(self) -> CurrencyCode | None:
        return None if self.rule.currency is None else CurrencyCode(self.rule.currency)

    @strawberry.field(description="What bounds payments by the rule's scheme.")
    def limits(self) -> RedemptionLimits:
        limits = self.owner.redemption_limits
        return RedemptionLimits(
            minimum_points=decimal(limits.minimum_points),
            step=Decimal(limits.step),
            maximum_share_of_order=decimal(limits.maximum_share_of_order),
        )

    @strawberry.field(description="Its first day.")
    def valid_from(self) -> date | None:
        return self.rule.valid_from

    @strawberry.field(description="Its last day.")
    def valid_to(self) -> date | None:
        return self.rule.valid_to


async def _affiliation(info: Info, code: str | None) -> Affiliation | None:
    if code is None:
        return None
    found = await info.context.load(programs.affiliations_by_code, code)
    return None if found is None else Affiliation(value=found)


@strawberry.type(description="What a card is enrolled in.")
class LoyaltyProgram(Node):
    value: strawberry.Private[rules.Program]

    def key(self) -> Key:
        return (self.value.code,)

    @strawberry.field(description="Its code in the configuration.")
    def code(self) -> str:
        return self.value.code

    @strawberry.field(description="Its name.")
    def name(self, locale: Locale = strawberry.UNSET) -> str:
        return shown(self.value.name, locale, self.value.code)

    @strawberry.field(description="What it is, for people.")
    def description(self, locale: Locale = strawberry.UNSET) -> str | None:
        return shown(self.value.description, locale, "") or None

    @strawberry.field(description="Its tiers, the lowest level first.")
    def tiers(self) -> list[LoyaltyTier]:
        ordered = sorted(self.value.tiers, key=lambda tier: tier.level)
        return [LoyaltyTier(value=tier, program=self.value.code) for tier in ordered]

    @strawberry.field(description="The price groups that it opens.")
    def price_groups(self) -> list[str]:
        return list(self.value.price_groups)

    @strawberry.field(description="How its points are earned, in the document's order.")
    def earning_rules(
        self, info: Info, channel: ChannelCode = strawberry.UNSET
    ) -> list[EarningRule]:
        found = programs.earning_rules(info.context, self.value.code, given(channel))
        return [EarningRule(owner=scheme, rule=rule) for scheme, rule in found]

    @strawberry.field(description="What its points pay, in the document's order.")
    def redemption_rules(
        self, info: Info, channel: ChannelCode = strawberry.UNSET
    ) -> list[RedemptionRule]:
        found = programs.redemption_rules(info.context, self.value.code, given(channel))
        return [RedemptionRule(owner=scheme, rule=rule) for scheme, rule in found]


async def load_program(info: Info, code: str | None) -> LoyaltyProgram | None:
    if code is None:
        return None
    found = await info.context.load(programs.programs_by_code, code)
    return None if found is None else LoyaltyProgram(value=found)
