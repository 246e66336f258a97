"""Lots of a ledger that are read as far as they are needed: a card may have tens of thousands.

A ledger that is open owes nothing of a reward point that is not: no debt waits for its lots.
Source: engineering 1.3.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from models.balance_statements import stock_of_point
from models.lot_statements import (
    OpenLotRow,
    first_lots_of_point,
    open_lots_of,
    spendable_lots_after,
)
from models.payment_statements import HoldLotRow
from resolvers.ledgers import CardLedger, stored_lot
from resolvers.point_books import PointBook
from rules.lots import Lot

# A card with fewer open lots is read whole, in one statement.
FEW = 100
_FIRST_AT, _FIRST_ID = datetime.min.replace(tzinfo=UTC), UUID(int=0)


@dataclass(frozen=True, slots=True)
class Stock:
    """Units that are free to spend on a day, and held whatever the day."""

    spendable: int
    held: int


async def begun(ledger: CardLedger, reward_point: str) -> PointBook:
    """The book of the reward point, whole where its open lots are few."""
    book = ledger.points.get(reward_point)
    if book is None:
        book = ledger.points[reward_point] = PointBook({}, {}, {}, {}, is_whole=False)
        given = {"of_card": ledger.card.card_id, "of_point": reward_point, "count": FEW}
        rows = await ledger.transaction.all(first_lots_of_point, **given)
        book.is_whole = len(rows) < FEW
        _learn(ledger, book, rows)
    return book


def _learn(ledger: CardLedger, book: PointBook, rows: Sequence[OpenLotRow]) -> None:
    book.learn({row.lot_id: stored_lot(row, ledger.place) for row in rows})


async def stock(ledger: CardLedger, reward_point: str, on: date) -> Stock:
    """What the ledger has on the day, its changes so far included."""
    book = await begun(ledger, reward_point)
    now = _sums(book.lots.values(), on)
    if book.is_whole:
        return now
    given = {"of_card": ledger.card.card_id, "of_point": reward_point, "on": on}
    (stored,) = await ledger.transaction.all(stock_of_point, **given)
    before = _sums(book.lots_before.values(), on)
    return Stock(
        stored.spendable + now.spendable - before.spendable, stored.held + now.held - before.held
    )


def _sums(lots: Iterable[Lot], on: date) -> Stock:
    held = spendable = 0
    for lot in lots:
        held += lot.held
        spendable += lot.free if lot.is_spendable(on) else 0
    return Stock(spendable, held)


async def with_enough(ledger: CardLedger, reward_point: str, units: int, on: date) -> Iterable[Lot]:
    """Lots among which are, in lot order, the first that can bear so many units on the day."""
    book = await begun(ledger, reward_point)
    edge, count = (on, _FIRST_AT, _FIRST_ID), FEW
    while units > 0 and not book.is_whole:
        rows = await ledger.transaction.all(
            spendable_lots_after,
            of_card=ledger.card.card_id,
            of_point=reward_point,
            on=on,
            **dict(zip(("day_after", "at_after", "id_after"), edge, strict=True)),
            count=count,
        )
        _learn(ledger, book, rows)
        units -= sum(book.lots[row.lot_id].free for row in rows)
        if len(rows) < count:
            break
        last = rows[-1]
        edge, count = (last.expires_on, last.occurred_at, last.lot_id), 2 * count
    return book.lots.values()


async def release(ledger: CardLedger, holds: Iterable[HoldLotRow]) -> None:
    """Give back what holds reserve of the ledger's lots, known when the entries of its posting are;
    debt does not meet it yet.
    """
    known = {(hold.payment_id, hold.lot_id) for hold, _ in ledger.released}
    by_point: dict[str, list[HoldLotRow]] = defaultdict(list)
    for hold in holds:
        by_point[hold.reward_point].append(hold)
    for reward_point, mine in by_point.items():
        book = await _with_lots(ledger, reward_point, [hold.lot_id for hold in mine])
        for hold in mine:
            if (hold.payment_id, hold.lot_id) not in known:
                ledger.free(book, hold, ledger.posted_at)


async def _with_lots(ledger: CardLedger, reward_point: str, ids: Iterable[UUID]) -> PointBook:
    book = await begun(ledger, reward_point)
    if not book.is_whole:
        unread = [lot_id for lot_id in ids if lot_id not in book.lots]
        given = {"of_card": ledger.card.card_id, "of_point": reward_point}
        _learn(ledger, book, await ledger.transaction.each(open_lots_of, unread, **given))
    return book
