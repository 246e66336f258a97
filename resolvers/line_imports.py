"""Bulk import of lines into the journal: a file is checked whole, then written in chunks.

Nothing half done: with a fault anywhere nothing is written, unless good lines alone are wanted.
Each chunk is written whole or not at all, and a line is written once for its key, so that a second
run of the same file changes nothing, and a run that was cut short is finished by the next.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import TypeVar

from models.activity_statements import waiting_of
from models.transactions import Transaction
from resolvers.activity_lines import MAXIMUM_LINES, Settled, examine, line_faults, settle
from resolvers.audits import one_row
from resolvers.context import Context
from resolvers.line_files import FileFormat, Numbered, Source, read_lines
from resolvers.line_postings import Postings, post_each
from resolvers.line_rows import NewLine
from resolvers.portions import WINDOW, chunks
from rules.book import RuleBook
from rules.errors import IdempotencyKeyReused, InvalidInput, LoyaltyError, Refused

T = TypeVar("T")
CHUNK = 500

# Told the line's number and what is wrong with it.
TellFault = Callable[[int, LoyaltyError], None]
# Told what is being done, and how many lines it has come to.
TellProgress = Callable[[str, int], None]


@dataclass
class Imported:
    """How many lines were written now, how many were there already, how many are at fault."""

    created: int = 0
    unchanged: int = 0
    faults: int = 0
    keys: list[bytes] = field(default_factory=list)

    def add(self, settled: Settled) -> None:
        self.created += settled.is_new
        self.unchanged += not settled.is_new
        self.keys.append(settled.activity_key)


@dataclass(frozen=True)
class FileImport:
    """`source` reads the file from its start each time; `is_partial`: good lines alone are
    wanted.
    """

    context: Context
    source: Source
    is_partial: bool
    tell_fault: TellFault
    tell_progress: TellProgress

    async def run(self) -> Imported:
        """Check the whole file, then write it; faults are told as they are found."""
        bad = await self._check()
        imported = Imported(faults=len(bad))
        if not bad or self.is_partial:
            await self._write(imported, bad)
        return imported

    async def _check(self) -> set[int]:
        """The numbers of lines at fault."""
        bad: set[int] = set()
        seen: dict[bytes, bytes] = {}
        done = 0
        for chunk in chunks(self.source(), CHUNK):
            await self.context.renew()
            for number, fault in await self._faults(chunk, seen):
                bad.add(number)
                self.tell_fault(number, fault)
            done += len(chunk)
            self.tell_progress("checked", done)
        return bad

    async def _faults(
        self, chunk: Sequence[Numbered], seen: dict[bytes, bytes]
    ) -> list[tuple[int, LoyaltyError]]:
        faults = form_faults(self.context, chunk)
        sound = sound_lines(chunk, {number for number, _ in faults})
        examined = await examine(self.context, self.context.read, [line for _, line in sound])
        for (number, line), one in zip(sound, examined, strict=True):
            refusal = one.refusal or self._repeated(line, seen)
            if refusal is not None:
                faults.append((number, refusal))
        return sorted(faults, key=lambda fault: fault[0])

    def _repeated(self, line: NewLine, seen: dict[bytes, bytes]) -> LoyaltyError | None:
        """A key that stands in the file before with another content. Half a hash tells them apart:
        a file may have any number of lines.
        """
        content = line.content[:16]
        if seen.setdefault(line.activity.key[:16], content) == content:
            return None
        return IdempotencyKeyReused(self.context.service.clock(), ("activityId",))

    async def _write(self, imported: Imported, bad: set[int]) -> None:
        """What is refused only now was changed by another caller since it was checked."""
        for chunk in chunks(self.source(), CHUNK):
            sound = sound_lines(chunk, bad)
            settled = await _settled(self.context, [line for _, line in sound])
            for (number, _), one in zip(sound, settled, strict=True):
                if one.refusal is None:
                    imported.add(one)
                else:
                    imported.faults += 1
                    self.tell_fault(number, one.refusal)
            self.tell_progress("imported", imported.created + imported.unchanged)

    async def post(self, imported: Imported) -> Postings:
        """Post the lines of the file that are unposted, by `occurredAt`, then id."""
        done, places = Postings(), []
        for keys in chunks(imported.keys, WINDOW):
            await self.context.renew()
            lines = await self.context.read.each(waiting_of, keys)
            places += [(row.occurred_at, row.line_id, row.activity_key) for row in lines]
        for part in chunks(sorted(places), WINDOW):
            lines = await self.context.read.each(waiting_of, [key for *_, key in part])
            await post_each(self.context, lines, done)
            self.tell_progress("posted", done.posted)
        return done


async def _settled(context: Context, lines: Sequence[NewLine]) -> list[Settled]:
    async def unit(transaction: Transaction, _book: RuleBook | None) -> list[Settled]:
        return await settle(context, transaction, lines)

    return await context.unit(unit) if lines else []


def form_faults(context: Context, chunk: Iterable[Numbered]) -> list[tuple[int, LoyaltyError]]:
    """What is wrong with the form of each line, with its number."""
    return [
        (one.number, fault)
        for one in chunk
        for fault in (*one.faults, *(line_faults(context, one.line) if one.line else ()))
    ]


def sound_lines(chunk: Iterable[Numbered], bad: set[int]) -> list[tuple[int, NewLine]]:
    return [(one.number, one.line) for one in chunk if one.line and one.number not in bad]


async def import_text(context: Context, kind: FileFormat, content: str) -> Imported:
    """Import a file sent whole, at most 1000 lines, all or none, in one transaction.

    Raises Refused with every fault at ("content", line, member).
    """
    numbered = list(read_lines(kind, StringIO(content.removeprefix("\ufeff"), newline="")))
    if len(numbered) > MAXIMUM_LINES:
        raise Refused([InvalidInput(f"At most {MAXIMUM_LINES} lines.", ("content",))])
    _refuse(form_faults(context, numbered))
    sound = sound_lines(numbered, set())

    async def unit(transaction: Transaction, _book: RuleBook | None) -> Imported:
        settled = await settle(context, transaction, [line for _, line in sound])
        pairs = zip(sound, settled, strict=True)
        _refuse([(number, one.refusal) for (number, _), one in pairs if one.refusal])
        imported = Imported()
        for one in settled:
            imported.add(one)
        return imported

    with (
        one_row(context, "importActivityLines", {"lines": len(numbered)}),
        context.looking_up_together(),
    ):
        return await context.unit(unit)


def _refuse(faults: Sequence[tuple[int, LoyaltyError]]) -> None:
    for number, fault in faults:
        fault.field = ("content", str(number), *(fault.field or ()))
    if faults:
        raise Refused([fault for _, fault in faults])
