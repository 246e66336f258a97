"""Customers: found by the commerce system's id, written by whoever may, erased apart from the
ledger.

Source: semantics 4, 16.
"""

from collections import defaultdict
from uuid import UUID

from models.customer_statements import (
    CustomerRow,
    PersonRow,
    affiliations_of,
    cards_of_customers,
    customers_of,
    people_of,
    refs_by_id,
    refs_by_key,
)
from models.transactions import Reader
from resolvers.callers import Role
from resolvers.context import Context
from rules.errors import Forbidden

MAXIMUM_TEXT = 256
# Name, e-mail address and phone number with blanks between; a letter folds to three at most.
LONGEST_SEARCHED = 3 * (3 * MAXIMUM_TEXT + 2)


async def keys_by_id(context: Context, customer_ids: list[str]) -> list[UUID | None]:
    rows = {
        row.customer_id: row.customer_key
        for row in await context.read.each(refs_by_id, customer_ids)
    }
    return [rows.get(customer_id) for customer_id in customer_ids]


async def ids_by_key(context: Context, keys: list[UUID]) -> list[str | None]:
    """The commerce system's ids; None for a customer who was erased."""
    rows = {row.customer_key: row.customer_id for row in await context.read.each(refs_by_key, keys)}
    return [rows.get(key) for key in keys]


async def rows_by_key(context: Context, keys: list[UUID]) -> list[CustomerRow | None]:
    rows = {row.customer_key: row for row in await context.read.each(customers_of, keys)}
    return [rows.get(key) for key in keys]


async def people_by_key(context: Context, keys: list[UUID]) -> list[PersonRow | None]:
    rows = {row.customer_key: row for row in await context.read.each(people_of, keys)}
    return [rows.get(key) for key in keys]


async def affiliations_by_key(context: Context, keys: list[UUID]) -> list[tuple[str, ...]]:
    held: dict[UUID, list[str]] = defaultdict(list)
    for row in await context.read.each(affiliations_of, keys):
        held[row.customer_key].append(row.affiliation)
    return [tuple(held[key]) for key in keys]


async def card_ids_by_key(context: Context, keys: list[UUID]) -> list[tuple[UUID, ...]]:
    held: dict[UUID, list[UUID]] = defaultdict(list)
    for row in await context.read.each(cards_of_customers, keys):
        held[row.customer_key].append(row.card_id)
    return [tuple(held[key]) for key in keys]


async def own_key(context: Context) -> UUID | None:
    """The inner key of the customer whose token this is; None where there is no such customer."""
    if context.caller.customer_id is None:
        return None
    return await context.load(keys_by_id, context.caller.customer_id)


async def find(context: Context, customer_id: str) -> UUID | None:
    """The customer, where the caller may see it: another's and an unknown one are the same None."""
    context.lookups.check()
    key = await context.load(keys_by_id, customer_id)
    foreign = context.caller.role is Role.CUSTOMER and customer_id != context.caller.customer_id
    if key is None or foreign or context.caller.role is Role.PARTNER:
        missed(context, customer_id)
        return None
    # Its siblings of the same operation may have had too many misses by now.
    context.lookups.check()
    return key


def missed(context: Context, customer_id: str) -> None:
    """Nobody visible has this id. Who asks for the own one, which no program knows yet, guesses
    nothing.
    """
    if customer_id != context.caller.customer_id:
        context.lookups.missed()


async def visible(context: Context, key: UUID) -> bool:
    """Whether the caller may see the customer with this inner key."""
    if context.caller.role is Role.PARTNER:
        return False
    if context.caller.role is not Role.CUSTOMER:
        return True
    return await own_key(context) == key


def named(context: Context, customer_id: str | None, path: tuple[str, ...]) -> str | None:
    """The customer a call speaks of: a token's own where none is named; another's is Forbidden."""
    if context.caller.role is not Role.CUSTOMER:
        return customer_id
    if customer_id not in {None, context.caller.customer_id}:
        raise Forbidden("A customer token speaks for its own customer alone.", path)
    return context.caller.customer_id


async def key_of(reader: Reader, customer_id: str) -> UUID | None:
    rows = await reader.each(refs_by_id, [customer_id])
    return rows[0].customer_key if rows else None


async def row_of(reader: Reader, key: UUID) -> CustomerRow | None:
    rows = await reader.each(customers_of, [key])
    return rows[0] if rows else None


async def affiliations_held(reader: Reader, key: UUID) -> frozenset[str]:
    return frozenset(row.affiliation for row in await reader.each(affiliations_of, [key]))
