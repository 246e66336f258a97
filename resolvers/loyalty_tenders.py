"""What points can pay of a cart, by the very walk that pays. Reading takes no lock.

Source: semantics 8.2 (`loyaltyTender`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from models.card_statements import CardRow
from resolvers.parties import PointsOf
from resolvers.priced_carts import PricedCart
from resolvers.tenders import check_card, tender_of
from rules.balances import NEVER, PointsDay, Sums, settle
from rules.cover import Cover
from rules.errors import LoyaltyError
from rules.numbers import half_up
from rules.paying import most, refusal_of_cover

SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Part:
    """What one reward point would pay, in units and minor units."""

    reward_point: str
    units: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class TenderView:
    """The most that points can pay now; `refusal` tells why it is nothing."""

    card: CardRow
    parts: tuple[Part, ...]
    expiring_soon: tuple[Part, ...]
    refusal: LoyaltyError | None

    @property
    def amount_minor(self) -> int:
        return sum(part.amount_minor for part in self.parts)


def view(cart: PricedCart) -> TenderView | None:
    """The cover for the card presented, with the answer that paying it would give; None without a
    card.
    """
    card, on = cart.party.presented, cart.on
    facts = cart.party.card_facts(on)
    if card is None or facts is None:
        return None
    try:
        _check(cart, card)
    except LoyaltyError as refusal:
        return TenderView(card, (), (), refusal)
    asked = tender_of(
        cart.book,
        cart.channel,
        facts,
        cart.party.affiliations,
        cart.items,
        cart.priced.totals.total_minor,
        on,
    )
    pool = _pool(cart.party.paying, asked.payable_points, on)
    cover = most(asked, pool.available, cart.balance_due_minor)
    refusal_now = None
    if cover.amount_minor == 0:
        refusal_now = refusal_of_cover(asked, pool.available, pool.held, cart.balance_due_minor)
    return TenderView(card, _parts(cover), _soon(cover, pool), refusal_now)


def _check(cart: PricedCart, card: CardRow) -> None:
    """Raise what a payment would answer before limits and points count, in its order of checks.

    Source: semantics 8.1.
    """
    for refusal in cart.party.refusals:
        raise _of_payment(refusal)
    check_card(cart.book, cart.channel, card)
    for fault in cart.coupon_faults:
        raise _of_payment(fault)


def _of_payment(refusal: LoyaltyError) -> LoyaltyError:
    """The same refusal where a payment's input has it: in its cart."""
    return type(refusal)(refusal.message, ("cart", *(refusal.field or ())))


@dataclass(frozen=True, slots=True)
class _Pool:
    """Units of each reward point: available, held, and available but lost within 30 days."""

    available: dict[str, int]
    held: dict[str, int]
    soon: dict[str, int]


def _pool(paying: Sequence[PointsOf], points: Sequence[str], on: date) -> _Pool:
    pool = _Pool(dict.fromkeys(points, 0), dict.fromkeys(points, 0), dict.fromkeys(points, 0))
    for held in paying:
        for code in points:
            sums, since = held.sums.get(code, (Sums(), on))
            _add(pool, code, held.days.get(code, ()), (sums.debt, since), on)
    return pool


def _add(
    pool: _Pool, code: str, days: Sequence[PointsDay], debt: tuple[int, date], on: date
) -> None:
    settled = settle(days, debt[0], debt[1], on)
    free = [day for day in settled.days if day.vests_on <= on <= day.expires_on]
    available = max(0, sum(day.free for day in free) - settled.debt)
    pool.available[code] += available
    pool.held[code] += sum(day.held for day in days)
    soon = [day for day in free if day.expires_on != NEVER and day.expires_on <= on + SOON]
    pool.soon[code] += min(available, sum(day.free for day in soon))


def _parts(cover: Cover) -> tuple[Part, ...]:
    return tuple(
        Part(
            code,
            cover.points_units(code),
            sum(one.amount_minor for one in cover.slices if one.reward_point == code),
        )
        for code in cover.reward_points
    )


def _soon(cover: Cover, pool: _Pool) -> tuple[Part, ...]:
    """In lot order what expires first is taken first; its share of the money half-up."""
    found = []
    for part in _parts(cover):
        units = min(part.units, pool.soon[part.reward_point])
        if units > 0:
            share = half_up(Fraction(part.amount_minor * units, part.units))
            found.append(Part(part.reward_point, units, share))
    return tuple(found)
