"""Jobs: what time brings is written, and no answer depends on whether that has happened yet."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from models.failures import DatabaseSlow, DatabaseUnavailable
from models.transactions import Transaction
from resolvers import schedules
from resolvers.callers import Caller, Role
from resolvers.clock import system_clock
from resolvers.context import Context, open_context
from resolvers.every_job import JOBS
from resolvers.jobs import MOST_SLOW, Attempts, Job, JobDone, Progress, Run, run_job, silent
from resolvers.schedules import claim, end, keep_running
from tests.api.harness import Harness, line, running
from tests.api.program import amount_rule, channel, club_document, pay_rule, reward_points, scheme
from tests.api.test_payments import change, covered, holder, one, pay, program
from tests.api.test_points import adjust, codes
from tests.api.test_returns import taken

MONTHLY = reward_points(expiration={"value": 1, "unit": "MONTH"})
BOOK = """query($n: String!) { loyaltyCard(number: $n) {
  transactions(first: 50, filter: {entryTypes: [EXPIRE]}) { nodes {
    points occurredAt explanation { formula scheme rule } allocations { points } } } } }"""
EVERYTHING = """query($n: String!) { loyaltyCard(number: $n) { status
  balances { available unvested held issued used expired
    expiring { points } nextVesting { points date } nextExpiry { points date } }
  before: balances(asOf: "2025-01-20") { available expired held issued used unvested }
  enrollments { tier { tier { code } since until } } } }"""


def run(service: Harness, job: str) -> tuple[int, int]:
    done = service.mutate("runJob", "processed failed userErrors { code }", {"job": job})
    assert done["userErrors"] == []
    return done["processed"], done["failed"]


def expired(service: Harness, card: str) -> list[tuple[str, str]]:
    """(points, formula) of the EXPIRE entries, oldest first."""
    nodes = service.ask(BOOK, n=card)["loyaltyCard"]["transactions"]["nodes"]
    return [(node["points"], node["explanation"]["formula"]) for node in reversed(nodes)]


def answers(service: Harness, card: str) -> Any:
    return service.ask(EVERYTHING, n=card)["loyaltyCard"]


def test_points_are_written_off_once_their_last_day_is_over_everywhere(service: Harness) -> None:
    west = channel("WEST", timeZone="Pacific/Honolulu")
    service.apply(club_document(rewardPoints=MONTHLY, channels=[channel(), west]))
    service.clock.set("2025-01-10")
    card = service.issue()
    adjust(service, card, 80)
    adjust(service, card, "7.50", rewardPoint="CASH")
    # The 11th of February has begun in New York, and not in Honolulu.
    service.clock.set("2025-02-11T06:00:00Z")
    assert service.balance(card)["expired"] == "80"
    assert run(service, "EXPIRE_POINTS") == (0, 0)
    service.clock.set("2025-02-11T10:00:00Z")
    before = answers(service, card)
    assert run(service, "EXPIRE_POINTS") == (1, 0)
    assert answers(service, card) == before
    assert expired(service, card) == [("-80", "expired after 2025-02-10: 80")]
    (entry,) = service.ask(BOOK, n=card)["loyaltyCard"]["transactions"]["nodes"]
    assert entry["occurredAt"] == "2025-02-11T05:00:00Z"
    assert entry["allocations"] == [{"points": "80"}]
    assert run(service, "EXPIRE_POINTS") == (0, 0)
    assert service.available(card, "CASH") == "7.50"


def test_held_points_are_written_off_when_their_hold_is_over(service: Harness) -> None:
    document = {**program(), "rewardPoints": MONTHLY}
    service.apply(document)
    service.clock.set("2025-01-10")
    card = service.issue()
    adjust(service, card, 300)
    service.clock.set("2025-02-11T04:50:00Z")
    held = pay(service, card, "2.00", one("5.00"), capture=False)
    service.clock.set("2025-02-11T05:10:00Z")
    assert run(service, "EXPIRE_POINTS") == (1, 0)
    assert expired(service, card) == [("-100", "expired after 2025-02-10: 100")]
    assert service.balance(card) == {
        "available": "0",
        "unvested": "0",
        "held": "200",
        "issued": "300",
        "used": "0",
        "expired": "100",
    }
    service.clock.set("2025-02-11T05:21:00Z")
    before = answers(service, card)
    assert service.balance(card)["expired"] == "300"
    assert run(service, "EXPIRE_HOLDS") == (1, 0)
    assert run(service, "EXPIRE_POINTS") == (1, 0)
    assert answers(service, card) == before
    assert [points for points, _ in expired(service, card)] == ["-100", "-200"]
    query = "query($id: ID!) { loyaltyPayment(id: $id) { status } }"
    assert service.ask(query, id=held["payment"]["id"])["loyaltyPayment"]["status"] == "EXPIRED"
    assert codes(change(service, "captureLoyaltyPayment", held)) == ["PAYMENT_STATE_CONFLICT"]
    assert run(service, "EXPIRE_HOLDS") == (0, 0)


def test_a_lapsed_hold_reads_the_same_before_its_job(service: Harness) -> None:
    card = holder(service, program(), 1000)
    pay(service, card, "6.00", one("10.00"), capture=False)
    service.clock.advance(minutes=29)
    assert run(service, "EXPIRE_HOLDS") == (0, 0)
    service.clock.advance(minutes=1)
    before = answers(service, card)
    assert service.balance(card)["held"] == "0"
    assert run(service, "EXPIRE_HOLDS") == (1, 0)
    assert answers(service, card) == before


def test_a_back_dated_entry_takes_what_was_written_off_after_it(service: Harness) -> None:
    service.apply(club_document(rewardPoints=MONTHLY))
    service.clock.set("2025-01-10")
    card = service.issue()
    adjust(service, card, 80)
    service.clock.set("2025-03-01")
    run(service, "EXPIRE_POINTS")
    back = "2025-02-05T17:00:00Z"
    assert codes(adjust(service, card, -81, occurredAt=back)) == ["NOT_ENOUGH_REWARD_POINTS"]
    assert codes(adjust(service, card, -30, occurredAt=back)) == []
    assert expired(service, card) == [
        ("-80", "expired after 2025-02-10: 80"),
        ("30", "expired after 2025-02-10: -30"),
    ]
    assert service.balance(card) == {
        "available": "0",
        "unvested": "0",
        "held": "0",
        "issued": "50",
        "used": "0",
        "expired": "50",
    }
    assert service.balance(card, asOf="2025-02-06")["available"] == "50"
    assert run(service, "EXPIRE_POINTS") == (0, 0)
    # The rest is still there to take.
    assert codes(adjust(service, card, -50, occurredAt=back)) == []
    assert codes(adjust(service, card, -1, occurredAt=back)) == ["NOT_ENOUGH_REWARD_POINTS"]


@pytest.mark.parametrize(("late", "status"), [(5, "AUTHORIZED"), (45, "EXPIRED")])
def test_a_payment_dated_back_holds_what_was_written_off_since(
    service: Harness, late: int, status: str
) -> None:
    document = program()
    document["rewardPoints"] = reward_points(expiration={"value": 2, "unit": "MONTH"})
    service.apply(document)
    card = service.issue()
    service.clock.set("2025-01-31")
    adjust(service, card, 300)
    service.clock.set("2025-03-31T23:59:00-04:00")
    bought = one("3.00", at=service.clock.now.isoformat())
    service.clock.advance(minutes=late)
    assert run(service, "EXPIRE_POINTS") == (1, 0)
    held = pay(service, card, "2.00", bought, capture=False)
    assert held["payment"]["status"] == status
    live = status == "AUTHORIZED"
    found = service.balance(card)
    assert (found["held"], found["expired"]) == (("200", "100") if live else ("0", "300"))
    captured = change(service, "captureLoyaltyPayment", held)
    assert codes(captured) == ([] if live else ["PAYMENT_STATE_CONFLICT"])
    found = service.balance(card)
    assert (found["used"], found["expired"]) == (("200", "100") if live else ("0", "300"))
    written = (0, 0) if live else (1, 0)
    assert run(service, "EXPIRE_HOLDS") == run(service, "EXPIRE_POINTS") == written
    assert service.balance(card) == found


@pytest.mark.parametrize("job_has_run", [False, True])
def test_what_expired_of_a_returned_lot_costs_nothing_more(
    service: Harness, job_has_run: bool
) -> None:
    service.apply(club_document(rewardPoints=MONTHLY))
    service.clock.set("2025-01-10")
    card = service.issue()
    service.sale(card, "80.00", transactionId="old")
    adjust(service, card, -30)
    service.clock.set("2025-03-01")
    service.sale(card, "100.00")
    if job_has_run:
        run(service, "EXPIRE_POINTS")
    taken(service, "old", (1, 1))
    assert service.balance(card) == {
        "available": "70",
        "unvested": "0",
        "held": "0",
        "issued": "70",
        "used": "0",
        "expired": "0",
    }


@pytest.mark.parametrize("job_has_run", [False, True])
def test_what_expired_on_a_replaced_card_is_taken_there(
    service: Harness, job_has_run: bool
) -> None:
    service.apply(club_document(rewardPoints=MONTHLY))
    service.clock.set("2025-01-10")
    card = service.issue("A")
    service.sale(card, "80.00", transactionId="old")
    service.clock.set("2025-03-01")
    given = {"idempotencyKey": "k", "channel": "WEB", "number": "A", "newNumber": "A2"}
    service.mutate("replaceLoyaltyCard", "userErrors { code }", given)
    if job_has_run:
        run(service, "EXPIRE_POINTS")
    taken(service, "old", (1, 1))
    assert service.balance(card)["issued"] == "0"
    assert service.available("A2") == "0"


def test_time_brings_tiers_that_the_job_writes(club: Harness) -> None:
    club.clock.set("2025-03-01")
    card = club.issue()
    club.sale(card, "600.00")
    club.clock.set("2026-03-05")
    before = answers(club, card)
    assert before["enrollments"][0]["tier"]["tier"] == {"code": "MEMBER"}
    assert run(club, "UPDATE_TIERS") == (1, 0)
    assert answers(club, card) == before
    assert run(club, "UPDATE_TIERS") == (0, 0)
    search = """{ loyaltyCards(filter: {tier: "MEMBER"}) { nodes { number } } }"""
    assert club.ask(search)["loyaltyCards"]["nodes"] == [{"number": card}]


def test_many_cards_are_walked_page_by_page(
    service: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("jobs", "expiry_jobs", "tier_jobs"):
        monkeypatch.setattr(f"resolvers.{module}.PAGE", 3)
    document = {**program(), "rewardPoints": MONTHLY}
    service.apply(document)
    service.clock.set("2025-01-10")
    cards = [service.issue() for _ in range(8)]
    for card in cards:
        adjust(service, card, 100)
        adjust(service, card, 50, occurredAt="2025-01-05T17:00:00Z")
    for card in cards[:5]:
        pay(service, card, "0.20", one("5.00"), capture=False)
    service.clock.set("2025-03-01")
    assert run(service, "EXPIRE_HOLDS") == (5, 0)
    assert run(service, "EXPIRE_POINTS") == (8, 0)
    assert all(len(expired(service, card)) == 2 for card in cards)


def test_a_job_run_by_ten_callers_at_once_writes_once(service: Harness) -> None:
    service.apply(club_document(rewardPoints=MONTHLY))
    service.clock.set("2025-01-10")
    cards = [service.issue() for _ in range(5)]
    for card in cards:
        adjust(service, card, 100)
    service.clock.set("2025-03-01")
    operator = Caller(Role.ADMIN, "test")
    served = service.served

    async def once() -> JobDone:
        context = await open_context(served, operator, "test")
        try:
            return await run_job(context, JOBS, Job.EXPIRE_POINTS)
        finally:
            await context.read.close()

    async def all_at_once() -> list[JobDone]:
        return list(await asyncio.gather(*(once() for _ in range(10))))

    done = service.wait(all_at_once())
    assert sum(one.processed for one in done) == len(cards)
    assert [one.failed for one in done] == [0] * 10
    assert all(len(expired(service, card)) == 1 for card in cards)


# -- what fails, and what is killed


class Killed(BaseException):
    """The worker is gone in the middle of its work."""


def failing_at(when: int, failure: BaseException) -> Any:
    """A unit's transaction whose statement number `when`, over all units, fails."""
    count = 0
    before = Transaction.run

    async def run_counted(self: Transaction, statement: Any, **parameters: Any) -> int:
        nonlocal count
        count += 1
        if count == when:
            raise failure
        return await before(self, statement, **parameters)

    return run_counted


