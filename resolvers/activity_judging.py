"""What an activity earns: the facts gathered, the rules asked, the entries drafted.

Source: semantics 5.1, 5.5, 5.7.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from models.card_statements import CardRow
from models.database import Reader
from resolvers import tills
from resolvers.activity_checks import Activity
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.judging import context_book, room_below
from resolvers.lot_dates import lot_dates
from resolvers.standings import Standing, standing_in_unit
from rules.book import RuleBook
from rules.earning import ActivityFacts, CardFacts, Earned, earn_activity
from rules.ledger import Draft, EntryType, Origin, Reason
from rules.program import Channel


@dataclass(frozen=True, slots=True)
class JudgedActivity:
    """What the rules made of it, and the card's standing before."""

    earned: Earned
    standing: Standing


async def judge_activity(
    context: Context,
    reader: Reader,
    book: RuleBook,
    channel: Channel,
    card: CardRow,
    activity: Activity,
    entry_date: date,
    now: datetime,
) -> JudgedActivity:
    """Judge by `book` as of the entry date; maxima look at what is known now, also for late ones.

    Raises InvalidInput for an earning beyond 10^15 smallest units.
    """
    named = (activity.affiliation,) if activity.affiliation is not None else ()
    held = await tills.held_affiliations(reader, None, card, named)
    standing = await standing_in_unit(context, reader, card, context_book(context, book))
    today = civil_date(now, channel.time_zone)
    room = await room_below(reader, book, card.card_id, now, standing.time_zone, today)
    facts = activity_facts(channel, standing, held, room, activity.activity_type, entry_date)
    earned = earn_activity(facts, book.schemes_on(channel.code), book.reward_points)
    return JudgedActivity(earned, standing)


def activity_facts(
    channel: Channel,
    standing: Standing,
    affiliations: frozenset[str],
    room: Mapping[str, int],
    activity_type: str,
    entry_date: date,
) -> ActivityFacts:
    return ActivityFacts(
        channel=channel.code,
        on=entry_date,
        card=CardFacts(
            active=standing.card.status == "ACTIVE",
            programs=standing.programs_on(entry_date),
            tiers=standing.tiers_on(entry_date),
        ),
        affiliations=affiliations,
        room=room,
        activity_type=activity_type,
    )


def activity_drafts(
    book: RuleBook,
    channel: Channel,
    activity: Activity,
    earned: Earned,
    entry_date: date,
    occurred_at: datetime,
) -> list[Draft]:
    """One EARN entry for each rule that gives points, in the document's order."""
    drafts = []
    for earning in earned.earnings:
        vests_on, expires_on = lot_dates(book.reward_points[earning.reward_point], entry_date)
        origin = Origin(
            channel=channel.code,
            program=earning.program,
            tier=earning.tier,
            activity_type=activity.activity_type,
            activity_id=activity.activity_id,
        )
        drafts += [
            Draft(
                entry_type=EntryType.EARN,
                reward_point=earning.reward_point,
                points_units=share.points_units,
                entry_date=entry_date,
                counts_on=entry_date,
                occurred_at=occurred_at,
                vests_on=vests_on,
                expires_on=expires_on,
                origin=origin,
                reason=Reason(
                    book.version, earning.scheme, earning.rule, share.computed_units, share.formula
                ),
            )
            for share in earning.shares
        ]
    return drafts
