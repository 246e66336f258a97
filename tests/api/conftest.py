"""The service itself, over HTTP, on a fresh database of either kind, with a clock that the test
sets.
"""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from tests.api.harness import Harness, running


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
