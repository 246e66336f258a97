"""GraphQL over HTTP: methods, media types, bodies, statuses and headers."""

import json
import re
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from execution.incoming import DEEPEST
from tests.addresses import WITHOUT_TLS
from tests.execution.conftest import GRAPHQL, PATH, Ask

HELLO = {"query": "{ hello }"}
PLAIN = "application/json"


def code(answer: httpx.Response) -> str:
    return answer.json()["errors"][0]["extensions"]["code"]


def send(client: httpx.Client, body: bytes, **headers: str) -> httpx.Response:
    return client.post(PATH, content=body, headers={"Content-Type": PLAIN, **headers})


def test_a_query_by_post_is_answered(client: httpx.Client) -> None:
    answer = client.post(PATH, json=HELLO)
    assert answer.status_code == 200
    assert answer.json()["data"] == {"hello": "Hello, world!"}


def test_a_query_by_get_is_answered(client: httpx.Client) -> None:
    answer = client.get(
        PATH,
        params={
            "query": "query A($n: String!) { hello(name: $n) } query B { hello }",
            "operationName": "A",
            "variables": '{"n": "Eva"}',
            "extensions": "{}",
        },
    )
    assert answer.json()["data"] == {"hello": "Hello, Eva!"}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, PLAIN),
        ("", PLAIN),
        ("*/*", PLAIN),
        ("application/*", PLAIN),
        ("text/html, */*;q=0.1", PLAIN),
        (PLAIN, PLAIN),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {PLAIN}", GRAPHQL),
        (f"{PLAIN}, {GRAPHQL}", GRAPHQL),
        (f"{PLAIN}, {GRAPHQL};q=0.9", PLAIN),
        (f"{PLAIN};q=0.9, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0, */*", PLAIN),
        (f"{GRAPHQL}; charset=utf-8, {PLAIN}; charset=utf-8", GRAPHQL),
        ("APPLICATION/GraphQL-Response+JSON", GRAPHQL),
        (f"{PLAIN}, {GRAPHQL}, text/event-stream", GRAPHQL),
        (f"{PLAIN};q=nonsense", PLAIN),
    ],
)
def test_the_media_type_is_negotiated(url: str, accept: str | None, media_type: str) -> None:
    headers = {"Authorization": "Bearer shop", "Content-Type": PLAIN}
    request = httpx.Request("POST", url, headers=headers, content=json.dumps(HELLO))
    if accept is not None:
        request.headers["Accept"] = accept
    with httpx.Client(verify=WITHOUT_TLS) as plain:
        answer = plain.send(request)
    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert answer.json()["data"]


@pytest.mark.parametrize("accept", ["text/html", "text/event-stream", f"{PLAIN};q=0", "image/*"])
def test_a_caller_that_takes_no_json_is_told_so_in_json(client: httpx.Client, accept: str) -> None:
    answer = client.post(PATH, json=HELLO, headers={"Accept": accept})
    assert (answer.status_code, code(answer)) == (406, "BAD_REQUEST")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"])
def test_other_methods_are_refused(client: httpx.Client, method: str) -> None:
    answer = client.request(method, PATH, json=HELLO)
    assert (answer.status_code, code(answer)) == (405, "BAD_REQUEST")
    assert answer.headers["allow"] == "GET, POST"


def test_head_is_refused_without_a_body(client: httpx.Client) -> None:
    answer = client.head(PATH, params=HELLO)
    assert (answer.status_code, answer.content) == (405, b"")


def test_a_mutation_by_get_is_refused_and_not_run(client: httpx.Client, record: Any) -> None:
    answer = client.get(PATH, params={"query": "mutation { add(number: 13) }"})
    assert (answer.status_code, code(answer)) == (405, "BAD_REQUEST")
    assert answer.headers["allow"] == "POST"
    assert 13 not in record.added


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json ; profile=x",
    ],
)
def test_json_in_utf8_is_taken(client: httpx.Client, content_type: str) -> None:
    answer = send(client, b'{"query": "{ hello }"}', **{"Content-Type": content_type})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "application/jsonp",
        "application/graphql",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json, text/plain",
        "json",
        "",
    ],
)
def test_other_media_types_are_refused(client: httpx.Client, content_type: str) -> None:
    answer = send(client, b'{"query": "{ hello }"}', **{"Content-Type": content_type})
    assert (answer.status_code, code(answer)) == (415, "BAD_REQUEST")


def test_no_media_type_or_two_or_a_compressed_body_is_refused(client: httpx.Client) -> None:
    body = b'{"query": "{ hello }"}'
    two = [("Content-Type", PLAIN), ("Content-Type", PLAIN)]
    assert client.post(PATH, content=body).status_code == 415
    assert client.post(PATH, content=body, headers=two).status_code == 415
    assert send(client, body, **{"Content-Encoding": "gzip"}).status_code == 415


