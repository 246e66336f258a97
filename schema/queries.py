"""The root of all reading. Rights stand beside each field; whose object it is, the resolvers
know.
"""

from asyncio import gather
from typing import Annotated, Any

import strawberry

from execution.refusal import InputRefused
from execution.relay import MalformedId
from execution.scalars import Json
from resolvers import (
    cards,
    carts,
    configuration_versions,
    configurations,
    customers,
    payment_views,
    programs,
    sale_views,
    webhooks,
)
from rules.errors import Forbidden
from schema.access import ADMINISTRATORS, EVERYONE, MANAGERS, SHOPS_AND_CUSTOMERS, Info, root
from schema.activities import ActivityLineConnection, ActivityLineFilter, line_page
from schema.audits import AuditConnection, AuditLogFilter, audit_page
from schema.cards import LoyaltyCard
from schema.cart_inputs import CartInput
from schema.carts import Cart
from schema.configurations import (
    ConfigurationPlan,
    ConfigurationVersion,
    ConfigurationVersionConnection,
    shown_plan,
    version_page,
)
from schema.customers import Customer, load_customer
from schema.errors import told
from schema.nodes import find
from schema.payments import LoyaltyPayment
from schema.program import ActivityType, Affiliation, Channel, ShippingThresholdDiscount
from schema.sales import SalesTransaction
from schema.schemes import LoyaltyProgram
from schema.search import LoyaltyCardConnection, LoyaltyCardFilter, card_page
from schema.values import After, Before, First, Last, Node, asked_page, given, payment_keys
from schema.webhooks import Webhook

Code = Annotated[str, strawberry.argument(description="The code.")]
OnChannel = Annotated[str, strawberry.argument(description="The code of a channel.")]
MaybeOnChannel = Annotated[
    str | None, strawberry.argument(description="The code of a channel; all where left out.")
]
MAXIMUM_IDS = 100


