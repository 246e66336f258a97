"""Many sales posted by one call, each in a transaction of its own. Source: semantics 12."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from models.failures import KeyInProgress
from resolvers.audits import one_row
from resolvers.context import Context
from resolvers.sales import PostedSale, PostSale, post_sale
from rules.errors import MAXIMUM_FAULTS, InvalidInput, LoyaltyError, Refused

MAXIMUM_SALES = 1000


@dataclass(frozen=True, slots=True)
class SaleResult:
    """One sale of many: what was posted, or why not."""

    posted: PostedSale | None
    errors: tuple[LoyaltyError, ...]


async def post_sales(context: Context, commands: Sequence[PostSale]) -> list[SaleResult]:
    """Each sale on its own, as if in its own transaction; results in the order of the input.

    Every sale that is refused tells a fault, all of them together as many more as one would. Raises
    Refused where more than 1000 are sent; KeyInProgress where another call holds some, and then the
    others stand: sent again, they answer as the first time.
    """
    if len(commands) > MAXIMUM_SALES:
        message = f"At most {MAXIMUM_SALES} sales may be sent."
        raise Refused([InvalidInput(message, ("sales",))])
    found: list[SaleResult] = []
    held: list[KeyInProgress] = []
    with (
        one_row(context, "postSales", {"sales": len(commands)}),
        context.looking_up_together(),
    ):
        for place, command in enumerate(commands):
            try:
                found.append(await _one(context, place, command))
            except KeyInProgress as error:
                held.append(error)
    if held:
        raise held[0]
    return [*_bounded(found)]


def _bounded(results: Sequence[SaleResult]) -> Iterator[SaleResult]:
    left = MAXIMUM_FAULTS
    for one in results:
        errors = one.errors[: max(left, 1)]
        left -= len(errors)
        yield replace(one, errors=errors)


async def _one(context: Context, place: int, command: PostSale) -> SaleResult:
    try:
        return SaleResult(await post_sale(context, command), ())
    except Refused as refused:
        errors = refused.errors
    except LoyaltyError as refusal:
        errors = (refusal,)
    for error in errors:
        error.field = ("sales", str(place), *(error.field or ()))
    return SaleResult(None, errors)
