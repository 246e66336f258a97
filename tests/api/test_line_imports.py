"""Bulk import of journal lines, by mutation and by command: nothing half done, faults by line, and
a second run that changes nothing.
"""

import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from commands.activities import Progress
from resolvers.line_files import LONGEST_LINE, FileFormat, bounded_lines, read_lines
from tests.api.activities import (
    activity_input,
    activity_program,
    created,
    delete,
    journal,
    refusals,
    reject,
    statuses,
    update,
)
from tests.api.forking import Forks
from tests.api.harness import Harness
from tests.api.shell import Shell
from tests.databases import ON_POSTGRESQL, ON_SQLITE

CARD = "LC-00041"
HEADER = "channel,cardNumber,activityType,activityId,occurredAt,affiliation,comment,evidence"
GOOD = [
    f'WEB,{CARD},WORKSHOP,W-1,2023-12-31T10:00:00-05:00,veteran,"Came, and stayed",',
    f'WEB,{CARD},SURVEY,S-1,,,"two\nlines","{{""score"": 1.50}}"',
    f"WEB,{CARD},CHECKIN,C-1,,,,",
]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("more", range(-2, 3))
def test_what_follows_a_long_line_keeps_its_number(tmp_path: Path, end: str, more: int) -> None:
    path = tmp_path / "lines.jsonl"
    texts = ["x" * (LONGEST_LINE + more), "", "y" * (2 * LONGEST_LINE + more), "z"]
    path.write_bytes(b"".join(f"{text}{end}".encode() for text in texts))
    with path.open(encoding="utf-8", newline="") as file:
        found = read_lines(FileFormat.JSON_LINES, bounded_lines(file))
        assert [line.number for line in found] == [1, 3, 4]


@pytest.fixture
def desk(service: Harness) -> Harness:
    service.apply(activity_program())
    assert service.issue() == CARD
    return service


def csv_of(*rows: str, header: str = HEADER) -> str:
    return "".join(f"{row}\n" for row in (header, *rows))


def json_lines(*lines: Mapping[str, Any]) -> str:
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def imported(
    service: Harness, content: str, kind: str = "CSV", caller: str = "admin"
) -> dict[str, Any]:
    given = {"format": kind, "content": content}
    selection = "created unchanged userErrors { code field }"
    return service.mutate("importActivityLines", selection, given, caller)


def counts(payload: Mapping[str, Any]) -> tuple[int, int]:
    assert payload["userErrors"] == [], payload["userErrors"]
    return payload["created"], payload["unchanged"]


def test_a_file_is_imported_once_in_either_format(desk: Harness) -> None:
    assert counts(imported(desk, "\ufeff" + csv_of(*GOOD))) == (3, 0)
    before = journal(desk)
    by_id = {line["activityId"]: line for line in before}
    assert by_id["W-1"]["comment"] == "Came, and stayed"
    assert by_id["W-1"]["occurredAt"] == "2023-12-31T15:00:00Z"
    assert by_id["S-1"]["comment"] == "two\nlines"
    assert str(by_id["S-1"]["evidence"]["score"]) == "1.50"
    assert by_id["C-1"]["evidence"] is None
    assert counts(imported(desk, csv_of(*GOOD, "", GOOD[0]))) == (0, 4)
    same = [
        {
            "channel": "WEB",
            "cardNumber": CARD,
            "activityType": "WORKSHOP",
            "activityId": "W-1",
            "occurredAt": "2023-12-31T15:00:00.000Z",
            "affiliation": "veteran",
            "comment": "Came, and stayed",
            "evidence": None,
        },
        activity_input(desk, CARD, comment="new"),
    ]
    assert counts(imported(desk, json_lines(*same), "JSON_LINES")) == (1, 1)
    assert [line for line in journal(desk) if line["comment"] != "new"] == before


def test_a_line_that_stands_twice_in_a_file_is_created_once(desk: Harness) -> None:
    assert counts(imported(desk, csv_of(*GOOD, GOOD[0]))) == (3, 1)
    assert len(journal(desk)) == 3


def test_a_line_moved_to_another_type_is_known_there_by_its_evidence(desk: Harness) -> None:
    rest = 'E-1,2024-01-01T12:00:00Z,,,"{""score"": 1.50}"'
    imported(desk, csv_of(f"WEB,{CARD},WORKSHOP,{rest}"))
    (line,) = journal(desk)
    assert refusals(update(desk, line["id"], activityType="SURVEY")) == []
    assert counts(imported(desk, csv_of(f"WEB,{CARD},SURVEY,{rest}"))) == (0, 1)


