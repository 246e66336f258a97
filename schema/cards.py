"""Loyalty cards: what they are and what they hold."""

from asyncio import gather
from datetime import date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry
from strawberry.federation.schema_directives import Key as FederationKey
from strawberry.federation.types import FieldSet

from models.card_statements import CardRow, EnrolmentRow
from resolvers import (
    balances,
    card_days,
    cards,
    programs,
    reward_views,
    standings,
    stored_standings,
)
from resolvers.balances import Moment
from resolvers.transactions import EntryFilter
from rules.balances import NEVER
from schema.access import Info
from schema.balances import PointsBalance, shown_balance
from schema.ledger import LoyaltyTransactionConnection, LoyaltyTransactionFilter, transaction_page
from schema.program import Channel, LoyaltyTier, load_tier
from schema.rewards import GrantedReward
from schema.schemes import LoyaltyProgram, load_program
from schema.tier_status import TierProgress, TierRequirement, TierStatus
from schema.values import After, AsOf, Before, First, Key, Last, Node, asked_page, given

if TYPE_CHECKING:
    from schema.customers import Customer

KnownAt = Annotated[
    datetime | None,
    strawberry.argument(description="Only what was written by this instant; now if left out."),
]


@strawberry.enum(description="Whether a card can be used.")
class LoyaltyCardStatus(Enum):
    ACTIVE = strawberry.enum_value("ACTIVE", description="In use.")
    BLOCKED = strawberry.enum_value("BLOCKED", description="Neither earns nor pays for now.")
    REPLACED = strawberry.enum_value(
        "REPLACED", description="Another card took its place for ever."
    )


@strawberry.enum(description="What a card can pay with; apart from its status.")
class CardTenderType(Enum):
    AS_CARD_TENDER = strawberry.enum_value(
        "AS_CARD_TENDER", description="Earns; pays with its own points."
    )
    AS_CONTACT_TENDER = strawberry.enum_value(
        "AS_CONTACT_TENDER",
        description=(
            "Earns; pays with the points of all of its customer's ACTIVE cards. Needs a customer."
        ),
    )
    NO_TENDER = strawberry.enum_value(
        "NO_TENDER",
        description=(
            "Earns, cannot be presented to pay; its points feed its customer's contact-tender "
            "cards."
        ),
    )


@strawberry.type(description="A card's membership of a program.")
class ProgramEnrollment:
    row: strawberry.Private[EnrolmentRow]
    owner: strawberry.Private[CardRow]
    on: strawberry.Private[date]

    @strawberry.field(description="The program.")
    async def program(self, info: Info) -> LoyaltyProgram:
        found = await load_program(info, self.row.program)
        if found is None:
            raise LookupError(f"no version has the program {self.row.program}")
        return found

    @strawberry.field(description="Its first day.")
    def start_date(self) -> date:
        return self.row.starts_on

    @strawberry.field(description="Its last day; null: open.")
    def end_date(self) -> date | None:
        return self.row.ends_on

    @strawberry.field(description="The tier held; null: none.")
    async def tier(self, info: Info) -> TierStatus | None:
        standing = await stored_standings.standing(info.context, self.owner)
        held = standing.tier_on(self.row.program, self.on) if standing else None
        if held is None:
            return None
        tier = await load_tier(info, self.row.program, held.tier)
        if tier is None:
            return None
        return TierStatus(tier=tier, since=held.starts_on, until=held.ends_on, manual=held.manual)

    @strawberry.field(description="What separates the card from the next tier up; null at the top.")
    async def next_tier(self, info: Info) -> TierProgress | None:
        standing = await stored_standings.standing(info.context, self.owner)
        progress = standing.progress_on(self.row.program, self.on) if standing else None
        if progress is None:
            return None
        return TierProgress(
            tier=LoyaltyTier(value=progress.tier, program=self.row.program),
            requirements=[TierRequirement(value=one) for one in progress.requirements],
        )


