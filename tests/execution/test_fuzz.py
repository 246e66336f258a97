"""Whatever bytes and headers come in, the answer is coded JSON and never a fault."""

import json
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.execution.conftest import GRAPHQL, PATH

FEW = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
QUERIES = st.sampled_from(
    [
        "{ hello }",
        "query A($n: String) { hello(name: $n) } query B { person { name } }",
        "query($n: Decimal!) { decimal(value: $n) }",
        "query($n: JSON!) { json(value: $n) }",
        "query($n: Order!) { order(order: $n) }",
        "query($n: Int) { person { friends(first: $n) { edges { cursor } } } }",
        "query($n: String) { person { friends(after: $n) { edges { cursor } } } }",
        "query($n: ID!) { byId(id: $n) }",
        "query($n: [ID!]!) { nodes(ids: $n) { name } }",
        "mutation($n: Int!) { add(number: $n) }",
    ]
)
TOKENS = st.sampled_from([
    "{", "}", "(", ")", "[", "]", "...", "on", "query", "mutation", "fragment", "F", "Query",
    "hello", "person", "name", ":", "$v", "@skip", "if", "true", "1", "1.5", '"x"', "!", "=", "#",
])  # fmt: skip
BODIES = st.fixed_dictionaries(
    {"query": QUERIES},
    optional={
        "variables": st.fixed_dictionaries({"n": VALUES}) | VALUES,
        "operationName": st.sampled_from(["A", "B", "C", None, 1]),
        "extensions": VALUES,
    },
)


def check(answer: httpx.Response) -> None:
    content = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert answer.status_code < 500
    codes = [error["extensions"]["code"] for error in content.get("errors", [])]
    assert "INTERNAL_SERVER_ERROR" not in codes
    assert ("data" in content) or codes
    assert answer.status_code == 200 or codes


@FEW
@given(st.binary(max_size=200))
def test_any_bytes_are_answered(client: httpx.Client, body: bytes) -> None:
    check(client.post(PATH, content=body, headers={"Content-Type": "application/json"}))


@FEW
@given(VALUES | BODIES)
def test_any_json_is_answered(client: httpx.Client, body: Any) -> None:
    content = json.dumps(body, allow_nan=True)
    check(client.post(PATH, content=content, headers={"Content-Type": "application/json"}))


@FEW
@given(st.lists(TOKENS, max_size=25).map(" ".join) | st.text(max_size=60))
def test_any_document_is_answered(client: httpx.Client, document: str) -> None:
    content = json.dumps({"query": document})
    check(client.post(PATH, content=content, headers={"Content-Type": "application/json"}))


@FEW
@given(
    st.binary(max_size=100).map(lambda raw: raw.hex()) | st.text("abc=&%{}[]0123ABCD+", max_size=80)
)
def test_any_query_string_is_answered(client: httpx.Client, query_string: str) -> None:
    check(client.get(f"{PATH}?query={query_string}"))


HEADER_TEXTS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60)


@FEW
@given(
    accept=HEADER_TEXTS
    | st.lists(st.sampled_from([GRAPHQL, "*/*", "q=0.5", ";", ",", "q="])).map("".join),
    content_type=HEADER_TEXTS | st.just("application/json"),
    request_id=HEADER_TEXTS,
)
def test_any_headers_are_answered(
    client: httpx.Client, accept: str, content_type: str, request_id: str
) -> None:
    headers = [
        (b"Accept", accept.strip().encode("latin-1")),
        (b"Content-Type", content_type.strip().encode("latin-1")),
        (b"X-Request-Id", request_id.strip().encode("latin-1")),
    ]
    check(client.post(PATH, content=b'{"query": "{ hello }"}', headers=headers))