def test_a_second_run_changes_nothing_whatever_review_has_done(desk: Harness) -> None:
    content = csv_of(*GOOD)
    imported(desk, content)
    ids = {line["activityId"]: line["id"] for line in journal(desk)}
    update(desk, ids["W-1"], comment="edited")
    reject(desk, ids["S-1"])
    before = journal(desk)
    assert counts(imported(desk, content)) == (0, 3)
    assert journal(desk) == before
    delete(desk, ids["C-1"])
    assert counts(imported(desk, content)) == (1, 2)


def test_faults_are_listed_by_line_and_nothing_is_imported(desk: Harness) -> None:
    rows = [
        GOOD[0],
        GOOD[1],
        f"WEB,{CARD},SURVEY",
        f"WEB,{CARD},SURVEY,,now,,,",
        f"WEB,{CARD},SURVEY,S-2,,,,{{",
        f"WEB,{CARD},SURVEY,S-3,2024-01-01T12:05:01Z,,{'x' * 1001},",
    ]
    assert refusals(imported(desk, csv_of(*rows))) == [
        ("INVALID_INPUT", "content.5"),
        ("INVALID_INPUT", "content.6.activityId"),
        ("INVALID_INPUT", "content.6.occurredAt"),
        ("INVALID_INPUT", "content.7.evidence"),
        ("INVALID_INPUT", "content.8.occurredAt"),
        ("INVALID_INPUT", "content.8.comment"),
    ]
    rows = [
        GOOD[0],
        f"WEB,{CARD},NONE,S-1,,,,",
        f"NONE,{CARD},SURVEY,S-2,,,,",
        "WEB,NONE,SURVEY,S-3,,,,",
        f"WEB,{CARD},SURVEY,S-4,,employee,,",
        f"WEB,{CARD},WORKSHOP,W-1,,,,",
    ]
    assert refusals(imported(desk, csv_of(*rows))) == [
        ("ACTIVITY_TYPE_NOT_FOUND", "content.3.activityType"),
        ("CHANNEL_NOT_FOUND", "content.4.channel"),
        ("LOYALTY_CARD_NOT_FOUND", "content.5.cardNumber"),
        ("AFFILIATION_HIDDEN", "content.6.affiliation"),
        ("IDEMPOTENCY_KEY_REUSED", "content.7.activityId"),
    ]
    assert journal(desk) == []


GOOD_JSON = {
    "channel": "WEB",
    "cardNumber": CARD,
    "activityType": "SURVEY",
    "activityId": "S",
}
NO_TEXTS = ("\ud800", "a\0")
DEEP = "[" * 66 + "]" * 66
JUNK: list[tuple[str, str, list[str]]] = [
    ("CSV", "", []),
    ("CSV", "\n\n", []),
    ("CSV", "channel,card\n", ["content.1"]),
    ("CSV", "channel,cardNumber,activityType\n", ["content.1"]),
    ("CSV", csv_of(header=f"{HEADER},comment"), ["content.1"]),
    ("CSV", csv_of(f'WEB,{CARD},SURVEY,"S', GOOD[0]), ["content.2"]),
    ("CSV", csv_of(f'WEB,{CARD},SURVEY,"S"x'), ["content.2"]),
    ("CSV", csv_of("x" * 140_000), ["content.2"]),
    ("JSON_LINES", "\n \r\n", []),
    ("JSON_LINES", "1\n[]\nnull\n{\n", [f"content.{line}" for line in (1, 2, 3, 4)]),
    ("JSON_LINES", '{"a": NaN}\n{"a": 1, "a": 2}\n', ["content.1", "content.2"]),
    ("JSON_LINES", '{"a": 1e999999}\n' + "[" * 100_000, ["content.1", "content.2"]),
    ("JSON_LINES", f'{{"evidence": {DEEP}}}', ["content.1"]),
    ("JSON_LINES", f'{{"evidence": {"9" * 5000}}}', ["content.1"]),
    (
        "JSON_LINES",
        json_lines({**GOOD_JSON, "channel": 1, "x": 1, "comment": "a\0", "evidence": ["\ud800"]}),
        [f"content.1.{name}" for name in ("x", "channel", "comment", "evidence")],
    ),
    (
        "JSON_LINES",
        json_lines(*({**GOOD_JSON, name: 1} for name in NO_TEXTS)),
        ["content.1", "content.2"],
    ),
    (
        "JSON_LINES",
        json_lines(*({**GOOD_JSON, "occurredAt": at} for at in ("9999-12-31T23:00:00Z", 1))),
        ["content.1.occurredAt", "content.2.occurredAt"],
    ),
    ("JSON_LINES", json_lines(*[GOOD_JSON] * 1001), ["content"]),
]