@strawberry.type(
    description="A loyalty card.",
    directives=[FederationKey(fields=FieldSet("id")), FederationKey(fields=FieldSet("number"))],
)
class LoyaltyCard(Node):
    row: strawberry.Private[CardRow]

    def key(self) -> Key:
        return (self.row.card_id.bytes,)

    @strawberry.field(description="What is printed on it.")
    def number(self) -> str:
        return self.row.number

    @strawberry.field(description="Whether it can be used.")
    def status(self) -> LoyaltyCardStatus:
        return LoyaltyCardStatus(self.row.status)

    @strawberry.field(description="What it can pay with.")
    def tender_type(self) -> CardTenderType:
        return CardTenderType(self.row.tender_type)

    @strawberry.field(description="Whose card it is; null: anonymous.")
    async def customer(
        self, info: Info
    ) -> Annotated["Customer", strawberry.lazy("schema.customers")] | None:
        from schema.customers import load_customer  # noqa: PLC0415 (they point at each other)

        key = self.row.customer_key
        return None if key is None else await load_customer(info, key)

    @strawberry.field(description="When it was issued.")
    def issued_at(self) -> datetime:
        return self.row.issued_at

    @strawberry.field(description="The enrolment source: the channel that issued the card.")
    async def enrollment_source(self, info: Info) -> Channel:
        source = self.row.enrollment_source
        found = await info.context.load(programs.channels_by_code, source)
        if found is None:
            raise LookupError(f"no version has the channel {source}")
        return Channel(value=found)

    @strawberry.field(description="The programs it is enrolled in on the day.")
    async def enrollments(
        self, info: Info, as_of: AsOf = strawberry.UNSET
    ) -> list[ProgramEnrollment]:
        today = await card_days.today_of(info.context, self.row)
        on = given(as_of) or today
        standings.check_foreseeable(today, on)
        rows = await info.context.load(cards.enrolments_by_card, self.row.card_id)
        return [
            ProgramEnrollment(row=row, owner=self.row, on=on)
            for row in rows
            if row.starts_on <= on <= (row.ends_on or NEVER)
        ]

    @strawberry.field(description="What it holds, one balance for each reward point.")
    async def balances(
        self, info: Info, as_of: AsOf = strawberry.UNSET, known_at: KnownAt = strawberry.UNSET
    ) -> list[PointsBalance]:
        moment = Moment(given(as_of), given(known_at))
        found = await balances.of_card(info.context, self.row, moment)
        return await gather(*(shown_balance(info, balance) for balance in found))

    @strawberry.field(
        description="What it holds of one reward point; zeros without any, null for an unknown one."
    )
    async def balance(
        self,
        info: Info,
        reward_point: Annotated[
            str, strawberry.argument(description="The code of the reward point.")
        ],
        as_of: AsOf = strawberry.UNSET,
        known_at: KnownAt = strawberry.UNSET,
    ) -> PointsBalance | None:
        moment = Moment(given(as_of), given(known_at))
        found = await balances.of_point(info.context, self.row, reward_point, moment)
        return None if found is None else await shown_balance(info, found)

    @strawberry.field(description="Its book, newest first.")
    async def transactions(
        self,
        info: Info,
        filter: Annotated[  # noqa: A002 (the contract's name)
            LoyaltyTransactionFilter | None, strawberry.argument(description="Which rows.")
        ] = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> LoyaltyTransactionConnection:
        wanted = given(filter)
        chosen = wanted.chosen() if wanted else EntryFilter()
        page = asked_page(first, after, last, before)
        return await transaction_page(info.context, self.row, chosen, page)

    @strawberry.field(description="One-time rewards that it was granted, oldest first.")
    async def rewards(self, info: Info) -> list[GrantedReward]:
        found = await reward_views.of_card(info.context, self.row)
        return [GrantedReward(row=row) for row in found]

    @strawberry.field(description="When it was blocked.")
    def blocked_at(self) -> datetime | None:
        return self.row.blocked_at

    @strawberry.field(description="Why it was blocked.")
    async def block_reason(self, info: Info) -> str | None:
        if self.row.blocked_at is None:
            return None
        return await info.context.load(cards.block_reasons_by_card, self.row.card_id)

    @strawberry.field(description="The card that took its place.")
    async def replaced_by(self, info: Info) -> "LoyaltyCard | None":
        return await load_card(info, self.row.replaced_by)

    @strawberry.field(description="The card whose place it took.")
    async def replaces(self, info: Info) -> "LoyaltyCard | None":
        return await load_card(info, self.row.replaces)


async def load_card(info: Info, card_id: UUID | None) -> LoyaltyCard | None:
    """The card, where the caller may see it."""
    row = None if card_id is None else await cards.by_id(info.context, card_id)
    return None if row is None else LoyaltyCard(row=row)
