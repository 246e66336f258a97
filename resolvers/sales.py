"""Posting sales: form, channel, currency, card, till, affiliations, payments; then the rules; then
one transaction.

Source: semantics 5.6, 12.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from models.card_statements import CardRow
from models.failures import ChangedMeanwhile
from models.sale_statements import SaleRow, claim_sale
from models.transactions import Transaction
from resolvers import tills
from resolvers.audits import Facts, audit, audit_card
from resolvers.callers import check_channel
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.identifiers import content_hash
from resolvers.judging import judge_sale
from resolvers.kin import lock_with_kin
from resolvers.paid_sales import PaidLines, paid_lines, use_up
from resolvers.programs import known_channel
from resolvers.queues import queue, queued_facts
from resolvers.sale_earnings import SaleEarnings, post_earnings
from resolvers.sale_keys import key_faults, posted_before, sale_key
from resolvers.sale_records import SaleRecord, notes_json, write_sale
from resolvers.tenders import items_of
from rules.book import RuleBook
from rules.earning import EarningFacts
from rules.errors import ChannelInactive, CurrencyMismatch, InvalidInput, Refused
from rules.lines import Charge, ChargeInput, Line, LineInput, check_lines
from rules.notes import Note, NoteCode
from rules.numbers import is_currency
from rules.program import Channel
from rules.tender import Item


@dataclass(frozen=True, slots=True)
class PostSale:
    channel: str
    transaction_id: str
    occurred_at: datetime
    currency: str
    lines: tuple[LineInput, ...]
    charges: tuple[ChargeInput, ...] = ()
    card_number: str | None = None
    customer_id: str | None = None
    affiliations: tuple[str, ...] = ()
    # None: an id that is malformed.
    loyalty_payments: tuple[UUID | None, ...] = ()


@dataclass(frozen=True, slots=True)
class PostedSale:
    sale_key: bytes
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Sale:
    """A sale that passed its checks, ready to be judged and written."""

    command: PostSale
    row: SaleRow
    book: RuleBook
    channel: Channel
    card: CardRow | None
    affiliations: frozenset[str]
    lines: tuple[Line, ...]
    charges: tuple[Charge, ...]
    paid: PaidLines
    now: datetime

    @property
    def items(self) -> tuple[Item, ...]:
        taxed = self.channel.prices_include_tax
        return items_of(self.lines, self.charges, prices_include_tax=taxed)


async def post_sale(context: Context, command: PostSale) -> PostedSale:
    """Post the sale once; sent again with equal content it answers as the first time.

    Raises Refused, IdempotencyKeyReused, or the first LoyaltyError of semantics 5.6's checks.
    """
    lines, charges = _check_form(context, command)
    check_channel(context.caller, command.channel, ("channel",))
    key = sale_key(command.channel, command.transaction_id)
    # The lines as judged: amounts by value; lists of codes as sets.
    rest = replace(command, lines=(), charges=(), affiliations=(), loyalty_payments=())
    codes = (frozenset(command.affiliations), frozenset(command.loyalty_payments))
    content = content_hash((rest, lines, charges, *codes))

    async def unit(transaction: Transaction, _book: RuleBook | None) -> PostedSale:
        if await posted_before(transaction, key, content):
            return PostedSale(key, replayed=True)
        sale = await _checked(context, transaction, command, lines, charges, (key, content))
        if not await transaction.run(claim_sale, **sale.row._asdict()):
            await posted_before(transaction, key, content)
            return PostedSale(key, replayed=True)
        await _post(context, transaction, sale)
        return PostedSale(key, replayed=False)

    return await context.unit(unit)


def _check_form(context: Context, command: PostSale) -> tuple[tuple[Line, ...], tuple[Charge, ...]]:
    faults = key_faults(context, command.transaction_id, command.occurred_at)
    faults += tills.payment_id_faults(command.loyalty_payments)
    judged: tuple[tuple[Line, ...], tuple[Charge, ...]] = ((), ())
    if is_currency(command.currency):
        try:
            judged = check_lines(command.lines, command.charges, command.currency)
        except Refused as refused:
            faults += refused.errors
    else:
        faults.append(InvalidInput("There is no such currency.", ("currency",)))
    if faults:
        raise Refused(faults)
    return judged


async def _checked(
    context: Context,
    transaction: Transaction,
    command: PostSale,
    lines: tuple[Line, ...],
    charges: tuple[Charge, ...],
    hashes: tuple[bytes, bytes],
) -> _Sale:
    book = await context.service.books.at(transaction, command.occurred_at)
    channel = _channel(book, command)
    if book is None:
        raise AssertionError
    card = (
        await tills.earning(context, transaction, command.card_number, command.occurred_at)
        if command.card_number is not None
        else None
    )
    customer_key = await tills.named_customer(context, transaction, command.customer_id)
    tills.check_till(channel, card, customer_key)
    for fault in tills.affiliation_faults(book, command.affiliations):
        raise fault
    now = context.service.clock()
    paid = await paid_lines(transaction, command.loyalty_payments, card, channel.currency, now)
    row = SaleRow(
        sale_key=hashes[0],
        kind="SALE",
        channel=channel.code,
        transaction_id=command.transaction_id,
        content_hash=hashes[1],
        occurred_at=command.occurred_at,
        posted_at=now,
        entry_date=civil_date(command.occurred_at, channel.time_zone),
        currency=channel.currency,
        card_id=card.card_id if card else None,
        original_key=None,
        configuration_version=book.version,
    )
    held = await tills.held_affiliations(transaction, customer_key, card, command.affiliations)
    return _Sale(command, row, book, channel, card, held, lines, charges, paid, now)


def _channel(book: RuleBook | None, command: PostSale) -> Channel:
    """The channel as of the version that counts; one that this version did not have yet is unknown
    to it.
    """
    channel = known_channel(book, command.channel, ("channel",))
    if not channel.active:
        raise ChannelInactive("This channel is not active.", ("channel",))
    if command.currency != channel.currency:
        raise CurrencyMismatch("This is not the channel's currency.", ("currency",))
    return channel


async def _post(context: Context, transaction: Transaction, sale: _Sale) -> None:
    settings = sale.book.configuration.settings
    if settings.post_earned_points_in_batches and sale.card is not None:
        await _queue(context, transaction, sale)
        return
    card, paid = await _locked(context, transaction, sale)
    judged = await judge_sale(
        context,
        transaction,
        sale.book,
        sale.channel,
        card,
        sale.affiliations,
        sale.lines,
        sale.row.entry_date,
        civil_date(sale.now, sale.channel.time_zone),
        sale.items,
        paid,
    )
    programs = judged.programs(sale.book)
    notes = notes_json(judged.earned.notes)
    await _write_sale(transaction, sale, judged.facts, notes, programs)
    await use_up(transaction, paid, sale.items)
    await _audit(context, transaction, sale)
    if card is not None:
        asked = SaleEarnings(sale.row, sale.book, card, sale.now)
        await post_earnings(context, transaction, asked, judged)


async def _queue(context: Context, transaction: Transaction, sale: _Sale) -> None:
    """Keep what the sale is judged by; the job posts what it earns. Source: semantics 12."""
    _, paid = await _locked(context, transaction, sale)
    on, held = sale.row.entry_date, sale.affiliations
    facts = queued_facts(sale.channel, on, held, sale.lines, sale.items, paid)
    await _write_sale(transaction, sale, facts, notes_json([Note(NoteCode.QUEUED)]))
    await use_up(transaction, paid, sale.items)
    await _audit(context, transaction, sale)
    await queue(transaction, sale.row)


async def _write_sale(
    transaction: Transaction,
    sale: _Sale,
    facts: EarningFacts,
    notes: str,
    programs: tuple[str, ...] = (),
) -> None:
    payments = tuple(dict.fromkeys(sale.command.loyalty_payments))
    record = SaleRecord(sale.row, sale.lines, sale.charges, payments, programs)
    await write_sale(transaction, record, facts, notes)


async def _locked(
    context: Context, transaction: Transaction, sale: _Sale
) -> tuple[CardRow | None, PaidLines]:
    """The sale's card and the cards of its payments under their locks.

    Raises ChangedMeanwhile if another card has taken the sale's card's place meanwhile.
    """
    found = [sale.card] if sale.card else []
    rows = await lock_with_kin(context, transaction, found, others=sale.paid.cards)
    card = rows[sale.card.card_id] if sale.card else None
    if card is not None and sale.card is not None and card.replaced_by != sale.card.replaced_by:
        raise ChangedMeanwhile
    # What was checked before the locks is read again under them.
    ids = sale.command.loyalty_payments
    paid = await paid_lines(transaction, ids, card, sale.row.currency, sale.now)
    return card, paid


async def _audit(context: Context, transaction: Transaction, sale: _Sale) -> None:
    row = sale.row
    after: Facts = {"channel": row.channel, "transactionId": row.transaction_id}
    if row.card_id is None:
        await audit(context, transaction, "postSale", sale.now, after=after)
    else:
        await audit_card(context, transaction, row.card_id, "postSale", sale.now, after=after)
