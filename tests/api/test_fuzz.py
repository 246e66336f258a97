"""Whatever is sent to the real schema: no 5xx, no crash, no hang, no word about the insides."""

import gc
import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close

from schema.schema import schema
from tests.addresses import WITHOUT_TLS
from tests.api.fuzzing import Fuzz, Request
from tests.api.harness import Harness
from tests.databases import ON_SQLITE
from tests.live import socket

# Of each of three runs.
SECONDS = float(os.environ.get("LOYALTY_TEST_FUZZ_SECONDS", "4"))
SLOWEST_SECONDS = 3.0
# By the protocol, or because a message is larger than any may be.
CLOSED_BY = {1009, 4400, 4401, 4403, 4409, 4429}
DOCS = Path(__file__).parents[2] / "docs"
# Nothing of where the code stands or of what it is made.
INSIDES = re.compile(
    r"Traceback|\.py\b|site-packages|sqlalchemy|sqlite3|asyncpg|psycopg|strawberry|msgspec|"
    r"object at 0x|NoneType|SELECT .* FROM",
    re.IGNORECASE,
)


def documents() -> list[str]:
    """The requests that the pages show."""
    pages = [page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))]
    found = [
        re.findall(r"^```graphql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) for page in pages
    ]
    return [" ".join(text.split()) for texts in found for text in texts]


def send(client: httpx.Client, request: Request) -> httpx.Response:
    headers = {name: text.encode("latin-1", "replace") for name, text in request.headers.items()}
    if request.query_string is not None:
        return client.get(f"/graphql?{request.query_string}", headers=headers)
    return client.post("/graphql", content=request.body, headers=headers)


def check(request: Request, answer: httpx.Response) -> None:
    assert answer.status_code < 500, (request, answer.text)
    errors = answer.json().get("errors", [])
    assert errors or answer.status_code == 200
    check_errors(errors)
    assert answer.elapsed.total_seconds() < SLOWEST_SECONDS


def check_errors(errors: Any) -> None:
    assert all(error["extensions"]["code"] != "INTERNAL_SERVER_ERROR" for error in errors)
    told = [error["message"] for error in errors if INSIDES.search(error["message"])]
    assert told == []


def check_close(close: Close | None) -> None:
    assert close is not None
    assert close.code in CLOSED_BY
    assert INSIDES.search(close.reason) is None


def talk(url: str, frames: Sequence[str | bytes]) -> None:
    """Send the frames; the socket answers, or closes with a code of its protocol."""
    with socket(url) as client:
        try:
            for frame in frames:
                client.connection.send(frame)
            client.connection.send('{"type": "ping"}')
            while (message := client.take(SLOWEST_SECONDS))["type"] != "pong":
                if message["type"] == "error":
                    check_errors(message["payload"])
                if message["type"] == "next":
                    check_errors(message["payload"].get("errors", ()))
        except ConnectionClosed as closed:
            check_close(closed.rcvd)


@pytest.fixture
def fuzz(club: Harness) -> Fuzz:
    """Its seed is LOYALTY_TEST_FUZZ_SEED, else chance's."""
    club.issue(customerId=club.customer("C-1"))
    callers = ("customer:C-1", "storefront", "partner", "staff", "admin")
    credentials = [club.credential(caller) for caller in callers]
    seed = int(os.environ.get("LOYALTY_TEST_FUZZ_SEED") or secrets.randbits(32))
    core = schema._schema  # noqa: SLF001 - Strawberry has no other name for it
    return Fuzz(core, credentials, documents(), seed)


def keep_on(fuzz: Fuzz, seconds: float, once: Callable[[], object]) -> str:
    """Do it again and again; how often it was done."""
    tried, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        tried += 1
        try:
            once()
        except Exception as error:
            error.add_note(f"seed {fuzz.seed}, input {tried}")
            raise
    return f"{tried:,} inputs in {seconds:g} s, seed {fuzz.seed}"


def test_whatever_is_sent_is_answered(
    club: Harness, fuzz: Fuzz, record_property: Callable[[str, object], None]
) -> None:
    with httpx.Client(base_url=club.url, timeout=20, verify=WITHOUT_TLS) as client:

        def once() -> None:
            request = fuzz.request()
            # What the client itself will not send is no input.
            with suppress(httpx.InvalidURL, httpx.LocalProtocolError):
                check(request, send(client, request))

        record_property("fuzz", keep_on(fuzz, SECONDS, once))
    assert club.ask("{ __typename }")


# A socket that closes gives up its operations: what graphql-core had not begun of them is let go.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@ON_SQLITE
def test_whatever_frames_come_the_socket_answers_or_closes(
    club: Harness, fuzz: Fuzz, record_property: Callable[[str, object], None]
) -> None:
    url = f"{club.url}/graphql"
    record_property("fuzz", keep_on(fuzz, SECONDS, lambda: talk(url, fuzz.frames())))
    assert club.ask("{ __typename }")
    # They are not to be found in the midst of another test.
    gc.collect()
