"""Units of a process that want the same card: few hold a connection for it, the others wait without
one, in their order.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from models.card_queue import ABREAST
from models.failures import ChangedMeanwhile, KeyInProgress
from models.transactions import Transaction
from tests.models.samples import Opened, busy_connections

POOL = 5
LENGTH = 3
Unit = Callable[[Transaction], Awaitable[int]]


class Gate:
    """Units that go for cards and stay until they are let go; `entered` tells in which order."""

    def __init__(self) -> None:
        self.entered: list[int] = []
        self.open = asyncio.Event()

    def unit(self, number: int, *card_ids: UUID) -> Unit:
        async def work(transaction: Transaction) -> int:
            for card_id in card_ids:
                transaction.go_for(card_id)
            self.entered.append(number)
            await self.open.wait()
            return number

        return work


@pytest.fixture
def postgres(postgresql_url: str, opened: Opened) -> Any:
    return opened(postgresql_url, pool_size=POOL, card_queue=LENGTH, unit_deadline_seconds=5.0)


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


def waiting(database: Any) -> int:
    return sum(len(line.waiting) for line in database._queue._lines.values())  # noqa: SLF001


def is_empty(database: Any) -> bool:
    return not database._queue._lines and busy_connections(database) == 0  # noqa: SLF001


async def test_units_that_wait_for_a_card_hold_no_connection_and_keep_their_order(
    postgres: Any,
) -> None:
    gate, card, count = Gate(), uuid4(), ABREAST + LENGTH
    units = []
    for number in range(count):
        units.append(asyncio.create_task(postgres.unit(gate.unit(number, card))))
        come = number + 1
        await until(lambda come=come: len(gate.entered) + waiting(postgres) == come)
    assert busy_connections(postgres) == ABREAST == len(gate.entered)
    other = Gate()
    other.open.set()
    assert await postgres.unit(other.unit(7, uuid4())) == 7
    gate.open.set()
    assert await asyncio.gather(*units) == [*range(count)]
    # As many as go at once may overtake one another on their way to a connection.
    assert all(abs(place - number) < ABREAST for place, number in enumerate(gate.entered))
    assert is_empty(postgres)


async def test_whoever_finds_the_queue_full_is_told_so_at_once(postgres: Any) -> None:
    gate, card = Gate(), uuid4()
    units = [
        asyncio.create_task(postgres.unit(gate.unit(number, card)))
        for number in range(ABREAST + LENGTH)
    ]
    await until(lambda: waiting(postgres) == LENGTH)
    # A turn would come after this alone.
    async with asyncio.timeout(2):
        with pytest.raises(KeyInProgress):
            await postgres.unit(gate.unit(9, card))
    gate.open.set()
    assert len(await asyncio.gather(*units)) == len(units)
    assert await postgres.unit(gate.unit(9, card)) == 9
    assert is_empty(postgres)


async def test_whoever_waits_too_long_is_told_so(postgres: Any) -> None:
    gate, card = Gate(), uuid4()
    going = [asyncio.create_task(postgres.unit(gate.unit(n, card))) for n in range(ABREAST)]
    await until(lambda: len(gate.entered) == ABREAST)
    with pytest.raises(KeyInProgress):
        await postgres.unit(gate.unit(9, card))
    gate.open.set()
    await asyncio.gather(*going)
    assert is_empty(postgres)


async def test_whoever_gives_up_leaves_the_place_to_the_next(postgres: Any) -> None:
    gate, card = Gate(), uuid4()
    units = [
        asyncio.create_task(postgres.unit(gate.unit(number, card)))
        for number in range(ABREAST + LENGTH)
    ]
    await until(lambda: waiting(postgres) == LENGTH)
    # One that goes, and the one that would have its turn in the same moment.
    units[0].cancel()
    units[ABREAST].cancel()
    gate.open.set()
    ended = await asyncio.gather(*units, return_exceptions=True)
    given_up = {0, ABREAST}
    assert {n for n, one in enumerate(ended) if isinstance(one, asyncio.CancelledError)} == given_up
    assert [one for one in ended if isinstance(one, int)] == [
        n for n in range(len(units)) if n not in given_up
    ]
    assert is_empty(postgres)


async def test_units_that_want_the_same_cards_in_any_order_come_to_an_end(
    postgresql_url: str, opened: Opened
) -> None:
    postgres: Any = opened(postgresql_url, pool_size=POOL)
    one, other, third = sorted((uuid4() for _ in range(3)), key=lambda card: card.bytes)
    done: list[int] = []

    def wanting(number: int, *cards: UUID) -> Unit:
        async def work(transaction: Transaction) -> int:
            for card in cards:
                transaction.go_for(card)
                await asyncio.sleep(0.002)
            done.append(number)
            return number

        return work

    wanted = [(one, other), (other, third), (one, third), (third,), (one, other, third)]
    units = [postgres.unit(wanting(n, *wanted[n % len(wanted)])) for n in range(30)]
    assert sorted(await asyncio.gather(*units)) == sorted(done) == [*range(30)]
    assert is_empty(postgres)


async def test_units_that_wait_for_one_card_leave_the_other_to_whom_wants_it_alone(
    postgresql_url: str, opened: Opened
) -> None:
    postgres: Any = opened(postgresql_url, pool_size=2 * POOL)
    one, other = sorted((uuid4(), uuid4()), key=lambda card: card.bytes)
    long, short, both = Gate(), Gate(), Gate()

    def started(gate: Gate, *cards: UUID) -> list[asyncio.Task[int]]:
        return [asyncio.create_task(postgres.unit(gate.unit(n, *cards))) for n in range(ABREAST)]

    busy, first = started(long, other), started(short, one)
    await until(lambda: len(long.entered) == len(short.entered) == ABREAST)
    wanting = started(both, one, other)
    await until(lambda: waiting(postgres) == ABREAST)
    short.open.set()
    await asyncio.gather(*first)
    # They wait for the other card by now, and the first is free.
    await asyncio.wait_for(postgres.unit(short.unit(9, one)), 2)
    assert both.entered == []
    both.open.set()
    long.open.set()
    assert await asyncio.gather(*busy, *wanting) == [0, 1, 0, 1]
    assert is_empty(postgres)


async def test_a_unit_that_runs_again_has_left_its_cards_meanwhile(postgres: Any) -> None:
    card, runs = uuid4(), 0

    async def changed(transaction: Transaction) -> int:
        nonlocal runs
        runs += 1
        transaction.go_for(card)
        if runs == 1:
            raise ChangedMeanwhile
        return runs

    assert await postgres.unit(changed) == 2
    assert is_empty(postgres)
