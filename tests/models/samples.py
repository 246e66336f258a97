"""Rows and small units of work that the tests of the door write with."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from models.card_statements import CardRow, cards_of, insert_card
from models.database import Database
from models.transactions import Transaction

NOW = datetime(2026, 3, 29, 1, 30, 0, 123_457, tzinfo=UTC)
TODAY = date(2026, 3, 29)
HASH = bytes(range(32))

Opened = Callable[..., Database]


def card_row(**changes: Any) -> dict[str, Any]:
    row = CardRow(
        card_id=uuid4(),
        number="LC-00001",
        status="ACTIVE",
        tender_type="AS_CARD_TENDER",
        customer_key=None,
        issued_at=NOW,
        issued_on=TODAY,
        enrollment_source="web",
        blocked_at=None,
        replaced_by=None,
        replaces=None,
        next_seq=1,
        next_event=1,
        head_hash=HASH,
        last_posted_at=NOW,
        last_entry_on=None,
    )
    return row._asdict() | changes


async def given_card(database: Database, **changes: Any) -> UUID:
    row = card_row(**changes)

    async def issue(transaction: Transaction) -> None:
        await transaction.run(insert_card, **row)

    await database.unit(issue)
    card_id: UUID = row["card_id"]
    return card_id


async def cards(database: Database, *card_ids: UUID) -> list[CardRow]:
    """Find what of these cards a new snapshot sees."""
    read = database.read()
    try:
        return await read.each(cards_of, card_ids)
    finally:
        await read.close()


def busy_connections(database: Any) -> int:
    count: int = database.engine.pool.checkedout()
    return count
