"""One toy service a session, and ways to speak with it."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.execution.toy import RECORD, Record, build_endpoint, served

PATH = "/graphql"
GRAPHQL = "application/graphql-response+json"
Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    with served(build_endpoint()) as address:
        yield address


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer shop", "Accept": GRAPHQL}
    with httpx.Client(base_url=url.removesuffix(PATH), headers=headers, timeout=10) as one:
        yield one


@pytest.fixture
def ask(client: httpx.Client) -> Ask:
    """POST one operation; keywords beside `caller` and `accept` are members of the body."""

    def post(
        query: str, *, caller: str = "shop", accept: str = GRAPHQL, **members: Any
    ) -> httpx.Response:
        return client.post(
            PATH,
            json={"query": query, **members},
            headers={"Authorization": f"Bearer {caller}", "Accept": accept},
        )

    return post


@pytest.fixture
def record() -> Record:
    return RECORD
