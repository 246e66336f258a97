"""docs/api.md is what the service answers: every request, every answer, and what a shell runs."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.api.harness import Harness, running
from tests.api.test_documents import DOCS

BLOCK = re.compile(r"^```(sh|graphql|json|http)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ASSIGNMENT = re.compile(r"^[A-Z]+=.*$", re.MULTILINE)
NOON = datetime(2026, 5, 1, 12, 0, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class World:
    """The time that rates go by; each request has a minute of its own."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, 11, 0, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Example(NamedTuple):
    """A request, and what the page says to each time that it is sent."""

    kind: str
    request: str
    answers: list[str]


def examples() -> list[Example]:
    found: list[Example] = []
    for kind, text in BLOCK.findall((DOCS / "api.md").read_text(encoding="utf-8")):
        if kind == "json":
            found[-1].answers.append(text)
        elif not text.startswith("type "):
            found.append(Example(kind, text, []))
    return found


class Reader:
    """Does what the page says, as far as it goes."""

    def __init__(self, service: Harness, directory: Path) -> None:
        self.service = service
        self.directory = directory
        self.assigned: list[str] = []
        self.cursor: str | None = None

    def send(self, request: str) -> Any:
        caller = "storefront" if request.startswith("mutation") else "customer:ANN"
        given = {"cursor": self.cursor} if "$cursor" in request else {}
        answer = self.service.gql(request, caller, **given)
        cursor = re.search(r'"endCursor":"([^"]+)"', answer.response.text)
        self.cursor = cursor[1] if cursor else None
        return answer.body

    def run(self, script: str) -> Any:
        """What a script prints; it has the variables of those before it."""
        here = script.replace("http://127.0.0.1:8000", self.service.url)
        started = subprocess.Popen(  # noqa: S603 - what our own page says
            ["/bin/sh", "-ec", "\n".join([*self.assigned, here])],
            cwd=self.directory,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "TOKEN": self.service.token("ANN"),
                "LOYALTY_DATABASE_URL": self.service.database_url,
            },
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        if "/graphql/stream" in script:
            return self.follow(started)
        printed, _ = started.communicate(timeout=60)
        assert started.returncode == 0, script
        self.assigned += ASSIGNMENT.findall(here)
        return json.loads(printed) if printed.startswith("{") else {}

    def follow(self, started: subprocess.Popen[str]) -> Any:
        """The first result of a stream, which has no end of its own."""
        assert started.stdout
        assert started.stdout.readline() == "event: next\n"
        told = started.stdout.readline().removeprefix("data: ")
        os.killpg(started.pid, signal.SIGTERM)
        started.communicate(timeout=60)
        return json.loads(told)

    def spend(self) -> httpx.Response:
        """The answer to who has spent the minute, on what costs too much to be executed."""
        (dear,) = (one.request for one in examples() if one.request.count("first: 100") == 2)
        while True:
            response = self.service.client.post(
                "/graphql",
                json={"query": dear},
                headers={
                    "Authorization": f"Bearer {self.service.token('ANN')}",
                    "Accept": "application/graphql-response+json",
                },
            )
            if response.status_code != 400:
                return response


def told(body: dict[str, Any], answer: str, cursor: str | None) -> dict[str, Any]:
    """As much of an answer as the page shows: not where in a document an error stands, and no
    `extensions` where the page has none.
    """
    shown = {
        name: body[name] for name in body if name != "extensions" or name in json.loads(answer)
    }
    for error in shown.get("errors", []):
        error.pop("locations", None)
    return json.loads(json.dumps(shown).replace(f'"{cursor}"', '"<cursor>"'))


def lines(response: httpx.Response, names: Iterable[str]) -> list[str]:
    """A response as it goes over the wire, with these of its headers."""
    phrase = HTTPStatus(response.status_code).phrase
    headers = [f"{name}: {response.headers[name]}" for name in names]
    return [f"HTTP/1.1 {response.status_code} {phrase}", *headers]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def reader(
    server_loop: asyncio.AbstractEventLoop, sqlite_url: str, world: World, tmp_path: Path
) -> Iterator[Reader]:
    if shutil.which("curl") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no curl")
    with running(server_loop, sqlite_url, world, LOYALTY_RATE_LIMIT="60000") as service:
        service.apply(service.document())
        for customer in ("ANN", "BOB"):
            service.customer(customer)
            service.issue(customerId=customer)
        for amount in ("10.00", "20.00", "30.00"):
            service.clock.advance(minutes=1)
            service.sale("LC-00041", amount, customerId="ANN")
        service.clock.set("2026-03-02T15:00:00Z")
        yield Reader(service, tmp_path)


def test_the_page_of_the_api_is_true(reader: Reader, world: World) -> None:
    for example in examples():
        if example.kind == "http":
            head, _, body = example.request.partition("\n\n")
            response = reader.spend()
            names = [line.partition(":")[0] for line in head.splitlines()[1:]]
            assert lines(response, names) == head.splitlines()
            assert response.json() == json.loads(body)
            continue
        world.now = NOON if "resetAt" in "".join(example.answers) else world.now + MINUTE
        act = reader.run if example.kind == "sh" else reader.send
        for answer in example.answers or [""]:
            body = act(example.request)
            if answer:
                assert told(body, answer, reader.cursor) == json.loads(answer)
