"""The program as clients see it: channels, reward points, programs, tiers and their rules."""

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated

import strawberry

from execution.scalars import CurrencyCode
from resolvers import programs
from rules import program as rules
from rules import program_prices, program_terms
from rules.book import text
from rules.numbers import to_minor
from schema.access import Info
from schema.values import Key, Money, Node, Period, decimal, given, money, period

Locale = Annotated[
    str | None,
    strawberry.argument(description="A language tag such as `fr-CA`; falls back to its language."),
]
ChannelCode = Annotated[
    str | None, strawberry.argument(description="Only what is published to this channel.")
]


def shown(names: program_terms.Names, locale: str | None, code: str) -> str:
    return text(names, given(locale), code)


@strawberry.enum(description="What kind of place a channel is.")
class ChannelKind(Enum):
    ONLINE = strawberry.enum_value("ONLINE", description="A web shop.")
    STORE = strawberry.enum_value("STORE", description="A shop with a till.")
    CALL_CENTER = strawberry.enum_value("CALL_CENTER", description="Orders by telephone.")
    MOBILE = strawberry.enum_value("MOBILE", description="An app.")
    PARTNER = strawberry.enum_value("PARTNER", description="Another company's site.")


@strawberry.type(description="Where cards are issued and sales are made.")
class Channel(Node):
    value: strawberry.Private[rules.Channel]

    def key(self) -> Key:
        return (self.value.code,)

    @strawberry.field(description="Its code in the configuration.")
    def code(self) -> str:
        return self.value.code

    @strawberry.field(description="Its name.")
    def name(self) -> str:
        return text(self.value.name, None, self.value.code)

    @strawberry.field(description="What kind of place it is.")
    def kind(self) -> ChannelKind:
        return ChannelKind(self.value.kind.value)

    @strawberry.field(description="The currency of its carts and sales.")
    def currency_code(self) -> CurrencyCode:
        return CurrencyCode(self.value.currency)

    @strawberry.field(description="The IANA time zone that its civil dates are of.")
    def time_zone(self) -> str:
        return self.value.time_zone

    @strawberry.field(description="The company that runs it.")
    def legal_entity(self) -> str:
        return self.value.legal_entity

    @strawberry.field(description="False once it is retired.")
    def active(self) -> bool:
        return self.value.active


@strawberry.enum(description="What a reward point counts.")
class RewardPointKind(Enum):
    QUANTITY = strawberry.enum_value("QUANTITY", description="Whole points without a currency.")
    AMOUNT = strawberry.enum_value("AMOUNT", description="An amount in its currency.")


@strawberry.type(description="A kind of points.")
class RewardPoint(Node):
    value: strawberry.Private[rules.RewardPoint]

    def key(self) -> Key:
        return (self.value.code,)

    @strawberry.field(description="Its code in the configuration.")
    def code(self) -> str:
        return self.value.code

    @strawberry.field(description="Its name.")
    def name(self, locale: Locale = strawberry.UNSET) -> str:
        return shown(self.value.name, locale, self.value.code)

    @strawberry.field(description="What it counts.")
    def kind(self) -> RewardPointKind:
        return RewardPointKind(self.value.kind.value)

    @strawberry.field(description="The currency of an AMOUNT point.")
    def currency_code(self) -> CurrencyCode | None:
        return None if self.value.currency is None else CurrencyCode(self.value.currency)

    @strawberry.field(description="Whether it can pay.")
    def redeemable(self) -> bool:
        return self.value.redeemable

    @strawberry.field(description="Lower ones pay first.")
    def redeem_ranking(self) -> int:
        return self.value.redeem_ranking

    @strawberry.field(description="The most that earning fills a card with; null: no limit.")
    def maximum_per_card(self) -> Decimal | None:
        maximum = self.value.maximum_per_card
        return decimal(maximum) if maximum else None

    @strawberry.field(description="How long earned points live; null: for ever.")
    def expiration(self) -> Period | None:
        return period(self.value.expiration)

    @strawberry.field(description="How long earned points wait before they can be spent.")
    def vesting(self) -> Period | None:
        return period(self.value.vesting)


async def load_point(info: Info, code: str) -> rules.RewardPoint:
    """A reward point that the ledger or the book names: some effective version had it."""
    found = await info.context.load(programs.reward_points_by_code, code)
    if found is None:
        raise LookupError(f"no version has the reward point {code}")
    return found


@strawberry.type(description="A customer group.")
class Affiliation(Node):
    value: strawberry.Private[rules.Affiliation]

    def key(self) -> Key:
        return (self.value.code,)

    @strawberry.field(description="Its code in the configuration.")
    def code(self) -> str:
        return self.value.code

    @strawberry.field(description="Its name.")
    def name(self, locale: Locale = strawberry.UNSET) -> str:
        return shown(self.value.name, locale, self.value.code)


