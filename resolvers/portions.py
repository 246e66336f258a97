"""What waits to be posted, in portions for units of many."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID
from zlib import crc32

from models.card_statements import cards_of
from resolvers.context import Context

T = TypeVar("T")

# What is looked at together, and as many as one unit posts, about.
WINDOW = 10_000
CHUNK = 1_000
# Portions at a time: while the database writes one, the next is judged.
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Share:
    """The part of the customers that is one process's where several post at the same time."""

    place: int
    of: int

    def takes(self, owner: UUID | str) -> bool:
        number = owner.int if isinstance(owner, UUID) else crc32(owner.encode())
        return number % self.of == self.place


ALL = Share(0, 1)


async def portions(
    context: Context,
    waiting: Sequence[tuple[T, UUID | str]],
    size: int = CHUNK,
    share: Share = ALL,
) -> list[list[T]]:
    """What of the share waits, each with its card's id (another name where there is no such card),
    in portions of about `size`, each in the order given.

    All of a customer is in one: only what is of one customer may depend on the order, and a unit
    with much for few cards costs less than one with little for many.
    """
    ids = sorted({card for _, card in waiting if isinstance(card, UUID)})
    cards = await context.read.each(cards_of, ids)
    owners: dict[UUID | str, UUID] = {row.card_id: row.customer_key or row.card_id for row in cards}
    owned: dict[UUID | str, list[int]] = defaultdict(list)
    for place, (_, card) in enumerate(waiting):
        owner = owners.get(card, card)
        if share.takes(owner):
            owned[owner].append(place)
    found: list[list[int]] = []
    for mine in owned.values():
        if not found or len(found[-1]) >= size:
            found.append([])
        found[-1] += mine
    return [[waiting[place][0] for place in sorted(portion)] for portion in found]


async def post_portions(
    context: Context, found: Iterable[T], post: Callable[[Context, T], Awaitable[None]]
) -> None:
    """Post all portions, some at the same time, each with a context of its own.

    Raises what the first that failed raised, when those under way have ended; no other is begun.
    """
    waiting = deque(found)

    async def work() -> None:
        beside = context.beside()
        try:
            while waiting:
                await post(beside, waiting.popleft())
        except BaseException:
            waiting.clear()
            raise
        finally:
            await beside.read.close()

    await context.read.close()
    ended = await asyncio.gather(*(work() for _ in range(AT_ONCE)), return_exceptions=True)
    for failure in ended:
        if failure is not None:
            raise failure
    await context.renew()
