"""The socket, frame by frame: graphql-transport-ws and its close codes, whatever is sent."""

import gc
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from execution.serving import MESSAGE_BYTES, SocketConnection
from execution.sockets import OPERATIONS_MAX
from execution.view import GraphQLEndpoint
from tests.execution.toy import HOOKS, ORIGIN, RECORD, build_endpoint, build_schema, served
from tests.live import Socket, socket

TICKS = "subscription { ticks(count: 3) }"
ENDLESS = "subscription { ticks(count: 1000000, milliseconds: 20) }"
PAGE = "friends(first: 100) { edges { node { %s } } }"
DEAR = f"{{ person {{ {PAGE % (PAGE % 'name')} }} }}"
SUBSCRIBE = {"id": "1", "type": "subscribe"}


@pytest.fixture
def live(url: str) -> Iterator[Socket]:
    with socket(url) as one:
        yield one.init("shop")


def message(**members: Any) -> str:
    return json.dumps(members)


def payload(**members: Any) -> str:
    return message(**SUBSCRIBE, payload=members)


def test_a_subscription_is_told_until_its_end(live: Socket) -> None:
    live.ask(TICKS)
    told = [live.take() for _ in range(4)]
    assert [one["type"] for one in told] == ["next", "next", "next", "complete"]
    assert [one["payload"]["data"]["ticks"] for one in told[:3]] == ["0", "1", "2"]
    assert told[0]["payload"]["extensions"]["cost"] == {"requested": 1, "limit": 10000}
    assert {one["id"] for one in told} == {"1"}


def test_a_query_is_answered_once(live: Socket) -> None:
    live.ask("query Hello($name: String!) { hello(name: $name) }", variables={"name": "Ada"})
    assert live.take()["payload"]["data"] == {"hello": "Hello, Ada!"}
    assert live.take() == {"id": "1", "type": "complete"}


def test_each_event_is_taken_from_the_allowance(live: Socket) -> None:
    before = len(RECORD.costs)
    live.ask(TICKS)
    while live.take()["type"] != "complete":
        pass
    assert RECORD.costs[before:] == [1, 1, 1]


def test_the_request_id_is_told_and_that_of_the_caller_is_taken(url: str) -> None:
    with socket(url, {"X-Request-Id": "mine-1"}) as one:
        assert one.connection.response is not None
        assert one.connection.response.headers["x-request-id"] == "mine-1"
        one.send(type="connection_init", payload={"authorization": "Bearer shop"})
        assert one.take() == {"type": "connection_ack", "payload": {"requestId": "mine-1"}}
        one.ask("{ broken }")
        (error,) = one.take()["payload"]["errors"]
        assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "requestId": "mine-1"}


MALFORMED = [
    b"\x00\x01",
    "",
    "nonsense",
    "null",
    "1",
    '"text"',
    "[]",
    "true",
    "NaN",
    "{}",
    message(type=1),
    message(type=None),
    message(type=["ping"]),
    message(type="start"),
    message(type="next", id="1"),
    message(type="ping", payload=1),
    message(type="pong", payload=[]),
    message(type="complete"),
    message(type="complete", id=1),
    '{"type": "ping", "payload": ' + '{"a":' * 5000 + "1" + "}" * 5001,
    '{"type": "ping", "payload": {"a": ' + "9" * 10_000 + "}}",
    '{"type": "ping", "payload": {"a": "\\ud800"}}',
    '{"type": "ping", "payload": {"a": NaN}}',
    '{"type": "ping"',
    message(type="connection_init", payload=1),
    message(type="connection_init", payload="Bearer shop"),
    message(type="connection_init", payload={"Authorization": 1}),
    message(type="connection_init", payload={"a": "x" * 20_000}),
]
MALFORMED_LATER = [
    *[one for one in MALFORMED if "connection_init" not in str(one)],
    message(type="subscribe", payload={"query": TICKS}),
    message(type="subscribe", id=1, payload={"query": TICKS}),
    message(type="subscribe", id="", payload={"query": TICKS}),
    message(type="subscribe", id="x" * 129, payload={"query": TICKS}),
    message(type="subscribe", id=None, payload={"query": TICKS}),
    message(**SUBSCRIBE),
    message(**SUBSCRIBE, payload=None),
    message(**SUBSCRIBE, payload=[TICKS]),
    message(**SUBSCRIBE, payload=TICKS),
    payload(),
    payload(query=None),
    payload(query=1),
    payload(query=""),
    payload(query=TICKS, operationName=1),
    payload(query=TICKS, variables=[]),
    payload(query=TICKS, variables="x"),
    payload(query=TICKS, extensions=1),
    payload(documentId=1),
    payload(query="x" * 70_000),
]


