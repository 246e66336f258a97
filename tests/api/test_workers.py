"""Several processes share what a job posts."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from commands import jobs
from commands.outcomes import CommandFailed
from models.card_statements import numbers_of
from models.failures import DatabaseUnavailable
from resolvers.callers import Caller, Role
from resolvers.context import Context, open_context
from resolvers.jobs import Job, JobDone
from resolvers.portions import portions, post_portions
from settings import read_settings
from tests.api.activities import activity_input, activity_program, created, journal
from tests.api.forking import Forks
from tests.api.harness import Harness
from tests.api.program import club_document
from tests.api.shell import Shell
from tests.api.test_audit import LOG
from tests.api.test_batches import BATCHES
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


def test_a_job_of_many_processes_is_one_row_of_the_audit(shell: Shell, service: Harness) -> None:
    service.apply(activity_program())
    created(service, *(activity_input(service, service.issue()) for _ in range(20)))
    shell.done("job", "post-activity-lines", "--workers", 2)
    rows = service.ask(LOG, "staff")["auditLog"]["nodes"]
    assert [row["operation"] for row in rows].count("runJob") == 1
    assert "postActivityLines" not in {row["operation"] for row in rows}


def _killed(*_given: object) -> None:
    os._exit(9)


def _failing(*_given: object) -> None:
    raise DatabaseUnavailable("The database is gone.")


@pytest.mark.parametrize(
    ("place", "does", "told"),
    [
        ("_post_portion", _killed, "A process of the job has ended early; run the job again."),
        ("open_context", _failing, "The database is gone."),
    ],
)
def test_a_process_that_fails_is_told_of(
    service: Harness, monkeypatch: pytest.MonkeyPatch, place: str, does: object, told: str
) -> None:
    service.apply(activity_program())
    created(service, activity_input(service, service.issue()))
    monkeypatch.setattr(jobs, place, does)
    settings = read_settings({"LOYALTY_DATABASE_URL": service.database_url})
    with pytest.raises(CommandFailed, match=told):
        jobs.run_shared(settings, Job.POST_ACTIVITY_LINES, 2)
    monkeypatch.undo()
    # The line waits for the next run.
    done = jobs.run_shared(settings, Job.POST_ACTIVITY_LINES, 2)
    assert done == JobDone(processed=1)


SLEEPING = """
import os, sys, time
from pathlib import Path
from commands import jobs
from resolvers.jobs import Job, JobDone
from settings import read_settings

def sleep(*_given):
    Path(f"process-{os.getpid()}").write_text("sleeps")
    time.sleep(60)

jobs._Worker = jobs.done_in_context = sleep
jobs.run_shared(read_settings({}), Job.POST_EARNED_POINTS, 2)
"""


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", SLEEPING], cwd=tmp_path, env=environ) as parent:  # noqa: S603
        assert soon(lambda: len([*tmp_path.glob("process-*")]) == 3)
        sleeping = {int(file.name.removeprefix("process-")) for file in tmp_path.glob("process-*")}
        parent.kill()
    assert soon(lambda: not any(lives(one) for one in sleeping - {parent.pid}))


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


def test_what_befalls_all_portions_is_told_once(
    service: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    async def failed(*told: str) -> None:
        context = await open_context(service.served, Caller(Role.ADMIN, "test"), "test")

        async def post(_context: Context, text: str) -> None:
            await asyncio.sleep(0)
            raise CommandFailed(text)

        with pytest.raises(CommandFailed, match="gone"):
            await post_portions(context, told, post, len(told))
        await context.read.close()

    service.wait(failed("gone", "gone"))
    assert caplog.messages == []
    service.wait(failed("gone", "broken"))
    assert caplog.messages == ["Another portion failed as well."]


def test_a_card_and_its_successor_are_in_one_portion(service: Harness) -> None:
    service.apply(club_document())
    pairs = {service.issue(): f"NEW-{place}" for place in range(8)}
    for number, successor in pairs.items():
        replaced(service, number, successor, reason="lost")

    async def found() -> list[list[str]]:
        context = await open_context(service.served, Caller(Role.ADMIN, "test"), "test")
        try:
            rows = await context.read.each(numbers_of, [*pairs, *pairs.values()])
            waiting = [(row.number, row.card_id) for row in rows]
            return await portions(context, waiting, at_once=2, size=3)
        finally:
            await context.read.close()

    shared = service.wait(found())
    assert len(shared) > 2
    for some in map(set, shared):
        assert {pairs[number] for number in some & pairs.keys()} == some - pairs.keys()
    assert {number for some in shared for number in some} == {*pairs, *pairs.values()}
