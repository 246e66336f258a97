"""Databases for every test that asks: the same test runs on SQLite and on PostgreSQL."""

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from models.database import Database, DatabaseLimits, open_database
from models.schema_version import migrate
from tests.api.forking import Forks
from tests.databases import Cluster, copy_of, room, server

# How long an example takes is the machine's affair, not the property's.
settings.register_profile("loyalty", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("loyalty")


def pytest_collection_finish() -> None:
    """As a serving process does when it has started: what is there by now stays."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    with Forks() as process:
        yield process


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    with server() as url, Cluster(url).connected() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgresql_template(postgresql: Cluster) -> Iterator[str]:
    with postgresql.database() as url:
        migrate(url)
        yield url


@pytest.fixture(scope="session")
def sqlite_template() -> Iterator[Path]:
    with room() as directory:
        path = directory / "template.db"
        migrate(f"sqlite:///{path}")
        yield path


@pytest.fixture
def sqlite_url(sqlite_template: Path) -> Iterator[str]:
    with copy_of(sqlite_template) as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql: Cluster, postgresql_template: str) -> Iterator[str]:
    with postgresql.database(postgresql_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Give the address of a fresh migrated database."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = open_database(database_url, DatabaseLimits())
    yield opened
    await opened.dispose()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests that go on for a time have tried in it."""
    for report in terminalreporter.getreports("passed"):
        for name, told in report.user_properties:
            terminalreporter.write_line(f"{name}: {report.nodeid.rpartition('::')[2]}: {told}")
