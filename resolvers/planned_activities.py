"""An activity before it is posted: what it names, found and checked. Source: semantics 5.7."""

from dataclasses import dataclass
from datetime import date, datetime

from models.card_statements import CardRow
from models.transactions import Transaction
from resolvers import tills
from resolvers.activity_checks import Activity, check_affiliation, checked_type, named_channel
from resolvers.clock import civil_date
from resolvers.context import Context
from rules.book import RuleBook
from rules.errors import CardBlocked, CardReplaced, ChannelInactive
from rules.program import ActivityType, Channel


@dataclass(frozen=True, slots=True)
class Plan:
    """An activity that passed its checks, ready for the lock of its card."""

    activity: Activity
    occurred_at: datetime
    entry_date: date
    book: RuleBook
    channel: Channel
    kind: ActivityType
    card: CardRow
    now: datetime


async def plan_activity(context: Context, transaction: Transaction, activity: Activity) -> Plan:
    """Check what does not depend on the card's lock, in order: type, channel, card, affiliation.

    Raises the first LoyaltyError.
    """
    now = context.service.clock()
    occurred_at = activity.occurred_at or now
    book = await context.service.books.at(transaction, occurred_at)
    kind = checked_type(context.caller, book, activity.activity_type)
    channel = named_channel(book, activity.channel)
    if book is None:
        raise AssertionError
    if not channel.active:
        raise ChannelInactive("This channel is not active.", ("channel",))
    card = await tills.earning(context, transaction, activity.card_number, occurred_at)
    check_status(card)
    check_affiliation(book, activity.affiliation)
    entry_date = civil_date(occurred_at, channel.time_zone)
    return Plan(activity, occurred_at, entry_date, book, channel, kind, card, now)


def check_status(card: CardRow) -> None:
    if card.status == "BLOCKED":
        raise CardBlocked("This card is blocked.", ("cardNumber",))
    if card.status == "REPLACED":
        raise CardReplaced("This card was replaced.", ("cardNumber",))
