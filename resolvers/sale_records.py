"""What is stored of a sale: its lines and charges as sent, and the facts that it was judged by."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from uuid import UUID

import msgspec

from models.sale_statements import (
    SaleRow,
    insert_sale_charges,
    insert_sale_facts,
    insert_sale_lines,
)
from models.transactions import Transaction
from rules.earning import EarningFacts
from rules.lines import Charge, Line
from rules.notes import Note

_MILLION = 10**6
_JSON = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class SaleRecord:
    """`programs`: those for whose rewards the sale counts."""

    row: SaleRow
    lines: tuple[Line, ...]
    charges: tuple[Charge, ...]
    loyalty_payments: tuple[UUID | None, ...]
    programs: tuple[str, ...] = ()


async def write_sale(
    transaction: Transaction, record: SaleRecord, facts: EarningFacts, notes: str
) -> None:
    key = record.row.sale_key
    await transaction.run_many(
        insert_sale_lines, [line_parameters(key, line) for line in record.lines]
    )
    await transaction.run_many(
        insert_sale_charges,
        [
            {"sale_key": key, "place": place, **asdict(charge)}
            for place, charge in enumerate(record.charges)
        ],
    )
    payments = [str(one) for one in record.loyalty_payments]
    stored = facts_json(facts, payments, record.programs)
    await transaction.run(insert_sale_facts, sale_key=key, facts=stored, notes=notes)


def facts_json(facts: EarningFacts, payments: Iterable[str], programs: Iterable[str]) -> str:
    """What returns, backtests and a batch need; of the lines those that points paid some of."""
    card = facts.card
    paid = [line for line in facts.lines if line.paid_with_points]
    return _JSON.encode(
        {
            "affiliations": sorted(facts.affiliations),
            "active": card.active if card else None,
            "programs": sorted(card.programs) if card else [],
            "tiers": dict(card.tiers) if card else {},
            "room": dict(facts.room),
            "payments": list(payments),
            "qualified": list(programs),
            "nets": {str(line.line_number): line.net_minor for line in paid},
            "quantities": {str(line.line_number): str(line.quantity) for line in paid},
        }
    ).decode()


def notes_json(notes: Iterable[Note]) -> str:
    return _JSON.encode([(note.code.value, note.scheme, note.rule) for note in notes]).decode()


def line_parameters(key: bytes, line: Line) -> dict[str, object]:
    return {
        "sale_key": key,
        "line_number": line.line_number,
        "product_id": line.product_id,
        "variant_id": line.variant_id,
        "categories": json.dumps(sorted(line.categories)),
        "quantity": millionths(line.quantity),
        "returned_quantity": 0,
        "unit_price": millionths(line.unit_price),
        "discount_minor": line.discount_minor,
        "tax_minor": line.tax_minor,
        "net_minor": line.net_minor,
        "delivery_mode": line.delivery_mode,
    }


def millionths(number: Decimal) -> int:
    return int(number * _MILLION)
