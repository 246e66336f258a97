"""The pages in a real browser: Chromium before a service on a seeded SQLite database."""

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from app import create_app
from models.schema_version import migrate
from playground.seed import SeedSummary, seed
from resolvers.services import open_service
from settings import Settings, read_settings

_VARIABLE = "LOYALTY_TEST_CHROMIUM"
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path = tmp_path_factory.mktemp("browser") / "loyalty.db"
    migrate(f"sqlite:///{path}")
    return read_settings({"LOYALTY_DATABASE_URL": f"sqlite:///{path}"})


@pytest.fixture(scope="session")
def seeded(settings: Settings) -> SeedSummary:
    async def fill() -> SeedSummary:
        service = open_service(settings)
        try:
            return await seed(service)
        finally:
            await service.database.dispose()

    return asyncio.run(fill())


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The address of the application, until the block ends."""
    config = uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="session")
def address(settings: Settings, seeded: SeedSummary) -> Iterator[str]:
    assert seeded.added
    with serving(settings) as url:
        yield url


# A module's, not the session's: while it lives no other event loop runs in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = os.environ.get(_VARIABLE) or _installed()
    if program is None:
        message = f"no Chromium: install the package chromium, or set {_VARIABLE}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield launched
        launched.close()


def _installed() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = (shutil.which(name) for name in names)
    return next((path for path in found if path), None) or (
        "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else None
    )


class Visit:
    """A page opened in a fresh context, and what went wrong or abroad while it was looked at."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self.address = address
        self.context = browser.new_context(locale="en-GB", timezone_id="Europe/Paris", **options)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self.page.set_default_timeout(5000)
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requested.append(request.url))

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def open(self) -> Page:
        self.page.goto(self.address)
        self.page.wait_for_selector("#member[aria-busy=false]")
        return self.page


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    visited = Visit(browser, address, viewport={"width": 1280, "height": 900})
    yield visited
    visited.context.close()


@pytest.fixture(scope="module")
def panel(browser: Browser, address: str) -> Iterator[Page]:
    """One page for all tests that only read it or ask by its query panel."""
    visited = Visit(browser, address)
    yield visited.open()
    visited.context.close()


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=10) as opened:
        yield opened
