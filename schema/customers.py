"""Customers: the person as far as loyalty needs it, their cards and what those hold together."""

from asyncio import gather
from uuid import UUID

import strawberry
from strawberry.federation.schema_directives import Key as FederationKey
from strawberry.federation.types import FieldSet

from models.customer_statements import CustomerRow, PersonRow
from resolvers import balances, cards, customers, programs
from resolvers.balances import Moment
from schema.access import Info
from schema.balances import PointsBalance, shown_balance
from schema.cards import KnownAt, LoyaltyCard
from schema.program import Affiliation
from schema.values import AsOf, Key, Node, given


@strawberry.type(
    description="Who holds cards.",
    directives=[FederationKey(fields=FieldSet("customerId"))],
)
class Customer(Node):
    row: strawberry.Private[CustomerRow]
    own_id: strawberry.Private[str]

    def key(self) -> Key:
        return (self.row.customer_key.bytes,)

    async def _person(self, info: Info) -> PersonRow | None:
        return await info.context.load(customers.people_by_key, self.row.customer_key)

    @strawberry.field(description="The commerce system's own id.")
    def customer_id(self) -> str:
        return self.own_id

    @strawberry.field(description="The name.")
    async def name(self, info: Info) -> str | None:
        person = await self._person(info)
        return person.name if person else None

    @strawberry.field(description="The e-mail address.")
    async def email(self, info: Info) -> str | None:
        person = await self._person(info)
        return person.email if person else None

    @strawberry.field(description="The telephone number.")
    async def phone(self, info: Info) -> str | None:
        person = await self._person(info)
        return person.phone if person else None

    @strawberry.field(description="The affiliations held; hidden ones for administrators alone.")
    async def affiliations(self, info: Info) -> list[Affiliation]:
        context = info.context
        codes = await context.load(customers.affiliations_by_key, self.row.customer_key)
        found = await gather(*(context.load(programs.affiliations_by_code, c) for c in codes))
        return [
            Affiliation(value=one)
            for one in found
            if one is not None and programs.may_see_affiliation(context, one)
        ]

    @strawberry.field(description="Whether the customer gets no further cards.")
    def blocked_for_loyalty(self) -> bool:
        return self.row.blocked_for_loyalty

    @strawberry.field(description="The customer's cards, oldest first.")
    async def loyalty_cards(self, info: Info) -> list[LoyaltyCard]:
        rows = await cards.cards_of_customer(info.context, self.row.customer_key)
        return [LoyaltyCard(row=row) for row in rows]

    @strawberry.field(description="Summed over the customer's ACTIVE cards.")
    async def balances(
        self, info: Info, as_of: AsOf = strawberry.UNSET, known_at: KnownAt = strawberry.UNSET
    ) -> list[PointsBalance]:
        moment = Moment(given(as_of), given(known_at))
        found = await balances.of_customer(info.context, self.row.customer_key, moment)
        return await gather(*(shown_balance(info, balance) for balance in found))


async def load_customer(info: Info, key: UUID) -> Customer | None:
    """The customer, where the caller may see it; None once erased."""
    if not await customers.visible(info.context, key):
        return None
    row, own_id = await gather(
        info.context.load(customers.rows_by_key, key), info.context.load(customers.ids_by_key, key)
    )
    return None if row is None or own_id is None else Customer(row=row, own_id=own_id)
