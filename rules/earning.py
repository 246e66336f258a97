"""What a sale or an activity earns, and why it earns no more.

Points count in smallest units: whole points for QUANTITY, minor units of the point's currency for
AMOUNT. Schemes and rules stand in the document's order. Source: semantics 5.1-5.5, 5.7, 14.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property, partial

from rules import explanations, notes
from rules.errors import InvalidInput
from rules.explanations import ONCE, Base, point_digits
from rules.indexes import LineIndex
from rules.lines import Line, split
from rules.notes import Note, NoteCode
from rules.numbers import (
    MAXIMUM_UNITS,
    cut,
    half_up,
    scale,
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
PURCHASES = frozenset({EarningActivity.PURCHASE_BY_AMOUNT, EarningActivity.PURCHASE_BY_QUANTITY})


@dataclass(frozen=True, slots=True)
class CardFacts:
    """The card on the entry date: programs it is enrolled in, and the tier held, by program."""

    active: bool
    programs: frozenset[str]
    tiers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EarningLine:
    """A line as rules see it: net in minor units and quantity, both less what points paid of it.

    The net is whole, but for part of a line that comes back.
    `products` are its productId and variantId; `paid_with_points`: points paid some or all of it.
    """

    line_number: int
    products: frozenset[str]
    categories: frozenset[str]
    net_minor: int | Fraction
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


@dataclass(frozen=True)  # no slots: notes are worked out where somebody asks for them
class Judgement:
    """What a sale earns, and on request why it earns no more."""

    earnings: tuple[Earning, ...]
    _explain: Callable[[], tuple[Note, ...]]

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        return self._explain()


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
    judged = judge(facts, schemes, points, rate, settings)
    return Earned(judged.earnings, judged.notes)


def judge(
    facts: EarningFacts,
    schemes: Sequence[Scheme],
    points: Mapping[str, RewardPoint],
    rate: Rate,
    settings: Settings,
) -> Judgement:
    """Judge as `earn` does, but walk the rules that cannot apply only for the notes."""
    unpaid = not facts.paid_with_points
    earns = unpaid or settings.earn_on_redeem_sale is not EarnOnRedeemSale.NONE
    kind = _Kind(
        activity_type=None,
        lines=LineIndex(facts.lines),
        base=partial(_sale_base, facts, rate),
        stop=None if earns else NoteCode.PAID_WITH_POINTS,
        per_line=settings.post_points_per_sales_line,
    )
    return _judged(facts, schemes, points, kind)


def earn_activity(
    facts: ActivityFacts, schemes: Sequence[Scheme], points: Mapping[str, RewardPoint]
) -> Earned:
    """Judge an activity: each rule for its type that applies gives its `points` once.

    Rounded as for sales; a scheme without a rule for the type is noted NO_MATCHING_LINES.
    Source: semantics 5.7.
    """
    nothing: LineIndex[EarningLine] = LineIndex(())
    kind = _Kind(
        facts.activity_type, nothing, lambda _rule, _lines: ONCE, stop=None, per_line=False
    )
    judged = _judged(facts, schemes, points, kind)
    return Earned(judged.earnings, judged.notes)


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
class _Kind:
    """What sets a sale apart from an activity, which has a type and no lines."""

    activity_type: str | None
    lines: LineIndex[EarningLine]
    base: Callable[[EarningRule, Sequence[EarningLine]], Base]
    stop: NoteCode | None
    per_line: bool


@dataclass(frozen=True, slots=True)
class _Walk:
    """`left` is what each limited point may still gain; it shrinks from share to share."""

    occasion: Occasion
    card: CardFacts
    points: Mapping[str, RewardPoint]
    left: dict[str, int]
    kind: _Kind


@dataclass(frozen=True, slots=True)
class _Given:
    """What a rule gives before the maximum cuts; `lines` are those it matched."""

    rule: EarningRule
    point: RewardPoint
    units: int
    formula: str
    lines: Sequence[EarningLine]

    def cut_text(self, kept_units: int, computed_units: int) -> str:
        limit = maximum_units(self.point) or 0
        digits = point_digits(self.point)
        return explanations.cut_by_maximum(limit, kept_units, computed_units, digits)


def _judged(
    occasion: Occasion, schemes: Sequence[Scheme], points: Mapping[str, RewardPoint], kind: _Kind
) -> Judgement:
    card = occasion.card
    if card is None or not card.active or not schemes:
        stop = Note(_whole_stop(card))
        return Judgement((), lambda: (stop,))
    left = {
        code: max(0, units)
        for code, units in occasion.room.items()
        if code in points and maximum_units(points[code]) is not None
    }
    walk = _Walk(occasion, card, points, left, kind)
    found = [(scheme, _scheme(walk, scheme)) for scheme in schemes]
    earnings = (item for _, one in found for items in one.rules.values() for item in items)
    return Judgement(
        tuple(item for item in earnings if isinstance(item, Earning)),
        lambda: tuple(note for scheme, one in found for note in _notes(walk, scheme, one)),
    )


def _whole_stop(card: CardFacts | None) -> NoteCode:
    if card is None:
        return NoteCode.NO_CARD
    return NoteCode.CHANNEL_NOT_PARTICIPATING if card.active else NoteCode.CARD_BLOCKED


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What stops the scheme whole, or what became of those of its rules that could apply, by place
    among the rules for the occasion.
    """

    stop: NoteCode | None
    rules: Mapping[int, Sequence[Earning | Note]]


