"""The program as callers see it: channels, reward points, programs, tiers, rules, by the effective
version.

A code that the effective version no longer has is shown as the last version that had it (semantics
3).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from resolvers.books import Named
from resolvers.callers import Role
from resolvers.context import Context
from rules.book import RuleBook
from rules.errors import ChannelNotFound
from rules.program import (
    ActivityType,
    Affiliation,
    Channel,
    EarningRule,
    Program,
    RedemptionRule,
    RewardPoint,
    Scheme,
    Tier,
)
from rules.program_prices import ChargeCode, ShippingThresholdDiscount

N = TypeVar("N", bound=Named)


async def _each(
    context: Context, codes: list[str], of: Callable[[RuleBook], Mapping[str, N]]
) -> list[N | None]:
    return [await context.service.books.last_with(context.read, code, of) for code in codes]


async def channels_by_code(context: Context, codes: list[str]) -> list[Channel | None]:
    return await _each(context, codes, lambda book: book.channels)


async def reward_points_by_code(context: Context, codes: list[str]) -> list[RewardPoint | None]:
    return await _each(context, codes, lambda book: book.reward_points)


async def programs_by_code(context: Context, codes: list[str]) -> list[Program | None]:
    return await _each(context, codes, lambda book: book.programs)


async def affiliations_by_code(context: Context, codes: list[str]) -> list[Affiliation | None]:
    return await _each(context, codes, lambda book: book.affiliations)


async def charge_codes_by_code(context: Context, codes: list[str]) -> list[ChargeCode | None]:
    return await _each(context, codes, lambda book: book.charge_codes)


async def activity_types_by_code(context: Context, codes: list[str]) -> list[ActivityType | None]:
    return await _each(context, codes, lambda book: book.activity_types)


async def tiers_by_code(context: Context, keys: list[tuple[str, str]]) -> list[Tier | None]:
    """Tiers by (program, code)."""
    return [
        await context.service.books.last_with(context.read, key[1], partial(_tiers_of, key[0]))
        for key in keys
    ]


def _tiers_of(program: str, book: RuleBook) -> Mapping[str, Tier]:
    return {code: tier for (owner, code), tier in book.tiers.items() if owner == program}


def channels(context: Context) -> tuple[Channel, ...]:
    return context.book.configuration.channels if context.book else ()


def active_channel(context: Context, code: str) -> Channel | None:
    return context.book.channels.get(code) if context.book else None


def known_channel(book: RuleBook | None, code: str, path: tuple[str, ...] = ()) -> Channel:
    """Raises ChannelNotFound; before the first processing every channel is unknown."""
    channel = book.channels.get(code) if book else None
    if channel is None:
        raise ChannelNotFound("There is no such channel.", path or None)
    return channel


def open_programs(context: Context, channel: str | None) -> tuple[Program, ...]:
    """Programs with a scheme published to the channel; all of them where none is named."""
    if channel is not None:
        known_channel(context.book, channel)
    if context.book is None:
        return ()
    if channel is None:
        return context.book.configuration.programs
    return context.book.programs_on(channel)


def program(context: Context, code: str) -> Program | None:
    return context.book.program(code) if context.book else None


def activity_types(context: Context, channel: str | None) -> tuple[ActivityType, ...]:
    """All activity types, or those that a rule published to the channel rewards."""
    if channel is not None:
        known_channel(context.book, channel)
    if context.book is None:
        return ()
    if channel is None:
        return context.book.configuration.activity_types
    rewarded = {
        rule.activity_type
        for scheme in context.book.schemes_on(channel)
        for rule in scheme.earning_rules
    }
    return tuple(
        kind for kind in context.book.configuration.activity_types if kind.code in rewarded
    )


def shown_affiliations(context: Context, channel: str) -> tuple[Affiliation, ...]:
    """Affiliations that the channel may show, add and remove: hidden ones are left out."""
    known_channel(context.book, channel)
    if context.book is None:
        return ()
    return tuple(a for a in context.book.configuration.affiliations if not a.hide_in_channels)


def may_see_affiliation(context: Context, affiliation: Affiliation) -> bool:
    """Hidden affiliations are for administrators alone."""
    return not affiliation.hide_in_channels or context.caller.role is Role.ADMIN


def shipping_discounts(context: Context, channel: str) -> tuple[ShippingThresholdDiscount, ...]:
    """Shipping threshold discounts in the channel's currency, in the document's order."""
    currency = known_channel(context.book, channel).currency
    if context.book is None:
        return ()
    return tuple(
        discount
        for discount in context.book.configuration.shipping_threshold_discounts
        if discount.currency == currency
    )


def _schemes(context: Context, program_code: str, channel: str | None) -> tuple[Scheme, ...]:
    if context.book is None:
        return ()
    if channel is None:
        return context.book.schemes_of(program_code)
    known_channel(context.book, channel)
    return tuple(s for s in context.book.schemes_on(channel) if s.program == program_code)


def earning_rules(
    context: Context, program_code: str, channel: str | None
) -> list[tuple[Scheme, EarningRule]]:
    schemes = _schemes(context, program_code, channel)
    return [
        (scheme, rule)
        for scheme in schemes
        for rule in scheme.earning_rules
        if _may_see_rule(context, rule)
    ]


def redemption_rules(
    context: Context, program_code: str, channel: str | None
) -> list[tuple[Scheme, RedemptionRule]]:
    schemes = _schemes(context, program_code, channel)
    return [
        (scheme, rule)
        for scheme in schemes
        for rule in scheme.redemption_rules
        if _may_see_rule(context, rule)
    ]


def _may_see_rule(context: Context, rule: EarningRule | RedemptionRule) -> bool:
    """A rule for a hidden affiliation would tell of it; staff work with the rules."""
    known = context.book.affiliations.get(rule.affiliation or "") if context.book else None
    return known is None or not known.hide_in_channels or context.caller.is_managing
