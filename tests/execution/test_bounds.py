"""Bounds on documents: each is kept, told, and kept quickly."""

from dataclasses import replace
from typing import Any

import pytest
from graphql import parse

from execution.cost import Walk
from execution.documents import Documents, OperationRefused
from execution.limits import Limits
from execution.refusal import RequestRefused
from execution.running import Runner
from tests.execution.conftest import Ask
from tests.execution.toy import build_schema
from tests.timing import processor_seconds

LIMITS = Limits()
CORE = Runner(build_schema(), in_flight=1, errors_max=20).core


def doubling(levels: int, inside: str) -> str:
    """Fragments that each spread the next one twice."""
    return "".join(
        f"fragment F{n} on Person {{ {inside % ((n + 1,) * inside.count('%d'))} }} "
        for n in range(levels)
    ) + (f"fragment F{levels} on Person {{ name }}")


def nested(width: int, depth: int) -> str:
    return "name " if not depth else f"friend {{ {nested(width, depth - 1)} }} " * width


HOSTILE = {
    "tokens": "{" + " hello" * 5_000 + " }",
    "characters": "{ hello }" + " " * 40_000,
    "depth": "{ person {" + " friend {" * 20 + " name " + "}" * 22,
    "parser depth": "{" + " person {" * 1_000 + "}" * 1_001,
    "inline fragments": "{" + " ... {" * 100 + " hello " + "}" * 101,
    "aliases": "{" + "".join(f" a{n}: hello" for n in range(1_000)) + " }",
    "fields": "{ person {" + " name" * 1_500 + " } }",
    "one name": "{ person {" + " friend { name }" * 300 + " } }",
    "one name nested": "{ person {" + nested(2, 8) + " } }",
    "different arguments": "{ person {"
    + "".join(f" friends(first: {n}) {{ edges {{ cursor }} }}" for n in range(300))
    + " } }",
    "operations": "".join(f"query Q{n} {{ hello }} " for n in range(30)),
    "fragments": "{ hello }" + "".join(f" fragment F{n} on Query {{ hello }}" for n in range(60)),
    "directives": "{ hello" + " @include(if: true)" * 60 + " }",
    "directives of variables": "query(" + "$v: Int @x " * 60 + ") { hello }",
    "introspection": "{" + "".join(f" i{n}: __schema {{ __typename }}" for n in range(3)) + " }",
    "doubling": "{ person { ...F0 } } " + doubling(20, "...F%d ...F%d"),
    "doubling deeper": "{ person { ...F0 } } "
    + doubling(14, "friend { ...F%d } friend { ...F%d }"),
    "doubling aliases": "{ person { ...F0 } } " + doubling(6, "x: name y: name ...F%d ...F%d"),
    "fragment chain": "{ person { ...F0 } } " + doubling(40, "friend { ...F%d }"),
    "merged fragments": "{ person {"
    + "".join(f" ...F{n}" for n in range(50))
    + " } }"
    + "".join(
        f" fragment F{n} on Person {{ friend {{ name name }} friend {{ name }} }}"
        for n in range(50)
    ),
    "deep list": "{ hello(name: " + "[" * 1_000 + "]" * 1_000 + ") }",
    "deep object": "{ json(value: " + "{a: " * 150 + "1" + "}" * 150 + ") }",
    "long name": "{ " + "x" * 30_000 + " }",
    "unknown names": "{ " + " ".join(f"{'helo' * 60}{n}" for n in range(100)) + " }",
    "unused variables": "query(" + "".join(f"$v{n}: Int " for n in range(700)) + ") { hello }",
    "doubled arguments": "{ hello(" + 'name: "" ' * 900 + ") }",
    "cycle": "{ person { ...A } } fragment A on Person { ...B friend { ...A } } "
    "fragment B on Person { ...A }",
    "cyclic crowd": "{ person { ...F0 } }"
    + "".join(
        f" fragment F{n} on Person {{ ...F{(n + 1) % 40} ...F{n * 7 % 40} name }}"
        for n in range(40)
    ),
    "same fragment name": "{ person { ...A } }" + " fragment A on Person { name }" * 40,
    "long integer": "{ number(value: " + "1" * 30_000 + ") }",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_refused_within_a_tenth_of_a_second(name: str) -> None:
    documents = Documents(CORE, LIMITS)

    def refused() -> None:
        with pytest.raises((RequestRefused, OperationRefused)):
            documents.prepare(HOSTILE[name], None)

    assert processor_seconds(refused) < 0.1


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("tokens", "4000 tokens"),
        ("characters", "32768 characters"),
        ("depth", "16 levels of fields"),
        ("inline fragments", "64 levels of selection sets"),
        ("aliases", "100 aliases"),
        ("fields", "1000 fields"),
        ("one name", "5000 pairs"),
        ("operations", "20 operations"),
        ("fragments", "50 fragments"),
        ("directives", "50 directives"),
        ("directives of variables", "50 directives"),
        ("introspection", "2 introspections"),
        ("doubling", "1000 fields"),
        ("doubling aliases", "100 aliases"),
        ("fragment chain", "16 levels of fields"),
        ("merged fragments", "5000 pairs"),
        ("doubled arguments", "50 arguments of one field"),
    ],
)
def test_a_bound_is_a_coded_400_that_names_it(ask: Ask, name: str, limit: str) -> None:
    for accept in ("application/json", "application/graphql-response+json"):
        answer = ask(
            HOSTILE[name], accept=accept, operationName="Q0" if name == "operations" else None
        )
        error = answer.json()["errors"][0]
        assert answer.status_code == 400
        assert error["extensions"]["code"] == "BAD_REQUEST"
        assert limit in error["message"]


