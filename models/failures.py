"""How a database fails, and what each failure means for the unit of work that met it.

Source: engineering 3.3.
"""

import sqlite3
from enum import Enum

import asyncpg


class Failure(Enum):
    """What is to be done.

    AGAIN, BUSY: run the unit again. UNKNOWN: the same, the key makes it safe.
    AWAY, SLOW: tell the caller to try again. BUG: let it be seen.
    """

    AGAIN = "again"
    UNKNOWN = "unknown"
    AWAY = "away"
    SLOW = "slow"
    BUSY = "busy"
    BUG = "bug"


class DatabaseUnavailable(Exception):
    """The database cannot be reached, is full or read-only: try again later."""


class DatabaseSlow(Exception):
    """The database did not answer in time: what happened is not known, the same key is safe."""


class KeyInProgress(Exception):
    """Another call with the same key or card is still at work after every attempt."""


class RevisionUnknown(Exception):
    """The database has a schema that this code does not know: another release made it."""


class EncodingUnfit(Exception):
    """The server keeps text in an encoding that has no place for every letter, or counts bytes."""


class CommitUnknown(Exception):
    """A commit failed inside the server: whether it stands is not known."""


class ChangedMeanwhile(Exception):
    """What a unit had read before it took its locks is no longer so: it runs again."""


_OWN: dict[type[BaseException], Failure] = {
    ChangedMeanwhile: Failure.AGAIN,
    CommitUnknown: Failure.UNKNOWN,
}
_AGAIN = frozenset({"40001", "40P01"})
_AWAY = frozenset({"57P03", "08001", "08006", "53300", "53100", "53200", "25006"})
_UNKNOWN_PREFIXES = ("08", "40003", "57P01", "57P02")

_SQLITE_AWAY = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR})
# No right; no such table, column, schema or function; what is stored is corrupt.
_UNFIT_PREFIXES = ("42501", "42P01", "42703", "3F000", "42883", "XX001", "XX002")
_SQLITE_UNFIT = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
)
_SQLITE_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def classify(error: BaseException) -> Failure:
    """Tell what an exception raised by a driver means; whatever is not known is a bug."""
    if type(error) in _OWN:
        return _OWN[type(error)]
    if isinstance(error, asyncpg.PostgresError):
        return _by_state(error.sqlstate or "")
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError | ConnectionError):
        # A closed connection carries no SQLSTATE, and one that has read the server's last word is
        # out of step until it has also read the end.
        return Failure.UNKNOWN
    if isinstance(error, TimeoutError):
        return Failure.SLOW
    if isinstance(error, sqlite3.Error):
        return _by_sqlite_code(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    return Failure.AWAY if isinstance(error, OSError) else Failure.BUG


def _by_state(state: str) -> Failure:
    if state in _AGAIN:
        return Failure.AGAIN
    if state == "55P03":
        return Failure.BUSY
    if state in _AWAY:
        return Failure.AWAY
    if state == "57014":
        return Failure.SLOW
    return Failure.UNKNOWN if state.startswith(_UNKNOWN_PREFIXES) else Failure.BUG


def _by_sqlite_code(code: int) -> Failure:
    if code in _SQLITE_BUSY:
        return Failure.BUSY
    return Failure.AWAY if code in _SQLITE_AWAY else Failure.BUG


def told(failure: Failure) -> Exception:
    """Make the exception that the caller of the door gets for a failure that is not a bug."""
    if failure in {Failure.AGAIN, Failure.BUSY}:
        return KeyInProgress("Another call holds this key or card; send the same request again.")
    if failure is Failure.SLOW:
        return DatabaseSlow("The database did not answer in time; send the same request again.")
    return DatabaseUnavailable("The database cannot be reached; try again later.")


def with_reason(error: Exception) -> str:
    """What is told, and why, in the driver's words: for operators, not for callers."""
    reason = str(error.__cause__ or "").partition("\n")[0]
    return f"{error} ({reason})" if reason else str(error)


def is_unfit(error: BaseException) -> bool:
    """Whether it is the database that lacks something: a right, a table, pages that can be read."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_UNFIT_PREFIXES)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, sqlite3.Error) and code in _SQLITE_UNFIT
