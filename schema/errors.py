"""Refusals as data: what a mutation answers when it did nothing. Source: semantics 17."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Generic, TypeVar

import strawberry

from resolvers.replays import ReplayedRefusal
from rules.errors import IdempotencyKeyReused, LoyaltyError, NotEnoughRewardPoints, Refused
from rules.numbers import show_units
from schema.values import Money, money

T = TypeVar("T")


@strawberry.enum(description="Why a mutation did nothing; a code never changes its meaning.")
class UserErrorCode(Enum):
    INVALID_INPUT = strawberry.enum_value(
        "INVALID_INPUT", description="Malformed or impossible input that no other code covers."
    )
    NOT_FOUND = strawberry.enum_value(
        "NOT_FOUND", description="An id or other object named does not exist."
    )
    FORBIDDEN = strawberry.enum_value(
        "FORBIDDEN",
        description="The operation is open to the caller, but not with these arguments.",
    )
    IDEMPOTENCY_KEY_REUSED = strawberry.enum_value(
        "IDEMPOTENCY_KEY_REUSED", description="The key was used before with another input."
    )
    LOYALTY_CARD_NOT_FOUND = strawberry.enum_value(
        "LOYALTY_CARD_NOT_FOUND", description="No such card, or not one that the caller may see."
    )
    LOYALTY_CARD_ALREADY_ISSUED = strawberry.enum_value(
        "LOYALTY_CARD_ALREADY_ISSUED", description="The number is taken."
    )
    LOYALTY_CARD_BLOCKED = strawberry.enum_value(
        "LOYALTY_CARD_BLOCKED", description="The card is blocked."
    )
    LOYALTY_CARD_NO_TENDER = strawberry.enum_value(
        "LOYALTY_CARD_NO_TENDER", description="A card without tender cannot be presented to pay."
    )
    LOYALTY_CARD_REPLACED = strawberry.enum_value(
        "LOYALTY_CARD_REPLACED", description="The card was replaced by another one."
    )
    NUMBER_SEQUENCE_MISSING = strawberry.enum_value(
        "NUMBER_SEQUENCE_MISSING", description="The channel draws no numbers: give one."
    )
    NUMBER_OUT_OF_RANGE = strawberry.enum_value(
        "NUMBER_OUT_OF_RANGE", description="The number lies outside all ranges."
    )
    CUSTOMER_NOT_FOUND = strawberry.enum_value(
        "CUSTOMER_NOT_FOUND", description="No such customer."
    )
    CUSTOMER_BLOCKED_FOR_LOYALTY = strawberry.enum_value(
        "CUSTOMER_BLOCKED_FOR_LOYALTY", description="The customer gets no further cards."
    )
    CARD_CUSTOMER_CONFLICT = strawberry.enum_value(
        "CARD_CUSTOMER_CONFLICT", description="The card has another customer."
    )
    CARD_REQUIRES_SIGN_IN = strawberry.enum_value(
        "CARD_REQUIRES_SIGN_IN", description="The card has a customer who must be named here."
    )
    CONTACT_TENDER_NEEDS_CUSTOMER = strawberry.enum_value(
        "CONTACT_TENDER_NEEDS_CUSTOMER", description="A contact-tender card needs a customer."
    )
    CHANNEL_NOT_FOUND = strawberry.enum_value("CHANNEL_NOT_FOUND", description="No such channel.")
    CHANNEL_INACTIVE = strawberry.enum_value(
        "CHANNEL_INACTIVE", description="The channel was not active at that time."
    )
    CHANNEL_NOT_PARTICIPATING = strawberry.enum_value(
        "CHANNEL_NOT_PARTICIPATING", description="No scheme is published to the channel."
    )
    PROGRAM_NOT_FOUND = strawberry.enum_value(
        "PROGRAM_NOT_FOUND", description="No such program, or not one of this card or channel."
    )
    TIER_NOT_FOUND = strawberry.enum_value(
        "TIER_NOT_FOUND", description="No such tier in the program."
    )
    REWARD_POINT_NOT_FOUND = strawberry.enum_value(
        "REWARD_POINT_NOT_FOUND", description="No such reward point."
    )
    ACTIVITY_TYPE_NOT_FOUND = strawberry.enum_value(
        "ACTIVITY_TYPE_NOT_FOUND", description="No such activity type."
    )
    ACTIVITY_LINE_ALREADY_POSTED = strawberry.enum_value(
        "ACTIVITY_LINE_ALREADY_POSTED", description="A posted line stays as it is."
    )
    ACTIVITY_NEEDS_REVIEW = strawberry.enum_value(
        "ACTIVITY_NEEDS_REVIEW",
        description="Activities of this type are posted through the journal only.",
    )
    ACTIVITY_LIMIT_REACHED = strawberry.enum_value(
        "ACTIVITY_LIMIT_REACHED",
        description="The card has reached the limit of this activity type.",
    )
    NOT_ENOUGH_REWARD_POINTS = strawberry.enum_value(
        "NOT_ENOUGH_REWARD_POINTS", description="The points available do not cover it."
    )
    REDEMPTION_LIMIT = strawberry.enum_value(
        "REDEMPTION_LIMIT", description="A limit of the program forbids just this amount."
    )
    MAXIMUM_POINTS_REACHED = strawberry.enum_value(
        "MAXIMUM_POINTS_REACHED", description="The card would hold more than its maximum."
    )
    ONE_LOYALTY_TENDER_ONLY = strawberry.enum_value(
        "ONE_LOYALTY_TENDER_ONLY", description="The order has a live payment with points already."
    )
    PAYMENT_METHOD_NOT_CONFIGURED = strawberry.enum_value(
        "PAYMENT_METHOD_NOT_CONFIGURED",
        description="The channel takes no points, or not from this card.",
    )
    INVALID_PAYMENT_REQUEST = strawberry.enum_value(
        "INVALID_PAYMENT_REQUEST", description="The amount or lines of the payment are impossible."
    )
    PAYMENT_STATE_CONFLICT = strawberry.enum_value(
        "PAYMENT_STATE_CONFLICT", description="The payment is not in a state that allows it."
    )
    REFUND_EXCEEDS_ALLOWED = strawberry.enum_value(
        "REFUND_EXCEEDS_ALLOWED", description="More than is left to refund."
    )
    RETURN_EXCEEDS_SOLD = strawberry.enum_value(
        "RETURN_EXCEEDS_SOLD", description="More than was sold."
    )
    TRANSACTION_NOT_FOUND = strawberry.enum_value(
        "TRANSACTION_NOT_FOUND", description="No such sale."
    )
    CURRENCY_MISMATCH = strawberry.enum_value(
        "CURRENCY_MISMATCH", description="Not the channel's currency."
    )
    AFFILIATION_NOT_FOUND = strawberry.enum_value(
        "AFFILIATION_NOT_FOUND", description="No such affiliation."
    )
    AFFILIATION_HIDDEN = strawberry.enum_value(
        "AFFILIATION_HIDDEN", description="Channels may not name this affiliation."
    )
    COUPON_NOT_VALID = strawberry.enum_value(
        "COUPON_NOT_VALID", description="The coupon is out of date."
    )
    CONFIGURATION_INVALID = strawberry.enum_value(
        "CONFIGURATION_INVALID", description="A fault of the configuration document, at its path."
    )
    CONFIGURATION_CONFLICT = strawberry.enum_value(
        "CONFIGURATION_CONFLICT", description="A newer version of the configuration is stored."
    )


@strawberry.interface(
    description="Why a mutation did nothing. A payload with user errors has changed nothing at all."
)
class UserError:
    code: UserErrorCode = strawberry.field(description="The refusal, for programs.")
    message: str = strawberry.field(
        description="Addressed to a developer, in English, without personal data."
    )
    field: list[str] | None = strawberry.field(
        description=(
            'Path into `input` of what is wrong, e.g. ["lines", "2", "quantity"]. '
            "Null where no one field is to blame."
        )
    )


@strawberry.type(description="Every error that carries no facts of its own.")
class GeneralError(UserError):
    pass


@strawberry.type(description="The key was used before with another input.")
class IdempotencyKeyReusedError(UserError):
    first_used_at: datetime = strawberry.field(description="When the key was used first.")


@strawberry.type(description="The points available do not do what was asked.")
class NotEnoughRewardPointsError(UserError):
    amount_covered: Money | None = strawberry.field(description="What could have been paid.")
    required: Decimal = strawberry.field(description="Points that were needed.")
    available: Decimal = strawberry.field(description="Points that are free to spend.")
    held: Decimal = strawberry.field(
        description=(
            "Points that payments of other orders hold: free again when those are voided or lapse."
        )
    )


def _not_enough(error: NotEnoughRewardPoints, field: list[str] | None) -> UserError:
    covered = None
    if error.amount_covered_minor is not None and error.currency is not None:
        covered = money(error.amount_covered_minor, error.currency)
    return NotEnoughRewardPointsError(
        code=UserErrorCode(error.code),
        message=error.message,
        field=field,
        amount_covered=covered,
        required=Decimal(show_units(error.required_units, error.digits)),
        available=Decimal(show_units(error.available_units, error.digits)),
        held=Decimal(show_units(error.held_units, error.digits)),
    )


def user_error(error: LoyaltyError) -> UserError:
    """The refusal in its GraphQL type."""
    code = UserErrorCode(error.code)
    field = None if error.field is None else list(error.field)
    if isinstance(error, IdempotencyKeyReused):
        return IdempotencyKeyReusedError(
            code=code, message=error.message, field=field, first_used_at=error.first_used_at
        )
    if isinstance(error, NotEnoughRewardPoints):
        return _not_enough(error, field)
    return GeneralError(code=code, message=error.message, field=field)


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """What a mutation came to: a value, or refusals."""

    value: T | None
    replayed: bool
    user_errors: list[UserError]


async def told(work: Callable[[], Awaitable[T]]) -> Told[T]:
    """Run a mutation; refusals become data, everything else stays an exception."""
    try:
        return Told(await work(), replayed=False, user_errors=[])
    except Refused as refused:
        return Told(None, replayed=False, user_errors=[user_error(e) for e in refused.errors])
    except ReplayedRefusal as replayed:
        return Told(None, replayed=True, user_errors=[user_error(replayed.error)])
    except LoyaltyError as error:
        return Told(None, replayed=False, user_errors=[user_error(error)])
