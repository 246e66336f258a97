"""What a new document may not change, because something stored needs it. Source: semantics 3."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain

from rules.errors import ConfigurationInvalid
from rules.program import Channel, Configuration, RewardPoint
from rules.program_terms import RewardPointKind


@dataclass(frozen=True, slots=True)
class Existing:
    """What is stored, by code."""

    reward_points_with_entries: frozenset[str] = frozenset()
    # Those that queued sales may earn.
    reward_points_to_come: frozenset[str] = frozenset()
    channels_with_sales_or_payments: frozenset[str] = frozenset()
    channels_with_cards_or_sales: frozenset[str] = frozenset()
    programs_with_enrolments: frozenset[str] = frozenset()
    tiers_with_running_rows: frozenset[tuple[str, str]] = frozenset()  # (program, tier)
    activity_types_with_unposted_lines: frozenset[str] = frozenset()
    affiliations_held: frozenset[str] = frozenset()


def at_stake(past: Sequence[Configuration], after: Configuration) -> Existing:
    """What `after` takes away or reads otherwise than `past`, as far as it exists."""
    if not past:
        return Existing()
    old, new = _codes(past[-1]), _codes(after)
    gone = {name: frozenset(old[name]).difference(new[name]) for name in old}
    points, channels = _last_points(past), _last_channels(past)
    return Existing(
        reward_points_with_entries=gone["rewardPoints"]
        | {
            point.code
            for point in after.reward_points
            if _unit(points.get(point.code, point)) != _unit(point)
        },
        channels_with_sales_or_payments=frozenset(
            channel.code
            for channel in after.channels
            if channels.get(channel.code, channel).currency != channel.currency
        ),
        channels_with_cards_or_sales=gone["channels"],
        programs_with_enrolments=gone["programs"],
        tiers_with_running_rows=_tiers(past[-1]) - _tiers(after),
        activity_types_with_unposted_lines=gone["activityTypes"],
        affiliations_held=gone["affiliations"],
    )


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
            _changed_reward_points(
                past,
                after,
                existing.reward_points_with_entries | existing.reward_points_to_come,
            ),
            _changed_channels(past, after, existing.channels_with_sales_or_payments),
            *(_removed_items(before, after, existing) for before in past[-1:]),
            *(
                _removed_tiers(before, after, existing.tiers_with_running_rows)
                for before in past[-1:]
            ),
        )
    )


def _last_points(past: Iterable[Configuration]) -> Mapping[str, RewardPoint]:
    return {point.code: point for version in past for point in version.reward_points}


def _last_channels(past: Iterable[Configuration]) -> Mapping[str, Channel]:
    return {channel.code: channel for version in past for channel in version.channels}


def _unit(point: RewardPoint) -> tuple[RewardPointKind, str | None]:
    return point.kind, point.currency


def _changed_reward_points(
    past: Sequence[Configuration], after: Configuration, used: AbstractSet[str]
) -> Iterator[ConfigurationInvalid]:
    old = _last_points(past)
    for index, point in enumerate(after.reward_points):
        path = ("document", "rewardPoints", str(index))
        previous = old.get(point.code, point) if point.code in used else point
        if previous.kind is not point.kind:
            message = f"Reward point {point.code} has entries or will: its kind cannot change."
            yield ConfigurationInvalid(message, (*path, "kind"))
        if previous.currency != point.currency:
            message = f"Reward point {point.code} has entries or will: its currency cannot change."
            yield ConfigurationInvalid(message, (*path, "currency"))


def _changed_channels(
    past: Sequence[Configuration], after: Configuration, used: AbstractSet[str]
) -> Iterator[ConfigurationInvalid]:
    old = _last_channels(past)
    for index, channel in enumerate(after.channels):
        previous = old.get(channel.code, channel)
        if channel.code in used and previous.currency != channel.currency:
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
    left = _tiers(after)
    positions = {program.code: index for index, program in enumerate(after.programs)}
    for program in before.programs:
        position = positions.get(program.code)
        path = ("document", "programs") + (() if position is None else (str(position), "tiers"))
        for tier in program.tiers:
            pair = (program.code, tier.code)
            if pair in held and pair not in left:
                message = f"Tier {tier.code} of {program.code} is held and cannot be removed."
                yield ConfigurationInvalid(message, path)


def _tiers(configuration: Configuration) -> frozenset[tuple[str, str]]:
    return frozenset((p.code, tier.code) for p in configuration.programs for tier in p.tiers)


def _codes(configuration: Configuration) -> Mapping[str, Iterable[str]]:
    return {
        "rewardPoints": [item.code for item in configuration.reward_points],
        "channels": [item.code for item in configuration.channels],
        "programs": [item.code for item in configuration.programs],
        "activityTypes": [item.code for item in configuration.activity_types],
        "affiliations": [item.code for item in configuration.affiliations],
    }
