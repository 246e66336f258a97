"""Notes: why a rule or a whole scheme gives nothing, so that nobody has to guess."""

from enum import Enum

import strawberry

from rules.notes import Note, message_of


@strawberry.enum(description="Why a sale, a scheme or a rule gives nothing or less.")
class CartNoteCode(Enum):
    NO_CARD = strawberry.enum_value("NO_CARD", description="No card was presented.")
    CARD_BLOCKED = strawberry.enum_value("CARD_BLOCKED", description="The card is not ACTIVE.")
    CHANNEL_NOT_PARTICIPATING = strawberry.enum_value(
        "CHANNEL_NOT_PARTICIPATING", description="No scheme is published to the channel."
    )
    NOT_ENROLLED = strawberry.enum_value(
        "NOT_ENROLLED", description="The card is not in the scheme's program."
    )
    EXCLUDED_AFFILIATION = strawberry.enum_value(
        "EXCLUDED_AFFILIATION", description="An affiliation that is held excludes the scheme."
    )
    TIER_NOT_HELD = strawberry.enum_value(
        "TIER_NOT_HELD", description="The card does not hold the rule's tier."
    )
    AFFILIATION_NOT_HELD = strawberry.enum_value(
        "AFFILIATION_NOT_HELD", description="The rule's affiliation is not held."
    )
    BELOW_THRESHOLD = strawberry.enum_value(
        "BELOW_THRESHOLD", description="Too little for the rule to give a point."
    )
    NO_MATCHING_LINES = strawberry.enum_value(
        "NO_MATCHING_LINES", description="Nothing here is what the rule rewards."
    )
    OUTSIDE_VALIDITY = strawberry.enum_value(
        "OUTSIDE_VALIDITY", description="The rule is not in force on this date."
    )
    MAXIMUM_REACHED = strawberry.enum_value(
        "MAXIMUM_REACHED", description="The card's maximum cut the rule."
    )
    PAID_WITH_POINTS = strawberry.enum_value(
        "PAID_WITH_POINTS", description="What was paid with points earns nothing."
    )
    QUEUED = strawberry.enum_value(
        "QUEUED", description="The points will be posted by the next batch."
    )


@strawberry.type(description="Why a rule or a whole scheme gives nothing.")
class CartNote:
    code: CartNoteCode = strawberry.field(description="The reason, for programs.")
    message: str = strawberry.field(description="The reason, in English.")
    scheme: str | None = strawberry.field(description="The scheme; null: the whole sale.")
    rule: str | None = strawberry.field(description="The rule; null: the whole scheme.")


def shown_note(note: Note) -> CartNote:
    return CartNote(
        code=CartNoteCode(note.code.value),
        message=message_of(note),
        scheme=note.scheme,
        rule=note.rule,
    )
