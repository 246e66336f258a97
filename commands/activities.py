"""The journal of activities: filled from a file."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TextIO

from commands.database import on_database
from commands.outcomes import DONE, CommandFailed, say, say_beside
from resolvers.context import Context
from resolvers.line_files import FileFormat, Numbered, bounded_lines, read_lines
from resolvers.line_imports import FileImport, Imported
from rules.errors import LoyaltyError

_BY_SUFFIX = {
    ".csv": FileFormat.CSV,
    ".jsonl": FileFormat.JSON_LINES,
    ".ndjson": FileFormat.JSON_LINES,
}
_BY_WORD = {"csv": FileFormat.CSV, "jsonl": FileFormat.JSON_LINES}


class Progress:
    """A line on standard error now and then while work is long; short work says nothing."""

    def __init__(self, every_seconds: float, clock: Callable[[], float]) -> None:
        self._every, self._clock = every_seconds, clock
        self._last = clock()

    def tell(self, done: str, lines: int) -> None:
        now = self._clock()
        if now - self._last >= self._every:
            self._last = now
            say_beside(f"{lines} lines {done} so far")


@on_database
async def import_file(context: Context, given: Namespace) -> int:
    kind = _BY_WORD.get(given.format) or _BY_SUFFIX.get(given.file.suffix.lower())
    if kind is None:
        raise CommandFailed(f"{given.file}: Name its format: --format csv or --format jsonl.")
    with _opened(given.file) as source:
        progress = Progress(1.0, monotonic)
        numbered = partial(_from_start, kind, source)
        work = FileImport(context, numbered, given.partial, _say_fault, progress.tell)
        imported = await work.run()
        if not imported.faults or given.partial:
            say(f"{imported.created} lines imported, {imported.unchanged} were there already.")
            if given.post:
                await _post(work, imported)
    if imported.faults:
        raise CommandFailed(_told(imported, partial=given.partial))
    return DONE


async def _post(work: FileImport, imported: Imported) -> None:
    done = await work.post(imported)
    say(f"{done.posted} lines posted, {done.failed} could not be: their errors stand on them.")


def _told(imported: Imported, *, partial: bool) -> str:
    lines = "1 fault" if imported.faults == 1 else f"{imported.faults} faults"
    if partial or imported.created:
        return f"{lines}: those lines were not imported."
    return f"{lines}: nothing was imported."


def _say_fault(number: int, fault: LoyaltyError) -> None:
    member = f" {'/'.join(fault.field)}" if fault.field else ""
    say(f"line {number}: {fault.code}{member}: {fault.message}")


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Bytes that are no UTF-8 become what no text may hold, so that their line is told."""
    try:
        file = path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}.") from error
    with file:
        if not file.seekable():
            raise CommandFailed(f"{path}: This is no file that can be read twice.")
        yield file


def _from_start(kind: FileFormat, source: TextIO) -> Iterator[Numbered]:
    source.seek(0)
    return read_lines(kind, bounded_lines(source))