def _rules_of(walk: _Walk, scheme: Scheme) -> Sequence[EarningRule]:
    activity_type = walk.kind.activity_type
    if activity_type is None:
        return scheme.sale_rules
    return [rule for rule in scheme.earning_rules if rule.activity_type == activity_type]


def _scheme(walk: _Walk, scheme: Scheme) -> _Outcome:
    occasion, activity_type = walk.occasion, walk.kind.activity_type
    stop = notes.scheme_stop(scheme, walk.card.programs, occasion.affiliations)
    stop = stop or walk.kind.stop
    if stop is None and activity_type is not None and not _rules_of(walk, scheme):
        stop = NoteCode.NO_MATCHING_LINES
    if stop is not None:
        return _Outcome(stop, {})
    return _Outcome(
        None, {place: tuple(_rule(walk, scheme, rule)) for place, rule in _open(walk, scheme)}
    )


def _open(walk: _Walk, scheme: Scheme) -> Iterable[tuple[int, EarningRule]]:
    """Give the rules that may apply and their places; for a sale the index finds them."""
    occasion, kind = walk.occasion, walk.kind
    if kind.activity_type is not None:
        return enumerate(_rules_of(walk, scheme))
    keys = notes.held_keys(walk.card.tiers.get(scheme.program), occasion.affiliations)
    opened = scheme.sale_index.opened(occasion.on, keys)
    return opened.matching(kind.lines.products, kind.lines.categories)


def _notes(walk: _Walk, scheme: Scheme, outcome: _Outcome) -> Iterator[Note]:
    """Yield why the scheme, or each of its rules, gives nothing or less, in document order."""
    if outcome.stop is not None:
        yield Note(outcome.stop, scheme.code)
        return
    tier = walk.card.tiers.get(scheme.program)
    for place, rule in enumerate(_rules_of(walk, scheme)):
        items = outcome.rules.get(place)
        if items is None:
            stop = notes.rule_stop(rule, walk.occasion.on, tier, walk.occasion.affiliations)
            items = (Note(stop or NoteCode.NO_MATCHING_LINES, scheme.code, rule.code),)
        yield from (item for item in items if isinstance(item, Note))


def _rule(walk: _Walk, scheme: Scheme, rule: EarningRule) -> Iterator[Earning | Note]:
    tier = walk.card.tiers.get(scheme.program)
    stop = notes.rule_stop(rule, walk.occasion.on, tier, walk.occasion.affiliations)
    given = stop or _given(walk, rule)
    if isinstance(given, NoteCode):
        yield Note(given, scheme.code, rule.code)
        return
    earning = _earning(walk, scheme, given)
    if earning.shares:
        yield earning
    if earning.points_units < earning.computed_units:
        yield Note(NoteCode.MAXIMUM_REACHED, scheme.code, rule.code)


