"""The service itself, over HTTP, on a fresh database of either kind, with a clock that the test
sets.
"""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.api.harness import Harness, running

FRAMES = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")


@pytest.fixture(scope="session")
def server_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One event loop in a thread of its own serves every test's application."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def service(server_loop: asyncio.AbstractEventLoop, database_url: str) -> Iterator[Harness]:
    with running(server_loop, database_url) as harness:
        yield harness


@pytest.fixture
def club(service: Harness) -> Harness:
    """The service with the program that the examples of semantics.md take for granted."""
    service.apply(service.document())
    return service


@pytest.fixture
def sent(service: Harness) -> list[str]:
    """Every statement that the service sends from now on."""
    statements: list[str] = []
    watched: list[Any] = []
    engine: Any = service.database.engine  # type: ignore[attr-defined]
    pool_engine: Engine = getattr(engine, "sync_engine", engine)

    def note(text: str) -> None:
        if not text.lstrip().startswith(FRAMES):
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
