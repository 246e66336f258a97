"""Why a sale, a scheme or a rule gives nothing or less: a code for programs, a sentence for people.

Source: semantics 5.1, 5.3-5.5, 12, 14.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rules.indexes import in_force
from rules.program import EarningRule, RedemptionRule, Scheme


class NoteCode(StrEnum):
    NO_CARD = "NO_CARD"
    CARD_BLOCKED = "CARD_BLOCKED"
    CHANNEL_NOT_PARTICIPATING = "CHANNEL_NOT_PARTICIPATING"
    NOT_ENROLLED = "NOT_ENROLLED"
    EXCLUDED_AFFILIATION = "EXCLUDED_AFFILIATION"
    TIER_NOT_HELD = "TIER_NOT_HELD"
    AFFILIATION_NOT_HELD = "AFFILIATION_NOT_HELD"
    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    NO_MATCHING_LINES = "NO_MATCHING_LINES"
    OUTSIDE_VALIDITY = "OUTSIDE_VALIDITY"
    MAXIMUM_REACHED = "MAXIMUM_REACHED"
    PAID_WITH_POINTS = "PAID_WITH_POINTS"
    QUEUED = "QUEUED"


@dataclass(frozen=True, slots=True)
class Note:
    """`scheme` and `rule` are codes: both None for the whole sale, `rule` None for the scheme."""

    code: NoteCode
    scheme: str | None = None
    rule: str | None = None


_MESSAGES = {
    NoteCode.NO_CARD: "No loyalty card was presented.",
    NoteCode.CARD_BLOCKED: "The loyalty card is not active.",
    NoteCode.CHANNEL_NOT_PARTICIPATING: "No loyalty scheme is published to this channel.",
    NoteCode.NOT_ENROLLED: "The card is not enrolled in the scheme's program on this date.",
    NoteCode.EXCLUDED_AFFILIATION: "An affiliation that is held excludes the scheme.",
    NoteCode.TIER_NOT_HELD: "The card does not hold the rule's tier.",
    NoteCode.AFFILIATION_NOT_HELD: "The rule's affiliation is not held.",
    NoteCode.BELOW_THRESHOLD: "The amount or quantity is too small for the rule to give points.",
    NoteCode.NO_MATCHING_LINES: "Nothing here is what the rule rewards.",
    NoteCode.OUTSIDE_VALIDITY: "The rule is not in force on this date.",
    NoteCode.MAXIMUM_REACHED: "The card has reached the maximum of this reward point.",
    NoteCode.PAID_WITH_POINTS: "What was paid with points earns nothing.",
    NoteCode.QUEUED: "The points will be posted by the next batch.",
}


def message_of(note: Note) -> str:
    """Tell a person, in English, what the note says; it names nobody."""
    return _MESSAGES[note.code]


def scheme_stop(
    scheme: Scheme, programs: AbstractSet[str], affiliations: AbstractSet[str]
) -> NoteCode | None:
    """Tell what stops every rule of a scheme: not enrolled, or excluded. Source: semantics 5.1."""
    if scheme.program not in programs:
        return NoteCode.NOT_ENROLLED
    excluded = not affiliations.isdisjoint(scheme.excluded_affiliations)
    return NoteCode.EXCLUDED_AFFILIATION if excluded else None


def held_keys(
    tier: str | None, affiliations: AbstractSet[str]
) -> list[tuple[str | None, str | None]]:
    """Give the (tier, affiliation) of every rule that `rule_stop` lets pass, dates apart."""
    return [(one, held) for one in {None, tier} for held in (None, *affiliations)]


def rule_stop(
    rule: EarningRule | RedemptionRule, on: date, tier: str | None, affiliations: AbstractSet[str]
) -> NoteCode | None:
    """Tell what stops a rule: its dates, its tier (exactly the one held), its affiliation.

    Source: semantics 5.1, step 3.
    """
    if not in_force(rule, on):
        return NoteCode.OUTSIDE_VALIDITY
    if rule.tier is not None and rule.tier != tier:
        return NoteCode.TIER_NOT_HELD
    held = rule.affiliation is None or rule.affiliation in affiliations
    return None if held else NoteCode.AFFILIATION_NOT_HELD