@pytest.mark.parametrize("frame", MALFORMED)
def test_a_malformed_frame_closes_the_socket_before_anybody_is_known(
    url: str, frame: str | bytes
) -> None:
    with socket(url) as one:
        one.connection.send(frame)
        assert one.closed()[0] == 4400


@pytest.mark.parametrize("frame", MALFORMED_LATER)
def test_a_malformed_frame_closes_the_socket(live: Socket, frame: str | bytes) -> None:
    live.ask(ENDLESS, "running")
    live.connection.send(frame)
    assert live.closed()[0] == 4400


def test_parts_of_a_message_that_say_nothing_are_not_kept(live: Socket) -> None:
    kept: list[int] = []

    def parts() -> Iterator[str]:
        yield '{"type": '
        for _ in range(20_000):
            yield ""
        of_server = [one for one in gc.get_objects() if type(one) is SocketConnection]
        kept.extend([len(one.frames) for one in of_server])
        yield '"ping"}'

    live.connection.send(parts())
    assert live.take()["type"] == "pong"
    assert max(kept) <= 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
TYPES = st.sampled_from(["connection_init", "subscribe", "complete", "ping", "pong", "error"])
FRAMES = st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES | VALUES,
        "id": st.sampled_from(["1", "2"]) | VALUES,
        "payload": st.fixed_dictionaries(
            {}, optional={"query": st.just(TICKS) | VALUES, "variables": VALUES, "x": VALUES}
        )
        | VALUES,
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames=st.lists(FRAMES | VALUES, min_size=1, max_size=6))
def test_any_frames_are_answered_or_close_the_socket(url: str, frames: list[Any]) -> None:
    with socket(url) as one:
        one.init("shop")
        with suppress(ConnectionClosed):
            for frame in frames:
                one.connection.send(json.dumps(frame))
            one.send(type="ping", payload={"last": True})
            while one.take() != {"type": "pong", "payload": {"last": True}}:
                pass
            return
        assert one.closed()[0] in {4400, 4409, 4429}


def test_text_that_is_not_utf_8_closes_the_socket(live: Socket) -> None:
    live.connection.send(b'{"type": "ping", "payload": {"a": "\xff"}}', text=True)
    assert live.closed()[0] == 4400


def test_text_in_pieces_is_one_message(live: Socket) -> None:
    live.connection.send(iter(['{"type": "pi', 'ng"}']))
    assert live.take() == {"type": "pong", "payload": {}}


def test_a_message_beyond_all_bounds_is_not_read(live: Socket) -> None:
    with suppress(ConnectionClosed):
        live.connection.send("x" * (MESSAGE_BYTES + 1))
    # The close frame is lost where the rest of the message meets a closed connection.
    assert live.closed()[0] in {1009, 1006}


@pytest.mark.parametrize("protocols", [None, ["graphql-ws"], ["GRAPHQL-TRANSPORT-WS"]])
def test_no_other_protocol_is_spoken(url: str, protocols: list[Subprotocol] | None) -> None:
    with socket(url, subprotocols=protocols) as one:
        assert one.closed()[0] == 4406


def test_who_says_nothing_is_closed_in_time(url: str) -> None:
    with socket(url) as one:
        start = time.perf_counter()
        one.send(type="ping")
        assert one.take()["type"] == "pong"
        assert one.closed() == (4408, "Connection initialisation timeout")
        assert 1 < time.perf_counter() - start < 4


def test_nobody_subscribes_before_the_acknowledgement(url: str) -> None:
    with socket(url, {"Authorization": "Bearer shop"}) as one:
        one.ask(TICKS)
        assert one.closed() == (4401, "Unauthorized")


def test_a_second_initialisation_closes_the_socket(live: Socket) -> None:
    live.send(type="connection_init", payload={})
    assert live.closed() == (4429, "Too many initialisation requests")


def test_an_id_in_use_closes_the_socket(live: Socket) -> None:
    live.ask(ENDLESS)
    live.ask(TICKS)
    assert live.closed() == (4409, "Subscriber for 1 already exists")


