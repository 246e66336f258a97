"""What a return takes back: which part of which line comes back, and the points that it costs.

Quantities are millionths, points smallest units, money minor units. Source: semantics 7.1.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial
from uuid import UUID

from rules import explanations
from rules.book import RuleBook
from rules.earning import PURCHASES, EarningFacts, EarningLine, earn
from rules.earnings import Earning
from rules.errors import InvalidInput, ReturnExceedsSold
from rules.explanations import point_digits
from rules.faults import line_number_faults, number_fault
from rules.ledger import Reason
from rules.lines import MAXIMUM_LINES
from rules.lots import cumulative
from rules.numbers import half_up
from rules.program import RewardPoint, Scheme
from rules.program_terms import EarningActivity

MILLION = 10**6


@dataclass(frozen=True, slots=True)
class ReturnLine:
    """A line as sent: how much of a line of the sale comes back."""

    line_number: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line of the sale and how much of it came back so far; the net, and the pieces that count
    for rules, are less what points paid.
    """

    line_number: int
    products: frozenset[str]
    categories: frozenset[str]
    quantity: int
    returned: int
    net_minor: int | Fraction
    counted: Fraction


@dataclass(frozen=True, slots=True)
class Part:
    """The quantity of a sold line that comes back now."""

    line: SoldLine
    quantity: int

    @property
    def returned(self) -> int:
        """All that has come back with this."""
        return self.line.returned + self.quantity

    def units(self, whole: int) -> int:
        """Units of `whole` for the part, by floors of the sums: all parts together give it all."""
        return cumulative(whole, self.quantity, self.line.quantity, self.line.returned)

    def money(self, whole_minor: int) -> int:
        """Money of the part, half-up of the sums: all parts together give it all."""
        sold = self.line.quantity
        before = half_up(Fraction(whole_minor * self.line.returned, sold))
        return half_up(Fraction(whole_minor * self.returned, sold)) - before

    def earning_line(self) -> EarningLine:
        """The part as rules see it, its net not rounded."""
        return EarningLine(
            line_number=self.line.line_number,
            products=self.line.products,
            categories=self.line.categories,
            net_minor=Fraction(self.line.net_minor * self.quantity, self.line.quantity),
            quantity=self.line.counted * self.quantity / self.line.quantity,
        )


@dataclass(frozen=True, slots=True)
class Booked:
    """Points of one EARN entry of a sale, or what is taken back of them; `lot_id` is that entry."""

    lot_id: UUID
    reward_point: str
    units: int
    counts_on: date
    program: str | None
    tier: str | None
    line_number: int | None
    reason: Reason


def form_faults(lines: Sequence[ReturnLine]) -> Iterator[InvalidInput]:
    """Every fault of the lines by themselves; a line of the sale is named once in a return."""
    if not 1 <= len(lines) <= MAXIMUM_LINES:
        yield InvalidInput(f"A return has 1 to {MAXIMUM_LINES} lines.", ("lines",))
        return
    numbers: set[int] = set()
    for position, line in enumerate(lines):
        at = ("lines", str(position))
        yield from line_number_faults(line.line_number, numbers, at)
        fault = number_fault(line.quantity)
        if fault is None and line.quantity == 0:
            fault = "A quantity is more than 0."
        if fault is not None:
            yield InvalidInput(fault, (*at, "quantity"))
        numbers.add(line.line_number)


def parts(asked: Sequence[ReturnLine], sold: Iterable[SoldLine]) -> tuple[Part, ...]:
    """What comes back of each line, by line number.

    Raises InvalidInput for a line that the sale has not, ReturnExceedsSold for more than was sold
    together with what came back before.
    """
    lines = {line.line_number: line for line in sold}
    for position, line in enumerate(asked):
        if line.line_number not in lines:
            path = ("lines", str(position), "lineNumber")
            raise InvalidInput("The sale has no such line.", path)
    found = []
    for position, line in enumerate(asked):
        part = Part(lines[line.line_number], int(line.quantity * MILLION))
        if part.returned > part.line.quantity:
            path = ("lines", str(position), "quantity")
            raise ReturnExceedsSold("More comes back than was sold.", path)
        found.append(part)
    return tuple(sorted(found, key=lambda part: part.line.line_number))


