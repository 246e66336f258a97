"""The rule books in memory: one a version, shared by all operations of the process. Source:
engineering 3.1.

A unit of work asks for the newest effective version in its own transaction; queries may lag by a
second.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from threading import Lock
from time import monotonic
from typing import Protocol, TypeVar

from models.program_statements import EffectiveRow, VersionRow, effective_after, versions_of
from models.transactions import Reader
from rules.book import RuleBook
from rules.compiling import compile_book, in_units_of
from rules.document import parse_document
from rules.program import RewardPoint

LAG_SECONDS = 1.0


class Named(Protocol):
    @property
    def code(self) -> str: ...


N = TypeVar("N", bound=Named)


def read_stored(document: str) -> object:
    """A stored document as data: fractions are decimals."""
    return json.loads(document, parse_float=Decimal)


@dataclass(frozen=True, slots=True)
class History:
    """Books in the order in which they became effective, with the units that points have now."""

    books: tuple[tuple[datetime, RuleBook], ...]

    def at(self, instant: datetime) -> RuleBook | None:
        """The book effective at `instant`; before the first one, the first."""
        chosen = [book for effective_from, book in self.books if effective_from <= instant]
        return chosen[-1] if chosen else next((book for _, book in self.books), None)

    def reward_point(self, code: str) -> RewardPoint | None:
        """As the newest version has it, else the last one that had it."""
        found = (book.reward_points.get(code) for _, book in reversed(self.books))
        return next((point for point in found if point is not None), None)

    @property
    def combined(self) -> frozenset[str]:
        """Programs that have ever combined the cards of a customer."""
        return frozenset(
            program.code
            for _, book in self.books
            for program in book.programs.values()
            if program.combine_related_loyalty_cards
        )


class RuleBooks:
    """Effective versions in order, and the books compiled so far; both only ever grow."""

    def __init__(self) -> None:
        self._timeline: list[EffectiveRow] = []
        self._books: dict[int, RuleBook] = {}
        self._history = History(())
        self._looked_at = float("-inf")
        # Units may run on a writer thread of their own.
        self._growing = Lock()

    async def refresh(self, reader: Reader, *, lag_seconds: float = 0.0) -> RuleBook | None:
        """Look for newer effective versions, unless that was done within `lag_seconds`; the newest
        one's book.
        """
        if monotonic() - self._looked_at >= lag_seconds:
            looked_at = monotonic()
            known = self._timeline[-1].version if self._timeline else 0
            found = await reader.all(effective_after, known=known)
            newest = found[-1].version if found else known
            if newest:
                await self._load(reader, newest)
            with self._growing:
                self._timeline += [row for row in found if row.version > self._known()]
            self._looked_at = looked_at
        return self.effective

    def _known(self) -> int:
        return self._timeline[-1].version if self._timeline else 0

    @property
    def effective(self) -> RuleBook | None:
        return self._books[self._known()] if self._timeline else None

    async def at(self, reader: Reader, instant: datetime) -> RuleBook | None:
        """The book effective at `instant`; before the first one, the first. None before the first
        processing.
        """
        if not self._timeline:
            return None
        rows = [row for row in self._timeline if row.effective_from <= instant]
        chosen = rows[-1] if rows else self._timeline[0]
        return await self.version(reader, chosen.version)

    async def history(self, reader: Reader) -> "History":
        """Every effective version's book, for rules that ask what was in force when a day began."""
        rows, known = tuple(self._timeline), self._history
        # Both only grow, so that as many are the same ones; a thread beside may know another.
        if len(rows) != len(known.books):
            books = [await self._load(reader, row.version) for row in rows]
            points = {code: point for book in books for code, point in book.reward_points.items()}
            read = [in_units_of(book, points) for book in books]
            starts = [row.effective_from for row in rows]
            known = self._history = History(tuple(zip(starts, read, strict=True)))
        return known

    async def version(self, reader: Reader, version: int) -> RuleBook:
        """The book of a version, its reward points with their units of now."""
        if version == self._known():
            return await self._load(reader, version)
        books = (book for _, book in (await self.history(reader)).books)
        found = next((book for book in books if book.version == version), None)
        return found or await self._load(reader, version)

    async def _load(self, reader: Reader, version: int) -> RuleBook:
        book = self._books.get(version)
        if book is None:
            row = (await reader.each(versions_of, [version]))[0]
            # Of many versions each has its turn among what else goes on, and of many who ask for
            # one at the same time the first makes it for all.
            await reader.pause()
            book = self._books.get(version) or self._compiled(row)
        return book

    def _compiled(self, row: VersionRow) -> RuleBook:
        parsed = parse_document(read_stored(row.document))
        book = compile_book(row.version, row.effective_from, parsed)
        if row.effective_from is not None:
            self._books[row.version] = book
        return book

    async def last_with(
        self, reader: Reader, code: str, of: Callable[[RuleBook], Mapping[str, N]]
    ) -> N | None:
        """What the code means: by the effective version, else by the last version that had it
        (semantics 3).
        """
        for row in self._newest_first():
            found = of(await self._load(reader, row.version)).get(code)
            if found is not None:
                return found
        return None

    async def reward_point(self, reader: Reader, code: str) -> RewardPoint:
        """What points that are stored under the code are, whether or not the effective version has
        it. Raises LookupError for a code that no version in force ever had.
        """
        point = await self.last_with(reader, code, lambda book: book.reward_points)
        if point is None:
            raise LookupError(f"no version has the reward point {code}")
        return point

    def _newest_first(self) -> Iterator[EffectiveRow]:
        return reversed(tuple(self._timeline))