def test_an_id_is_free_again_after_the_end(live: Socket) -> None:
    for _ in range(20):
        live.ask("subscription { ticks }")
        assert live.take()["type"] == "next"
        assert live.take()["type"] == "complete"
    live.ask("{")
    assert live.codes() == ["GRAPHQL_PARSE_FAILED"]
    live.ask("{ hello }")
    assert live.take()["type"] == "next"


def test_pings_are_answered_and_pongs_are_taken(live: Socket) -> None:
    live.send(type="pong")
    live.send(type="pong", payload={"a": 1})
    live.send(type="ping", payload={"a": 1})
    assert live.take() == {"type": "pong", "payload": {"a": 1}}


@pytest.mark.parametrize(
    ("headers", "given", "code", "reason"),
    [
        ({}, {}, 4403, "UNAUTHENTICATED: Say who you are."),
        ({}, {"Authorization": "Basic shop"}, 4403, "UNAUTHENTICATED: Say who you are."),
        ({}, {"Authorization": "Bearer \u0416"}, None, None),
        (
            {"Authorization": "Bearer shop"},
            {"Authorization": "Bearer shop"},
            4403,
            "BAD_REQUEST: Send one credential.",
        ),
        (
            {},
            {"Authorization": "Bearer shop", "authorization": "Bearer shop"},
            4403,
            "BAD_REQUEST: Send one credential.",
        ),
        ({}, {"Authorization": "Bearer crash"}, 4500, "Internal error."),
        ({}, {"Authorization": "Bearer hang"}, 1013, "TIMEOUT: The caller was not recognised"),
    ],
)
def test_who_is_not_recognised_is_rejected(
    url: str, headers: dict[str, str], given: dict[str, str], code: int | None, reason: str | None
) -> None:
    with socket(url, headers) as one:
        one.send(type="connection_init", payload=given)
        if code is None:
            assert one.take()["type"] == "connection_ack"
            return
        closed, told = one.closed()
        assert closed == code
        assert reason is not None
        assert told.startswith(reason)


def test_credentials_may_come_with_the_handshake(url: str) -> None:
    with socket(url, {"Authorization": "Bearer shop"}) as one:
        one.init().ask("{ hello }")
        assert one.take()["type"] == "next"


def test_credentials_that_are_withdrawn_close_the_socket(
    live: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.ask(ENDLESS)
    assert live.take()["type"] == "next"
    monkeypatch.setattr(RECORD, "withdrawn", {"shop"})
    assert live.closed() == (4403, "UNAUTHENTICATED: No longer.")


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("mutation { add(number: 1) }", ["BAD_REQUEST"]),
        ("subscription { nothing }", ["GRAPHQL_VALIDATION_FAILED"]),
        ("subscription { ticks breaking }", ["GRAPHQL_VALIDATION_FAILED"]),
        ("subscription A { ticks } subscription B { ticks }", ["BAD_REQUEST"]),
        ("{", ["GRAPHQL_PARSE_FAILED"]),
        ("subscription { forbidden }", ["FORBIDDEN"]),
        ("{ __schema { description } }", ["FORBIDDEN"]),
        ("subscription($count: Int!) { ticks(count: $count) }", ["INVALID_INPUT"]),
        ("query($name: String!) { hello(name: $name) }", ["INVALID_INPUT"]),
        (DEAR, ["BAD_REQUEST"]),
    ],
)
def test_what_may_not_be_executed_is_refused(live: Socket, query: str, codes: list[str]) -> None:
    live.ask(query)
    assert live.codes() == codes
    live.ask("{ hello }")
    assert live.take()["type"] == "next"


def test_who_has_spent_its_allowance_is_told_when_to_come_again(url: str) -> None:
    with socket(url) as one:
        one.init("greedy").ask(TICKS)
        (error,) = one.take()["payload"]
        assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 60}


@pytest.mark.parametrize(
    "query", ["subscription { breaking }", "subscription { unprintable }", "{ unprintable }"]
)
def test_a_fault_ends_the_operation_and_says_nothing(live: Socket, query: str) -> None:
    live.ask(query)
    told = live.take()
    while told["type"] == "next":
        told = live.take()
    assert "hunter2" not in json.dumps(told)
    assert [one["extensions"]["code"] for one in told["payload"]] == ["INTERNAL_SERVER_ERROR"]


def test_a_context_that_cannot_be_opened_ends_the_operation(url: str) -> None:
    with socket(url) as one:
        one.init("unlucky").ask(TICKS)
        assert one.codes() == ["UNAVAILABLE"]


