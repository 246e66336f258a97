"""Payments with points: what they took, of which line, and how long a hold lasts."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from enum import Enum

import strawberry

from models.payment_statements import PaymentRow, SliceRow
from resolvers import payment_views, programs
from resolvers.holds import status_at
from schema.access import Info
from schema.cards import LoyaltyCard, load_card
from schema.ledger import LoyaltyTransaction
from schema.program import Channel, RewardPoint, load_point
from schema.sales import RewardPointAmount, reward_point_amount
from schema.values import Key, Money, Node, money, points


@strawberry.enum(description="Where a payment is in its life.")
class LoyaltyPaymentStatus(Enum):
    AUTHORIZED = strawberry.enum_value("AUTHORIZED", description="Points are held.")
    CAPTURED = strawberry.enum_value("CAPTURED", description="Points were taken.")
    VOIDED = strawberry.enum_value("VOIDED", description="The hold was given up.")
    EXPIRED = strawberry.enum_value("EXPIRED", description="The hold lapsed.")
    PARTIALLY_REFUNDED = strawberry.enum_value(
        "PARTIALLY_REFUNDED", description="Some of it was given back."
    )
    REFUNDED = strawberry.enum_value("REFUNDED", description="All of it was given back.")


@strawberry.type(description="What one reward point pays.")
class TenderPoints:
    reward_point: RewardPoint = strawberry.field(description="Of what.")
    points: Decimal = strawberry.field(description="How many.")
    amount: Money = strawberry.field(description="What they pay.")


@strawberry.type(description="What was paid of one line.")
class LoyaltyPaymentLine:
    line_number: int | None = strawberry.field(description="Null: the order's own charges.")
    amount: Money = strawberry.field(description="What was paid of it.")
    points: list[RewardPointAmount] = strawberry.field(description="With which points.")


async def tender_points(
    info: Info, code: str, units: int, minor: int, currency: str
) -> TenderPoints:
    point = await load_point(info, code)
    return TenderPoints(
        reward_point=RewardPoint(value=point),
        points=points(units, point),
        amount=money(minor, currency),
    )


@strawberry.type(description="A payment with points.")
class LoyaltyPayment(Node):
    row: strawberry.Private[PaymentRow]

    def key(self) -> Key:
        return (self.row.payment_id.bytes,)

    async def _slices(self, info: Info) -> list[SliceRow]:
        key = (self.row.card_id, self.row.payment_id)
        found = await info.context.load(payment_views.slices, key)
        return [one for one in found if one.amount_minor]

    @strawberry.field(description="Where it is in its life.")
    def status(self, info: Info) -> LoyaltyPaymentStatus:
        return LoyaltyPaymentStatus(status_at(self.row, info.context.now))

    @strawberry.field(description="The order that it is for.")
    def order_id(self) -> str:
        return self.row.order_id

    @strawberry.field(description="The card that was presented.")
    async def card(self, info: Info) -> LoyaltyCard:
        found = await load_card(info, self.row.card_id)
        if found is None:
            raise LookupError("a payment was presented on a card")
        return found

    @strawberry.field(description="Where it was made.")
    async def channel(self, info: Info) -> Channel:
        found = await info.context.load(programs.channels_by_code, self.row.channel)
        if found is None:
            raise LookupError(f"no version has the channel {self.row.channel}")
        return Channel(value=found)

    @strawberry.field(description="Authorised, then captured; refunds do not change it.")
    def amount(self) -> Money:
        return money(self.row.amount_minor, self.row.currency)

    @strawberry.field(description="What was given back so far.")
    def refunded_amount(self) -> Money:
        return money(self.row.refunded_minor, self.row.currency)

    @strawberry.field(description="What it took of each reward point.")
    async def points(self, info: Info) -> list[TenderPoints]:
        sums: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for one in await self._slices(info):
            before = sums[one.reward_point]
            sums[one.reward_point] = (before[0] + one.points, before[1] + one.amount_minor)
        return [
            await tender_points(info, code, units, minor, self.row.currency)
            for code, (units, minor) in sums.items()
        ]

    @strawberry.field(description="What it paid of each line, the order's own charges last.")
    async def lines(self, info: Info) -> list[LoyaltyPaymentLine]:
        by_line: dict[int | None, list[SliceRow]] = defaultdict(list)
        for one in await self._slices(info):
            by_line[one.line_number].append(one)
        ordered = sorted(by_line, key=lambda number: (number is None, number or 0))
        return [
            LoyaltyPaymentLine(
                line_number=number,
                amount=money(sum(o.amount_minor for o in by_line[number]), self.row.currency),
                points=[
                    await reward_point_amount(info, one.reward_point, one.points)
                    for one in by_line[number]
                ],
            )
            for number in ordered
        ]

    @strawberry.field(description="When an uncaptured hold lapses and its points are free again.")
    def hold_expires_at(self) -> datetime | None:
        return self.row.hold_expires_at

    @strawberry.field(description="When it was made.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="The ledger rows that it wrote.")
    async def transactions(self, info: Info) -> list[LoyaltyTransaction]:
        found = await payment_views.entries(info.context, self.row)
        return [LoyaltyTransaction(row=entry) for entry in found]
