"""The command line as an operator meets it: real processes, their output and their exit status."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from sqlalchemy import make_url

from cli import command
from commands.parser import command_parser
from tests.addresses import WITHOUT_TLS
from tests.api.program import club_document
from tests.api.shell import LOYALTY, Shell
from tests.databases import ON_POSTGRESQL, ON_SQLITE, execute
from tests.live import CHANGED, stream
from tests.live import socket as live_socket

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "configuration.example.yaml"
KEY = re.compile(r"lk_[0-9a-f]{12}_[0-9a-f]{48}")
# How long a revoked key may still work.
REVOKED_SECONDS = 5
ISSUE = """mutation { issueLoyaltyCard(input: {
  idempotencyKey: "k", channel: "WEB", number: "N-1" }) { userErrors { code message } } }"""
PRODUCTION = {
    "LOYALTY_MODE": "production",
    "LOYALTY_JWT_SECRET": "a secret of tests that is long enough",
    "LOYALTY_JWT_ISSUER": "https://shop.example",
    "LOYALTY_JWT_AUDIENCE": "loyalty",
}


# -- the program


@ON_POSTGRESQL
def test_a_program_is_planned_applied_and_processed(shell: Shell) -> None:
    planned = shell.run("plan", EXAMPLE)
    assert (planned.returncode, planned.stderr) == (2, "")
    assert "+ channels/WEB" in planned.stdout.splitlines()
    assert shell.done("apply", EXAMPLE, "--comment", "The first one")[-1] == "Version 1 is stored."
    assert shell.done("process") == ["Version 1 is in force."]
    assert shell.done("plan", EXAMPLE) == ["Nothing changes."]
    assert shell.done("apply", EXAMPLE, "--process") == [
        "Nothing changes.",
        "Version 1 is in force.",
    ]


def test_a_plan_shows_what_was_and_what_will_be(bare: Shell) -> None:
    before = club_document()
    bare.done("apply", bare.file("before.json", before), "--process")
    after = club_document(affiliations=[{"code": "veteran"}, {"code": "guest"}])
    after["channels"][0]["name"] = "Shöp"
    changed = bare.file("after.json", after)
    planned = bare.run("plan", changed)
    assert planned.returncode == 2
    assert planned.stdout.splitlines() == [
        '~ channels/WEB/name: "WEB" -> "Shöp"',
        "- affiliations/wholesale",
        "- affiliations/employee",
        "+ affiliations/guest",
        "warning: rewardPoints/CASH: it is redeemable, but no redemption rule takes it.",
        "warning: rewardPoints/PTS: it is redeemable, but no redemption rule takes it.",
    ]
    applied = bare.done("apply", changed, "--process")
    assert applied[-1] == "Version 2 is in force."


def test_every_fault_of_a_document_has_its_path(bare: Shell) -> None:
    document = club_document(nonsense=1)
    document["channels"][0]["currency"] = "dollars"
    path = bare.file("faulty.json", document)
    for name in ("plan", "apply"):
        run = bare.run(name, path)
        assert (run.returncode, run.stdout) == (1, "")
        paths = {line.split(": ")[1] for line in run.stderr.splitlines()}
        assert paths == {"channels/0/currency", "nonsense"}
    assert bare.told("process") == "No configuration is stored yet."


# -- keys and tokens


@ON_POSTGRESQL
def test_a_key_is_shown_once_listed_and_revoked(shell: Shell) -> None:
    words = ["--role", "partner", "--name", "Reviews, Zoë", "--channel", "WEB", "--channel", "APP"]
    words += ["--activity-type", "REVIEW", "--right", "introspect", "--expires", "2099-12-31"]
    (key,) = shell.done("keys", "create", *words)
    assert KEY.fullmatch(key)
    (admin,) = shell.done("keys", "create", "--role", "admin", "--name", "ops")
    prefix, secret = key.split("_")[1:]

    table = shell.done("keys", "list")
    assert len(table) == 3
    assert secret not in "".join(table)
    cells = re.split(r"  +", table[1])
    assert cells == [
        *(prefix, "partner", "live", "2100-01-01T00:00Z", "Reviews, Zoë"),
        *("APP,WEB", "REVIEW", "introspect"),
    ]
    assert re.split(r"  +", table[2])[4:] == ["ops", "all", "all", "none"]

    assert shell.done("keys", "revoke", prefix) == [f"The key {prefix}, Reviews, Zoë, is revoked."]
    shell.done("keys", "revoke", admin)
    assert [re.split(r"  +", line)[2] for line in shell.done("keys", "list")[1:]] == ["revoked"] * 2
    assert shell.told("keys", "revoke", "0000") == "prefix: No key has this prefix."
    again = shell.told("keys", "create", "--role", "admin", "--name", "ops")
    assert again == "name: A key named 'ops' exists, or did: names are not used again."


def test_every_fault_of_a_new_key_is_a_line(bare: Shell) -> None:
    words = ["--role", "partner", "--name", "x", "--right", "fly", "--expires", "2001-01-01"]
    run = bare.run("keys", "create", *words)
    assert (run.returncode, run.stdout) == (1, "")
    blamed = [line.split(": ")[1] for line in run.stderr.splitlines()]
    assert blamed == ["expires", "channel", "activityType", "right"]


@ON_SQLITE
def test_keys_and_tokens_open_a_running_service_until_they_are_revoked(shell: Shell) -> None:
    shell.done("apply", EXAMPLE, "--process")
    (key,) = shell.done("keys", "create", "--role", "staff", "--name", "desk")
    (token,) = shell.done("token", "--customer", "C-1", "--ttl", "60")
    with shell.serving("serve") as served:
        assert httpx.get(f"{served.url}/readyz", timeout=20, verify=WITHOUT_TLS).status_code == 200
        known = served.answer(key, "{ loyaltyPrograms { code } }")
        assert known["data"]["loyaltyPrograms"]
        assert "errors" not in served.answer(token, "{ me { customerId } }")
        shell.done("keys", "revoke", key)
        refused, until = None, time.monotonic() + REVOKED_SECONDS
        while refused is None and time.monotonic() < until:
            refused = served.answer(key, "{ __typename }").get("errors")
        assert refused
        assert refused[0]["extensions"]["code"] == "UNAUTHENTICATED"


# -- serving


def test_a_signal_ends_serving_in_good_order(bare: Shell) -> None:
    with bare.serving("serve") as served:
        assert httpx.get(f"{served.url}/healthz", timeout=20, verify=WITHOUT_TLS).status_code == 200
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(10) in {0, -signal.SIGTERM}
        assert served.process.stderr
        assert "Application shutdown complete." in served.process.stderr.read()
    assert (bare.directory / ".data" / "loyalty.db").exists()


def test_serving_ends_in_good_order_with_readers(bare: Shell) -> None:
    bare.done("apply", bare.file("club.json", club_document()), "--process")
    (key,) = bare.done("keys", "create", "--role", "admin", "--name", "ops")
    with bare.serving("serve", "--workers", "2") as served, ExitStack() as readers:
        assert served.answer(key, ISSUE)["data"]["issueLoyaltyCard"]["userErrors"] == []
        live = readers.enter_context(live_socket(f"{served.url}/graphql")).init(key)
        live.subscribe("N-1")
        live.card()
        client = httpx.Client(base_url=served.url, verify=WITHOUT_TLS, timeout=30)
        readers.enter_context(client)
        followed = readers.enter_context(stream(client, key, CHANGED, number="N-1"))
        followed.card()
        served.process.send_signal(signal.SIGTERM)
        assert live.closed()[0] == 1001
        assert followed.take() == ("", None)
        assert served.process.wait(10) in {0, -signal.SIGTERM}
        assert served.process.stderr
        told = served.process.stderr.read()
        assert "Application shutdown complete." in told
        assert "exceeded" not in told
        assert "Traceback" not in told


def test_production_says_where_the_database_may_lose_something(on_postgresql: Shell) -> None:
    url = on_postgresql.environ["LOYALTY_DATABASE_URL"]
    execute(url, f'ALTER DATABASE "{make_url(url).database}" SET synchronous_commit = off')
    for more in ({}, PRODUCTION):
        with on_postgresql.serving("serve", **more) as served:
            served.process.terminate()
            served.process.wait(10)
            assert served.process.stderr
            assert ("synchronous_commit is off" in served.process.stderr.read()) is bool(more)


def test_several_workers_serve_one_address(bare: Shell) -> None:
    (key,) = bare.done("keys", "create", "--role", "admin", "--name", "ops")
    with bare.serving("serve", "--workers", "2") as served:
        for _ in range(6):
            assert served.answer(key, "{ __typename }")["data"] == {"__typename": "Query"}


def test_workers_end_with_the_process_that_began_them(bare: Shell) -> None:
    with bare.serving("serve", "--workers", "2", PYTHONPATH=str(ROOT)) as served:
        port = int(served.url.rpartition(":")[2])
        assert httpx.get(f"{served.url}/healthz", timeout=20, verify=WITHOUT_TLS).status_code == 200
        served.process.kill()
        served.process.wait(10)
        until = time.monotonic() + 20
        while is_taken(port) and time.monotonic() < until:
            time.sleep(0.1)
        assert not is_taken(port)


def is_taken(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def test_postgresql_with_an_old_schema_is_not_served(on_postgresql: Shell) -> None:
    url = on_postgresql.environ["LOYALTY_DATABASE_URL"]
    execute(url, "UPDATE alembic_version SET version_num = '0001'")
    told = on_postgresql.told("serve", "--port", "0")
    assert re.fullmatch(
        r"The database has the schema 0001, \d+ is needed: run `loyalty migrate`\.", told
    )
    assert on_postgresql.told("keys", "list") == told


def test_the_schema_of_a_later_release_is_left_alone(shell: Shell) -> None:
    shell.done("migrate")
    url = shell.environ["LOYALTY_DATABASE_URL"]
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    told = (
        "The database cannot be used: it has the schema 9999, of a later release or of another "
        "product"
    )
    assert shell.told("migrate") == shell.told("keys", "list") == told


def test_an_empty_postgresql_is_migrated_by_command(on_postgresql: Shell) -> None:
    url = on_postgresql.environ["LOYALTY_DATABASE_URL"]
    execute(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    assert on_postgresql.told("serve", "--port", "0").startswith("The database has no schema, ")
    for _ in range(2):
        (line,) = on_postgresql.done("migrate")
        assert line.startswith("The database has the schema ")
    assert on_postgresql.done("verify") == ["Every invariant of the books holds."]


def test_a_port_in_use_is_told(bare: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = bare.told("serve", "--port", port)
    assert told == f"Cannot listen on 127.0.0.1, port {port}: Address already in use."


# -- the demo


def demo_keys(lines: list[str]) -> dict[str, str]:
    found = (re.match(rf"(\w+) key +({KEY.pattern})$", line) for line in lines)
    return {each[1]: each[2] for each in found if each}


def test_the_demo_shows_keys_that_work_and_shows_them_again(bare: Shell) -> None:
    with bare.serving("demo") as served:
        token, *rest = served.lines(5)
        keys = demo_keys(rest)
        assert list(keys) == ["storefront", "partner", "staff", "admin"]
        me = served.answer(token.split()[-1], "{ me { customerId loyaltyCards { number } } }")
        assert me["data"]["me"]["customerId"] == "demo"
        for key in keys.values():
            assert served.answer(key, "{ __typename }")["data"]
    file = next(bare.directory.rglob("demo-keys.json"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    bare.done("keys", "revoke", keys["staff"])
    with bare.serving("demo") as served:
        again = demo_keys(served.lines(5))
    assert {role for role, key in again.items() if key != keys[role]} == {"staff"}
    assert bare.done("verify") == ["Every invariant of the books holds."]


def test_the_demo_leaves_a_program_of_ones_own_alone(bare: Shell) -> None:
    bare.done("apply", EXAMPLE, "--process")
    with bare.serving("demo") as served:
        lines = served.lines(6)
    assert lines[0] == "The database has a program of its own: the demo needs an empty one."
    assert list(demo_keys(lines)) == ["storefront", "partner", "staff", "admin"]


@ON_POSTGRESQL
def test_a_seed_is_sown_once_and_its_books_hold_until_they_are_broken(shell: Shell) -> None:
    first, second = shell.done("seed"), shell.done("seed")
    assert re.fullmatch(r"\d+ customers, \d+ cards, \d+ sales, [1-9]\d* new\.", first[0])
    assert second[0] == re.sub(r"\d+ new", "0 new", first[0])
    assert shell.done("verify") == ["Every invariant of the books holds."]
    execute(shell.environ["LOYALTY_DATABASE_URL"], "UPDATE balance SET issued = issued + 1")
    run = shell.run("verify")
    assert run.returncode == 1
    faults = run.stdout.splitlines()
    assert faults
    assert all(re.match(r"card \S+: ", fault) for fault in faults)
    assert run.stderr == f"loyalty: {len(faults)} faults in the books.\n"


# -- what is refused


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "the following arguments are required: COMMAND (see loyalty --help)"),
        (["plan"], "the following arguments are required: FILE (see loyalty plan --help)"),
        (["plan", "nowhere.yaml"], "nowhere.yaml: No such file or directory."),
        (["apply", "."], ".: Is a directory."),
        (["apply", "latin.yaml"], "latin.yaml: This is not text in UTF-8."),
        (["token", "--customer", ""], "A customer id has 1 to 256 characters."),
        (["serve", "--host", "nowhere.invalid"], "Cannot listen on nowhere.invalid, port 8000: "),
        (["serve", "--port", "65536"], "argument --port: must be a whole number from 0 to 65535 "),
        (["serve", "--workers", "0"], "argument --workers: must be a whole number from 1 to 64 "),
        (
            ["token", "--customer", "C", "--ttl", "0"],
            "argument --ttl: must be a whole number from ",
        ),
        (
            ["keys", "create", "--role", "staff", "--name", "x", "--expires", "2099-02-30"],
            "argument --expires: must be a date like 2027-12-31 ",
        ),
        (["keys", "create", "--role", "customer", "--name", "x"], "argument --role: "),
        (
            ["keys", "create", "--role", "staff", "--name", "\udcff"],
            "argument --name: must be text",
        ),
    ],
)
def test_a_command_that_cannot_be_done_says_why_in_a_line(
    bare: Shell, words: list[str], told: str
) -> None:
    (bare.directory / "latin.yaml").write_bytes(b"name: Zo\xeb")
    assert bare.told(*words).startswith(told)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        (
            {"LOYALTY_MODE": "prod", "LOYALTY_POOL_SIZE": "0"},
            "LOYALTY_MODE must be one of development, production; LOYALTY_POOL_SIZE must be ",
        ),
        ({**PRODUCTION, "LOYALTY_CLOCK": "2026-01-01T00:00:00Z"}, "LOYALTY_CLOCK is refused in "),
        (
            {"LOYALTY_DATABASE_URL": "postgresql://loyalty:swordfish@127.0.0.1:1/loyalty"},
            "The database cannot be reached; try again later.",
        ),
        (
            {"LOYALTY_DATABASE_URL": "sqlite:///not-a-database"},
            "The database cannot be used: file is not a database",
        ),
    ],
)
def test_a_service_that_cannot_be_is_told_in_a_line(
    bare: Shell, environ: dict[str, str], told: str
) -> None:
    (bare.directory / "not-a-database").write_text("plain text, and more than enough of it" * 99)
    assert bare.told("keys", "list", **environ).startswith(told)


def test_a_wrong_database_on_a_server_is_told(on_postgresql: Shell) -> None:
    url = on_postgresql.environ["LOYALTY_DATABASE_URL"]
    elsewhere = re.sub(r"/[^/?]+\?", "/nowhere?", url, count=1)
    told = on_postgresql.told("serve", "--port", "0", LOYALTY_DATABASE_URL=elsewhere)
    assert told == 'The database cannot be used: database "nowhere" does not exist'


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["token", "--customer", "C-1"], "Customer tokens are printed in development mode only."),
        (["demo"], "The demo shows its keys: it is for development mode only."),
    ],
)
def test_production_shows_no_credentials(bare: Shell, words: list[str], told: str) -> None:
    assert bare.told(*words, **PRODUCTION) == told


def test_output_that_nobody_takes_is_told_in_a_line(bare: Shell) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run(  # noqa: S603 - the same
        [LOYALTY, "keys", "list"],
        cwd=bare.directory,
        env=bare.environ,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (run.returncode, run.stderr) == (1, "loyalty: Standard output: Broken pipe.\n")


def test_help_names_every_command() -> None:
    listed = subprocess.run(  # noqa: S603 - our own command
        [LOYALTY, "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    for name in (
        *("serve", "demo", "migrate", "plan", "apply", "process", "seed", "verify"),
        *("token", "keys", "documents"),
    ):
        assert f"\n    {name} " in listed


# -- what a command loads

WEB = {"schema", "strawberry", "graphql", "starlette"}
DATABASE = {"sqlalchemy", "alembic", "asyncpg", "models"}
LOADED = """
import sys
from cli import main
main(sys.argv[1:])
sys.exit(" ".join({name.partition(".")[0] for name in sys.modules}))
"""


def loaded(shell: Shell, *words: object) -> set[str]:
    """The top of every module that a command has loaded when it is done."""
    run = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", LOADED, *map(str, words)],
        cwd=shell.directory,
        env={**shell.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return set(run.stderr.splitlines()[-1].split())


@ON_SQLITE
@pytest.mark.parametrize(
    "words",
    [
        ("keys", "list"),
        ("plan", EXAMPLE),
        ("apply", EXAMPLE),
        ("verify",),
        ("token", "--customer", "C-1"),
    ],
)
def test_a_command_loads_no_graphql_and_no_migrations(shell: Shell, words: tuple[object]) -> None:
    modules = loaded(shell, *words)
    assert {"commands", "sqlalchemy"} <= modules
    assert not modules & {*WEB, "alembic"}


def test_wrong_words_are_told_without_loading_a_database(bare: Shell) -> None:
    modules = loaded(bare, "keys", "create", "--role", "nobody")
    assert "commands" in modules
    assert not modules & {*WEB, *DATABASE}


def test_every_command_that_the_parser_knows_is_there() -> None:
    parser = command_parser()
    runs = set(runs_of(parser))
    assert len(runs) >= 11
    for name in runs:
        assert callable(command(name))


def runs_of(parser: ArgumentParser) -> Iterator[str]:
    run = parser.get_default("run")
    if run:
        yield run
    for action in parser._actions:  # noqa: SLF001 - argparse shows its tree to nobody else
        if isinstance(action, _SubParsersAction):
            for below in action.choices.values():
                yield from runs_of(below)
