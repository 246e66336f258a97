"""The words that a document chooses among, and other small terms of it. Source: semantics 3."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

# A name is one text under "" or a text a locale.
Names = Mapping[str, str]


class PeriodUnit(StrEnum):
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    QUARTER = "QUARTER"
    YEAR = "YEAR"


class EarnOnRedeemSale(StrEnum):
    NONE = "NONE"
    REMAINDER = "REMAINDER"


class ReturnDeducts(StrEnum):
    UNVESTED_FIRST = "UNVESTED_FIRST"
    AVAILABLE_ONLY = "AVAILABLE_ONLY"


class RefundExpiry(StrEnum):
    FRESH = "FRESH"
    RESTORE_ORIGINAL = "RESTORE_ORIGINAL"


class ChannelKind(StrEnum):
    ONLINE = "ONLINE"
    STORE = "STORE"
    CALL_CENTER = "CALL_CENTER"
    MOBILE = "MOBILE"
    PARTNER = "PARTNER"


class RewardPointKind(StrEnum):
    QUANTITY = "QUANTITY"
    AMOUNT = "AMOUNT"


class EarningActivity(StrEnum):
    PURCHASE_BY_AMOUNT = "PURCHASE_BY_AMOUNT"
    PURCHASE_BY_QUANTITY = "PURCHASE_BY_QUANTITY"
    SALES_TRANSACTION_COUNT = "SALES_TRANSACTION_COUNT"
    OTHER_ACTIVITY = "OTHER_ACTIVITY"


class RedemptionReward(StrEnum):
    PAYMENT_BY_AMOUNT = "PAYMENT_BY_AMOUNT"
    PAYMENT_BY_QUANTITY = "PAYMENT_BY_QUANTITY"


class Snap(StrEnum):
    START_OF_WEEK = "START_OF_WEEK"
    START_OF_MONTH = "START_OF_MONTH"
    START_OF_QUARTER = "START_OF_QUARTER"
    START_OF_YEAR = "START_OF_YEAR"
    END_OF_WEEK = "END_OF_WEEK"
    END_OF_MONTH = "END_OF_MONTH"
    END_OF_QUARTER = "END_OF_QUARTER"
    END_OF_YEAR = "END_OF_YEAR"


class Concurrency(StrEnum):
    EXCLUSIVE = "EXCLUSIVE"
    BEST_PRICE = "BEST_PRICE"
    COMPOUND = "COMPOUND"


class Basis(StrEnum):
    AFTER_DISCOUNT = "AFTER_DISCOUNT"
    BEFORE_DISCOUNT = "BEFORE_DISCOUNT"


class Trigger(StrEnum):
    TIER_REACHED = "TIER_REACHED"
    TRANSACTION_COUNT = "TRANSACTION_COUNT"
    ACTIVITY_COUNT = "ACTIVITY_COUNT"
    CARD_ISSUED = "CARD_ISSUED"


class Once(StrEnum):
    CARD = "CARD"
    CUSTOMER = "CUSTOMER"
    TIER_ENTRY = "TIER_ENTRY"


class ChargeLevel(StrEnum):
    LINE = "LINE"
    HEADER = "HEADER"


@dataclass(frozen=True, slots=True)
class Period:
    value: int
    unit: PeriodUnit


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a date interval: the anchor (None: TODAY, the evaluation date), then the shift,
    then the snap.
    """

    anchor: date | None
    shift: Period | None
    snap: Snap | None


@dataclass(frozen=True, slots=True)
class DateInterval:
    code: str
    start: Bound | None
    end: Bound | None
