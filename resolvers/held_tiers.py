"""Tiers that cards hold, asked before a document takes them away.

What time alone has brought counts whether or not it is written, judged as everywhere else; the rows
of a REPLACED card live on with its successor. Source: semantics 3, 4, 9.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from models.card_statements import CardRow
from models.tier_statements import page_end, row_from, to_judge
from models.transactions import Reader
from resolvers.clock import DAY, civil_date
from resolvers.context import Context
from resolvers.standings import Standing
from resolvers.stored_standings import standings_in_unit
from rules.book import RuleBook

CARDS = 5_000
TOGETHER = 50
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class HeldTiers:
    """`book` is the one in force at `now`."""

    context: Context
    reader: Reader
    book: RuleBook
    now: datetime

    @property
    def _latest_today(self) -> date:
        """No civil date on earth is further than a day from that of UTC."""
        return civil_date(self.now, "UTC") + DAY

    async def among(self, asked: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Those of the tiers, by (program, code), that a card holds or will hold by a row."""
        held = {pair for pair in sorted(asked) if await self._has_row(*pair)}
        for program in sorted({program for program, _ in asked}):
            left = {code for owner, code in asked if owner == program and (owner, code) not in held}
            held |= {(program, code) for code in await self._brought(program, left)}
        return frozenset(held)

    async def _has_row(self, program: str, code: str) -> bool:
        given = {"of_program": program, "of_tier": code, "day": self._latest_today}
        return bool(await self.reader.all(row_from, **given))

    async def _brought(self, program: str, codes: Collection[str]) -> set[str]:
        """Those of the codes that one of the cards holds whose rows have ended, page by page."""
        found: set[str] = set()
        after = FIRST
        while after != LAST and not found.issuperset(codes):
            ends = await self.reader.all(page_end, after=after, count=CARDS)
            until = ends[0].card_id if ends else LAST
            for standing in await self._standings(program, after, until):
                found |= self._running(standing, program).intersection(codes)
            after = until
        return found

    async def _standings(self, program: str, after: UUID, until: UUID) -> list[Standing]:
        rows: Sequence[CardRow] = await self.reader.all(
            to_judge,
            of_program=program,
            after=after,
            until=until,
            earliest_today=self._latest_today - 2 * DAY,
            latest_today=self._latest_today,
        )
        found: list[Standing] = []
        for first in range(0, len(rows), TOGETHER):
            part = rows[first : first + TOGETHER]
            await self.reader.pause()
            found += await standings_in_unit(self.context, self.reader, part, self.book)
        return found

    def _running(self, standing: Standing, program: str) -> set[str]:
        today = civil_date(self.now, standing.time_zone)
        rows = standing.rows_until(program, today)
        return {row.tier for row in rows if row.ends_on is None or row.ends_on >= today}
