"""Mutations of tiers: input, payload and field."""

from typing import Annotated

import strawberry

from resolvers import reevaluations
from schema.access import MANAGERS, Info, root
from schema.errors import UserError, told
from schema.values import given


@strawberry.input(description="Which card's tiers to evaluate anew.")
class UpdateLoyaltyCardTiersInput:
    card_number: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The number of the card; null: all cards, for administrators.",
    )


@strawberry.type(description="What the re-evaluation did, or why it did nothing.")
class UpdateLoyaltyCardTiersPayload:
    cards_evaluated: int = strawberry.field(description="Cards looked at.")
    cards_changed: int = strawberry.field(
        description="Cards with a row added, extended or ended by it; not by time alone."
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


@strawberry.type(description="Changes of tiers.")
class TierMutations:
    @root(roles=MANAGERS, description="Apply changed tier rules to one card, or to all.")
    async def update_loyalty_card_tiers(
        self,
        info: Info,
        input: Annotated[  # noqa: A002 (the contract's name)
            UpdateLoyaltyCardTiersInput, strawberry.argument(description="The card.")
        ],
    ) -> UpdateLoyaltyCardTiersPayload:
        number = given(input.card_number)
        answer = await told(lambda: reevaluations.update_tiers(info.context, number))
        done = answer.value or reevaluations.Evaluated(0, 0)
        return UpdateLoyaltyCardTiersPayload(
            cards_evaluated=done.cards,
            cards_changed=done.changed,
            user_errors=answer.user_errors,
        )
