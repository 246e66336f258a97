"""What a refund gives back of a payment: of which slices, to which lots, and how long it lasts.

Quantities are millionths, points smallest units, money minor units. Source: semantics 7.2.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from math import ceil
from uuid import UUID

from rules.balances import NEVER
from rules.errors import InvalidInput, RefundExceedsAllowed
from rules.explanations import point_digits
from rules.lines import split
from rules.numbers import half_up, scale
from rules.program import RewardPoint
from rules.program_terms import RefundExpiry, RewardPointKind
from rules.returns import MILLION, ReturnLine
from rules.tender import Tender


@dataclass(frozen=True, slots=True)
class PaidSlice:
    """What one reward point paid of one line (None: the order's charges), and what of it is back.

    `refunded_units` are shares of `points_units`, whatever was given for them; `used_minor` is what
    sales that named the payment have used up of it (semantics 5.4).
    """

    place: int
    reward_point: str
    line_number: int | None
    points_units: int
    amount_minor: int
    refunded_units: int
    refunded_minor: int
    used_minor: int = 0


@dataclass(frozen=True, slots=True)
class Undone:
    """The share of a slice that is given back now."""

    slice: PaidSlice
    units: int
    minor: int


@dataclass(frozen=True, slots=True)
class PaidLine:
    """A line of the payment's cart, of which `refunded` is back already."""

    line_number: int
    quantity: int
    refunded: int


@dataclass(frozen=True, slots=True)
class Source:
    """Points taken from a lot, in the order of consumption; NEVER where the lot never expires."""

    card_id: UUID
    expires_on: date
    units: int


def undo_amount(slices: Sequence[PaidSlice], amount_minor: int) -> tuple[Undone, ...]:
    """Undo `amount_minor`, at most what is left, from the last slice to the first.

    Of a partly undone slice the points are the cumulative floor; of a whole one all.
    """
    undone = []
    left = amount_minor
    for one in reversed(slices):
        minor = min(left, one.amount_minor - one.refunded_minor)
        if minor > 0:
            left -= minor
            whole = one.points_units * (one.refunded_minor + minor) // one.amount_minor
            undone.append(Undone(one, max(0, whole - one.refunded_units), minor))
    return tuple(undone)


def undo_lines(
    slices: Sequence[PaidSlice], lines: Iterable[PaidLine], quantities: Mapping[int, int]
) -> tuple[Undone, ...]:
    """Undo the share of each line that goes with the quantity given back now, by line number.

    Points and money are cumulative floors less what was given before; the last part gets the rest.
    """
    undone = []
    by_number = {line.line_number: line for line in lines}
    for one in slices:
        number = one.line_number
        if number is None or number not in quantities:
            continue
        line = by_number[number]
        returned = line.refunded + quantities[number]
        units = max(0, one.points_units * returned // line.quantity - one.refunded_units)
        minor = max(0, one.amount_minor * returned // line.quantity - one.refunded_minor)
        if units or minor:
            undone.append(Undone(one, units, minor))
    return tuple(undone)


def still_used(slices: Sequence[PaidSlice], undone: Iterable[Undone]) -> Iterator[int]:
    """What sales have used up of each slice once `undone` is back: of each line the money that was
    used comes back first, so that none counts as both used and given back.

    Never more on a slice than is left of it; in the order of consumption. Source: semantics 5.4.
    """
    back = {one.slice.place: one.minor for one in undone}
    used: dict[int | None, int] = {}
    for one in slices:
        less = one.used_minor - back.get(one.place, 0)
        used[one.line_number] = used.get(one.line_number, 0) + less
    for one in slices:
        left = one.amount_minor - one.refunded_minor - back.get(one.place, 0)
        part = max(0, min(used[one.line_number], left))
        used[one.line_number] -= part
        yield part


def quantities(asked: Sequence[ReturnLine], lines: Iterable[PaidLine]) -> dict[int, int]:
    """What is given back of each line now.

    Raises InvalidInput for a line that the payment's cart had not, RefundExceedsAllowed for more
    than is left of one.
    """
    by_number = {line.line_number: line for line in lines}
    for position, one in enumerate(asked):
        if one.line_number not in by_number:
            path = ("lines", str(position), "lineNumber")
            raise InvalidInput("The payment's cart had no such line.", path)
    found = {}
    for position, one in enumerate(asked):
        line, quantity = by_number[one.line_number], int(one.quantity * MILLION)
        if line.refunded + quantity > line.quantity:
            path = ("lines", str(position), "quantity")
            raise RefundExceedsAllowed("This is more than is left of the line.", path)
        found[one.line_number] = quantity
    return found


def recomputed_units(
    undone: Iterable[Undone], asked: Tender, points: Mapping[str, RewardPoint]
) -> dict[str, int]:
    """Points by reward point for the money undone, by the cheapest rule that `asked` has a line.

    Rounded once a reward point: QUANTITY points up, AMOUNT points half-up. Where no rule takes the
    reward point for the line any more, the share that was taken. `points` are those of the payment:
    the version of `asked` may have fewer.
    """
    places = {item.line_number: place for place, item in enumerate(asked.facts.items)}
    exact: dict[str, Fraction] = {}
    for one in undone:
        code, line_number = one.slice.reward_point, one.slice.line_number
        prices = asked.prices[code][places[line_number]] if code in asked.prices else ()
        units = Fraction(one.units)
        if prices:
            units = prices[0].rate * one.minor * scale(point_digits(points[code]))
        exact[code] = exact.get(code, Fraction(0)) + units
    return {
        code: ceil(units) if points[code].kind is RewardPointKind.QUANTITY else half_up(units)
        for code, units in exact.items()
    }


def sources(consumed: Sequence[Source], before: int, units: int) -> tuple[Source, ...]:
    """The lots that `units` go back to, last consumed first, after `before` that went back."""
    found = []
    for one in reversed(consumed):
        skipped = min(before, one.units)
        part = min(units, one.units - skipped)
        before -= skipped
        units -= part
        if part > 0:
            found.append(Source(one.card_id, one.expires_on, part))
    return tuple(found)


def spread(found: Sequence[Source], units: int) -> Iterator[Source]:
    """Spread other `units` than were taken over the same lots, by largest remainder."""
    parts = split(units, {place: Fraction(one.units) for place, one in enumerate(found)})
    for place, part in parts:
        if part > 0:
            yield Source(found[place].card_id, found[place].expires_on, part)


def expiry(
    setting: RefundExpiry, grace_days: int, refunded_on: date, fresh: date | None, own: date
) -> date | None:
    """Last day of refunded points: `fresh`, or their lot's own day; once that is past, so many days
    from the refund. None: they never expire.
    """
    if setting is RefundExpiry.FRESH:
        return fresh
    if own == NEVER:
        return None
    return own if own >= refunded_on else refunded_on + timedelta(days=grace_days)
