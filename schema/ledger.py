"""Rows of the ledger: what was posted, why, and from which lots it was taken."""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from execution.relay import Page
from models.card_statements import CardRow
from models.ledger_statements import EntryRow
from models.lot_statements import AllocationRow
from resolvers import cards, payment_views, programs, transactions
from resolvers.context import Context
from resolvers.transactions import ENDLESS, EntryFilter, Window
from schema.access import Info
from schema.program import ActivityType, Channel, LoyaltyTier, RewardPoint, load_point, load_tier
from schema.schemes import LoyaltyProgram, load_program
from schema.values import Key, Node, PageInfo, cut_page, given, points, whole_number_cursor

if TYPE_CHECKING:
    from schema.cards import LoyaltyCard
    from schema.payments import LoyaltyPayment

CURSOR = "transactions"


@strawberry.enum(description="What kind of posting a row is.")
class LoyaltyEntryType(Enum):
    EARN = strawberry.enum_value("EARN", description="Points earned.")
    REDEEM = strawberry.enum_value("REDEEM", description="Points that paid.")
    RETURN_EARNED = strawberry.enum_value(
        "RETURN_EARNED", description="Earned points taken back for returned goods."
    )
    REFUND = strawberry.enum_value("REFUND", description="Points that paid, given back.")
    ADJUST = strawberry.enum_value("ADJUST", description="Set right by staff.")
    TRANSFER = strawberry.enum_value("TRANSFER", description="Moved between cards.")
    EXPIRE = strawberry.enum_value("EXPIRE", description="Lost by time.")


@strawberry.type(description="Which rule of which version gave the points, and the sum it did.")
class Explanation:
    configuration_version: int = strawberry.field(description="The version that was used.")
    scheme: str | None = strawberry.field(description="The scheme's code.")
    rule: str | None = strawberry.field(description="The rule's code.")
    formula: str = strawberry.field(
        description='The computation in one line, e.g. "floor(20.40 / 1) x 10 = 200".'
    )
    computed: Decimal = strawberry.field(
        description=(
            "Points computed before the maximum per card cut them; equal to the row's points "
            "where nothing was cut."
        )
    )


@strawberry.type(description="Points of a negative row that were taken from a lot.")
class Allocation:
    row: strawberry.Private[AllocationRow]
    reward_point_code: strawberry.Private[str]

    @strawberry.field(description="The row whose points were taken.")
    async def lot(self, info: Info) -> "LoyaltyTransaction":
        key = (self.row.card_id, self.row.lot_id)
        entry = await info.context.load(transactions.entries_by_id, key)
        if entry is None:
            raise LookupError("a lot is an entry of its card")
        return LoyaltyTransaction(row=entry)

    @strawberry.field(description="How many were taken.")
    async def points(self, info: Info) -> Decimal:
        return points(self.row.points, await load_point(info, self.reward_point_code))


