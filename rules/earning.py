"""What a sale or an activity earns, and why it earns no more.

Points count in smallest units: whole points for QUANTITY, minor units of the point's currency for
AMOUNT. Schemes and rules stand in the document's order. Source: semantics 5.1-5.5, 5.7, 14.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from rules import explanations, giving, notes
from rules.earnings import Earned, Earning, Judgement, Share
from rules.explanations import ONCE, point_digits
from rules.giving import PURCHASES, Given, Kind, Rate, maximum_units
from rules.indexes import LineIndex
from rules.notes import Note, NoteCode
from rules.occasions import (
    ActivityFacts,
    CardFacts,
    EarningFacts,
    EarningLine,
    Occasion,
    earning_line,
)
from rules.program import EarningRule, RewardPoint, Scheme, Settings
from rules.program_terms import EarnOnRedeemSale

__all__ = [
    "PURCHASES",
    "ActivityFacts",
    "CardFacts",
    "Earned",
    "Earning",
    "EarningFacts",
    "EarningLine",
    "Judgement",
    "Share",
    "earn",
    "earn_activity",
    "earning_line",
    "judge",
    "maximum_units",
]


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
    kind = Kind(
        activity_type=None,
        lines=LineIndex(facts.lines),
        base=partial(giving.sale_base, facts, rate),
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
    kind = Kind(facts.activity_type, nothing, lambda _rule, _lines: ONCE, stop=None, per_line=False)
    judged = _judged(facts, schemes, points, kind)
    return Earned(judged.earnings, judged.notes)


@dataclass(frozen=True, slots=True)
class _Walk:
    """`left` is what each limited point may still gain; it shrinks from share to share."""

    occasion: Occasion
    card: CardFacts
    points: Mapping[str, RewardPoint]
    left: dict[str, int]
    kind: Kind


def _judged(
    occasion: Occasion, schemes: Sequence[Scheme], points: Mapping[str, RewardPoint], kind: Kind
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
    for place, unless_open in enumerate(_closed(walk, scheme)):
        items = outcome.rules.get(place)
        if items is None:
            yield unless_open
        else:
            yield from (item for item in items if isinstance(item, Note))


def _closed(walk: _Walk, scheme: Scheme) -> Sequence[Note]:
    """Give for each rule the note that it has unless lines opened it.

    They depend on the season and on what is held alone; for sales they are kept with the index.
    """
    occasion, tier = walk.occasion, walk.card.tiers.get(scheme.program)

    def worked_out() -> Sequence[Note]:
        return [
            Note(
                notes.rule_stop(rule, occasion.on, tier, occasion.affiliations)
                or NoteCode.NO_MATCHING_LINES,
                scheme.code,
                rule.code,
            )
            for rule in _rules_of(walk, scheme)
        ]

    if walk.kind.activity_type is not None:
        return worked_out()
    key = (tier, occasion.affiliations & scheme.sale_affiliations)
    return scheme.sale_index.kept(occasion.on, key, worked_out)


def _rule(walk: _Walk, scheme: Scheme, rule: EarningRule) -> Iterator[Earning | Note]:
    tier = walk.card.tiers.get(scheme.program)
    stop = notes.rule_stop(rule, walk.occasion.on, tier, walk.occasion.affiliations)
    given = stop or giving.given(walk.kind, walk.points, rule)
    if isinstance(given, NoteCode):
        yield Note(given, scheme.code, rule.code)
        return
    earning = _earning(walk, scheme, given)
    if earning.shares:
        yield earning
    if earning.points_units < earning.computed_units:
        yield Note(NoteCode.MAXIMUM_REACHED, scheme.code, rule.code)


def _earning(walk: _Walk, scheme: Scheme, given: Given) -> Earning:
    shares = _shares(given, giving.parts(walk.kind, given))
    if given.rule.reward_point in walk.left:
        shares = [_cut(walk, given, share) for share in shares]
    kept = sum([share.points_units for share in shares])
    return Earning(
        scheme=scheme.code,
        rule=given.rule.code,
        program=scheme.program,
        tier=walk.card.tiers.get(scheme.program),
        reward_point=given.rule.reward_point,
        computed_units=given.units,
        points_units=kept,
        formula=given.formula + given.cut_text(kept, given.units),
        shares=tuple([share for share in shares if share.points_units > 0]),
    )


def _shares(given: Given, parts: Sequence[tuple[int | None, int]]) -> list[Share]:
    formula, whole = given.formula, given.units
    if len(given.lines) <= 1:
        return [Share(number, units, units, formula) for number, units in parts]
    digits, told = point_digits(given.point), explanations.share_of_line
    return [
        Share(
            number,
            units,
            units,
            formula if number is None else formula + told(number, units, whole, digits),
        )
        for number, units in parts
    ]


def _cut(walk: _Walk, given: Given, share: Share) -> Share:
    """What the maximum leaves of the share; the next one finds less room."""
    code, computed = given.rule.reward_point, share.points_units
    kept = min(computed, walk.left[code])
    walk.left[code] -= kept
    formula = share.formula + given.cut_text(kept, computed)
    return Share(share.line_number, kept, computed, formula)