@pytest.mark.parametrize(("kind", "content", "paths"), JUNK)
def test_junk_is_told_at_its_line(desk: Harness, kind: str, content: str, paths: list[str]) -> None:
    expected = [("INVALID_INPUT", path) for path in paths]
    assert refusals(imported(desk, content, kind)) == expected
    assert journal(desk) == []


def test_a_file_reaches_what_its_key_reaches(desk: Harness) -> None:
    rows = [f"WEB,{CARD},SURVEY,S-1,,,,", f"WEB,{CARD},CHECKIN,C-1,,,,"]
    refused = imported(desk, csv_of(*rows), caller="partner")
    assert refusals(refused) == [("FORBIDDEN", "content.3.activityType")]
    assert counts(imported(desk, csv_of(rows[0]), caller="partner")) == (1, 0)
    assert list(statuses(desk, "partner")) == ["S-1"]


# -- by command, on the database of the service


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shell(forks: Forks, desk: Harness, tmp_path: Path) -> Shell:
    return Shell(forks, tmp_path, LOYALTY_DATABASE_URL=desk.database_url)


@pytest.fixture
def command(shell: Shell) -> Command:
    return partial(shell.run, "import-activities")


def file_of(directory: Path, content: str, name: str = "lines.csv") -> Path:
    path = directory / name
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    return path


@ON_POSTGRESQL
def test_the_command_imports_posts_and_changes_nothing_again(
    desk: Harness, command: Command, tmp_path: Path
) -> None:
    rows = [f"WEB,{CARD},WORKSHOP,W-{n},2024-01-01T12:00:00Z,,," for n in range(1200)]
    path = file_of(tmp_path, csv_of(*rows))
    for said in (
        ["1200 lines imported, 0 were there already."],
        ["0 lines imported, 1200 were there already."],
    ):
        run = command(path)
        assert (run.returncode, run.stdout.splitlines()) == (0, said)
    path = file_of(tmp_path, csv_of(*rows[:30]))
    for posted in (30, 0):
        run = command(path, "--post")
        assert run.returncode == 0
        told = f"{posted} lines posted, 0 could not be: their errors stand on them."
        assert run.stdout.splitlines()[-1] == told
    # The command goes by the clock of the machine.
    desk.clock.now = datetime.now(UTC)
    assert desk.available(CARD) == str(30 * 50)
    query = "{ activityLines(filter: {status: POSTED}) { totalCount nodes { reviewedBy } } }"
    page = desk.ask(query)["activityLines"]
    assert page["totalCount"] == 30
    assert page["nodes"][0]["reviewedBy"] == "command line"


@ON_SQLITE
def test_the_command_lists_every_fault_and_imports_nothing_or_the_rest(
    desk: Harness, command: Command, tmp_path: Path
) -> None:
    rows = [
        GOOD[0],
        "WEB,NONE,SURVEY,BAD,,,,",
        f"WEB,{CARD},SURVEY,\udcff,,,,",
        *(f"WEB,{CARD},SURVEY,S-{n},2024-01-01T00:00:00Z,,," for n in range(600)),
        f"WEB,{CARD},SURVEY,S-0,2024-01-02T00:00:00Z,,,",
    ]
    path = file_of(tmp_path, csv_of(*rows))
    faults = [
        "line 3: LOYALTY_CARD_NOT_FOUND cardNumber: There is no such card.",
        "line 4: INVALID_INPUT activityId: This is no text that can be stored.",
        "line 605: IDEMPOTENCY_KEY_REUSED activityId: This key was used before with another input.",
    ]
    run = command(path)
    assert run.returncode == 1
    assert run.stdout.splitlines() == faults
    # On a slow machine progress is told before.
    assert run.stderr.splitlines()[-1] == "loyalty: 3 faults: nothing was imported."
    assert desk.ask("{ activityLines { totalCount } }")["activityLines"]["totalCount"] == 0
    for told in ("601 lines imported, 0 were", "0 lines imported, 601 were"):
        run = command(path, "--partial")
        assert run.returncode == 1
        assert run.stdout.splitlines() == [*faults, f"{told} there already."]
        assert run.stderr.splitlines()[-1] == "loyalty: 3 faults: those lines were not imported."


