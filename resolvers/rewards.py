"""One-time rewards: granted in the unit that triggers them, at most once a scope, ever.

A reward's points may win a tier, which may grant another reward, until nothing more follows.
Source: semantics 13.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from models.card_statements import CardRow, cards_of
from models.customer_statements import cards_of_customers
from models.reward_statements import (
    RewardRow,
    claim_grant,
    granted,
    insert_reward,
    name_entry,
    rewards_of,
)
from models.transactions import Transaction
from resolvers.clock import civil_date, start_of
from resolvers.context import Context
from resolvers.happenings import ActivityCounted, CardIssued, SaleCounted, TierReached
from resolvers.judging import context_book, room_below
from resolvers.lineage import replaced_ids
from resolvers.lot_dates import lot_dates
from resolvers.outbox import Event
from resolvers.postings import lock_card, tell
from resolvers.standings import Standing
from resolvers.stored_standings import standing_in_unit
from resolvers.winning_tiers import win_tiers
from resolvers.writing import post
from rules.book import RuleBook
from rules.ledger import Draft, EntryType, Origin, Reason
from rules.program import OneTimeReward
from rules.program_terms import Once, Trigger
from rules.rewards import RewardPoints, reward_points


@dataclass(frozen=True, slots=True)
class Due:
    """A reward that its trigger asks for; `entry` tells each entry into a tier apart."""

    reward: OneTimeReward
    card_id: UUID
    book: RuleBook
    on: date
    occurred_at: datetime | None
    channel: str | None
    reason: str
    entry: str = ""


async def grant_rewards(context: Context, transaction: Transaction, book: RuleBook) -> None:
    """Grant what follows from what happened in the unit; all cards concerned are locked."""
    while transaction.happened:
        happened = transaction.happened.pop(0)
        for due in _due(happened, book):
            await _grant(context, transaction, due)


def _due(happened: object, book: RuleBook) -> Iterator[Due]:
    match happened:
        case TierReached():
            yield from _of_tier(happened, book)
        case SaleCounted():
            yield from _of_sale(happened)
        case ActivityCounted():
            yield from _of_activity(happened)
        case CardIssued():
            yield from _of_issue(happened, book)


def _of_tier(reached: TierReached, book: RuleBook) -> Iterator[Due]:
    for reward in book.one_time_rewards_of(reached.program):
        if reward.trigger is Trigger.TIER_REACHED and reward.tier == reached.tier:
            reason, entry = f"Reached {reached.tier}", reached.on.isoformat()
            yield Due(reward, reached.card_id, book, reached.on, None, None, reason, entry)


def _of_sale(counted: SaleCounted) -> Iterator[Due]:
    for program, count in counted.counts.items():
        for reward in counted.book.one_time_rewards_of(program):
            if reward.trigger is Trigger.TRANSACTION_COUNT and count >= (reward.count or 1):
                yield Due(
                    reward,
                    counted.card_id,
                    counted.book,
                    counted.on,
                    counted.occurred_at,
                    counted.channel,
                    f"Purchase number {count}",
                )


def _of_activity(counted: ActivityCounted) -> Iterator[Due]:
    for reward in counted.book.one_time_rewards.values():
        if (
            reward.trigger is Trigger.ACTIVITY_COUNT
            and reward.activity_type == counted.activity_type
            and counted.count >= (reward.count or 1)
        ):
            yield Due(
                reward,
                counted.card_id,
                counted.book,
                counted.on,
                counted.occurred_at,
                counted.channel,
                f"{counted.activity_type} number {counted.count}",
            )


def _of_issue(issued: CardIssued, book: RuleBook) -> Iterator[Due]:
    for program in issued.programs:
        for reward in book.one_time_rewards_of(program):
            if reward.trigger is Trigger.CARD_ISSUED:
                yield Due(
                    reward,
                    issued.card_id,
                    book,
                    issued.on,
                    issued.issued_at,
                    issued.channel,
                    "Card issued",
                )


async def _grant(context: Context, transaction: Transaction, due: Due) -> None:
    card = await lock_card(transaction, due.card_id)
    if card.status != "ACTIVE":
        # A blocked card earns nothing, though its tiers go on.
        return
    scope, others = await _scopes(transaction, card, due)
    for other in others:
        if await transaction.all(granted, of_reward=due.reward.code, of_scope=other):
            return
    now = context.service.clock()
    row = RewardRow(card.card_id, due.reward.code, scope, now, due.reason, None, due.book.version)
    claim = {**row._asdict()}
    if not await transaction.run(claim_grant, **claim):
        return
    entry_id = await _post(context, transaction, card, due, scope, now)
    if entry_id is not None:
        of = {"of_reward": row.reward, "of_scope": scope}
        await transaction.run(name_entry, **of, entry_id=entry_id)
    await transaction.run(insert_reward, **row._replace(entry_id=entry_id)._asdict())


async def _scopes(
    transaction: Transaction, card: CardRow, due: Due
) -> tuple[UUID, tuple[UUID, ...]]:
    """What the reward is granted to at most once, and what else would have had it: a card stands
    for those it replaced, and any of a customer's may have had it before it had a customer.
    """
    first = await _first_id(transaction, card)
    once = due.reward.once
    if once is Once.TIER_ENTRY:
        name = json.dumps([str(first), due.reward.program, due.reward.tier, due.entry])
        return UUID(bytes=hashlib.sha256(name.encode()).digest()[:16]), ()
    if once is Once.CUSTOMER and card.customer_key is not None:
        held = await transaction.each(cards_of_customers, [card.customer_key])
        rows = await transaction.each(cards_of, [row.card_id for row in held])
        return card.customer_key, tuple([await _first_id(transaction, row) for row in rows])
    return first, ()


async def _first_id(transaction: Transaction, card: CardRow) -> UUID:
    return (card.card_id, *await replaced_ids(transaction, card))[-1]


async def keep_granted(
    transaction: Transaction, customer_key: UUID, cards: Sequence[CardRow]
) -> None:
    """What was granted to a customer stays granted to each of the cards, which lose the customer
    now.
    """
    rows = await transaction.each(rewards_of, [card.card_id for card in cards])
    had = [row for row in rows if row.scope == customer_key]
    for card in cards if had else ():
        first = await _first_id(transaction, card)
        for row in had:
            kept = row._replace(card_id=card.card_id, scope=first, entry_id=None)
            await transaction.run(claim_grant, **kept._asdict())


async def _post(
    context: Context,
    transaction: Transaction,
    card: CardRow,
    due: Due,
    scope: UUID,
    now: datetime,
) -> UUID | None:
    """Tell of the reward and post its points; the entry, if there is one."""
    standing = await standing_in_unit(context, transaction, card, context_book(context, due.book))
    drafts = await _drafts(transaction, card, due, standing, now)
    stored = due.reward.payload
    payload = None if stored is None else json.loads(stored, parse_float=Decimal)
    told = Event("rewardGranted", {"reward": due.reward.code, "payload": payload})
    if not drafts:
        await tell(
            transaction, card, [told], max(now, card.last_posted_at), context.service.randomness
        )
        return None
    name = f"reward:{due.reward.code}:{scope}"
    posted = await post(
        transaction,
        card,
        op_id=UUID(bytes=hashlib.sha256(name.encode()).digest()[:16]),
        kind="reward",
        drafts=drafts,
        events=[told],
        now=now,
        zone=standing.time_zone,
        randomness=context.service.randomness,
    )
    await win_tiers(context, transaction, posted, standing, civil_date(now, standing.time_zone))
    return posted.entries[0].entry_id


async def _drafts(
    transaction: Transaction, card: CardRow, due: Due, standing: Standing, now: datetime
) -> Sequence[Draft]:
    """An EARN entry dated as the trigger; none where the maximum leaves no room."""
    reward = due.reward
    if reward.reward_point is None:
        return ()
    point = due.book.reward_points[reward.reward_point]
    till = due.book.channels.get(due.channel) if due.channel else None
    today = civil_date(now, till.time_zone if till else standing.time_zone)
    room = await room_below(transaction, due.book, card, now, standing.time_zone, today)
    given = reward_points(reward, point, room)
    return (_draft(due, given, standing.time_zone),) if given.units > 0 else ()


def _draft(due: Due, given: RewardPoints, zone: str) -> Draft:
    reward = due.reward
    if reward.reward_point is None:
        raise AssertionError
    vests_on, expires_on = lot_dates(due.book.reward_points[reward.reward_point], due.on)
    return Draft(
        entry_type=EntryType.EARN,
        reward_point=reward.reward_point,
        points_units=given.units,
        entry_date=due.on,
        counts_on=due.on,
        occurred_at=due.occurred_at or start_of(due.on, zone),
        vests_on=vests_on,
        expires_on=expires_on,
        origin=Origin(channel=due.channel, program=reward.program),
        reason=Reason(due.book.version, None, reward.code, given.computed_units, given.formula),
    )
