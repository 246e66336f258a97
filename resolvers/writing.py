"""Writing a card's ledger back: entries, lots, allocations, days, balances, events, the card's row.

Every statement is for the rows of one card. Source: engineering 3.1.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

from models.card_statements import CardRow
from models.database import Transaction
from models.ledger_statements import (
    AllocationRow,
    BalanceRow,
    CountableDayRow,
    EntryRow,
    LotRow,
    PointsDayRow,
    change_balance,
    change_countable_day,
    change_debt,
    change_lot,
    change_points_day,
    countable_days_of,
    delete_debt,
    insert_allocations,
    insert_balance,
    insert_countable_day,
    insert_debts,
    insert_entries,
    insert_lots,
    insert_operation,
    insert_points_day,
    points_days_of_card,
)
from models.payment_statements import release_hold_lot, unreleased_holds_of
from resolvers.identifiers import Randomness
from resolvers.ledgers import CardLedger, PointBook, Step, is_lot, lot_of, open_ledger
from resolvers.lineage import REPLACING
from resolvers.outbox import Event, points_posted
from resolvers.postings import Posted, tell
from rules.balances import PointsDay, Sums, next_change, totals
from rules.errors import InvalidInput
from rules.ledger import COUNTING, ISSUING, USING, Draft, Entry, EntryType
from rules.lots import Lot
from rules.numbers import MAXIMUM_BALANCE_UNITS

DayKey = tuple[str, date, date]
# Plain strings, as drivers want them.
_NAMES = {kind: kind.value for kind in EntryType}


async def post(
    transaction: Transaction,
    card: CardRow,
    *,
    op_id: UUID,
    kind: str,
    drafts: Sequence[Draft],
    events: Sequence[Event],
    now: datetime,
    zone: str,
    randomness: Randomness,
) -> Posted:
    """Write positive `drafts`, or none, as one operation of the locked card.

    `zone` is where the card was issued. Raises InvalidInput where an entry
    or balance would pass its bound; then the transaction must end without a commit.
    """
    ledger = await open_ledger(transaction, card, now, zone, randomness)
    await ledger.add([Step(draft) for draft in drafts])
    return await write(ledger, op_id, kind, events)


async def write(ledger: CardLedger, op_id: UUID, kind: str, events: Sequence[Event] = ()) -> Posted:
    """Write everything that the ledger gathered, as one operation of its card.

    Raises InvalidInput where a balance would pass its bound; then the transaction must not commit.
    """
    transaction, card = ledger.transaction, ledger.card
    ledger.settle()
    entries = ledger.entries(op_id)
    if kind == REPLACING or not entries:
        await transaction.run(
            insert_operation,
            card_id=card.card_id,
            op_id=op_id,
            kind=kind,
            posted_at=ledger.posted_at,
        )
    await transaction.run_rows(insert_entries, [entry_row(entry) for entry in entries])
    if entries:
        latest = max(entry.draft.entry_date for entry in entries)
        card = card._replace(last_entry_on=max(latest, card.last_entry_on or latest))
        events = [points_posted(op_id, [entry.entry_id for entry in entries]), *events]
    await _write_released(ledger)
    await _write_lots(ledger, entries)
    await _write_debts(ledger, entries)
    await _write_allocations(ledger, entries)
    await _count_days(ledger, entries)
    await _write_balances(ledger, entries, max(ledger.today, card.last_entry_on or ledger.today))
    card = card._replace(
        next_seq=card.next_seq + len(entries),
        head_hash=entries[-1].entry_hash if entries else card.head_hash,
        last_posted_at=ledger.posted_at,
    )
    told = await tell(transaction, card, events, ledger.posted_at, ledger.randomness)
    return Posted(told, entries)


def entry_row(entry: Entry) -> EntryRow:
    card_id, entry_id, seq_no, posted_at, op_id, op_line, draft, prev_hash, entry_hash = entry
    kind, point, units, on, counts_on, occurred_at, vests_on, expires_on, origin, reason = draft
    return EntryRow(
        card_id,
        entry_id,
        seq_no,
        _NAMES[kind],
        point,
        units,
        on,
        counts_on,
        occurred_at,
        posted_at,
        vests_on,
        expires_on,
        *origin,
        op_id,
        op_line,
        *reason,
        prev_hash,
        entry_hash,
    )


def _new_lots(ledger: CardLedger, entries: Iterable[Entry]) -> list[Lot]:
    """Lots of this operation as they stand at its end: debt may have met them already."""
    found = []
    for entry in entries:
        if is_lot(entry.draft):
            book = ledger.points.get(entry.draft.reward_point)
            made = lot_of(entry.card_id, entry.entry_id, entry.draft, ledger.place)
            found.append(book.lots.get(entry.entry_id, made) if book else made)
    return found


async def _write_released(ledger: CardLedger) -> None:
    for hold, at in ledger.released:
        await ledger.transaction.run(
            release_hold_lot,
            of_card=ledger.card.card_id,
            of_payment=hold.payment_id,
            of_lot=hold.lot_id,
            released_at=at,
        )


async def _write_lots(ledger: CardLedger, entries: Sequence[Entry]) -> None:
    await ledger.transaction.run_rows(
        insert_lots,
        [
            LotRow(
                lot.card_id,
                lot.lot_id,
                lot.reward_point,
                lot.vests_on,
                lot.expires_on,
                lot.occurred_at,
                lot.remainder,
                lot.held,
                expired=0,
            )
            for lot in _new_lots(ledger, entries)
        ],
    )
    await ledger.transaction.run_many(
        change_lot,
        [
            {
                "of_card": lot.card_id,
                "of_lot": lot.lot_id,
                "remainder": lot.remainder,
                "held": lot.held,
                "expired": lot.expired,
            }
            for book in ledger.points.values()
            for lot in _changed_lots(book)
        ],
    )


def _changed_lots(book: PointBook) -> list[Lot]:
    return [book.lots[key] for key, before in book.lots_before.items() if book.lots[key] != before]


async def _write_debts(ledger: CardLedger, entries: Sequence[Entry]) -> None:
    dates = {entry.entry_id: entry.draft.entry_date for entry in entries}
    card_id = ledger.card.card_id
    for point, book in ledger.points.items():
        for entry_id, debt in book.debts.items():
            before = book.debts_before.get(entry_id)
            if before is None:
                await ledger.transaction.run(
                    insert_debts,
                    card_id=card_id,
                    entry_id=entry_id,
                    reward_point=point,
                    entry_date=dates[entry_id],
                    remaining=debt.units,
                )
            elif before.units != debt.units:
                await ledger.transaction.run(
                    change_debt, of_card=card_id, of_entry=entry_id, remaining=debt.units
                )
        for entry_id in book.debts_before.keys() - book.debts.keys():
            await ledger.transaction.run(delete_debt, of_card=card_id, of_entry=entry_id)


async def _write_allocations(ledger: CardLedger, entries: Sequence[Entry]) -> None:
    """Which lots bear what, dated by the entry; settled debt by the day on which the two met.

    A lot that a replacement moved to the card after the entry's day bears it from its arrival on:
    on the days before it stands as debt, since no balance of a day has less in a lot than nothing.
    """
    sums: dict[tuple[UUID, UUID, date], int] = defaultdict(int)
    dates = {entry.entry_id: entry.draft.entry_date for entry in entries}
    for entry_id, step in ledger.steps:
        for one in step.taken:
            arrived = ledger.points[one.lot.reward_point].lots[one.lot.lot_id].entry_date
            sums[entry_id, one.lot.lot_id, max(dates[entry_id], arrived)] += one.units
        if step.given_back is not None:
            sums[entry_id, step.given_back.lot.lot_id, dates[entry_id]] -= step.given_back.units
    for book in ledger.points.values():
        for settled in book.settlements:
            sums[settled.entry_id, settled.lot.lot_id, settled.on] += settled.units
    await ledger.transaction.run_rows(
        insert_allocations,
        [
            AllocationRow(ledger.card.card_id, *key, units, ledger.posted_at)
            for key, units in sums.items()
        ],
    )


async def _count_days(ledger: CardLedger, entries: Sequence[Entry]) -> None:
    """Points that count for tiers, by the day on which they count."""
    counted: dict[tuple[str, date], list[int]] = defaultdict(list)
    for entry in entries:
        if entry.draft.entry_type in COUNTING:
            key = (entry.draft.reward_point, entry.draft.counts_on)
            counted[key].append(entry.draft.points_units)
    if not counted:
        return
    card_id = ledger.card.card_id
    rows = await ledger.transaction.each(countable_days_of, [card_id])
    known = {(row.reward_point, row.entry_date): row for row in rows}
    for (point, day), units in counted.items():
        row = known.get((point, day)) or CountableDayRow(card_id, point, day, 0, positive=False)
        total, positive = row.points + sum(units), row.positive or any(u > 0 for u in units)
        check_balance(total)
        if (point, day) in known:
            await ledger.transaction.run(
                change_countable_day,
                of_card=card_id,
                of_point=point,
                of_day=day,
                points=total,
                positive=positive,
            )
        else:
            written = row._replace(points=total, positive=positive)
            await ledger.transaction.run(insert_countable_day, **written._asdict())


def check_balance(*sums: int) -> None:
    for units in sums:
        if abs(units) > MAXIMUM_BALANCE_UNITS:
            raise InvalidInput("This would take a balance beyond 10^17 smallest units.")


async def _write_balances(ledger: CardLedger, entries: Sequence[Entry], as_of: date) -> None:
    drafts: dict[str, list[Draft]] = defaultdict(list)
    for entry in entries:
        drafts[entry.draft.reward_point].append(entry.draft)
    touched = [*dict.fromkeys([*drafts, *ledger.points])]
    if not touched:
        return
    days = await _write_points_days(ledger, entries)
    lapse = await _next_lapse(ledger)
    for point in touched:
        if point in drafts or point in ledger.balances:
            row = _balance(ledger, point, drafts[point], days[point], as_of, lapse.get(point))
            await _write_balance(ledger, row)


async def _write_balance(ledger: CardLedger, row: BalanceRow) -> None:
    before = ledger.balances.get(row.reward_point)
    if before is None:
        await ledger.transaction.run(insert_balance, **row._asdict())
    elif before != row:
        members = row._asdict()
        del members["card_id"], members["reward_point"]
        await ledger.transaction.run(
            change_balance, of_card=row.card_id, of_point=row.reward_point, **members
        )


def _balance(
    ledger: CardLedger,
    point: str,
    drafts: Sequence[Draft],
    days: Sequence[PointsDay],
    as_of: date,
    next_hold_lapse_at: datetime | None,
) -> BalanceRow:
    """The cached balance after the operation; `days` are all points by day of this reward point.

    Raises InvalidInput where a sum would pass 10^17 smallest units.
    """
    before = ledger.balances.get(point)
    book = ledger.points.get(point)

    def gained(kinds: Iterable[EntryType]) -> int:
        return sum(draft.points_units for draft in drafts if draft.entry_type in kinds)

    sums = Sums(
        issued=(before.issued if before else 0) + gained(ISSUING),
        used=(before.used if before else 0) - gained(USING),
        expired_written=(before.expired_written if before else 0) - gained((EntryType.EXPIRE,)),
        debt=book.debt_units if book else (before.debt if before else 0),
    )
    return balance_row(
        ledger.card.card_id, point, sums, days, ledger.today, as_of, next_hold_lapse_at
    )


def balance_row(
    card_id: UUID,
    point: str,
    sums: Sums,
    days: Sequence[PointsDay],
    since: date,
    as_of: date,
    next_hold_lapse_at: datetime | None,
) -> BalanceRow:
    """The balance to be cached; `since`: the day up to which debt is settled.

    Raises InvalidInput where a sum would pass 10^17 smallest units.
    """
    now = totals(sums, days, since, as_of)
    check_balance(now.available, now.unvested, now.held, now.issued, now.used, now.expired)
    check_balance(sums.issued, sums.used, sums.expired_written, sums.debt)
    return BalanceRow(
        card_id=card_id,
        reward_point=point,
        issued=sums.issued,
        used=sums.used,
        expired_written=sums.expired_written,
        debt=sums.debt,
        available=now.available,
        unvested=now.unvested,
        held=now.held,
        expired=now.expired,
        as_of_from=as_of,
        next_change_on=next_change(days, as_of),
        next_hold_lapse_at=next_hold_lapse_at,
    )


async def _next_lapse(ledger: CardLedger) -> dict[str, datetime]:
    """When the next hold on the card's lots lapses, by reward point."""
    if not any(lot.held for book in ledger.points.values() for lot in book.lots.values()):
        lapses = {code: row.next_hold_lapse_at for code, row in ledger.balances.items()}
        opened = ledger.points.keys()
        return {code: at for code, at in lapses.items() if at is not None and code not in opened}
    found: dict[str, datetime] = {}
    for hold in await ledger.transaction.each(unreleased_holds_of, [ledger.card.card_id]):
        known = found.get(hold.reward_point)
        found[hold.reward_point] = min(known, hold.expires_at) if known else hold.expires_at
    return found


