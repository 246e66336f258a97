"""Whether a process is ready to serve: its database answers, and the clocks of both are one."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.harness import running


class World:
    """Real time, as seen by a machine whose clock is wrong."""

    def __init__(self) -> None:
        self.apart = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.apart


@pytest.fixture
def world() -> World:
    return World()


READY, UNAVAILABLE = (200, "ready"), (503, "unavailable")


def test_a_process_whose_clock_is_apart_from_the_servers_is_not_ready(
    server_loop: asyncio.AbstractEventLoop, postgresql_url: str, world: World
) -> None:
    with running(server_loop, postgresql_url, world) as service:
        told: dict[int, Any] = {}
        for seconds in (-3600, -12, -8, 0, 8, 12, 3600):
            world.apart = timedelta(seconds=seconds)
            response = service.client.get("/readyz")
            told[seconds] = response.status_code, response.json()["status"]
        assert told == {
            -3600: UNAVAILABLE,
            -12: UNAVAILABLE,
            -8: READY,
            0: READY,
            8: READY,
            12: UNAVAILABLE,
            3600: UNAVAILABLE,
        }
        assert response.headers["retry-after"] == "1"


def test_a_file_has_no_clock_of_its_own(
    server_loop: asyncio.AbstractEventLoop, sqlite_url: str, world: World
) -> None:
    with running(server_loop, sqlite_url, world) as service:
        world.apart = timedelta(days=1)
        assert service.client.get("/readyz").json() == {"status": "ready"}


def test_a_clock_that_was_set_is_nobody_elses(
    server_loop: asyncio.AbstractEventLoop, postgresql_url: str, world: World
) -> None:
    chosen = {"LOYALTY_CLOCK": "2030-01-01T00:00:00Z"}
    with running(server_loop, postgresql_url, world, **chosen) as service:
        world.apart = timedelta(days=1)
        assert service.client.get("/readyz").json() == {"status": "ready"}
