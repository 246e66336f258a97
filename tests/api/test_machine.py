"""Any sequence of operations leaves every card with what semantics.md says, told by a model that
knows entries and dates alone.

More examples: LOYALTY_MACHINE_EXAMPLES=200 pytest tests/api/test_machine.py
"""

import itertools
import os
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from resolvers.verification import verify
from tests.api.harness import Harness, line
from tests.api.model import POINTS, ZONE, Card, Model, Payment, Sale
from tests.api.program import amount_rule, channel, club_document, pay_rule, reward_points, scheme
from tests.api.test_payments import change, one, pay
from tests.api.test_points import adjust, give
from tests.api.test_replacing import replace
from tests.api.test_returns import take

EXAMPLES = int(os.environ.get("LOYALTY_MACHINE_EXAMPLES", "3"))
STEPS = int(os.environ.get("LOYALTY_MACHINE_STEPS", "40"))
DECIMALS = {"PTS": 0, "LATE": 0, "CASH": 2}
FACTS = ("available", "unvested", "held", "issued", "used", "expired")
BALANCES = f"""fragment Held on LoyaltyCard {{ status
  now: balances {{ rewardPoint {{ code }} {" ".join(FACTS)} }}
  then: balances(asOf: $then) {{ rewardPoint {{ code }} {" ".join(FACTS)} }} }}"""
PAST = f"""query($n: String!, $on: Date, $at: DateTime) {{ loyaltyCard(number: $n) {{
  balances(asOf: $on, knownAt: $at) {{ rewardPoint {{ code }} {" ".join(FACTS)} }} }} }}"""
BOOK = """query($n: String!) { loyaltyCard(number: $n) { transactions(first: 100) { totalCount
  nodes { id entryType points rewardPoint { code } adjustmentId remaining
  allocations { points lot { id } } } } } }"""
_EXAMPLE = itertools.count(1)
T = TypeVar("T")


def days(value: int) -> dict[str, Any]:
    return {"value": value, "unit": "DAY"}


def document(**chosen: Any) -> dict[str, Any]:
    points = reward_points()
    points[1] |= {"redeemRanking": 3, "expiration": days(20)}
    late = {"code": "LATE", "kind": "QUANTITY", "redeemable": True, "redeemRanking": 2}
    points.insert(1, {**late, "vesting": days(14), "expiration": days(30), "maximumPerCard": 400})
    earning = (
        amount_rule(),
        amount_rule("late", point="LATE", per=2, points=3),
        amount_rule("cash", point="CASH", per=10, points=1),
    )
    paying = [
        pay_rule(points=3, pays="0.10"),
        pay_rule("late", point="LATE", points=5),
        pay_rule("cash", point="CASH", points=1),
    ]
    return club_document(
        channels=[channel(kind="STORE")],
        rewardPoints=points,
        schemes=[scheme(*earning, redemptionRules=paying)],
        settings=chosen,
    )


def decimal(units: int, point: str) -> str:
    return f"{Decimal(units).scaleb(-DECIMALS[point]):f}"


def money(cents: int) -> str:
    return f"{Decimal(cents) / 100:.2f}"


STOCK = {"PTS": 2000, "LATE": 120, "CASH": 3000}
WHICH = st.integers(0, 9)
POINT = st.sampled_from(list(POINTS))
UNITS = st.integers(1, 300)
LINES = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 12_000)), min_size=1, max_size=3)
TENDERS = st.sampled_from(
    ["AS_CARD_TENDER", "AS_CONTACT_TENDER", "AS_CONTACT_TENDER", "NO_TENDER", None]
)


def operation(name: str, weight: int = 1, **given: Any) -> list[Any]:
    return [(name, given)] * weight


