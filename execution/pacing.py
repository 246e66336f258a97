"""Long lists of an answer are completed in portions: between them everybody else has a turn, and an
operation that shows more than its deadline allows can be ended.

The cost bounds what stands on pages. How long a list without pages is nobody knows before, and
graphql-core would complete all of it in one go.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, cast

from graphql import GraphQLOutputType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.executor import Executor
from graphql.pyutils import AwaitableOrValue, Path

PORTION = 200
"""Items completed at once, twice what a page has: what they load is batched by portions, too."""


class _From(Path):
    """Counts the items of a portion from where it begins."""

    begins = 0

    def add_key(self, key: str | int, typename: str | None = None) -> Path:
        return Path(self, cast(int, key) + self.begins, typename)


class _Paced(Executor[Any]):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._turn = asyncio.Lock()

    def complete_iterable_value(
        self,
        item_type: GraphQLOutputType,
        details: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: Iterable[Any],
        position: Any,
    ) -> AwaitableOrValue[list[Any]]:
        if isinstance(items, list) and len(items) > PORTION:
            return self._in_portions(item_type, details, info, path, items, position)
        return super().complete_iterable_value(item_type, details, info, path, items, position)

    async def _in_portions(
        self,
        item_type: GraphQLOutputType,
        details: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: list[Any],
        position: Any,
    ) -> list[Any]:
        completed: list[Any] = []
        shifted = _From(*path)
        for begins in range(0, len(items), PORTION):
            async with self._turn:
                await asyncio.sleep(0)
                shifted.begins = begins
                some = items[begins : begins + PORTION]
                found = super().complete_iterable_value(
                    item_type, details, info, shifted, some, position
                )
            completed += found if isinstance(found, list) else await found
        return completed


def paced(executor: type[Executor[Any]]) -> type[Executor[Any]]:
    """The executor, one portion of long lists at a time."""
    return type("Paced", (_Paced, executor), {})
