"""Books that prove themselves: every card's chain, lots, balances and days, recomputed from its
entries.

Each card is read in one snapshot, entries page by page. Source: semantics 18.1, engineering P3,
P25.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, date, datetime
from operator import attrgetter
from uuid import UUID

from models.balance_statements import BalanceRow
from models.card_statements import CardRow
from models.database import Database
from models.lot_statements import LotRow
from models.payment_statements import unreleased_holds_of
from models.transactions import Read
from models.verification_statements import (
    all_balances,
    all_countable_days,
    all_debts,
    all_lots,
    all_points_days,
    cards_after,
    entries_after,
    expired_of_lots,
    numbers_of_card,
    taken_by_entries,
    taken_from_lots,
)
from resolvers.books import RuleBooks
from resolvers.clock import civil_date
from resolvers.verified_activities import activity_faults, line_faults
from resolvers.verified_chains import Book, add_entry, link_faults
from resolvers.verified_lookups import found_faults, lookup_faults
from resolvers.verified_moves import Fault, hold_faults, lineage_faults, transfer_faults
from resolvers.verified_payments import payment_faults
from resolvers.walks import walked
from rules.balances import NEVER, PointsDay, Sums, next_change, totals

CARDS = 200
ENTRIES = 5_000
FOREVER = datetime.max.replace(tzinfo=UTC)


async def verify(database: Database) -> AsyncIterator[Fault]:
    """Every broken invariant of every card, card by card in the order of their ids; then of what
    moved between cards, of the journal, and of what leads to cards.
    """
    books = RuleBooks()
    ids = attrgetter("card_id")
    async for card in walked(database, cards_after, ids, UUID(int=0), CARDS):
        for fault in await _told_faults(database, books, card):
            yield fault
    async for fault in transfer_faults(database):
        yield fault
    async for fault in line_faults(database):
        yield fault
    async for fault in lookup_faults(database):
        yield fault


async def _told_faults(database: Database, books: RuleBooks, card: CardRow) -> list[Fault]:
    """SQLite keeps in a column what is none of its values: that is a fault of this card alone."""
    try:
        return await _card_faults(database, books, card.card_id)
    except (ArithmeticError, TypeError, ValueError) as error:
        return [Fault(f"card {card.number}", "values", f"cannot be read: {error}")]


async def _card_faults(database: Database, books: RuleBooks, card_id: UUID) -> list[Fault]:
    read = database.read()
    try:
        before = UUID(int=card_id.int - 1)
        (card,) = await read.all(cards_after, after=before, count=1)
        book = Book()
        faults = [fault async for fault in _chain_faults(read, card, book)]
        faults += [
            *await _number_faults(read, card),
            *await lineage_faults(read, card),
            *await _lot_faults(read, card, book),
            *await hold_faults(read, card),
            *await payment_faults(read, card),
            *await activity_faults(read, card),
            *await found_faults(read, card, book),
            *await _day_faults(read, card, book),
            *await _balance_faults(read, card, book, await _settled_on(read, books, card)),
        ]
        return faults
    finally:
        await read.close()


async def _chain_faults(read: Read, card: CardRow, book: Book) -> AsyncIterator[Fault]:
    """Sequence without gaps, hashes that bind, the head on the card's row."""
    while True:
        page = await read.all(
            entries_after, of_card=card.card_id, after_seq=book.next_seq - 1, count=ENTRIES
        )
        for entry in page:
            for detail in link_faults(entry, book):
                yield Fault(f"card {card.number}", "chain", detail)
            add_entry(book, entry)
        if len(page) < ENTRIES:
            break
    if (card.next_seq, card.head_hash) != (book.next_seq, book.head):
        yield Fault(
            f"card {card.number}",
            "head",
            f"the card says {card.next_seq}, its book {book.next_seq}",
        )


async def _number_faults(read: Read, card: CardRow) -> list[Fault]:
    if await read.all(numbers_of_card, of_card=card.card_id, number=card.number):
        return []
    return [Fault(f"card {card.number}", "directory", "the number does not lead to the card")]


async def _lot_faults(read: Read, card: CardRow, book: Book) -> list[Fault]:
    """Remainder = points - allocations, never below 0; a negative entry = its allocations + its
    debt.
    """
    faults = []
    taken = {
        row.lot_id: row.points for row in await read.all(taken_from_lots, of_card=card.card_id)
    }
    stored = {row.lot_id: row for row in await read.all(all_lots, of_card=card.card_id)}
    for lot_id in book.lots.keys() | stored.keys():
        entry, row = book.lots.get(lot_id), stored.get(lot_id)
        left = None if entry is None else entry.points - taken.get(lot_id, 0)
        if row is None or left is None or row.remainder != left or left < 0:
            said = None if row is None else row.remainder
            faults.append(
                Fault(f"card {card.number}", "lot", f"{lot_id} has {left} left, stored {said}")
            )
    faults += _copy_faults(card, book, stored.values())
    expired = {
        row.lot_id: row.points for row in await read.all(expired_of_lots, of_card=card.card_id)
    }
    faults += [
        Fault(f"card {card.number}", "lot", f"{row.lot_id} says {row.expired} has expired")
        for row in stored.values()
        if row.expired != expired.get(row.lot_id, 0)
    ]
    borne = {
        row.entry_id: row.points for row in await read.all(taken_by_entries, of_card=card.card_id)
    }
    owed = {row.entry_id: row.remaining for row in await read.all(all_debts, of_card=card.card_id)}
    for entry_id, entry in book.negatives.items():
        if borne.get(entry_id, 0) + owed.get(entry_id, 0) != -entry.points:
            faults.append(
                Fault(f"card {card.number}", "allocations", f"entry {entry.seq_no} is not borne")
            )
    return faults


