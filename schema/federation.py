"""The service as a subgraph of Apollo Federation 2: its entities by their keys, and its SDL.

Whoever may see an entity by `loyaltyCard`, `node` or `customer` finds it here, and nobody else.
Source: semantics 16.
"""

from asyncio import gather
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Annotated, Any, Final, TypeAlias

import strawberry
from graphql import (
    GraphQLSchema,
    get_named_type,
    is_specified_directive,
    is_specified_scalar_type,
)
from strawberry.federation.schema import FederationAny
from strawberry.schema import BaseSchema
from strawberry.types.scalar import ScalarDefinition

from execution.refusal import InputRefused
from execution.relay import MalformedId
from execution.scalars import JSON, parse_json, print_json
from resolvers import cards, customers
from schema.access import EVERYONE, Info, root
from schema.cards import LoyaltyCard, load_card
from schema.customers import Customer, load_customer
from schema.values import keys_of

VERSION: Final = "2.9"
"""The newest that the composers of Apollo and of The Guild both take."""

MAXIMUM_REPRESENTATIONS = 1000

ANY: Final[ScalarDefinition] = strawberry.scalar(
    name="_Any",
    description=(
        "An entity's type and one of its keys, "
        'e.g. {"__typename": "LoyaltyCard", "number": "LC-00041"}.'
    ),
    serialize=print_json,
    parse_value=parse_json,
    parse_literal=JSON.parse_literal,
)

Entity = Annotated[
    LoyaltyCard | Customer,
    strawberry.union("_Entity", description="What other subgraphs refer to by a key."),
]
Found: TypeAlias = LoyaltyCard | Customer | None


async def _card_by_id(info: Info, text: str) -> Found:
    (card_id,) = keys_of("LoyaltyCard", [text])
    if card_id is None:
        raise MalformedId("The id is not one of a LoyaltyCard.", "representations")
    return await load_card(info, card_id)


async def _card_by_number(info: Info, number: str) -> Found:
    row = await cards.by_number(info.context, number)
    return None if row is None else LoyaltyCard(row=row)


async def _customer_by_id(info: Info, customer_id: str) -> Found:
    key = await customers.find(info.context, customer_id)
    return None if key is None else await load_customer(info, key)


_KEYS: Final[Mapping[str, Mapping[str, Callable[[Info, str], Awaitable[Found]]]]] = {
    "LoyaltyCard": {"id": _card_by_id, "number": _card_by_number},
    "Customer": {"customerId": _customer_by_id},
}


async def _entity(info: Info, representation: object) -> Found:
    """The entity, where the caller may see it. Raises InputRefused where none is named."""
    if not isinstance(representation, dict):
        raise _refused("A representation is an object.")
    type_name = representation.get("__typename")
    keys = _KEYS.get(type_name) if isinstance(type_name, str) else None
    if keys is None:
        raise _refused(f"__typename is one of {', '.join(_KEYS)}.")
    for name, find in keys.items():
        key = representation.get(name)
        if isinstance(key, str):
            return await find(info, key)
    raise _refused(f"A {type_name} is named by its {' or '.join(keys)}: a string.")


def _refused(message: str) -> InputRefused:
    return InputRefused(message, "representations")


@cache
def subgraph(schema: BaseSchema) -> str:
    """The SDL from which a supergraph is composed: the schema with the directives of Federation."""
    return schema.as_str().rstrip() + "\n"


def hide_directives(core: GraphQLSchema) -> None:
    """Leave the definitions of Federation's directives out of introspection: they mean nothing to
    clients, and composers know them.
    """
    hidden = [one for one in core.directives if not is_specified_directive(one)]
    core.directives = tuple(filter(is_specified_directive, core.directives))
    for argument in (argument for one in hidden for argument in one.args.values()):
        named = get_named_type(argument.type)
        if not is_specified_scalar_type(named):
            core.type_map.pop(named.name, None)


@strawberry.type(name="_Service", description="What this subgraph says of itself.")
class SubgraphService:
    @strawberry.field(description="Its schema, with the directives that composers read.")
    def sdl(self, info: Info) -> str:
        return subgraph(info.schema)


@strawberry.type
class SubgraphQuery:
    @root(
        name="_entities",
        roles=EVERYONE,
        description=(
            "For gateways: the entities named, at most 1,000, in their order; null where the "
            "caller sees none. A representation that names none fails alone."
        ),
    )
    async def entities(
        self,
        info: Info,
        representations: Annotated[
            list[FederationAny], strawberry.argument(description="Types and keys of entities.")
        ],
    ) -> list[Entity | None]:
        if len(representations) > MAXIMUM_REPRESENTATIONS:
            raise _refused(f"At most {MAXIMUM_REPRESENTATIONS} representations may be sent.")
        # Together, so that each kind of key is looked up once for all; what fails stands in its
        # place of the list, where GraphQL makes null and an error of it.
        found: list[Any] = await gather(
            *(_entity(info, one) for one in representations), return_exceptions=True
        )
        return found

    @root(
        name="_service",
        roles=EVERYONE,
        description="For composers: this subgraph. Closed wherever introspection is.",
    )
    def service(self) -> SubgraphService:
        return SubgraphService()
