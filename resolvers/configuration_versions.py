"""Configuration versions as they are stored. Source: semantics 3."""

import json
from collections.abc import Mapping
from decimal import Decimal

from models.program_statements import VersionRow, versions_count, versions_of, versions_page
from resolvers.context import Context
from rules.errors import NotFound


async def effective_version(context: Context) -> VersionRow:
    """Raises NotFound before the first processing."""
    if context.book is None:
        raise NotFound("No configuration is in force yet.")
    return (await context.read.each(versions_of, [context.book.version]))[0]


async def versions_by_number(context: Context, numbers: list[int]) -> list[VersionRow | None]:
    rows = {row.version: row for row in await context.read.each(versions_of, numbers)}
    return [rows.get(number) for number in numbers]


async def list_versions(context: Context, before: int | None, count: int) -> list[VersionRow]:
    """Newest first, below the version `before`."""
    return await context.read.all(versions_page, before=before or 2**31 - 1, count=count)


async def count_versions(context: Context) -> int:
    return (await context.read.all(versions_count))[0].rows


def document_of(row: VersionRow) -> Mapping[str, object]:
    """The document as it was sent."""
    document: Mapping[str, object] = json.loads(row.document, parse_float=Decimal)
    return document
