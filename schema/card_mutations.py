"""Mutations of cards: inputs, payloads and fields."""

from collections.abc import Awaitable
from datetime import date
from typing import Annotated
from uuid import UUID

import strawberry

from resolvers import assigned_tiers, card_changes, enrolments, issuing, replacing
from resolvers.replays import Outcome
from schema.access import MANAGERS, SHOPS, SHOPS_AND_CUSTOMERS, Info, root
from schema.cards import CardTenderType, LoyaltyCard, load_card
from schema.errors import UserError, told
from schema.values import given

Key = "1 to 128 visible ASCII characters; the same key and input answers as the first time."
Number = "The number of the card."


@strawberry.input(description="A card to issue.")
class IssueLoyaltyCardInput:
    idempotency_key: str = strawberry.field(description=Key)
    channel: str = strawberry.field(description="Where it is issued.")
    number: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Null: the next one of the channel's number sequence.",
    )
    customer_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="Whose it is; null: anonymous."
    )
    tender_type: CardTenderType = strawberry.field(
        default=CardTenderType.AS_CARD_TENDER, description="What it can pay with."
    )
    programs: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Null: every program with a scheme on the channel."
    )

    def command(self) -> issuing.Issue:
        programs = given(self.programs)
        return issuing.Issue(
            channel=self.channel,
            number=given(self.number),
            customer_id=given(self.customer_id),
            tender_type=self.tender_type.name,
            programs=None if programs is None else tuple(programs),
        )


@strawberry.input(description="An anonymous card and its customer to be.")
class LinkLoyaltyCardInput:
    idempotency_key: str = strawberry.field(description=Key)
    number: str = strawberry.field(description=Number)
    customer_id: str = strawberry.field(description="The customer.")


@strawberry.input(description="A card to block.")
class BlockLoyaltyCardInput:
    idempotency_key: str = strawberry.field(description=Key)
    number: str = strawberry.field(description=Number)
    reason: str = strawberry.field(description="Why, for those who read it later.")


@strawberry.input(description="A card to unblock.")
class UnblockLoyaltyCardInput:
    idempotency_key: str = strawberry.field(description=Key)
    number: str = strawberry.field(description=Number)
    reason: str = strawberry.field(description="Why, for those who read it later.")


@strawberry.input(description="A card that another one is to take the place of.")
class ReplaceLoyaltyCardInput:
    idempotency_key: str = strawberry.field(description=Key)
    channel: str = strawberry.field(description="Where the new card is issued.")
    number: str = strawberry.field(description="The number of the card to replace.")
    new_number: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Null: the next one of the channel's number sequence.",
    )
    reason: str | None = strawberry.field(
        default=strawberry.UNSET, description="Why, for those who read it later."
    )

    def command(self) -> replacing.Replace:
        return replacing.Replace(
            self.channel, self.number, given(self.new_number), given(self.reason)
        )


@strawberry.input(description="A card's membership of a program to add or to end.")
class EnrollLoyaltyCardInput:
    idempotency_key: str = strawberry.field(description=Key)
    number: str = strawberry.field(description=Number)
    program: str = strawberry.field(description="The code of the program.")
    start_date: date | None = strawberry.field(
        default=strawberry.UNSET, description="The first day; today if left out."
    )
    end_date: date | None = strawberry.field(
        default=strawberry.UNSET, description="The last day; null: open."
    )


@strawberry.input(description="A tier given by hand.")
class AssignLoyaltyTierInput:
    idempotency_key: str = strawberry.field(description=Key)
    number: str = strawberry.field(description=Number)
    program: str = strawberry.field(description="The code of the program.")
    tier: str = strawberry.field(description="The code of the tier.")
    start_date: date | None = strawberry.field(
        default=strawberry.UNSET, description="The first day; today if left out."
    )
    end_date: date = strawberry.field(description="The last day.")
    reason: str = strawberry.field(description="Why, for those who read it later.")