QUANTITIES = st.lists(st.integers(0, 3), min_size=3, max_size=3)
OFTEN_FALSE = st.sampled_from([True, False, False])
# One strategy for every step: rules of their own would be left out of most examples, together.
OPERATIONS = st.sampled_from(
    [
        *operation("issue", tender=TENDERS),
        *operation("block", which=WHICH),
        *operation("unblock", which=WHICH),
        *operation("replace", which=WHICH),
        *operation("sell", 3, which=WHICH, lines=LINES, late=st.sampled_from([0, 0, 0, 1, 15, 25])),
        *operation("take_back", 2, which=WHICH, quantities=QUANTITIES),
        *operation("adjust", which=WHICH, point=POINT, units=UNITS, is_forced=st.booleans()),
        *operation("take_away", which=WHICH, point=POINT, units=UNITS, is_forced=st.booleans()),
        *operation("take_more_than_there_is", 2, which=WHICH, point=POINT, units=UNITS),
        *operation(
            "give", 2, which=WHICH, other=WHICH, point=POINT, units=UNITS, share=OFTEN_FALSE
        ),
        *operation(
            "pay",
            5,
            which=WHICH,
            lines=LINES,
            percent=st.integers(1, 105),
            capture=OFTEN_FALSE,
            take_over=OFTEN_FALSE,
            is_new=st.sampled_from([True, True, True, False]),
        ),
        *operation("capture", 3, which=WHICH, percent=st.one_of(st.none(), st.integers(0, 110))),
        *operation("void", which=WHICH),
        *operation("refund_amount", 2, which=WHICH, percent=st.integers(1, 110)),
        *operation("refund_lines", 2, which=WHICH, quantities=QUANTITIES),
        *operation("minutes_pass", 2, minutes=st.sampled_from([1, 29, 30, 31, 600])),
        *operation("days_pass", 2, count=st.sampled_from([1, 5, 10, 14, 15, 21, 31])),
        *operation("run", 2, job=st.sampled_from(["EXPIRE_POINTS", "EXPIRE_HOLDS"])),
        *operation("the_last_evening_of_a_lot_comes", 2, which=WHICH),
    ]
).flatmap(lambda one: st.tuples(st.just(one[0]), st.fixed_dictionaries(one[1])))


