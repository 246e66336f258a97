"""What is posted in bulk: activities by the journal, sales by the batch; each alone as well."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from models.card_statements import numbers_of
from models.sale_statements import (
    PendingEarningRow,
    SaleFactRow,
    SaleRow,
    claim_sale,
    insert_pending_earning,
    insert_sale_facts,
    insert_sale_lines,
)
from models.transactions import Transaction
from resolvers import activities, activity_lines, line_postings, sales
from resolvers.activity_checks import Activity
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.every_job import JOBS
from resolvers.jobs import Job, silent
from resolvers.line_rows import NewLine
from resolvers.paid_sales import NOTHING_PAID
from resolvers.portions import CHUNK
from resolvers.queued_earnings import SALES
from resolvers.queues import queued_facts
from resolvers.sale_records import facts_json, line_parameters, notes_json
from resolvers.sales import PostSale
from rules.book import RuleBook
from rules.lines import LineInput, check_lines
from rules.notes import Note, NoteCode
from tests.api.activities import activity_program, activity_rule
from tests.api.program import amount_rule, club_document

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
CARDS = 2_000
PRODUCTS = 500
CALL = 1_000
# As many tables as a queued sale has rows in.
_QUEUED = (claim_sale, insert_sale_lines, insert_sale_facts, insert_pending_earning)


class Kind(Protocol):
    """`wait` makes what numbers stand for wait for `post`, which tells how many it posted."""

    @property
    def name(self) -> str: ...

    @property
    def document(self) -> dict[str, Any]: ...

    @property
    def job(self) -> Job: ...

    @property
    def together(self) -> int:
        """How many one unit posts."""
        ...

    async def one(self, context: Context, number: int) -> None: ...

    async def wait(self, context: Context, numbers: Sequence[int]) -> None: ...

    async def post(self, context: Context) -> int: ...


def moment(number: int) -> tuple[random.Random, str, datetime]:
    """Chance of its own, any of the cards, a second after the one before it."""
    chance = random.Random(number)  # noqa: S311 (nothing secret)
    at = NOW - timedelta(days=30) + timedelta(seconds=number)
    return chance, f"B{chance.randrange(CARDS)}", at


@dataclass(frozen=True)
class Activities:
    name: str
    document: dict[str, Any]
    job = Job.POST_ACTIVITY_LINES
    together = CHUNK

    def _made(self, number: int) -> Activity:
        _, card, at = moment(number)
        return Activity("WEB", card, "VISIT", f"V{number}", at)

    async def one(self, context: Context, number: int) -> None:
        await activities.post_activity(context, self._made(number))

    async def wait(self, context: Context, numbers: Sequence[int]) -> None:
        for first in range(0, len(numbers), CALL):
            called = numbers[first : first + CALL]
            lines = [NewLine(self._made(number)) for number in called]
            await activity_lines.create(context, lines)

    async def post(self, context: Context) -> int:
        return (await line_postings.post_lines(context, None)).posted


@dataclass(frozen=True)
class Sales:
    """Of so many lines; one by one they earn at once."""

    name: str
    document: dict[str, Any]
    lines: int
    job = Job.POST_EARNED_POINTS
    together = SALES

    def _made(self, number: int) -> PostSale:
        """Products of a catalogue, each at its price."""
        chance, card, at = moment(number)
        lines = []
        for place in range(self.lines):
            product = chance.randrange(PRODUCTS)
            price = Decimal(100 + product * 37) / 100
            quantity = Decimal(chance.choice((1, 1, 1, 2)))
            lines.append(LineInput(place + 1, f"P{product}", quantity, price))
        return PostSale("WEB", f"S{number}", at, "USD", tuple(lines), card_number=card)

    async def one(self, context: Context, number: int) -> None:
        await sales.post_sale(context, self._made(number))

    async def wait(self, context: Context, numbers: Sequence[int]) -> None:
        """The rows that posting leaves under `postEarnedPointsInBatches`."""

        async def unit(transaction: Transaction, book: RuleBook | None) -> None:
            if book is None:
                raise AssertionError
            made = [self._made(number) for number in numbers]
            named = sorted({str(one.card_number) for one in made})
            ids = {row.number: row.card_id for row in await transaction.each(numbers_of, named)}
            rows = [_queued(one, book, ids[str(one.card_number)]) for one in made]
            for place, statement in enumerate(_QUEUED):
                await transaction.run_many(statement, [row for one in rows for row in one[place]])

        await context.unit(unit)

    async def post(self, context: Context) -> int:
        return (await JOBS[self.job](context, silent)).processed


def _queued(sale: PostSale, book: RuleBook, card_id: UUID) -> Sequence[list[dict[str, Any]]]:
    """Its rows, as `_QUEUED` writes them."""
    key = hashlib.sha256(sale.transaction_id.encode()).digest()
    channel = book.channels[sale.channel]
    on = civil_date(sale.occurred_at, channel.time_zone)
    lines, _ = check_lines(sale.lines, (), sale.currency)
    facts = queued_facts(channel, on, frozenset(), lines, (), NOTHING_PAID)
    of_sale = (channel.code, sale.transaction_id, key, sale.occurred_at, NOW, on)
    row = SaleRow(key, "SALE", *of_sale, channel.currency, card_id, None, book.version)
    fact = SaleFactRow(key, facts_json(facts, (), ()), notes_json([Note(NoteCode.QUEUED)]))
    waiting = PendingEarningRow(key, sale.occurred_at, None, 0, None)
    return (
        [row._asdict()],
        [line_parameters(key, line) for line in lines],
        [fact._asdict()],
        [waiting._asdict()],
    )


VISITS = [
    activity_rule("visit", activityType="VISIT"),
    activity_rule("cash", "0.50", activityType="VISIT", rewardPoint="CASH"),
]
TYPES = [{"code": "VISIT", "name": "A visit"}]
EARNED = [amount_rule(), amount_rule("cash", point="CASH", points="0.01")]
ACTIVITY_KINDS = [
    Activities("activity lines, one rule", activity_program(*VISITS[:1], types=TYPES)),
    Activities("activity lines, two rules", activity_program(*VISITS, types=TYPES)),
]
SALE_KINDS = [
    Sales("queued sales of 1 line, two rules", club_document(*EARNED), 1),
    Sales("queued sales of 5 lines, two rules", club_document(*EARNED), 5),
]
KINDS: Sequence[Kind] = [*ACTIVITY_KINDS, *SALE_KINDS]