@pytest.mark.parametrize("name", ["cycle", "cyclic crowd", "same fragment name"])
def test_fragments_that_make_no_sense_are_validation_errors(ask: Ask, name: str) -> None:
    answer = ask(HOSTILE[name])
    error = answer.json()["errors"][0]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_a_document_that_just_fits_is_answered(ask: Ask) -> None:
    aliases = " ".join(f"a{n}: hello" for n in range(100))
    assert ask("{ " + aliases + " }").status_code == 200
    deep = "{ person {" + " friend {" * 14 + " name " + "}" * 16
    assert ask(deep).status_code == 200
    doubled = "{ person { ...F0 } } " + doubling(6, "...F%d ...F%d")
    assert ask(doubled).json()["data"] == {"person": {"name": "Ada"}}


def test_the_usual_introspection_query_fits(ask: Ask) -> None:
    from graphql import get_introspection_query  # noqa: PLC0415 - used once

    answer = ask(get_introspection_query(input_value_deprecation=True), caller="root")
    assert answer.json()["data"]["__schema"]["queryType"]["name"] == "Query"


def test_the_errors_of_an_answer_are_bounded(ask: Ask) -> None:
    answer = ask("{ " + " ".join(f"x{n}" for n in range(50)) + " }")
    assert len(answer.json()["errors"]) == 20
    answer = ask("query($n: Int!) { manyBroken(count: $n) { broken } }", variables={"n": 50})
    assert len(answer.json()["errors"]) == 20
    assert answer.json()["extensions"]["errorsOmitted"] == 30
    names = " ".join(f"$v{n}: Int!" for n in range(50))
    uses = " ".join(f"v{n}: number(value: $v{n})" for n in range(50))
    answer = ask(f"query({names}) {{ {uses} }}")
    assert len(answer.json()["errors"]) == 20
    # Nobody has counted on.
    assert "errorsOmitted" not in answer.json()["extensions"]


def cost(query: str, limits: Limits = LIMITS, **variables: Any) -> int:
    return Documents(CORE, limits).prepare(query, None).walk.cost(variables, limits)


PAGE = "friends(first: 10) { edges { %s } }"
TWO_PAGES = "{ person { " + PAGE % ("node { " + PAGE % "cursor" + " }") + " } }"


@pytest.mark.parametrize(
    ("query", "requested"),
    [
        ("{ hello }", 1),
        ("{ hello hello __typename }", 3),
        ("{ person { friends(first: 5) { edges { cursor node { name } } } } }", 2 + 5 * 4),
        ("{ person { friends(last: 5) { edges { cursor } } } }", 2 + 5 * 2),
        ("{ person { friends { edges { cursor } } } }", 2 + 20 * 2),
        ("{ person { friends(first: null) { edges { cursor } } } }", 2 + 20 * 2),
        ("{ person { friends(first: 0) { edges { cursor } } } }", 2 + 1 * 2),
        ("{ person { friends(first: -3) { edges { cursor } } } }", 2 + 1 * 2),
        ("{ person { friends(first: 2000000000) { edges { cursor } } } }", 2 + 100 * 2),
        ("{ nodes(ids: [1, 2, 3]) { name } }", 1 + 3),
        ("{ nodes(ids: []) { name } }", 1 + 1),
        ("{ nodes(ids: 1) { name } }", 1 + 1),
        ("{ ...A ...A } fragment A on Query { person { ... { name } } }", 4),
        (TWO_PAGES, 2 + 10 * (3 + 10 * 2)),
    ],
)
def test_the_cost_counts_fields_once_per_row(query: str, requested: int) -> None:
    assert cost(query) == requested