@strawberry.type(description="One row of the ledger. Rows are only ever added.")
class LoyaltyTransaction(Node):
    row: strawberry.Private[EntryRow]

    def key(self) -> Key:
        return (self.row.card_id.bytes, self.row.entry_id.bytes)

    @strawberry.field(description="The card in whose book it stands.")
    async def card(self, info: Info) -> Annotated["LoyaltyCard", strawberry.lazy("schema.cards")]:
        from schema.cards import LoyaltyCard  # noqa: PLC0415 (the two types point at each other)

        card = await info.context.load(cards.rows_by_id, self.row.card_id)
        if card is None:
            raise LookupError("an entry stands in the book of a card")
        return LoyaltyCard(row=card)

    @strawberry.field(description="Of what.")
    async def reward_point(self, info: Info) -> RewardPoint:
        return RewardPoint(value=await load_point(info, self.row.reward_point))

    @strawberry.field(description="What kind of posting it is.")
    def entry_type(self) -> LoyaltyEntryType:
        return LoyaltyEntryType(self.row.entry_type)

    @strawberry.field(description="Signed.")
    async def points(self, info: Info) -> Decimal:
        return points(self.row.points, await load_point(info, self.row.reward_point))

    @strawberry.field(description="When it happened.")
    def occurred_at(self) -> datetime:
        return self.row.occurred_at

    @strawberry.field(description="When it was written.")
    def posted_at(self) -> datetime:
        return self.row.posted_at

    @strawberry.field(description="The first day on which an earned lot can be spent.")
    def vests_on(self) -> date | None:
        return self.row.vests_on

    @strawberry.field(description="The last day on which an earned lot can be spent.")
    def expires_on(self) -> date | None:
        return self.row.expires_on

    @strawberry.field(description="The channel that it was posted through.")
    async def channel(self, info: Info) -> Channel | None:
        if self.row.channel is None:
            return None
        found = await info.context.load(programs.channels_by_code, self.row.channel)
        return None if found is None else Channel(value=found)

    @strawberry.field(description="The program of the rule.")
    async def program(self, info: Info) -> LoyaltyProgram | None:
        return await load_program(info, self.row.program)

    @strawberry.field(description="The tier held in the program then.")
    async def tier(self, info: Info) -> LoyaltyTier | None:
        if self.row.program is None:
            return None
        return await load_tier(info, self.row.program, self.row.tier)

    @strawberry.field(description="The sale or return.")
    def transaction_id(self) -> str | None:
        return self.row.transaction_id

    @strawberry.field(description="The line of the sale; null for the sale as a whole.")
    def line_number(self) -> int | None:
        return self.row.line_number

    @strawberry.field(description="The payment that it belongs to.")
    async def payment(
        self, info: Info
    ) -> Annotated["LoyaltyPayment", strawberry.lazy("schema.payments")] | None:
        from schema.payments import LoyaltyPayment  # noqa: PLC0415 (they point at each other)

        if self.row.payment_id is None:
            return None
        found = await payment_views.find(info.context, self.row.payment_id)
        return None if found is None else LoyaltyPayment(row=found)

    @strawberry.field(description="The type of the activity.")
    async def activity_type(self, info: Info) -> ActivityType | None:
        if self.row.activity_type is None:
            return None
        found = await info.context.load(programs.activity_types_by_code, self.row.activity_type)
        return None if found is None else ActivityType(value=found)

    @strawberry.field(description="The activity's own id.")
    def activity_id(self) -> str | None:
        return self.row.activity_id

    @strawberry.field(description="Shared by all rows of one adjustment or transfer.")
    def adjustment_id(self) -> str | None:
        return None if self.row.adjustment_id is None else str(self.row.adjustment_id)

    @strawberry.field(description="What staff wrote about it.")
    async def comment(self, info: Info) -> str | None:
        key = (self.row.card_id, self.row.entry_id)
        return await info.context.load(cards.comments_by_entry, key)

    @strawberry.field(description="Of a positive row: the points of it that are left to spend.")
    async def remaining(self, info: Info) -> Decimal | None:
        if self.row.vests_on is None:
            return None
        point = await load_point(info, self.row.reward_point)
        left = await transactions.left_to_spend(info.context, self.row)
        return None if left is None else points(left, point)

    @strawberry.field(description="Of a negative row: the lots it was taken from.")
    async def allocations(self, info: Info) -> list[Allocation]:
        if self.row.points > 0:
            return []
        rows = await transactions.allocations(info.context, self.row)
        return [Allocation(row=row, reward_point_code=self.row.reward_point) for row in rows]

    @strawberry.field(
        description="Which rule of which configuration version gave this many points, and the sum."
    )
    async def explanation(self, info: Info) -> Explanation:
        point = await load_point(info, self.row.reward_point)
        return Explanation(
            configuration_version=self.row.configuration_version,
            scheme=self.row.scheme,
            rule=self.row.rule,
            formula=self.row.formula,
            computed=points(self.row.computed, point),
        )


@strawberry.type(description="A row of the ledger and its cursor.")
class LoyaltyTransactionEdge:
    cursor: str = strawberry.field(description="Where the row stands.")
    node: LoyaltyTransaction = strawberry.field(description="The row.")


@strawberry.type(description="A page of a card's book.")
class LoyaltyTransactionConnection:
    edges: list[LoyaltyTransactionEdge] = strawberry.field(description="Rows with cursors.")
    nodes: list[LoyaltyTransaction] = strawberry.field(description="The rows alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    owner: strawberry.Private[CardRow]
    chosen: strawberry.Private[EntryFilter]

    @strawberry.field(description="All rows that match, on whatever page.")
    async def total_count(self, info: Info) -> int:
        return await transactions.count(info.context, self.owner, self.chosen)


@strawberry.input(description="Which rows of a card's book; all conditions given must hold.")
class LoyaltyTransactionFilter:
    reward_point: str | None = strawberry.field(
        default=strawberry.UNSET, description="The code of a reward point."
    )
    entry_types: list[LoyaltyEntryType] | None = strawberry.field(
        default=strawberry.UNSET, description="Any of these kinds."
    )
    from_: date | None = strawberry.field(
        name="from", default=strawberry.UNSET, description="The first entry date."
    )
    to: date | None = strawberry.field(default=strawberry.UNSET, description="The last entry date.")
    transaction_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="A sale or return with this id."
    )

    def chosen(self) -> EntryFilter:
        kinds = given(self.entry_types)
        return EntryFilter(
            reward_point=given(self.reward_point),
            entry_types=None
            if kinds is None
            else tuple(sorted({LoyaltyEntryType(kind).name for kind in kinds})),
            dated_from=given(self.from_),
            dated_to=given(self.to),
            transaction_id=given(self.transaction_id),
        )


async def transaction_page(
    context: Context, card: CardRow, chosen: EntryFilter, page: Page
) -> LoyaltyTransactionConnection:
    """Newest first: what comes after a cursor stands below it in the book."""
    window = Window(
        above=whole_number_cursor(CURSOR, page.before, 0, ENDLESS),
        below=whole_number_cursor(CURSOR, page.after, ENDLESS, ENDLESS),
        count=page.size + 1,
        backwards=page.backward,
    )
    rows = await transactions.page(context, card, chosen, window)
    cut = cut_page(page, rows, CURSOR, lambda row: (row.seq_no,))
    nodes = [LoyaltyTransaction(row=row) for row in cut.rows]
    return LoyaltyTransactionConnection(
        edges=[
            LoyaltyTransactionEdge(cursor=cursor, node=node)
            for cursor, node in zip(cut.cursors, nodes, strict=True)
        ],
        nodes=nodes,
        page_info=cut.page_info,
        owner=card,
        chosen=chosen,
    )
