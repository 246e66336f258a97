"""Tiers that a posting wins, for its card and those combined with it; and those that time has
brought, written down.

Source: semantics 9.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from models.card_statements import CardRow, cards_of
from models.transactions import Transaction
from resolvers.clock import civil_date
from resolvers.context import Context
from resolvers.outbox import Event
from resolvers.postings import Posted, tell
from resolvers.standings import Standing
from resolvers.stored_standings import standing_in_unit
from resolvers.tiers import is_combined, joining, judge, replay_of, write_rows
from rules.book import RuleBook
from rules.ledger import COUNTING
from rules.tiers import Moment


async def win_tiers(
    context: Context, transaction: Transaction, posted: Posted, before: Standing, today: date
) -> None:
    """Evaluate the programs whose tiers count what was posted, on the days on which it counts and
    at later countable days, where the card joined the program after it too; a negative entry never
    extends. `before`: as it stood without it.

    Where a program combines cards, what is won goes to each of the customer's, all of them locked.
    """
    counting = [entry.draft for entry in posted.entries if entry.draft.entry_type in COUNTING]
    if not counting:
        return
    days: dict[date, bool] = {}
    for draft in counting:
        days[draft.counts_on] = days.get(draft.counts_on, False) or draft.points_units > 0
    first = min(days)
    points = {draft.reward_point for draft in counting}
    standing_now = await standing_in_unit(context, transaction, posted.card, before.book)
    programs = [
        program
        for program in sorted(standing_now.programs_from(first))
        if standing_now.book.judged_points(program) & points
    ]
    moments = [Moment(on, extends) for on, extends in days.items()]
    win = _Win(context, transaction, standing_now, moments)
    events = await win.judge(standing_now, before, programs, today)
    if events:
        card, at = posted.card, posted.card.last_posted_at
        await tell(transaction, card, events, at, context.service.randomness)
    await _win_of_kin(win, standing_now, before, programs, posted.card.last_posted_at)


@dataclass(frozen=True, slots=True)
class _Win:
    """Moments at which something was posted that counts, and the card that it was posted on."""

    context: Context
    transaction: Transaction
    posted: Standing
    moments: Sequence[Moment]

    async def judge(
        self, now: Standing, before: Standing, programs: Iterable[str], today: date
    ) -> list[Event]:
        events: list[Event] = []
        for program in programs:
            events += await judge(
                self.transaction,
                now,
                program,
                replay_of(self.posted, now, program, self.moments),
                today,
                self.context.service.randomness,
                before.rows_until(program, today),
            )
        return events


async def _win_of_kin(
    win: _Win, now: Standing, before: Standing, programs: Sequence[str], at: datetime
) -> None:
    combined = [program for program in programs if is_combined(now, program)]
    if not combined:
        return
    stood = {one.card_id: one for one in before.others()}
    for other in now.others():
        today = civil_date(at, other.time_zone)
        events = await win.judge(other, stood[other.card_id], combined, today)
        if events:
            randomness = win.context.service.randomness
            await tell(win.transaction, other.card, events, at, randomness)


async def bring(
    context: Context,
    transaction: Transaction,
    rows: Iterable[CardRow],
    book: RuleBook,
    now: datetime,
) -> dict[UUID, CardRow]:
    """Write what time has brought to tiers of combined programs, before the cards that count for
    them become others; the cards' rows afterwards, by id. All are locked.
    """
    brought = {card.card_id: card for card in rows}
    history = await context.service.books.history(transaction)
    if not history.combined:
        return brought
    for card in [*brought.values()]:
        standing_now = await standing_in_unit(context, transaction, card, book)
        programs = sorted(history.combined)
        events = await write_brought(context, transaction, standing_now, programs, now)
        at = max(now, card.last_posted_at)
        if events:
            told = await tell(transaction, card, events, at, context.service.randomness)
            brought[card.card_id] = told
    return brought


async def bring_to_joined(
    context: Context,
    transaction: Transaction,
    card_ids: Iterable[UUID],
    book: RuleBook,
    now: datetime,
) -> None:
    """The same when another card counts with them, itself one of them: on days on which no tier was
    won, time may have brought one after all.
    """
    history = await context.service.books.history(transaction)
    if history.combined:
        await bring(context, transaction, await transaction.each(cards_of, [*card_ids]), book, now)


async def write_brought(
    context: Context,
    transaction: Transaction,
    standing_now: Standing,
    programs: Iterable[str],
    now: datetime,
) -> list[Event]:
    """Write the rows that time alone has brought to the card by now, and tell of them."""
    today = civil_date(now, standing_now.time_zone)
    events = []
    for program in programs:
        after = standing_now.rows_until(program, today)
        randomness = context.service.randomness
        if await write_rows(transaction, standing_now, program, after, randomness, after):
            events.append(Event("tierChanged", {"program": program}))
    return events


async def judge_together(
    context: Context,
    transaction: Transaction,
    standing_now: Standing,
    program: str,
    day: date,
    now: datetime,
) -> None:
    """Evaluate the customer's other cards, where the program combines them, on the day on which one
    has joined them and at later countable days; no posting, so nothing is extended by it.
    """
    if not is_combined(standing_now, program):
        return
    for other in standing_now.others():
        today = civil_date(now, other.time_zone)
        randomness = context.service.randomness
        asked = joining(other, program, day, today)
        events = await judge(transaction, other, program, asked, today, randomness)
        if events:
            at = max(now, other.card.last_posted_at)
            await tell(transaction, other.card, events, at, randomness)
