"""Mutations of customers: inputs, payload and fields."""

from collections.abc import Awaitable
from typing import Annotated
from uuid import UUID

import strawberry

from resolvers import customer_changes, erasures
from resolvers.customer_changes import Upsert
from schema.access import ADMINISTRATORS, MANAGERS, SHOPS, Info, root
from schema.customers import Customer, load_customer
from schema.errors import UserError, told
from schema.values import given


@strawberry.input(description="A customer to create or change: members left out stay, null clears.")
class UpsertCustomerInput:
    customer_id: str = strawberry.field(description="The commerce system's own id.")
    name: str | None = strawberry.field(default=strawberry.UNSET, description="The name.")
    email: str | None = strawberry.field(
        default=strawberry.UNSET, description="The e-mail address."
    )
    phone: str | None = strawberry.field(
        default=strawberry.UNSET, description="The telephone number."
    )
    affiliations: list[str] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Replaces the visible ones; an administrator's list replaces all.",
    )

    def command(self) -> Upsert:
        sent = {
            "name": self.name,
            "email": self.email,
            "phone": self.phone,
            "affiliations": self.affiliations,
        }
        return Upsert(
            customer_id=self.customer_id,
            given=frozenset(name for name, value in sent.items() if value is not strawberry.UNSET),
            name=given(self.name),
            email=given(self.email),
            phone=given(self.phone),
            affiliations=tuple(given(self.affiliations) or ()),
        )


@strawberry.input(description="Whether a customer may get further cards.")
class SetCustomerLoyaltyBlockInput:
    customer_id: str = strawberry.field(description="The commerce system's own id.")
    blocked: bool = strawberry.field(description="True stops issue, link and replacement.")
    reason: str = strawberry.field(description="Why, for those who read it later.")


@strawberry.input(description="A customer to forget.")
class EraseCustomerInput:
    customer_id: str = strawberry.field(description="The commerce system's own id.")
    reason: str = strawberry.field(description="Why; it is not kept.")


@strawberry.type(description="A customer after a mutation, or why nothing was done.")
class CustomerPayload:
    customer: Customer | None = strawberry.field(
        description="The customer as it is now; null once erased."
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


async def customer_payload(info: Info, work: Awaitable[UUID | None]) -> CustomerPayload:
    answer = await told(lambda: work)
    customer = None if answer.value is None else await load_customer(info, answer.value)
    return CustomerPayload(customer=customer, user_errors=answer.user_errors)


@strawberry.type(description="Changes of customers.")
class CustomerMutations:
    @root(roles=SHOPS, description="Create or change a customer.")
    async def upsert_customer(
        self,
        info: Info,
        input: Annotated[  # noqa: A002 (the contract's name)
            UpsertCustomerInput, strawberry.argument(description="The customer.")
        ],
    ) -> CustomerPayload:
        return await customer_payload(info, customer_changes.upsert(info.context, input.command()))

    @root(roles=MANAGERS, description="Stop or allow further cards, in every channel.")
    async def set_customer_loyalty_block(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            SetCustomerLoyaltyBlockInput, strawberry.argument(description="Whom, and why.")
        ],
    ) -> CustomerPayload:
        work = customer_changes.set_block(
            info.context, input.customer_id, input.reason, blocked=input.blocked
        )
        return await customer_payload(info, work)

    @root(roles=ADMINISTRATORS, description="Forgets the person and keeps the ledger.")
    async def erase_customer(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            EraseCustomerInput, strawberry.argument(description="Whom, and why.")
        ],
    ) -> CustomerPayload:
        work = erasures.erase(info.context, input.customer_id, input.reason)
        return await customer_payload(info, work)