@strawberry.type(description="Everything that can be read.")
class Query:
    @root(roles=EVERYONE, description="The object with this id; null where the caller sees none.")
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],  # noqa: A002
    ) -> Node | None:
        return await find(info, id)

    @root(roles=EVERYONE, description="The objects with these ids, at most 100, in their order.")
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Their ids.")],
    ) -> list[Node | None]:
        if len(ids) > MAXIMUM_IDS:
            raise InputRefused(f"At most {MAXIMUM_IDS} ids may be sent.", "ids")
        # Together, so that each type is looked up once for all; an id that is none fails alone.
        found: list[Any] = await gather(*(find(info, one) for one in ids), return_exceptions=True)
        return found

    @root(roles=EVERYONE, description="The signed-in shopper; null where the caller is a machine.")
    async def me(self, info: Info) -> Customer | None:
        key = await customers.own_key(info.context)
        return None if key is None else await load_customer(info, key)

    @root(
        roles=EVERYONE,
        description=(
            "Null where there is no such card or the caller may not see it: the two cannot be "
            "told apart."
        ),
    )
    async def loyalty_card(
        self,
        info: Info,
        number: Annotated[str, strawberry.argument(description="What is printed on it.")],
    ) -> LoyaltyCard | None:
        row = await cards.by_number(info.context, number)
        return None if row is None else LoyaltyCard(row=row)

    @root(roles=MANAGERS, description="Staff search (call centre, stores), by number.")
    async def loyalty_cards(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002 (the contract's name)
            LoyaltyCardFilter | None, strawberry.argument(description="Which cards.")
        ] = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> LoyaltyCardConnection:
        wanted = given(filter) or LoyaltyCardFilter()
        page = asked_page(first, after, last, before)
        return await card_page(info.context, wanted.chosen(), page)

    @root(roles=EVERYONE, description="A customer; null where the caller sees none.")
    async def customer(
        self,
        info: Info,
        customer_id: Annotated[
            str, strawberry.argument(description="The commerce system's own id.")
        ],
    ) -> Customer | None:
        key = await customers.find(info.context, customer_id)
        return None if key is None else await load_customer(info, key)

    @root(roles=EVERYONE, description="A channel.")
    async def channel(self, info: Info, code: Code) -> Channel | None:
        found = programs.active_channel(info.context, code)
        return None if found is None else Channel(value=found)

    @root(roles=EVERYONE, description="All channels.")
    async def channels(self, info: Info) -> list[Channel]:
        return [Channel(value=channel) for channel in programs.channels(info.context)]

    @root(
        roles=EVERYONE,
        description=(
            "Programs open to newcomers on a channel; all of them where no channel is named "
            "(staff)."
        ),
    )
    async def loyalty_programs(
        self, info: Info, channel: MaybeOnChannel = strawberry.UNSET
    ) -> list[LoyaltyProgram]:
        if given(channel) is None and not info.context.caller.is_managing:
            raise Forbidden("Name a channel: all programs are for staff.", ("channel",))
        found = programs.open_programs(info.context, given(channel))
        return [LoyaltyProgram(value=program) for program in found]

    @root(roles=EVERYONE, description="A program.")
    async def loyalty_program(self, info: Info, code: Code) -> LoyaltyProgram | None:
        found = programs.program(info.context, code)
        return None if found is None else LoyaltyProgram(value=found)

    @root(roles=EVERYONE, description="Activity types; those that a channel's rules reward.")
    async def activity_types(
        self, info: Info, channel: MaybeOnChannel = strawberry.UNSET
    ) -> list[ActivityType]:
        found = programs.activity_types(info.context, given(channel))
        return [ActivityType(value=kind) for kind in found]

    @root(
        roles=EVERYONE,
        description=(
            "Affiliations that the channel may show, add and remove: hidden ones are left out."
        ),
    )
    async def affiliations(self, info: Info, channel: OnChannel) -> list[Affiliation]:
        found = programs.shown_affiliations(info.context, channel)
        return [Affiliation(value=affiliation) for affiliation in found]

    @root(roles=EVERYONE, description="The shipping discounts in the channel's currency.")
    async def shipping_threshold_discounts(
        self, info: Info, channel: OnChannel
    ) -> list[ShippingThresholdDiscount]:
        found = programs.shipping_discounts(info.context, channel)
        return [ShippingThresholdDiscount(value=discount) for discount in found]

    @root(
        roles=SHOPS_AND_CUSTOMERS,
        description=(
            "Everything loyalty has to say of a cart, before anything is posted. Changes nothing."
        ),
    )
    async def cart(
        self,
        info: Info,
        input: Annotated[CartInput, strawberry.argument(description="The cart.")],  # noqa: A002
    ) -> Cart:
        return Cart(view=await carts.view(info.context, input.command()))

    @root(roles=EVERYONE, description="A sale or return; null where the caller sees none.")
    async def sales_transaction(
        self,
        info: Info,
        channel: OnChannel,
        transaction_id: Annotated[
            str, strawberry.argument(description="Its id within the channel.")
        ],
    ) -> SalesTransaction | None:
        row = await sale_views.find(info.context, channel, transaction_id)
        return None if row is None else SalesTransaction(row=row)

    @root(roles=EVERYONE, description="A payment with points; null where the caller sees none.")
    async def loyalty_payment(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],  # noqa: A002
    ) -> LoyaltyPayment | None:
        (payment_id,) = payment_keys([id])
        if payment_id is None:
            raise MalformedId("The id is not one of a LoyaltyPayment.", "id")
        row = await payment_views.find(info.context, payment_id)
        return None if row is None else LoyaltyPayment(row=row)

    @root(roles=EVERYONE, description="The review journal of activities.")
    async def activity_lines(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002 (the contract's name)
            ActivityLineFilter | None, strawberry.argument(description="Which lines.")
        ] = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> ActivityLineConnection:
        wanted = given(filter) or ActivityLineFilter()
        page = asked_page(first, after, last, before)
        return await line_page(info.context, wanted.chosen(), page)

    @root(roles=MANAGERS, description="What staff and administrators did, newest first (staff).")
    async def audit_log(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002 (as all lists have it)
            AuditLogFilter | None, strawberry.argument(description="Which entries.")
        ] = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> AuditConnection:
        wanted = given(filter) or AuditLogFilter()
        page = asked_page(first, after, last, before)
        return await audit_page(info.context, wanted.chosen(), page)

    @root(roles=ADMINISTRATORS, description="All subscriptions to events (administrators).")
    async def webhooks(self, info: Info) -> list[Webhook]:
        return [Webhook(row=row) for row in await webhooks.everyone(info.context)]

    @root(roles=MANAGERS, description="The configuration now in force (staff).")
    async def configuration(self, info: Info) -> ConfigurationVersion:
        return ConfigurationVersion(
            row=await configuration_versions.effective_version(info.context)
        )

    @root(roles=MANAGERS, description="All versions stored, newest first (staff).")
    async def configuration_versions(
        self, info: Info, first: First = strawberry.UNSET, after: After = strawberry.UNSET
    ) -> ConfigurationVersionConnection:
        page = asked_page(first, after, None, None)
        return await version_page(info.context, page)

    @root(
        roles=MANAGERS,
        description="What applying the document would change, without applying it (staff).",
    )
    async def plan_configuration(
        self,
        info: Info,
        document: Annotated[Json, strawberry.argument(description="The whole document.")],
    ) -> ConfigurationPlan:
        answer = await told(lambda: configurations.plan(info.context, document))
        return shown_plan(answer.value, answer.user_errors)
