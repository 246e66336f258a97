"""The root of all that is told as it happens.

A source tells when; each time the field is resolved as one of a query is, in a snapshot of its
own, with whatever rights the caller then has.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from typing import Annotated, Any

import strawberry
from graphql import GraphQLResolveInfo, GraphQLSchema

from resolvers import cards
from resolvers.context import Context
from schema.access import EVERYONE, Info, root
from schema.cards import LoyaltyCard

Source = Callable[..., Coroutine[Any, Any, AsyncGenerator[None, None]]]


@strawberry.type(description="Everything that is told as it happens.")
class Subscription:
    @root(
        roles=EVERYONE,
        description="The card, each time its balances, tiers or status change.",
    )
    async def loyalty_card_changed(
        self,
        info: Info,
        number: Annotated[str, strawberry.argument(description="What is printed on it.")],
    ) -> LoyaltyCard:
        return LoyaltyCard(row=await cards.shown(info.context, number))


async def _card_changes(
    _root: object, info: GraphQLResolveInfo[Context], number: str
) -> AsyncGenerator[None, None]:
    card = await cards.shown(info.context, number)
    return info.context.service.watch.changes(card.card_id, card.next_event)


_SOURCES: Mapping[str, Source] = {"loyaltyCardChanged": _card_changes}


def open_sources(schema: GraphQLSchema) -> None:
    """Give each field of the root what tells it when."""
    for name, definition in getattr(schema.subscription_type, "fields", {}).items():
        definition.subscribe = _SOURCES[name]