def nested(lists: int) -> bytes:
    return b'{"query": "{ hello }", "variables": {"a": ' + b"[" * lists + b"]" * lists + b"}}"


LONG_INTEGER = b'{"query": "{ hello }", "variables": {"a": ' + b"1" * 10_000 + b"}}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"1",
        b"true",
        b'"{ hello }"',
        b"[]",
        b'[{"query": "{ hello }"}]',
        b"{",
        b"{}",
        b'{"query": null}',
        b'{"query": ""}',
        b'{"query": 1}',
        b'{"query": ["{ hello }"]}',
        b'{"query": "{ hello }", "operationName": 1}',
        b'{"query": "{ hello }", "operationName": []}',
        b'{"query": "{ hello }", "variables": []}',
        b'{"query": "{ hello }", "variables": "{}"}',
        b'{"query": "{ hello }", "variables": 0}',
        b'{"query": "{ hello }", "extensions": false}',
        b'{"query": "{ hello }", "variables": {"a": NaN}}',
        b'{"query": "{ hello }", "variables": {"a": Infinity}}',
        b'{"query": "{ hello }", "variables": {"a": 1e99999999999999999999}}',
        b'{"query": "{ hello }"} x',
        b"\xff\xfe",
        b'\xef\xbb\xbf{"query": "{ hello }"}',
        b'{"query": "\xff"}',
        '{"query": "{ hello }"}'.encode("utf-16"),
        nested(5000),
        nested(DEEPEST - 1),
        LONG_INTEGER,
    ],
)
@pytest.mark.parametrize("accept", [GRAPHQL, PLAIN])
def test_bodies_that_are_no_request_are_bad_requests(
    client: httpx.Client, body: bytes, accept: str
) -> None:
    answer = send(client, body, Accept=accept)
    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")
    assert "data" not in answer.json()


def test_json_may_be_as_deep_as_told(client: httpx.Client) -> None:
    answer = send(client, nested(DEEPEST - 2))
    assert answer.json()["data"] == {"hello": "Hello, world!"}


@pytest.mark.parametrize(
    "members", [{"variables": None, "operationName": None, "extensions": None}, {"unknown": 1}]
)
def test_null_and_unknown_members_do_no_harm(ask: Ask, members: dict[str, Any]) -> None:
    assert ask("{ hello }", **members).status_code == 200


@pytest.mark.parametrize(
    "query_string",
    [
        "",
        "query=",
        "query=%FF",
        "query={hello}&query={hello}",
        "query={hello}&variables=[]",
        "query={hello}&variables={",
        "query={hello}&variables=NaN",
        "query={hello}&extensions=1",
        "&".join(f"a{number}=1" for number in range(100)),
    ],
)
def test_query_strings_that_are_no_request_are_bad_requests(
    client: httpx.Client, query_string: str
) -> None:
    answer = client.get(f"{PATH}?{query_string}")
    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")


def test_blank_parameters_count_as_left_out(client: httpx.Client) -> None:
    answer = client.get(f"{PATH}?query={{hello}}&operationName=&variables=&extensions=")
    assert answer.status_code == 200


def test_a_body_above_the_callers_limit_is_refused(ask: Ask, client: httpx.Client) -> None:
    large = "x" * (65 * 1024)
    answer = ask("query($n: String!) { hello(name: $n) }", variables={"n": large})
    assert (answer.status_code, code(answer)) == (413, "BAD_REQUEST")
    answer = ask("query($n: String!) { hello(name: $n) }", variables={"n": large}, caller="root")
    assert answer.status_code == 200
    answer = client.post(
        PATH, content=iter([b"{" + b" " * 1024] * 100), headers={"Content-Type": PLAIN}
    )
    assert (answer.status_code, code(answer)) == (413, "BAD_REQUEST")


def test_a_query_string_above_the_callers_limit_is_refused(client: httpx.Client) -> None:
    headers = {"Authorization": "Bearer tiny"}
    answer = client.get(PATH, params={"query": "{ hello } " + "#" * 200}, headers=headers)
    assert (answer.status_code, code(answer)) == (414, "BAD_REQUEST")


