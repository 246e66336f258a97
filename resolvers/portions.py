"""What waits to be posted, in portions for units of many."""

import asyncio
import logging
import math
from collections import defaultdict, deque
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar
from uuid import UUID

from models.card_statements import OwnerRow, owners_of
from resolvers.context import Context
from resolvers.jobs import JobDone, Progress

T = TypeVar("T")
Post = Callable[[Context, Sequence[T]], Awaitable[JobDone]]
LOG = logging.getLogger("loyalty.jobs")

# What is looked at together, and as many as one unit posts, about.
WINDOW = 10_000
CHUNK = 1_000
# As many as one unit posts at the most: its cards are locked until it has judged them all, and the
# database ends a connection that lets it wait for long.
LONGEST = 2_000
# Portions at a time: while the database writes one, the next is judged.
AT_ONCE = 2


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def pieces(portion: Iterable[T]) -> Iterator[list[T]]:
    """The portion for units one after another, where a customer has more than one takes."""
    return chunks(portion, LONGEST)


@dataclass(frozen=True, slots=True)
class Portioned(Generic[T]):
    """A job whose work is posted in portions, some at the same time and by whichever process.

    `windows` gives the portions, for so many at a time, window by window: all of one are posted
    before the next, so that what is of one customer keeps its order. `poster` makes what posts
    portions one after another.
    """

    windows: Callable[[Context, int], AsyncIterator[list[list[T]]]]
    poster: Callable[[], Post[T]]


async def portions(
    context: Context,
    waiting: Sequence[tuple[T, UUID | str]],
    at_once: int,
    size: int = CHUNK,
) -> list[list[T]]:
    """What waits, each with its card's id (another name where there is no such card), in portions
    of about `size`, each in the order given.

    All of a customer is in one: only what is of one customer may depend on the order, and a unit
    with much for few cards costs less than one with little for many.
    """
    owners = await _owners(context, {card for _, card in waiting if isinstance(card, UUID)})
    owned: dict[UUID | str, list[int]] = defaultdict(list)
    for place, (_, card) in enumerate(waiting):
        owned[owners.get(card, card)].append(place)
    size = _even(len(waiting), size, at_once)
    found: list[list[int]] = []
    for mine in owned.values():
        if not found or len(found[-1]) >= size:
            found.append([])
        found[-1] += mine
    return [[waiting[place][0] for place in sorted(portion)] for portion in found]


def _even(count: int, size: int, at_once: int) -> int:
    """The size with which all portions are of one and none is posted alone at the end."""
    rounds = math.ceil(count / (size * at_once))
    return math.ceil(count / (rounds * at_once)) if count > size else size


async def _owners(context: Context, ids: Collection[UUID]) -> Mapping[UUID | str, UUID]:
    """Of each card its customer, else itself; of one that was replaced, its newest successor's."""
    rows: dict[UUID, OwnerRow] = {}
    wanted = set(ids)
    while wanted:
        found = await context.read.each(owners_of, [*wanted])
        rows |= {row.card_id: row for row in found}
        wanted = {row.replaced_by for row in found if row.replaced_by} - rows.keys()

    def owner(row: OwnerRow) -> UUID:
        while row.customer_key is None and row.replaced_by is not None:
            row = rows[row.replaced_by]
        return row.customer_key or row.card_id

    return {key: owner(rows[key]) for key in ids if key in rows}


def at_once_here(context: Context) -> int:
    """How many portions this process posts at a time."""
    return min(AT_ONCE, context.service.database.limits.pool_size)


async def post_portions(
    context: Context,
    found: Iterable[T],
    post: Callable[[Context, T], Awaitable[None]],
    at_once: int,
) -> None:
    """Post all portions, so many at the same time, each with a context of its own.

    Raises what the first failure was, when those under way have ended; no other is begun.
    """
    waiting = deque(found)
    failures: list[BaseException] = []

    async def work() -> None:
        beside = context.beside()
        try:
            while waiting and not failures:
                await post(beside, waiting.popleft())
        except BaseException as failure:
            failures.append(failure)
            raise
        finally:
            await beside.read.close()

    await context.read.close()
    await asyncio.gather(*(work() for _ in range(at_once)), return_exceptions=True)
    # What befalls all of them, as a process that ends, is told once.
    for other in [one for one in failures[1:] if repr(one) != repr(failures[0])]:
        LOG.error("Another portion failed as well.", exc_info=other)
    # What comes next in the operation sees what was posted, whatever has failed.
    await context.renew()
    if failures:
        raise failures[0]


async def post_all(
    context: Context, work: Portioned[T], post: Post[T], progress: Progress, at_once: int
) -> JobDone:
    """Post everything with `post`, so many portions at a time. Raises as `post_portions` does."""
    done = JobDone()

    async def one(beside: Context, portion: Sequence[T]) -> None:
        nonlocal done
        posted = await post(beside, portion)
        done += posted
        await progress(done)

    async for found in work.windows(context, at_once):
        await post_portions(context, found, one, at_once)
    return done
