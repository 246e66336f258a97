"""Before anything is served: a database that opens, with the schema that this code needs."""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from models.failures import RevisionUnknown
from models.schema_version import head, migrate, revision

T = TypeVar("T")

_UNUSABLE = (SQLAlchemyError, RevisionUnknown, OSError, sqlite3.Error, asyncpg.PostgresError)


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


def _opening(work: Callable[[], T]) -> T:
    """What opens a database first meets a wrong address, password or file."""
    try:
        return work()
    except DBAPIError as error:
        raise _unfit(error.orig) from error
    except _UNUSABLE as error:
        raise _unfit(error) from error


def _unfit(cause: object) -> DatabaseUnfit:
    return DatabaseUnfit("The database cannot be used: " + str(cause).partition("\n")[0])
