"""Whatever is sent to the real schema: no 5xx, no crash, no hang, no word about the insides."""

import os
import random
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from schema.schema import schema
from tests.addresses import WITHOUT_TLS
from tests.api.fuzzing import Fuzz, Request
from tests.api.harness import Harness

SECONDS = float(os.environ.get("LOYALTY_TEST_FUZZ_SECONDS", "6"))
SLOWEST_SECONDS = 3.0
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


def check(answer: httpx.Response) -> None:
    assert answer.status_code < 500
    body = answer.json()
    errors = body.get("errors", [])
    codes = [error["extensions"]["code"] for error in errors]
    assert "INTERNAL_SERVER_ERROR" not in codes
    assert codes or answer.status_code == 200
    for error in errors:
        assert INSIDES.search(error["message"]) is None, error["message"]
    assert answer.elapsed.total_seconds() < SLOWEST_SECONDS


def test_whatever_is_sent_is_answered(
    club: Harness, record_property: Callable[[str, object], None]
) -> None:
    """It goes on for LOYALTY_TEST_FUZZ_SECONDS; how many inputs it tried stands in the summary."""
    seed = int(os.environ.get("LOYALTY_TEST_FUZZ_SEED") or secrets.randbits(32))
    club.issue(customerId=club.customer("C-1"))
    callers = ("customer:C-1", "storefront", "partner", "staff", "admin")
    credentials = [club.credential(caller) for caller in callers]
    dice = random.Random(seed)  # noqa: S311 (nothing secret)
    core = schema._schema  # noqa: SLF001 - Strawberry has no other name for it
    fuzz = Fuzz(core, credentials, documents(), dice)
    tried, until = 0, time.monotonic() + SECONDS
    with httpx.Client(base_url=club.url, timeout=20, verify=WITHOUT_TLS) as client:
        while time.monotonic() < until:
            request = fuzz.request()
            try:
                answer = send(client, request)
            except (httpx.InvalidURL, httpx.LocalProtocolError):
                # The client itself will not send this.
                continue
            tried += 1
            try:
                check(answer)
            except AssertionError as error:
                pytest.fail(f"seed {seed}, input {tried}: {request}\n{answer.text[:2000]}\n{error}")
    record_property("fuzz", f"{tried:,} inputs in {SECONDS:g} s, seed {seed}")
    assert club.ask("{ __typename }")
