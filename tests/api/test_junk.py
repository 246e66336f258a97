"""Junk at every input: whatever is sent, the answer is coded and never a fault of ours."""

from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schema.schema import schema
from tests.api.harness import Harness

GRAPHQL = schema._schema  # noqa: SLF001
ROOTS = [(root, name) for root in ("Query", "Mutation") for name in GRAPHQL.type_map[root].fields]

KNOWN = st.sampled_from(
    ["WEB", "CLUB", "GOLD", "PTS", "LC-00041", "c", "veteran", "employee", "USD", "k", "T1", "S"]
)
# Names are made again and again, so that inputs hit what exists.
TEXTS = st.one_of(
    KNOWN,
    KNOWN,
    st.text(max_size=8),
    st.sampled_from(["", "\x00", "x" * 5000, "😀", "'; --", "%", "\ud800", "-1", "1e9", "NaN"]),
)
NUMBERS = st.one_of(
    st.sampled_from(
        ["0", "1", "-1", "0.5", "0.000001", "999999999999", "999999999999.999999", "1e3", "NaN"]
    ),
    st.sampled_from([0, 1, -1, 2**31, 2**63, 10**30, 1.5, True, None, "", [], {}]),
)
INSTANTS = st.sampled_from(
    [
        "2024-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59.999999-23:59",
        "9999-12-31T00:00:00Z",
        "1900-06-15T12:00:00+09:00",
        "2024-01-01",
        "now",
        0,
    ]
)
DATES = st.sampled_from(
    ["2024-01-01", "0001-01-01", "9999-12-31", "2024-02-30", "24-1-1", "2024-W01-1", 7, None]
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["channels", "schemes", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
REPRESENTATIONS = JSONS | st.fixed_dictionaries(
    {"__typename": st.sampled_from(["LoyaltyCard", "Customer", "Channel", ""]) | JSONS},
    optional=dict.fromkeys(("id", "number", "customerId"), JSONS),
)
SCALARS = {
    "_Any": REPRESENTATIONS,
    "Decimal": NUMBERS,
    "DateTime": INSTANTS,
    "Date": DATES,
    "JSON": JSONS,
    "Int": st.sampled_from([0, 1, -1, 2, 100, 101, 2**31 - 1, -(2**31), 2**31, "1", None]),
    "Boolean": st.booleans() | st.sampled_from([None, 0, "true"]),
    "CurrencyCode": st.sampled_from(["USD", "EUR", "XXX", "usd", "", "US", 840]),
}


def values(kind: GraphQLInputType) -> st.SearchStrategy[Any]:
    """What somebody might send for an input of this type, rightly or not."""
    if isinstance(kind, GraphQLNonNull):
        return values(kind.of_type)
    if isinstance(kind, GraphQLList):
        return st.lists(values(kind.of_type), max_size=3)
    if isinstance(kind, GraphQLEnumType):
        return st.sampled_from([*kind.values, "NONE", 1])
    if isinstance(kind, GraphQLInputObjectType):
        return st.deferred(lambda: members(kind))
    assert isinstance(kind, GraphQLScalarType)
    return SCALARS.get(kind.name, TEXTS)


def members(kind: GraphQLInputObjectType) -> st.SearchStrategy[dict[str, Any]]:
    wanted = {n: values(f.type) for n, f in kind.fields.items() if is_required_input_field(f)}
    others = {n: values(f.type) for n, f in kind.fields.items() if not is_required_input_field(f)}
    return st.fixed_dictionaries(wanted, optional=others)


@st.composite
def operations(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An operation on one root field with arguments of the right names and any values."""
    root, name = draw(st.sampled_from(ROOTS))
    field = GRAPHQL.type_map[root].fields[name]
    variables = {
        argument: draw(values(of.type))
        for argument, of in field.args.items()
        if is_required_argument(of) or draw(st.booleans())
    }
    declared = ", ".join(f"${argument}: {field.args[argument].type}" for argument in variables)
    passed = ", ".join(f"{argument}: ${argument}" for argument in variables)
    selection = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
    head = f"({declared})" if declared else ""
    tail = f"({passed})" if passed else ""
    return f"{root.lower()}{head} {{ {name}{tail} {selection} }}", variables


@given(operation=operations())
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_input_whatever_is_a_fault_of_ours(
    service: Harness, operation: tuple[str, dict[str, Any]]
) -> None:
    if not service.ask("{ channels { code } }")["channels"]:
        service.apply(service.document())
        service.customer("c")
        service.issue(customerId="c")
        service.sale("LC-00041", "600.00", customerId="c", transactionId="T1")
    query, variables = operation
    answer = service.gql(query, **variables)
    assert answer.response.status_code < 500, (operation, answer.body)
    assert "INTERNAL_SERVER_ERROR" not in answer.codes, (operation, answer.body)
    assert all(code.isupper() for code in answer.codes)


def test_the_service_goes_on_after_junk(club: Harness) -> None:
    for body in (b"", b"{", b"\xff", b"null", b"[" * 100_000, b'{"query": 1}'):
        headers = {
            "Authorization": f"Bearer {club.key('admin')}",
            "Content-Type": "application/json",
        }
        response = club.client.post("/graphql", content=body, headers=headers)
        assert response.status_code == 400
        assert response.json()["errors"][0]["extensions"]["code"]
    assert club.ask("{ channels { code } }")["channels"] == [{"code": "WEB"}]
