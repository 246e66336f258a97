"""Taking back what a sale earned: from which card, how much of each entry, and from which lots.

Source: semantics 7.1.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from models.card_statements import CardRow
from models.failures import ChangedMeanwhile
from models.ledger_statements import EntryRow, entries_of_operations
from models.sale_statements import SaleRow, change_sale_card, sale_facts_of
from models.transactions import Transaction
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.identifiers import operation_id
from resolvers.kin import lock_with_kin
from resolvers.ledgers import CardLedger, open_ledger
from resolvers.lineage import earned_on, moved_lot, successors
from resolvers.point_books import Step
from resolvers.pools import ledger_of
from resolvers.postings import Posted
from resolvers.reward_counts import count_sale
from resolvers.standings import Standing
from resolvers.stored_standings import standing_in_unit
from resolvers.winning_tiers import win_tiers
from resolvers.writing import write
from rules import lots, returns
from rules.book import RuleBook
from rules.earning import CardFacts, EarningFacts
from rules.errors import InvalidInput
from rules.ledger import Draft, Entry, EntryType, Origin, Reason
from rules.lots import Lot, Taken
from rules.program_terms import ReturnDeducts
from rules.returns import Booked, Part, SoldLine


@dataclass(frozen=True, slots=True)
class Return:
    """A return under its key: its sale, the book in force when the goods came back, today's."""

    row: SaleRow
    sale: SaleRow
    book: RuleBook
    effective: RuleBook


async def take_back(
    context: Context,
    transaction: Transaction,
    returned: Return,
    sold: Sequence[SoldLine],
    now: Sequence[Part],
) -> UUID | None:
    """Take back what the parts earned; gives the card that bears it, if the sale had one.

    The settings in force at the sale decide how, and from which lots.
    """
    sale = returned.sale
    if sale.card_id is None:
        return None
    chain = await _locked(context, transaction, sale.card_id)
    card = chain[-1]
    if card.card_id != sale.card_id:
        key = returned.row.sale_key
        await transaction.run(change_sale_card, of_sale=key, card_id=card.card_id)
    book = await context.service.books.version(transaction, sale.configuration_version)
    taken = await _taken(transaction, returned, book, sold, now)
    if returns.is_whole(sold, now):
        (stored,) = await transaction.each(sale_facts_of, [sale.sale_key])
        programs = json.loads(stored.facts).get("qualified", ())
        await count_sale(transaction, card.card_id, programs, by=-1)
    standing = await standing_in_unit(context, transaction, card, returned.effective)
    before: tuple[Entry, ...] = ()
    for replaced in chain[:-1]:
        taken, written = await _from_replaced(context, transaction, returned, replaced, taken)
        before += written
    if taken or before:
        order = book.configuration.settings.return_deducts
        posted = await _write(context, transaction, returned, standing, taken, order)
        posted = replace(posted, entries=(*before, *posted.entries))
        today = civil_date(returned.row.posted_at, standing.time_zone)
        # What was taken on the cards before counts for the newest too.
        await win_tiers(context, transaction, posted, standing, today)
    return card.card_id


async def _locked(context: Context, transaction: Transaction, card_id: UUID) -> list[CardRow]:
    """The card and those that took its place, newest last, locked with those whose tiers that one
    shares.
    """
    chain = await successors(transaction, card_id)
    before = [row.card_id for row in chain[:-1]]
    rows = await lock_with_kin(context, transaction, chain[-1:], others=before)
    locked = [rows[row.card_id] for row in chain]
    if locked[-1].replaced_by is not None:
        raise ChangedMeanwhile
    return locked


async def _from_replaced(
    context: Context,
    transaction: Transaction,
    returned: Return,
    card: CardRow,
    taken: Sequence[Booked],
) -> tuple[tuple[Booked, ...], tuple[Entry, ...]]:
    """Take what stayed on a replaced card because it had expired, from the own lots alone.

    Gives what is still to take, of the lots that the replacement made on the next card, and the
    entries of this one.
    """
    ledger = await ledger_of(context, transaction, card, returned.row.posted_at)
    rest = []
    for one in taken:
        point = await context.service.books.reward_point(transaction, one.reward_point)
        lot = (await ledger.reopen(point, ledger.today, [one.lot_id])).lots.get(one.lot_id)
        units = min(one.units, lot.free) if lot else 0
        if lot is not None and units:
            part = returns.part_of(one, units, point)
            await ledger.add([Step(_draft(returned.row, part), (Taken(lot, units),))])
        if one.units > units:
            left = returns.part_of(one, one.units - units, point)
            own = await moved_lot(transaction, card, one.lot_id)
            rest.append(replace(left, lot_id=own or one.lot_id))
    if not ledger.steps:
        return tuple(rest), ()
    posted = await write(ledger, operation_id(returned.row.sale_key), "return")
    return tuple(rest), posted.entries


