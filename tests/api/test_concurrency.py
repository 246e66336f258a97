"""Semantics 18.6: whatever happens at once, no point is spent twice or lost, and no caller is told
to try again. The harness verifies every card's book after each test.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.api.harness import Harness
from tests.api.test_payments import PAID, change, holder, one, pay, program
from tests.api.test_points import SELECTION, adjust, codes, give
from tests.api.test_refunds import REFUNDED
from tests.api.test_replacing import SELECTION as REPLACED
from tests.api.test_returns import RETURNED, return_input

STATUS = "query($id: ID!) { loyaltyPayment(id: $id) { status } }"


def together(service: Harness, calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each call answers, all of them sent at the same moment; an error of GraphQL or HTTP
    fails the test.
    """
    service.key("admin")
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def told(payloads: Sequence[Any]) -> Counter[str]:
    return Counter(next(iter(codes(payload)), "OK") for payload in payloads)


@pytest.mark.parametrize("capture", [True, False])
def test_fifty_clients_get_exactly_the_payments_that_a_card_holds_points_for(
    service: Harness, capture: bool
) -> None:
    card = holder(service, program(), 700)
    payloads = together(
        service, [lambda: pay(service, card, "0.70", one("5.00"), capture=capture)] * 50
    )
    assert told(payloads) == {"OK": 10, "NOT_ENOUGH_REWARD_POINTS": 40}
    facts = [payload["userErrors"][0] for payload in payloads if payload["userErrors"]]
    assert facts == [
        {
            "code": "NOT_ENOUGH_REWARD_POINTS",
            "field": ["amount"],
            "required": "70",
            "available": "0",
            "held": "0" if capture else "700",
            "amountCovered": {"amount": "0.00"},
        }
    ] * len(facts)
    found = service.balance(card)
    assert (found["available"], found["used"], found["held"]) == (
        ("0", "700", "0") if capture else ("0", "0", "700")
    )


def test_of_two_payments_of_the_whole_balance_one_succeeds(service: Harness) -> None:
    card = holder(service, program(), 1000)
    payloads = together(service, [lambda: pay(service, card, "10.00", one("10.00"))] * 2)
    assert told(payloads) == {"OK": 1, "NOT_ENOUGH_REWARD_POINTS": 1}
    assert service.available(card) == "0"


def test_thirty_two_clients_give_in_all_directions_and_lose_nothing(service: Harness) -> None:
    service.apply(program())
    numbers = [service.issue(name) for name in "ABCD"]
    for number in numbers:
        adjust(service, number, 100)
    pairs = itertools.cycle(itertools.permutations(numbers, 2))

    def gifts(source: str, target: str) -> Callable[[], Any]:
        return lambda: [give(service, source, target, points) for points in (30, 7, 55)]

    payloads = together(service, [gifts(*next(pairs)) for _ in range(32)])
    answers = told([payload for three in payloads for payload in three])
    assert answers.keys() <= {"OK", "NOT_ENOUGH_REWARD_POINTS"}
    assert answers["OK"] > 0
    held = [int(service.available(number)) for number in numbers]
    assert sum(held) == 400
    assert min(held) >= 0


def test_two_contact_cards_pay_from_one_pool_at_once(service: Harness) -> None:
    service.apply(program())
    service.customer("c")
    kinds = {"A": "AS_CONTACT_TENDER", "B": "AS_CONTACT_TENDER", "C": "NO_TENDER"}
    for (number, kind), points in zip(kinds.items(), (300, 300, 400), strict=True):
        service.issue(number, customerId="c", tenderType=kind)
        adjust(service, number, points)
    calls = [
        lambda number=number: pay(service, number, "0.70", one("5.00"))
        for number in ["A", "B"] * 10
    ]
    assert told(together(service, calls)) == {"OK": 14, "NOT_ENOUGH_REWARD_POINTS": 6}
    assert sorted(service.available(number) for number in kinds) == ["0", "0", "20"]