@ON_SQLITE
@pytest.mark.parametrize(
    ("row", "fault", "left"),
    [
        ("x" * 140_000, "A line has at most 131072 characters.", []),
        (
            f'WEB,{CARD},SURVEY,S-2,,,"he said "hi" there",',
            """This is no CSV: ',' expected after '"'. Lines 3 to 5 were not read.""",
            ["S-3", "S-4"],
        ),
        (
            f'WEB,{CARD},SURVEY,S-2,,,"no end,',
            "This is no CSV: unexpected end of data. Lines 3 to 5 were not read.",
            ["S-3", "S-4"],
        ),
        (
            f'WEB,{CARD},SURVEY,S-2,,,"two\n{"x" * 140_000}",',
            "This is no CSV: a line has more than 131072 characters. Lines 3 to 6 were not read.",
            ["S-3", "S-4"],
        ),
    ],
)
def test_a_row_that_cannot_be_read_keeps_no_other_from_being_imported_untold(
    desk: Harness, command: Command, tmp_path: Path, row: str, fault: str, left: list[str]
) -> None:
    first, *others = (f"WEB,{CARD},SURVEY,S-{number},,,," for number in (1, 3, 4))
    path = file_of(tmp_path, csv_of(first, row, *others))
    run = command(path, "--partial")
    there = [name for name in ("S-1", "S-3", "S-4") if name not in left]
    assert run.stdout.splitlines() == [
        f"line 3: INVALID_INPUT: {fault}",
        f"{len(there)} lines imported, 0 were there already.",
    ]
    assert sorted(statuses(desk)) == there
    refused = refusals(imported(desk, csv_of(first, row, *others)))
    assert refused == [("INVALID_INPUT", "content.3")]


def test_a_line_without_end_is_told_and_not_kept_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    path.write_text(csv_of("x" * 20_000_000, GOOD[2], header=HEADER))
    tracemalloc.start()
    with path.open(newline="") as source:
        found = list(read_lines(FileFormat.CSV, bounded_lines(source)))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [(one.number, bool(one.faults)) for one in found] == [(2, True), (3, False)]
    assert peak_bytes < 5_000_000


@ON_SQLITE
def test_a_line_too_long_moves_no_number(command: Command, desk: Harness, tmp_path: Path) -> None:
    long = "x" * 500_000
    run = command(file_of(tmp_path, f"{long}\n{long}\r\n{{}}\n{long}", "lines.jsonl"))
    assert [line.partition(": ")[0] for line in run.stdout.splitlines()] == [
        "line 1",
        "line 2",
        *["line 3"] * 4,
        "line 4",
    ]
    assert statuses(desk) == {}


@ON_SQLITE
def test_the_command_goes_by_the_name_of_the_file_or_the_format_said(
    desk: Harness, command: Command, shell: Shell, tmp_path: Path
) -> None:
    line = activity_input(desk, CARD, occurredAt="2024-01-01T00:00:00Z")
    created(desk, line)
    content = json_lines(line)
    run = command(file_of(tmp_path, content, "a.NDJSON"))
    assert run.stdout == "0 lines imported, 1 were there already.\n"
    unsaid = file_of(tmp_path, content, "a.txt")
    told = shell.told("import-activities", unsaid)
    assert told == f"{unsaid}: Name its format: --format csv or --format jsonl."
    told = shell.told("import-activities", tmp_path / "none.csv")
    assert told == f"{tmp_path / 'none.csv'}: No such file or directory."


def test_progress_is_told_of_long_work_alone(capsys: pytest.CaptureFixture[str]) -> None:
    moments = iter([0.0, 0.4, 0.9, 1.1, 1.3, 2.2])
    progress = Progress(1.0, lambda: next(moments))
    for lines in (500, 1000, 1500, 2000, 2500):
        progress.tell("checked", lines)
    assert capsys.readouterr().err.splitlines() == [
        "1500 lines checked so far",
        "2500 lines checked so far",
    ]


def test_work_goes_on_where_nobody_takes_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Progress(0.0, time.monotonic)
    monkeypatch.setattr(sys, "stderr", None)
    progress.tell("checked", 1)
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        progress.tell("checked", 2)