def test_a_subscriber_that_ends_is_told_nothing_more(live: Socket) -> None:
    ended = RECORD.ended_sources
    live.ask(ENDLESS)
    live.take()
    live.send(id="1", type="complete")
    live.send(id="never", type="complete")
    time.sleep(0.1)
    live.send(type="ping")
    while live.take()["type"] != "pong":
        pass
    assert live.is_silent(0.2)
    assert RECORD.ended_sources == ended + 1


def test_a_socket_runs_so_many_operations(live: Socket) -> None:
    for number in range(OPERATIONS_MAX + 1):
        live.ask("subscription { ticks(count: 2, milliseconds: 60000) }", str(number))
    told = [live.take() for _ in range(OPERATIONS_MAX + 1)]
    (refused,) = [one for one in told if one["type"] == "error"]
    assert refused["id"] == str(OPERATIONS_MAX)
    assert refused["payload"][0]["extensions"]["code"] == "BAD_REQUEST"
    live.send(id="0", type="complete")
    live.ask("{ hello }", "again")
    assert live.take()["type"] == "next"


def test_a_slow_reader_makes_nothing_pile_up(live: Socket) -> None:
    before = RECORD.ticks
    live.ask("subscription { ticks(count: 100000, characters: 100000) }")
    time.sleep(1)
    made = RECORD.ticks - before
    time.sleep(0.5)
    # What the sockets of both sides hold, and no more.
    assert RECORD.ticks - before == made < 200
    live.take()
    live.connection.close()


def test_a_reader_that_goes_away_ends_its_operations(url: str) -> None:
    ended = RECORD.ended_sources
    with socket(url) as one:
        one.init("shop").ask(ENDLESS)
        one.take()
    deadline = time.monotonic() + 5
    while RECORD.ended_sources == ended and time.monotonic() < deadline:
        time.sleep(0.01)
    assert RECORD.ended_sources == ended + 1


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://shop.example:444", "http://["]
)
def test_a_foreign_page_opens_no_socket(url: str, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused, socket(url, origin=origin):
        pass
    assert refused.value.response.status_code == 403
    told = json.loads(refused.value.response.body or b"")
    assert told["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_pages_of_the_service_and_of_the_list_open_sockets(url: str) -> None:
    for origin in (ORIGIN, url.removesuffix("/graphql")):
        with socket(url, origin=origin) as one:
            one.init("shop")


def test_sockets_and_streams_beyond_their_places_are_refused() -> None:
    with served(build_endpoint(live=1)) as url, socket(url) as one:
        one.init("shop")
        with pytest.raises(InvalidStatus) as refused, socket(url):
            pass
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["retry-after"] == "1"
        headers = {"Authorization": "Bearer shop"}
        body = {"query": "subscription { ticks }"}
        answer = httpx.post(f"{url}/stream", json=body, headers=headers)
        assert answer.status_code == 503
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


def test_a_document_may_be_named_by_its_hash(live: Socket) -> None:
    named = hashlib.sha256(TICKS.encode()).hexdigest()
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": named}}
    live.send(**SUBSCRIBE, payload={"extensions": extensions})
    assert live.codes() == ["PERSISTED_QUERY_NOT_FOUND"]
    for members in ({"query": TICKS}, {}):
        live.send(**SUBSCRIBE, payload={"extensions": extensions, **members})
        told = [live.take()["type"] for _ in range(4)]
        assert told == ["next", "next", "next", "complete"]


def test_where_only_trusted_documents_are_executed_it_is_so_here() -> None:
    named = hashlib.sha256(TICKS.encode()).hexdigest()

    async def trusted(one: str) -> str | None:
        return TICKS if one == named else None

    hooks = replace(HOOKS, trusted_document=trusted)
    endpoint = GraphQLEndpoint(build_schema(), hooks, is_trusted_only=True)
    with served(endpoint) as url, socket(url) as one:
        one.init("shop").ask("subscription { ticks }")
        assert one.codes() == ["FORBIDDEN"]
        one.send(**SUBSCRIBE, payload={"documentId": f"sha256:{named}"})
        assert one.take()["type"] == "next"


def test_an_ending_server_closes_its_sockets() -> None:
    with ExitStack() as sockets, ExitStack() as server:
        url = server.enter_context(served(build_endpoint()))
        one = sockets.enter_context(socket(url)).init("shop")
        one.ask(ENDLESS)
        one.take()
        start = time.perf_counter()
        server.close()
        assert time.perf_counter() - start < 3
        assert one.closed()[0] == 1001
