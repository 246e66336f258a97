"""Documents named by their hash: persisted by callers as Apollo's clients do, or trusted."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from execution.incoming import GraphQLRequest
from execution.persisted import PersistedDocuments
from execution.view import GraphQLEndpoint
from tests.execution.toy import HOOKS, build_schema, served

GRAPHQL = "application/graphql-response+json"
HELLO = "query Hello($name: String) { hello(name: $name) }"
TRUSTED = "{ person { name } }"
UNKNOWN = "0" * 64


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def apollo(text: str, **changes: Any) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha(text), **changes}}


async def trusted_document(named: str) -> str | None:
    return {sha(TRUSTED): TRUSTED}.get(named)


async def nothing(_named: str) -> str | None:
    return None


@pytest.fixture(params=[False], ids=["any"])
def toy(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    hooks = replace(HOOKS, trusted_document=trusted_document)
    endpoint = GraphQLEndpoint(build_schema(), hooks, is_trusted_only=request.param)
    headers = {"Authorization": "Bearer shop", "Accept": GRAPHQL}
    with (
        served(endpoint) as url,
        httpx.Client(base_url=url.removesuffix("/graphql"), headers=headers) as client,
    ):
        yield client


trusting = pytest.mark.parametrize("toy", [True], ids=["trusted"], indirect=True)


def codes(answer: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in answer.json()["errors"]]


def test_a_document_is_sent_once_and_named_from_then_on(toy: httpx.Client) -> None:
    named = {"extensions": apollo(HELLO), "variables": {"name": "Ada"}}
    first = toy.post("/graphql", json=named)
    assert (first.status_code, codes(first)) == (400, ["PERSISTED_QUERY_NOT_FOUND"])
    assert first.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert toy.post("/graphql", json={**named, "query": HELLO}).json()["data"] == {
        "hello": "Hello, Ada!"
    }
    assert toy.post("/graphql", json=named).json()["data"] == {"hello": "Hello, Ada!"}
    parameters = {name: json.dumps(value) for name, value in named.items()}
    assert toy.get("/graphql", params=parameters).json()["data"] == {"hello": "Hello, Ada!"}


def test_plain_json_clients_are_told_with_200(toy: httpx.Client) -> None:
    answer = toy.post(
        "/graphql",
        json={"extensions": apollo("{ unsent }")},
        headers={"Accept": "application/json"},
    )
    assert (answer.status_code, codes(answer)) == (200, ["PERSISTED_QUERY_NOT_FOUND"])


def test_a_mutation_may_be_persisted_but_not_got(toy: httpx.Client) -> None:
    add = "mutation { add(number: 1) }"
    assert toy.post("/graphql", json={"query": add, "extensions": apollo(add)}).json()["data"] == {
        "add": 1
    }
    got = toy.get("/graphql", params={"extensions": json.dumps(apollo(add))})
    assert (got.status_code, got.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "body",
    [
        {"query": HELLO, "extensions": apollo("{ person { name } }")},
        {"extensions": apollo(HELLO, version=2)},
        {"extensions": apollo(HELLO, sha256Hash="abc")},
        {"extensions": apollo(HELLO, sha256Hash=7)},
        {"extensions": {"persistedQuery": []}},
        {"query": "", "extensions": apollo("")},
        {"query": 7, "extensions": apollo(HELLO)},
        {"documentId": sha(TRUSTED)},
        {"documentId": f"md5:{sha(TRUSTED)}"},
        {"documentId": ""},
        {"documentId": 7},
        {"documentId": f"sha256:{sha(TRUSTED)}", "query": TRUSTED},
        {"documentId": f"sha256:{sha(TRUSTED)}", "extensions": apollo(TRUSTED)},
    ],
)
def test_what_names_no_document_rightly_is_refused(toy: httpx.Client, body: object) -> None:
    answer = toy.post("/graphql", json=body)
    assert (answer.status_code, codes(answer)) == (400, ["BAD_REQUEST"])


def test_what_is_not_valid_is_not_kept(toy: httpx.Client) -> None:
    invalid = "{ nothing }"
    sent = toy.post("/graphql", json={"query": invalid, "extensions": apollo(invalid)})
    assert codes(sent) == ["GRAPHQL_VALIDATION_FAILED"]
    named = toy.post("/graphql", json={"extensions": apollo(invalid)})
    assert codes(named) == ["PERSISTED_QUERY_NOT_FOUND"]


@pytest.mark.parametrize("toy", [False, True], indirect=True)
def test_a_trusted_document_is_named_by_id_or_hash(toy: httpx.Client) -> None:
    expected = {"person": {"name": "Ada"}}
    by_id = {"documentId": f"sha256:{sha(TRUSTED)}"}
    assert toy.post("/graphql", json=by_id).json()["data"] == expected
    upper = {"documentId": f"sha256:{sha(TRUSTED).upper()}"}
    assert toy.post("/graphql", json=upper).json()["data"] == expected
    assert toy.get("/graphql", params=by_id).json()["data"] == expected
    assert toy.post("/graphql", json={"extensions": apollo(TRUSTED)}).json()["data"] == expected
    unknown = toy.post("/graphql", json={"documentId": f"sha256:{UNKNOWN}"})
    assert codes(unknown) == ["PERSISTED_QUERY_NOT_FOUND"]


@trusting
def test_nothing_else_is_executed_where_only_trusted_documents_are(toy: httpx.Client) -> None:
    for body in (
        {"query": HELLO},
        {"query": HELLO, "extensions": apollo(HELLO)},
        {"query": "{ __schema { queryType { name } } }"},
    ):
        answer = toy.post("/graphql", json=body, headers={"Authorization": "Bearer root"})
        assert (answer.status_code, codes(answer)) == (403, ["FORBIDDEN"])
    assert codes(toy.post("/graphql", json={"extensions": apollo(HELLO)})) == [
        "PERSISTED_QUERY_NOT_FOUND"
    ]
    assert toy.post("/graphql", json={"query": TRUSTED}).json()["data"]


async def test_what_is_kept_is_bounded_in_count_and_bytes() -> None:
    store = PersistedDocuments(nothing, entries=3, total_bytes=10_000)

    def asked(text: str) -> GraphQLRequest:
        return GraphQLRequest(text, None, {}, apollo(text))

    for number in range(10):
        store.keep(asked(f"{{ a{number} }}"))
        store.keep(asked("{ a0 }"))
    assert store.kept == 3
    store.keep(asked("{ " + "b " * 1_000 + "}"))
    store.keep(asked("{ " + "c " * 1_000 + "}"))
    assert (store.kept, store.kept_bytes <= 10_000) == (1, True)
