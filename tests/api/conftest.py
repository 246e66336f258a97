"""The service itself, over HTTP, on a fresh database of either kind, with a clock that the test
sets.
"""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import uvloop
from sqlalchemy import Engine, event

from tests.api.forking import Forks
from tests.api.harness import Harness, running
from tests.api.shell import Shell
from tests.databases import Cluster, copy_of


class Club(NamedTuple):
    """A database to copy, with the program applied, and the keys made in it."""

    template: str
    keys: dict[str, str]


FRAMES = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")
# What a process looks up at most once a second, however many ask.
NOW_AND_THEN = ("FROM configuration_version", "FROM api_key")


@pytest.fixture(scope="session")
def server_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One event loop in a thread of its own serves every test's application."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="session")
def sqlite_club(server_loop: asyncio.AbstractEventLoop, sqlite_template: Path) -> Iterator[Club]:
    with copy_of(sqlite_template) as url:
        yield Club(url, _found(server_loop, url))


@pytest.fixture(scope="session")
def postgresql_club(
    server_loop: asyncio.AbstractEventLoop, postgresql: Cluster, postgresql_template: str
) -> Iterator[Club]:
    with postgresql.database(postgresql_template) as url:
        yield Club(url, _found(server_loop, url))


@pytest.fixture
def sqlite_club_url(sqlite_club: Club) -> Iterator[str]:
    with copy_of(Path(sqlite_club.template.removeprefix("sqlite:///"))) as url:
        yield url


@pytest.fixture
def postgresql_club_url(postgresql_club: Club, postgresql: Cluster) -> Iterator[str]:
    with postgresql.database(postgresql_club.template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(request: pytest.FixtureRequest, engine: str) -> str:
    """The address of a fresh migrated database, with the club in it where the test asks for it."""
    kind = "club_url" if "club" in request.fixturenames else "url"
    url: str = request.getfixturevalue(f"{engine}_{kind}")
    return url


@pytest.fixture
def service(server_loop: asyncio.AbstractEventLoop, database_url: str) -> Iterator[Harness]:
    with running(server_loop, database_url) as harness:
        yield harness


@pytest.fixture
def club(request: pytest.FixtureRequest, service: Harness, engine: str) -> Harness:
    """The service with the program that the examples of semantics.md take for granted."""
    found: Club = request.getfixturevalue(f"{engine}_club")
    service.made_keys.update(found.keys)
    return service


@pytest.fixture
def shell(forks: Forks, database_url: str, tmp_path: Path) -> Shell:
    return Shell(forks, tmp_path, LOYALTY_DATABASE_URL=database_url)


@pytest.fixture
def bare(forks: Forks, tmp_path: Path) -> Shell:
    """Nothing is set, nothing is there."""
    return Shell(forks, tmp_path)


@pytest.fixture
def on_postgresql(forks: Forks, postgresql_url: str, tmp_path: Path) -> Shell:
    return Shell(forks, tmp_path, LOYALTY_DATABASE_URL=postgresql_url)


def _found(loop: asyncio.AbstractEventLoop, url: str) -> dict[str, str]:
    """Apply the club's program once, for all tests to copy; its keys by name."""
    with running(loop, url) as harness:
        harness.apply(harness.document())
        return harness.made_keys


def counts(text: str) -> bool:
    framing = text.lstrip().startswith(FRAMES)
    return not framing and not any(looked_up in text for looked_up in NOW_AND_THEN)


@pytest.fixture
def sent(service: Harness) -> list[str]:
    """The statements that the service sends from now on for what is asked of it."""
    statements: list[str] = []
    watched: list[Any] = []
    engine: Any = service.database.engine  # type: ignore[attr-defined]
    pool_engine: Engine = getattr(engine, "sync_engine", engine)

    def note(text: str) -> None:
        if counts(text):
            statements.append(text)

    def watch(driver: Any, _record: Any, _proxy: Any) -> None:
        inner = getattr(driver, "driver_connection", driver)
        if hasattr(inner, "set_trace_callback"):
            inner.set_trace_callback(note)
        elif inner not in watched:
            inner.add_query_logger(lambda record: note(record.query))
            watched.append(inner)

    event.listen(pool_engine, "checkout", watch)
    return statements
