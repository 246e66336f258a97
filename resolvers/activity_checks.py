"""What is checked of an activity before it counts, in real time and in the journal alike: its form,
what the caller may name, and that what it names exists.

Source: semantics 5.7, 16.
"""

from dataclasses import dataclass
from datetime import datetime

from resolvers import tills
from resolvers.adjustments import future_fault
from resolvers.callers import Caller, Role, check_channel
from resolvers.context import Context
from resolvers.identifiers import natural_key
from resolvers.programs import known_channel
from rules.book import RuleBook
from rules.errors import ActivityTypeNotFound, Forbidden, InvalidInput, LoyaltyError, Refused
from rules.program import ActivityType, Channel

MAXIMUM_ACTIVITY_ID = 128


@dataclass(frozen=True, slots=True)
class Activity:
    """`occurred_at` None: now."""

    channel: str
    card_number: str
    activity_type: str
    activity_id: str
    occurred_at: datetime | None = None
    affiliation: str | None = None

    @property
    def key(self) -> bytes:
        """SHA-256 of the natural key that the journal and real time share."""
        return activity_key(self.activity_type, self.activity_id)


def activity_key(activity_type: str, activity_id: str) -> bytes:
    return natural_key("activity", activity_type, activity_id)


def form_faults(context: Context, activity: Activity) -> list[LoyaltyError]:
    faults: list[LoyaltyError] = []
    if not 1 <= len(activity.activity_id) <= MAXIMUM_ACTIVITY_ID:
        message = f"An activity id has 1 to {MAXIMUM_ACTIVITY_ID} characters."
        faults.append(InvalidInput(message, ("activityId",)))
    future = future_fault(context, activity.occurred_at)
    return [*faults, future] if future else faults


def check_form(context: Context, activity: Activity) -> None:
    """Raises Refused with every fault."""
    faults = form_faults(context, activity)
    if faults:
        raise Refused(faults)


def check_scope(caller: Caller, activity: Activity) -> None:
    """Raises Forbidden for what this caller may not name, whether or not it exists."""
    check_channel(caller, activity.channel, ("channel",))
    types = caller.activity_types
    if types is not None and activity.activity_type not in types:
        raise Forbidden("This key is not for this activity type.", ("activityType",))
    if caller.role is Role.CUSTOMER:
        for value, member in (
            (activity.occurred_at, "occurredAt"),
            (activity.affiliation, "affiliation"),
        ):
            if value is not None:
                raise Forbidden("A customer token may not say this.", (member,))


def checked_type(caller: Caller, book: RuleBook | None, code: str) -> ActivityType:
    """Raises ActivityTypeNotFound, or Forbidden where shoppers may not post it themselves."""
    found = book.activity_types.get(code) if book else None
    if found is None:
        raise ActivityTypeNotFound("There is no such activity type.", ("activityType",))
    if caller.role is Role.CUSTOMER and not found.self_service:
        message = "Shoppers may not post activities of this type themselves."
        raise Forbidden(message, ("activityType",))
    return found


def named_channel(book: RuleBook | None, code: str) -> Channel:
    """Raises ChannelNotFound; before the first processing every channel is unknown."""
    return known_channel(book, code, ("channel",))


def check_affiliation(book: RuleBook, code: str | None) -> None:
    """Raises AffiliationNotFound or AffiliationHidden."""
    for fault in tills.affiliation_faults(book, (code,) if code is not None else ()):
        fault.field = ("affiliation",)
        raise fault
