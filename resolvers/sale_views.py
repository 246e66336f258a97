"""Sales as callers see them: by natural key, with lines, charges, notes and the entries they
made.
"""

import json
from asyncio import gather
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

from models.ledger_statements import EntryRow
from models.payment_statements import PaymentRow
from models.sale_statements import (
    SaleChargeRow,
    SaleLineRow,
    SaleRow,
    returns_of,
    sale_charges_of,
    sale_facts_of,
    sale_lines_of,
    sales_of,
)
from resolvers import customers, payment_views, transactions
from resolvers.callers import Role
from resolvers.cards import rows_by_id
from resolvers.context import Context
from resolvers.identifiers import operation_id
from resolvers.lineage import loaded_replaced_ids
from resolvers.sale_keys import sale_key
from rules.notes import Note, NoteCode

LinePoints: TypeAlias = Mapping[int | None, Mapping[str, int]]
"""Points in units by reward point, by the number of the line."""


async def rows_by_key(context: Context, keys: list[bytes]) -> list[SaleRow | None]:
    rows = {row.sale_key: row for row in await context.read.each(sales_of, keys)}
    return [rows.get(key) for key in keys]


async def lines_by_key(context: Context, keys: list[bytes]) -> list[Sequence[SaleLineRow]]:
    rows: dict[bytes, list[SaleLineRow]] = defaultdict(list)
    for row in await context.read.each(sale_lines_of, keys):
        rows[row.sale_key].append(row)
    return [rows[key] for key in keys]


async def charges_by_key(context: Context, keys: list[bytes]) -> list[Sequence[SaleChargeRow]]:
    rows: dict[bytes, list[SaleChargeRow]] = defaultdict(list)
    for row in await context.read.each(sale_charges_of, keys):
        rows[row.sale_key].append(row)
    return [rows[key] for key in keys]


async def notes_by_key(context: Context, keys: list[bytes]) -> list[tuple[Note, ...]]:
    """What each sale was told when it was posted."""
    rows = {row.sale_key: row.notes for row in await context.read.each(sale_facts_of, keys)}
    return [
        tuple(
            Note(NoteCode(code), scheme, rule)
            for code, scheme, rule in json.loads(rows.get(key, "[]"))
        )
        for key in keys
    ]


async def payments_by_key(context: Context, keys: list[bytes]) -> list[tuple[UUID, ...]]:
    """The payments with points that each sale named."""
    rows = {row.sale_key: row.facts for row in await context.read.each(sale_facts_of, keys)}
    return [
        tuple(UUID(one) for one in json.loads(rows.get(key, "{}")).get("payments", ()))
        for key in keys
    ]


async def returns_by_key(context: Context, keys: list[bytes]) -> list[Sequence[SaleRow]]:
    rows: dict[bytes, list[SaleRow]] = defaultdict(list)
    for row in await context.read.each(returns_of, keys):
        if row.original_key is not None:
            rows[row.original_key].append(row)
    return [rows[key] for key in keys]


async def find(context: Context, channel: str, transaction_id: str) -> SaleRow | None:
    """The sale or return, where the caller may see it."""
    return await by_key(context, sale_key(channel, transaction_id))


async def by_key(context: Context, key: bytes) -> SaleRow | None:
    row = await context.load(rows_by_key, key)
    return row if row is not None and await may_see(context, row) else None


async def may_see(context: Context, sale: SaleRow) -> bool:
    """A customer sees what its own cards bought, a storefront what its channels sold."""
    if context.caller.role is Role.PARTNER:
        return False
    if context.caller.role is not Role.CUSTOMER:
        return context.caller.reaches(sale.channel)
    own = await customers.own_key(context)
    card = await context.load(rows_by_id, sale.card_id) if sale.card_id else None
    return own is not None and card is not None and card.customer_key == own


async def entries(context: Context, sale: SaleRow) -> Sequence[EntryRow]:
    """The ledger rows that the sale or return wrote, in the order of the book; of a return first
    what replaced cards bore of it.
    """
    if sale.card_id is None:
        return ()
    card = await context.load(rows_by_id, sale.card_id)
    before: Sequence[UUID] = ()
    if sale.kind == "RETURN" and card is not None:
        before = await loaded_replaced_ids(context, card)
    op_id = operation_id(sale.sale_key)
    found = await gather(
        *(
            context.load(transactions.entries_by_operation, (card_id, op_id))
            for card_id in (*reversed(before), sale.card_id)
        )
    )
    return [row for rows in found for row in rows]


async def payments(context: Context, sale: SaleRow) -> list[PaymentRow]:
    """The payments with points that the sale named, and that the caller may see."""
    ids = await context.load(payments_by_key, sale.sale_key)
    found = await gather(*(payment_views.find(context, payment_id) for payment_id in ids))
    return [row for row in found if row is not None]


async def earned_by_line(context: Context, sales: list[SaleRow]) -> list[LinePoints]:
    """What the lines of each sale earned: told once for all of them, as they may be a thousand."""
    written = await gather(*(entries(context, sale) for sale in sales))
    return [
        _by_line(
            (row.line_number, row.reward_point, row.points)
            for row in rows
            if row.entry_type == "EARN"
        )
        for rows in written
    ]


async def redeemed_by_line(context: Context, sales: list[SaleRow]) -> list[LinePoints]:
    """What points paid of the lines of each sale."""
    return await gather(*(_redeemed(context, sale) for sale in sales))


async def _redeemed(context: Context, sale: SaleRow) -> LinePoints:
    keys = [(row.card_id, row.payment_id) for row in await payments(context, sale)]
    found = await gather(*(context.load(payment_views.slices, key) for key in keys))
    return _by_line(
        (one.line_number, one.reward_point, one.points)
        for slices in found
        for one in slices
        if one.points
    )


def _by_line(parts: Iterable[tuple[int | None, str, int]]) -> LinePoints:
    sums: dict[int | None, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for line_number, reward_point, units in parts:
        sums[line_number][reward_point] += units
    return sums
