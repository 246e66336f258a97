"""What is derived from a card's book and written with it: balances, points by day, what counts for
tiers by day.

Every statement is for the rows of one card. Source: engineering 1.3, 3.1.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from models.balance_statements import (
    BalanceRow,
    CountableDayRow,
    PointsDayRow,
    change_balance,
    change_countable_day,
    change_points_days,
    countable_days_of,
    insert_balance,
    insert_countable_day,
    insert_points_day,
    points_days_of_card,
)
from models.payment_statements import unreleased_holds_of
from resolvers.ledgers import CardLedger, is_lot, lot_of
from resolvers.point_books import PointBook
from rules.balances import PointsDay, Sums, next_change, totals
from rules.errors import InvalidInput
from rules.ledger import COUNTING, ISSUING, USING, Draft, Entry, EntryType
from rules.lots import Lot
from rules.numbers import MAXIMUM_BALANCE_UNITS

DayKey = tuple[str, date, date]
# Plain strings, as drivers want them.
NAMES = {kind: kind.value for kind in EntryType}


def new_lots(ledger: CardLedger, entries: Iterable[Entry]) -> list[Lot]:
    """Lots of this operation as they stand at its end: debt may have met them already."""
    found = []
    for entry in entries:
        if is_lot(entry.draft):
            book = ledger.points.get(entry.draft.reward_point)
            made = lot_of(entry.card_id, entry.entry_id, entry.draft, ledger.place)
            found.append(book.lots.get(entry.entry_id, made) if book else made)
    return found


def changed_lots(book: PointBook) -> list[Lot]:
    return [book.lots[key] for key, before in book.lots_before.items() if book.lots[key] != before]


async def count_days(ledger: CardLedger, entries: Sequence[Entry]) -> None:
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


async def write_balances(ledger: CardLedger, entries: Sequence[Entry], as_of: date) -> None:
    drafts: dict[str, list[Draft]] = defaultdict(list)
    for entry in entries:
        drafts[entry.draft.reward_point].append(entry.draft)
    touched = [*dict.fromkeys([*drafts, *ledger.points])]
    if not touched:
        return
    days = await write_points_days(ledger, entries)
    lapse = await _next_lapse(ledger, days)
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


async def _next_lapse(
    ledger: CardLedger, days: Mapping[str, Sequence[PointsDay]]
) -> dict[str, datetime]:
    """When the next hold on the card's lots lapses, by reward point; `days` as they are now."""
    if not any(day.held for code in ledger.points for day in days.get(code, ())):
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

    for lot in new_lots(ledger, entries):
        add(lot, lot.remainder, lot.held)
    for book in ledger.points.values():
        for lot in changed_lots(book):
            before = book.lots_before[lot.lot_id]
            add(lot, lot.remainder - before.remainder, lot.held - before.held)
    return changes


async def write_points_days(
    ledger: CardLedger, entries: Sequence[Entry]
) -> dict[str, list[PointsDay]]:
    """Points by day after the operation; by reward point."""
    card_id = ledger.card.card_id
    rows = {
        (row.reward_point, row.vests_on, row.expires_on): row
        for row in await ledger.transaction.all(points_days_of_card, of_card=card_id)
    }
    new, changed = [], []
    for key, (remainder, held) in _day_changes(ledger, entries).items():
        row = rows.get(key)
        if row is None:
            rows[key] = row = PointsDayRow(card_id, *key, remainder=remainder, held=held)
            new.append(row)
        elif remainder or held:
            rows[key] = row = row._replace(
                remainder=row.remainder + remainder, held=row.held + held
            )
            check_balance(row.remainder)
            changed.append(row)
    await ledger.transaction.run_rows(insert_points_day, new)
    await ledger.transaction.change_many(change_points_days, changed)
    by_point: dict[str, list[PointsDay]] = defaultdict(list)
    for row in rows.values():
        by_point[row.reward_point].append(
            PointsDay(row.vests_on, row.expires_on, row.remainder, row.held)
        )
    return by_point
