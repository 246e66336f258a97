"""Charges of carts and sales, and what is missing for cheaper shipping."""

from decimal import Decimal

import strawberry

from models.sale_statements import SaleChargeRow
from resolvers import programs
from rules.book import text
from rules.shipping import Offer, PricedCharge
from schema.access import Info
from schema.program import ShippingThreshold, ShippingThresholdDiscount, shown_threshold
from schema.values import Money, decimal, money


@strawberry.type(description="A charge on a line or on the order as a whole.")
class CartCharge:
    code: str = strawberry.field(description="The charge code.")
    description: str = strawberry.field(description="What it is, for people.")
    line_number: int | None = strawberry.field(description="Null: the order as a whole.")
    is_shipping: bool = strawberry.field(description="Whether shipping discounts may reduce it.")
    original_amount: Money = strawberry.field(description="As sent or configured.")
    amount: Money = strawberry.field(description="What is charged.")
    discounts: list[ShippingThresholdDiscount] = strawberry.field(
        description="The shipping discounts that reduced it."
    )


def priced_charge(charge: PricedCharge, currency: str) -> CartCharge:
    return CartCharge(
        code=charge.code,
        description=charge.description,
        line_number=charge.line_number,
        is_shipping=charge.is_shipping,
        original_amount=money(charge.original_minor, currency),
        amount=money(charge.amount_minor, currency),
        discounts=[ShippingThresholdDiscount(value=one) for one in charge.discounts],
    )


async def posted_charge(info: Info, row: SaleChargeRow, currency: str) -> CartCharge:
    """A charge as it was posted: sales take amounts as charged, and nothing reduces them."""
    known = await info.context.load(programs.charge_codes_by_code, row.code)
    amount = money(row.amount_minor, currency)
    return CartCharge(
        code=row.code,
        description=row.description or (text(known.name, None, row.code) if known else row.code),
        line_number=row.line_number,
        is_shipping=known.shipping if known else False,
        original_amount=amount,
        amount=amount,
        discounts=[],
    )


@strawberry.type(description="Where a cart stands with one shipping discount.")
class ShippingOffer:
    discount: ShippingThresholdDiscount = strawberry.field(description="The discount.")
    delivery_mode: str = strawberry.field(description="The delivery mode that it is for.")
    qualifying_amount: Money = strawberry.field(
        description=(
            "What is held against its thresholds; lines without a delivery mode count as if they "
            "went by this one."
        )
    )
    current_percent_off: Decimal = strawberry.field(
        description="The share that this amount gives, in per cent; 0: none yet."
    )
    saved: Money = strawberry.field(description="What the discount takes off this cart now.")
    next: ShippingThreshold | None = strawberry.field(
        description="The next threshold; null once the highest is met."
    )
    amount_to_next: Money = strawberry.field(description="Zero once the highest threshold is met.")


def shown_offer(offer: Offer, currency: str) -> ShippingOffer:
    step = offer.next_step
    return ShippingOffer(
        discount=ShippingThresholdDiscount(value=offer.discount),
        delivery_mode=offer.discount.delivery_mode,
        qualifying_amount=money(offer.qualifying_minor, currency),
        current_percent_off=decimal(offer.current_percent),
        saved=money(offer.saved_minor, currency),
        next=None if step is None else shown_threshold(step, offer.discount.currency),
        amount_to_next=money(offer.to_next_minor, currency),
    )