def _copy_faults(card: CardRow, book: Book, lots: Iterable[LotRow]) -> Iterator[Fault]:
    """What a lot says of its entry, by which lots are found and put in order."""
    for lot in lots:
        entry = book.lots.get(lot.lot_id)
        if entry is None:
            continue
        said = (lot.reward_point, lot.vests_on, lot.expires_on, lot.occurred_at)
        expires_on = entry.expires_on or NEVER
        if said != (entry.reward_point, entry.vests_on, expires_on, entry.occurred_at):
            yield Fault(f"card {card.number}", "lot", f"{lot.lot_id} is not dated as its entry")


async def _day_faults(read: Read, card: CardRow, book: Book) -> list[Fault]:
    """Points by day and countable days say what lots and entries say."""
    by_day: dict[tuple[str, date, date], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for lot in await read.all(all_lots, of_card=card.card_id):
        key = (lot.reward_point, lot.vests_on, lot.expires_on)
        left, held = by_day[key]
        by_day[key] = (left + lot.remainder, held + lot.held)
    stored = {
        (row.reward_point, row.vests_on, row.expires_on): (row.remainder, row.held)
        for row in await read.all(all_points_days, of_card=card.card_id)
    }
    faults = [
        Fault(
            f"card {card.number}",
            "points by day",
            f"{key} is {by_day[key]}, stored {stored.get(key)}",
        )
        for key in by_day.keys() | stored.keys()
        if by_day[key] != stored.get(key, (0, 0))
    ]
    counted = {
        (row.reward_point, row.entry_date): (row.points, row.positive)
        for row in await read.all(all_countable_days, of_card=card.card_id)
    }
    return faults + [
        Fault(f"card {card.number}", "countable days", f"{key} is {book.countable[key]}")
        for key in book.countable.keys() | counted.keys()
        if (book.countable[key], key in book.extending) != counted.get(key, (0, False))
    ]


async def _settled_on(read: Read, books: RuleBooks, card: CardRow) -> date:
    """The day of the card's last posting where it was issued, up to which its debt is settled."""
    await books.refresh(read)
    source = await books.last_with(read, card.enrollment_source, lambda book: book.channels)
    return civil_date(card.last_posted_at, source.time_zone if source else "UTC")


async def _balance_faults(read: Read, card: CardRow, book: Book, settled_on: date) -> list[Fault]:
    """Cached balances are those of the book, and issued - used - expired = available + unvested +
    held.
    """
    days: dict[str, list[PointsDay]] = defaultdict(list)
    for day in await read.all(all_points_days, of_card=card.card_id):
        days[day.reward_point].append(
            PointsDay(day.vests_on, day.expires_on, day.remainder, day.held)
        )
    owed: dict[str, int] = defaultdict(int)
    for one in await read.all(all_debts, of_card=card.card_id):
        owed[one.reward_point] += one.remaining
    balances = await read.all(all_balances, of_card=card.card_id)
    known = {row.reward_point for row in balances}
    lapses = await _lapses(read, card)
    faults = [
        Fault(f"card {card.number}", "balance", f"{point} has entries and no balance")
        for point in book.issued.keys() | book.used.keys()
        if point not in known
    ]
    for row in balances:
        point = row.reward_point
        sums = Sums(book.issued[point], book.used[point], book.expired_written[point], owed[point])
        faults += _balance_fault(card, row, sums, days[point], settled_on)
        faults += _validity_faults(card, row, days[point], lapses.get(point))
    return faults


async def _lapses(read: Read, card: CardRow) -> dict[str, datetime]:
    """When the next hold on the card's lots lapses, by reward point."""
    found: dict[str, datetime] = {}
    for hold in await read.each(unreleased_holds_of, [card.card_id]):
        found[hold.reward_point] = min(hold.expires_at, found.get(hold.reward_point, FOREVER))
    return found


def _validity_faults(
    card: CardRow, row: BalanceRow, days: list[PointsDay], lapse: datetime | None
) -> Iterator[Fault]:
    """A cached balance that is taken for right longer than it is."""
    changes_on = next_change(days, row.as_of_from)
    late = f"{row.reward_point}: cached until {row.next_change_on}, changes on {changes_on}"
    if row.next_change_on > changes_on:
        yield Fault(f"card {card.number}", "balance", late)
    if lapse is not None and (row.next_hold_lapse_at or FOREVER) > lapse:
        text = f"{row.reward_point}: cached until {row.next_hold_lapse_at}, a hold ends at {lapse}"
        yield Fault(f"card {card.number}", "balance", text)


def _balance_fault(
    card: CardRow, row: BalanceRow, sums: Sums, days: list[PointsDay], settled_on: date
) -> list[Fault]:
    stored_sums = Sums(row.issued, row.used, row.expired_written, row.debt)
    at = totals(sums, days, settled_on, row.as_of_from)
    cached = (row.available, row.unvested, row.held, row.expired)
    faults = []
    if stored_sums != sums:
        faults.append(f"stored {stored_sums}, the book says {sums}")
    if cached != (at.available, at.unvested, at.held, at.expired):
        faults.append(f"cached {cached} on {row.as_of_from}, the book says {at}")
    if at.issued - at.used - at.expired != at.available + at.unvested + at.held:
        faults.append(f"issued - used - expired is not available + unvested + held: {at}")
    return [
        Fault(f"card {card.number}", "balance", f"{row.reward_point}: {text}") for text in faults
    ]
