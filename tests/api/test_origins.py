"""Pages of the shop may ask the service, those of others may not; refusals are JSON."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from tests.api.harness import Harness, running

SHOP = "https://shop.example"


@pytest.fixture
def origins(server_loop: asyncio.AbstractEventLoop, sqlite_url: str) -> Iterator[Harness]:
    with running(server_loop, sqlite_url, LOYALTY_CORS_ORIGINS=SHOP) as service:
        yield service


def preflight(
    service: Harness, origin: str, headers: str = "authorization, content-type"
) -> httpx.Response:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": headers}
    return service.client.options("/graphql", headers={"Origin": origin, **asked})


def test_a_page_of_the_shop_may_ask_and_read(origins: Harness) -> None:
    allowed = preflight(origins, SHOP)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == SHOP
    assert allowed.headers["access-control-max-age"] == "600"
    # Refusals are read, too.
    answer = origins.client.post(
        "/graphql", json={"query": "{ me { id } }"}, headers={"Origin": SHOP}
    )
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["access-control-expose-headers"] == "X-Request-Id, Retry-After"
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    ("origin", "headers", "message"),
    [
        ("https://evil.example", "authorization", "Disallowed CORS origin."),
        (SHOP, "authorization, x-other", "Disallowed CORS headers."),
    ],
)
def test_a_preflight_that_is_refused_is_told_in_json(
    origins: Harness, origin: str, headers: str, message: str
) -> None:
    refused = preflight(origins, origin, headers)
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/json; charset=utf-8"
    assert refused.headers["x-request-id"]
    assert "Origin" in refused.headers["vary"]
    assert refused.json() == {
        "errors": [{"message": message, "extensions": {"code": "BAD_REQUEST"}}]
    }
    allowed = refused.headers.get("access-control-allow-origin")
    assert allowed == (SHOP if origin == SHOP else None)