@strawberry.type(description="Something other than buying that earns points.")
class ActivityType(Node):
    value: strawberry.Private[rules.ActivityType]

    def key(self) -> Key:
        return (self.value.code,)

    @strawberry.field(description="Its code in the configuration.")
    def code(self) -> str:
        return self.value.code

    @strawberry.field(description="Its name.")
    def name(self, locale: Locale = strawberry.UNSET) -> str:
        return shown(self.value.name, locale, self.value.code)

    @strawberry.field(description="Whether a shopper's own token may post it.")
    def self_service(self) -> bool:
        return self.value.self_service


@strawberry.type(description="One way to win a tier.")
class TierRule:
    value: strawberry.Private[rules.TierRule]

    @strawberry.field(description="What is counted.")
    async def reward_point(self, info: Info) -> RewardPoint:
        return RewardPoint(value=await load_point(info, self.value.reward_point))

    @strawberry.field(description="How many points win.")
    def minimum_points(self) -> Decimal:
        return decimal(self.value.minimum_points)

    @strawberry.field(description="The code of the date interval in which they are counted.")
    def evaluation(self) -> str:
        return self.value.evaluation


@strawberry.type(description="A level of a program.")
class LoyaltyTier(Node):
    value: strawberry.Private[rules.Tier]
    program: strawberry.Private[str]

    def key(self) -> Key:
        return (
            self.program,
            self.value.code,
        )

    @strawberry.field(description="Its code in the configuration.")
    def code(self) -> str:
        return self.value.code

    @strawberry.field(description="Its name.")
    def name(self, locale: Locale = strawberry.UNSET) -> str:
        return shown(self.value.name, locale, self.value.code)

    @strawberry.field(description="A higher level is better.")
    def level(self) -> int:
        return self.value.level

    @strawberry.field(description="The code of the date interval for which it is won.")
    def validity(self) -> str:
        return self.value.validity

    @strawberry.field(description="The price groups that it opens.")
    def price_groups(self) -> list[str]:
        return list(self.value.price_groups)

    @strawberry.field(description="Meeting any one of these wins it.")
    def rules(self) -> list[TierRule]:
        return [TierRule(value=rule) for rule in self.value.rules]


async def load_tier(info: Info, program: str, code: str | None) -> LoyaltyTier | None:
    if code is None:
        return None
    found = await info.context.load(programs.tiers_by_code, (program, code))
    return None if found is None else LoyaltyTier(value=found, program=program)


@strawberry.type(description="An amount from which a discount gives a share.")
class ShippingThreshold:
    amount: Money = strawberry.field(description="From this amount on.")
    percent_off: Decimal = strawberry.field(description="The share taken off, in per cent.")


def shown_threshold(step: program_prices.ShippingThreshold, currency: str) -> ShippingThreshold:
    return ShippingThreshold(
        amount=money(to_minor(step.amount, currency), currency),
        percent_off=decimal(step.percent_off),
    )


@strawberry.type(description="A discount on shipping from some amounts on.")
class ShippingThresholdDiscount:
    value: strawberry.Private[program_prices.ShippingThresholdDiscount]

    @strawberry.field(description="Its code in the configuration.")
    def code(self) -> str:
        return self.value.code

    @strawberry.field(description="Its name.")
    def name(self, locale: Locale = strawberry.UNSET) -> str:
        return shown(self.value.name, locale, self.value.code)

    @strawberry.field(description="The delivery mode whose charges it reduces.")
    def delivery_mode(self) -> str:
        return self.value.delivery_mode

    @strawberry.field(description="Its thresholds, lowest first.")
    def thresholds(self) -> list[ShippingThreshold]:
        steps = sorted(self.value.thresholds, key=lambda step: step.amount)
        return [shown_threshold(step, self.value.currency) for step in steps]

    @strawberry.field(description="Whether a coupon must be given.")
    def coupon_required(self) -> bool:
        return self.value.coupon is not None

    @strawberry.field(description="Any of these opens it; none: open to all.")
    def price_groups(self) -> list[str]:
        return list(self.value.price_groups)

    @strawberry.field(description="The categories that count; none with no products: all goods.")
    def categories(self) -> list[str]:
        return list(self.value.categories)

    @strawberry.field(description="The products that count.")
    def products(self) -> list[str]:
        return list(self.value.products)

    @strawberry.field(description="Its first day.")
    def valid_from(self) -> date | None:
        return self.value.valid_from

    @strawberry.field(description="Its last day.")
    def valid_to(self) -> date | None:
        return self.value.valid_to
