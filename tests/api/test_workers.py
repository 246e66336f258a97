"""Several processes share what a job posts."""

import os
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from commands import jobs
from commands.outcomes import CommandFailed
from resolvers.jobs import Job
from resolvers.portions import Share
from settings import read_settings
from tests.api.activities import activity_input, activity_program, created, journal
from tests.api.forking import Forks
from tests.api.harness import Harness
from tests.api.program import club_document
from tests.api.test_batches import BATCHES
from tests.api.test_command_line import Shell

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


@pytest.mark.parametrize("of", [1, 2, 5])
def test_everybody_is_in_one_share(of: int) -> None:
    owners: list[UUID | str] = [*(uuid4() for _ in range(50)), *(f"C{n}" for n in range(50))]
    shares = [Share(place, of) for place in range(of)]
    assert [sum(share.takes(owner) for share in shares) for owner in owners] == [1] * 100
    assert all(any(share.takes(owner) for owner in owners) for share in shares)
