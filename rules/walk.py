"""The walk of one reward point over a cart's items, exact until the points taken are rounded.

Money counts in minor units of the cart's currency, needs in exact points, what is taken in smallest
units of the reward point. Source: semantics 8.2 (Rate, Walk).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from rules.explanations import point_digits
from rules.numbers import half_up, scale
from rules.program import RewardPoint
from rules.program_terms import RewardPointKind
from rules.tender import Item, Price, Tender

_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Left:
    """What is still to pay of an item, and the quantity that no block has paid yet."""

    goods_minor: int
    charges_minor: int
    quantity: Fraction

    def open_minor(self, price: Price) -> int:
        return self.goods_minor + (self.charges_minor if price.pays_charges else 0)

    def less(self, part: "Part") -> "Left":
        """Goods go before charges."""
        goods_minor = min(part.amount_minor, self.goods_minor)
        return Left(
            goods_minor=self.goods_minor - goods_minor,
            charges_minor=self.charges_minor - (part.amount_minor - goods_minor),
            quantity=self.quantity - part.blocks * Fraction(part.price.rule.pays),
        )


@dataclass(frozen=True, slots=True)
class Part:
    """What one rule pays of the item at `place`, and its need; `blocks` 0: not by whole units."""

    place: int
    price: Price
    amount_minor: int
    need: Fraction
    blocks: int = 0


@dataclass(frozen=True, slots=True)
class Walked:
    """What one reward point pays, what it leaves of each item, and the units it takes."""

    parts: tuple[Part, ...]
    left: tuple[Left, ...]
    units: int

    @property
    def amount_minor(self) -> int:
        return sum(part.amount_minor for part in self.parts)

    @property
    def need(self) -> Fraction:
        return sum((part.need for part in self.parts), Fraction(0))


@dataclass(slots=True)
class _Purse:
    """What is left to pay, and the points left for it (None: enough for everything).

    With `tolerance`, needs may pass what is left by less than that; the whole need then still
    rounds to what there was.
    """

    to_pay_minor: int
    points: Fraction | None
    tolerance: Fraction
    exhausted: bool = False

    def holds(self, need: Fraction) -> bool:
        if self.points is None:
            return True
        return need <= self.points or need < self.points + self.tolerance

    def times(self, cost: Fraction, most: int) -> int:
        """Tell how many times, at most `most`, `cost` can be taken."""
        if self.points is None:
            return most
        if self.tolerance:
            return min(most, ceil((self.points + self.tolerance) / cost) - 1)
        return min(most, floor(self.points / cost))

    def take(self, part: Part) -> None:
        self.to_pay_minor -= part.amount_minor
        if self.points is not None:
            self.points -= part.need


def everything(items: Sequence[Item]) -> tuple[Left, ...]:
    return tuple(Left(item.goods_minor, item.charges_minor, item.quantity) for item in items)


def walk(
    asked: Tender,
    code: str,
    left: Sequence[Left],
    to_pay_minor: int,
    budget_units: int | None,
    *,
    tolerant: bool = False,
) -> Walked:
    """Pay item by item, each by its cheapest rule first, until points or money run out.

    QUANTITY points are rounded up to whole points, AMOUNT points half-up to their minor unit, once;
    never above the budget, since no exact need is. `tolerant` lets an AMOUNT point's need pass the
    budget as long as it still rounds to it.
    """
    point = asked.points[code]
    units = scale(point_digits(point))
    purse = _Purse(
        to_pay_minor=to_pay_minor,
        points=None if budget_units is None else Fraction(budget_units, units),
        tolerance=_HALF / units
        if tolerant and point.kind is RewardPointKind.AMOUNT
        else Fraction(0),
    )
    after = list(left)
    parts = tuple(_parts(asked, code, after, purse))
    need = sum((part.need for part in parts), Fraction(0))
    return Walked(parts, tuple(after), _rounded(point, need * units))


def block_worth(price: Price, item: Item) -> int:
    """Give the minor units that a block of the rule pays of the item, half-up."""
    return half_up(Fraction(price.rule.pays) * item.goods_minor / item.quantity)


def _rounded(point: RewardPoint, need_units: Fraction) -> int:
    return ceil(need_units) if point.kind is RewardPointKind.QUANTITY else half_up(need_units)


def _parts(asked: Tender, code: str, after: list[Left], purse: _Purse) -> Iterator[Part]:
    """Yield the parts and take each off `after` and the purse."""
    for place, prices in enumerate(asked.prices[code]):
        for price in prices:
            if purse.exhausted or purse.to_pay_minor == 0:
                return
            by_blocks = price.rule.whole_units_only
            pay = _by_blocks if by_blocks else _by_money
            part = pay(place, price, asked.facts.items[place], after[place], purse)
            if part.amount_minor > 0:
                after[place] = after[place].less(part)
                purse.take(part)
                yield part


def _by_money(place: int, price: Price, _: Item, left: Left, purse: _Purse) -> Part:
    """Pay what is open; the points left pay for their worth, half-up, and are then exhausted."""
    amount = min(left.open_minor(price), purse.to_pay_minor)
    need = amount * price.rate
    if purse.points is None or purse.holds(need):
        return Part(place, price, amount, need)
    purse.exhausted = True
    amount = max(0, min(amount, half_up(purse.points / price.rate)))
    return Part(place, price, amount, min(amount * price.rate, purse.points))


def _by_blocks(place: int, price: Price, item: Item, left: Left, purse: _Purse) -> Part:
    """Pay whole blocks: as many as points, line and amount still to pay allow."""
    pays, cost = Fraction(price.rule.pays), Fraction(price.rule.points)
    worth = block_worth(price, item)
    if worth == 0:
        return Part(place, price, 0, Fraction(0))
    most = min(floor(left.quantity / pays), min(left.goods_minor, purse.to_pay_minor) // worth)
    blocks = purse.times(cost, most)
    return Part(place, price, blocks * worth, blocks * cost, blocks)
