"""Posting returns: form, channel, the sale, its lines; then what goes back; then one transaction.

Locked in this order: the return's key, the sale's row, the card. Source: semantics 7.1, 12.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.sale_statements import (
    SaleLineRow,
    SaleRow,
    change_returned_quantity,
    claim_sale,
    insert_sale_facts,
    insert_sale_lines,
    locked_sale,
    sale_facts_of,
    sale_lines_of,
    sales_of,
)
from models.transactions import Transaction
from resolvers.audits import Facts, audit, audit_card
from resolvers.callers import check_channel
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.identifiers import content_hash
from resolvers.programs import known_channel
from resolvers.queues import earning_lines, queue, returned_facts
from resolvers.sale_keys import key_faults, posted_before, sale_key
from resolvers.sale_records import notes_json
from resolvers.sales import PostedSale
from resolvers.taking_back import Return, take_back
from rules.book import RuleBook
from rules.errors import ChannelInactive, InvalidInput, Refused, TransactionNotFound
from rules.notes import Note, NoteCode
from rules.program import Channel
from rules.returns import Part, ReturnLine, SoldLine, form_faults, parts


@dataclass(frozen=True, slots=True)
class PostReturn:
    channel: str
    transaction_id: str
    occurred_at: datetime
    original_channel: str
    original_transaction_id: str
    lines: tuple[ReturnLine, ...]


async def post_return(context: Context, command: PostReturn) -> PostedSale:
    """Take goods back once; sent again with equal content it answers as the first time.

    It is never refused for lack of points. Raises Refused, IdempotencyKeyReused, Forbidden,
    ChannelNotFound, ChannelInactive, TransactionNotFound, InvalidInput, ReturnExceedsSold.
    """
    _check_form(context, command)
    check_channel(context.caller, command.channel, ("channel",))
    key = sale_key(command.channel, command.transaction_id)
    content = content_hash(command)

    async def unit(transaction: Transaction, effective: RuleBook | None) -> PostedSale:
        if await posted_before(transaction, key, content):
            return PostedSale(key, replayed=True)
        book = await context.service.books.at(transaction, command.occurred_at)
        channel = _channel(book, command)
        if book is None or effective is None:
            raise AssertionError
        sale = await _original(transaction, command)
        row = _row(context, command, channel, book, sale, (key, content))
        if not await transaction.run(claim_sale, **row._asdict()):
            await posted_before(transaction, key, content)
            return PostedSale(key, replayed=True)
        await _post(context, transaction, command, Return(row, sale, book, effective))
        return PostedSale(key, replayed=False)

    return await context.unit(unit)


def _check_form(context: Context, command: PostReturn) -> None:
    faults = [
        *key_faults(context, command.transaction_id, command.occurred_at),
        *form_faults(command.lines),
    ]
    if faults:
        raise Refused(faults)


def _channel(book: RuleBook | None, command: PostReturn) -> Channel:
    """The channel as of the version in force when the goods came back."""
    channel = known_channel(book, command.channel, ("channel",))
    if not channel.active:
        raise ChannelInactive("This channel is not active.", ("channel",))
    return channel


async def _original(transaction: Transaction, command: PostReturn) -> SaleRow:
    """The sale, of whatever channel: goods may come back elsewhere."""
    key = sale_key(command.original_channel, command.original_transaction_id)
    rows = await transaction.each(sales_of, [key])
    if not rows or rows[0].kind != "SALE":
        raise TransactionNotFound("There is no such sale.", ("originalTransactionId",))
    if command.occurred_at < rows[0].occurred_at:
        raise InvalidInput("This is earlier than the sale.", ("occurredAt",))
    return rows[0]


def _row(
    context: Context,
    command: PostReturn,
    channel: Channel,
    book: RuleBook,
    sale: SaleRow,
    hashes: tuple[bytes, bytes],
) -> SaleRow:
    return SaleRow(
        sale_key=hashes[0],
        kind="RETURN",
        channel=channel.code,
        transaction_id=command.transaction_id,
        content_hash=hashes[1],
        occurred_at=command.occurred_at,
        posted_at=context.service.clock(),
        entry_date=civil_date(command.occurred_at, channel.time_zone),
        currency=sale.currency,
        card_id=sale.card_id,
        original_key=sale.sale_key,
        configuration_version=book.version,
    )


async def _post(
    context: Context, transaction: Transaction, command: PostReturn, returned: Return
) -> None:
    await transaction.first(locked_sale, of_sale=returned.sale.sale_key)
    rows = await transaction.each(sale_lines_of, [returned.sale.sale_key])
    sold = await sold_lines(transaction, returned.sale, rows)
    now = parts(command.lines, sold)
    await _write_lines(transaction, returned.row, rows, now)
    card_id = await _take_back(context, transaction, returned, sold, now)
    facts: Facts = {"channel": command.channel, "transactionId": command.transaction_id}
    if card_id is None:
        await audit(context, transaction, "postReturn", returned.row.posted_at, after=facts)
    else:
        await audit_card(
            context, transaction, card_id, "postReturn", returned.row.posted_at, after=facts
        )


async def _take_back(
    context: Context,
    transaction: Transaction,
    returned: Return,
    sold: Sequence[SoldLine],
    now: Sequence[Part],
) -> UUID | None:
    """At once, or by the batch where the sale was made under that setting (semantics 12)."""
    sale, row = returned.sale, returned.row
    book = await context.service.books.version(transaction, sale.configuration_version)
    if sale.card_id is None or not book.configuration.settings.post_earned_points_in_batches:
        return await take_back(context, transaction, returned, sold, now)
    facts, notes = returned_facts(sold, now), notes_json([Note(NoteCode.QUEUED)])
    await transaction.run(insert_sale_facts, sale_key=row.sale_key, facts=facts, notes=notes)
    await queue(transaction, row)
    return sale.card_id


async def sold_lines(
    transaction: Transaction, sale: SaleRow, rows: Sequence[SaleLineRow]
) -> list[SoldLine]:
    """The sale's lines, less what points paid of them (semantics 5.4)."""
    (stored,) = await transaction.each(sale_facts_of, [sale.sale_key])
    return [
        SoldLine(
            line_number=row.line_number,
            products=line.products,
            categories=line.categories,
            quantity=row.quantity,
            returned=row.returned_quantity,
            net_minor=line.net_minor,
            counted=line.quantity,
        )
        for row, line in zip(rows, earning_lines(rows, json.loads(stored.facts)), strict=True)
    ]


async def _write_lines(
    transaction: Transaction, row: SaleRow, sold: Sequence[SaleLineRow], now: Sequence[Part]
) -> None:
    """The return's own lines, and on the sale's how much of them is back."""
    by_number = {line.line_number: line for line in sold}
    await transaction.run_many(
        insert_sale_lines,
        [_line(row.sale_key, by_number[part.line.line_number], part)._asdict() for part in now],
    )
    await transaction.run_many(
        change_returned_quantity,
        [
            {
                "of_sale": row.original_key,
                "of_line": part.line.line_number,
                "returned_quantity": part.returned,
            }
            for part in now
        ],
    )


def _line(key: bytes, sold: SaleLineRow, part: Part) -> SaleLineRow:
    return sold._replace(
        sale_key=key,
        quantity=part.quantity,
        returned_quantity=0,
        discount_minor=part.money(sold.discount_minor),
        tax_minor=part.money(sold.tax_minor),
        net_minor=part.money(sold.net_minor),
    )
