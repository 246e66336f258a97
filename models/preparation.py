"""Before anything is served: a database that opens, with the schema that this code needs; and what
may cost it what it has confirmed.
"""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

import asyncpg
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from models.columns import INSTANT
from models.failures import EncodingUnfit, RevisionUnknown
from models.schema_version import head, in_transaction, migrate, revision

T = TypeVar("T")

SECONDS_APART = 2.0
# With one of these off a server forgets after a crash what it has confirmed before it.
_KEEPING = ("fsync", "full_page_writes", "synchronous_commit")

_UNUSABLE = (
    SQLAlchemyError,
    RevisionUnknown,
    EncodingUnfit,
    OSError,
    sqlite3.Error,
    asyncpg.PostgresError,
)


class DatabaseUnfit(Exception):  # noqa: N818 - named for what is wrong
    """The database cannot be opened, or lacks the newest schema; the message is one line."""


def prepare(url: str) -> None:
    """Bring an embedded database to the newest schema; a server's must have it.

    Raises DatabaseUnfit, or DatabaseUnavailable where it does not answer.
    """
    if url.startswith("sqlite:"):
        bring_up_to_date(url)
        return
    found = _opening(lambda: revision(url))
    if found != head():
        has = f"has the schema {found}" if found else "has no schema"
        raise DatabaseUnfit(f"The database {has}, {head()} is needed: run `loyalty migrate`.")


def bring_up_to_date(url: str) -> str:
    """The newest schema's revision, which the database now has. Raises as `prepare`."""
    return _opening(lambda: migrate(url))


def shortcomings(url: str, clock: Callable[[], datetime]) -> list[str]:
    """What is not safe about a server and its clock, a line each. Raises as `prepare`.

    Source: engineering 3.4.
    """
    if url.startswith("sqlite:"):
        return []
    return _opening(lambda: in_transaction(url, partial(_shortcomings, clock)))


def _shortcomings(clock: Callable[[], datetime], connection: Connection) -> list[str]:
    # Engines that speak PostgreSQL's protocol need not have its settings.
    off = [
        name
        for name in _KEEPING
        if connection.scalar(select(func.current_setting(name, True))) == "off"
    ]
    told = [f"A crash may cost what was confirmed: {name} is off." for name in off]
    before = clock()
    server = connection.execute(select(func.clock_timestamp(type_=INSTANT))).scalar_one()
    after = clock()
    apart = max((before - server).total_seconds(), (server - after).total_seconds())
    if apart > SECONDS_APART:
        told.append(f"The clocks of database and service are {apart:.1f} seconds apart.")
    return told


def _opening(work: Callable[[], T]) -> T:
    """What opens a database first meets a wrong address, password or file."""
    try:
        return work()
    except DBAPIError as error:
        raise unfit(error.orig) from error
    except _UNUSABLE as error:
        raise unfit(error) from error


def unfit(cause: object) -> DatabaseUnfit:
    return DatabaseUnfit("The database cannot be used: " + str(cause).partition("\n")[0])