def is_whole(sold: Iterable[SoldLine], now: Iterable[Part]) -> bool:
    """Whether every line of the sale is fully returned with these parts."""
    returned = {part.line.line_number: part.returned for part in now}
    return all(returned.get(line.line_number, line.returned) == line.quantity for line in sold)


def taken_by_line(
    booked: Iterable[Booked], now: Iterable[Part], points: Mapping[str, RewardPoint]
) -> tuple[Booked, ...]:
    """The part of each line's entries that goes with the goods; parts of no unit take nothing."""
    by_number = {part.line.line_number: part for part in now}
    taken = [
        _taken(one, by_number[one.line_number].units(one.units), points)
        for one in booked
        if one.line_number in by_number
    ]
    return tuple(one for one in taken if one.units > 0)


def taken_for_counts(booked: Iterable[Booked], book: RuleBook) -> tuple[Booked, ...]:
    """All that rules for the sale as a whole gave; `book` is the sale's."""
    counts = set(_rules(book.schemes.values(), {EarningActivity.SALES_TRANSACTION_COUNT}))
    return tuple(
        _taken(one, one.units, book.reward_points)
        for one in booked
        if (one.reason.scheme, one.reason.rule) in counts
    )


def _rules(
    schemes: Iterable[Scheme], activities: Collection[EarningActivity]
) -> Iterator[tuple[str, str]]:
    for scheme in schemes:
        for rule in scheme.earning_rules:
            if rule.activity in activities:
                yield scheme.code, rule.code


def _taken(booked: Booked, units: int, points: Mapping[str, RewardPoint]) -> Booked:
    digits = point_digits(points[booked.reward_point])
    formula = explanations.taking_back(booked.line_number, units, booked.units, digits)
    reason = booked.reason._replace(computed_units=-units, formula=formula)
    return replace(booked, units=units, reason=reason)


def part_of(taken: Booked, units: int, point: RewardPoint) -> Booked:
    """The part of a take-back of `point` that one card bears where several do."""
    if units == taken.units:
        return taken
    digits = point_digits(point)
    formula = explanations.taking_back(taken.line_number, units, taken.units, digits)
    reason = taken.reason._replace(computed_units=-units, formula=formula)
    return replace(taken, units=units, reason=reason)


def recomputed(booked: Iterable[Booked], facts: EarningFacts, book: RuleBook) -> tuple[Booked, ...]:
    """What the purchase rules that earned on the sale give for `facts` by `book`, one a rule.

    `facts` are those stored with the sale, its lines the parts that come back; no maximum cuts. A
    rule into whose currency the sale's has no rate takes nothing back: a late sale may be in the
    currency that its channel had before.
    """
    own = {(one.reason.scheme, one.reason.rule): one for one in booked}
    rated = partial(book.rate, facts.currency)
    schemes = [_earned_on(scheme, own, rated) for scheme in book.schemes_on(facts.channel)]
    settings = replace(book.configuration.settings, post_points_per_sales_line=False)
    earned = earn(facts, schemes, book.reward_points, book.rate, settings)
    return tuple(
        _again(own[earning.scheme, earning.rule], earning, book.version)
        for earning in earned.earnings
    )


def _earned_on(
    scheme: Scheme,
    own: Collection[tuple[str | None, str | None]],
    rated: Callable[[str], Fraction | None],
) -> Scheme:
    """The scheme with those of its purchase rules alone that earned on the sale and have a rate."""
    rules = (
        rule
        for rule in scheme.earning_rules
        if rule.activity in PURCHASES
        and (scheme.code, rule.code) in own
        and (rule.currency is None or rated(rule.currency) is not None)
    )
    return replace(scheme, earning_rules=tuple(rules))


def _again(booked: Booked, earning: Earning, version: int) -> Booked:
    reason = Reason(version, earning.scheme, earning.rule, -earning.points_units, earning.formula)
    return replace(
        booked,
        reward_point=earning.reward_point,
        units=earning.points_units,
        program=earning.program,
        tier=earning.tier,
        reason=reason,
    )