@strawberry.type(description="A card after a mutation, or why nothing was done.")
class LoyaltyCardPayload:
    card: LoyaltyCard | None = strawberry.field(description="The card as it is now.")
    replayed: bool = strawberry.field(description="Whether an earlier call did it.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


@strawberry.type(description="The card that took another's place, or why nothing was done.")
class ReplaceLoyaltyCardPayload:
    card: LoyaltyCard | None = strawberry.field(description="The new card as it is now.")
    replaced: LoyaltyCard | None = strawberry.field(description="The card it took the place of.")
    replayed: bool = strawberry.field(description="Whether an earlier call did it.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing was done.")


async def card_payload(info: Info, work: Awaitable[Outcome]) -> LoyaltyCardPayload:
    answer = await told(lambda: work)
    card = None
    if answer.value is not None:
        # After an erasure a customer id, and with it its keys, may be another person's.
        card = await load_card(info, UUID(answer.value.answer["card_id"]))
    return LoyaltyCardPayload(
        card=card,
        replayed=answer.replayed or (answer.value is not None and answer.value.replayed),
        user_errors=answer.user_errors,
    )


@strawberry.type(description="Changes of cards.")
class CardMutations:
    @root(roles=SHOPS_AND_CUSTOMERS, description="Issue a card.")
    async def issue_loyalty_card(
        self,
        info: Info,
        input: Annotated[  # noqa: A002 (the contract's name)
            IssueLoyaltyCardInput, strawberry.argument(description="The card.")
        ],
    ) -> LoyaltyCardPayload:
        work = issuing.issue(info.context, input.idempotency_key, input.command())
        return await card_payload(info, work)

    @root(roles=SHOPS, description="Give an anonymous card a customer.")
    async def link_loyalty_card(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            LinkLoyaltyCardInput, strawberry.argument(description="Card and customer.")
        ],
    ) -> LoyaltyCardPayload:
        command = card_changes.Link(input.number, input.customer_id)
        work = card_changes.link(info.context, input.idempotency_key, command)
        return await card_payload(info, work)

    @root(roles=SHOPS_AND_CUSTOMERS, description="Block a card.")
    async def block_loyalty_card(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            BlockLoyaltyCardInput, strawberry.argument(description="The card, and why.")
        ],
    ) -> LoyaltyCardPayload:
        command = card_changes.Block(input.number, input.reason)
        work = card_changes.block(info.context, input.idempotency_key, command)
        return await card_payload(info, work)

    @root(roles=MANAGERS, description="Make a blocked card ACTIVE again.")
    async def unblock_loyalty_card(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            UnblockLoyaltyCardInput, strawberry.argument(description="The card, and why.")
        ],
    ) -> LoyaltyCardPayload:
        command = card_changes.Block(input.number, input.reason)
        work = card_changes.unblock(info.context, input.idempotency_key, command)
        return await card_payload(info, work)

    @root(
        roles=MANAGERS,
        description="Issue a card in place of another: all its points and tiers move to it.",
    )
    async def replace_loyalty_card(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            ReplaceLoyaltyCardInput, strawberry.argument(description="The card, and where.")
        ],
    ) -> ReplaceLoyaltyCardPayload:
        work = replacing.replace_card(info.context, input.idempotency_key, input.command())
        answer = await told(lambda: work)
        ids = {} if answer.value is None else answer.value.answer
        new, old = (UUID(ids[name]) if ids else None for name in ("card_id", "replaced_id"))
        return ReplaceLoyaltyCardPayload(
            card=await load_card(info, new),
            replaced=await load_card(info, old),
            replayed=answer.replayed or (answer.value is not None and answer.value.replayed),
            user_errors=answer.user_errors,
        )

    @root(roles=SHOPS, description="Add an enrolment, or set the end of a running one.")
    async def enroll_loyalty_card(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            EnrollLoyaltyCardInput, strawberry.argument(description="Card and program.")
        ],
    ) -> LoyaltyCardPayload:
        command = enrolments.Enrol(
            input.number, input.program, given(input.start_date), given(input.end_date)
        )
        work = enrolments.enrol(info.context, input.idempotency_key, command)
        return await card_payload(info, work)

    @root(roles=MANAGERS, description="Give a tier by hand for a time.")
    async def assign_loyalty_tier(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            AssignLoyaltyTierInput, strawberry.argument(description="Card, tier and days.")
        ],
    ) -> LoyaltyCardPayload:
        command = assigned_tiers.AssignTier(
            number=input.number,
            program=input.program,
            tier=input.tier,
            end_date=input.end_date,
            reason=input.reason,
            start_date=given(input.start_date),
        )
        work = assigned_tiers.assign_tier(info.context, input.idempotency_key, command)
        return await card_payload(info, work)
