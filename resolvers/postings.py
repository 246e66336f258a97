"""The one way points reach a card's book: lock the card, write its next entries, keep what is
derived from them.

Within one transaction, and nothing else is awaited. Source: engineering 3.1, semantics 6.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from uuid import UUID

from models.card_statements import CardRow, advance_card, insert_event, locked_card
from models.database import Transaction
from models.ledger_statements import (
    BalanceRow,
    CountableDayRow,
    PointsDayRow,
    balances_of,
    change_balance,
    change_countable_day,
    change_points_day,
    countable_days_of,
    insert_balance,
    insert_countable_day,
    insert_entries,
    insert_lots,
    insert_operation,
    insert_points_day,
    points_days_of_card,
)
from resolvers.clock import MICROSECOND
from resolvers.identifiers import Randomness, ordered_ids
from rules.balances import NEVER, PointsDay, Sums, next_change, totals
from rules.errors import CardNotFound, InvalidInput
from rules.ledger import COUNTING, ISSUING, Draft, Entry, chain
from rules.numbers import MAXIMUM_BALANCE_UNITS, MAXIMUM_UNITS


@dataclass(frozen=True, slots=True)
class Event:
    """What the outbox tells of a card: ids only, never a person."""

    kind: str
    payload: dict[str, object]


@dataclass(frozen=True, slots=True)
class Posted:
    """The card's row after the posting, and its new entries in the order of the book."""

    card: CardRow
    entries: tuple[Entry, ...]


async def lock_card(transaction: Transaction, card_id: UUID) -> CardRow:
    """The card's row, held until the transaction ends. Several cards are locked in ascending order
    of id.
    """
    row = await transaction.first(locked_card, of_card=card_id)
    if row is None:
        raise CardNotFound("There is no such card.")
    return row


async def post(
    transaction: Transaction,
    card: CardRow,
    *,
    op_id: UUID,
    kind: str,
    drafts: Sequence[Draft],
    events: Sequence[Event],
    now: datetime,
    today: date,
    randomness: Randomness,
) -> Posted:
    """Write `drafts` as the next entries of the locked card's book, with its lots, balances, days
    and events.

    `today` is the civil date of now where the card was issued. Raises InvalidInput where an entry
    or balance would pass its bound; then the transaction must end without a commit.
    """
    _check_bounds(drafts)
    posted_at = max(now, card.last_posted_at + MICROSECOND)
    entry_ids = ordered_ids(posted_at, len(drafts), randomness)
    entries = chain(
        card.card_id, card.next_seq, card.head_hash, posted_at, op_id, tuple(drafts), entry_ids
    )
    await transaction.run(
        insert_operation,
        card_id=card.card_id,
        op_id=op_id,
        kind=kind,
        posted_at=posted_at,
        first_seq=card.next_seq,
        last_seq=card.next_seq + len(entries) - 1,
    )
    if entries:
        await transaction.run_many(insert_entries, [_entry_parameters(entry) for entry in entries])
        await _add_lots(transaction, entries)
        await _count_days(transaction, card.card_id, entries)
        latest = max(draft.entry_date for draft in drafts)
        card = card._replace(last_entry_on=max(latest, card.last_entry_on or latest))
        await _keep_balances(transaction, card, entries, today)
        events = [_points_posted(op_id, entries), *events]
    card = card._replace(
        next_seq=card.next_seq + len(entries),
        head_hash=entries[-1].entry_hash if entries else card.head_hash,
        last_posted_at=posted_at,
    )
    return Posted(await tell(transaction, card, events, posted_at, randomness), entries)


async def tell(
    transaction: Transaction,
    card: CardRow,
    events: Sequence[Event],
    now: datetime,
    randomness: Randomness,
) -> CardRow:
    """Write the events into the outbox in the card's order, and the card's row with its new
    heads.
    """
    ids = ordered_ids(now, len(events), randomness)
    await transaction.run_many(
        insert_event,
        [
            {
                "card_id": card.card_id,
                "event_id": event_id,
                "seq_no": card.next_event + place,
                "kind": event.kind,
                "payload": json.dumps(event.payload),
                "posted_at": now,
            }
            for place, (event, event_id) in enumerate(zip(events, ids, strict=True))
        ],
    )
    card = card._replace(next_event=card.next_event + len(events))
    await transaction.run(
        advance_card,
        of_card=card.card_id,
        next_seq=card.next_seq,
        next_event=card.next_event,
        head_hash=card.head_hash,
        last_posted_at=card.last_posted_at,
        last_entry_on=card.last_entry_on,
    )
    return card


def _check_bounds(drafts: Sequence[Draft]) -> None:
    if any(abs(draft.points_units) > MAXIMUM_UNITS for draft in drafts):
        raise InvalidInput("This would post more than 10^15 of a reward point's smallest units.")


def _check_balance(*sums: int) -> None:
    if any(abs(units) > MAXIMUM_BALANCE_UNITS for units in sums):
        raise InvalidInput("This would take a balance beyond 10^17 smallest units.")


