"""Programs of the JavaScript world before a running service."""

import asyncio
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schema.printed import FILE
from tests.api.harness import Harness, running

HERE = Path(__file__).parent
LEAST_NODE = 20


@pytest.fixture(scope="session")
def node() -> str:
    """The path of a Node that is new enough, with the packages of the lock file beside it."""
    program = shutil.which("node")
    reason = _missing(program)
    if reason:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    assert program
    return program


def _missing(program: str | None) -> str | None:
    if program is None:
        return f"no Node: install Node {LEAST_NODE} or newer"
    told = subprocess.run(  # noqa: S603 - found by its name
        [program, "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.match(r"v(\d+)\.", told)
    if found is None or int(found[1]) < LEAST_NODE:
        return f"Node {told.strip()} is too old: install Node {LEAST_NODE} or newer"
    if not (HERE / "node_modules" / ".package-lock.json").is_file():
        return "the packages of tests/clients are not installed: run make clients"
    return None


def run(node: str, script: str, *arguments: str, cwd: Path = HERE) -> str:
    """What a script prints; it must succeed, and complain of nothing."""
    told = subprocess.run(  # noqa: S603 - our own scripts
        [node, script, *arguments],
        cwd=cwd,
        # Newer Nodes warn of what packages will have to change.
        env={**os.environ, "NODE_NO_WARNINGS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, ""), told.stdout
    return told.stdout


@pytest.fixture
def server_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def service(
    server_loop: asyncio.AbstractEventLoop, request: pytest.FixtureRequest
) -> Iterator[Harness]:
    """On SQLite, for the client is what is tested; on PostgreSQL where a test asks for it."""
    url = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url")
    with running(server_loop, url) as harness:
        yield harness


@pytest.fixture
def shop(service: Harness) -> Harness:
    """Two cards; the first has three entries in its book."""
    service.apply(service.document())
    for number in (1, 2):
        service.customer(f"c{number}")
        service.issue(f"N{number}", customerId=f"c{number}")
    for amount in ("10.00", "20.00", "30.00"):
        service.clock.advance(minutes=1)
        service.sale("N1", amount, customerId="c1")
    return service


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Path]:
    """Copies a project of this folder beside the schema, where its tools may write."""

    def copied(name: str) -> Path:
        made = shutil.copytree(HERE / name, tmp_path / name)
        shutil.copyfile(FILE, made / FILE.name)
        (made / "node_modules").symlink_to(HERE / "node_modules")
        return made

    return copied
