"""Member prices: which discounts a cart opens, which of several compete, and what they take off.

Money counts in minor units of the cart's currency; each discount is rounded half-up by itself.
Source: semantics 10.1.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Generic, TypeVar

from rules.book import RuleBook, text
from rules.indexes import Opened
from rules.lines import Line
from rules.numbers import half_up, to_minor
from rules.program_prices import Coupon, Discount, PriceGroup, ShippingThresholdDiscount
from rules.program_terms import Concurrency


@dataclass(frozen=True, slots=True)
class Opening:
    """What a cart brings to open discounts: price groups as its card, customer and channel open
    them, and the coupons given that are configured and within their dates.
    """

    on: date
    currency: str
    price_groups: tuple[str, ...]
    coupons: frozenset[str]

    @property
    def keys(self) -> list[tuple[str | None, str | None]]:
        """The (price group, coupon) of every discount that is open."""
        return [(group, one) for group in (None, *self.price_groups) for one in self._coupons]

    @property
    def _coupons(self) -> tuple[str | None, ...]:
        return (None, *self.coupons)


def is_coupon_in_force(coupon: Coupon, on: date) -> bool:
    """Tell whether the day lies within the coupon's dates, both ends included."""
    return (coupon.valid_from or date.min) <= on <= (coupon.valid_to or date.max)


@dataclass(frozen=True, slots=True)
class Given:
    """What one discount takes off a line; `price_group` is the one that opened it, if any did."""

    code: str
    name: str
    amount_minor: int
    price_group: str | None


D = TypeVar("D", Discount, ShippingThresholdDiscount)


@dataclass(frozen=True, slots=True)
class Competitor(Generic[D]):
    """A discount that may apply, and what it would take off if it stood alone."""

    discount: D
    priority: int
    off_minor: int


def winners(competing: Iterable[Competitor[D]]) -> tuple[D, ...]:
    """Settle which of several apply: one, or those that compound, in the order of their codes.

    Only those of the highest priority compete: the best EXCLUSIVE alone, else all where all are
    COMPOUND, else the best. Best is most money off, ties by code.
    """
    ranked = sorted(competing, key=lambda one: (-one.priority, one.discount.code))
    top = [one for one in ranked if one.priority == ranked[0].priority]
    exclusive = [one for one in top if one.discount.concurrency is Concurrency.EXCLUSIVE]
    if not exclusive and all(one.discount.concurrency is Concurrency.COMPOUND for one in top):
        return tuple(one.discount for one in top)
    best = min(exclusive or top, key=lambda one: (-one.off_minor, one.discount.code))
    return (best.discount,)


def opening_group(
    discount: Discount | ShippingThresholdDiscount,
    opening: Opening,
    groups: Mapping[str, PriceGroup],
) -> tuple[str | None, int]:
    """Give the price group that opened the discount, and the discount's priority.

    Of several groups it is the one of the highest priority, ties by code. The priority is the
    discount's own, else the highest of those groups, else 0.
    """
    shared = sorted(set(discount.price_groups).intersection(opening.price_groups))
    ranked = {code: groups[code].priority for code in shared}
    known = [priority for priority in ranked.values() if priority is not None]
    highest = max(known, default=0)
    group = next((code for code in shared if ranked[code] == highest), next(iter(shared), None))
    return group, highest if discount.priority is None else discount.priority


def line_discounts(
    lines: Iterable[Line], opening: Opening, book: RuleBook
) -> tuple[tuple[Given, ...], ...]:
    """Give what this service's discounts take off each line, in the order of the lines.

    They apply to gross less the caller's discount and take it below 0 never.
    """
    opened = book.discounts_index.opened(opening.on, opening.keys)
    return tuple(_of_line(line, opened, opening, book) for line in lines)


def _of_line(
    line: Line, opened: Opened[Discount], opening: Opening, book: RuleBook
) -> tuple[Given, ...]:
    base = line.gross_minor - line.discount_minor
    quantity = Fraction(line.quantity)
    found = [
        discount
        for _, discount in opened.matching(line.products, line.categories)
        if discount.amount_off is None or discount.currency == opening.currency
    ]
    if not found or base == 0:
        return ()
    opened_by = {one.code: opening_group(one, opening, book.price_groups) for one in found}
    winning = winners(
        Competitor(one, opened_by[one.code][1], _off(one, base, quantity)) for one in found
    )

    def given(discount: Discount, off_minor: int) -> Given:
        name = text(discount.name, None, discount.code)
        return Given(discount.code, name, off_minor, opened_by[discount.code][0])

    return tuple(_one_after_another(winning, base, quantity, given))


def _one_after_another(
    winning: Sequence[Discount],
    left_minor: int,
    quantity: Fraction,
    given: Callable[[Discount, int], Given],
) -> Iterable[Given]:
    """Yield each on what the last left; one that takes nothing off gives nothing."""
    for discount in winning:
        off = _off(discount, left_minor, quantity)
        left_minor -= off
        if off:
            yield given(discount, off)


def _off(discount: Discount, base_minor: int, quantity: Fraction) -> int:
    """Give what the discount takes off, half-up, at most `base_minor`."""
    if discount.percent_off is not None:
        return half_up(base_minor * Fraction(discount.percent_off) / 100)
    per_unit = Fraction(discount.amount_off or 0)
    return min(base_minor, to_minor(per_unit * quantity, discount.currency or ""))
