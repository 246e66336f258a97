"""What a log line shows: everything that helps, nothing that opens a door or names a person."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from execution.logs import JsonLines, Mask, TextLines
from tests.timing import processor_seconds

MASK = Mask(["LC-#####", "TG-####-**@"])
KEY = "lk_dd93cdc732ed_deb817d4151cc09184d025d333b77a39263d672aa11a785c"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkZW1vIn0.f85OGcXNITo414d_8qYSFCkfSL-"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"Authorization: Bearer {KEY}", "Authorization: Bearer lk_dd93cdc732ed_[secret]"),
        (f"authorization: bearer  {TOKEN}", "authorization: bearer  [token]"),
        ("{'authorization': 'Bearer abc'}", "{'authorization': 'Bearer [token]'}"),
        (f"key {KEY}, token {TOKEN}.", "key lk_dd93cdc732ed_[secret], token [token]."),
        ("mistyped lk_dd93_oops", "mistyped lk_[secret]"),
        ("signed by whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=", "signed by whsec_[secret]"),
        ("postgresql://u:s3cr:et@db.example/x", "postgresql://u:[password]@db.example/x"),
        ("maya.l+club@shop.example wrote", "[e-mail] wrote"),
        ("?email=maya%40shop.example&x", "?email=[e-mail]&x"),
        ("cards LC-00041, LC-123456 and TG-0310-129", "cards [card], [card] and [card]"),
        ("number=4006381333931;", "number=[card];"),
        ("/graphql?query=%7Bn:%22LC-00041%22%7D", "/graphql?query=%7Bn:%22[card]%22%7D"),
        ("%224006381333931000017%22", "%22[card]%22"),
        (r"'a\nLC-00041'", r"'a\n[card]'"),
        ("authorization=Bearer%20abcdef&x", "authorization=Bearer%20[token]"),
        ("request 7c9e6679-7425-40de-944b-123456789012 at 1795428417", None),
        ("LC-0041 XLC-00041 order 12345678901", None),
    ],
)
def test_secrets_and_people_are_masked(said: str, shown: str | None) -> None:
    assert MASK(said) == (said if shown is None else shown)


def record(message: str, *values: object) -> logging.LogRecord:
    try:
        int(KEY)
    except ValueError:
        fault = sys.exc_info()
    return logging.LogRecord("app", logging.ERROR, "x.py", 1, message, values, fault)


def test_a_line_of_text_masks_arguments_and_tracebacks() -> None:
    lines = TextLines(MASK).format(record("Card %s failed.", "LC-00041"))
    assert "ERROR app: Card [card] failed.\nTraceback" in lines
    assert "base 10: 'lk_dd93cdc732ed_[secret]'" in lines


def test_a_line_of_json_is_one_line_and_masked() -> None:
    line = JsonLines(MASK).format(record("Card %s\nfailed.", "LC-00041"))
    assert "\n" not in line
    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"]) == (
        "error",
        "app",
        "Card [card]\nfailed.",
    )
    assert told["exception"].endswith("base 10: 'lk_dd93cdc732ed_[secret]'")
    assert told["time"].endswith("+00:00")


def test_records_and_warnings_go_to_standard_error_from_the_level_on(tmp_path: Path) -> None:
    program = """
import logging, warnings
from execution.logs import configure_logs
configure_logs("json", "warning", ["LC-#####"])
logging.getLogger("a").info("unsaid")
logging.getLogger("a").warning("said of %s", "LC-00041")
warnings.warn("careful with maya@shop.example", stacklevel=1)
"""
    script = tmp_path / "program.py"
    script.write_text(program)
    run = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, script],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == ""
    told = [json.loads(line)["message"] for line in run.stderr.splitlines()]
    assert told[0] == "said of [card]"
    assert "careful with [e-mail]" in told[1]
    assert len(told) == 2


@pytest.mark.parametrize("text", ["a", "eyJ", "eyJ-", "://a:", "bearer ", "1", ".", "a@", "LC-1"])
def test_a_line_of_any_length_is_masked_at_once(text: str) -> None:
    line = text * (30_000 // len(text))
    assert processor_seconds(lambda: MASK(line)) < 1
