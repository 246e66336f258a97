"""What a card holds, told again from semantics.md alone: entries, their dates, and a clock.

Nothing here knows the service. Points are smallest units, money is cents, and every day and every
hold's end is lived through one after another; so nothing is clever about time. `None` stands for an
accepted request, a dict for the refusal with its code and facts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
NEVER = date.max
HOLD = timedelta(minutes=30)
DAY = timedelta(days=1)
GRACE = timedelta(days=30)
ISSUING = ("EARN", "RETURN_EARNED", "ADJUST", "TRANSFER")
LIVE = {"AUTHORIZED", "CAPTURED", "PARTIALLY_REFUNDED"}
Refusal = dict[str, Any] | None


@dataclass(frozen=True)
class Point:
    """`rate`: units for a cent; `per` cents earn `points`; `blocks`: whole ones alone."""

    code: str
    rate: Fraction
    per: int
    points: int
    blocks: bool
    vesting: timedelta = timedelta(0)
    expiration: timedelta | None = None
    maximum: int | None = None

    def earned(self, cents: int) -> int:
        if cents < self.per:
            return 0
        if self.blocks:
            return cents // self.per * self.points
        return half_up(Fraction(cents * self.points, self.per))

    def last_day(self, on: date) -> date:
        return on + self.expiration if self.expiration else NEVER


# In the order of ranking and of the document.
POINTS = {
    "PTS": Point("PTS", Fraction(3, 10), 100, 1, blocks=True),
    "LATE": Point(
        "LATE",
        Fraction(5, 100),
        200,
        3,
        blocks=True,
        vesting=14 * DAY,
        expiration=30 * DAY,
        maximum=400,
    ),
    "CASH": Point("CASH", Fraction(1), 1000, 100, blocks=False, expiration=20 * DAY),
}


def day_of(moment: datetime) -> date:
    return moment.astimezone(ZONE).date()


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def spread(units: int, weights: Sequence[Fraction | int]) -> list[int]:
    """Largest remainder, ties to the first."""
    whole = sum(weights)
    exact = [Fraction(units) * weight / whole for weight in weights]
    parts = [floor(one) for one in exact]
    order = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
    for place in order[: units - sum(parts)]:
        parts[place] += 1
    return parts


@dataclass(eq=False)
class Lot:
    """A positive entry; `left` is its remainder, `heir` where a replacement moved it."""

    card: "Card"
    point: str
    place: int
    occurred_at: datetime
    vests_on: date
    expires_on: date
    left: int
    heir: "Lot | None" = None

    def is_spendable(self, on: date) -> bool:
        return self.vests_on <= on <= self.expires_on

    def newest(self) -> "Lot":
        return self.heir.newest() if self.heir else self


@dataclass(eq=False)
class Debt:
    point: str
    left: int


@dataclass(eq=False)
class Card:
    number: str
    tender: str
    customer: str | None
    enrolled_on: date
    status: str = "ACTIVE"
    entries: list[tuple[str, str, int]] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)
    debts: list[Debt] = field(default_factory=list)
    successor: "Card | None" = None
    replaced_at: datetime | None = None

    def newest(self) -> "Card":
        return self.successor.newest() if self.successor else self

    def earning(self, at: datetime) -> "Card":
        """The card that business of that moment earns on."""
        return self.newest() if self.replaced_at and at < self.replaced_at else self


@dataclass(eq=False)
class Slice:
    """What one reward point paid of one line, and what of it was given back."""

    point: str
    line: int
    units: int
    cents: int
    given_units: int = 0
    given_cents: int = 0


@dataclass(eq=False)
class Payment:
    card: Card
    order: str
    cents: int
    lines: list[tuple[int, int]]  # (quantity, cents)
    status: str
    at: datetime
    on: date
    slices: list[Slice]
    taken: list[tuple[Lot, int]]  # in the order of consumption
    refunded: int = 0
    back: dict[int, int] = field(default_factory=dict)  # quantity by line
    by: str | None = None

    @property
    def lapses_at(self) -> datetime:
        return self.at + HOLD


@dataclass(eq=False)
class Booked:
    lot: Lot
    line: int
    units: int


@dataclass(eq=False)
class Sale:
    card: Card
    quantities: list[int]
    booked: list[Booked]
    returned: list[int]


@dataclass
class Walked:
    slices: list[Slice]

    @property
    def cents(self) -> int:
        return sum(one.cents for one in self.slices)

    def units(self, point: str) -> int:
        return sum(one.units for one in self.slices if one.point == point)


def walk(to_pay: int, budgets: dict[str, int], lines: Sequence[int]) -> Walked:
    """Semantics 8.2 for one unrestricted rule a reward point."""
    left = list(lines)
    found: list[Slice] = []
    for code, point in POINTS.items():
        budget = budgets[code]
        if budget <= 0 or to_pay == 0:
            continue
        cents = min(to_pay, half_up(budget / point.rate))
        units = min(budget, ceil(cents * point.rate))
        to_pay -= cents
        paid: list[tuple[int, int]] = []
        for line, open_cents in enumerate(left):
            part = min(open_cents, cents - sum(one for _, one in paid))
            if part:
                paid.append((line, part))
                left[line] -= part
        needs = [part * point.rate for _, part in paid]
        # The last part's need is what the budget had left for it.
        needs[-1] = min(needs[-1], budget - sum(needs[:-1]))
        parts = spread(units, needs)
        found += [Slice(code, n, u, c) for (n, c), u in zip(paid, parts, strict=True)]
    return Walked(found)


class Model:
    """`unvested_first`: `returnDeducts`; `fresh`: `refundExpiry`."""

    def __init__(self, now: datetime, *, unvested_first: bool, fresh: bool = True) -> None:
        self.now = now
        self.unvested_first = unvested_first
        self.fresh = fresh
        self.cards: dict[str, Card] = {}
        self.payments: list[Payment] = []
        self.sales: list[Sale] = []
        self._places = 0

    # -- time

    @property
    def today(self) -> date:
        return day_of(self.now)

    def live(self) -> list[Payment]:
        return [one for one in self.payments if one.status == "AUTHORIZED"]

    def pass_to(self, moment: datetime) -> None:
        while (event := self._next_event()) <= moment:
            self.now = event
            for payment in self.live():
                if payment.lapses_at <= event:
                    payment.status = "EXPIRED"
            self._settle()
        self.now = moment

    def _next_event(self) -> datetime:
        midnight = datetime.combine(self.today + DAY, datetime.min.time(), ZONE).astimezone(UTC)
        return min([midnight, *(one.lapses_at for one in self.live())])

    # -- lots

    def held(self, lot: Lot) -> int:
        return sum(units for one in self.live() for held, units in one.taken if held is lot)

    def free(self, lot: Lot) -> int:
        return lot.left - self.held(lot)

    def _spendable(self, card: Card, point: str) -> list[Lot]:
        return [one for one in card.lots if one.point == point and one.is_spendable(self.today)]

    def _take(self, lots: Iterable[Lot], units: int) -> list[tuple[Lot, int]]:
        taken = []
        for lot in lots:
            part = min(units, self.free(lot))
            if part > 0:
                taken.append((lot, part))
                units -= part
        return taken

    def _settle(self) -> None:
        for card in self.cards.values():
            for debt in card.debts:
                for lot, units in self._take(order(self._spendable(card, debt.point)), debt.left):
                    lot.left -= units
                    debt.left -= units
            card.debts = [debt for debt in card.debts if debt.left]

    def _lot(
        self, card: Card, kind: str, point: str, units: int, vests_on: date, expires_on: date
    ) -> Lot:
        card.entries.append((kind, point, units))
        self._places += 1
        lot = Lot(
            card,
            point,
            self._places,
            self.now,
            min(vests_on, expires_on),
            expires_on,
            units,
        )
        card.lots.append(lot)
        return lot

    def _earn(
        self, card: Card, kind: str, code: str, units: int, at: datetime | None = None
    ) -> Lot:
        point, on = POINTS[code], day_of(at or self.now)
        lot = self._lot(card, kind, code, units, on + point.vesting, point.last_day(on))
        lot.occurred_at = at or self.now
        return lot

    def _spend(
        self, card: Card, kind: str, point: str, units: int, taken: Iterable[tuple[Lot, int]]
    ) -> None:
        """A negative entry; what `taken` does not bear is debt."""
        card.entries.append((kind, point, -units))
        for lot, part in taken:
            lot.left -= part
            units -= part
        if units:
            card.debts.append(Debt(point, units))

    # -- what is held

    def balance(self, card: Card, point: str, on: date | None = None) -> dict[str, int]:
        """Today, or on a later day by what time alone does."""
        left = {lot: self.free(lot) for lot in card.lots if lot.point == point}
        held = sum(self.held(lot) for lot in left)
        debt = sum(debt.left for debt in card.debts if debt.point == point)
        day = self.today
        on = on or day
        while day < on:
            day += DAY
            for lot in order(lot for lot in left if lot.is_spendable(day)):
                part = min(debt, left[lot])
                left[lot] -= part
                debt -= part
        mine = [(kind, units) for kind, code, units in card.entries if code == point]
        return {
            "issued": sum(units for kind, units in mine if kind in ISSUING),
            "used": -sum(units for kind, units in mine if kind in {"REDEEM", "REFUND"}),
            "expired": sum(units for lot, units in left.items() if lot.expires_on < on),
            "unvested": sum(units for lot, units in left.items() if lot.vests_on > on),
            "held": held,
            "available": sum(u for lot, u in left.items() if lot.is_spendable(on)) - debt,
        }

    def available(self, card: Card, point: str) -> int:
        return self.balance(card, point)["available"]

    def _room(self, card: Card, point: str) -> int | None:
        maximum = POINTS[point].maximum
        if maximum is None:
            return None
        now = self.balance(card, point)
        return maximum - now["available"] - now["unvested"] - now["held"]

    # -- cards

    def issue(self, number: str, tender: str, customer: str | None) -> Refusal:
        if number in self.cards:
            return {"code": "LOYALTY_CARD_ALREADY_ISSUED"}
        if tender == "AS_CONTACT_TENDER" and customer is None:
            return {"code": "CONTACT_TENDER_NEEDS_CUSTOMER"}
        self.cards[number] = Card(number, tender, customer, self.today)
        return None

    def _void_holds_of(self, card: Card) -> None:
        for payment in self.live():
            if payment.card is card or any(lot.card is card for lot, _ in payment.taken):
                payment.status = "VOIDED"
        self._settle()

    def block(self, card: Card) -> Refusal:
        if card.status == "REPLACED":
            return {"code": "LOYALTY_CARD_REPLACED"}
        card.status = "BLOCKED"
        self._void_holds_of(card)
        return None

    def unblock(self, card: Card) -> Refusal:
        if card.status == "REPLACED":
            return {"code": "LOYALTY_CARD_REPLACED"}
        card.status = "ACTIVE"
        return None

    def replace(self, old: Card, number: str) -> Refusal:
        if old.status == "REPLACED":
            return {"code": "LOYALTY_CARD_REPLACED"}
        if number in self.cards:
            return {"code": "LOYALTY_CARD_ALREADY_ISSUED"}
        self._void_holds_of(old)
        new = self.cards[number] = Card(number, old.tender, old.customer, old.enrolled_on)
        old.status, old.successor, old.replaced_at = "REPLACED", new, self.now
        for debt in old.debts:
            old.entries.append(("TRANSFER", debt.point, debt.left))
            self._spend(new, "TRANSFER", debt.point, debt.left, ())
        old.debts = []
        for lot in order(lot for lot in old.lots if lot.left and lot.expires_on >= self.today):
            lot.heir = self._move(lot, new, lot.left)
            self._spend(old, "TRANSFER", lot.point, lot.left, [(lot, lot.left)])
        self._settle()
        return None

    def _stopped(self, *cards: Card) -> Refusal:
        codes = [f"LOYALTY_CARD_{card.status}" for card in cards if card.status != "ACTIVE"]
        return {"code": codes[0]} if codes else None

    def _move(self, lot: Lot, to: Card, units: int) -> Lot:
        return self._lot(to, "TRANSFER", lot.point, units, lot.vests_on, lot.expires_on)

    # -- goods sold and taken back

    def sell(self, presented: Card, lines: Sequence[tuple[int, int]], late: timedelta) -> Sale:
        """`lines`: quantity and cents apiece; `late`: how long ago it happened."""
        at = self.now - late
        card = presented.earning(at)
        earns = card.status == "ACTIVE" and card.enrolled_on <= day_of(at)
        nets = [quantity * cents for quantity, cents in lines]
        booked: list[Booked] = []
        for code, point in POINTS.items() if earns else ():
            room = self._room(card, code)
            units = point.earned(sum(nets))
            for line, share in enumerate(spread(units, nets) if units else ()):
                part = share if room is None else max(0, min(share, room))
                room = None if room is None else room - part
                if part:
                    booked.append(Booked(self._earn(card, "EARN", code, part, at), line, part))
        self._settle()
        sale = Sale(card, [quantity for quantity, _ in lines], booked, [0] * len(lines))
        self.sales.append(sale)
        return sale

    def take_back(self, sale: Sale, quantities: dict[int, int]) -> Refusal:
        if any(sale.returned[n] + q > sale.quantities[n] for n, q in quantities.items()):
            return {"code": "RETURN_EXCEEDS_SOLD"}
        for one in sale.booked:
            now, whole = quantities.get(one.line, 0), sale.quantities[one.line]
            before = sale.returned[one.line]
            units = one.units * (before + now) // whole - one.units * before // whole
            if units:
                self._take_back(sale.card.newest(), one.lot, units)
        for line, quantity in quantities.items():
            sale.returned[line] += quantity
        return None

    def _take_back(self, card: Card, lot: Lot, units: int) -> None:
        # What expired unspent, on whichever card it did, is taken there.
        own, today = lot.newest(), self.today
        if own.expires_on < today:
            part = min(units, self.free(own))
            if part:
                self._spend(own.card, "RETURN_EARNED", own.point, part, [(own, part)])
                units -= part
        if not units:
            return
        mine = [one for one in card.lots if one.point == lot.point]
        waiting = [one for one in mine if one.vests_on > today]
        waiting.sort(key=lambda one: (one is own, one.occurred_at, one.place), reverse=True)
        ready = order(one for one in mine if one.is_spendable(today))
        ready.sort(key=lambda one: one is not own)
        taken = self._take([*(waiting if self.unvested_first else ()), *ready], units)
        self._spend(card, "RETURN_EARNED", lot.point, units, taken)

    # -- adjustments and gifts

    def adjust(self, card: Card, point: str, units: int, *, force: bool) -> Refusal:
        if card.status == "REPLACED":
            return {"code": "LOYALTY_CARD_REPLACED"}
        if units > 0:
            room = self._room(card, point)
            if not force and room is not None and units > room:
                return {"code": "MAXIMUM_POINTS_REACHED"}
            self._earn(card, "ADJUST", point, units)
            self._settle()
            return None
        if not force and -units > self.available(card, point):
            return self._short(card, point, -units)
        taken = self._take(order(self._spendable(card, point)), -units)
        self._spend(card, "ADJUST", point, -units, taken)
        return None

    def _short(self, card: Card, point: str, units: int) -> Refusal:
        now = self.balance(card, point)
        facts = {"required": units, "available": now["available"], "held": now["held"]}
        return {
            "code": "NOT_ENOUGH_REWARD_POINTS",
            "point": point,
            **facts,
            "covered": None,
        }

    def transfer(self, source: Card, target: Card, point: str, units: int) -> Refusal:
        if source is target:
            return {"code": "INVALID_INPUT"}
        if (stopped := self._stopped(source, target)) is not None:
            return stopped
        if units > self.available(source, point):
            return self._short(source, point, units)
        room = self._room(target, point)
        if room is not None and units > room:
            return {"code": "MAXIMUM_POINTS_REACHED"}
        taken = self._take(order(self._spendable(source, point)), units)
        self._spend(source, "TRANSFER", point, units, taken)
        for lot, part in taken:
            self._move(lot, target, part)
        self._settle()
        return None

    # -- payments

    def pool(self, card: Card) -> list[Card]:
        if card.tender != "AS_CONTACT_TENDER":
            return [card]
        mine = [one for one in self.cards.values() if one.customer == card.customer]
        return [one for one in mine if one.status == "ACTIVE"]

    def pay(
        self,
        card: Card,
        order_id: str,
        cents: int,
        lines: list[tuple[int, int]],
        *,
        capture: bool,
        take_over: bool,
    ) -> Refusal:
        """`lines`: quantity and cents apiece."""
        refusal = self._unpayable(card, order_id, cents, lines)
        if refusal:
            return refusal
        over = [p for p in self.live() if take_over and p.card is card and p.order != order_id]
        before = self._standing()
        for one in over:
            one.status = "VOIDED"
        self._settle()
        refusal = self._pay(card, order_id, cents, lines, capture=capture)
        if refusal:
            self._restore(before, over)
        return refusal

    def _unpayable(
        self, card: Card, order_id: str, cents: int, lines: list[tuple[int, int]]
    ) -> Refusal:
        if cents > sum(quantity * price for quantity, price in lines):
            return {"code": "INVALID_PAYMENT_REQUEST"}
        if any(one.order == order_id and one.status in LIVE for one in self.payments):
            return {"code": "ONE_LOYALTY_TENDER_ONLY"}
        if card.status == "ACTIVE" and card.tender == "NO_TENDER":
            return {"code": "LOYALTY_CARD_NO_TENDER"}
        return self._stopped(card)

    def _standing(self) -> list[tuple[Card, list[Debt], list[int]]]:
        return [
            (card, [Debt(one.point, one.left) for one in card.debts], [o.left for o in card.lots])
            for card in self.cards.values()
        ]

    def _restore(
        self, before: Iterable[tuple[Card, list[Debt], list[int]]], over: Iterable[Payment]
    ) -> None:
        """Nothing is ever partly applied: what was taken over holds again."""
        for one in over:
            one.status = "AUTHORIZED"
        for card, debts, lots in before:
            card.debts = debts
            for lot, left in zip(card.lots, lots, strict=True):
                lot.left = left

    def _pay(
        self,
        card: Card,
        order_id: str,
        cents: int,
        lines: list[tuple[int, int]],
        *,
        capture: bool,
    ) -> Refusal:
        pool = self.pool(card)
        budgets = {code: sum(max(0, self.available(one, code)) for one in pool) for code in POINTS}
        walked = walk(cents, budgets, [quantity * price for quantity, price in lines])
        if walked.cents < cents:
            return {
                "code": "NOT_ENOUGH_REWARD_POINTS",
                "point": "PTS",
                "required": ceil(cents * POINTS["PTS"].rate),
                "available": budgets["PTS"],
                "held": sum(self.balance(one, "PTS")["held"] for one in pool),
                "covered": walked.cents,
            }
        taken: list[tuple[Lot, int]] = []
        for code in POINTS:
            lots = order((lot for one in pool for lot in self._spendable(one, code)), card)
            taken += self._take(lots, walked.units(code))
        payment = Payment(
            card=card,
            order=order_id,
            cents=cents,
            lines=lines,
            status="CAPTURED" if capture else "AUTHORIZED",
            at=self.now,
            on=self.today,
            slices=walked.slices,
            taken=taken,
        )
        self.payments.append(payment)
        if capture:
            self._redeem(payment)
        return None

    def _redeem(self, payment: Payment) -> None:
        for lot, units in payment.taken:
            self._spend(lot.card, "REDEEM", lot.point, units, [(lot, units)])

    def capture(self, payment: Payment, cents: int | None) -> Refusal:
        if payment.status != "AUTHORIZED":
            return {"code": "PAYMENT_STATE_CONFLICT"}
        cents = payment.cents if cents is None else cents
        if not 0 < cents <= payment.cents:
            return {"code": "INVALID_PAYMENT_REQUEST"}
        if cents < payment.cents:
            held = dict.fromkeys(POINTS, 0)
            for lot, units in payment.taken:
                held[lot.point] += units
            walked = walk(cents, held, [quantity * price for quantity, price in payment.lines])
            payment.slices, payment.cents = walked.slices, cents
            left = {code: walked.units(code) for code in POINTS}
            taken = []
            for lot, units in payment.taken:
                part = min(units, left[lot.point])
                left[lot.point] -= part
                taken += [(lot, part)] if part else []
            payment.taken = taken
        payment.status = "CAPTURED"
        self._redeem(payment)
        self._settle()
        return None

    def void(self, payment: Payment) -> Refusal:
        if payment.status in {"VOIDED", "EXPIRED"}:
            return None
        if payment.status != "AUTHORIZED":
            return {"code": "PAYMENT_STATE_CONFLICT"}
        payment.status = "VOIDED"
        self._settle()
        return None

    # -- refunds

    def refund_amount(self, payment: Payment, cents: int) -> Refusal:
        if payment.status not in {"CAPTURED", "PARTIALLY_REFUNDED"}:
            return {"code": "PAYMENT_STATE_CONFLICT"}
        if cents > payment.cents - payment.refunded:
            return {"code": "REFUND_EXCEEDS_ALLOWED"}
        given: dict[str, int] = {}
        left = cents
        for one in reversed(payment.slices):
            part = min(left, one.cents - one.given_cents)
            left -= part
            one.given_cents += part
            self._give(one, one.units * one.given_cents // one.cents, given)
        self._refund(payment, cents, given)
        return None

    def refund_lines(self, payment: Payment, quantities: dict[int, int]) -> Refusal:
        if payment.status not in {"CAPTURED", "PARTIALLY_REFUNDED"}:
            return {"code": "PAYMENT_STATE_CONFLICT"}
        back = {n: payment.back.get(n, 0) + q for n, q in quantities.items()}
        if any(back[n] > payment.lines[n][0] for n in back):
            return {"code": "REFUND_EXCEEDS_ALLOWED"}
        payment.back |= back
        given: dict[str, int] = {}
        cents = 0
        for one in payment.slices:
            if one.line in back:
                whole = payment.lines[one.line][0]
                target = max(one.given_cents, one.cents * back[one.line] // whole)
                cents += target - one.given_cents
                one.given_cents = target
                self._give(one, one.units * back[one.line] // whole, given)
        self._refund(payment, cents, given)
        return None

    def _give(self, one: Slice, target: int, given: dict[str, int]) -> None:
        part = max(0, target - one.given_units)
        one.given_units += part
        given[one.point] = given.get(one.point, 0) + part

    def _refund(self, payment: Payment, cents: int, given: dict[str, int]) -> None:
        sums: dict[tuple[str, str, date], int] = {}
        left: list[tuple[Lot, int]] = []
        for lot, units in reversed(payment.taken):
            part = min(units, given.get(lot.point, 0))
            if part:
                given[lot.point] -= part
                key = (lot.card.newest().number, lot.point, self._refund_expiry(lot))
                sums[key] = sums.get(key, 0) + part
            left.append((lot, units - part))
        payment.taken = left[::-1]
        for (number, point, expires_on), units in sums.items():
            self._lot(self.cards[number], "REFUND", point, units, self.today, expires_on)
        payment.refunded += cents
        if cents:
            whole = payment.refunded == payment.cents
            payment.status = "REFUNDED" if whole else "PARTIALLY_REFUNDED"
        self._settle()

    def _refund_expiry(self, lot: Lot) -> date:
        if self.fresh:
            return POINTS[lot.point].last_day(self.today)
        return lot.expires_on if lot.expires_on >= self.today else self.today + GRACE


def order(lots: Iterable[Lot], presented: Card | None = None) -> list[Lot]:
    """Earliest last day, then earliest; then the presented card, then by number; then by id."""
    return sorted(
        lots,
        key=lambda lot: (
            lot.expires_on,
            lot.occurred_at,
            lot.card is not presented,
            lot.card.number,
            lot.place,
        ),
    )
