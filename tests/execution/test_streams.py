"""Event streams by graphql-sse, one request an operation; refusals before them in JSON."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.execution.toy import RECORD, build_endpoint, served
from tests.live import Stream, stream

PATH = "/graphql/stream"
TICKS = "subscription($count: Int!) { ticks(count: $count) }"
ENDLESS = "subscription { ticks(count: 1000000, milliseconds: 20) }"
SHOP = {"Authorization": "Bearer shop"}


@pytest.fixture
def root(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url.removesuffix("/graphql"), timeout=10) as one:
        yield one


def test_a_subscription_is_told_until_its_end(root: httpx.Client) -> None:
    with stream(root, "shop", TICKS, count=2) as live:
        assert live.response.status_code == 200
        headers = live.response.headers
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert headers["cache-control"] == "no-store"
        assert len(headers["x-request-id"]) == 32
        told = [live.take() for _ in range(4)]
    assert [event for event, _ in told] == ["next", "next", "complete", ""]
    assert [one["data"] for _, one in told[:2]] == [{"ticks": "0"}, {"ticks": "1"}]
    assert told[0][1]["extensions"]["cost"] == {"requested": 1, "limit": 10000}


def test_a_subscription_without_events_is_complete_at_once(root: httpx.Client) -> None:
    with stream(root, "shop", TICKS, count=0) as live:
        assert live.take() == ("complete", None)


def test_a_query_is_answered_once(root: httpx.Client) -> None:
    with stream(root, "shop", "{ hello soldOut }") as live:
        event, told = live.take()
        assert (event, told["data"]["hello"]) == ("next", "Hello, world!")
        assert told["errors"][0]["extensions"]["code"] == "OUT_OF_STOCK"
        assert live.take() == ("complete", None)


def test_a_subscription_may_come_by_get(root: httpx.Client) -> None:
    answer = root.get(PATH, params={"query": "subscription { ticks }"}, headers=SHOP)
    assert answer.text.startswith('event: next\ndata: {"data":{"ticks":"0"}')
    assert answer.text.endswith("event: complete\ndata:\n\n")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("mutation { add(number: 1) }", 400, "BAD_REQUEST"),
        ("subscription { nothing }", 400, "GRAPHQL_VALIDATION_FAILED"),
        ("{", 400, "GRAPHQL_PARSE_FAILED"),
        ("subscription { forbidden }", 403, "FORBIDDEN"),
        (TICKS, 400, "INVALID_INPUT"),
    ],
)
def test_what_may_not_be_executed_is_refused_in_json(
    root: httpx.Client, query: str, status: int, code: str
) -> None:
    answer = root.post(PATH, json={"query": query}, headers=SHOP)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.json()["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize(
    ("caller", "status", "code"),
    [
        ("greedy", 429, "RATE_LIMITED"),
        ("unlucky", 503, "UNAVAILABLE"),
        ("crash", 500, "INTERNAL_SERVER_ERROR"),
        ("", 401, "UNAUTHENTICATED"),
    ],
)
def test_who_may_not_ask_is_refused_in_json(
    root: httpx.Client, caller: str, status: int, code: str
) -> None:
    headers = {"Authorization": f"Bearer {caller}"} if caller else {}
    answer = root.post(PATH, json={"query": "subscription { ticks }"}, headers=headers)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream;q=0", "text/html"])
def test_who_accepts_no_stream_gets_none(root: httpx.Client, accept: str) -> None:
    answer = root.post(PATH, json={"query": "{ hello }"}, headers={**SHOP, "Accept": accept})
    assert answer.status_code == 406
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("accept", ["text/*", "*/*", "application/json, text/event-stream"])
def test_who_accepts_a_stream_gets_one(root: httpx.Client, accept: str) -> None:
    answer = root.post(PATH, json={"query": "{ hello }"}, headers={**SHOP, "Accept": accept})
    assert answer.status_code == 200


def test_the_single_connection_mode_is_not_spoken(root: httpx.Client) -> None:
    answer = root.put(PATH, headers=SHOP)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"\xff", b'{"query": 1}'])
def test_a_malformed_body_is_refused_in_json(root: httpx.Client, body: bytes) -> None:
    headers = {**SHOP, "Content-Type": "application/json"}
    answer = root.post(PATH, content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


def last(live: Stream) -> Any:
    """What the event before `complete` tells."""
    told: Any = None
    event, payload = live.take()
    while event == "next":
        told = payload
        event, payload = live.take()
    assert event == "complete"
    return told


@pytest.mark.parametrize("query", ["subscription { breaking }", "subscription { unprintable }"])
def test_a_fault_ends_the_stream_and_says_nothing(root: httpx.Client, query: str) -> None:
    with stream(root, "shop", query) as live:
        told = last(live)
        (error,) = told["errors"]
        assert error["extensions"] == {
            "code": "INTERNAL_SERVER_ERROR",
            "requestId": live.response.headers["x-request-id"],
        }
        assert "hunter2" not in str(told)


def test_credentials_that_are_withdrawn_end_the_stream(
    root: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stream(root, "shop", ENDLESS) as live:
        live.take()
        monkeypatch.setattr(RECORD, "withdrawn", {"shop"})
        assert last(live)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_quiet_stream_is_kept_alive(root: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execution.streams.KEEP_ALIVE_SECONDS", 0.05)
    headers = {**SHOP, "Accept": "text/event-stream"}
    body = {"query": "subscription { ticks(count: 2, milliseconds: 300) }"}
    text = root.post(PATH, json=body, headers=headers).text
    assert 2 <= text.count("\n:\n") <= 12
    assert text.count("event: next") == 2


def test_a_reader_that_goes_away_ends_its_operation(root: httpx.Client) -> None:
    ended = RECORD.ended_sources
    with stream(root, "shop", ENDLESS) as live:
        live.take()
    deadline = time.monotonic() + 5
    while RECORD.ended_sources == ended and time.monotonic() < deadline:
        time.sleep(0.01)
    assert RECORD.ended_sources == ended + 1


def test_a_slow_reader_makes_nothing_pile_up_and_is_left_in_time(
    root: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execution.serving.READ_SECONDS", 1)
    before, ended = RECORD.ticks, RECORD.ended_sources
    with stream(root, "shop", "subscription { ticks(count: 100000, characters: 100000) }"):
        time.sleep(2)
        assert RECORD.ticks - before < 200
        assert RECORD.ended_sources == ended + 1


def test_an_ending_server_ends_its_streams_without_completing_them() -> None:
    with ExitStack() as streams, ExitStack() as server:
        url = server.enter_context(served(build_endpoint()))
        root = streams.enter_context(httpx.Client(base_url=url.removesuffix("/graphql")))
        live = streams.enter_context(stream(root, "shop", ENDLESS))
        live.take()
        start = time.perf_counter()
        server.close()
        assert time.perf_counter() - start < 3
        event = "next"
        while event == "next":
            event, _ = live.take()
        assert event == ""
