"""What is allowed in a document and yet seldom meant. Source: semantics 3 (Warnings)."""

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
    for group in configuration.price_groups:
        members = [
            owner
            for program in configuration.programs
            for owner, groups in (
                (f"program {program.code}", program.price_groups),
                *((f"tier {program.code}/{t.code}", t.price_groups) for t in program.tiers),
            )
            if group.code in groups
        ]
        channels = [c.code for c in configuration.channels if group.code in c.price_groups]
        if members and channels:
            yield (
                f"priceGroups/{group.code}: {', '.join(members)} shares it with channel "
                f"{', '.join(channels)}, where everyone gets its prices."
            )


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
    for channel in configuration.channels:
        is_paid = any(
            scheme.redemption_rules and channel.code in published[scheme.code]
            for scheme in configuration.schemes
        )
        if is_paid and channel.active and not channel.loyalty_payment:
            path = f"channels/{channel.code}/loyaltyPayment"
            yield f"{path}: a redemption rule is published here, but the channel takes no points."
