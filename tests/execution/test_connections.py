"""Connections whose other end does nothing: they are ended, and those that are slow are not."""

import collections
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse

import httpx
import pytest

from tests import live as speaking
from tests.execution.toy import RECORD

ASKING = b"GET /graphql?query={hello} HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer shop\r\n\r\n"
FAT = "subscription($n: Int!) { ticks(count: 100000, characters: $n) }"
PATIENCE_SECONDS = 5.0


@contextmanager
def connected(url: str, *small: int) -> Iterator[socket.socket]:
    """A connection of which the buffers named are small."""
    address = httpx.URL(url)
    with socket.socket() as one:
        for buffer in small:
            one.setsockopt(socket.SOL_SOCKET, buffer, 4096)
        one.settimeout(PATIENCE_SECONDS)
        one.connect((address.host, address.port))
        yield one


def is_cut_off(connection: socket.socket) -> bool:
    """Whether the other end ends the connection within a short time, without a read of ours."""
    looking = select.poll()
    looking.register(connection, select.POLLRDHUP)
    return bool(looking.poll(1000 * PATIENCE_SECONDS))


@pytest.mark.parametrize("sent", [b"", ASKING[:20], ASKING[:-2]])
def test_who_sends_no_whole_head_is_cut_off(
    url: str, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr("execution.serving.HEAD_SECONDS", 0.2)
    with connected(url) as one:
        one.sendall(sent)
        assert is_cut_off(one)


def test_a_head_that_grows_and_grows_is_cut_off(url: str) -> None:
    line = b"X-Filler: " + b"x" * 65536 + b"\r\n"
    with connected(url) as one, pytest.raises(ConnectionError):
        one.sendall(ASKING[:-2] + 1000 * line)


def test_a_body_may_come_slowly_after_its_answer(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execution.serving.HEAD_SECONDS", 0.2)
    length = b"Content-Length: 200000\r\n\r\n"
    with connected(url) as one:
        one.sendall(ASKING.replace(b"GET", b"PUT")[:-2] + length)
        assert b"405" in one.recv(65536)
        for _ in range(4):
            time.sleep(0.2)
            one.sendall(b"x" * 50_000)
        one.sendall(ASKING)
        assert b"Hello" in one.recv(65536)


@pytest.mark.parametrize(
    ("caller", "length", "status", "told"),
    [
        (b"root", 0xFFFF, 200, b'"Hello, world!"'),
        (b"root", 2_000_000, 200, b'"Hello, world!"'),
        (b"root", 3_000_000, 414, b'"BAD_REQUEST"'),
        (b"shop", 70_000, 414, b'"BAD_REQUEST"'),
    ],
)
def test_a_long_query_string_is_read_or_refused_as_any(
    url: str, caller: bytes, length: int, status: int, told: bytes
) -> None:
    variables = b"?variables=" + b"%20" * (length // 3) + b"%7B%7D&query="
    asking = ASKING.replace(b"?query=", variables).replace(b"shop\r\n\r\n", caller + b"\r\n\r\n")
    with connected(url) as one:
        one.sendall(asking)
        answer = HTTPResponse(one)
        answer.begin()
        assert (answer.status, told in answer.read()) == (status, True)


def test_who_begins_another_head_and_leaves_it_is_cut_off(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execution.serving.HEAD_SECONDS", 0.2)
    with connected(url) as one:
        one.sendall(ASKING)
        assert b"Hello" in one.recv(65536)
        one.sendall(ASKING[:20])
        assert is_cut_off(one)


def test_who_waits_for_an_answer_or_for_events_is_not_cut_off(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execution.serving.HEAD_SECONDS", 0.2)
    with speaking.socket(url) as live, httpx.Client() as client:
        slow = client.get(
            url,
            params={"query": "{ slow(milliseconds: 600) }"},
            headers={"Authorization": "Bearer shop"},
        )
        assert slow.status_code == 200
        live.init("shop").ask("subscription { ticks(count: 2, milliseconds: 600) }")
        assert [live.take()["type"] for _ in range(3)] == ["next", "next", "complete"]


def test_who_lets_an_answer_lie_is_cut_off(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execution.serving.READ_SECONDS", 0.2)
    ended = RECORD.ended_sources
    root = url.removesuffix("/graphql")
    with (
        httpx.Client(base_url=root, timeout=10) as client,
        speaking.stream(client, "shop", FAT, n=100_000) as live,
    ):
        assert is_cut_off(live.response.extensions["network_stream"].get_extra_info("socket"))
    until = time.monotonic() + PATIENCE_SECONDS
    while RECORD.ended_sources == ended and time.monotonic() < until:
        time.sleep(0.01)
    assert RECORD.ended_sources == ended + 1


def test_who_reads_slowly_is_told_all(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execution.serving.READ_SECONDS", 0.2)
    asked = "/graphql/stream?query=subscription{ticks(characters:40000000)}"
    with connected(url) as one:
        one.sendall(ASKING.replace(b"/graphql?query={hello}", asked.encode()))
        told = b""
        while b"event: complete" not in told:
            part = one.recv(1 << 20)
            assert part
            told = told[-100:] + part
            time.sleep(0.02)


def test_who_pings_and_does_not_read_is_not_read_on(url: str) -> None:
    pings = 500 * (b"\x89\xfd" + bytes(4) + 125 * b"x")
    with connected(url, socket.SO_RCVBUF, socket.SO_SNDBUF) as one:
        one.sendall(
            b"GET /graphql HTTP/1.1\r\nHost: shop\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        )
        assert b"101" in one.recv(1024)
        one.settimeout(2)
        with pytest.raises(TimeoutError):
            # What the systems of both ends keep is some megabytes.
            collections.deque(map(one.sendall, [pings] * 1000), maxlen=0)
