"""What callers learn when something is refused or fails: a code, and nothing of ours."""

import asyncio
import logging
import threading
import time
from typing import Any

import httpx
import pytest
from graphql.language import OperationType
from strawberry.extensions import SchemaExtension

from execution.hooks import Hooks
from execution.relay import encode_cursor, encode_id
from execution.view import GraphQLEndpoint
from tests.execution.conftest import GRAPHQL, PATH, Ask
from tests.execution.toy import HOOKS, IN_FLIGHT, SECRET, build_endpoint, build_schema, served


def only(answer: httpx.Response) -> dict[str, Any]:
    (error,) = answer.json()["errors"]
    return error


@pytest.mark.parametrize("query", ["{ broken }", "{ maybeBroken }", "{ person { broken } }"])
def test_a_fault_says_nothing_but_the_request_id(
    ask: Ask, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = ask(query)
    assert "hunter2" not in answer.text
    error = only(answer)
    assert error["message"] == "Internal error."
    assert error["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "requestId": answer.headers["x-request-id"],
    }
    assert error["path"]
    assert error["locations"]
    logged = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert logged[-1].exc_info
    assert answer.headers["x-request-id"] in logged[-1].getMessage()
    assert SECRET in caplog.text


@pytest.mark.parametrize("query", ["{ number }", "{ unprintable }"])
def test_a_value_that_cannot_be_shown_is_a_fault(ask: Ask, query: str) -> None:
    error = only(ask(query))
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["message"] == "Internal error."


def test_a_refusal_of_the_domain_is_presented(ask: Ask) -> None:
    answer = ask("{ soldOut }")
    assert answer.status_code == 200
    assert only(answer)["message"] == "No more of these."
    assert only(answer)["extensions"] == {"code": "OUT_OF_STOCK", "article": 7}


def test_an_error_with_a_code_passes_as_raised(ask: Ask) -> None:
    error = only(ask("{ coded }"))
    assert error["message"] == "Busy."
    assert error["extensions"] == {"code": "IN_PROGRESS", "after": 3}


def test_no_credential_is_unauthenticated(client: httpx.Client) -> None:
    for accept in (GRAPHQL, "application/json"):
        headers = {"Authorization": "", "Accept": accept}
        answer = client.post(PATH, json={"query": "{ hello }"}, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert only(answer)["extensions"]["code"] == "UNAUTHENTICATED"


def test_two_credentials_are_refused(url: str) -> None:
    headers = [("Authorization", "Bearer shop"), ("Authorization", "Bearer root")]
    answer = httpx.post(url, json={"query": "{ hello }"}, headers=headers)
    assert answer.status_code == 400


def test_a_caller_without_credentials_learns_nothing_of_its_request(url: str) -> None:
    for body in (b"{", b'{"query": "{"}', b"x" * 300_000):
        assert httpx.post(url, content=body).status_code == 401


def test_a_fault_in_a_hook_is_silent(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    answer = ask("{ hello }", caller="crash")
    assert answer.status_code == 500
    assert only(answer)["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "hunter2" not in answer.text
    assert SECRET in caplog.text


def test_a_context_that_cannot_open_is_presented(ask: Ask) -> None:
    answer = ask("{ hello }", caller="unlucky")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert only(answer) == {"message": "Try again.", "extensions": {"code": "UNAVAILABLE"}}


def test_a_context_is_closed_after_every_operation(ask: Ask, record: Any) -> None:
    before = record.closed_contexts
    for query in ("{ hello }", "{ broken }", "query Hasty { slow(milliseconds: 2000) }"):
        ask(query)
    assert record.closed_contexts == before + 3


def test_an_exhausted_allowance_is_told(ask: Ask) -> None:
    answer = ask("{ hello }", caller="greedy", accept="application/json")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "60"
    assert only(answer)["extensions"]["code"] == "RATE_LIMITED"


def test_the_application_learns_what_an_operation_selects(ask: Ask, record: Any) -> None:
    query = (
        "query A { __typename person { ...P ...P friend { ...P } } } "
        "query B { hello } fragment P on Person { name }"
    )
    ask(query, operationName="A", extensions={"client": "till"})
    operation = record.operations[-1]
    assert (operation.name, operation.kind) == ("A", OperationType.QUERY)
    assert operation.extensions == {"client": "till"}
    assert operation.selected == {
        ("Query", "person", "Person"),
        ("Person", "friend", "Person"),
        ("Person", "name", "String"),
    }


def test_what_the_application_forbids_is_not_run(ask: Ask) -> None:
    answer = ask("{ hello ...F } fragment F on Query { forbidden }")
    assert answer.status_code == 403
    assert only(answer) == {"message": "Not yours.", "extensions": {"code": "FORBIDDEN"}}
    assert ask("{ forbidden }", caller="root").json()["data"] == {"forbidden": "never"}
    other = "query A { hello } query B { forbidden }"
    assert ask(other, operationName="A").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { queryType { name } } }",
        '{ __type(name: "Person") { name } }',
        '{ ...F } fragment F on Query { ... { x: __type(name: "Person") { name } } }',
    ],
)
def test_introspection_is_for_those_who_may(ask: Ask, query: str) -> None:
    assert ask(query, caller="root").json()["data"]
    answer = ask(query)
    assert answer.status_code == 403
    assert only(answer)["extensions"]["code"] == "FORBIDDEN"


def test_typename_is_for_everybody(ask: Ask) -> None:
    answer = ask("{ __typename person { __typename } }")
    assert answer.json()["data"] == {"__typename": "Query", "person": {"__typename": "Person"}}


def test_suggestions_are_for_those_who_may_introspect(ask: Ask) -> None:
    wrong = [
        "{ helo }",
        "{ hello(nam: 1) }",
        '{ __type(nam: "x") { name } }',
        "{ ...F } fragment F on Quer { hello }",
    ]
    for query in wrong:
        assert "Did you mean" in ask(query, caller="root").text
        assert "Did you mean" not in ask(query).text
    order = "query($o: Order!) { order(order: $o) }"
    for caller, told in (("root", True), ("shop", False)):
        answer = ask(order, variables={"o": {"amount": 1, "notes": ""}}, caller=caller)
        assert ("Did you mean" in answer.text) is told


@pytest.mark.parametrize("text", ["\0", "a\0b", "\0" * 3])
def test_nul_in_any_string_is_invalid(ask: Ask, text: str) -> None:
    hello = "query($n: String!) { hello(name: $n) }"
    nested = "query($o: Order!) { order(order: $o) }"
    literal = text.replace("\0", "\\u0000")
    for answer in (
        ask(hello, variables={"n": text}),
        ask("{ hello }", variables={"unused": [{"a": [text]}]}),
        ask("{ hello }", variables={text: 1}),
        ask(nested, variables={"o": {"amount": 1, "extra": {"deep": [text]}}}),
        ask(f'{{ hello(name: "{literal}") }}'),
        ask(f'query($n: String = "{literal}") {{ hello(name: $n) }}'),
        ask(f"{{ hello }} # {text}"),
    ):
        assert answer.status_code == 400
        assert only(answer)["extensions"]["code"] == "INVALID_INPUT"


@pytest.mark.parametrize("text", ["\\ud800", "\\udc00x", "x\\ud800\\u0041", "\\\\\\ud800"])
def test_lone_surrogates_are_invalid(ask: Ask, client: httpx.Client, text: str) -> None:
    query = "query($n: String!) { hello(name: $n) }"
    body = f'{{"query": "{query}", "variables": {{"n": "{text}"}}}}'
    answer = client.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert only(answer)["extensions"]["code"] == "INVALID_INPUT"
    error = only(ask('{ hello(name: "\\ud800") }'))
    assert error["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"


def test_paired_surrogates_are_text(client: httpx.Client) -> None:
    body = (
        '{"query": "query($n: String!) { hello(name: $n) }", "variables": {"n": "\\ud83d\\ude00"}}'
    )
    answer = client.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert answer.json()["data"] == {"hello": "Hello, 😀!"}


@pytest.mark.parametrize(
    ("field", "type_", "good", "shown", "bad"),
    [
        ("decimal", "Decimal", "12.50", "12.50", ["1e5", "NaN", 1.5, True, "1234567890123"]),
        ("decimal", "Decimal", 7, "7", [10**12, [1], {}]),
        ("instant", "DateTime", "2025-01-01T01:00:00+01:00", "2025-01-01T00:00:00Z", ["2025", 1]),
        ("day", "Date", "2025-02-28", "2025-02-28", ["2025-02-29", "20250228", 1]),
        ("currency", "CurrencyCode", "EUR", "EUR", ["eur", "EURO", 1]),
        ("json", "JSON", {"a": [1, None]}, {"a": [1, None]}, [10**45]),
        ("number", "Int", 1, 1, ["1", 2**31, 1.5, True]),
    ],
)
def test_scalars_are_strict_in_variables(
    ask: Ask, field: str, type_: str, good: object, shown: object, bad: list[object]
) -> None:
    query = f"query($v: {type_}!) {{ {field}(value: $v) }}"
    assert ask(query, variables={"v": good}).json()["data"] == {field: shown}
    for value in bad:
        answer = ask(query, variables={"v": value})
        assert answer.status_code == 400
        assert only(answer)["extensions"]["code"] == "INVALID_INPUT"


@pytest.mark.parametrize(
    "query",
    [
        "{ decimal(value: 1.5) }",
        '{ decimal(value: "1e5") }',
        '{ instant(value: "2025-01-01") }',
        "{ day(value: 2025) }",
        "{ currency(value: EUR) }",
        "{ json(value: NAME) }",
        '{ order(order: {amount: "x"}) }',
        'query($v: Decimal = "x") { decimal(value: $v) }',
    ],
)
def test_scalars_are_strict_in_literals(ask: Ask, query: str) -> None:
    answer = ask(query)
    assert answer.status_code == 400
    for error in answer.json()["errors"]:
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_fractions_of_json_keep_every_digit(client: httpx.Client) -> None:
    number = "0.1000000000000000055511151231257827"
    query = "query($v: JSON!) { json(value: $v) }"
    body = f'{{"query": "{query}", "variables": {{"v": [{number}, 12345678901234567890123]}}}}'
    answer = client.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert f"[{number},12345678901234567890123]" in answer.text
    answer = client.post(PATH, json={"query": f"{{ json(value: {{a: {number}}}) }}"})
    assert f'{{"a":{number}}}' in answer.text


def test_a_json_literal_takes_variables(ask: Ask) -> None:
    query = "query($v: String) { json(value: {a: $v}) }"
    assert ask(query, variables={"v": "x"}).json()["data"] == {"json": {"a": "x"}}


def test_a_variable_in_a_literal_that_makes_it_wrong_is_invalid_input(ask: Ask) -> None:
    query = "query($v: JSON) { json(value: [[[[$v]]]]) }"
    deep: object = 1
    for _ in range(63):
        deep = [deep]
    answer = ask(query, variables={"v": deep})
    assert only(answer)["extensions"]["code"] == "INVALID_INPUT"
    nullable = 'query($v: String = "x") { hello(name: $v) }'
    answer = ask(nullable, variables={"v": None})
    assert only(answer)["extensions"]["code"] == "INVALID_INPUT"


def test_malformed_ids_cursors_and_pages_are_invalid_input(ask: Ask) -> None:
    assert ask(f'{{ byId(id: "{encode_id("Person", 7)}") }}').json()["data"] == {"byId": "7"}
    page = "{ person { friends(%s) { edges { cursor } } } }"
    after = encode_cursor("friends", 5)
    assert ask(page % f'first: 1, after: "{after}"').status_code == 200
    for query in (
        '{ byId(id: "Incorrect padding") }',
        f'{{ byId(id: "{encode_id("Other", 7)}") }}',
        page % 'after: "YXJyYXk6MQ=="',
        page % f'after: "{encode_cursor("foes", 5)}"',
        page % f'after: "{encode_cursor("friends", "x")}"',
        page % "first: -1",
        page % "first: 101",
        page % "first: 1, last: 1",
    ):
        answer = ask(query)
        assert answer.status_code == 200
        assert only(answer)["extensions"]["code"] == "INVALID_INPUT"
    assert only(ask(page % "last: -1"))["extensions"]["argument"] == "last"


def test_an_operation_beyond_its_deadline_is_told_so(ask: Ask) -> None:
    start = time.perf_counter()
    for accept in (GRAPHQL, "application/json"):
        answer = ask("query Hasty { slow(milliseconds: 5000) }", accept=accept)
        assert answer.status_code == 504
        assert only(answer)["extensions"]["code"] == "TIMEOUT"
    assert time.perf_counter() - start < 3


def test_a_mutation_beyond_its_deadline_is_stopped(ask: Ask, record: Any) -> None:
    ask("mutation Hasty { add(number: 77, milliseconds: 600) }")
    time.sleep(0.5)
    assert 77 not in record.added


def test_a_caller_that_is_not_recognised_in_time_is_told_so(ask: Ask) -> None:
    answer = ask("{ hello }", caller="hang")
    assert (answer.status_code, only(answer)["extensions"]["code"]) == (504, "TIMEOUT")


def test_requests_beyond_the_places_in_flight_are_refused_at_once(ask: Ask) -> None:
    waiting = [
        threading.Thread(target=ask, args=("{ slow(milliseconds: 800) }",))
        for _ in range(IN_FLIGHT)
    ]
    for thread in waiting:
        thread.start()
    time.sleep(0.3)
    start = time.perf_counter()
    answer = ask("{ hello }")
    assert time.perf_counter() - start < 1
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert only(answer)["extensions"]["code"] == "UNAVAILABLE"
    for thread in waiting:
        thread.join()
    assert ask("{ hello }").status_code == 200


def test_a_mutation_ends_although_its_caller_goes_away(record: Any) -> None:
    async def go_away() -> None:
        endpoint = build_endpoint()
        transport = httpx.ASGITransport(endpoint)
        async with httpx.AsyncClient(transport=transport, base_url="http://toy") as one:
            body = {"query": "mutation { add(number: 42, milliseconds: 300) }"}
            headers = {"Authorization": "Bearer shop"}
            request = asyncio.create_task(one.post("/", json=body, headers=headers))
            await asyncio.sleep(0.1)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            assert 42 not in record.added
            await endpoint.drain()

    asyncio.run(go_away())
    assert 42 in record.added


def test_who_is_cut_off_by_the_end_of_the_server_is_told_so(record: Any) -> None:
    answers: list[httpx.Response] = []

    def wait(url: str) -> None:
        body = {"query": "mutation { add(number: 43, milliseconds: 1500) }"}
        headers = {"Authorization": "Bearer shop"}
        answers.append(httpx.post(url, json=body, headers=headers, timeout=10))

    with served(build_endpoint(), graceful_seconds=0) as url:
        waiting = threading.Thread(target=wait, args=(url,))
        waiting.start()
        time.sleep(0.5)
        assert 43 not in record.added
    waiting.join()
    (answer,) = answers
    assert answer.status_code == 504
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert only(answer)["extensions"]["code"] == "TIMEOUT"
    # It was told that this is not known.
    assert 43 in record.added


def test_a_schema_with_extensions_is_refused() -> None:
    class Extension(SchemaExtension):
        pass

    with pytest.raises(ValueError, match="extensions"):
        GraphQLEndpoint(build_schema(extensions=[Extension]), HOOKS)


def test_the_defaults_of_the_hooks_are_closed_or_modest() -> None:
    hooks: Hooks[str] = Hooks(authenticate=HOOKS.authenticate, context=HOOKS.context)
    assert not hooks.may_introspect("root")
    assert hooks.body_bytes("root") == 256 * 1024
    assert hooks.present_error(ValueError()) is None
    assert GraphQLEndpoint(build_schema(), hooks).operations.documents.kept == 0
