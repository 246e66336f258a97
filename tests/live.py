"""Clients of the two ways to be told of changes: sockets and event streams, as they go over the
wire.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

PROTOCOL = Subprotocol("graphql-transport-ws")
CHANGED = """subscription($number: String!) { loyaltyCardChanged(number: $number) {
  number status balance(rewardPoint: "PTS") { available } } }"""
PATIENCE_SECONDS = 10.0


class Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def take(self, timeout: float = PATIENCE_SECONDS) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.connection.recv(timeout))
        return message

    def init(self, credential: str | None = None) -> "Socket":
        payload = {"Authorization": f"Bearer {credential}"} if credential else {}
        self.send(type="connection_init", payload=payload)
        assert self.take()["type"] == "connection_ack"
        return self

    def subscribe(self, number: str, named: str = "1") -> None:
        self.ask(CHANGED, named, variables={"number": number})

    def ask(self, query: str, named: str = "1", **more: Any) -> None:
        self.send(id=named, type="subscribe", payload={"query": query, **more})

    def codes(self, named: str = "1") -> list[str]:
        """The codes of the message that refuses an operation."""
        message = self.take()
        assert (message["type"], message["id"]) == ("error", named), message
        return [error["extensions"]["code"] for error in message["payload"]]

    def card(self, named: str = "1") -> Any:
        """What the next message tells of the card."""
        message = self.take()
        assert (message["type"], message["id"]) == ("next", named), message
        return message["payload"]["data"]["loyaltyCardChanged"]

    def closed(self, timeout: float = PATIENCE_SECONDS) -> tuple[int, str]:
        """The code and the reason with which the service closes; what comes before is let go."""
        try:
            while True:
                self.connection.recv(timeout)
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")

    def is_silent(self, seconds: float = 1.5) -> bool:
        try:
            self.connection.recv(seconds)
        except TimeoutError:
            return True
        return False


@contextmanager
def socket(url: str, headers: Mapping[str, str] | None = None, **more: Any) -> Iterator[Socket]:
    """A socket of the service at `url`, that of its GraphQL."""
    usual = {"subprotocols": [PROTOCOL], "compression": None, "proxy": None}
    more = {**usual, "open_timeout": 30, "close_timeout": 1, **more}
    with connect(url.replace("http", "ws", 1), additional_headers=headers, **more) as connection:
        yield Socket(connection)


class Stream:
    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def take(self) -> tuple[str, Any]:
        """The next event and its data; comments are let go."""
        event = data = ""
        until = time.monotonic() + PATIENCE_SECONDS
        for line in self._lines:
            assert time.monotonic() < until, "nothing but comments"
            name, _, value = line.partition(":")
            if name == "event":
                event = value.strip()
            elif name == "data":
                data = value.strip()
            elif not line and event:
                return event, json.loads(data) if data else None
        return "", None

    def card(self) -> Any:
        event, told = self.take()
        assert event == "next", (event, told)
        return told["data"]["loyaltyCardChanged"]


@contextmanager
def stream(client: httpx.Client, credential: str, query: str, **variables: Any) -> Iterator[Stream]:
    asked = {"query": query, "variables": variables}
    headers = {"Authorization": f"Bearer {credential}", "Accept": "text/event-stream"}
    with client.stream("POST", "/graphql/stream", json=asked, headers=headers) as response:
        yield Stream(response)
