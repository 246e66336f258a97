"""What a payment leaves: its row, holds or entries, and the pool that it drew on.

Source: semantics 8.5.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from models.payment_statements import PaymentRow
from resolvers.audits import Facts, audit_card
from resolvers.context import Context
from resolvers.outbox import Event
from resolvers.payment_books import Made, by_card, payment_row, redemptions, write_payment
from resolvers.pools import Pool
from resolvers.priced_carts import CartCommand, PricedCart
from resolvers.replays import Operation
from resolvers.writing import write
from rules.book import RuleBook
from rules.cover import Cover
from rules.lots import Taken, take
from rules.numbers import currency_digits, show_units
from rules.program import Channel
from rules.tender import Tender


@dataclass(frozen=True, slots=True)
class Pay:
    card_number: str
    cart: CartCommand
    order_id: str
    amount: Decimal
    capture: bool = True
    take_over_holds: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """A request that passed the checks before the card's."""

    command: Pay
    book: RuleBook
    channel: Channel
    cart: PricedCart
    amount_minor: int
    at: datetime
    on: date


@dataclass(frozen=True, slots=True)
class Decided:
    """What is paid, and what each card has available of each reward point to pay it with."""

    tender: Tender
    cover: Cover
    available: dict[str, dict[UUID, int]]


async def keep_payment(
    context: Context,
    operation: Operation,
    asked: Checked,
    pool: Pool,
    decided: Decided,
    payment_id: UUID,
    ended_ids: Iterable[UUID],
) -> None:
    transaction, tender, cover = operation.transaction, decided.tender, decided.cover
    taken = await _taken(pool, decided, asked.on)
    row = payment_row(
        pool.presented.card.card_id,
        payment_id,
        (asked.channel.code, asked.command.order_id),
        tender,
        cover,
        taken,
        asked.book,
        (asked.at, asked.on),
        operation.op_id,
        capture=asked.command.capture,
    )
    await write_payment(transaction, Made(row, tender, cover, tuple(taken)), pool.ledgers)
    for card_id, mine in by_card(taken).items():
        if asked.command.capture:
            steps = redemptions(row, mine, cover, asked.book.reward_points)
            await pool.ledgers[card_id].add(steps)
        else:
            pool.ledgers[card_id].reserve(mine, asked.book.version)
    await write_pool(pool, operation.op_id, "payWithLoyalty", *ended_ids, payment_id)
    await audit_card(
        context,
        transaction,
        row.card_id,
        "payWithLoyalty",
        pool.presented.now,
        after=_facts(row),
    )


def _facts(row: PaymentRow) -> Facts:
    amount = show_units(row.amount_minor, currency_digits(row.currency))
    return {"payment": str(row.payment_id), "amount": amount, "currency": row.currency}


async def _taken(pool: Pool, decided: Decided, on: date) -> list[Taken]:
    """From which lots, in the order of consumption."""
    taken: list[Taken] = []
    for code in decided.cover.reward_points:
        units = decided.cover.points_units(code)
        taken += take(await pool.lots(code, units, on), units, on, decided.available[code])
    return taken


async def write_pool(pool: Pool, op_id: UUID, kind: str, *payment_ids: UUID) -> None:
    """Write every ledger in the order of the locks; each card is told of the payments."""
    events = [Event("paymentChanged", {"payment": str(one)}) for one in payment_ids]
    for ledger in pool.ledgers.values():
        await write(ledger, op_id, kind, events)