def test_a_body_that_does_not_arrive_is_given_up(url: str) -> None:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(
            b"POST /graphql HTTP/1.1\r\nHost: toy\r\nAuthorization: Bearer shop\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        answer = connection.recv(65536)
    assert b" 408 " in answer.splitlines()[0]
    assert b'"TIMEOUT"' in answer


def test_several_operations_need_a_name(ask: Ask) -> None:
    two = "query A { hello } query B { person { name } }"
    assert ask(two, operationName="B").json()["data"] == {"person": {"name": "Ada"}}
    for answer in (ask(two), ask(two, operationName="C"), ask("{ hello }", operationName="A")):
        assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")
        assert "data" not in answer.json()


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_subscriptions_are_refused(client: httpx.Client, method: str) -> None:
    query = {"query": "subscription { ticks }"}
    answer = client.post(PATH, json=query) if method == "POST" else client.get(PATH, params=query)
    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "query", ["{", "", "{ }", "query {", "{ hello", "\0", "ü", "{ hello \x07 }"]
)
def test_what_does_not_parse_has_its_code(ask: Ask, query: str) -> None:
    answer = ask(query or " ")
    assert (answer.status_code, code(answer)) == (400, "GRAPHQL_PARSE_FAILED") or query == ""
    assert ask(query or " ", accept=PLAIN).status_code in {200, 400}


@pytest.mark.parametrize(
    ("query", "variables", "wanted"),
    [
        ("{", {}, "GRAPHQL_PARSE_FAILED"),
        ("{ unknown }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{ decimal(value: 1.5) }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query($v: Decimal!) { decimal(value: $v) }", {"v": "NaN"}, "INVALID_INPUT"),
        ("query($v: Decimal!) { decimal(value: $v) }", {}, "INVALID_INPUT"),
        ("{ forbidden }", {}, "FORBIDDEN"),
    ],
)
def test_request_errors_have_400_and_no_data_or_200_in_plain_json(
    ask: Ask, query: str, variables: dict[str, Any], wanted: str
) -> None:
    answer = ask(query, variables=variables)
    assert answer.status_code == (403 if wanted == "FORBIDDEN" else 400)
    assert code(answer) == wanted
    assert "data" not in answer.json()
    plain = ask(query, variables=variables, accept=PLAIN)
    assert (plain.status_code, code(plain)) == (200, wanted)
    assert "data" not in plain.json()


@pytest.mark.parametrize("accept", [GRAPHQL, PLAIN])
def test_field_errors_have_200_and_data(ask: Ask, accept: str) -> None:
    answer = ask("{ hello maybeBroken }", accept=accept)
    assert answer.status_code == 200
    assert answer.json()["data"] == {"hello": "Hello, world!", "maybeBroken": None}
    answer = ask("{ broken }", accept=accept)
    assert (answer.status_code, answer.json()["data"]) == (200, None)


def every_kind_of_answer(client: httpx.Client, ask: Ask) -> list[httpx.Response]:
    return [
        ask("{ hello }"),
        ask("{ broken }"),
        ask("{"),
        ask("{ hello }", caller="greedy"),
        client.post(PATH, json=HELLO, headers={"Authorization": ""}),
        client.put(PATH),
        client.post(PATH, content=b"null", headers={"Content-Type": PLAIN}),
        client.post(PATH, content=b"null"),
        client.post(PATH, json=HELLO, headers={"Accept": "text/html"}),
    ]


def test_every_answer_is_private_json_with_a_request_id(client: httpx.Client, ask: Ask) -> None:
    for answer in every_kind_of_answer(client, ask):
        assert re.fullmatch(
            r"application/(graphql-response\+)?json; charset=utf-8", answer.headers["content-type"]
        )
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
        for error in answer.json().get("errors", []):
            assert re.fullmatch(r"[A-Z_]+", error["extensions"]["code"])
            assert error["message"]


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 64])
def test_a_request_id_of_the_callers_is_echoed(client: httpx.Client, given: str) -> None:
    answer = client.post(PATH, json=HELLO, headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "ü", "a;b", "{}"])
def test_another_request_id_is_replaced(client: httpx.Client, given: str) -> None:
    headers = [("X-Request-Id", given.encode("latin-1"))]
    answer = client.post(PATH, json=HELLO, headers=headers)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


def test_two_request_ids_are_replaced(client: httpx.Client) -> None:
    headers = [("X-Request-Id", "a"), ("X-Request-Id", "b")]
    answer = client.post(PATH, json=HELLO, headers=headers)
    assert answer.headers["x-request-id"] not in {"a", "b"}


def test_a_connection_serves_on_after_refusals(url: str) -> None:
    """Bodies left unread by a refusal do not spill into the next request."""
    with httpx.Client(base_url=url.removesuffix(PATH), verify=WITHOUT_TLS) as one:
        refused = one.post(PATH, content=b"x" * 300_000, headers={"Content-Type": PLAIN})
        assert refused.status_code == 401
        answer = one.post(PATH, json=HELLO, headers={"Authorization": "Bearer shop"})
        assert answer.status_code == 200


def test_a_caller_that_goes_away_within_its_body_leaves_no_trace(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(
            b"POST /graphql HTTP/1.1\r\nHost: toy\r\nAuthorization: Bearer shop\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        time.sleep(0.1)
    time.sleep(0.2)
    assert not [one for one in caplog.records if one.levelname == "ERROR"]
