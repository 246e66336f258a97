"""What waits to be posted, in portions for units of many."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from models.card_statements import cards_of
from resolvers.context import Context

T = TypeVar("T")

# What is looked at together, and as many as one unit posts, about.
WINDOW = 10_000
CHUNK = 1_000


async def portions(
    context: Context, waiting: Sequence[tuple[T, UUID | str]], size: int = CHUNK
) -> list[list[T]]:
    """What waits, each with its card's id (another name where there is no such card), in portions
    of about `size`, each in the order given.

    All of a customer is in one: only what is of one customer may depend on the order, and a unit
    with much for few cards costs less than one with little for many.
    """
    ids = sorted({card for _, card in waiting if isinstance(card, UUID)})
    cards = await context.read.each(cards_of, ids)
    owners: dict[UUID | str, UUID] = {row.card_id: row.customer_key or row.card_id for row in cards}
    owned: dict[UUID | str, list[int]] = defaultdict(list)
    for place, (_, card) in enumerate(waiting):
        owned[owners.get(card, card)].append(place)
    found: list[list[int]] = []
    for mine in owned.values():
        if not found or len(found[-1]) >= size:
            found.append([])
        found[-1] += mine
    return [[waiting[place][0] for place in sorted(portion)] for portion in found]
