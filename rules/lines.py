"""Lines and charges of a cart or sale: what may be sent, what they are worth and come to.

Money counts in minor units of the cart's currency; quantities and unit prices are exact decimals.
Source: semantics 2 (Numbers, Line amounts), 10.1 (totals).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from rules.errors import InvalidInput, Path, Refused
from rules.faults import TOO_LARGE, amount_fault, line_number_faults, number_fault, text_faults
from rules.numbers import MAXIMUM_UNITS, to_minor

MAXIMUM_LINES = 1000
MAXIMUM_CATEGORIES = 100
MAXIMUM_DESCRIPTION = 1000


@dataclass(frozen=True, slots=True)
class LineInput:
    """A line as sent: amounts in units of the cart's currency, not yet judged."""

    line_number: int
    product_id: str
    quantity: Decimal
    unit_price: Decimal
    variant_id: str | None = None
    categories: tuple[str, ...] = ()
    discount_amount: Decimal = Decimal(0)
    tax_amount: Decimal = Decimal(0)
    delivery_mode: str | None = None


@dataclass(frozen=True, slots=True)
class ChargeInput:
    """A charge as sent; `line_number` None: on the order as a whole."""

    code: str
    amount: Decimal
    description: str | None = None
    line_number: int | None = None
    overridden: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line as judged; `given_minor` is what this service's own discounts take off."""

    line_number: int
    product_id: str
    variant_id: str | None
    categories: frozenset[str]
    quantity: Decimal
    unit_price: Decimal
    currency: str
    # The quantity times the unit price, half-up.
    gross_minor: int
    discount_minor: int
    tax_minor: int
    delivery_mode: str | None
    given_minor: int = 0

    @property
    def products(self) -> frozenset[str]:
        """What product lists may name it by: productId and variantId."""
        return frozenset({self.product_id, self.variant_id or self.product_id})

    @property
    def net_minor(self) -> int:
        """Gross less the caller's discount and those given by this service."""
        return self.gross_minor - self.discount_minor - self.given_minor

    def goods_minor(self, *, prices_include_tax: bool) -> int:
        """Give the goods total: net, with the tax that prices leave out."""
        return self.net_minor + (0 if prices_include_tax else self.tax_minor)


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge as judged; `overridden`: fixed by hand, shipping discounts leave it alone."""

    code: str
    amount_minor: int
    description: str | None
    line_number: int | None
    overridden: bool


@dataclass(frozen=True, slots=True)
class Totals:
    """What a cart comes to in minor units; `discount_minor`: the callers' discounts and ours."""

    subtotal_minor: int
    discount_minor: int
    charge_minor: int
    tax_minor: int
    total_minor: int

    def balance_due_minor(self, amount_paid_minor: int) -> int:
        """Give what is still to pay, never below 0."""
        return max(0, self.total_minor - amount_paid_minor)


class Charged(Protocol):
    """A charge as far as sums go."""

    @property
    def amount_minor(self) -> int: ...

    @property
    def line_number(self) -> int | None: ...


def totals(
    lines: Iterable[Line], charges: Iterable[Charged], *, prices_include_tax: bool
) -> Totals:
    """Sum up a cart; tax is not added where prices include it. Source: semantics 10.1."""
    lines = tuple(lines)
    subtotal = sum(line.gross_minor for line in lines)
    discount = sum(line.discount_minor + line.given_minor for line in lines)
    charge = sum(charge.amount_minor for charge in charges)
    tax = sum(line.tax_minor for line in lines)
    added = 0 if prices_include_tax else tax
    return Totals(subtotal, discount, charge, tax, subtotal - discount + charge + added)


def check_lines(
    lines: Sequence[LineInput], charges: Sequence[ChargeInput], currency: str, path: Path = ()
) -> tuple[tuple[Line, ...], tuple[Charge, ...]]:
    """Give lines and charges in the order sent, amounts in minor units of `currency`.

    Raises Refused with every fault as InvalidInput at `path` + ("lines", "2", "quantity"), where
    lines and charges count from 0; what they come to is judged once each is sound by itself.
    Source: semantics 2.
    """
    sound: list[Line] = []
    faults = [*_list_faults(lines, charges, currency, path, sound)]
    if faults:
        raise Refused(faults)
    judged = tuple(sound)
    charged = tuple(_charge(charge, currency) for charge in charges)
    for name, summed in (("lines", ()), ("charges", charged)):
        # Taxed totals are the largest there are, whatever the channel's prices include.
        come_to = totals(judged, summed, prices_include_tax=False)
        if max(come_to.subtotal_minor, come_to.total_minor) > MAXIMUM_UNITS:
            raise Refused([InvalidInput(TOO_LARGE, (*path, name))])
    return judged, charged


