"""How a command ends, and what it says."""

import os
import sys
from typing import TextIO

from rules.errors import LoyaltyError, Refused

DONE, FAILED, CHANGES, INTERRUPTED = 0, 1, 2, 130


class CommandFailed(Exception):  # noqa: N818 - named for what is wrong
    """The command cannot do its work; the message is the one line that its user needs."""


def say(*lines: str) -> None:
    """Raises CommandFailed where nobody takes it: what it says of what was done is part of that."""
    if sys.stdout is None:
        raise CommandFailed("Standard output is closed.")
    try:
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.stdout.flush()
    except OSError as error:
        _say_no_more(sys.stdout)
        raise CommandFailed(f"Standard output: {error.strerror}.") from error


def say_beside(line: str) -> None:
    """Tell on standard error how far work has come: it goes on, whether or not anybody listens."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:
        _say_no_more(sys.stderr)


def _say_no_more(to: TextIO) -> None:
    """What is left unsaid would be tried again when the process ends, and end in a traceback."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, to.fileno())
    os.close(nowhere)


def refusal_lines(error: Exception) -> list[str]:
    """`path: message` for each refusal; of a document, the path within it."""
    faults = error.errors if isinstance(error, Refused) else [error]
    return [_refusal_line(fault) for fault in faults]


def _refusal_line(error: Exception) -> str:
    field = error.field if isinstance(error, LoyaltyError) else None
    path = "/".join(part for part in field or () if part != "document")
    return f"{path}: {error}" if path else str(error)
