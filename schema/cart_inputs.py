"""What callers send of a cart or sale: lines, charges, and the cart as a whole."""

from datetime import datetime
from decimal import Decimal

import strawberry

from execution.scalars import CurrencyCode
from resolvers.priced_carts import CartCommand
from rules.lines import ChargeInput, LineInput
from schema.values import given, payment_keys


@strawberry.input(description="A line of a cart or sale.")
class CartLineInput:
    line_number: int = strawberry.field(description="Unique, from 1.")
    product_id: str = strawberry.field(description="What is bought.")
    variant_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="Which variant of it."
    )
    categories: list[str] | None = strawberry.field(
        default_factory=list,
        description="Every category the product is in, ancestors included.",
    )
    quantity: Decimal = strawberry.field(description="How much, above 0.")
    unit_price: Decimal = strawberry.field(description="The price of one.")
    discount_amount: Decimal | None = strawberry.field(
        default=Decimal(0),
        description="Discounts that the commerce system has already given on the whole line.",
    )
    tax_amount: Decimal | None = strawberry.field(
        default=Decimal(0), description="The tax of the whole line, as charged."
    )
    delivery_mode: str | None = strawberry.field(
        default=strawberry.UNSET, description="How it is delivered; null: as the order."
    )

    def line(self) -> LineInput:
        return LineInput(
            line_number=self.line_number,
            product_id=self.product_id,
            quantity=self.quantity,
            unit_price=self.unit_price,
            variant_id=given(self.variant_id),
            categories=tuple(self.categories or ()),
            discount_amount=self.discount_amount or Decimal(0),
            tax_amount=self.tax_amount or Decimal(0),
            delivery_mode=given(self.delivery_mode),
        )


@strawberry.input(description="A charge that the commerce system has computed.")
class CartChargeInput:
    code: str = strawberry.field(description="The charge code.")
    amount: Decimal = strawberry.field(description="What is charged, from 0.")
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description="What it is, for people."
    )
    line_number: int | None = strawberry.field(
        default=strawberry.UNSET, description="Null: a charge on the order as a whole."
    )
    overridden: bool | None = strawberry.field(
        default=False, description="Fixed by hand: shipping discounts leave it alone."
    )

    def charge(self) -> ChargeInput:
        return ChargeInput(
            code=self.code,
            amount=self.amount,
            description=given(self.description),
            line_number=given(self.line_number),
            overridden=bool(self.overridden),
        )


@strawberry.input(description="A cart, as it would be checked out.")
class CartInput:
    channel: str = strawberry.field(description="Where it is checked out.")
    currency: CurrencyCode = strawberry.field(description="The channel's currency.")
    card_number: str | None = strawberry.field(
        default=strawberry.UNSET, description="The loyalty card presented."
    )
    customer_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="Who is signed in."
    )
    affiliations: list[str] | None = strawberry.field(
        default_factory=list, description="Affiliations held besides the customer's own."
    )
    coupons: list[str] | None = strawberry.field(
        default_factory=list, description="Coupon codes given."
    )
    delivery_mode: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The order's own delivery mode; lines may have theirs.",
    )
    lines: list[CartLineInput] = strawberry.field(description="At most 1000.")
    charges: list[CartChargeInput] | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Charges that the commerce system has computed. Null: the configured automatic "
            "charges are used."
        ),
    )
    amount_paid: Decimal | None = strawberry.field(
        default=Decimal(0), description="Already paid by other means."
    )
    loyalty_payments: list[strawberry.ID] | None = strawberry.field(
        default_factory=list,
        description=(
            "Payments with points already made for this cart's order; they shape what it earns."
        ),
    )
    apply_discounts: bool | None = strawberry.field(
        default=True,
        description=(
            "False: this service's own discounts are left out (they are in the lines' "
            "`discountAmount` already)."
        ),
    )
    at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="As if the cart were checked out then; now, if left out.",
    )

    def command(self) -> CartCommand:
        charges = given(self.charges)
        return CartCommand(
            channel=self.channel,
            currency=self.currency,
            lines=tuple(line.line() for line in self.lines),
            charges=None if charges is None else tuple(charge.charge() for charge in charges),
            card_number=given(self.card_number),
            customer_id=given(self.customer_id),
            affiliations=tuple(self.affiliations or ()),
            coupons=tuple(self.coupons or ()),
            delivery_mode=given(self.delivery_mode),
            amount_paid=self.amount_paid or Decimal(0),
            loyalty_payments=payment_keys(self.loyalty_payments),
            apply_discounts=self.apply_discounts is not False,
            at=given(self.at),
        )
