"""How a command ends, and what it says."""

import sys

from rules.errors import LoyaltyError, Refused

DONE, FAILED, CHANGES, INTERRUPTED = 0, 1, 2, 130


class CommandFailed(Exception):  # noqa: N818 - named for what is wrong
    """The command cannot do its work; the message is the one line that its user needs."""


def say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def refusal_lines(error: Exception) -> list[str]:
    """`path: message` for each refusal; of a document, the path within it."""
    faults = error.errors if isinstance(error, Refused) else [error]
    return [_refusal_line(fault) for fault in faults]


def _refusal_line(error: Exception) -> str:
    field = error.field if isinstance(error, LoyaltyError) else None
    path = "/".join(part for part in field or () if part != "document")
    return f"{path}: {error}" if path else str(error)
