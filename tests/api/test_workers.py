"""Several processes share what a job posts."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from commands import jobs
from commands.outcomes import CommandFailed
from models.card_statements import numbers_of
from resolvers.callers import Caller, Role
from resolvers.context import open_context
from resolvers.jobs import Job
from resolvers.portions import Share, portions
from settings import read_settings
from tests.api.activities import activity_input, activity_program, created, journal
from tests.api.forking import Forks
from tests.api.harness import Harness
from tests.api.program import club_document
from tests.api.test_batches import BATCHES
from tests.api.test_command_line import Shell
from tests.api.test_replacing import replaced

SECRET = "a secret of tests that is long enough for HS256"


@pytest.fixture
def shell(forks: Forks, service: Harness, tmp_path: Path) -> Shell:
    """On the service's database, at its time."""
    environ = {
        "LOYALTY_DATABASE_URL": service.database_url,
        "LOYALTY_CLOCK": service.clock.now.isoformat(),
        "LOYALTY_JWT_SECRET": SECRET,
    }
    return Shell(forks, tmp_path, **environ)


def test_each_queued_sale_is_posted_once(shell: Shell, service: Harness) -> None:
    service.apply(club_document(**BATCHES))
    # Two cards of each customer, and cards of nobody.
    for number in range(3):
        service.customer(f"customer-{number}")
    owned = {service.issue(customerId=f"customer-{n % 3}"): f"customer-{n % 3}" for n in range(6)}
    owners: dict[str, str | None] = {**owned, **{service.issue(): None for _ in range(6)}}
    for place in range(4):
        for card, owner in owners.items():
            at = service.clock.now - timedelta(hours=place)
            service.sale(card, "20.00", occurredAt=at.isoformat(), customerId=owner)
    posting = ("job", "post-earned-points", "--workers", 3)
    assert shell.done(*posting) == ["48 processed, 0 failed."]
    assert {service.available(card) for card in owners} == {"80"}
    assert shell.done(*posting) == ["0 processed, 0 failed."]


def test_each_line_of_the_journal_is_posted_once(shell: Shell, service: Harness) -> None:
    service.apply(activity_program())
    cards = [service.issue() for _ in range(9)]
    created(service, *(activity_input(service, card) for card in [*cards, *cards[1:]]))
    service.change_card("blockLoyaltyCard", number=cards[0], reason="lost")
    ran = shell.run("job", "post-activity-lines", "--workers", 2)
    assert (ran.returncode, ran.stdout) == (1, "16 processed, 1 failed.\n")
    assert len(journal(service, status="POSTED")) == 16
    (left,) = journal(service, status="UNPOSTED")
    assert left["error"]["code"] == "LOYALTY_CARD_BLOCKED"


def test_a_job_that_one_process_does_takes_no_workers(shell: Shell) -> None:
    told = shell.told("job", "expire-points", "--workers", 2)
    assert told == "One process does all of this job: leave out --workers."


def _killed(*_given: object) -> None:
    os._exit(9)


def test_a_process_that_is_killed_is_told_of(
    service: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_run_share", _killed)
    settings = read_settings({"LOYALTY_DATABASE_URL": service.database_url})
    with pytest.raises(CommandFailed, match="has ended early; run the job again"):
        jobs.run_shared(settings, Job.POST_EARNED_POINTS, 2)


SLEEPING = """
import os, sys, time
from pathlib import Path
from commands import jobs
from resolvers.jobs import Job
from settings import read_settings

def sleep(_settings, _job, share):
    Path(f"worker-{share.place}").write_text(str(os.getpid()))
    time.sleep(60)

jobs._run_share = sleep
jobs.run_shared(read_settings({}), Job.POST_EARNED_POINTS, 2)
"""


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", SLEEPING], cwd=tmp_path, env=environ) as parent:  # noqa: S603
        files = [tmp_path / f"worker-{place}" for place in range(2)]
        assert soon(lambda: all(file.exists() and file.read_text() for file in files))
        workers = [int(file.read_text()) for file in files]
        parent.kill()
    assert soon(lambda: not any(lives(worker) for worker in workers))


def soon(is_so: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while not is_so() and time.monotonic() < until:
        time.sleep(0.05)
    return is_so()


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Whoever adopted it may not have asked yet how it ended.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or ") Z " not in status.read_text()


def test_a_card_and_its_successor_are_in_one_share(service: Harness) -> None:
    service.apply(club_document())
    pairs = {service.issue(): f"NEW-{place}" for place in range(8)}
    for number, successor in pairs.items():
        replaced(service, number, successor, reason="lost")

    async def shared() -> list[list[list[str]]]:
        context = await open_context(service.served, Caller(Role.ADMIN, "test"), "test")
        try:
            rows = await context.read.each(numbers_of, [*pairs, *pairs.values()])
            waiting = [(row.number, row.card_id) for row in rows]
            return [await portions(context, waiting, share=Share(place, 2)) for place in range(2)]
        finally:
            await context.read.close()

    shares = [{number for part in parts for number in part} for parts in service.wait(shared())]
    for share in shares:
        assert {pairs[number] for number in share & pairs.keys()} == share - pairs.keys()
    assert set.union(*shares) == {*pairs, *pairs.values()}


@pytest.mark.parametrize("of", [1, 2, 5])
def test_everybody_is_in_one_share(of: int) -> None:
    owners: list[UUID | str] = [*(uuid4() for _ in range(50)), *(f"C{n}" for n in range(50))]
    shares = [Share(place, of) for place in range(of)]
    assert [sum(share.takes(owner) for share in shares) for owner in owners] == [1] * 100
    assert all(any(share.takes(owner) for owner in owners) for share in shares)
