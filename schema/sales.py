"""Sales and returns as posted, line by line, with the points they made."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from models.sale_statements import SaleLineRow, SaleRow
from resolvers import programs, sale_views
from resolvers.sale_views import LinePoints, earned_by_line, redeemed_by_line
from schema.access import Info
from schema.cards import LoyaltyCard, load_card
from schema.charges import CartCharge, posted_charge
from schema.ledger import LoyaltyTransaction
from schema.notes import CartNote, shown_note
from schema.program import Channel, RewardPoint, load_point
from schema.values import Key, Money, Node, from_millionths, money, points

if TYPE_CHECKING:
    from schema.payments import LoyaltyPayment


@strawberry.type(description="Points of a kind.")
class RewardPointAmount:
    reward_point: RewardPoint = strawberry.field(description="Of what.")
    points: Decimal = strawberry.field(description="How many.")


@strawberry.type(description="A line of a sale or return.")
class SalesTransactionLine:
    sale: strawberry.Private[SaleRow]
    row: strawberry.Private[SaleLineRow]

    @strawberry.field(description="Its number in the sale.")
    def line_number(self) -> int:
        return self.row.line_number

    @strawberry.field(description="What was sold.")
    def product_id(self) -> str:
        return self.row.product_id

    @strawberry.field(description="How much was sold, or came back.")
    def quantity(self) -> Decimal:
        return from_millionths(self.row.quantity)

    @strawberry.field(description="Of a sale: how much of it came back.")
    def returned_quantity(self) -> Decimal:
        return from_millionths(self.row.returned_quantity)

    @strawberry.field(description="Gross less discounts.")
    def net_amount(self) -> Money:
        return money(self.row.net_minor, self.sale.currency)

    @strawberry.field(description="Points that the line earned; none on a return.")
    async def points_earned(self, info: Info) -> list[RewardPointAmount]:
        return await self._points(info, await info.context.load(earned_by_line, self.sale))

    @strawberry.field(description="Points that paid some of the line.")
    async def points_redeemed(self, info: Info) -> list[RewardPointAmount]:
        return await self._points(info, await info.context.load(redeemed_by_line, self.sale))

    async def _points(self, info: Info, by_line: LinePoints) -> list[RewardPointAmount]:
        units = by_line.get(self.row.line_number, {})
        return [await reward_point_amount(info, code, units[code]) for code in sorted(units)]


async def reward_point_amount(info: Info, code: str, units: int) -> RewardPointAmount:
    point = await load_point(info, code)
    return RewardPointAmount(reward_point=RewardPoint(value=point), points=points(units, point))


@strawberry.type(description="A sale, or a return of one.")
class SalesTransaction(Node):
    row: strawberry.Private[SaleRow]

    def key(self) -> Key:
        return (self.row.sale_key,)

    @strawberry.field(description="Where it was posted.")
    async def channel(self, info: Info) -> Channel:
        found = await info.context.load(programs.channels_by_code, self.row.channel)
        if found is None:
            raise LookupError(f"no version has the channel {self.row.channel}")
        return Channel(value=found)

    @strawberry.field(description="The commerce system's own id, unique within the channel.")
    def transaction_id(self) -> str:
        return self.row.transaction_id

    @strawberry.field(description="When it happened.")
    def occurred_at(self) -> datetime:
        return self.row.occurred_at

    @strawberry.field(description="The card that earned.")
    async def card(self, info: Info) -> LoyaltyCard | None:
        return await load_card(info, self.row.card_id)

    @strawberry.field(description="Its lines, by number.")
    async def lines(self, info: Info) -> list[SalesTransactionLine]:
        rows = await info.context.load(sale_views.lines_by_key, self.row.sale_key)
        return [SalesTransactionLine(sale=self.row, row=row) for row in rows]

    @strawberry.field(description="Its charges, as sent.")
    async def charges(self, info: Info) -> list[CartCharge]:
        rows = await info.context.load(sale_views.charges_by_key, self.row.sale_key)
        return [await posted_charge(info, row, self.row.currency) for row in rows]

    @strawberry.field(description="The payments with points that it named.")
    async def loyalty_payments(
        self, info: Info
    ) -> list[Annotated["LoyaltyPayment", strawberry.lazy("schema.payments")]]:
        from schema.payments import LoyaltyPayment  # noqa: PLC0415 (they point at each other)

        found = await sale_views.payments(info.context, self.row)
        return [LoyaltyPayment(row=row) for row in found]

    @strawberry.field(description="The ledger rows that it wrote.")
    async def transactions(self, info: Info) -> list[LoyaltyTransaction]:
        entries = await sale_views.entries(info.context, self.row)
        return [LoyaltyTransaction(row=entry) for entry in entries]

    @strawberry.field(description="Its returns that the caller may see, in the order of posting.")
    async def returns(
        self, info: Info
    ) -> list[Annotated["SalesTransaction", strawberry.lazy("schema.sales")]]:
        rows = await info.context.load(sale_views.returns_by_key, self.row.sale_key)
        return [
            SalesTransaction(row=row) for row in rows if await sale_views.may_see(info.context, row)
        ]

    @strawberry.field(description="Of a return: the sale, where the caller may see it.")
    async def return_of(
        self, info: Info
    ) -> Annotated["SalesTransaction", strawberry.lazy("schema.sales")] | None:
        if self.row.original_key is None:
            return None
        row = await sale_views.by_key(info.context, self.row.original_key)
        return None if row is None else SalesTransaction(row=row)

    @strawberry.field(description="Why rules gave nothing, as told when it was posted.")
    async def earning_notes(self, info: Info) -> list[CartNote]:
        notes = await info.context.load(sale_views.notes_by_key, self.row.sale_key)
        return [shown_note(note) for note in notes]
