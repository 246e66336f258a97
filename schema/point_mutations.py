"""Mutations that move points by hand: inputs, payload and fields."""

from collections.abc import Awaitable
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import strawberry

from resolvers import adjustments, transactions, transfers
from resolvers.replays import Outcome
from schema.access import MANAGERS, SHOPS, Info, root
from schema.card_mutations import Key
from schema.errors import UserError, told
from schema.ledger import LoyaltyTransaction
from schema.values import given


@strawberry.input(description="Points to set right.")
class AdjustPointsInput:
    idempotency_key: str = strawberry.field(description=Key)
    card_number: str = strawberry.field(description="The number of the card.")
    reward_point: str = strawberry.field(description="The code of the reward point.")
    points: Decimal = strawberry.field(description="Signed.")
    program: str | None = strawberry.field(
        default=strawberry.UNSET, description="The code of a program of the card."
    )
    occurred_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="When it happened; now if left out."
    )
    reason_code: str = strawberry.field(description="Why, for those who count reasons.")
    comment: str | None = strawberry.field(
        default=strawberry.UNSET, description="Why, for those who read it later."
    )
    force: bool = strawberry.field(
        default=False,
        description=(
            "Lets the balance fall below zero, or rise above the maximum. Needs its own permission."
        ),
    )

    def command(self) -> adjustments.Adjust:
        return adjustments.Adjust(
            card_number=self.card_number,
            reward_point=self.reward_point,
            points=self.points,
            reason_code=self.reason_code,
            program=given(self.program),
            occurred_at=given(self.occurred_at),
            comment=given(self.comment),
            force=self.force,
        )


@strawberry.input(description="A gift of points from card to card.")
class TransferPointsInput:
    idempotency_key: str = strawberry.field(description=Key)
    from_card_number: str = strawberry.field(description="The card that gives.")
    to_card_number: str = strawberry.field(description="The card that receives.")
    reward_point: str = strawberry.field(description="The code of a redeemable reward point.")
    points: Decimal = strawberry.field(description="How many, above 0.")
    comment: str | None = strawberry.field(
        default=strawberry.UNSET, description="What the gift is for."
    )

    def command(self) -> transfers.Transfer:
        return transfers.Transfer(
            self.from_card_number,
            self.to_card_number,
            self.reward_point,
            self.points,
            given(self.comment),
        )


@strawberry.type(description="What was posted, or why nothing was.")
class PointsPayload:
    transactions: list[LoyaltyTransaction] = strawberry.field(
        description="The rows written, the giving card's first."
    )
    replayed: bool = strawberry.field(description="Whether an earlier call did it.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


async def points_payload(info: Info, work: Awaitable[Outcome]) -> PointsPayload:
    answer = await told(lambda: work)
    rows: list[LoyaltyTransaction] = []
    if answer.value is not None:
        done = answer.value.answer
        for name in ("card_id", "to_card_id"):
            if name in done:
                key = (UUID(done[name]), UUID(done["op_id"]))
                found = await info.context.load(transactions.entries_by_operation, key)
                rows += [LoyaltyTransaction(row=row) for row in found]
    return PointsPayload(
        transactions=rows,
        replayed=answer.replayed or (answer.value is not None and answer.value.replayed),
        user_errors=answer.user_errors,
    )


@strawberry.type(description="Points moved by hand.")
class PointMutations:
    @root(roles=MANAGERS, description="Set points right: one entry, dated by when it happened.")
    async def adjust_points(
        self,
        info: Info,
        input: Annotated[  # noqa: A002 (the contract's name)
            AdjustPointsInput, strawberry.argument(description="Card, points, and why.")
        ],
    ) -> PointsPayload:
        work = adjustments.adjust(info.context, input.idempotency_key, input.command())
        return await points_payload(info, work)

    @root(roles=SHOPS, description="Give available points to another card.")
    async def transfer_points(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            TransferPointsInput, strawberry.argument(description="Cards and points.")
        ],
    ) -> PointsPayload:
        work = transfers.transfer(info.context, input.idempotency_key, input.command())
        return await points_payload(info, work)
