"""Mutations of sales: inputs, payloads and fields."""

from asyncio import gather
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from execution.scalars import CurrencyCode
from resolvers import returns, sale_lists, sale_views, sales
from resolvers.returns import PostReturn
from resolvers.sales import PostedSale, PostSale
from rules.returns import ReturnLine
from schema.access import SHOPS, Info, root
from schema.cart_inputs import CartChargeInput, CartLineInput
from schema.errors import UserError, told, user_error
from schema.sales import SalesTransaction
from schema.values import given, payment_keys


@strawberry.input(
    description=(
        "The channel and `transactionId` are the sale's key: the same sale posted again answers as "
        "the first time."
    )
)
class PostSaleInput:
    channel: str = strawberry.field(description="Where it was made.")
    transaction_id: str = strawberry.field(description="Its id within the channel.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    currency: CurrencyCode = strawberry.field(description="The channel's currency.")
    card_number: str | None = strawberry.field(
        default=strawberry.UNSET, description="The loyalty card presented."
    )
    customer_id: str | None = strawberry.field(default=strawberry.UNSET, description="Who bought.")
    affiliations: list[str] | None = strawberry.field(
        default_factory=list, description="Affiliations held besides the customer's own."
    )
    lines: list[CartLineInput] = strawberry.field(description="As charged; at most 1000.")
    charges: list[CartChargeInput] | None = strawberry.field(
        default_factory=list, description="As charged."
    )
    loyalty_payments: list[strawberry.ID] | None = strawberry.field(
        default_factory=list, description="Payments with points made for this sale."
    )

    def command(self) -> PostSale:
        return PostSale(
            channel=self.channel,
            transaction_id=self.transaction_id,
            occurred_at=self.occurred_at,
            currency=self.currency,
            lines=tuple(line.line() for line in self.lines),
            charges=tuple(charge.charge() for charge in self.charges or ()),
            card_number=given(self.card_number),
            customer_id=given(self.customer_id),
            affiliations=tuple(self.affiliations or ()),
            loyalty_payments=payment_keys(self.loyalty_payments),
        )


@strawberry.input(description="Sales taken offline.")
class PostSalesInput:
    sales: list[PostSaleInput] = strawberry.field(description="At most 1000.")


@strawberry.input(description="How much of a line comes back.")
class ReturnLineInput:
    line_number: int = strawberry.field(description="The line's number in the sale.")
    quantity: Decimal = strawberry.field(description="More than 0.")

    def value(self) -> ReturnLine:
        return ReturnLine(self.line_number, self.quantity)


@strawberry.input(
    description=(
        "The channel and `transactionId` are the return's key, which no sale may share: the same "
        "return posted again answers as the first time."
    )
)
class PostReturnInput:
    channel: str = strawberry.field(description="Where the goods came back.")
    transaction_id: str = strawberry.field(description="The return's own id within the channel.")
    occurred_at: datetime = strawberry.field(description="When they came back.")
    original_channel: str = strawberry.field(description="Where they were sold.")
    original_transaction_id: str = strawberry.field(description="The sale's id there.")
    lines: list[ReturnLineInput] = strawberry.field(
        description="What came back, each line once; 1 to 1000."
    )

    def command(self) -> PostReturn:
        return PostReturn(
            channel=self.channel,
            transaction_id=self.transaction_id,
            occurred_at=self.occurred_at,
            original_channel=self.original_channel,
            original_transaction_id=self.original_transaction_id,
            lines=tuple(line.value() for line in self.lines),
        )


@strawberry.type(description="A sale or return after posting, or why it was not posted.")
class SalesTransactionPayload:
    sales_transaction: SalesTransaction | None = strawberry.field(description="The sale or return.")
    replayed: bool = strawberry.field(description="Whether an earlier call posted it.")
    user_errors: list[UserError] = strawberry.field(description="Why it was not posted.")


@strawberry.type(description="What came of each sale.")
class PostSalesPayload:
    results: list[SalesTransactionPayload] = strawberry.field(
        description="In the order of the input."
    )
    posted: int = strawberry.field(description="How many stand, those posted before included.")
    failed: int = strawberry.field(description="How many were refused.")


async def _payload(
    info: Info, posted: PostedSale | None, errors: list[UserError]
) -> SalesTransactionPayload:
    row = None
    if posted is not None:
        row = await info.context.load(sale_views.rows_by_key, posted.sale_key)
    return SalesTransactionPayload(
        sales_transaction=None if row is None else SalesTransaction(row=row),
        replayed=posted is not None and posted.replayed,
        user_errors=errors,
    )


@strawberry.type(description="Postings of sales and returns.")
class SaleMutations:
    @root(roles=SHOPS, description="Post a sale; its card earns.")
    async def post_sale(
        self,
        info: Info,
        input: Annotated[  # noqa: A002 (the contract's name)
            PostSaleInput, strawberry.argument(description="The sale.")
        ],
    ) -> SalesTransactionPayload:
        answer = await told(lambda: sales.post_sale(info.context, input.command()))
        return await _payload(info, answer.value, answer.user_errors)

    @root(
        roles=SHOPS,
        description=(
            "Sales taken offline, each on its own: one that fails does not stop the others."
        ),
    )
    async def post_sales(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            PostSalesInput, strawberry.argument(description="The sales.")
        ],
    ) -> PostSalesPayload:
        commands = [sale.command() for sale in input.sales]
        found = await sale_lists.post_sales(info.context, commands)
        results = await gather(
            *(
                _payload(info, one.posted, [user_error(error) for error in one.errors])
                for one in found
            )
        )
        failed = sum(1 for one in found if one.posted is None)
        return PostSalesPayload(results=results, posted=len(found) - failed, failed=failed)

    @root(
        roles=SHOPS,
        description=(
            "Take goods back: what they earned is taken from the card. Points that paid are "
            "another matter; it is never refused for lack of points."
        ),
    )
    async def post_return(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            PostReturnInput, strawberry.argument(description="The return.")
        ],
    ) -> SalesTransactionPayload:
        answer = await told(lambda: returns.post_return(info.context, input.command()))
        return await _payload(info, answer.value, answer.user_errors)
