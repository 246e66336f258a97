"""What available points can pay on a channel: through its cheapest unrestricted rule. Source:
semantics 6.
"""

from fractions import Fraction

from resolvers import cards
from resolvers.balances import Balance, Holding
from resolvers.context import Context
from resolvers.programs import known_channel
from rules.balances import NEVER
from rules.book import RuleBook
from rules.explanations import point_digits
from rules.numbers import currency_digits, half_up, scale
from rules.program import Channel, RedemptionRule
from rules.program_terms import RedemptionReward


def is_unrestricted(rule: RedemptionRule) -> bool:
    """A PAYMENT_BY_AMOUNT rule without tier, affiliation, categories and products (semantics 1)."""
    return rule.reward is RedemptionReward.PAYMENT_BY_AMOUNT and not (
        rule.tier or rule.affiliation or rule.categories or rule.products
    )


async def value_minor(context: Context, balance: Balance, channel_code: str) -> int | None:
    """Minor units of the channel's currency, half-up; None where no rule converts the points.

    Raises ChannelNotFound. Negative points are worth 0.
    """
    channel = known_channel(context.book, channel_code, ("channel",))
    worths = [await _worth(context, part, channel) for part in balance.parts]
    known = [worth for worth in worths if worth is not None]
    if not known:
        return None
    return half_up(sum(known, Fraction(0)) * scale(currency_digits(channel.currency)))


async def _worth(context: Context, part: Holding, channel: Channel) -> Fraction | None:
    """In units of the channel's currency, exact."""
    book = context.book
    point = book.reward_points.get(part.reward_point) if book else None
    if book is None or point is None:
        return None
    enrolments = await context.load(cards.enrolments_by_card, part.card.card_id)
    enrolled = {
        row.program for row in enrolments if row.starts_on <= part.on <= (row.ends_on or NEVER)
    }
    rates = [
        rate
        for scheme in book.schemes_on(channel.code)
        if scheme.program in enrolled
        for rule in scheme.redemption_rules
        if rule.reward_point == point.code and is_unrestricted(rule) and _in_force(rule, part)
        if (rate := _pays_for_one(book, rule, channel)) is not None
    ]
    points = Fraction(max(0, part.totals.available), scale(point_digits(point)))
    return points * max(rates) if rates else None


def _in_force(rule: RedemptionRule, part: Holding) -> bool:
    return (rule.valid_from is None or rule.valid_from <= part.on) and (
        rule.valid_to is None or part.on <= rule.valid_to
    )


def _pays_for_one(book: RuleBook, rule: RedemptionRule, channel: Channel) -> Fraction | None:
    """What one point pays, in the channel's currency; the cheapest rule pays most."""
    rate = book.rate(rule.currency or channel.currency, channel.currency)
    return None if rate is None else Fraction(rule.pays) / Fraction(rule.points) * rate
