"""What a sale or an activity earns, and why it earns no more.

Points count in smallest units: whole points for QUANTITY, minor units of the point's currency for
AMOUNT. Schemes and rules stand in the document's order. Source: semantics 5.1-5.5, 5.7, 14.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import partial

from rules import explanations, notes
from rules.errors import InvalidInput
from rules.explanations import point_digits
from rules.lines import Line, Weights, matches, split
from rules.notes import Note, NoteCode
from rules.numbers import (
    MAXIMUM_UNITS,
    currency_digits,
    cut,
    half_up,
    scale,
    show_decimal,
    to_minor,
)
from rules.program import (
    EarningActivity,
    EarningRule,
    EarnOnRedeemSale,
    RewardPoint,
    RewardPointKind,
    Scheme,
    Settings,
)

# One unit of the first currency in units of the second; None where the configuration has no rate.
Rate = Callable[[str, str], Fraction | None]


@dataclass(frozen=True, slots=True)
class CardFacts:
    """The card on the entry date: programs it is enrolled in, and the tier held, by program."""

    active: bool
    programs: frozenset[str]
    tiers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EarningLine:
    """A line as rules see it: net in minor units and quantity, both less what points paid of it.

    `products` are its productId and variantId; `paid_with_points`: points paid some or all of it.
    """

    line_number: int
    products: frozenset[str]
    categories: frozenset[str]
    net_minor: int
    quantity: Fraction
    paid_with_points: bool = False


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a sale and an activity have in common.

    `on` is the entry date, `affiliations` are those held. `room` is what each reward point may
    still gain below its maximum, in smallest units (absent: no maximum; negative counts as 0).
    """

    channel: str
    on: date
    card: CardFacts | None
    affiliations: frozenset[str]
    room: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class EarningFacts(Occasion):
    """What a sale is judged by; `paid_with_points`: it names a payment with points."""

    currency: str
    lines: tuple[EarningLine, ...]
    paid_with_points: bool = False


@dataclass(frozen=True, slots=True)
class ActivityFacts(Occasion):
    """What an activity is judged by."""

    activity_type: str


@dataclass(frozen=True, slots=True)
class Share:
    """One ledger entry to be, more than 0; `line_number` None: the rule as a whole.

    `computed_units` is the number before the maximum cut it to `points_units`.
    """

    line_number: int | None
    points_units: int
    computed_units: int
    formula: str


@dataclass(frozen=True, slots=True)
class Earning:
    """What one rule gives, more than 0; `tier` is the one held in the program, if any."""

    scheme: str
    rule: str
    program: str
    tier: str | None
    reward_point: str
    computed_units: int
    points_units: int
    formula: str
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Earned:
    earnings: tuple[Earning, ...]
    notes: tuple[Note, ...]


def earn(
    facts: EarningFacts,
    schemes: Sequence[Scheme],
    points: Mapping[str, RewardPoint],
    rate: Rate,
    settings: Settings,
) -> Earned:
    """Judge a sale by the `schemes` published to its channel.

    QUANTITY points are cut toward zero, AMOUNT points rounded half-up, each rule alone. Every
    purchase and count rule has an earning or a note; a scheme without any is silent unless it is
    stopped whole. Raises InvalidInput for an earning beyond 10^15 smallest units, ValueError where
    a rate is missing (no accepted configuration has such a rule). Source: semantics 5.1-5.5, 14.
    """
    unpaid = not facts.paid_with_points
    earns = unpaid or settings.earn_on_redeem_sale is not EarnOnRedeemSale.NONE
    kind = _Kind(
        activity_type=None,
        base=partial(_sale_base, facts, rate),
        stop=None if earns else NoteCode.PAID_WITH_POINTS,
        per_line=settings.post_points_per_sales_line,
    )
    return _earned(facts, schemes, points, kind)


def earn_activity(
    facts: ActivityFacts, schemes: Sequence[Scheme], points: Mapping[str, RewardPoint]
) -> Earned:
    """Judge an activity: each rule for its type that applies gives its `points` once.

    Rounded as for sales; a scheme without a rule for the type is noted NO_MATCHING_LINES.
    Source: semantics 5.7.
    """
    once = _Base(Fraction(1), "1")
    kind = _Kind(facts.activity_type, base=lambda _: once, stop=None, per_line=False)
    return _earned(facts, schemes, points, kind)


def earning_line(line: Line) -> EarningLine:
    """Take a line of which points paid nothing."""
    return EarningLine(
        line_number=line.line_number,
        products=line.products,
        categories=line.categories,
        net_minor=line.net_minor,
        quantity=Fraction(line.quantity),
    )


