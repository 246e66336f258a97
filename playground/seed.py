"""The demo's data: its program, its members with their cards, and fourteen months of purchases.

All of it goes through the same resolvers as a caller's. Keys and content are the same each time,
so that a seed that was interrupted is completed by the next one, and a complete one stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from models.card_statements import CardRow
from playground.members import DEMO_CUSTOMER, HOLDERS, PEOPLE, Holder
from playground.purchases import MARKETS, Purchase, purchases
from resolvers import (
    card_changes,
    cards,
    configuration_versions,
    configurations,
    customer_changes,
    customers,
    enrolments,
    issuing,
    sale_lists,
    sale_views,
)
from resolvers.callers import Caller, Role
from resolvers.context import Context, Service, open_context
from resolvers.documents import load_document
from rules.errors import ConfigurationConflict

DOCUMENT = Path(__file__).with_name("demo.yaml")


@dataclass(frozen=True, slots=True)
class SeedSummary:
    """What the demo consists of; `added` is how many of the sales this seed posted."""

    customers: int
    cards: int
    sales: int
    customer_id: str
    card_number: str
    added: int


async def seed(service: Service) -> SeedSummary:
    """Fill an empty database with the demo; what is there stays.

    Raises ConfigurationConflict where the database has a program of its own.
    """
    context = await open_context(service, Caller(Role.ADMIN, "seed"), "seed")
    try:
        await _apply(context)
        card = await demo_card(context)
        planned = purchases(card.issued_at if card else service.clock())
        if card is None or await _is_incomplete(context, planned):
            return await _fill(context)
        return _summary(planned, card, added=0)
    finally:
        await context.read.close()


async def demo_card(context: Context) -> CardRow | None:
    """The demo member's first card that can be used."""
    key = await customers.find(context, DEMO_CUSTOMER)
    if key is None:
        return None
    (held,) = await customers.card_ids_by_key(context, [key])
    rows = await cards.rows_by_id(context, list(held))
    active = [row for row in rows if row is not None and row.status == "ACTIVE"]
    return min(active, key=lambda row: row.issued_at, default=None)


async def _apply(context: Context) -> None:
    if not await configuration_versions.count_versions(context):
        document = load_document(DOCUMENT.read_text(encoding="utf-8"))
        command = configurations.Apply(document, 0, "The demo's program.", process=True)
        await configurations.apply(context, command)
    if context.book is None or not set(MARKETS) <= set(context.book.channels):
        raise ConfigurationConflict(
            "The database has a program of its own: the demo needs an empty one."
        )


async def _is_incomplete(context: Context, planned: Sequence[Purchase]) -> bool:
    """Sales are posted in order, blocks after them: with the last sale everything is there."""
    last = planned[-1].sale
    return await sale_views.find(context, last.channel, last.transaction_id) is None


async def _fill(context: Context) -> SeedSummary:
    for person in PEOPLE:
        await customer_changes.upsert(
            context,
            customer_changes.Upsert(
                person.customer_id,
                frozenset({"name", "email", "affiliations"}),
                name=person.name,
                email=person.email,
                affiliations=person.affiliations,
            ),
        )
    issued = [await _issue(context, place, holder) for place, holder in enumerate(HOLDERS)]
    first = issued[0]
    for place, holder in enumerate(HOLDERS):
        await _enrol(context, place, holder, issued[place], first.issued_at)
    planned = purchases(first.issued_at)
    added = await _post(context, planned, issued)
    return _summary(planned, first, added)


def _summary(planned: Sequence[Purchase], card: CardRow, added: int) -> SeedSummary:
    return SeedSummary(len(PEOPLE), len(HOLDERS), len(planned), DEMO_CUSTOMER, card.number, added)


async def _issue(context: Context, place: int, holder: Holder) -> CardRow:
    """Without programs: an enrolment from today on would stand in the way of one from the past."""
    sequenced = (code for code in holder.channels if code != "CALL-US")
    command = issuing.Issue(
        channel=next(sequenced),
        customer_id=holder.customer,
        tender_type=holder.tender_type,
        programs=(),
    )
    outcome = await issuing.issue(context, f"seed-issue-{place}", command)
    (row,) = await cards.rows_by_id(context, [UUID(outcome.answer["card_id"])])
    if row is None:
        raise AssertionError
    return row


async def _enrol(
    context: Context, place: int, holder: Holder, card: CardRow, until: datetime
) -> None:
    joined_on = (until - timedelta(days=holder.joined_days_ago + 1)).date()
    for program in holder.programs:
        command = enrolments.Enrol(card.number, program, joined_on)
        await enrolments.enrol(context, f"seed-enrol-{place}-{program}", command)


async def _post(context: Context, planned: Sequence[Purchase], issued: Sequence[CardRow]) -> int:
    """How many sales were not there yet. The last sale comes after everything else."""
    numbers = dict(zip(HOLDERS, (card.number for card in issued), strict=True))
    commands = [replace(p.sale, card_number=numbers[p.holder]) for p in planned]
    before_last = await sale_lists.post_sales(context, commands[:-1])
    for place, holder in enumerate(HOLDERS):
        if holder.block_reason is not None:
            block = card_changes.Block(numbers[holder], holder.block_reason)
            await card_changes.block(context, f"seed-block-{place}", block)
    results = [*before_last, *await sale_lists.post_sales(context, commands[-1:])]
    for result in results:
        for error in result.errors:
            raise error
    return sum(result.posted is not None and not result.posted.replayed for result in results)