async def _taken(
    transaction: Transaction,
    returned: Return,
    book: RuleBook,
    sold: Sequence[SoldLine],
    now: Sequence[Part],
) -> tuple[Booked, ...]:
    settings = book.configuration.settings
    booked = await _booked(transaction, returned.sale)
    if settings.post_points_per_sales_line:
        taken = returns.taken_by_line(booked, now, book.reward_points)
    else:
        facts = await _facts(transaction, returned, now)
        taken = _recomputed(booked, facts, returned.book)
    if settings.return_transaction_count_points and returns.is_whole(sold, now):
        taken += returns.taken_for_counts(booked, book)
    return taken


def _recomputed(
    booked: Sequence[Booked], facts: EarningFacts, book: RuleBook
) -> tuple[Booked, ...]:
    try:
        return returns.recomputed(booked, facts, book)
    except InvalidInput as beyond:
        beyond.field = ("lines",)
        raise


async def _booked(transaction: Transaction, sale: SaleRow) -> list[Booked]:
    """What rules gave for the sale, in the order of the book of the card that earned."""
    written = await transaction.each(
        entries_of_operations, [operation_id(sale.sale_key)], of_card=sale.card_id
    )
    return [
        _booking(entry)
        for entry in written
        # One-time rewards have no scheme, and are never taken back.
        if entry.entry_type == EntryType.EARN and entry.scheme is not None
    ]


def _booking(entry: EntryRow) -> Booked:
    return Booked(
        lot_id=entry.entry_id,
        reward_point=entry.reward_point,
        units=entry.points,
        counts_on=entry.entry_date,
        program=entry.program,
        tier=entry.tier,
        line_number=entry.line_number,
        reason=Reason(
            entry.configuration_version, entry.scheme, entry.rule, entry.computed, entry.formula
        ),
    )


async def _facts(transaction: Transaction, returned: Return, now: Sequence[Part]) -> EarningFacts:
    """The sale's stored facts, with the parts that come back for lines; nothing is cut."""
    sale = returned.sale
    (row,) = await transaction.each(sale_facts_of, [sale.sale_key])
    stored = json.loads(row.facts)
    return EarningFacts(
        channel=sale.channel,
        on=returned.row.entry_date,
        card=CardFacts(
            active=bool(stored["active"]),
            programs=frozenset(stored["programs"]),
            tiers=stored["tiers"],
        ),
        affiliations=frozenset(stored["affiliations"]),
        room={},
        currency=sale.currency,
        lines=tuple(part.earning_line() for part in now),
    )


async def _write(
    context: Context,
    transaction: Transaction,
    returned: Return,
    standing: Standing,
    taken: Sequence[Booked],
    order: ReturnDeducts,
) -> Posted:
    """The posting of the newest card; it has no entry where the cards before bore everything."""
    zone, randomness = standing.time_zone, context.service.randomness
    ledger = await open_ledger(transaction, standing.card, returned.row.posted_at, zone, randomness)
    try:
        await ledger.add(await _steps(context, ledger, returned, taken, order))
        return await write(ledger, operation_id(returned.row.sale_key), "return")
    except InvalidInput as beyond:
        beyond.field = ("lines",)
        raise


async def _steps(
    context: Context,
    ledger: CardLedger,
    returned: Return,
    taken: Sequence[Booked],
    order: ReturnDeducts,
) -> list[Step]:
    """One entry after another, each from what those before it left of the lots."""
    row = returned.row
    left: dict[str, dict[UUID, Lot]] = {}
    steps = []
    for one in taken:
        if one.reward_point not in left:
            books = context.service.books
            point = await books.reward_point(ledger.transaction, one.reward_point)
            ids = [other.lot_id for other in taken if other.reward_point == point.code]
            book = await ledger.reopen(point, row.entry_date, ids)
            left[point.code] = await _as_earned(ledger, book.lots, row.entry_date)
        own = left[one.reward_point]
        borne = lots.take_back(own, one.lot_id, one.units, row.entry_date, order)
        for part in borne.taken:
            own[part.lot.lot_id] = own[part.lot.lot_id].less(part.units)
        steps.append(Step(_draft(row, one), borne.taken, borne.debt_units))
    return steps


async def _as_earned(ledger: CardLedger, stock: Mapping[UUID, Lot], on: date) -> dict[UUID, Lot]:
    """The lots, those that a replacement has moved to the card since the day with the entry date
    of their earning: it is that which tells whether they were there, unvested, on the day.
    """
    later = [key for key, lot in stock.items() if on < min(lot.entry_date, lot.vests_on)]
    days = await earned_on(ledger.transaction, ledger.card, later)
    return {
        key: replace(lot, entry_date=days.get(key, lot.entry_date)) for key, lot in stock.items()
    }


def _draft(row: SaleRow, taken: Booked) -> Draft:
    return Draft(
        entry_type=EntryType.RETURN_EARNED,
        reward_point=taken.reward_point,
        points_units=-taken.units,
        entry_date=row.entry_date,
        counts_on=taken.counts_on,
        occurred_at=row.occurred_at,
        vests_on=None,
        expires_on=None,
        origin=Origin(
            channel=row.channel,
            program=taken.program,
            tier=taken.tier,
            transaction_id=row.transaction_id,
            line_number=taken.line_number,
        ),
        reason=taken.reason,
    )
