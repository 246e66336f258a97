"""Who may use a field, declared where the field is declared and checked once before an operation is
executed.

Rights are plain metadata of the field; whose object it is, is checked in the resolver. Source:
semantics 16.
"""

from collections.abc import Iterable
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLSchema
from strawberry.types.field import StrawberryField

from resolvers.callers import Caller, Role
from resolvers.context import Context

Info = strawberry.Info[Context, None]

ROLES = "roles"

EVERYONE = frozenset(Role)
MANAGERS = frozenset({Role.STAFF, Role.ADMIN})
ADMINISTRATORS = frozenset({Role.ADMIN})
SHOPS = MANAGERS | {Role.STOREFRONT}
SHOPS_AND_CUSTOMERS = SHOPS | {Role.CUSTOMER}
PARTNERS_AND_SHOPS = SHOPS | {Role.PARTNER}
# Of a journal's lines: staff, and partners for those that they created.
REVIEWERS = MANAGERS | {Role.PARTNER}

# Below the root these are closed to partners: whatever field leads to one of them.
CLOSED_TO_PARTNERS = frozenset({"LoyaltyCard", "Customer", "SalesTransaction", "LoyaltyPayment"})
# What a row of the ledger tells of the card besides what the partner's activity earned.
HIDDEN_FROM_PARTNERS = frozenset(
    ("LoyaltyTransaction", name) for name in ("tier", "comment", "remaining", "allocations")
)
ROOTS = frozenset({"Query", "Mutation", "Subscription"})


def root(*, roles: frozenset[Role], description: str, name: str | None = None) -> Any:
    """A field of Query or Mutation that callers of these roles may use."""
    return strawberry.field(name=name, description=description, metadata={ROLES: roles})


def roles_of(schema: GraphQLSchema, type_name: str, field_name: str) -> frozenset[Role] | None:
    """What the root field declares; None where it declares nothing, which closes it to all."""
    field = getattr(schema.type_map.get(type_name), "fields", {}).get(field_name)
    definition = field.extensions.get("strawberry-definition") if field else None
    if not isinstance(definition, StrawberryField):
        return None
    roles: frozenset[Role] | None = definition.metadata.get(ROLES)
    return roles


def refusals(
    schema: GraphQLSchema, caller: Caller, selected: Iterable[tuple[str, str, str]]
) -> list[GraphQLError]:
    """One error for each selected (type, field, type of the field) that is closed to the caller."""
    return [
        GraphQLError(f"{type_name}.{field_name} is closed to this caller.")
        for type_name, field_name, returned in sorted(selected)
        if not field_name.startswith("__")
        and not _open(schema, caller, type_name, field_name, returned)
    ]


def _open(
    schema: GraphQLSchema, caller: Caller, type_name: str, field_name: str, returned: str
) -> bool:
    if type_name in ROOTS:
        return caller.role in (roles_of(schema, type_name, field_name) or frozenset())
    if caller.role is not Role.PARTNER:
        return True
    hidden = (type_name, field_name) in HIDDEN_FROM_PARTNERS
    return not hidden and returned not in CLOSED_TO_PARTNERS
