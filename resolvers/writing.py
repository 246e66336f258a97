"""Writing a card's ledger back: entries, lots, allocations, debts, events, the card's row.

Every statement is for the rows of one card. Source: engineering 3.1.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from models.card_statements import CardRow
from models.ledger_statements import EntryRow, insert_entries, insert_operation
from models.lot_statements import (
    AllocationRow,
    LotRow,
    change_debt,
    change_lots,
    delete_debt,
    insert_allocations,
    insert_debts,
    insert_lots,
)
from models.payment_statements import release_hold_lots
from models.transactions import Transaction
from resolvers.identifiers import Randomness
from resolvers.ledgers import CardLedger, open_ledger
from resolvers.lineage import REPLACING
from resolvers.outbox import Event, points_posted
from resolvers.point_books import Step
from resolvers.postings import Posted, tell
from resolvers.writing_sums import NAMES, changed_lots, count_days, new_lots, write_balances
from rules.ledger import Draft, Entry


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
    await count_days(ledger, entries)
    await write_balances(ledger, entries, max(ledger.today, card.last_entry_on or ledger.today))
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
        NAMES[kind],
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


async def _write_released(ledger: CardLedger) -> None:
    await ledger.transaction.change_many(
        release_hold_lots,
        [(ledger.card.card_id, hold.payment_id, hold.lot_id, at) for hold, at in ledger.released],
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
            for lot in new_lots(ledger, entries)
        ],
    )
    await ledger.transaction.change_many(
        change_lots,
        [
            (lot.card_id, lot.lot_id, lot.remainder, lot.held, lot.expired)
            for book in ledger.points.values()
            for lot in changed_lots(book)
        ],
    )


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
