"""Standings as the database has them: of one card with its kin, or of many alone.

Source: semantics 9.
"""

from asyncio import gather
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from models.balance_statements import CountableDayRow, countable_days_of
from models.card_statements import (
    CardRow,
    EnrolmentRow,
    StoredTierRow,
    cards_of,
    enrolments_of,
    tier_rows_of,
)
from models.customer_statements import cards_of_customers
from models.transactions import Reader
from resolvers import cards, customers, programs
from resolvers.books import History
from resolvers.context import Context
from resolvers.lineage import loaded_replaced_ids, replaced_ids
from resolvers.standings import Standing, has_kin, is_kin
from rules.book import RuleBook


async def countable_by_card(context: Context, ids: list[UUID]) -> list[Sequence[CountableDayRow]]:
    rows: dict[UUID, list[CountableDayRow]] = defaultdict(list)
    for row in await context.read.each(countable_days_of, ids):
        rows[row.card_id].append(row)
    return [rows[card_id] for card_id in ids]


async def _loaded_countable(context: Context, card: CardRow) -> list[CountableDayRow]:
    """Of the card and of those it replaced."""
    ids = [card.card_id, *await loaded_replaced_ids(context, card)]
    return [row for one in ids for row in await context.load(countable_by_card, one)]


async def standing(
    context: Context, card: CardRow, book: RuleBook | None = None
) -> Standing | None:
    """For queries: every part comes in one batch with those of the other cards. None without a
    configuration.
    """
    book = book or context.book
    if book is None:
        return None
    history = await context.service.books.history(context.read)
    own, *kin = await gather(
        *(
            _loaded_alone(context, one, book, history)
            for one in [card, *await _loaded_kin(context, card, history)]
        )
    )
    return replace(own, kin=tuple(kin))


async def _loaded_kin(context: Context, card: CardRow, history: History) -> list[CardRow]:
    if not has_kin(card, history) or card.customer_key is None:
        return []
    ids = await context.load(customers.card_ids_by_key, card.customer_key)
    rows = await gather(*(context.load(cards.rows_by_id, card_id) for card_id in ids))
    return [row for row in rows if row is not None and is_kin(row, card)]


async def _loaded_alone(
    context: Context, card: CardRow, book: RuleBook, history: History
) -> Standing:
    channel = await context.load(programs.channels_by_code, card.enrollment_source)
    return Standing(
        card,
        channel.time_zone if channel else "UTC",
        await context.load(cards.enrolments_by_card, card.card_id),
        await context.load(cards.tier_rows_by_card, card.card_id),
        await _loaded_countable(context, card),
        book,
        history,
    )


async def standing_in_unit(
    context: Context, reader: Reader, card: CardRow, book: RuleBook
) -> Standing:
    history = await context.service.books.history(reader)
    own = await _alone(context, reader, card, book, history)
    if not has_kin(card, history):
        return own
    held = await reader.each(cards_of_customers, [card.customer_key])
    rows = await reader.each(cards_of, [row.card_id for row in held])
    kin = [await _alone(context, reader, row, book, history) for row in rows if is_kin(row, card)]
    return replace(own, kin=tuple(kin))


async def standings_in_unit(
    context: Context, reader: Reader, cards: Sequence[CardRow], book: RuleBook
) -> list[Standing]:
    """Of many cards, in a statement a table where they count for themselves alone."""
    history = await context.service.books.history(reader)
    alone = [row for row in cards if row.replaces is None and not has_kin(row, history)]
    found = await standings_alone(context, reader, alone, book, history)
    return [
        found.get(row.card_id) or await standing_in_unit(context, reader, row, book)
        for row in cards
    ]


async def standings_alone(
    context: Context, reader: Reader, cards: Sequence[CardRow], book: RuleBook, history: History
) -> dict[UUID, Standing]:
    """By card, of such as count for themselves alone: without kin, and in no other's place."""
    keys = [row.card_id for row in cards]
    enrolments: dict[UUID, list[EnrolmentRow]] = defaultdict(list)
    for enrolment in await reader.each(enrolments_of, keys):
        enrolments[enrolment.card_id].append(enrolment)
    tiers: dict[UUID, list[StoredTierRow]] = defaultdict(list)
    for tier in await reader.each(tier_rows_of, keys):
        tiers[tier.card_id].append(tier)
    counted: dict[UUID, list[CountableDayRow]] = defaultdict(list)
    for one in await reader.each(countable_days_of, keys):
        counted[one.card_id].append(one)
    found = {}
    for row in cards:
        key = row.card_id
        zone = await _zone(context, reader, row)
        found[key] = Standing(row, zone, enrolments[key], tiers[key], counted[key], book, history)
    return found


async def _zone(context: Context, reader: Reader, card: CardRow) -> str:
    source = await context.service.books.last_with(
        reader, card.enrollment_source, lambda book: book.channels
    )
    return source.time_zone if source else "UTC"


async def _alone(
    context: Context, reader: Reader, card: CardRow, book: RuleBook, history: History
) -> Standing:
    return Standing(
        card,
        await _zone(context, reader, card),
        await reader.each(enrolments_of, [card.card_id]),
        await reader.each(tier_rows_of, [card.card_id]),
        await reader.each(countable_days_of, [card.card_id, *await replaced_ids(reader, card)]),
        book,
        history,
    )
