"""The house keeps its rules: what may be imported where, which names are ours, what stands without
help.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("schema", "resolvers", "models", "rules", "execution", "playground")
OURS = frozenset(
    {*ROOMS, "app", "cli", "commands", "settings", "setting_values", "tests", "benchmarks"}
)

# What rules may use of the standard library: nothing that knows the time, the machine or chance.
PURE = frozenset(
    {
        *("bisect", "collections", "dataclasses", "datetime", "decimal", "enum", "fractions"),
        *("functools", "hashlib", "itertools", "json", "math", "operator", "re", "rules"),
        *("string", "typing", "unicodedata", "uuid", "zoneinfo"),
    }
)
IMPURE_CALLS = frozenset({"now", "today", "utcnow", "uuid1", "uuid4", "random", "urandom"})

# Lines: a function stands on one screen.
LONGEST_MODULE = 300
LONGEST_FUNCTION = 40


def sources(*rooms: str) -> Iterator[tuple[Path, ast.Module]]:
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_rooms_never_reach_up_to_the_root() -> None:
    """`app` composes the rooms, `cli` and `commands` run them; no room knows of these, and few of
    the settings.
    """
    for path, tree in sources(*ROOMS):
        assert not {"app", "cli", "commands"} & set(imported(tree)), path
    for path, tree in sources("schema", "models", "rules", "execution"):
        assert "settings" not in set(imported(tree)), path


def test_rules_import_only_what_is_pure() -> None:
    for path, tree in sources("rules"):
        assert set(imported(tree)) <= PURE, path


def test_rules_never_ask_the_time_or_chance() -> None:
    for path, tree in sources("rules"):
        called = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert not called & IMPURE_CALLS, path


def test_rules_use_no_floats() -> None:
    for path, tree in sources("rules"):
        constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        assert not any(isinstance(value, float) for value in constants), path
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert "float" not in names, path


def test_annotations_are_read_where_they_stand_in_schema_and_models() -> None:
    for path, _ in sources("schema", "models"):
        assert "from __future__ import annotations" not in path.read_text(encoding="utf-8"), path


def test_a_function_fits_one_screen_and_a_module_a_few() -> None:
    """Migrations stay as they were when they ran."""
    written = (*ROOMS, "commands", "benchmarks")
    root = [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in ROOT.glob("*.py")]
    for path, tree in (*root, *sources(*written)):
        if "migrations" in path.parts:
            continue
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE, path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                assert length <= LONGEST_FUNCTION, (path, node.name)


def test_no_installed_distribution_owns_one_of_our_names() -> None:
    owned = {name: names for name, names in packages_distributions().items() if name in OURS}
    assert set().union(*owned.values(), {"headless-loyalty"}) == {"headless-loyalty"}


def test_import_contracts_hold() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("name", ["../shared", "/work/", "contract/schema.graphql"])
def test_nothing_needs_what_is_not_in_the_tree(name: str) -> None:
    """The project stands alone: no file of it points outside."""
    listed = subprocess.run(  # noqa: S603
        ["git", "grep", "-lF", name, "--", ".", ":!tests/test_house.py"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.stdout == ""
