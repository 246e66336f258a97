"""Engineering 3.4: sales posted in bulk are as if each had been posted alone, in their order."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.harness import Harness, line, running
from tests.api.program import amount_rule, channel, club_document, pay_rule, reward_points, scheme
from tests.api.stored import told
from tests.api.test_concurrency import together
from tests.api.test_payments import one, pay
from tests.api.test_points import adjust, codes
from tests.api.test_replacing import replaced
from tests.api.test_rewards import MUG, TENTH, THING

API = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
RULES = [
    amount_rule(),
    amount_rule("gold", points=2, tier="GOLD"),
    amount_rule("veterans", points="0.3", affiliation="veteran"),
    amount_rule("cash", point="CASH", per=100, points="1.5"),
    amount_rule("status", point="STAT"),
    {
        "code": "visit",
        "activity": "SALES_TRANSACTION_COUNT",
        "rewardPoint": "STAT",
        "points": 3,
    },
]
BULK = f"""mutation($input: PostSalesInput!) {{ postSales(input: $input) {{
  posted failed results {{ {Harness.SOLD} }} }} }}"""
# A point of its own: lots of one moment stand in an order that chance makes.
GIFT = {"rewardPoint": "GIFT", "points": 100}
NOW = "2025-06-15T12:00:00-04:00"
CARDS = ["plain", "other", "member", "sister", "blocked", "old", "new", "owing", "limited"]


def document(**more: Any) -> dict[str, Any]:
    paying = scheme(*RULES, redemptionRules=[pay_rule()])
    points = reward_points(
        maximumPerCard=3000,
        vesting={"value": 3, "unit": "DAY"},
        expiration={"value": 90, "unit": "DAY"},
    )
    points.append({"code": "GIFT", "kind": "QUANTITY"})
    channels = [channel(kind="STORE"), channel("WAS", active=False)]
    return club_document(schemes=[paying], channels=channels, rewardPoints=points, **more)


@pytest.fixture
def pair(
    server_loop: asyncio.AbstractEventLoop, two_database_urls: list[str]
) -> Iterator[tuple[Harness, Harness]]:
    """Two services on databases of one kind; their clocks stand where the test puts them."""
    with ExitStack() as stack:
        first, second = [
            stack.enter_context(running(server_loop, url)) for url in two_database_urls
        ]
        yield first, second


def prepare(service: Harness, run: str) -> list[str]:
    """Cards of every kind, one payment that points made, and a sale that stands; the payment."""
    service.clock.set("2025-04-01T12:00:00-04:00")
    service.customer(f"{run}-c", affiliations=["veteran"])
    number = {name: f"{run}-{name}" for name in CARDS}
    for name in CARDS:
        if name != "new":
            owner = {"customerId": f"{run}-c"} if name in {"member", "sister"} else {}
            service.issue(number[name], **owner)
    adjust(service, number["member"], 500)
    adjust(service, number["limited"], 2900)
    service.change_card("blockLoyaltyCard", number=number["blocked"], reason="r")
    service.sale(number["old"], "300.00", transactionId=f"{run}-before")
    adjust(service, number["owing"], -150, force=True)
    service.clock.set("2025-06-01T12:00:00-04:00")
    replaced(service, number["old"], number["new"])
    paid = pay(service, number["member"], "1.00", one("20.00"), orderId=f"{run}-O")
    assert codes(paid) == []
    service.clock.set(NOW)
    return [paid["payment"]["id"]]


AMOUNTS = st.sampled_from(["0.00", "4.99", "20.00", "99.50", "300.00", "650.00"])
# Most sales are sound ones of a few cards; the rest is everything that may be wrong or rare.
ODD: list[dict[str, Any]] = [
    {"currency": "EUR"},
    {"channel": "WAS"},
    {"channel": "NOWHERE"},
    {"affiliations": ["veteran"]},
    {"affiliations": ["employee"]},
    {"affiliations": ["nobody"]},
    {"customerId": "RUN-c"},
    {"customerId": "unknown"},
    {"loyaltyPayments": ["PAYMENT"]},
    {"cardNumber": "unknown"},
    {"transactionId": "RUN-before"},
    {"transactionId": ""},
    {"charges": [{"code": "FREIGHT", "amount": "5.00"}]},
    {"occurredAt": "2025-05-20T12:00:00-04:00"},
    {"lines": [line(1, "10000000000.00", 99)]},
]


@st.composite
def sales(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for number in range(draw(st.integers(1, 14))):
        lines = [
            line(
                place + 1, draw(AMOUNTS), categories=draw(st.sampled_from([[], ["A"], ["B", "A"]]))
            )
            for place in range(draw(st.integers(1, 3)))
        ]
        name = draw(st.sampled_from([*CARDS[:4], *CARDS, None]))
        days = draw(st.integers(0, 70))
        made.append(
            {
                "channel": "WEB",
                "currency": "USD",
                "lines": lines,
                # A key is used again now and then.
                "transactionId": f"RUN-{draw(st.sampled_from([number, number, number, 0]))}",
                "occurredAt": f"2025-{6 - days // 30:02}-{1 + (days * 7) % 14:02}T12:00:00-04:00",
                **({"cardNumber": f"RUN-{name}"} if name else {}),
                **draw(st.one_of(st.just({}), st.just({}), st.sampled_from(ODD))),
            }
        )
    return made


def of_run(value: Any, run: str, payment: str) -> Any:
    if isinstance(value, dict):
        return {name: of_run(member, run, payment) for name, member in value.items()}
    if isinstance(value, list):
        return [of_run(member, run, payment) for member in value]
    if isinstance(value, str):
        return payment if value == "PAYMENT" else value.replace("RUN", run)
    return value


def in_bulk(service: Harness, given: list[Any]) -> list[Any]:
    payload = service.ask(BULK, input={"sales": given})["postSales"]
    results: list[Any] = payload["results"]
    failed = [one for one in results if one["userErrors"]]
    assert (payload["posted"], payload["failed"]) == (len(given) - len(failed), len(failed))
    for place, result in enumerate(results):
        for error in result["userErrors"]:
            assert error["field"][:2] == ["sales", str(place)]
            error["field"] = error["field"][2:]
    return results


def one_by_one(service: Harness, given: list[Any]) -> list[Any]:
    return [service.mutate("postSale", Harness.SOLD, sale) for sale in given]


PROGRAMS: dict[str, Callable[[], Any]] = {
    "plain": document,
    "combined": lambda: document(
        programs=[{**club_document()["programs"][0], "combineRelatedLoyaltyCards": True}]
    ),
    "rewarding": lambda: document(
        oneTimeRewards=[
            {**TENTH, **GIFT, "count": 2},
            {**MUG, **THING},
            {**MUG, **GIFT, "code": "each", "tier": "SILVER", "once": "TIER_ENTRY"},
            {**TENTH, **GIFT, "code": "person", "count": 1, "once": "CUSTOMER"},
        ]
    ),
    "in batches": lambda: document(settings={"postEarnedPointsInBatches": True}),
    "paid": lambda: document(
        settings={"earnOnRedeemSale": "REMAINDER", "postPointsPerSalesLine": False}
    ),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_sales_in_bulk_are_as_if_posted_one_by_one(
    pair: tuple[Harness, Harness], program: str
) -> None:
    for service in pair:
        service.clock.set("2025-03-01T12:00:00-05:00")
        service.apply(PROGRAMS[program]())
    runs = iter(range(1000))

    @given(drawn=sales())
    @API
    def holds(drawn: list[dict[str, Any]]) -> None:
        run = f"r{next(runs)}"
        answers = []
        for service, how in zip(pair, (in_bulk, one_by_one), strict=True):
            (payment,) = prepare(service, run)
            answers.append(how(service, of_run(drawn, run, payment)))
        assert answers[0] == answers[1]
        bulk, alone = (told(service) for service in pair)
        for table, rows in bulk.items():
            assert rows == alone[table], table

    holds()


def test_calls_that_overlap_post_each_sale_once(service: Harness) -> None:
    """The same sales in bulk, in another order in bulk, and one by one, all at once."""
    service.apply(document())
    cards = [service.issue() for _ in range(3)]
    given = [
        service.sale_input(cards[number % 3], "10.00", transactionId=f"T{number}")
        for number in range(40)
    ]
    calls: list[Callable[[], Any]] = [
        lambda: in_bulk(service, given),
        lambda: in_bulk(service, given[::-1]),
        lambda: in_bulk(service, given[10:30]),
        lambda: one_by_one(service, given[5:25]),
    ]
    answers = [answer for found in together(service, calls) for answer in found]
    assert [one["userErrors"] for one in answers] == [[]] * len(answers)
    assert sum(not one["replayed"] for one in answers) == len(given)
    sums = [int(service.balance(card, "STAT")["issued"]) for card in cards]
    assert sum(sums) == 13 * len(given)
