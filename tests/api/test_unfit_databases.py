"""What an operator is told of a database, or of a terminal, that is not as it should be."""

import asyncio
import contextlib
import logging
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from resolvers.jobs import Job
from resolvers.schedules import keep_running
from resolvers.services import open_service
from settings import read_settings
from tests.api.shell import Shell
from tests.databases import execute

ROOT = Path(__file__).parents[2]
# Nobody listens there.
AWAY = "postgresql://loyalty:swordfish@127.0.0.1:1/loyalty"


def test_an_address_has_the_parameters_of_libpq(on_postgresql: Shell) -> None:
    url = on_postgresql.environ["LOYALTY_DATABASE_URL"]
    for known in ("sslmode=disable", "application_name=till&target_session_attrs=read-write"):
        assert on_postgresql.run("keys", "list", LOYALTY_DATABASE_URL=f"{url}&{known}").stderr == ""
    told = on_postgresql.told("keys", "list", LOYALTY_DATABASE_URL=f"{url}&sslmode=some")
    assert "`sslmode` parameter must be one of: disable, " in told
    told = on_postgresql.told("migrate", LOYALTY_DATABASE_URL=f"{url}&nonsense=1")
    assert told == ('The database cannot be used: unrecognized configuration parameter "nonsense"')


def test_a_role_without_a_right_is_told_in_a_line(on_postgresql: Shell) -> None:
    url = on_postgresql.environ["LOYALTY_DATABASE_URL"]
    # It may read all and write nothing, and is there in every server.
    execute(url, f'ALTER DATABASE "{make_url(url).database}" SET role = pg_read_all_data')
    on_postgresql.done("verify")
    told = on_postgresql.told("keys", "create", "--role", "admin", "--name", "ops")
    assert told == "The database cannot be used: permission denied for table api_key"


def test_a_table_that_is_missing_is_told_in_a_line(on_postgresql: Shell) -> None:
    execute(on_postgresql.environ["LOYALTY_DATABASE_URL"], "DROP TABLE api_key")
    told = on_postgresql.told("keys", "list")
    assert told == 'The database cannot be used: relation "api_key" does not exist'


def test_a_server_without_every_letter_is_told_in_a_line(on_postgresql: Shell) -> None:
    url = on_postgresql.environ["LOYALTY_DATABASE_URL"]
    name = f"latin_{uuid4().hex}"
    made = (
        f"CREATE DATABASE {name} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'LATIN1'"
    )
    execute(url, made)
    latin = make_url(url).set(database=name).render_as_string(hide_password=False)
    told = on_postgresql.told("migrate", LOYALTY_DATABASE_URL=latin)
    execute(url, f"DROP DATABASE {name}")
    assert told == "The database cannot be used: its encoding is LATIN1, and UTF8 is needed"


def test_a_file_that_is_damaged_in_its_midst_is_told_in_a_line(bare: Shell) -> None:
    bare.done("keys", "create", "--role", "admin", "--name", "ops")
    path = bare.directory / ".data" / "loyalty.db"
    with contextlib.closing(sqlite3.connect(path)) as file:
        (size,) = file.execute("PRAGMA page_size").fetchone()
        roots = "SELECT rootpage FROM sqlite_master WHERE name = 'api_key'"
        (page,) = file.execute(roots).fetchone()
    with path.open("r+b") as damaged:
        damaged.seek((page - 1) * size)
        damaged.write(b"\xff" * size)
    told = bare.told("keys", "list")
    assert told == "The database cannot be used: database disk image is malformed"


def test_why_a_database_is_away_is_told_without_its_password(bare: Shell) -> None:
    told = bare.told("keys", "list", LOYALTY_DATABASE_URL=AWAY)
    assert told.startswith("The database cannot be reached; try again later. (")
    assert "Connect call failed" in told
    assert "swordfish" not in told


def test_a_job_that_an_outage_keeps_from_running_is_a_line_of_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def never(*_given: object) -> NoReturn:
        raise AssertionError

    async def run() -> None:
        service = open_service(read_settings({"LOYALTY_DATABASE_URL": AWAY}))
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(1.5, stop.set)
        await keep_running(service, {Job.EXPIRE_HOLDS: never}, stop, {Job.EXPIRE_HOLDS: 30})
        await service.database.dispose()

    with caplog.at_level(logging.ERROR, "loyalty.jobs"):
        asyncio.run(run())
    (record,) = caplog.records
    assert record.exc_info is None
    assert "The lease of the job EXPIRE_HOLDS is not had. The database " in record.getMessage()


def test_a_terminal_that_lacks_a_letter_shows_its_number(bare: Shell) -> None:
    bare.done("keys", "create", "--role", "staff", "--name", "Zoë")
    run = subprocess.run(
        [sys.executable, "-c", "import sys, cli; sys.exit(cli.main(['keys', 'list']))"],
        cwd=bare.directory,
        env={**bare.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "Zo\\xeb" in run.stdout
