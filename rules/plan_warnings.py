"""What is allowed in a document and yet seldom meant. Source: semantics 3 (Warnings)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import chain

from rules.organization import published_channels
from rules.program import Configuration, Scheme


def warnings(
    configuration: Configuration, today: date, counters: Mapping[str, int]
) -> tuple[str, ...]:
    """Sentences for the one who applies the document, each beginning with a path by code.

    `counters` is the number each sequence would draw next, for the sequences there are.
    """
    return tuple(
        chain(
            _lowered_sequences(configuration, counters),
            _shared_price_groups(configuration),
            _reward_points(configuration),
            _schemes(configuration, today),
            _channels_that_take_no_points(configuration),
        )
    )


def _lowered_sequences(configuration: Configuration, counters: Mapping[str, int]) -> Iterator[str]:
    for sequence in configuration.number_sequences:
        counter = counters.get(sequence.code, sequence.next)
        if sequence.next < counter:
            path = f"numberSequences/{sequence.code}/next"
            yield f"{path}: {sequence.next} is ignored, the sequence has reached {counter}."


def _shared_price_groups(configuration: Configuration) -> Iterator[str]:
    members, channels = _groups_of_members(configuration), defaultdict[str, list[str]](list)
    for channel in configuration.channels:
        for code in channel.price_groups:
            channels[code].append(channel.code)
    for group in configuration.price_groups:
        code = group.code
        if code in members and code in channels:
            yield (
                f"priceGroups/{code}: {', '.join(members[code])} shares it with channel "
                f"{', '.join(channels[code])}, where everyone gets its prices."
            )


def _groups_of_members(configuration: Configuration) -> Mapping[str, list[str]]:
    """The programs and tiers that open each price group."""
    members = defaultdict[str, list[str]](list)
    for program in configuration.programs:
        for code in program.price_groups:
            members[code].append(f"program {program.code}")
        for tier in program.tiers:
            for code in tier.price_groups:
                members[code].append(f"tier {program.code}/{tier.code}")
    return members


def _reward_points(configuration: Configuration) -> Iterator[str]:
    paying = {rule.reward_point for s in configuration.schemes for rule in s.redemption_rules}
    redeemable = {point.code for point in configuration.reward_points if point.redeemable}
    for code in sorted(redeemable - paying):
        yield f"rewardPoints/{code}: it is redeemable, but no redemption rule takes it."
    for program in configuration.programs:
        for tier in program.tiers:
            for code in sorted({rule.reward_point for rule in tier.rules} & redeemable):
                path = f"programs/{program.code}/tiers/{tier.code}/rules"
                yield f"{path}: {code} is redeemable, and a tier counts points that were issued."


def _schemes(configuration: Configuration, today: date) -> Iterator[str]:
    published = published_channels(configuration)
    for scheme in configuration.schemes:
        if not published[scheme.code]:
            yield f"schemes/{scheme.code}: it is on no channel."
        yield from _rules_that_are_over(scheme, today)


def _rules_that_are_over(scheme: Scheme, today: date) -> Iterator[str]:
    dates = [
        *(("earningRules", rule.code, rule.valid_to) for rule in scheme.earning_rules),
        *(("redemptionRules", rule.code, rule.valid_to) for rule in scheme.redemption_rules),
    ]
    for name, code, last in dates:
        if last is not None and last < today:
            yield f"schemes/{scheme.code}/{name}/{code}: it can never apply, it ended on {last}."


def _channels_that_take_no_points(configuration: Configuration) -> Iterator[str]:
    published = published_channels(configuration)
    paid = frozenset[str]().union(
        *(published[scheme.code] for scheme in configuration.schemes if scheme.redemption_rules)
    )
    for channel in configuration.channels:
        if channel.code in paid and channel.active and not channel.loyalty_payment:
            path = f"channels/{channel.code}/loyaltyPayment"
            yield f"{path}: a redemption rule is published here, but the channel takes no points."