def _day_changes(ledger: CardLedger, entries: Sequence[Entry]) -> dict[DayKey, tuple[int, int]]:
    """What the operation adds to remainder and held, by reward point and dates."""
    changes: dict[DayKey, tuple[int, int]] = defaultdict(lambda: (0, 0))

    def add(lot: Lot, remainder: int, held: int) -> None:
        key = (lot.reward_point, lot.vests_on, lot.expires_on)
        before = changes[key]
        changes[key] = (before[0] + remainder, before[1] + held)

    for lot in _new_lots(ledger, entries):
        add(lot, lot.remainder, lot.held)
    for book in ledger.points.values():
        for lot in _changed_lots(book):
            before = book.lots_before[lot.lot_id]
            add(lot, lot.remainder - before.remainder, lot.held - before.held)
    return changes


async def _write_points_days(
    ledger: CardLedger, entries: Sequence[Entry]
) -> dict[str, list[PointsDay]]:
    """Points by day after the operation; by reward point."""
    card_id = ledger.card.card_id
    rows = {
        (row.reward_point, row.vests_on, row.expires_on): row
        for row in await ledger.transaction.all(points_days_of_card, of_card=card_id)
    }
    for key, (remainder, held) in _day_changes(ledger, entries).items():
        row = rows.get(key)
        if row is None:
            rows[key] = row = PointsDayRow(card_id, *key, remainder=remainder, held=held)
            await ledger.transaction.run(insert_points_day, **row._asdict())
        elif remainder or held:
            rows[key] = row = row._replace(
                remainder=row.remainder + remainder, held=row.held + held
            )
            check_balance(row.remainder)
            await ledger.transaction.run(
                change_points_day,
                of_card=card_id,
                of_point=row.reward_point,
                of_vesting=row.vests_on,
                of_expiry=row.expires_on,
                remainder=row.remainder,
                held=row.held,
            )
    by_point: dict[str, list[PointsDay]] = defaultdict(list)
    for row in rows.values():
        by_point[row.reward_point].append(
            PointsDay(row.vests_on, row.expires_on, row.remainder, row.held)
        )
    return by_point