def test_the_cost_takes_page_sizes_from_variables() -> None:
    query = (
        "query($n: Int = 3, $ids: [ID!]! = [1, 2]) "
        "{ nodes(ids: $ids) { friends(first: $n) { edges { cursor } } } }"
    )
    assert cost(query) == 1 + 2 * (1 + 3 * 2)
    assert cost(query, n=7, ids=["1"] * 5) == 1 + 5 * (1 + 7 * 2)
    assert cost(query, n=None) == 1 + 2 * (1 + 20 * 2)
    for wrong in ("7", True, [], {}):
        assert cost(query, n=wrong) == 1 + 2 * (1 + 20 * 2)


def test_a_page_size_of_any_length_costs_a_full_page() -> None:
    walk_of = "{ person { friends(first: %s) { edges { cursor } } } }"
    document = parse(walk_of % ("9" * 5_000))
    walk = Walk(CORE, document.definitions[0], {})  # type: ignore[arg-type]
    assert walk.cost({}, LIMITS) == 2 + 100 * 2


def test_the_cost_is_told_and_taken_from_the_allowance(ask: Ask, record: Any) -> None:
    answer = ask("{ person { friends(first: 5) { edges { cursor } } } }")
    assert answer.json()["extensions"] == {"cost": {"requested": 12, "limit": 10_000}}
    assert record.costs[-1] == 12
    answer = ask("{ hello maybeBroken }")
    assert answer.json()["extensions"]["cost"]["requested"] == 2


def test_a_refused_document_takes_from_the_allowance_too(ask: Ask, record: Any) -> None:
    before = len(record.costs)
    ask("{")
    ask(HOSTILE["aliases"])
    assert record.costs[before:] == [10, 10]


@pytest.mark.parametrize(
    "query", ["{ __schema { queryType { name } } }", "subscription { ticks(count: 1) }"]
)
def test_a_document_that_is_refused_for_what_it_asks_takes_from_the_allowance_too(
    ask: Ask, record: Any, query: str
) -> None:
    before = len(record.costs)
    assert ask(query).status_code in {400, 403}
    assert record.costs[before:] == [10]
    assert ask(query, caller="greedy").status_code == 429


def test_an_operation_that_costs_too_much_is_refused(ask: Ask) -> None:
    page = "friends(first: $n) { edges { node { %s } } }"
    query = "query($n: Int!) { person { " + page % (page % "name") + " } }"
    assert ask(query, variables={"n": 10}).status_code == 200
    answer = ask(query, variables={"n": 100}, accept="application/json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert answer.json()["extensions"]["cost"] == {"requested": 30_302, "limit": 10_000}


def test_documents_are_remembered_up_to_a_number() -> None:
    documents = Documents(CORE, LIMITS, entries=2)
    first = documents.prepare("{ hello }", None)
    documents.prepare("{ hello hello }", None)
    assert documents.prepare("{ hello }", None) is first
    documents.prepare("{ hello hello hello }", None)
    assert documents.kept == 2
    assert documents.prepare("{ hello }", None) is first
    assert documents.prepare("query A { hello }", "A") is not first


def test_documents_are_remembered_up_to_a_weight() -> None:
    documents = Documents(CORE, LIMITS, total_bytes=100_000)
    for number in range(50):
        documents.prepare(f'{{ hello(name: "{"x" * 1_000}{number}") }}', None)
    assert 0 < documents.kept_bytes <= 100_000
    assert documents.kept < 20
    documents.prepare("{" + " hello" * 90 + "}", None)
    Documents(CORE, LIMITS, total_bytes=1).prepare("{ hello }", None)


def test_refused_documents_are_not_remembered() -> None:
    documents = Documents(CORE, LIMITS)
    for text in ("{", "{ unknown }", HOSTILE["aliases"]):
        with pytest.raises((RequestRefused, OperationRefused)):
            documents.prepare(text, None)
    assert documents.kept == 0


def test_limits_are_settings() -> None:
    with pytest.raises(RequestRefused, match="more than 1 fields"):
        Documents(CORE, replace(LIMITS, fields=1)).prepare("{ hello hello }", None)