def _given(walk: _Walk, rule: EarningRule) -> _Given | NoteCode:
    lines = walk.kind.lines.selected(rule)
    if not lines and rule.activity in PURCHASES:
        return NoteCode.NO_MATCHING_LINES
    base = walk.kind.base(rule, lines)
    point = walk.points[rule.reward_point]
    exact = _exact_points(rule, point, base.value)
    units = _whole_units(exact, point)
    if units == 0:
        spent = base.value == 0 and any(line.paid_with_points for line in lines)
        return NoteCode.PAID_WITH_POINTS if spent else NoteCode.BELOW_THRESHOLD
    if units > MAXIMUM_UNITS:
        field = "lines" if walk.kind.activity_type is None else "activityType"
        raise InvalidInput("This earns more than 10^15 smallest units.", (field,))
    return _Given(rule, point, units, explanations.earned(rule, point, base, exact, units), lines)


def _exact_points(rule: EarningRule, point: RewardPoint, value: Fraction) -> Fraction:
    """Give the points before rounding; below `per` there are none, AMOUNT points included."""
    blocks = value / Fraction(rule.per)
    if point.kind is RewardPointKind.QUANTITY or blocks < 1:
        blocks = Fraction(cut(blocks))
    return blocks * Fraction(rule.points)


def _whole_units(exact: Fraction, point: RewardPoint) -> int:
    if point.kind is RewardPointKind.QUANTITY:
        return cut(exact)
    return half_up(exact * scale(point_digits(point)))


def _earning(walk: _Walk, scheme: Scheme, given: _Given) -> Earning:
    shares = [_share(walk, given, number, units) for number, units in _parts(walk.kind, given)]
    kept = sum(share.points_units for share in shares)
    return Earning(
        scheme=scheme.code,
        rule=given.rule.code,
        program=scheme.program,
        tier=walk.card.tiers.get(scheme.program),
        reward_point=given.rule.reward_point,
        computed_units=given.units,
        points_units=kept,
        formula=given.formula + given.cut_text(kept, given.units),
        shares=tuple(share for share in shares if share.points_units > 0),
    )


def _parts(kind: _Kind, given: _Given) -> Sequence[tuple[int | None, int]]:
    """Split what a purchase rule gives by net amount, or by quantity if it counts quantities."""
    if not kind.per_line or given.rule.activity not in PURCHASES:
        return ((None, given.units),)
    by_amount = given.rule.activity is EarningActivity.PURCHASE_BY_AMOUNT
    weights = {
        line.line_number: Fraction(line.net_minor) if by_amount else line.quantity
        for line in given.lines
    }
    return split(given.units, weights)


def _share(walk: _Walk, given: _Given, line_number: int | None, units: int) -> Share:
    code = given.rule.reward_point
    kept = min(units, walk.left.get(code, units))
    if code in walk.left:
        walk.left[code] -= kept
    formula = given.formula
    if line_number is not None and len(given.lines) > 1:
        digits = point_digits(given.point)
        formula += explanations.share_of_line(line_number, units, given.units, digits)
    return Share(line_number, kept, units, formula + given.cut_text(kept, units))


def _sale_base(
    facts: EarningFacts, rate: Rate, rule: EarningRule, lines: Sequence[EarningLine]
) -> Base:
    if rule.activity is EarningActivity.PURCHASE_BY_QUANTITY:
        return explanations.pieces(sum((line.quantity for line in lines), Fraction(0)))
    net = sum(line.net_minor for line in lines)
    if rule.activity is EarningActivity.SALES_TRANSACTION_COUNT:
        return ONCE if net > 0 else explanations.pieces(Fraction(0))
    currency = rule.currency or facts.currency
    if currency == facts.currency:
        return explanations.amount(net, currency)
    factor = rate(facts.currency, currency)
    if factor is None:
        raise ValueError(f"No rate from {facts.currency} to {currency} for {facts.channel}.")
    return explanations.converted(net, facts.currency, factor, currency)