def maximum_units(point: RewardPoint) -> int | None:
    """Give `maximumPerCard` in smallest units, cut; None (none or 0 configured): no limit."""
    if not point.maximum_per_card:
        return None
    return cut(Fraction(point.maximum_per_card) * scale(point_digits(point)))


@dataclass(frozen=True, slots=True)
class _Base:
    """What a rule multiplies: units of its currency, pieces, or 1; `shown` as formulas have it.

    `weights` are those of the lines it was summed over, none for a sale or activity as a whole.
    """

    value: Fraction
    shown: str
    weights: Weights = ()
    prefix: str = ""
    paid_with_points: bool = False


@dataclass(frozen=True, slots=True)
class _Kind:
    """What sets a sale (`activity_type` None) apart from an activity."""

    activity_type: str | None
    base: Callable[[EarningRule], _Base | NoteCode]
    stop: NoteCode | None
    per_line: bool


@dataclass(slots=True)
class _Room:
    """What one point may still gain, in smallest units; it shrinks from share to share."""

    maximum_units: int
    left_units: int

    def take(self, units: int) -> int:
        taken = min(units, self.left_units)
        self.left_units -= taken
        return taken


@dataclass(frozen=True, slots=True)
class _Walk:
    occasion: Occasion
    card: CardFacts
    points: Mapping[str, RewardPoint]
    rooms: Mapping[str, _Room]
    kind: _Kind


@dataclass(frozen=True, slots=True)
class _Given:
    """What a rule gives before the maximum cuts."""

    digits: int
    units: int
    formula: str
    weights: Weights
    room: _Room | None

    def share(self, line_number: int | None, computed_units: int) -> Share:
        kept = computed_units if self.room is None else self.room.take(computed_units)
        formula = self.formula
        if line_number is not None and len(self.weights) > 1:
            formula += explanations.share_of_line(
                line_number, computed_units, self.units, self.digits
            )
        formula += self.cut_text(kept, computed_units)
        return Share(line_number, kept, computed_units, formula)

    def cut_text(self, kept_units: int, computed_units: int) -> str:
        if self.room is None:
            return ""
        limit = self.room.maximum_units
        return explanations.cut_by_maximum(limit, kept_units, computed_units, self.digits)


def _earned(
    occasion: Occasion, schemes: Sequence[Scheme], points: Mapping[str, RewardPoint], kind: _Kind
) -> Earned:
    card = occasion.card
    if card is None or not card.active or not schemes:
        return Earned((), (Note(_whole_stop(card)),))
    walk = _Walk(occasion, card, points, _rooms(occasion.room, points), kind)
    found = [item for scheme in schemes for item in _scheme(walk, scheme)]
    return Earned(
        tuple(item for item in found if isinstance(item, Earning)),
        tuple(item for item in found if isinstance(item, Note)),
    )


def _whole_stop(card: CardFacts | None) -> NoteCode:
    if card is None:
        return NoteCode.NO_CARD
    return NoteCode.CHANNEL_NOT_PARTICIPATING if card.active else NoteCode.CARD_BLOCKED


def _rooms(room: Mapping[str, int], points: Mapping[str, RewardPoint]) -> dict[str, _Room]:
    limits = {code: maximum_units(point) for code, point in points.items() if code in room}
    return {
        code: _Room(limit, max(0, room[code]))
        for code, limit in limits.items()
        if limit is not None
    }


def _scheme(walk: _Walk, scheme: Scheme) -> Iterator[Earning | Note]:
    activity_type = walk.kind.activity_type
    # Only rules for activities have a type, so that None picks the rules for sales.
    rules = [rule for rule in scheme.earning_rules if rule.activity_type == activity_type]
    stop = notes.scheme_stop(scheme, walk.card.programs, walk.occasion.affiliations)
    stop = stop or walk.kind.stop
    if stop is None and not rules and activity_type is not None:
        stop = NoteCode.NO_MATCHING_LINES
    if stop is not None:
        yield Note(stop, scheme.code)
        return
    for rule in rules:
        yield from _rule(walk, scheme, rule)


def _rule(walk: _Walk, scheme: Scheme, rule: EarningRule) -> Iterator[Earning | Note]:
    given = _given(walk, rule, walk.card.tiers.get(scheme.program))
    if isinstance(given, NoteCode):
        yield Note(given, scheme.code, rule.code)
        return
    earning = _earning(walk, scheme, rule, given)
    if earning.shares:
        yield earning
    if earning.points_units < earning.computed_units:
        yield Note(NoteCode.MAXIMUM_REACHED, scheme.code, rule.code)


