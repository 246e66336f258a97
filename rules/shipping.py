"""Shipping threshold discounts: what they take off shipping charges, and how far the next one is.

Money counts in minor units of the cart's currency, percents are exact; a charge is rounded once,
half-up, after compounded percents were multiplied out. Source: semantics 10.3.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from rules.book import RuleBook, text
from rules.charges import Modes
from rules.discounts import Competitor, Opening, opening_group, winners
from rules.indexes import LineIndex
from rules.lines import Charge, Line
from rules.numbers import half_up, to_minor
from rules.program_prices import ShippingThreshold, ShippingThresholdDiscount
from rules.program_terms import Basis

_JOINT = " - "


@dataclass(frozen=True, slots=True)
class PricedCharge:
    """A charge as it stands in the cart: `original_minor` as sent or configured, `description` for
    people; `discounts` are those that apply to it and `saved_minor` what each takes off, alike.
    """

    code: str
    description: str
    line_number: int | None
    is_shipping: bool
    original_minor: int
    amount_minor: int
    discounts: tuple[ShippingThresholdDiscount, ...] = ()
    saved_minor: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """Where the cart stands with one discount; `next_step` None: the highest threshold is met."""

    discount: ShippingThresholdDiscount
    qualifying_minor: int
    current_percent: Fraction
    saved_minor: int
    next_step: ShippingThreshold | None
    to_next_minor: int


@dataclass(frozen=True, slots=True)
class _Applying:
    """An eligible discount that met a threshold."""

    discount: ShippingThresholdDiscount
    priority: int
    percent: Fraction


def open_discounts(opening: Opening, book: RuleBook) -> tuple[ShippingThresholdDiscount, ...]:
    """Give the discounts eligible by dates, coupon, price groups and currency, by code."""
    opened = book.shipping_index.opened(opening.on, opening.keys)
    found = [one for _, one in opened.matching((), ()) if one.currency == opening.currency]
    return tuple(sorted(found, key=lambda one: one.code))


def priced_charges(
    charges: Sequence[Charge], lines: Sequence[Line], modes: Modes, opening: Opening, book: RuleBook
) -> tuple[PricedCharge, ...]:
    """Take the shipping discounts off the charges, each as it was sent.

    Names of shipping discounts that a description already ends with are taken off first. Charges
    that were fixed by hand stand, and so do all where automatic charges are not in use.
    """
    plain = [_plain(charge, book) for charge in charges]
    if not book.configuration.settings.use_advanced_auto_charges:
        return tuple(plain)
    bound = [
        modes.of(charge.line_number) if one.is_shipping and not charge.overridden else None
        for charge, one in zip(charges, plain, strict=True)
    ]
    wanted = {mode for mode in bound if mode is not None}
    open_now = [one for one in open_discounts(opening, book) if one.delivery_mode in wanted]
    applying = _applying(open_now, lines, modes, opening, book)
    return tuple(
        one
        if charge.overridden or not one.is_shipping
        else _reduced(one, [a for a in applying if a.discount.delivery_mode == mode], book)
        for charge, one, mode in zip(charges, plain, bound, strict=True)
    )


def offers(
    charges: Iterable[PricedCharge],
    lines: Sequence[Line],
    modes: Modes,
    opening: Opening,
    book: RuleBook,
) -> tuple[Offer, ...]:
    """Give one row for each eligible discount, by delivery mode, then code.

    Lines without a mode count as if they went by the discount's.
    """
    if not book.configuration.settings.use_advanced_auto_charges:
        return ()
    saved: dict[str, int] = {}
    for charge in charges:
        for discount, minor in zip(charge.discounts, charge.saved_minor, strict=True):
            saved[discount.code] = saved.get(discount.code, 0) + minor
    found = sorted(open_discounts(opening, book), key=lambda one: (one.delivery_mode, one.code))
    by_mode = {
        mode: _going_by(lines, modes, {mode, None}) for mode in {one.delivery_mode for one in found}
    }
    return tuple(
        _offer(one, _qualifying(one, by_mode[one.delivery_mode]), saved.get(one.code, 0))
        for one in found
    )


def _plain(charge: Charge, book: RuleBook) -> PricedCharge:
    known = book.charge_codes.get(charge.code)
    return PricedCharge(
        code=charge.code,
        description=charge.description or _name_of(charge.code, book),
        line_number=charge.line_number,
        is_shipping=known.shipping if known else False,
        original_minor=charge.amount_minor,
        amount_minor=charge.amount_minor,
    )


def _name_of(code: str, book: RuleBook) -> str:
    known = book.charge_codes.get(code)
    return text(known.name, None, code) if known else code


def _going_by(
    lines: Iterable[Line], modes: Modes, wanted: Collection[str | None]
) -> LineIndex[Line]:
    return LineIndex(line for line in lines if modes.of_lines[line.line_number] in wanted)


def _qualifying(discount: ShippingThresholdDiscount, lines: LineIndex[Line]) -> int:
    """Sum up what is held against the thresholds; never tax, charges or payments."""
    before = discount.basis is Basis.BEFORE_DISCOUNT
    return sum(line.gross_minor if before else line.net_minor for line in lines.within(discount))


def _steps(discount: ShippingThresholdDiscount) -> list[tuple[int, Fraction, ShippingThreshold]]:
    """Give the thresholds with their amounts, lowest first."""
    steps = [
        (to_minor(step.amount, discount.currency), Fraction(step.percent_off), step)
        for step in discount.thresholds
    ]
    return sorted(steps, key=lambda step: step[:2])


def _applying(
    found: Sequence[ShippingThresholdDiscount],
    lines: Sequence[Line],
    modes: Modes,
    opening: Opening,
    book: RuleBook,
) -> list[_Applying]:
    """Give the discounts that met a threshold: one below its lowest does not compete."""
    by_mode = {
        mode: _going_by(lines, modes, {mode}) for mode in {one.delivery_mode for one in found}
    }
    applying = []
    for discount in found:
        amount = _qualifying(discount, by_mode[discount.delivery_mode])
        met = [percent for least, percent, _ in _steps(discount) if least <= amount]
        if met:
            _, priority = opening_group(discount, opening, book.price_groups)
            applying.append(_Applying(discount, priority, met[-1]))
    return applying


def _reduced(charge: PricedCharge, applying: Sequence[_Applying], book: RuleBook) -> PricedCharge:
    """Apply the winners to the charge as sent, and name them in its description."""
    percents = {one.discount.code: one.percent for one in applying}
    competing = [
        Competitor(one.discount, one.priority, half_up(charge.original_minor * one.percent / 100))
        for one in applying
    ]
    winning = winners(competing) if competing else ()
    left, rest, saved = charge.original_minor, Fraction(1), []
    for discount in winning:
        rest *= 1 - percents[discount.code] / 100
        now = charge.original_minor - half_up(charge.original_minor * (1 - rest))
        saved.append(left - now)
        left = now
    plain = _without_names(charge.description, book.shipping_names) or _name_of(charge.code, book)
    names = [text(one.name, None, one.code) for one in winning]
    return PricedCharge(
        code=charge.code,
        description=_JOINT.join([plain, *names]),
        line_number=charge.line_number,
        is_shipping=True,
        original_minor=charge.original_minor,
        amount_minor=left,
        discounts=winning,
        saved_minor=tuple(saved),
    )


def _without_names(description: str, names: Collection[str]) -> str:
    """Take off every name that the description ends with, the longest first."""
    place = description.find(_JOINT)
    while place >= 0:
        if description[place + len(_JOINT) :] in names:
            description = description[:place]
            place = description.find(_JOINT)
        else:
            place = description.find(_JOINT, place + 1)
    return "" if description in names else description


def _offer(discount: ShippingThresholdDiscount, amount_minor: int, saved_minor: int) -> Offer:
    steps = _steps(discount)
    met = [percent for least, percent, _ in steps if least <= amount_minor]
    above = [(least, step) for least, _, step in steps if least > amount_minor]
    least, step = above[0] if above else (amount_minor, None)
    return Offer(
        discount=discount,
        qualifying_minor=amount_minor,
        current_percent=met[-1] if met else Fraction(0),
        saved_minor=saved_minor,
        next_step=step,
        to_next_minor=least - amount_minor,
    )
