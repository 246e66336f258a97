"""How many points of a budget a cart uses, reckoned without paying.

The walk uses the same and pays with it; of a long cart thousands of budgets are asked before one
of them is used to its last point. Points are exact. Source: semantics 8.2, 8.3 (step).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from math import floor

from rules.numbers import half_up
from rules.tender import Item, Price, Tender
from rules.walk import Left, block_worth

# Whole numbers where they can be, which are quicker.
_Points = int | Fraction


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole units: `cost` points for `pays` of the quantity, which are worth minor units."""

    cost: _Points
    pays: Fraction
    worth_minor: int

    @property
    def least(self) -> _Points:
        return self.cost

    def use(self, left: Left, points: _Points | None) -> tuple[_Points, Left | None]:
        if points is not None and points < self.cost:
            return 0, left
        times = min(left.goods_minor // self.worth_minor, left.quantity // self.pays)
        if points is not None:
            times = min(times, points // self.cost)
        goods_minor = left.goods_minor - times * self.worth_minor
        rest = replace(left, goods_minor=goods_minor, quantity=left.quantity - times * self.pays)
        return times * self.cost, rest


@dataclass(frozen=True, slots=True)
class _Money:
    """Minor units at `rate` points each; who has too few for all of them uses them up."""

    rate: Fraction
    price: Price

    @property
    def least(self) -> _Points:
        return 0

    def use(self, left: Left, points: _Points | None) -> tuple[_Points, Left | None]:
        open_minor = left.open_minor(self.price)
        need = open_minor * self.rate
        if points is None or need <= points:
            charges_minor = 0 if self.price.pays_charges else left.charges_minor
            return need, replace(left, goods_minor=0, charges_minor=charges_minor)
        amount_minor = min(open_minor, half_up(points / self.rate))
        return min(amount_minor * self.rate, points), None


@dataclass(frozen=True, slots=True)
class _Row:
    """What is left of an item, and what may pay it, cheapest first."""

    left: Left
    prices: tuple[_Block | _Money, ...]

    @property
    def least(self) -> _Points:
        """Fewer points than these the item leaves alone."""
        return min(price.least for price in self.prices)

    def use(self, points: _Points | None) -> tuple[_Points, bool]:
        """Give what the item uses of the points, None: of enough for everything; and whether other
        items may use what it leaves.
        """
        left = self.left
        used: _Points = 0
        for price in self.prices:
            more, rest = price.use(left, None if points is None else points - used)
            used += more
            if rest is None:
                return used, False
            left = rest
        return used, True


class Needs:
    """The items that a reward point may pay, in the order of the walk."""

    def __init__(self, asked: Tender, code: str, left: Sequence[Left]) -> None:
        items = zip(asked.facts.items, left, asked.prices[code], strict=True)
        rows = [_Row(one, _prices(item, prices)) for item, one, prices in items]
        self._rows = [row for row in rows if row.prices]
        # What the items before each use where points are enough, and what one of the rest asks for.
        self._before = [0, *accumulate(row.use(None)[0] for row in self._rows)]
        self._least = [*accumulate((row.least for row in reversed(self._rows)), min)][::-1]

    def used(self, units: int) -> int:
        """Give how many of the points are used; part of a point uses all of it."""
        place = bisect_right(self._before, units) - 1
        left, goes_on = units - self._before[place], True
        while goes_on and place < len(self._rows) and left >= self._least[place]:
            more, goes_on = self._rows[place].use(left)
            left -= more
            place += 1
        return units - floor(left)


def _prices(item: Item, prices: Sequence[Price]) -> tuple[_Block | _Money, ...]:
    found = (
        _block(item, one) if one.rule.whole_units_only else _Money(one.rate, one) for one in prices
    )
    return tuple(one for one in found if one is not None)


def _block(item: Item, price: Price) -> _Block | None:
    """None where blocks are worth nothing, and pay nothing."""
    cost, worth_minor = Fraction(price.rule.points), block_worth(price, item)
    if worth_minor == 0:
        return None
    whole = cost.numerator if cost.denominator == 1 else cost
    return _Block(whole, Fraction(price.rule.pays), worth_minor)