def _given(walk: _Walk, rule: EarningRule, tier: str | None) -> _Given | NoteCode:
    stop = notes.rule_stop(rule, walk.occasion.on, tier, walk.occasion.affiliations)
    base = stop or walk.kind.base(rule)
    if isinstance(base, NoteCode):
        return base
    point = walk.points[rule.reward_point]
    exact = _exact_points(rule, point, base.value)
    digits = point_digits(point)
    units = cut(exact) if point.kind is RewardPointKind.QUANTITY else half_up(exact * scale(digits))
    if units == 0:
        spent = base.paid_with_points and base.value == 0
        return NoteCode.PAID_WITH_POINTS if spent else NoteCode.BELOW_THRESHOLD
    if units > MAXIMUM_UNITS:
        field = "lines" if walk.kind.activity_type is None else "activityType"
        raise InvalidInput("This earns more than 10^15 smallest units.", (field,))
    formula = base.prefix + explanations.earned(rule, point, base.shown, exact, units)
    return _Given(digits, units, formula, base.weights, walk.rooms.get(rule.reward_point))


def _exact_points(rule: EarningRule, point: RewardPoint, value: Fraction) -> Fraction:
    """Give the points before rounding; below `per` there are none, AMOUNT points included."""
    blocks = value / Fraction(rule.per)
    if point.kind is RewardPointKind.QUANTITY or blocks < 1:
        blocks = Fraction(cut(blocks))
    return blocks * Fraction(rule.points)


def _earning(walk: _Walk, scheme: Scheme, rule: EarningRule, given: _Given) -> Earning:
    parts: Sequence[tuple[int | None, int]] = ((None, given.units),)
    if walk.kind.per_line and given.weights:
        parts = split(given.units, given.weights)
    shares = [given.share(number, computed) for number, computed in parts]
    kept = sum(share.points_units for share in shares)
    return Earning(
        scheme=scheme.code,
        rule=rule.code,
        program=scheme.program,
        tier=walk.card.tiers.get(scheme.program),
        reward_point=rule.reward_point,
        computed_units=given.units,
        points_units=kept,
        formula=given.formula + given.cut_text(kept, given.units),
        shares=tuple(share for share in shares if share.points_units > 0),
    )


def _sale_base(facts: EarningFacts, rate: Rate, rule: EarningRule) -> _Base | NoteCode:
    if rule.activity is EarningActivity.SALES_TRANSACTION_COUNT:
        sold = any(line.net_minor > 0 for line in facts.lines)
        return _Base(Fraction(sold), "1", paid_with_points=_paid(facts.lines))
    lines = [line for line in facts.lines if matches(line.products, line.categories, rule)]
    if not lines:
        return NoteCode.NO_MATCHING_LINES
    if rule.activity is EarningActivity.PURCHASE_BY_QUANTITY:
        return _quantity_base(lines)
    return _amount_base(lines, facts, rate, rule.currency or facts.currency)


def _quantity_base(lines: Sequence[EarningLine]) -> _Base:
    weights = tuple((line.line_number, line.quantity) for line in lines)
    quantity = sum((weight for _, weight in weights), Fraction(0))
    return _Base(quantity, show_decimal(quantity), weights, paid_with_points=_paid(lines))


def _amount_base(
    lines: Sequence[EarningLine], facts: EarningFacts, rate: Rate, currency: str
) -> _Base:
    net = amount = sum(line.net_minor for line in lines)
    prefix = ""
    if currency != facts.currency:
        amount = _converted(net, facts, rate, currency)
        prefix = explanations.converted(net, facts.currency, amount, currency)
    value = Fraction(amount, scale(currency_digits(currency)))
    weights = tuple((line.line_number, Fraction(line.net_minor)) for line in lines)
    return _Base(value, explanations.money(amount, currency), weights, prefix, _paid(lines))


def _paid(lines: Sequence[EarningLine]) -> bool:
    return any(line.paid_with_points for line in lines)


def _converted(amount_minor: int, facts: EarningFacts, rate: Rate, currency: str) -> int:
    """Convert into minor units of the rule's currency, half-up. Source: semantics 2, Currencies."""
    factor = rate(facts.currency, currency)
    if factor is None:
        raise ValueError(f"No rate from {facts.currency} to {currency} for {facts.channel}.")
    amount = Fraction(amount_minor, scale(currency_digits(facts.currency)))
    return to_minor(amount * factor, currency)
