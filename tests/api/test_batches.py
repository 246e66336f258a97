"""Points that a batch posts: queued with the sale, posted in the order of what happened."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.transactions import Transaction
from resolvers.callers import Caller, Role
from resolvers.context import open_context
from resolvers.every_job import JOBS
from resolvers.jobs import Job, JobDone, run_job, silent
from tests.api.harness import Harness, entries, line, notes
from tests.api.program import amount_rule, pay_rule, reward_points, scheme
from tests.api.test_jobs import failing_at, run
from tests.api.test_payments import one, pay
from tests.api.test_points import adjust, codes
from tests.api.test_properties import API
from tests.api.test_returns import take, taken

BATCHES = {"settings": {"postEarnedPointsInBatches": True}}
SALE = """query($id: String!) { salesTransaction(channel: "WEB", transactionId: $id) {
  card { number }
  transactions { entryType rewardPoint { code } points lineNumber occurredAt postedAt
    explanation { configurationVersion scheme rule formula computed } }
  earningNotes { code scheme rule } } }"""


@pytest.fixture
def shop(service: Harness) -> Harness:
    service.apply(service.document(**BATCHES))
    return service


def sale(service: Harness, transaction_id: str) -> Any:
    return service.ask(SALE, id=transaction_id)["salesTransaction"]


def test_a_queued_sale_earns_with_the_batch_and_its_own_dates(shop: Harness) -> None:
    shop.clock.set("2025-01-10")
    card = shop.issue()
    sold = shop.sale(card, "80.00", transactionId="S")
    assert (entries(sold), notes(sold)) == ([], [("QUEUED", None, None)])
    assert shop.available(card) == "0"
    shop.clock.set("2025-01-12")
    assert run(shop, "POST_EARNED_POINTS") == (1, 0)
    posted = sale(shop, "S")
    assert [entry["points"] for entry in posted["transactions"]] == ["80"]
    assert posted["earningNotes"] == []
    entry = posted["transactions"][0]
    assert entry["occurredAt"] == "2025-01-10T17:00:00Z"
    assert entry["postedAt"] == "2025-01-12T17:00:00Z"
    assert shop.balance(card, asOf="2025-01-10")["available"] == "80"
    assert shop.balance(card, asOf="2025-01-09")["available"] == "0"
    assert run(shop, "POST_EARNED_POINTS") == (0, 0)
    assert shop.try_sale(card, "80.00", transactionId="S")["userErrors"][0]["code"] == (
        "IDEMPOTENCY_KEY_REUSED"
    )


def test_a_card_blocked_by_then_earns_nothing(shop: Harness) -> None:
    card = shop.issue()
    shop.sale(card, "80.00", transactionId="S")
    shop.change_card("blockLoyaltyCard", number=card, reason="lost")
    assert run(shop, "POST_EARNED_POINTS") == (1, 0)
    assert notes(sale(shop, "S")) == [("CARD_BLOCKED", None, None)]
    assert shop.balance(card)["issued"] == "0"


def test_a_card_replaced_by_then_earns_on_its_successor(shop: Harness) -> None:
    card = shop.issue("A")
    shop.sale(card, "80.00", transactionId="S")
    shop.clock.advance(hours=1)
    given = {"idempotencyKey": "k", "channel": "WEB", "number": "A", "newNumber": "A2"}
    shop.mutate("replaceLoyaltyCard", "userErrors { code }", given)
    assert run(shop, "POST_EARNED_POINTS") == (1, 0)
    assert sale(shop, "S")["card"] == {"number": "A2"}
    assert shop.available("A2") == "80"


def test_a_sale_without_a_card_waits_for_nothing(shop: Harness) -> None:
    sold = shop.sale(None, "80.00")
    assert notes(sold) == [("NO_CARD", None, None)]
    assert run(shop, "POST_EARNED_POINTS") == (0, 0)


def test_a_return_of_the_same_instant_follows_its_sale(shop: Harness) -> None:
    card = shop.issue()
    for number in range(6):
        shop.sale(card, "80.00", transactionId=f"S{number}")
        answer = taken(shop, f"S{number}", (1, "0.5"), transactionId=f"R{number}")
        assert (answer["transactions"], answer["earningNotes"]) == ([], [{"code": "QUEUED"}])
    assert run(shop, "POST_EARNED_POINTS")[1] == 0
    assert run(shop, "POST_EARNED_POINTS") == (0, 0)
    assert shop.available(card) == "240"
    found = sale(shop, "R3")
    assert [entry["points"] for entry in found["transactions"]] == ["-40"]
    assert found["earningNotes"] == []


def test_a_return_is_judged_by_the_setting_of_its_sale(shop: Harness) -> None:
    card = shop.issue()
    shop.sale(card, "80.00", transactionId="S")
    shop.clock.advance(minutes=1)
    shop.apply(shop.document())
    shop.clock.advance(minutes=1)
    assert entries(shop.sale(card, "10.00"))[0] == ("PTS", "10")
    taken(shop, "S")
    assert run(shop, "POST_EARNED_POINTS") == (2, 0)
    assert shop.available(card) == "10"


def test_points_that_paid_shrink_what_the_batch_posts(service: Harness) -> None:
    document = service.document(
        schemes=[scheme(amount_rule(), redemptionRules=[pay_rule()])],
        settings={"postEarnedPointsInBatches": True, "earnOnRedeemSale": "REMAINDER"},
    )
    document["channels"][0]["kind"] = "STORE"
    service.apply(document)
    card = service.issue()
    adjust(service, card, 3000)
    payment = pay(service, card, "30.00", one("100.00"))
    ids = [payment["payment"]["id"]]
    service.try_sale(card, "100.00", transactionId="S", loyaltyPayments=ids)
    refund = {"idempotencyKey": "r", "paymentId": ids[0], "amount": "30.00"}
    assert codes(service.mutate("refundLoyaltyPayment", "userErrors { code }", refund)) == []
    run(service, "POST_EARNED_POINTS")
    assert entries(sale(service, "S")) == [("PTS", "70")]


PRICES = st.lists(st.integers(1, 30_000), min_size=1, max_size=3)


@given(sold=st.lists(st.tuples(PRICES, st.integers(0, 3)), min_size=1, max_size=4))
@API
def test_a_batch_posts_what_posting_at_once_would(
    service: Harness, sold: list[tuple[list[int], int]]
) -> None:
    """Two cards of equal history, the one by the batch: equal entries, notes and balances."""
    limited = reward_points(maximumPerCard=300)
    found = []
    for settings in ({}, BATCHES["settings"]):
        service.apply(service.document(rewardPoints=limited, settings=settings))
        service.clock.advance(seconds=1)
        card = service.issue()
        told = []
        for number, (prices, back) in enumerate(sold):
            bought = [line(place + 1, price / 100) for place, price in enumerate(prices)]
            service.sale(card, lines=bought, transactionId=f"{card}-{number}")
            service.clock.advance(minutes=1)
            for place in range(1, min(back, len(prices)) + 1):
                taken(service, f"{card}-{number}", (place, "0.4"))
                service.clock.advance(minutes=1)
        service.clock.advance(hours=-1, minutes=60)
        run(service, "POST_EARNED_POINTS")
        for number in range(len(sold)):
            posted = sale(service, f"{card}-{number}")
            told.append((entries(posted), notes(posted)))
        found.append((told, service.balance(card), service.balance(card, "STAT")))
    assert found[0] == found[1]


def test_a_batch_run_by_ten_at_once_posts_each_sale_once(shop: Harness) -> None:
    cards = [shop.issue() for _ in range(4)]
    for card in cards * 3:
        shop.sale(card, "80.00")
    operator = Caller(Role.ADMIN, "test")

    async def once() -> JobDone:
        context = await open_context(shop.served, operator, "test")
        try:
            return await run_job(context, JOBS, Job.POST_EARNED_POINTS)
        finally:
            await context.read.close()

    async def all_at_once() -> list[JobDone]:
        return list(await asyncio.gather(*(once() for _ in range(10))))

    done = shop.wait(all_at_once())
    assert sum(one.processed for one in done) == 12
    assert sum(one.failed for one in done) == 0
    assert [shop.available(card) for card in cards] == ["240"] * 4


def test_a_batch_broken_off_anywhere_is_completed_by_the_next_run(
    shop: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = Caller(Role.ADMIN, "test")

    async def once() -> JobDone:
        context = await open_context(shop.served, operator, "test")
        try:
            # Without the audit row of a run by hand, which fails as a whole or is there.
            return await JOBS[Job.POST_EARNED_POINTS](context, silent)
        finally:
            await context.read.close()

    for when in range(1, 16):
        card = shop.issue()
        shop.sale(card, "80.00", transactionId=f"S{when}")
        take(shop, f"S{when}", (1, "0.5"))
        with monkeypatch.context() as patched:
            patched.setattr(Transaction, "run", failing_at(when, RuntimeError("broken")))
            shop.wait(once())
        shop.wait(once())
        assert (when, shop.available(card)) == (when, "40")
