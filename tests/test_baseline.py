"""What was released is kept: a change that may break a client fails the checks, an addition not."""

import subprocess
import sys
from pathlib import Path

import pytest

from schema.baseline import BASELINE, broken
from schema.printed import faults, printed

ROOT = Path(__file__).parent.parent
BEFORE = """
type Query { card(number: String!, day: String): Card any: Any }
type Card { number: String! points: Int! tier: Tier note: String }
type Note { text: String size: Int }
union Any = Card | Note
enum Tier { SILVER GOLD }
input Wanted { tier: Tier }
type Mutation { want(input: Wanted!): Card }
"""


def changed(before: str, after: str) -> list[str]:
    assert BEFORE.count(before) == 1
    return broken(BEFORE, BEFORE.replace(before, after))


def test_the_schema_of_the_code_keeps_what_was_released() -> None:
    assert broken(BASELINE.read_text(encoding="utf-8"), printed()) == []


@pytest.mark.parametrize(
    ("before", "after", "kind", "place"),
    [
        ("points: Int! ", "", "FIELD_REMOVED", "Card.points"),
        ("points: Int!", "points: String!", "FIELD_CHANGED_KIND", "Card.points"),
        ("number: String! points", "number: String points", "FIELD_CHANGED_KIND", "Card.number"),
        ("day: String)", "day: String, by: String!)", "REQUIRED_ARG_ADDED", "Query.card(by:)"),
        ("day: String)", "day: String!)", "ARG_CHANGED_KIND", "Query.card(day:)"),
        (", day: String", "", "ARG_REMOVED", "Query.card(day:)"),
        ("SILVER GOLD", "SILVER", "VALUE_REMOVED_FROM_ENUM", "Tier.GOLD"),
        ("Card | Note", "Card", "TYPE_REMOVED_FROM_UNION", "Note"),
        ("{ tier: Tier }", "{ tier: Tier by: Int! }", "REQUIRED_INPUT_FIELD_ADDED", "Wanted.by"),
    ],
)
def test_what_may_break_a_client_is_told_in_a_line(
    before: str, after: str, kind: str, place: str
) -> None:
    (line,) = changed(before, after)
    assert line.startswith(f"{kind}: ")
    assert place in line


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("note: String", "note: String more: Int"),
        ("note: String", "note: String!"),
        ("note: String", 'note: String @deprecated(reason: "Use text.")'),
        ("day: String)", "day: String, by: String)"),
        ("number: String!, day", "number: String, day"),
        ("SILVER GOLD", "SILVER GOLD PLATINUM"),
        ("{ tier: Tier }", "{ tier: Tier by: Int }"),
        ("union Any", "type Another { id: ID } union Any"),
    ],
)
def test_additions_break_nothing(before: str, after: str) -> None:
    assert changed(before, after) == []


def test_every_fault_is_told() -> None:
    now = printed()
    (number,) = [line for line in now.splitlines() if line == "type Query {"]
    baseline = now.replace(number, f'{number}\n  """Gone."""\n  gone: String\n')
    assert faults("", baseline, now) == [
        "breaks what was released: FIELD_REMOVED: Field Query.gone was removed.",
        "schema.graphql differs from the code: run python -m schema.printed",
    ]
    assert faults(now, now, now) == []


def test_the_check_is_one_of_those_that_everybody_runs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "schema.printed --check" in makefile
    command = [sys.executable, "-m", "schema.printed", "--check"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