class Machine(RuleBasedStateMachine):
    service: ClassVar[Harness]
    chosen: ClassVar[dict[str, Any]]

    def __init__(self) -> None:
        super().__init__()
        self.example = next(_EXAMPLE)
        self.service.clock.now = datetime(2025, 1, 6, 17, tzinfo=UTC)
        self.model = Model(
            self.service.clock.now,
            unvested_first=self.chosen["returnDeducts"] == "UNVESTED_FIRST",
            fresh=self.chosen["refundExpiry"] == "FRESH",
        )
        self.ids: dict[int, Any] = {}
        self.sold: dict[int, str] = {}
        self.told: list[tuple[str, date, datetime, Any]] = []
        self.orders = 0

    # -- which

    def card(self, which: int) -> Card:
        """Mostly an ACTIVE one."""
        cards = list(self.model.cards.values())
        return liked(which, cards, [card for card in cards if card.status == "ACTIVE"])

    def payment(self, which: int, *statuses: str) -> Payment:
        """Mostly one of the statuses."""
        payments = self.model.payments
        return liked(which, payments, [one for one in payments if one.status in statuses])

    def number(self) -> str:
        return f"M{self.example}-{len(self.model.cards) + 1}"

    # -- one step

    def same(self, expected: Any, payload: Any) -> None:
        errors = payload["userErrors"]
        assert [error["code"] for error in errors] == ([expected["code"]] if expected else [])
        if expected and "required" in expected:
            point, covered = expected["point"], expected["covered"]
            told = {key: Decimal(errors[0][key]) for key in ("required", "available", "held")}
            assert told == {key: Decimal(decimal(expected[key], point)) for key in told}
            amount = errors[0]["amountCovered"]
            assert amount == (None if covered is None else {"amount": money(covered)})
        self.compare()
        self.wait(seconds=1)

    def wait(self, **by: float) -> None:
        self.service.clock.advance(**by)
        self.model.pass_to(self.service.clock.now)

    def compare(self) -> None:
        """What every card holds today, and what time alone will make of it."""
        then = self.model.today + timedelta(days=(0, 5, 15, 25, 40)[self.model.now.second % 5])
        numbers = list(self.model.cards)
        names = ", ".join(f"$n{place}: String!" for place in range(len(numbers)))
        fields = " ".join(
            f"c{place}: loyaltyCard(number: $n{place}) {{ ...Held }}"
            for place in range(len(numbers))
        )
        variables = {f"n{place}": number for place, number in enumerate(numbers)}
        query = f"query({names}, $then: Date) {{ {fields} }} {BALANCES}"
        found = self.service.ask(query, then=then.isoformat(), **variables)
        for place, card in enumerate(self.model.cards.values()):
            self._compare_card(card, found[f"c{place}"], then)

    def _compare_card(self, card: Card, found: Any, then: date) -> None:
        assert found["status"] == card.status
        for name, on in (("now", None), ("then", then)):
            expected = {
                code: {k: decimal(v, code) for k, v in self.model.balance(card, code, on).items()}
                for code in POINTS
            }
            assert by_point(found[name]) == expected, (card.number, name, then)

    # -- cards

    @rule(operation=OPERATIONS)
    def step(self, operation: tuple[str, dict[str, Any]]) -> None:
        name, given = operation
        getattr(self, name)(**given)

    @initialize(tender=TENDERS)
    def issue_two(self, tender: str | None) -> None:
        self.service.customer(f"c{self.example}")
        for place, kind in enumerate((tender, None)):
            self.issue(kind)
            for point, units in STOCK.items():
                self.adjust(place, point, units, is_forced=True)

    def issue(self, tender: str | None) -> None:
        if not (len(self.model.cards) < 4):
            return
        customer = f"c{self.example}" if tender else None
        number, kind = self.number(), tender or "AS_CARD_TENDER"
        given = {"number": number, "tenderType": kind, "customerId": customer}
        payload = self.service.try_issue(**given)
        self.same(self.model.issue(number, kind, customer), payload)

    def block(self, which: int) -> None:
        if not (sum(c.status == "ACTIVE" for c in self.model.cards.values()) > 2):
            return
        card = self.card(which)
        payload = self.service.change_card("blockLoyaltyCard", number=card.number, reason="r")
        self.same(self.model.block(card), payload)

    def unblock(self, which: int) -> None:
        if not (any(c.status == "BLOCKED" for c in self.model.cards.values())):
            return
        cards = list(self.model.cards.values())
        card = liked(which, cards, [card for card in cards if card.status == "BLOCKED"])
        payload = self.service.change_card("unblockLoyaltyCard", number=card.number, reason="r")
        self.same(self.model.unblock(card), payload)

    def replace(self, which: int) -> None:
        if not (2 < len(self.model.cards) < 7):
            return
        card, number = self.card(which), self.number()
        payload = replace(self.service, card.number, newNumber=number)
        self.same(self.model.replace(card, number), payload)

    # -- goods sold and taken back

    def sell(self, which: int, lines: list[tuple[int, int]], late: int) -> None:
        card = self.card(which)
        sold = [line(n, money(cents), quantity) for n, (quantity, cents) in enumerate(lines, 1)]
        ago = timedelta(days=late)
        occurred_at = (self.model.now - ago).isoformat()
        payload = self.service.try_sale(card.number, lines=sold, occurredAt=occurred_at)
        sale = self.model.sell(card, lines, ago)
        self.sold[id(sale)] = payload["salesTransaction"]["transactionId"]
        self.same(None, payload)

    def take_back(self, which: int, quantities: list[int]) -> None:
        if not (self.model.sales):
            return
        sale: Sale = self.model.sales[-1 - which % len(self.model.sales)]
        back = {n: q for n, q in enumerate(quantities[: len(sale.quantities)]) if q}
        if not back:
            back = {0: 1}
        lines = [(n + 1, q) for n, q in back.items()]
        payload = take(self.service, self.sold[id(sale)], *lines)
        self.same(self.model.take_back(sale, back), payload)

    # -- adjustments and gifts

    def adjust(self, which: int, point: str, units: int, is_forced: bool, sign: int = 1) -> None:
        card = self.card(which)
        given = {"rewardPoint": point, "force": is_forced}
        payload = adjust(self.service, card.number, decimal(sign * units, point), **given)
        self.same(self.model.adjust(card, point, sign * units, force=is_forced), payload)

    def take_away(self, which: int, point: str, units: int, is_forced: bool) -> None:
        self.adjust(which, point, units, is_forced, sign=-1)

    def take_more_than_there_is(self, which: int, point: str, units: int) -> None:
        units += max(0, self.model.available(self.card(which), point))
        self.adjust(which, point, units, is_forced=True, sign=-1)

    def give(self, which: int, other: int, point: str, units: int, share: bool) -> None:
        source, target = self.card(which), self.card(other)
        if share:
            units = max(1, self.model.available(source, point))
        given = {"rewardPoint": point}
        payload = give(self.service, source.number, target.number, decimal(units, point), **given)
        self.same(self.model.transfer(source, target, point, units), payload)

    # -- payments

    def pay(
        self,
        which: int,
        lines: list[tuple[int, int]],
        percent: int,
        capture: bool,
        take_over: bool,
        is_new: bool,
    ) -> None:
        """A share of what the cart costs, or of what the pool could pay if that is less."""
        card = self.card(which)
        total = sum(quantity * cents for quantity, cents in lines)
        worth = sum(
            int(max(0, self.model.available(mine, code)) / point.rate)
            for mine in self.model.pool(card)
            for code, point in POINTS.items()
        )
        cents = max(1, min(total, worth) * percent // 100)
        self.orders += is_new
        order_id = f"O{self.example}-{self.orders}"
        bought = [line(n, money(price), quantity) for n, (quantity, price) in enumerate(lines, 1)]
        cart = {**one("0"), "lines": bought}
        how = {"orderId": order_id, "capture": capture, "takeOverHolds": take_over}
        payload = pay(self.service, card.number, money(cents), cart, **how)
        told = self.model.pay(card, order_id, cents, lines, capture=capture, take_over=take_over)
        if told is None and payload["payment"]:
            self.ids[id(self.model.payments[-1])] = payload
            same_lines(self.model.payments[-1], payload)
        self.same(told, payload)

    def capture(self, which: int, percent: int | None) -> None:
        if not (self.model.payments):
            return
        payment = self.payment(which, "AUTHORIZED")
        cents = None if percent is None else payment.cents * percent // 100
        more = {} if cents is None else {"amount": money(cents)}
        payload = change(self.service, "captureLoyaltyPayment", self.ids[id(payment)], **more)
        expected = self.model.capture(payment, cents)
        if expected is None and payload["payment"]:
            same_lines(payment, payload)
        self.same(expected, payload)

    def void(self, which: int) -> None:
        if not (self.model.payments):
            return
        payment = self.payment(which, "AUTHORIZED")
        payload = change(self.service, "voidLoyaltyPayment", self.ids[id(payment)])
        self.same(self.model.void(payment), payload)

    def refund_amount(self, which: int, percent: int) -> None:
        if not (self.model.payments):
            return
        payment = self.payment(which, "CAPTURED", "PARTIALLY_REFUNDED")
        if payment.by == "lines":
            return
        payment.by = "amount"
        cents = max(1, payment.cents * percent // 100)
        given = {"amount": money(cents)}
        payload = change(self.service, "refundLoyaltyPayment", self.ids[id(payment)], **given)
        self.same(self.model.refund_amount(payment, cents), payload)

    def refund_lines(self, which: int, quantities: list[int]) -> None:
        if not (self.model.payments):
            return
        payment = self.payment(which, "CAPTURED", "PARTIALLY_REFUNDED")
        if payment.by == "amount":
            return
        payment.by = "lines"
        back = {n: q for n, q in enumerate(quantities[: len(payment.lines)]) if q} or {0: 1}
        given = {"lines": [{"lineNumber": n + 1, "quantity": str(q)} for n, q in back.items()]}
        payload = change(self.service, "refundLoyaltyPayment", self.ids[id(payment)], **given)
        self.same(self.model.refund_lines(payment, back), payload)

    # -- time

    def minutes_pass(self, minutes: int) -> None:
        self.note_answers()
        self.wait(minutes=minutes)
        self.compare()

    def days_pass(self, count: int) -> None:
        self.note_answers()
        self.wait(days=count)
        self.compare()

    def the_last_evening_of_a_lot_comes(self, which: int) -> None:
        if not (self.last_days()):
            return
        found = self.last_days()
        evening = datetime.combine(found[which % len(found)], time(23, 50), ZONE).astimezone(UTC)
        if evening > self.model.now:
            self.service.clock.now = evening
            self.model.pass_to(evening)
            self.compare()

    def last_days(self) -> list[date]:
        cards = self.model.cards.values()
        found = {lot.expires_on for card in cards for lot in card.lots if lot.left}
        return sorted(day for day in found if self.model.today <= day < date.max)

    def run(self, job: str) -> None:
        """No job changes any answer."""
        done = self.service.mutate("runJob", "failed userErrors { code }", {"job": job})
        assert done == {"failed": 0, "userErrors": []}
        self.compare()

    # -- answers of the past

    def note_answers(self) -> None:
        """What is known now of a day, to be asked again when now is past."""
        known_at = self.model.now
        number = list(self.model.cards)[known_at.second % len(self.model.cards)]
        for ahead in (-7, 0, 12, 40):
            on = self.model.today + timedelta(days=ahead)
            self.told.append((number, on, known_at, self.past(number, on, known_at)))

    def past(self, number: str, on: date, at: datetime) -> Any:
        found = self.service.ask(PAST, n=number, on=on.isoformat(), at=at.isoformat())
        return by_point(found["loyaltyCard"]["balances"])

    def teardown(self) -> None:
        for number, on, at, told in self.told:
            assert self.past(number, on, at) == told, (number, on, at)
        self.check_books()
        assert self.service.wait(faults(self.service)) == []

    def check_books(self) -> None:
        """Lots never go below 0, entries bear no more than they are, gifts sum to 0."""
        moved: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for card in self.model.cards.values():
            book = self.service.ask(BOOK, n=card.number)["loyaltyCard"]["transactions"]
            assert book["totalCount"] <= 100
            check_lots(book["nodes"])
            for entry in book["nodes"]:
                if entry["entryType"] == "TRANSFER":
                    key = (entry["adjustmentId"], entry["rewardPoint"]["code"])
                    moved[key] += Decimal(entry["points"])
        assert set(moved.values()) <= {Decimal(0)}


def check_lots(entries: Any) -> None:
    taken: dict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        parts = [(part["lot"]["id"], Decimal(part["points"])) for part in entry["allocations"]]
        assert sum(points for _, points in parts) <= max(0, -Decimal(entry["points"]))
        # What was written off may be taken after all, with a correction that names no lot.
        for lot, points in parts if entry["entryType"] != "EXPIRE" else ():
            taken[lot] += points
    for entry in entries:
        if entry["remaining"] is not None:
            left = Decimal(entry["points"]) - taken[entry["id"]]
            # What has expired is not left to spend, held or not.
            assert 0 <= Decimal(entry["remaining"]) <= left


def same_lines(payment: Payment, payload: Any) -> None:
    """What was paid of each line, and with how many points."""
    expected: dict[int, tuple[int, list[str]]] = {}
    for part in payment.slices:
        cents, points = expected.get(part.line + 1, (0, []))
        points = [*points, decimal(part.units, part.point)]
        expected[part.line + 1] = (cents + part.cents, points)
    found = {
        row["lineNumber"]: (row["amount"]["amount"], [one["points"] for one in row["points"]])
        for row in payload["payment"]["lines"]
    }
    assert found == {n: (money(cents), points) for n, (cents, points) in sorted(expected.items())}


def liked(which: int, some: list[T], best: list[T]) -> T:
    chosen = best if best and which < 9 else some
    return chosen[which % len(chosen)]


def by_point(balances: Any) -> dict[str, dict[str, str]]:
    found = {}
    for row in balances:
        held = {key: row[key] for key in FACTS}
        numbers = {key: Decimal(value) for key, value in held.items()}
        assert numbers["issued"] - numbers["used"] - numbers["expired"] == (
            numbers["available"] + numbers["unvested"] + numbers["held"]
        )
        found[row["rewardPoint"]["code"]] = held
    return found


async def faults(service: Harness) -> list[str]:
    return [str(fault) async for fault in verify(service.database)]


@pytest.mark.parametrize(
    "chosen",
    [
        {"returnDeducts": "UNVESTED_FIRST", "refundExpiry": "FRESH"},
        {"returnDeducts": "AVAILABLE_ONLY", "refundExpiry": "RESTORE_ORIGINAL"},
    ],
    ids=lambda chosen: chosen["returnDeducts"],
)
def test_cards_hold_what_the_model_says(service: Harness, chosen: dict[str, Any]) -> None:
    service.apply(document(**chosen))
    bound = type("BoundMachine", (Machine,), {"service": service, "chosen": chosen})
    run_state_machine_as_test(
        bound,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
