"""Many sales in one call, each on its own. Source: semantics 12, engineering 3.4."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.card_statements import CardRow
from models.database import Transaction
from models.sale_statements import insert_sale, take_back_sale
from models.staged_tables import AFFILIATIONS, REFS, SALES
from models.staging import Staged
from resolvers.bulk import post_many
from resolvers.bulk_kinds import Checked, Kind
from resolvers.context import Context
from resolvers.sales import (
    CheckedSale,
    FormedSale,
    PostedSale,
    PostSale,
    checked,
    formed,
    post_checked,
    post_formed,
)
from rules.errors import InvalidInput, LoyaltyError, Refused

MAXIMUM_SALES = 1000


@dataclass(frozen=True, slots=True)
class SaleResult:
    """One sale of many: what was posted, or why not."""

    posted: PostedSale | None
    errors: tuple[LoyaltyError, ...]


async def post_sales(context: Context, commands: Sequence[PostSale]) -> list[SaleResult]:
    """Each sale on its own, as if in its own transaction; results in the order of the input.

    Raises Refused where more than 1000 are sent.
    """
    if len(commands) > MAXIMUM_SALES:
        message = f"At most {MAXIMUM_SALES} sales may be sent."
        raise Refused([InvalidInput(message, ("sales",))])
    sales: dict[int, FormedSale] = {}
    results: dict[int, SaleResult] = {}
    for place, command in enumerate(commands):
        try:
            sales[place] = formed(context, command)
        except (Refused, LoyaltyError) as refusal:
            results[place] = _refused(refusal)
    results |= await post_many(context, _Sales(context), sales)
    return [_placed(results[place], place) for place in range(len(commands))]


def _refused(refusal: Refused | LoyaltyError) -> SaleResult:
    errors = refusal.errors if isinstance(refusal, Refused) else (refusal,)
    return SaleResult(None, tuple(errors))


def _placed(result: SaleResult, place: int) -> SaleResult:
    for error in result.errors:
        error.field = ("sales", str(place), *(error.field or ()))
    return result


class _Sales(Kind[FormedSale, CheckedSale, SaleResult]):
    claim = insert_sale
    unclaim = take_back_sale

    def __init__(self, context: Context) -> None:
        self.context = context

    def key(self, item: FormedSale) -> bytes:
        return item.key

    def number(self, item: FormedSale) -> str | None:
        return item.command.card_number

    async def load(
        self, staged: Staged, items: Sequence[FormedSale], cards: Sequence[CardRow]
    ) -> None:
        await staged.load(SALES, [item.key for item in items])
        named = {item.command.customer_id for item in items} - {None}
        refs = await staged.load(REFS, named)
        customers = {row.customer_key for row in refs} | {row.customer_key for row in cards}
        await staged.load(AFFILIATIONS, customers - {None})

    async def check(
        self, transaction: Transaction, item: FormedSale
    ) -> Checked[CheckedSale] | SaleResult:
        found = await checked(self.context, transaction, item)
        if isinstance(found, PostedSale):
            return SaleResult(found, ())
        return Checked(found, item.key, found.row._asdict(), found.row.card_id)

    async def post(self, transaction: Transaction, subject: CheckedSale) -> SaleResult:
        await post_checked(self.context, transaction, subject)
        return SaleResult(PostedSale(subject.row.sale_key, replayed=False), ())

    def refused(self, refusal: Refused | LoyaltyError) -> SaleResult:
        return _refused(refusal)

    async def alone(self, item: FormedSale) -> SaleResult:
        try:
            return SaleResult(await post_formed(self.context, item), ())
        except (Refused, LoyaltyError) as refusal:
            return _refused(refusal)
