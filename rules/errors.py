"""Everything a caller can be told "no" for: refusals are values with a code, never texts to parse.

* LoyaltyError
  * InvalidInput, NotFound, Forbidden, IdempotencyKeyReused
  * CardNotFound, CardAlreadyIssued, CardBlocked, CardReplaced
  * NumberSequenceMissing, NumberOutOfRange
  * CustomerNotFound, CustomerBlocked, CardCustomerConflict, CardRequiresSignIn
  * ContactTenderNeedsCustomer
  * ChannelNotFound, ChannelInactive, ChannelNotParticipating
  * ProgramNotFound, TierNotFound, RewardPointNotFound, ActivityTypeNotFound
  * ActivityLineAlreadyPosted, ActivityNeedsReview, ActivityLimitReached
  * CardNoTender, OneLoyaltyTenderOnly, PaymentMethodNotConfigured
  * TransactionNotFound, ReturnExceedsSold, RefundExceedsAllowed
  * PaymentStateConflict, CurrencyMismatch
  * MaximumPointsReached
  * NotEnoughRewardPoints, RedemptionLimit, InvalidPaymentRequest
  * AffiliationNotFound, AffiliationHidden, CouponNotValid
  * ConfigurationInvalid, ConfigurationConflict
* Refused: several of them at once
"""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

Path = tuple[str, ...]

MAXIMUM_FAULTS = 1000


class LoyaltyError(Exception):
    """A refusal: the operation changed nothing.

    `field` is the path into the input of what is wrong, None where no one field is to blame. The
    message is for developers, in English, and names no person. Source: semantics 17.
    """

    code: ClassVar[str]

    def __init__(self, message: str, field: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class Refused(Exception):
    """More than one refusal at once: every fault of an input's form, or of a configuration
    document; of more than `MAXIMUM_FAULTS` the first, for an answer stays bounded.
    """

    def __init__(self, errors: Sequence[LoyaltyError]) -> None:
        super().__init__(f"{len(errors)} faults")
        self.errors = tuple(errors[:MAXIMUM_FAULTS])


class InvalidInput(LoyaltyError):
    code = "INVALID_INPUT"


class NotFound(LoyaltyError):
    code = "NOT_FOUND"


class Forbidden(LoyaltyError):
    code = "FORBIDDEN"


class IdempotencyKeyReused(LoyaltyError):
    """The key was used before with another input. Source: semantics 12."""

    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self, first_used_at: datetime, field: Path | None = None) -> None:
        super().__init__("This key was used before with another input.", field)
        self.first_used_at = first_used_at


class CardNotFound(LoyaltyError):
    """Unknown, or not visible to the caller: the two are the same answer."""

    code = "LOYALTY_CARD_NOT_FOUND"


class CardAlreadyIssued(LoyaltyError):
    code = "LOYALTY_CARD_ALREADY_ISSUED"


class CardBlocked(LoyaltyError):
    code = "LOYALTY_CARD_BLOCKED"


class CardReplaced(LoyaltyError):
    code = "LOYALTY_CARD_REPLACED"


class NumberSequenceMissing(LoyaltyError):
    code = "NUMBER_SEQUENCE_MISSING"


class NumberOutOfRange(LoyaltyError):
    code = "NUMBER_OUT_OF_RANGE"


class CustomerNotFound(LoyaltyError):
    code = "CUSTOMER_NOT_FOUND"


class CustomerBlocked(LoyaltyError):
    code = "CUSTOMER_BLOCKED_FOR_LOYALTY"


class CardCustomerConflict(LoyaltyError):
    code = "CARD_CUSTOMER_CONFLICT"


class CardRequiresSignIn(LoyaltyError):
    code = "CARD_REQUIRES_SIGN_IN"


class ContactTenderNeedsCustomer(LoyaltyError):
    code = "CONTACT_TENDER_NEEDS_CUSTOMER"


class ChannelNotFound(LoyaltyError):
    code = "CHANNEL_NOT_FOUND"


class ChannelInactive(LoyaltyError):
    code = "CHANNEL_INACTIVE"


class ChannelNotParticipating(LoyaltyError):
    code = "CHANNEL_NOT_PARTICIPATING"


class ProgramNotFound(LoyaltyError):
    code = "PROGRAM_NOT_FOUND"


class TierNotFound(LoyaltyError):
    code = "TIER_NOT_FOUND"


class RewardPointNotFound(LoyaltyError):
    code = "REWARD_POINT_NOT_FOUND"


