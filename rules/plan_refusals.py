"""What a new document may not change, because something stored needs it. Source: semantics 3."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain

from rules.errors import ConfigurationInvalid
from rules.program import Configuration


@dataclass(frozen=True, slots=True)
class Existing:
    """What is stored, by code."""

    reward_points_with_entries: frozenset[str] = frozenset()
    channels_with_sales_or_payments: frozenset[str] = frozenset()
    channels_with_cards_or_sales: frozenset[str] = frozenset()
    programs_with_enrolments: frozenset[str] = frozenset()
    tiers_with_running_rows: frozenset[tuple[str, str]] = frozenset()  # (program, tier)
    activity_types_with_unposted_lines: frozenset[str] = frozenset()
    affiliations_held: frozenset[str] = frozenset()


def refusals(
    past: Sequence[Configuration], after: Configuration, existing: Existing
) -> tuple[ConfigurationInvalid, ...]:
    """Faults of `after` seen from what exists; what was removed is reported at its list.

    `past` are the versions that were in force, the newest last: what exists lives under its codes.
    What is stored is read in the unit of the last one that had its code, also under codes that come
    back. Source: semantics 3 ("Also refused").
    """
    return tuple(
        chain(
            _changed_reward_points(past, after, existing.reward_points_with_entries),
            _changed_channels(past, after, existing.channels_with_sales_or_payments),
            *(_removed_items(before, after, existing) for before in past[-1:]),
            *(
                _removed_tiers(before, after, existing.tiers_with_running_rows)
                for before in past[-1:]
            ),
        )
    )


def _changed_reward_points(
    past: Sequence[Configuration], after: Configuration, used: AbstractSet[str]
) -> Iterator[ConfigurationInvalid]:
    old = {point.code: point for before in past for point in before.reward_points}
    for index, point in enumerate(after.reward_points):
        path = ("document", "rewardPoints", str(index))
        previous = old.get(point.code, point) if point.code in used else point
        if previous.kind is not point.kind:
            message = f"Reward point {point.code} has entries: its kind cannot change."
            yield ConfigurationInvalid(message, (*path, "kind"))
        if previous.currency != point.currency:
            message = f"Reward point {point.code} has entries: its currency cannot change."
            yield ConfigurationInvalid(message, (*path, "currency"))


def _changed_channels(
    past: Sequence[Configuration], after: Configuration, used: AbstractSet[str]
) -> Iterator[ConfigurationInvalid]:
    old = {channel.code: channel.currency for before in past for channel in before.channels}
    for index, channel in enumerate(after.channels):
        previous = old.get(channel.code, channel.currency)
        if channel.code in used and previous != channel.currency:
            message = f"Channel {channel.code} has sales or payments: its currency cannot change."
            yield ConfigurationInvalid(message, ("document", "channels", str(index), "currency"))


def _removed_items(
    before: Configuration, after: Configuration, existing: Existing
) -> Iterator[ConfigurationInvalid]:
    old, new = _codes(before), _codes(after)
    for name, used, reason in (
        ("rewardPoints", existing.reward_points_with_entries, "has entries"),
        ("channels", existing.channels_with_cards_or_sales, "has cards or sales"),
        ("programs", existing.programs_with_enrolments, "has enrolments"),
        ("activityTypes", existing.activity_types_with_unposted_lines, "has unposted lines"),
        ("affiliations", existing.affiliations_held, "is held by a customer"),
    ):
        for code in old[name]:
            if code in used and code not in new[name]:
                message = f"{code} {reason} and cannot be removed."
                yield ConfigurationInvalid(message, ("document", name))


def _removed_tiers(
    before: Configuration, after: Configuration, held: AbstractSet[tuple[str, str]]
) -> Iterator[ConfigurationInvalid]:
    left = {(program.code, tier.code) for program in after.programs for tier in program.tiers}
    positions = {program.code: index for index, program in enumerate(after.programs)}
    for program in before.programs:
        position = positions.get(program.code)
        path = ("document", "programs") + (() if position is None else (str(position), "tiers"))
        for tier in program.tiers:
            pair = (program.code, tier.code)
            if pair in held and pair not in left:
                message = f"Tier {tier.code} of {program.code} is held and cannot be removed."
                yield ConfigurationInvalid(message, path)


def _codes(configuration: Configuration) -> Mapping[str, Iterable[str]]:
    return {
        "rewardPoints": [item.code for item in configuration.reward_points],
        "channels": [item.code for item in configuration.channels],
        "programs": [item.code for item in configuration.programs],
        "activityTypes": [item.code for item in configuration.activity_types],
        "affiliations": [item.code for item in configuration.affiliations],
    }
