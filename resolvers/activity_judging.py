"""What an activity earns: the facts gathered, the rules asked, the entries drafted.

Source: semantics 5.1, 5.5, 5.7.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from models.card_statements import CardRow
from models.transactions import Reader
from resolvers import tills
from resolvers.activity_checks import Activity
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.judging import context_book, room_below
from resolvers.lot_dates import lot_dates
from resolvers.outbox import Event
from resolvers.standings import Standing
from resolvers.stored_standings import standing_in_unit
from rules.book import RuleBook
from rules.earning import ActivityFacts, CardFacts, earn_activity
from rules.earnings import Earned
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
    room = await room_below(reader, book, card, now, standing.time_zone, today)
    membership = standing.programs_on(entry_date), standing.tiers_on(entry_date)
    facts = activity_facts(channel, membership, held, room, activity.activity_type, entry_date)
    earned = earn_activity(facts, book.schemes_on(channel.code), book.reward_points)
    return JudgedActivity(earned, standing)


def activity_facts(
    channel: Channel,
    membership: tuple[frozenset[str], Mapping[str, str]],
    affiliations: frozenset[str],
    room: Mapping[str, int],
    activity_type: str,
    entry_date: date,
) -> ActivityFacts:
    """Of an ACTIVE card; `membership`: its programs, and its tiers by program."""
    programs, tiers = membership
    return ActivityFacts(
        channel=channel.code,
        on=entry_date,
        card=CardFacts(active=True, programs=programs, tiers=tiers),
        affiliations=affiliations,
        room=room,
        activity_type=activity_type,
    )


def notes_json(earned: Earned) -> str:
    return json.dumps([[note.code.value, note.scheme, note.rule] for note in earned.notes])


class Gift(NamedTuple):
    """One entry to be of an activity, whichever activity it is."""

    reward_point: str
    units: int
    entry_date: date
    vests_on: date
    expires_on: date | None
    channel: str
    program: str
    tier: str | None
    reason: Reason


def gifts(book: RuleBook, channel: Channel, earned: Earned, entry_date: date) -> tuple[Gift, ...]:
    """One for each rule that gives points, in the document's order."""
    found = []
    for earning in earned.earnings:
        dates = lot_dates(book.reward_points[earning.reward_point], entry_date)
        for share in earning.shares:
            reason = Reason(
                book.version, earning.scheme, earning.rule, share.computed_units, share.formula
            )
            given = (earning.reward_point, share.points_units, entry_date, *dates)
            found.append(Gift(*given, channel.code, earning.program, earning.tier, reason))
    return tuple(found)


def activity_drafts(
    given: Iterable[Gift], activity_type: str, activity_id: str, occurred_at: datetime
) -> list[Draft]:
    """EARN entries of the activity."""
    drafts = []
    for point, units, on, vests_on, expires_on, channel, program, tier, reason in given:
        origin = Origin(
            channel, program, tier, None, None, None, activity_type, activity_id, adjustment_id=None
        )
        days = (on, on, occurred_at, vests_on, expires_on)
        drafts.append(Draft(EntryType.EARN, point, units, *days, origin, reason))
    return drafts


def activity_posted(activity_type: str, activity_id: str, op_id: UUID) -> Event:
    told = {"activityType": activity_type, "activityId": activity_id, "operation": op_id}
    return Event("activityPosted", told)