def test_captures_voids_and_new_holds_meet_the_moment_at_which_holds_lapse(
    service: Harness,
) -> None:
    card = holder(service, program(), 1000)
    held = [pay(service, card, "0.50", one("5.00"), capture=False) for _ in range(12)]
    service.clock.advance(minutes=29, seconds=59)
    lapse: list[Callable[[], Any]] = [lambda: service.clock.advance(seconds=1)]
    captures = [
        lambda payment=payment: change(service, "captureLoyaltyPayment", payment, amount="0.30")
        for payment in held
    ]
    voids = [
        lambda payment=payment: change(service, "voidLoyaltyPayment", payment)
        for payment in held[::2]
    ]
    holds = [lambda: pay(service, card, "1.50", one("5.00"), capture=False)] * 4
    payloads = together(service, [*captures[:6], *voids, *lapse, *holds, *captures[6:]])
    answered = [payload for payload in payloads if payload]
    assert told(answered).keys() <= {"OK", "PAYMENT_STATE_CONFLICT", "NOT_ENOUGH_REWARD_POINTS"}
    made = {payload["payment"]["id"] for payload in answered if payload["payment"]}
    made |= {payment["payment"]["id"] for payment in held}
    ends = Counter(service.ask(STATUS, id=one_id)["loyaltyPayment"]["status"] for one_id in made)
    found = service.balance(card)
    assert int(found["used"]) == 30 * ends["CAPTURED"]
    assert int(found["held"]) == 150 * ends["AUTHORIZED"]
    assert sum(int(found[name]) for name in ("available", "held", "used")) == 1000


def moving(service: Harness, card: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Each mutation that moves points, but issue and sale: name, selection, input."""
    sold = service.sale(card, "50.00")["transactionId"]
    bought = one("5.00")
    held = [pay(service, card, "1.00", bought, capture=False)["payment"]["id"] for _ in range(2)]
    paid = pay(service, card, "1.00", bought)["payment"]["id"]
    order = {"cardNumber": card, "cart": bought, "amount": "2.00"}
    other = service.issue()
    points = {"rewardPoint": "PTS", "points": "30"}
    return [
        ("postReturn", RETURNED, return_input(service, sold)),
        ("payWithLoyalty", PAID, {**order, "orderId": "captured"}),
        ("payWithLoyalty", PAID, {**order, "orderId": "held", "capture": False}),
        ("captureLoyaltyPayment", PAID, {"paymentId": held[0], "amount": "0.40"}),
        ("voidLoyaltyPayment", PAID, {"paymentId": held[1]}),
        ("refundLoyaltyPayment", REFUNDED, {"paymentId": paid, "amount": "0.40"}),
        ("adjustPoints", SELECTION, {"cardNumber": card, "reasonCode": "R", **points}),
        ("transferPoints", SELECTION, {"fromCardNumber": card, "toCardNumber": other, **points}),
        ("replaceLoyaltyCard", REPLACED, {"channel": "WEB", "number": card}),
    ]


def test_what_is_captured_at_the_moment_of_a_take_over_stays_captured(service: Harness) -> None:
    card = holder(service, program(), 100_000)
    for _ in range(10):
        held = pay(service, card, "3.00", one("5.00"), capture=False)

        def take_over() -> Any:
            return pay(service, card, "1.00", one("5.00"), takeOverHolds=True)

        captured, *_ = together(
            service, [partial(change, service, "captureLoyaltyPayment", held), *[take_over] * 3]
        )
        status = service.ask(STATUS, id=held["payment"]["id"])["loyaltyPayment"]["status"]
        assert (codes(captured), status) in [
            ([], "CAPTURED"),
            (["PAYMENT_STATE_CONFLICT"], "VOIDED"),
        ]


def test_one_key_sent_twenty_times_at_once_moves_points_once(service: Harness) -> None:
    card = holder(service, program(), 1000)
    for name, selection, given in moving(service, card):
        if name != "postReturn":
            given["idempotencyKey"] = service.fresh_key()

        def send(name: str = name, selection: str = selection, given: Any = given) -> Any:
            return service.mutate(name, selection, given)

        payloads = together(service, [send] * 20)
        assert told(payloads) == {"OK": 20}, name
        assert [payload["replayed"] for payload in payloads].count(False) == 1, name
        effects = [{**payload, "replayed": True} for payload in payloads]
        assert effects == effects[:1] * 20, name
    # 1000 - 0.40, 1.00 and 2.00 that paid + 0.40 given back + 30 - 30, less what is moved away.
    assert service.available(card) == "0"
    query = "query($n: String!) { loyaltyCard(number: $n) { replacedBy { number } } }"
    successor = service.ask(query, n=card)["loyaltyCard"]["replacedBy"]["number"]
    assert service.available(successor) == str(1000 - 40 - 100 - 200 + 40)
