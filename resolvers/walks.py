"""All rows of a table, for whoever looks at each: page by page, each page a snapshot of its own."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

from models.database import Database
from models.statements import Statement

R = TypeVar("R")


async def walked(
    database: Database,
    rows_after: Statement[R],
    key: Callable[[R], Any],
    first: Any,
    size: int,
) -> AsyncIterator[R]:
    """Rows in the order of their keys, those behind `first`; `rows_after` takes a key as `after`
    and so many rows as `count`.
    """
    async for rows in pages(database, rows_after, key, first, size):
        for row in rows:
            yield row


async def pages(
    database: Database,
    rows_after: Statement[R],
    key: Callable[[R], Any],
    first: Any,
    size: int,
) -> AsyncIterator[Sequence[R]]:
    """The same rows, so many at a time."""
    after = first
    while True:
        read = database.read()
        try:
            rows = await read.all(rows_after, after=after, count=size)
        finally:
            await read.close()
        if rows:
            yield rows
        if len(rows) < size:
            return
        after = key(rows[-1])
