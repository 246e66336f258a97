"""Jobs of expiry: EXPIRE entries for points whose last day is over everywhere, and the end of holds
that lapsed.

Source: semantics 6 (Expiry, Holds), 8.5.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

from models.card_statements import CardRow
from models.job_statements import DueHoldRow, DueLotRow, due_holds, due_lots
from models.transactions import Read, Transaction
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.expiries import expiry
from resolvers.holds import AUTHORIZED, EXPIRED, cards_of, set_status, status_at
from resolvers.jobs import PAGE, Job, JobDone, Progress, walk
from resolvers.payment_changes import find_row
from resolvers.payment_rows import write_pool
from resolvers.point_books import Step
from resolvers.pools import ledger_of, lock_cards
from resolvers.postings import lock_card
from resolvers.writing import write
from rules.book import RuleBook
from rules.explanations import point_digits
from rules.lots import Lot, Taken, lot_order
from rules.program import RewardPoint

NOBODY = UUID(int=0)
KIND = "expire"


@dataclass
class _Expiring:
    """`before`: lots that ended before this day are over in the zone of every channel."""

    context: Context
    before: date
    seen: set[UUID] = field(default_factory=set)

    async def page(self, read: Read, last: DueLotRow | None) -> Sequence[DueLotRow]:
        # A card is written off whole: what a later page has of it was due to its holds.
        self.seen.clear()
        return await read.all(
            due_lots,
            before=self.before,
            day_after=last.expires_on if last else date.min,
            card_after=last.card_id if last else NOBODY,
            id_after=last.lot_id if last else NOBODY,
            count=PAGE,
        )

    async def work(self, row: DueLotRow) -> bool:
        if row.card_id in self.seen:
            return False
        self.seen.add(row.card_id)

        async def unit(transaction: Transaction, book: RuleBook | None) -> bool:
            if book is None:
                return False
            card = await lock_card(transaction, row.card_id)
            return await _expire(self.context, transaction, card, book, self.before)

        return await self.context.unit(unit)


async def expire_points(context: Context, progress: Progress) -> JobDone:
    """One EXPIRE entry a lot; cards processed."""
    now = context.service.clock()
    history = await context.service.books.history(context.read)
    zones = {c.time_zone for _, book in history.books for c in book.channels.values()}
    today = min((civil_date(now, zone) for zone in zones), default=civil_date(now, "UTC"))
    expiring = _Expiring(context, today)
    return await walk(context, expiring.page, expiring.work, progress)


async def _expire(
    context: Context, transaction: Transaction, card: CardRow, book: RuleBook, before: date
) -> bool:
    """Write off what no hold reserves of the card's lots that ended before the day."""
    ledger = await ledger_of(context, transaction, card, context.service.clock())
    steps: list[Step] = []
    for code in sorted(ledger.balances):
        lots = (await ledger.open(code)).lots.values()
        point = await context.service.books.reward_point(transaction, code)
        due = lot_order(lot for lot in lots if lot.expires_on < before and lot.free > 0)
        steps += (_step(lot, point, book.version, ledger.zone) for lot in due)
    if not steps:
        return False
    await ledger.add(steps)
    # Deterministic: a second run on the same state of the book cannot write twice.
    name = f"{Job.EXPIRE_POINTS}:{card.card_id}:{card.next_seq}"
    op_id = UUID(bytes=hashlib.sha256(name.encode()).digest()[:16])
    await write(ledger, op_id, KIND)
    return True


def _step(lot: Lot, point: RewardPoint, version: int, zone: str) -> Step:
    draft = expiry(lot, lot.free, version, zone, point_digits(point))
    return Step(draft, (Taken(lot, lot.free),))


async def expire_holds(context: Context, progress: Progress) -> JobDone:
    """Payments whose hold has lapsed are EXPIRED, and each card is told that its points are free;
    payments processed.
    """
    now = context.service.clock()

    async def page(read: Read, last: DueHoldRow | None) -> Sequence[DueHoldRow]:
        return await read.all(
            due_holds,
            until=now,
            at_after=last.hold_expires_at if last else datetime.min.replace(tzinfo=UTC),
            card_after=last.card_id if last else NOBODY,
            id_after=last.payment_id if last else NOBODY,
            count=PAGE,
        )

    async def work(row: DueHoldRow) -> bool:
        async def unit(transaction: Transaction, _book: RuleBook | None) -> bool:
            return await _lapse(context, transaction, row)

        return await context.unit(unit)

    return await walk(context, page, work, progress)


async def _lapse(context: Context, transaction: Transaction, row: DueHoldRow) -> bool:
    now = context.service.clock()
    before = await find_row(context, transaction, row.payment_id)
    pool = await lock_cards(context, transaction, row.card_id, now, cards_of([before]))
    payment = await find_row(context, transaction, row.payment_id)
    if payment.status != AUTHORIZED or status_at(payment, now) != EXPIRED:
        return False
    # Opening the ledgers has freed what it held, as of the moment at which it lapsed.
    await set_status(transaction, payment, EXPIRED)
    name = f"{Job.EXPIRE_HOLDS}:{payment.payment_id}"
    op_id = UUID(bytes=hashlib.sha256(name.encode()).digest()[:16])
    await write_pool(pool, op_id, "expireHold", payment.payment_id)
    return True