def split(units: int, weights: Mapping[int, int | Fraction]) -> tuple[tuple[int, int], ...]:
    """Split `units` over line numbers by weight: largest remainder, ties to the lower number.

    The weights are >= 0 and not all 0; the parts come by line number. Source: semantics 5.3.
    """
    whole = sum(weights.values())
    exact = {number: divmod(units * weights[number], whole) for number in sorted(weights)}
    parts = {number: int(part) for number, (part, _) in exact.items()}
    by_remainder = sorted(exact, key=lambda number: -exact[number][1])
    for number in by_remainder[: units - sum(parts.values())]:
        parts[number] += 1
    return tuple(parts.items())


def _list_faults(
    lines: Sequence[LineInput],
    charges: Sequence[ChargeInput],
    currency: str,
    path: Path,
    sound: list[Line],
) -> Iterator[InvalidInput]:
    """Yield every fault; lines without one are put into `sound`."""
    counts = {"lines": len(lines), "charges": len(charges)}
    many = [name for name, count in counts.items() if count > MAXIMUM_LINES]
    yield from (InvalidInput(f"At most {MAXIMUM_LINES} may be sent.", (*path, n)) for n in many)
    if many:
        return
    numbers: set[int] = set()
    for position, line in enumerate(lines):
        at = (*path, "lines", str(position))
        yield from line_number_faults(line.line_number, numbers, at)
        yield from _line_faults(line, currency, at, sound)
        numbers.add(line.line_number)
    for position, charge in enumerate(charges):
        yield from _charge_faults(charge, numbers, currency, (*path, "charges", str(position)))


def _line_faults(
    line: LineInput, currency: str, path: Path, sound: list[Line]
) -> Iterator[InvalidInput]:
    yield from text_faults(line.product_id, (*path, "productId"))
    yield from text_faults(line.variant_id, (*path, "variantId"))
    yield from text_faults(line.delivery_mode, (*path, "deliveryMode"))
    yield from _category_faults(line.categories, (*path, "categories"))
    faults = [*_number_faults(line, currency, path)]
    if not faults:
        judged = _line(line, currency)
        faults = [*_sum_faults(judged, path)]
        sound.append(judged)
    yield from faults


def _category_faults(categories: tuple[str, ...], path: Path) -> Iterator[InvalidInput]:
    if len(categories) > MAXIMUM_CATEGORIES:
        yield InvalidInput(f"A line has at most {MAXIMUM_CATEGORIES} categories.", path)
        return
    for position, category in enumerate(categories):
        yield from text_faults(category, (*path, str(position)))


def _number_faults(line: LineInput, currency: str, path: Path) -> Iterator[InvalidInput]:
    numbers = {"quantity": line.quantity, "unitPrice": line.unit_price}
    for name, number in numbers.items():
        fault = number_fault(number)
        if fault is not None:
            yield InvalidInput(fault, (*path, name))
    if line.quantity == 0:
        yield InvalidInput("A quantity is more than 0.", (*path, "quantity"))
    amounts = {"discountAmount": line.discount_amount, "taxAmount": line.tax_amount}
    faults = (amount_fault(amount, currency, (*path, at)) for at, amount in amounts.items())
    yield from filter(None, faults)


def _sum_faults(line: Line, path: Path) -> Iterator[InvalidInput]:
    if line.gross_minor + line.tax_minor > MAXIMUM_UNITS:
        yield InvalidInput(TOO_LARGE, path)
    if line.discount_minor > line.gross_minor:
        yield InvalidInput("A discount is at most the gross amount.", (*path, "discountAmount"))


def _charge_faults(
    charge: ChargeInput, numbers: set[int], currency: str, path: Path
) -> Iterator[InvalidInput]:
    yield from text_faults(charge.code, (*path, "code"))
    yield from text_faults(charge.description, (*path, "description"), 0, MAXIMUM_DESCRIPTION)
    yield from filter(None, [amount_fault(charge.amount, currency, (*path, "amount"))])
    if charge.line_number is not None and charge.line_number not in numbers:
        yield InvalidInput("No line has this number.", (*path, "lineNumber"))


def _line(line: LineInput, currency: str) -> Line:
    return Line(
        line_number=line.line_number,
        product_id=line.product_id,
        variant_id=line.variant_id,
        categories=frozenset(line.categories),
        quantity=line.quantity,
        unit_price=line.unit_price,
        currency=currency,
        gross_minor=to_minor(line.unit_price, currency, times=line.quantity),
        discount_minor=to_minor(line.discount_amount, currency),
        tax_minor=to_minor(line.tax_amount, currency),
        delivery_mode=line.delivery_mode,
    )


def _charge(charge: ChargeInput, currency: str) -> Charge:
    amount_minor = to_minor(charge.amount, currency)
    return Charge(
        charge.code, amount_minor, charge.description, charge.line_number, charge.overridden
    )