def _entry_parameters(entry: Entry) -> dict[str, object]:
    draft = entry.draft
    return {
        **asdict(draft.origin),
        "card_id": entry.card_id,
        "entry_id": entry.entry_id,
        "seq_no": entry.seq_no,
        "entry_type": draft.entry_type.value,
        "reward_point": draft.reward_point,
        "points": draft.points_units,
        "entry_date": draft.entry_date,
        "counts_on": draft.counts_on,
        "occurred_at": draft.occurred_at,
        "posted_at": entry.posted_at,
        "vests_on": draft.vests_on,
        "expires_on": draft.expires_on,
        "op_id": entry.op_id,
        "op_line": entry.op_line,
        "configuration_version": draft.reason.configuration_version,
        "scheme": draft.reason.scheme,
        "rule": draft.reason.rule,
        "computed": draft.reason.computed_units,
        "formula": draft.reason.formula,
        "prev_hash": entry.prev_hash,
        "entry_hash": entry.entry_hash,
    }


def _lot_days(draft: Draft) -> tuple[date, date]:
    return draft.vests_on or draft.entry_date, draft.expires_on or NEVER


async def _add_lots(transaction: Transaction, entries: Sequence[Entry]) -> None:
    """Every positive entry is a lot, whole while nothing was taken from it."""
    rows = []
    for entry in entries:
        vests_on, expires_on = _lot_days(entry.draft)
        if entry.draft.points_units > 0:
            rows.append(
                {
                    "card_id": entry.card_id,
                    "lot_id": entry.entry_id,
                    "reward_point": entry.draft.reward_point,
                    "vests_on": vests_on,
                    "expires_on": expires_on,
                    "occurred_at": entry.draft.occurred_at,
                    "remainder": entry.draft.points_units,
                    "held": 0,
                }
            )
    await transaction.run_many(insert_lots, rows)


async def _count_days(transaction: Transaction, card_id: UUID, entries: Sequence[Entry]) -> None:
    """Points that count for tiers, by the day on which they count."""
    counted: dict[tuple[str, date], list[int]] = defaultdict(list)
    for entry in entries:
        if entry.draft.entry_type in COUNTING:
            counted[entry.draft.reward_point, entry.draft.counts_on].append(
                entry.draft.points_units
            )
    known = {
        (row.reward_point, row.entry_date): row
        for row in await transaction.each(countable_days_of, [card_id])
    }
    for (point, day), points in counted.items():
        row = known.get((point, day)) or CountableDayRow(card_id, point, day, 0, positive=False)
        total, positive = row.points + sum(points), row.positive or any(p > 0 for p in points)
        _check_balance(total)
        if (point, day) in known:
            await transaction.run(
                change_countable_day,
                of_card=card_id,
                of_point=point,
                of_day=day,
                points=total,
                positive=positive,
            )
        else:
            written = row._replace(points=total, positive=positive)
            await transaction.run(insert_countable_day, **written._asdict())


async def _keep_balances(
    transaction: Transaction, card: CardRow, entries: Sequence[Entry], today: date
) -> None:
    days = await _add_points_days(transaction, card.card_id, entries)
    known = {row.reward_point: row for row in await transaction.each(balances_of, [card.card_id])}
    as_of = max(today, card.last_entry_on or today)
    for point in dict.fromkeys(entry.draft.reward_point for entry in entries):
        drafts = [entry.draft for entry in entries if entry.draft.reward_point == point]
        row = balance_after(card.card_id, point, known.get(point), drafts, days[point], as_of)
        if point in known:
            await transaction.run(
                change_balance,
                of_card=row.card_id,
                of_point=point,
                **{name: value for name, value in row._asdict().items() if name not in _KEYS},
            )
        else:
            await transaction.run(insert_balance, **row._asdict())


_KEYS = frozenset({"card_id", "reward_point"})


def balance_after(
    card_id: UUID,
    point: str,
    before: BalanceRow | None,
    drafts: Sequence[Draft],
    days: Sequence[PointsDay],
    as_of: date,
) -> BalanceRow:
    """The cached balance after positive entries; `days` are all points by day of this reward point.

    Raises InvalidInput where a sum would pass 10^17 smallest units.
    """
    gained = sum(draft.points_units for draft in drafts if draft.entry_type in ISSUING)
    sums = Sums(
        issued=(before.issued if before else 0) + gained,
        used=before.used if before else 0,
        expired_written=before.expired_written if before else 0,
        debt=before.debt if before else 0,
    )
    now = totals(sums, days, before.as_of_from if before else as_of, as_of)
    _check_balance(*asdict(now).values())
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
        next_hold_lapse_at=None,
    )


async def _add_points_days(
    transaction: Transaction, card_id: UUID, entries: Sequence[Entry]
) -> dict[str, list[PointsDay]]:
    """Points by day after the entries' lots were added; by reward point."""
    rows = {
        (row.reward_point, row.vests_on, row.expires_on): row
        for row in await transaction.all(points_days_of_card, of_card=card_id)
    }
    added: dict[tuple[str, date, date], int] = defaultdict(int)
    for entry in entries:
        if entry.draft.points_units > 0:
            added[entry.draft.reward_point, *_lot_days(entry.draft)] += entry.draft.points_units
    for key, points in added.items():
        row = rows.get(key)
        if row is None:
            rows[key] = row = PointsDayRow(card_id, *key, remainder=points, held=0)
            await transaction.run(insert_points_day, **row._asdict())
        else:
            rows[key] = row = row._replace(remainder=row.remainder + points)
            _check_balance(row.remainder)
            await transaction.run(
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


def _points_posted(op_id: UUID, entries: Sequence[Entry]) -> Event:
    return Event(
        "pointsPosted", {"operation": str(op_id), "entries": [str(e.entry_id) for e in entries]}
    )
