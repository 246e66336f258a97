from collections.abc import AsyncIterator
from typing import Any

import pytest

from models.database import Database, DatabaseLimits, open_database
from tests.models.samples import Opened


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Give what opens a database with limits of its own, and closes it in the end."""
    databases: list[Database] = []

    def open_with(url: str, *, pooled: bool = False, **limits: Any) -> Database:
        databases.append(open_database(url, DatabaseLimits(**limits), pooled=pooled))
        return databases[-1]

    yield open_with
    for database in databases:
        await database.dispose()
