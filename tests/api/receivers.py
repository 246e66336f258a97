"""A real receiver of webhooks, verifying as one outside would; and short ways to subscribe to
it.
"""

import hashlib
import hmac
import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.api.harness import Harness

# A new card holds a tier at once: tests that count leave that out.
BUT_TIERS = [
    "CARD_ISSUED",
    "CARD_CHANGED",
    "CARD_BLOCKED",
    "POINTS_POSTED",
    "ACTIVITY_POSTED",
    "PAYMENT_CHANGED",
    "REWARD_GRANTED",
]
SELECTION = "{ number status balances { available rewardPoint { code } } }"
WEBHOOK = "webhook { id url events selection active failingSince createdAt }"
MADE = f"{WEBHOOK} secret userErrors {{ code message field }}"
CHANGED = f"{WEBHOOK} userErrors {{ code message field }}"


class Received:
    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers = headers
        self.body = body
        self.told: dict[str, Any] = json.loads(body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def card(self) -> Any:
        return self.told["data"]["card"]

    def is_signed_by(self, secret: str) -> bool:
        """By the specification: some signature of the header is that of this secret."""
        key = b64decode(secret.removeprefix("whsec_"))
        signed = b".".join(
            [self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body]
        )
        wanted = b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return f"v1,{wanted}" in self.headers["webhook-signature"].split(" ")


# The status to answer with; None: the connection ends without an answer.
Respond = Callable[[Received], int | None]


class Receiver:
    """`received` is all that came, `accepted` what was answered with 2xx."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self.accepted: list[Received] = []
        self.respond: Respond = lambda _: 204
        self.headers: dict[str, str] = {}
        self.turn = threading.Lock()

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["content-length"])
        headers = {name.lower(): value for name, value in handler.headers.items()}
        received = Received(headers, handler.rfile.read(length))
        with self.turn:
            self.received.append(received)
            status = self.respond(received)
            if status is not None and 200 <= status < 300:
                self.accepted.append(received)
        if status is None:
            handler.close_connection = True
            return
        handler.send_response(status)
        for name, value in {"Content-Length": "0", **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()


@contextmanager
def receiver() -> Iterator[Receiver]:
    receiving = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiving.take(self)

        def log_message(self, *_given: object) -> None:
            """Tests tell enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    receiving.url = f"http://127.0.0.1:{server.server_address[1]}/hooks?from=loyalty"
    try:
        yield receiving
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def try_subscribe(service: Harness, url: str, caller: str = "admin", **given: Any) -> Any:
    given = {"url": url, "events": BUT_TIERS, "selection": SELECTION, **given}
    return service.mutate("createWebhook", MADE, given, caller)


def subscribe(service: Harness, url: str, **given: Any) -> tuple[str, str]:
    """The id and the secret of a new webhook; what happens from now on is told."""
    service.clock.advance(seconds=1)
    made = try_subscribe(service, url, **given)
    assert made["userErrors"] == [], made["userErrors"]
    service.clock.advance(seconds=1)
    return made["webhook"]["id"], made["secret"]


def faults(payload: Any) -> list[tuple[str, list[str] | None]]:
    return [(error["code"], error["field"]) for error in payload["userErrors"]]
