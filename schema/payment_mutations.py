"""Mutations of payments: inputs, payload and fields."""

from collections.abc import Awaitable
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import strawberry

from resolvers import paying, payment_changes, payment_rows, payment_views, refund_rows, refunds
from resolvers.replays import Outcome
from schema.access import SHOPS, Info, root
from schema.card_mutations import Key
from schema.cart_inputs import CartInput
from schema.errors import UserError, told
from schema.payments import LoyaltyPayment
from schema.sale_mutations import ReturnLineInput
from schema.values import given, payment_keys


@strawberry.input(description="A payment with points for an order.")
class PayWithLoyaltyInput:
    idempotency_key: str = strawberry.field(description=Key)
    card_number: str = strawberry.field(description="The card presented.")
    cart: CartInput = strawberry.field(description="The cart, as the query `cart` shows it now.")
    order_id: str = strawberry.field(
        description="The order that the payment is for; one live loyalty payment per order."
    )
    amount: Decimal = strawberry.field(description="What the points shall pay, exactly.")
    capture: bool = strawberry.field(
        default=True,
        description="False: the points are held until capture, void, or the hold's end.",
    )
    take_over_holds: bool = strawberry.field(
        default=False,
        description=(
            "True: uncaptured holds of the card's other orders are voided first (the shopper left "
            "another cart behind)."
        ),
    )

    def command(self) -> payment_rows.Pay:
        return payment_rows.Pay(
            card_number=self.card_number,
            cart=self.cart.command(),
            order_id=self.order_id,
            amount=self.amount,
            capture=self.capture,
            take_over_holds=self.take_over_holds,
        )


@strawberry.input(
    description="A smaller amount than authorised captures that much and frees the rest."
)
class CaptureLoyaltyPaymentInput:
    idempotency_key: str = strawberry.field(description=Key)
    payment_id: strawberry.ID = strawberry.field(description="The payment.")
    amount: Decimal | None = strawberry.field(
        default=strawberry.UNSET, description="The whole, if left out."
    )


@strawberry.input(description="A payment whose hold is given up.")
class VoidLoyaltyPaymentInput:
    idempotency_key: str = strawberry.field(description=Key)
    payment_id: strawberry.ID = strawberry.field(description="The payment.")


@strawberry.input(
    description="By amount, or by the lines given back: exactly the points those lines took."
)
class RefundLoyaltyPaymentInput:
    idempotency_key: str = strawberry.field(description=Key)
    payment_id: strawberry.ID = strawberry.field(description="The payment.")
    amount: Decimal | None = strawberry.field(
        default=strawberry.UNSET, description="Money to give back in points; or `lines`."
    )
    lines: list[ReturnLineInput] | None = strawberry.field(
        default=strawberry.UNSET, description="Goods that come back; or `amount`."
    )

    def command(self) -> refund_rows.Refund:
        (payment_id,) = payment_keys([self.payment_id])
        lines = given(self.lines)
        parts = None if lines is None else tuple(line.value() for line in lines)
        return refund_rows.Refund(payment_id, given(self.amount), parts)


@strawberry.type(description="A payment after a mutation, or why nothing was done.")
class LoyaltyPaymentPayload:
    payment: LoyaltyPayment | None = strawberry.field(description="The payment as it is now.")
    replayed: bool = strawberry.field(description="Whether an earlier call did it.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


async def payment_payload(info: Info, work: Awaitable[Outcome]) -> LoyaltyPaymentPayload:
    answer = await told(lambda: work)
    row = None
    if answer.value is not None:
        payment_id = UUID(answer.value.answer["payment_id"])
        row = await info.context.load(payment_views.rows, payment_id)
    return LoyaltyPaymentPayload(
        payment=None if row is None else LoyaltyPayment(row=row),
        replayed=answer.replayed or (answer.value is not None and answer.value.replayed),
        user_errors=answer.user_errors,
    )


@strawberry.type(description="Payments with points.")
class PaymentMutations:
    @root(roles=SHOPS, description="Pay an order with points, at once or by a hold.")
    async def pay_with_loyalty(
        self,
        info: Info,
        input: Annotated[  # noqa: A002 (the contract's name)
            PayWithLoyaltyInput, strawberry.argument(description="Card, cart and amount.")
        ],
    ) -> LoyaltyPaymentPayload:
        work = paying.pay(info.context, input.idempotency_key, input.command())
        return await payment_payload(info, work)

    @root(roles=SHOPS, description="Take the points that a payment holds.")
    async def capture_loyalty_payment(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            CaptureLoyaltyPaymentInput, strawberry.argument(description="Payment and amount.")
        ],
    ) -> LoyaltyPaymentPayload:
        (payment_id,) = payment_keys([input.payment_id])
        command = payment_changes.Capture(payment_id, given(input.amount))
        work = payment_changes.capture(info.context, input.idempotency_key, command)
        return await payment_payload(info, work)

    @root(roles=SHOPS, description="Give up the hold of a payment.")
    async def void_loyalty_payment(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            VoidLoyaltyPaymentInput, strawberry.argument(description="The payment.")
        ],
    ) -> LoyaltyPaymentPayload:
        (payment_id,) = payment_keys([input.payment_id])
        command = payment_changes.Void(payment_id)
        work = payment_changes.void(info.context, input.idempotency_key, command)
        return await payment_payload(info, work)

    @root(roles=SHOPS, description="Give back points that paid.")
    async def refund_loyalty_payment(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            RefundLoyaltyPaymentInput,
            strawberry.argument(description="Payment, and an amount or lines."),
        ],
    ) -> LoyaltyPaymentPayload:
        work = refunds.refund(info.context, input.idempotency_key, input.command())
        return await payment_payload(info, work)
