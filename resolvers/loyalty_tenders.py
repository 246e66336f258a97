"""What points can pay of a cart, by the very walk that pays. Reading takes no lock.

Source: semantics 8.2 (`loyaltyTender`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from models.card_statements import CardRow
from resolvers import cards
from resolvers.balances import balance_rows, day_rows
from resolvers.context import Context
from resolvers.pools import paying_ids
from resolvers.standings import standing
from resolvers.tenders import check_card, tender_of
from rules.balances import NEVER, PointsDay, Sums, settle
from rules.book import RuleBook
from rules.cover import Cover
from rules.errors import LoyaltyError
from rules.numbers import half_up
from rules.paying import most, refusal_of_cover
from rules.program import Channel
from rules.tender import Item

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


@dataclass(frozen=True, slots=True)
class Payable:
    """The cart as far as paying goes."""

    items: tuple[Item, ...]
    total_minor: int
    balance_due_minor: int
    on: date


async def view(
    context: Context,
    book: RuleBook,
    channel: Channel,
    card: CardRow,
    affiliations: frozenset[str],
    payable: Payable,
    coupon_faults: Sequence[LoyaltyError],
) -> TenderView:
    """The cover for the card presented, with the answer that paying it would give."""
    try:
        check_card(book, channel, card)
        for fault in coupon_faults:
            raise fault
    except LoyaltyError as refusal:
        return TenderView(card, (), (), refusal)
    held_standing = await standing(context, card, book)
    if held_standing is None:
        raise AssertionError
    asked = tender_of(
        book,
        channel,
        held_standing,
        affiliations,
        payable.items,
        payable.total_minor,
        payable.on,
    )
    pool = await _pool(context, card, asked.payable_points, payable.on)
    cover = most(asked, pool.available, payable.balance_due_minor)
    refusal_now = None
    if cover.amount_minor == 0:
        refusal_now = refusal_of_cover(asked, pool.available, pool.held, payable.balance_due_minor)
    return TenderView(card, _parts(cover), _soon(cover, pool), refusal_now)


@dataclass(frozen=True, slots=True)
class _Pool:
    """Units of each reward point: available, held, and available but lost within 30 days."""

    available: dict[str, int]
    held: dict[str, int]
    soon: dict[str, int]


async def _pool(context: Context, card: CardRow, points: Sequence[str], on: date) -> _Pool:
    pool = _Pool(dict.fromkeys(points, 0), dict.fromkeys(points, 0), dict.fromkeys(points, 0))
    for card_id in sorted(await paying_ids(context.read, card)):
        row = await context.load(cards.rows_by_id, card_id)
        if row is None:
            continue
        balances = {one.reward_point: one for one in await context.load(balance_rows, card_id)}
        days = await context.load(day_rows, card_id)
        for code in points:
            known = balances.get(code)
            sums = Sums(debt=known.debt if known else 0)
            since = known.as_of_from if known else on
            _add(pool, code, days.get(code, []), (sums.debt, since), on)
    return pool


def _add(
    pool: _Pool, code: str, days: Sequence[PointsDay], debt: tuple[int, date], on: date
) -> None:
    settled = settle(days, debt[0], debt[1], on)
    free = [day for day in settled.days if day.vests_on <= on <= day.expires_on]
    pool.available[code] += max(0, sum(day.free for day in free) - settled.debt)
    pool.held[code] += sum(day.held for day in days)
    soon = [day for day in free if day.expires_on != NEVER and day.expires_on <= on + SOON]
    pool.soon[code] += sum(day.free for day in soon)


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
