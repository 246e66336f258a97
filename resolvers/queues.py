"""Sales and returns whose points a batch posts later: what they will be judged by, kept with them.

Source: semantics 12 (`postEarnedPointsInBatches`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Any

from models.sale_statements import SaleLineRow, SaleRow, insert_pending_earning
from models.transactions import Transaction
from resolvers.paid_sales import PaidLines, shrunk
from rules.earning import EarningFacts, EarningLine, earning_line
from rules.lines import Line
from rules.program import Channel
from rules.returns import MILLION, Part, SoldLine
from rules.tender import Item


async def queue(transaction: Transaction, row: SaleRow) -> None:
    await transaction.run(
        insert_pending_earning,
        sale_key=row.sale_key,
        occurred_at=row.occurred_at,
        claimed_until=None,
        attempts=0,
        error=None,
    )


def queued_facts(
    channel: Channel,
    on: date,
    affiliations: frozenset[str],
    lines: Sequence[Line],
    items: Sequence[Item],
    paid: PaidLines,
) -> EarningFacts:
    """Of a sale what no later moment may change: lines less what points paid, affiliations held."""
    return EarningFacts(
        channel=channel.code,
        on=on,
        card=None,
        affiliations=affiliations,
        room={},
        currency=channel.currency,
        lines=shrunk([earning_line(line) for line in lines], items, paid),
        paid_with_points=bool(paid.payments),
    )


def earning_lines(
    rows: Iterable[SaleLineRow], stored: Mapping[str, Any]
) -> tuple[EarningLine, ...]:
    """The lines of a stored sale as rules see them; `stored` are its facts."""
    nets, quantities = stored["nets"], stored["quantities"]
    found = []
    for row in rows:
        place = str(row.line_number)
        quantity = Fraction(quantities[place]) if place in quantities else _pieces(row.quantity)
        found.append(
            EarningLine(
                row.line_number,
                frozenset({row.product_id, row.variant_id or row.product_id}),
                _categories(row.categories),
                nets.get(place, row.net_minor),
                quantity,
                place in nets,
            )
        )
    return tuple(found)


@lru_cache(maxsize=1024)
def _categories(stored: str) -> frozenset[str]:
    return frozenset(json.loads(stored))


@lru_cache(maxsize=1024)
def _pieces(millionths: int) -> Fraction:
    return Fraction(millionths, MILLION)


def returned_facts(sold: Iterable[SoldLine], now: Iterable[Part]) -> str:
    """Of a return: how much of each line had come back before it, and what comes back now."""
    return json.dumps(
        {
            "before": {str(line.line_number): line.returned for line in sold},
            "now": {str(part.line.line_number): part.quantity for part in now},
        }
    )
