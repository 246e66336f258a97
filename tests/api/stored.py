"""Everything that a service has stored, row by row, told without the ids that chance made."""

import json
import re
from typing import Any
from uuid import UUID

from sqlalchemy import Table, select

from models.columns import metadata
from models.database import Database
from models.statements import Statement
from tests.api.harness import Harness

# What a posting touches.
TABLES = (
    *("card", "enrolment", "tier_row", "balance", "points_day", "countable_day", "ledger_entry"),
    *("lot_remainder", "allocation", "debt", "operation", "outbox", "card_audit", "audit"),
    *("sale", "sale_line", "sale_charge", "sale_fact", "pending_earning"),
    *("payment", "payment_slice", "hold_lot"),
    *("card_counter", "card_reward", "reward_grant"),
)
# Made by chance, or of what chance made; the books' own verification proves the hashes.
_CHANCE = frozenset(
    {
        *("entry_hash", "prev_hash", "head_hash", "content_hash", "audit_id", "event_id"),
        *("tier_row_id", "enrolment_id", "customer_key", "request_id", "adjustment_id", "scope"),
    }
)

_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Rows = dict[str, list[dict[str, Any]]]


async def everything(database: Database) -> Rows:
    read = database.read()
    try:
        return {name: await _rows(read, metadata.tables[name]) for name in TABLES}
    finally:
        await read.close()


async def _rows(read: Any, table: Table) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    statement = Statement(select(table), lambda *values: dict(zip(names, values, strict=True)))
    return [*await read.all(statement)]


def told(service: Harness) -> dict[str, list[str]]:
    """The rows of each table as sorted texts; ids are told by what they name."""
    rows = service.wait(everything(service.database))
    names = _names(rows)
    return {
        table: sorted(
            json.dumps({name: _text(row[name], names) for name in row if name not in _CHANCE})
            for row in found
        )
        for table, found in rows.items()
    }


def _names(rows: Rows) -> dict[UUID, str]:
    numbers = {row["card_id"]: row["number"] for row in rows["card"]}
    entries = {
        row["entry_id"]: f"{numbers[row['card_id']]}/{row['seq_no']}"
        for row in rows["ledger_entry"]
    }
    payments = {
        row["payment_id"]: f"{numbers[row['card_id']]} pays {row['order_id']}"
        for row in rows["payment"]
    }
    # Named after the card's id.
    rewards = {
        row["op_id"]: f"{numbers[row['card_id']]} is rewarded at {row['first_seq']}"
        for row in rows["operation"]
        if row["kind"] == "reward"
    }
    return {**numbers, **entries, **payments, **rewards}


def _text(value: Any, names: dict[UUID, str]) -> str:
    if isinstance(value, UUID):
        return names.get(value, str(value))
    return _ID.sub(lambda found: names.get(UUID(found[0]), found[0]), str(value))