def test_a_tier_that_could_not_be_written_is_written_by_the_next_run(
    club: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    club.clock.set("2025-03-01")
    club.sale(club.issue(), "600.00")
    club.clock.set("2026-03-05")

    async def once() -> JobDone:
        context = await open_context(club.served, Caller(Role.ADMIN, "test"), "test")
        try:
            return await JOBS[Job.UPDATE_TIERS](context, silent)
        finally:
            await context.read.close()

    with monkeypatch.context() as broken:
        broken.setattr(Transaction, "run", failing_at(1, RuntimeError("broken")))
        assert club.wait(once()) == JobDone(processed=0, failed=1)
    assert run(club, "UPDATE_TIERS") == (1, 0)
    assert run(club, "UPDATE_TIERS") == (0, 0)


@pytest.mark.parametrize("failure", [Killed(), RuntimeError("broken"), DatabaseUnavailable("away")])
def test_a_job_broken_off_anywhere_is_completed_by_the_next_run(
    service: Harness, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    service.apply(club_document(rewardPoints=MONTHLY))
    service.clock.set("2025-01-10")
    operator = Caller(Role.ADMIN, "test")
    served = service.served

    async def once() -> None:
        context = await open_context(served, operator, "test")
        try:
            # Without the audit row of a run by hand, which fails as a whole or is there.
            await JOBS[Job.EXPIRE_POINTS](context, silent)
        except (Killed, DatabaseUnavailable):
            pass
        finally:
            await context.read.close()

    service.clock.set("2025-03-01")
    for when in range(1, 12):
        cards = [service.issue() for _ in range(2)]
        for card in cards:
            adjust(service, card, 100, occurredAt="2025-01-10T17:00:00Z")
        with monkeypatch.context() as patched:
            patched.setattr(Transaction, "run", failing_at(when, failure))
            service.wait(once())
        service.wait(once())
        assert all(len(expired(service, card)) == 1 for card in cards)


SLOW_CARD = """
  CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(1); RETURN NEW; END';
  CREATE TRIGGER slow BEFORE INSERT ON ledger_entry FOR EACH ROW
    WHEN (NEW.card_id = '{card}') EXECUTE FUNCTION slow();
"""


@pytest.fixture
def hasty(server_loop: asyncio.AbstractEventLoop, postgresql_url: str) -> Iterator[Harness]:
    limit = {"LOYALTY_STATEMENT_TIMEOUT_SECONDS": "0.5"}
    with running(server_loop, postgresql_url, **limit) as service:
        yield service


async def slow_down(service: Harness, number: str) -> None:
    connection = await asyncpg.connect(service.database_url)
    card = await connection.fetchval("SELECT card_id FROM card WHERE number = $1", number)
    await connection.execute(SLOW_CARD.format(card=card))
    await connection.close()


def test_a_card_that_takes_too_long_holds_up_no_other(hasty: Harness) -> None:
    queued = {"postEarnedPointsInBatches": True}
    hasty.apply(club_document(rewardPoints=MONTHLY, settings=queued))
    hasty.clock.set("2025-01-10")
    cards = [hasty.issue() for _ in range(6)]
    for place, card in enumerate(cards):
        adjust(hasty, card, 80, occurredAt=f"2025-01-0{place + 1}T17:00:00Z")
        hasty.sale(card, "20.00")
        hasty.clock.advance(seconds=1)
    hasty.wait(slow_down(hasty, cards[2]))
    for _ in range(2):
        run(hasty, "POST_EARNED_POINTS")
    assert [hasty.available(card) for card in cards] == ["100", "100", "80", "100", "100", "100"]
    hasty.clock.set("2025-02-09")
    for _ in range(2):
        run(hasty, "EXPIRE_POINTS")
    assert [len(expired(hasty, card)) for card in cards] == [1, 1, 0, 1, 1, 1]


def test_a_database_that_is_slow_for_all_ends_the_run() -> None:
    attempts = Attempts()

    async def work(slow: bool) -> bool:
        if slow:
            raise DatabaseSlow
        return True

    async def run_of(*slow: bool) -> list[JobDone]:
        return [await attempts.make(work, one) for one in slow]

    some = [True] * (MOST_SLOW - 1)
    asyncio.run(run_of(*some, False, *some, False, *some))
    with pytest.raises(DatabaseSlow):
        asyncio.run(run_of(True))


def test_of_two_workers_one_has_the_lease_until_it_runs_out(
    service: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = service.served

    def claims(holder: str) -> bool:
        return service.wait(claim(served, Job.EXPIRE_POINTS, holder, 3600))

    assert claims("a")
    assert not claims("b")
    later = system_clock() + schedules.LEASE + timedelta(seconds=1)
    monkeypatch.setattr(schedules, "system_clock", lambda: later)
    assert claims("b")


@pytest.mark.parametrize("ends", [True, False])
def test_a_clock_that_was_ahead_holds_up_no_job_once_it_is_set(
    service: Harness, monkeypatch: pytest.MonkeyPatch, *, ends: bool
) -> None:
    served, job = service.served, Job.EXPIRE_HOLDS
    now = system_clock()

    def claims(holder: str, shown: timedelta) -> bool:
        monkeypatch.setattr(schedules, "system_clock", lambda: now + shown)
        return service.wait(claim(served, job, holder, 30))

    assert claims("a day ahead", timedelta(days=1))
    if ends:
        service.wait(end(served, job, "a day ahead"))
    assert claims("right", timedelta())
    assert not claims("a minute behind", timedelta(minutes=-1))


def test_a_minute_after_a_kill_another_worker_has_told_which_holds_are_over() -> None:
    pause = timedelta(seconds=schedules.EVERY_SECONDS[Job.EXPIRE_HOLDS])
    assert schedules.LEASE + pause <= timedelta(minutes=1)


def test_what_is_due_is_run_on_its_schedule(service: Harness) -> None:
    card = holder(service, program(), 1000)
    pay(service, card, "6.00", one("10.00"), capture=False)
    service.clock.advance(minutes=31)
    runs: list[Job] = []

    def counted(job: Job, run: Run) -> Run:
        async def work(context: Context, progress: Progress) -> JobDone:
            runs.append(job)
            return await run(context, progress)

        return work

    every: Mapping[Job, float] = {Job.EXPIRE_HOLDS: 0.3, Job.UPDATE_TIERS: 1000}
    jobs = {job: counted(job, run) for job, run in JOBS.items()}

    async def for_a_while() -> None:
        stop = asyncio.Event()
        # Two workers of one database.
        workers = [
            asyncio.create_task(keep_running(service.served, jobs, stop, every)) for _ in range(2)
        ]
        await asyncio.sleep(3.5)
        stop.set()
        await asyncio.gather(*workers)

    service.wait(for_a_while())
    assert runs.count(Job.UPDATE_TIERS) == 1
    assert 2 <= runs.count(Job.EXPIRE_HOLDS) <= 10
    assert run(service, "EXPIRE_HOLDS") == (0, 0)


def test_a_job_that_failed_is_run_again_when_it_is_due(service: Harness) -> None:
    runs = 0

    async def work(_context: Context, _progress: Progress) -> JobDone:
        nonlocal runs
        runs += 1
        raise DatabaseUnavailable("away")

    async def for_a_while() -> None:
        stop = asyncio.Event()
        job = Job.EXPIRE_HOLDS
        running = asyncio.create_task(keep_running(service.served, {job: work}, stop, {job: 0.2}))
        await asyncio.sleep(schedules.LOOK_SECONDS + 1)
        stop.set()
        await running

    service.wait(for_a_while())
    assert runs > 1


def test_a_purchase_paid_long_ago_by_an_administrator_takes_what_expired_since(
    service: Harness,
) -> None:
    document = club_document(
        rewardPoints=MONTHLY,
        channels=[channel(kind="STORE")],
        schemes=[scheme(amount_rule(), redemptionRules=[pay_rule()])],
    )
    service.apply(document)
    service.clock.set("2025-01-10")
    card = service.issue()
    adjust(service, card, 500)
    service.clock.set("2025-03-01")
    run(service, "EXPIRE_POINTS")
    bought = {"channel": "WEB", "currency": "USD", "lines": [line(1, "3.00")]}
    late = {**bought, "at": "2025-02-01T17:00:00Z"}
    assert codes(pay(service, card, "3.00", bought)) == ["NOT_ENOUGH_REWARD_POINTS"]
    assert (covered(service, card, bought), covered(service, card, late)) == ("0.00", "3.00")
    assert codes(pay(service, card, "3.00", late)) == []
    assert service.balance(card)["expired"] == "200"
    assert service.balance(card)["used"] == "300"
