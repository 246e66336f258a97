"""The staff's search of cards: its filter and its pages."""

from datetime import date

import strawberry

from execution.relay import Page
from resolvers import search
from resolvers.context import Context
from resolvers.search import LAST_NUMBER, CardFilter, Span
from schema.access import Info
from schema.cards import LoyaltyCard, LoyaltyCardStatus
from schema.values import PageInfo, cut_page, given, text_cursor

CURSOR = "loyaltyCards"


@strawberry.input(description="Which cards; all conditions given must hold.")
class LoyaltyCardFilter:
    number: str | None = strawberry.field(
        default=strawberry.UNSET, description="The card with this number."
    )
    number_prefix: str | None = strawberry.field(
        default=strawberry.UNSET, description="Cards whose number begins so."
    )
    customer_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="The commerce system's own id of the customer."
    )
    customer_search: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Matches the customer's name, e-mail address or phone number.",
    )
    status: LoyaltyCardStatus | None = strawberry.field(
        default=strawberry.UNSET, description="The status of the card."
    )
    enrollment_source: str | None = strawberry.field(
        default=strawberry.UNSET, description="The code of the channel that issued it."
    )
    program: str | None = strawberry.field(
        default=strawberry.UNSET, description="The code of a program it is enrolled in today."
    )
    tier: str | None = strawberry.field(
        default=strawberry.UNSET, description="The code of a tier it holds today."
    )
    issued_from: date | None = strawberry.field(
        default=strawberry.UNSET, description="The first day of issue."
    )
    issued_to: date | None = strawberry.field(
        default=strawberry.UNSET, description="The last day of issue."
    )

    def chosen(self) -> CardFilter:
        status = given(self.status)
        return CardFilter(
            number=given(self.number),
            number_prefix=given(self.number_prefix),
            customer_id=given(self.customer_id),
            customer_search=given(self.customer_search),
            status=None if status is None else status.name,
            enrollment_source=given(self.enrollment_source),
            program=given(self.program),
            tier=given(self.tier),
            issued_from=given(self.issued_from),
            issued_to=given(self.issued_to),
        )


@strawberry.type(description="A card and its cursor.")
class LoyaltyCardEdge:
    cursor: str = strawberry.field(description="Where the card stands.")
    node: LoyaltyCard = strawberry.field(description="The card.")


@strawberry.type(description="A page of cards, by number.")
class LoyaltyCardConnection:
    edges: list[LoyaltyCardEdge] = strawberry.field(description="Cards with cursors.")
    nodes: list[LoyaltyCard] = strawberry.field(description="The cards alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    chosen: strawberry.Private[CardFilter]

    @strawberry.field(description="All cards that match, on whatever page.")
    async def total_count(self, info: Info) -> int:
        return await search.count(info.context, self.chosen)


async def card_page(context: Context, chosen: CardFilter, page: Page) -> LoyaltyCardConnection:
    span = Span(
        above=text_cursor(CURSOR, page.after, ""),
        below=text_cursor(CURSOR, page.before, LAST_NUMBER),
        count=page.size + 1,
        backwards=page.backward,
    )
    rows = await search.find(context, chosen, span)
    cut = cut_page(page, rows, CURSOR, lambda row: (row.number,))
    nodes = [LoyaltyCard(row=row) for row in cut.rows]
    return LoyaltyCardConnection(
        edges=[
            LoyaltyCardEdge(cursor=cursor, node=node)
            for cursor, node in zip(cut.cursors, nodes, strict=True)
        ],
        nodes=nodes,
        page_info=cut.page_info,
        chosen=chosen,
    )
