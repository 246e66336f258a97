"""Long lists are completed in portions: nothing is lost, others have a turn, deadlines hold."""

import asyncio
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult

from execution.documents import Documents
from execution.limits import Limits
from execution.pacing import PORTION
from execution.refusal import RequestRefused
from execution.running import Runner, deadline

BROKEN = 2 * PORTION + 50


@strawberry.type
class Item:
    number: int

    @strawberry.field
    def sound(self) -> int | None:
        if self.number == BROKEN:
            raise RuntimeError("broken")
        return self.number

    @strawberry.field
    async def later(self) -> int:
        await asyncio.sleep(0)
        return self.number


@strawberry.type
class Query:
    @strawberry.field
    def items(self, count: int) -> list[Item]:
        return [Item(number=number) for number in range(count)]

    @strawberry.field
    async def several(self, count: int) -> list[Item]:
        await asyncio.sleep(0)
        return [Item(number=number) for number in range(count)]


RUNNER = Runner(strawberry.Schema(Query), in_flight=1, errors_max=20)
DOCUMENTS = Documents(RUNNER.core, Limits())


async def executed(query: str) -> ExecutionResult:
    prepared = DOCUMENTS.prepare(query, None)
    return await RUNNER.execute(prepared, {}, None, is_suggesting=False, extensions={})


@pytest.mark.parametrize("field", ["items", "several"])
@pytest.mark.parametrize("count", [0, 1, PORTION, PORTION + 1, 3 * PORTION + 7])
def test_all_items_are_there_in_their_order(field: str, count: int) -> None:
    found: Any = asyncio.run(executed(f"{{ {field}(count: {count}) {{ number later }} }}")).data
    assert found[field] == [{"number": n, "later": n} for n in range(count)]


def test_what_fails_is_told_at_its_place() -> None:
    result = asyncio.run(executed(f"{{ items(count: {BROKEN + 9}) {{ sound }} }}"))
    (error,) = result.errors or ()
    assert error.path == ["items", BROKEN, "sound"]
    assert result.data
    assert result.data["items"][BROKEN] == {"sound": None}
    assert result.data["items"][-1] == {"sound": BROKEN + 8}


def test_others_have_their_turn_between_portions() -> None:
    async def beside() -> int:
        turns = 0
        running = asyncio.create_task(executed(f"{{ items(count: {20 * PORTION}) {{ number }} }}"))
        while not running.done():
            turns += 1
            await asyncio.sleep(0)
        assert not running.result().errors
        return turns

    assert asyncio.run(beside()) >= 20


def test_a_deadline_ends_what_would_go_on() -> None:
    async def hurried() -> None:
        lists = " ".join(f"a{n}: several(count: 20000) {{ number }}" for n in range(20))
        async with deadline(200, RequestRefused(504, "TIMEOUT", "Too late.")):
            await executed(f"{{ {lists} }}")

    with pytest.raises(RequestRefused, match="Too late"):
        asyncio.run(hurried())
