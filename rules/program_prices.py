"""What the program says of prices: price groups, discounts, charges, coupons, shipping.

Source: semantics 3, 10.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from rules.program_terms import Basis, ChargeLevel, Concurrency, Names


@dataclass(frozen=True, slots=True)
class PriceGroup:
    code: str
    name: Names
    priority: int | None


@dataclass(frozen=True, slots=True)
class Discount:
    """Exactly one of `percent_off` and `amount_off` (per unit, in `currency`) is given."""

    code: str
    name: Names
    percent_off: Decimal | None
    amount_off: Decimal | None
    currency: str | None
    categories: tuple[str, ...]
    products: tuple[str, ...]
    price_groups: tuple[str, ...]
    coupon: str | None
    concurrency: Concurrency
    priority: int | None
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class DeliveryMode:
    code: str
    name: Names


@dataclass(frozen=True, slots=True)
class ChargeCode:
    code: str
    name: Names
    shipping: bool


@dataclass(frozen=True, slots=True)
class AutoCharge:
    level: ChargeLevel
    delivery_mode: str | None
    charge_code: str
    currency: str
    amount: Decimal
    from_amount: Decimal | None
    to_amount: Decimal | None
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coupon:
    code: str
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class ShippingThreshold:
    amount: Decimal
    percent_off: Decimal


@dataclass(frozen=True, slots=True)
class ShippingThresholdDiscount:
    code: str
    name: Names
    delivery_mode: str
    currency: str
    thresholds: tuple[ShippingThreshold, ...]
    basis: Basis
    categories: tuple[str, ...]
    products: tuple[str, ...]
    price_groups: tuple[str, ...]
    coupon: str | None
    concurrency: Concurrency
    priority: int | None
    valid_from: date | None
    valid_to: date | None
