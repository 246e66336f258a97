"""What a ledger has free to spend, and the facts of a refusal where it is not enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from resolvers.ledgers import CardLedger
from resolvers.open_lots import begun, stock, with_enough
from rules.errors import NotEnoughRewardPoints
from rules.explanations import point_digits
from rules.lots import Taken, take, taken_units
from rules.program import RewardPoint


@dataclass(frozen=True, slots=True)
class Free:
    """Units of one reward point of a card on a day: free of holds and debt, and held."""

    available_units: int
    held_units: int


async def free(ledger: CardLedger, point: RewardPoint, on: date) -> Free:
    """Available is below 0 where debt outweighs what is free; on a past day also of what has
    expired since.
    """
    if on < ledger.today:
        await ledger.reopen(point, on)
    book = await begun(ledger, point.code)
    book.digits = point_digits(point)
    there = await stock(ledger, point.code, on)
    return Free(there.spendable - book.debt_units, there.held)


async def take_available(
    ledger: CardLedger, point: RewardPoint, units: int, on: date, field: tuple[str, ...]
) -> tuple[Taken, ...]:
    """Exactly `units` from available lots in lot order. Raises NotEnoughRewardPoints."""
    now = await free(ledger, point, on)
    if now.available_units < units:
        raise NotEnoughRewardPoints(
            amount_covered_minor=None,
            currency=None,
            required_units=units,
            available_units=now.available_units,
            held_units=now.held_units,
            reward_point=point.code,
            field=field,
            digits=point_digits(point),
        )
    return take(await with_enough(ledger, point.code, units, on), units, on)


def short_units(taken: Sequence[Taken], units: int) -> int:
    """What the lots taken cannot bear of `units`."""
    return units - taken_units(taken)
