"""Entities by their keys, as gateways ask for them: batched, coded, shown to whom they belong."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from schema.federation import MAXIMUM_REPRESENTATIONS
from tests.api.harness import Answer, Harness, running

ENTITIES = """query($representations: [_Any!]!) { _entities(representations: $representations) {
  ... on LoyaltyCard { id number balances { available } }
  ... on Customer { customerId name } } }"""


def ask(service: Harness, *representations: Any, caller: str = "storefront") -> Answer:
    return service.gql(ENTITIES, caller, representations=representations)


def card(**key: Any) -> dict[str, Any]:
    return {"__typename": "LoyaltyCard", **key}


def customer(customer_id: str) -> dict[str, Any]:
    return {"__typename": "Customer", "customerId": customer_id}


@pytest.fixture
def owned(club: Harness) -> Harness:
    club.customer("owner", name="Ann")
    club.customer("other", name="Bob")
    club.issue("OWNED", customerId="owner")
    return club


def test_entities_come_in_their_order_by_each_of_their_keys(owned: Harness) -> None:
    id_ = owned.ask('{ loyaltyCard(number: "OWNED") { id } }')["loyaltyCard"]["id"]
    found = ask(owned, customer("owner"), card(number="OWNED"), card(id=id_), card(number="NONE"))
    owned_card = {"id": id_, "number": "OWNED", "balances": [{"available": "0"}]}
    assert found.errors == []
    assert found == {
        "_entities": [{"customerId": "owner", "name": "Ann"}, owned_card, owned_card, None]
    }


def test_foreign_and_unknown_entities_are_the_same_bytes(owned: Harness) -> None:
    id_ = owned.ask('{ loyaltyCard(number: "OWNED") { id } }')["loyaltyCard"]["id"]
    bodies = {
        ask(owned, representation, caller=caller).response.content
        for caller in ("customer:other", "partner")
        for representation in (
            card(number="OWNED"),
            card(number="NEVER"),
            card(id=id_),
            customer("owner"),
            customer("never"),
        )
    }
    assert len(bodies) == 1
    own = ask(owned, card(number="OWNED"), customer("owner"), caller="customer:owner")
    assert [one and (one.get("number") or one["name"]) for one in own["_entities"]] == [
        "OWNED",
        "Ann",
    ]


WRONG: list[Any] = [
    {"__typename": "Nope", "id": "x"},
    {"__typename": "Money", "amount": "1"},
    {"__typename": "LoyaltyCard"},
    {"__typename": "LoyaltyCard", "customerId": "owner"},
    {"__typename": "LoyaltyCard", "number": 7},
    {"__typename": "LoyaltyCard", "number": None},
    {"__typename": "LoyaltyCard", "id": "OWNED"},
    {"__typename": ["LoyaltyCard"], "number": "OWNED"},
    {"__typename": "Customer", "id": "x"},
    {"number": "OWNED"},
    {},
    [],
    ["LoyaltyCard"],
    "OWNED",
    7,
    True,
]


def test_what_names_no_entity_fails_alone_with_a_code(owned: Harness) -> None:
    found = ask(owned, card(number="OWNED"), *WRONG, customer("owner"))
    first, *between, last = found["_entities"]
    assert (first["number"], last["name"]) == ("OWNED", "Ann")
    assert between == [None] * len(WRONG)
    places = [["_entities", 1 + place] for place in range(len(WRONG))]
    assert [error["path"] for error in found.errors] == places
    told = {"code": "INVALID_INPUT", "argument": "representations"}
    assert [error["extensions"] for error in found.errors] == [told] * len(WRONG)


def test_literals_are_representations_too(owned: Harness) -> None:
    query = """query($number: String!) { _entities(representations: [
      {__typename: "LoyaltyCard", number: $number}, {__typename: "Customer", customerId: "owner"}
    ]) { __typename } }"""
    found = owned.ask(query, number="OWNED")["_entities"]
    assert [one["__typename"] for one in found] == ["LoyaltyCard", "Customer"]


def test_a_call_is_bounded_and_costs_by_its_representations(owned: Harness) -> None:
    query = """query($representations: [_Any!]!) {
      _entities(representations: $representations) { __typename } }"""

    def send(number: int) -> Answer:
        return owned.gql(query, representations=[customer("owner")] * number)

    for number in (1, 10, MAXIMUM_REPRESENTATIONS):
        found = send(number)
        assert found.errors == []
        assert found.body["extensions"]["cost"]["requested"] == 1 + number
    assert send(MAXIMUM_REPRESENTATIONS + 1).codes == ["INVALID_INPUT"]
    assert send(20_000).codes == ["BAD_REQUEST"]
    assert owned.gql("{ _entities(representations: [null]) { __typename } }").codes == [
        "GRAPHQL_VALIDATION_FAILED"
    ]


@pytest.fixture
def guarded(server_loop: asyncio.AbstractEventLoop, database_url: str) -> Iterator[Harness]:
    with running(server_loop, database_url, LOYALTY_CUSTOMER_FAILED_LOOKUPS="3") as service:
        service.apply(service.document())
        service.customer("owner")
        service.issue("OWNED", customerId="owner")
        yield service


def test_numbers_cannot_be_guessed_through_references(guarded: Harness) -> None:
    guesses = [card(number=f"N{number}") for number in range(5)]
    found = ask(guarded, *guesses, caller="customer:owner")
    assert found["_entities"] == [None] * 5
    assert found.codes == ["RATE_LIMITED"] * 2
    # Not even what is there, until the minute is over.
    assert ask(guarded, card(number="OWNED"), caller="customer:owner").codes == ["RATE_LIMITED"]
    assert ask(guarded, card(number="OWNED")).codes == []


def test_the_subgraph_is_told_wherever_introspection_is(
    server_loop: asyncio.AbstractEventLoop, sqlite_url: str
) -> None:
    query = "{ _service { sdl } }"
    environ = {"LOYALTY_MODE": "production"}
    with running(server_loop, sqlite_url, **environ) as service:
        assert service.gql(query, "admin").codes == ["FORBIDDEN"]
        rights = frozenset({"introspect"})
        composer = service.key("storefront", "composer", rights=rights)
        sdl = service.send(query, composer, {})["_service"]["sdl"]
    assert '@link(url: "https://specs.apollo.dev/federation/v2.9"' in sdl
    assert 'type LoyaltyCard implements Node @key(fields: "id"' in sdl
