"""Readers of a document's discounts, charges, coupons and shipping discounts.

Source: semantics 3, 10.
"""

from decimal import Decimal

from rules.document_reading import LARGEST_INTEGER, Item
from rules.document_schemes import LARGEST_SHARE
from rules.program_prices import (
    AutoCharge,
    ChargeCode,
    Coupon,
    DeliveryMode,
    Discount,
    ShippingThreshold,
    ShippingThresholdDiscount,
)
from rules.program_terms import Basis, ChargeLevel, Concurrency


def read_discount(item: Item) -> Discount:
    item.require("code")
    currency = item.currency()
    if item.has("percentOff") == item.has("amountOff"):
        item.fault("A discount has either percentOff or amountOff.")
    elif item.has("amountOff"):
        item.require("currency")
    valid_from, valid_to = item.days()
    return Discount(
        code=item.code(),
        name=item.names("name"),
        percent_off=item.number("percentOff", above=0, most=LARGEST_SHARE),
        amount_off=item.money("amountOff", currency, above=0),
        currency=currency,
        categories=item.texts("categories"),
        products=item.texts("products"),
        price_groups=item.references("priceGroups", "priceGroups"),
        coupon=item.reference("coupon", "coupons"),
        concurrency=item.choice("concurrency", Concurrency) or Concurrency.BEST_PRICE,
        priority=item.integer("priority", least=-LARGEST_INTEGER),
        valid_from=valid_from,
        valid_to=valid_to,
    )


def read_delivery_mode(item: Item) -> DeliveryMode:
    item.require("code")
    return DeliveryMode(item.code(), item.names("name"))


def read_charge_code(item: Item) -> ChargeCode:
    item.require("code")
    return ChargeCode(item.code(), item.names("name"), item.flag("shipping"))


def read_auto_charge(item: Item) -> AutoCharge:
    item.require("level", "chargeCode", "currency", "amount")
    currency = item.currency()
    # A bound of 0 is open.
    lowest = item.money("fromAmount", currency) or None
    highest = item.money("toAmount", currency) or None
    if lowest and highest and lowest > highest:
        item.fault("toAmount is less than fromAmount.", "toAmount")
    return AutoCharge(
        level=item.choice("level", ChargeLevel) or ChargeLevel.LINE,
        delivery_mode=item.reference("deliveryMode", "deliveryModes"),
        charge_code=item.reference("chargeCode", "chargeCodes") or "",
        currency=currency or "",
        amount=item.money("amount", currency) or Decimal(0),
        from_amount=lowest,
        to_amount=highest,
        channels=item.references("channels", "channels"),
    )


def read_coupon(item: Item) -> Coupon:
    item.require("code")
    valid_from, valid_to = item.days()
    return Coupon(item.code(), valid_from, valid_to)


def read_shipping_threshold_discount(item: Item) -> ShippingThresholdDiscount:
    item.require("code", "deliveryMode", "currency")
    if not item.has("thresholds"):
        item.fault("A shipping threshold discount needs at least one threshold.", "thresholds")
    currency = item.currency()
    valid_from, valid_to = item.days()
    return ShippingThresholdDiscount(
        code=item.code(),
        name=item.names("name"),
        delivery_mode=item.reference("deliveryMode", "deliveryModes") or "",
        currency=currency or "",
        thresholds=item.items("thresholds", lambda level: _read_threshold(level, currency)),
        basis=item.choice("basis", Basis) or Basis.AFTER_DISCOUNT,
        categories=item.texts("categories"),
        products=item.texts("products"),
        price_groups=item.references("priceGroups", "priceGroups"),
        coupon=item.reference("coupon", "coupons"),
        concurrency=item.choice("concurrency", Concurrency) or Concurrency.BEST_PRICE,
        priority=item.integer("priority", least=-LARGEST_INTEGER),
        valid_from=valid_from,
        valid_to=valid_to,
    )


def _read_threshold(item: Item, currency: str | None) -> ShippingThreshold:
    item.require("amount", "percentOff")
    return ShippingThreshold(
        item.money("amount", currency) or Decimal(0),
        item.number("percentOff", above=0, most=LARGEST_SHARE) or Decimal(LARGEST_SHARE),
    )
