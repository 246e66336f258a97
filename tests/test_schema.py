"""The printed schema is the code's, and everything in it is described."""

from collections.abc import Iterator

import pytest
from graphql import (
    GraphQLNamedType,
    GraphQLSchema,
    build_client_schema,
    build_schema,
    introspection_from_schema,
    is_specified_scalar_type,
    lexicographic_sort_schema,
    print_schema,
)

from schema.federation import subgraph
from schema.printed import FILE, main, printed
from schema.schema import schema

GRAPHQL = schema._schema  # noqa: SLF001


def named() -> Iterator[GraphQLNamedType]:
    for name, kind in GRAPHQL.type_map.items():
        if not name.startswith("__") and not is_specified_scalar_type(kind):
            yield kind


def test_the_committed_schema_is_that_of_the_code() -> None:
    assert FILE.read_text(encoding="utf-8") == printed()


def in_order(one: GraphQLSchema) -> str:
    return print_schema(lexicographic_sort_schema(one))


def test_introspection_tells_what_is_committed() -> None:
    told = build_client_schema(introspection_from_schema(GRAPHQL, schema_description=False))
    assert in_order(told) == in_order(build_schema(FILE.read_text(encoding="utf-8")))


def test_only_the_subgraph_has_the_directives_of_federation() -> None:
    heads = {
        "type LoyaltyCard implements Node": (
            '@key(fields: "id", resolvable: true) @key(fields: "number", resolvable: true)'
        ),
        "type Customer implements Node": '@key(fields: "customerId", resolvable: true)',
        "type Money": "@shareable",
        "type PageInfo": "@shareable",
    }
    link, _, types = subgraph(schema).partition("\n}\n\n")
    assert link.startswith(
        'schema @link(url: "https://specs.apollo.dev/federation/v2.9", '
        'import: ["@key", "@shareable"]) {\n  query: Query\n'
    )
    plain = printed()
    for head, directives in heads.items():
        plain = plain.replace(f"\n{head} {{\n", f"\n{head} {directives} {{\n")
    assert types == plain


def test_composers_are_given_the_subgraph_as_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--subgraph"]) == 0
    assert capsys.readouterr().out == subgraph(schema)


def test_everything_is_described() -> None:
    missing = []
    for kind in named():
        members = {**getattr(kind, "fields", {}), **getattr(kind, "values", {})}
        missing += [kind.name] if not kind.description else []
        missing += [f"{kind.name}.{n}" for n, member in members.items() if not member.description]
        missing += [
            f"{kind.name}.{name}({argument})"
            for name, member in members.items()
            for argument, of in getattr(member, "args", {}).items()
            if not of.description
        ]
    assert missing == []


def test_every_scalar_of_ours_says_what_it_is() -> None:
    for kind in named():
        if hasattr(kind, "specified_by_url"):
            assert kind.specified_by_url or "e.g." in (kind.description or ""), kind.name


def test_every_mutation_takes_one_input_and_answers_with_a_payload() -> None:
    for name, field in GRAPHQL.type_map["Mutation"].fields.items():
        assert list(field.args) in (["input"], []), name
        assert str(field.type).rstrip("!").endswith("Payload"), name
        payload = getattr(field.type, "of_type", field.type)
        assert "userErrors" in payload.fields or name == "postSales", name