class ActivityTypeNotFound(LoyaltyError):
    code = "ACTIVITY_TYPE_NOT_FOUND"


class ActivityLineAlreadyPosted(LoyaltyError):
    code = "ACTIVITY_LINE_ALREADY_POSTED"


class ActivityNeedsReview(LoyaltyError):
    """Activities of this type are posted through the journal only."""

    code = "ACTIVITY_NEEDS_REVIEW"


class ActivityLimitReached(LoyaltyError):
    """Some window of the limit's length would hold too many. Source: semantics 5.7."""

    code = "ACTIVITY_LIMIT_REACHED"


class TransactionNotFound(LoyaltyError):
    code = "TRANSACTION_NOT_FOUND"


class ReturnExceedsSold(LoyaltyError):
    """Together with what came back before, more than was sold. Source: semantics 7.1."""

    code = "RETURN_EXCEEDS_SOLD"


class RefundExceedsAllowed(LoyaltyError):
    """More than is left of the payment, or of a line of it, would be given back."""

    code = "REFUND_EXCEEDS_ALLOWED"


class MaximumPointsReached(LoyaltyError):
    code = "MAXIMUM_POINTS_REACHED"


class CardNoTender(LoyaltyError):
    code = "LOYALTY_CARD_NO_TENDER"


class OneLoyaltyTenderOnly(LoyaltyError):
    code = "ONE_LOYALTY_TENDER_ONLY"


class PaymentMethodNotConfigured(LoyaltyError):
    code = "PAYMENT_METHOD_NOT_CONFIGURED"


class PaymentStateConflict(LoyaltyError):
    code = "PAYMENT_STATE_CONFLICT"


class CurrencyMismatch(LoyaltyError):
    code = "CURRENCY_MISMATCH"


class NotEnoughRewardPoints(LoyaltyError):
    """The points available do not do what was asked. Source: semantics 8.1.

    Points are smallest units of `reward_point`, 0 where it is None, shown with `digits` decimals.
    `amount_covered_minor` is what points could pay in minor units of `currency`; None where nothing
    was to be paid.
    """

    code = "NOT_ENOUGH_REWARD_POINTS"

    def __init__(
        self,
        amount_covered_minor: int | None,
        currency: str | None,
        required_units: int,
        available_units: int,
        held_units: int,
        reward_point: str | None,
        field: Path | None = None,
        digits: int = 0,
    ) -> None:
        super().__init__("There are not enough points available.", field)
        self.digits = digits
        self.amount_covered_minor = amount_covered_minor
        self.currency = currency
        self.required_units = required_units
        self.available_units = available_units
        self.held_units = held_units
        self.reward_point = reward_point

    @property
    def facts(self) -> dict[str, int | str | None]:
        """What a stored refusal keeps, so that it is told the same way again."""
        return {
            "amount_covered_minor": self.amount_covered_minor,
            "currency": self.currency,
            "required_units": self.required_units,
            "available_units": self.available_units,
            "held_units": self.held_units,
            "reward_point": self.reward_point,
            "digits": self.digits,
        }


class RedemptionLimit(LoyaltyError):
    """The points would do, but a minimum, a step or the share cap forbids it.

    `amount_covered_minor` is what points could pay within the limits, in minor units of `currency`.
    Source: semantics 8.3.
    """

    code = "REDEMPTION_LIMIT"

    def __init__(self, amount_covered_minor: int, currency: str, field: Path | None = None) -> None:
        super().__init__("The limits of redemption do not allow this amount.", field)
        self.amount_covered_minor = amount_covered_minor
        self.currency = currency

    @property
    def facts(self) -> dict[str, int | str | None]:
        """What a stored refusal keeps, so that it is told the same way again."""
        return {
            "amount_covered_minor": self.amount_covered_minor,
            "currency": self.currency,
        }


class InvalidPaymentRequest(LoyaltyError):
    code = "INVALID_PAYMENT_REQUEST"


class AffiliationNotFound(LoyaltyError):
    code = "AFFILIATION_NOT_FOUND"


class AffiliationHidden(LoyaltyError):
    code = "AFFILIATION_HIDDEN"


class CouponNotValid(LoyaltyError):
    code = "COUPON_NOT_VALID"


class ConfigurationInvalid(LoyaltyError):
    code = "CONFIGURATION_INVALID"


class ConfigurationConflict(LoyaltyError):
    code = "CONFIGURATION_CONFLICT"
