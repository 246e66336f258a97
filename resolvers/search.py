"""The staff's search of cards: by number, customer, status, source, date of issue, program and
tier.

Program and tier are those of today where the card was issued, judged as everywhere else; SQL only
narrows the candidates. Source: engineering 1.1.
"""

from asyncio import gather
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from models import card_pages
from models.card_pages import Shape
from models.card_statements import CardRow
from resolvers import customers
from resolvers.card_days import today_of
from resolvers.clock import DAY
from resolvers.context import Context
from resolvers.customers import LONGEST_SEARCHED
from resolvers.stored_standings import standing

BATCH = 200
LAST_NUMBER = "\x7f"


@dataclass(frozen=True, slots=True)
class CardFilter:
    number: str | None = None
    number_prefix: str | None = None
    customer_id: str | None = None
    customer_search: str | None = None
    status: str | None = None
    enrollment_source: str | None = None
    program: str | None = None
    tier: str | None = None
    issued_from: date | None = None
    issued_to: date | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers strictly between two; `count` from the lower end, or from the upper one if
    `backwards`.
    """

    above: str
    below: str
    count: int
    backwards: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    shape: Shape
    parameters: dict[str, Any]
    judged: bool


async def find(context: Context, chosen: CardFilter, span: Span) -> list[CardRow]:
    """Up to `count` cards of the span in rising order of number, read in batches."""
    prepared = await _prepare(context, chosen)
    return [] if prepared is None else await _find(context, chosen, prepared, span)


async def _find(
    context: Context, chosen: CardFilter, prepared: Prepared, span: Span
) -> list[CardRow]:
    found: list[CardRow] = []
    edge = span.below if span.backwards else span.above
    while len(found) < span.count:
        size = max(span.count - len(found), BATCH if prepared.judged else 1)
        rows = await context.read.all(
            card_pages.page(prepared.shape, backwards=span.backwards),
            **prepared.parameters,
            **{"below" if span.backwards else "above": edge},
            count=size,
        )
        inside = [row for row in rows if span.above < row.number < span.below]
        found += await _judged(context, chosen, inside) if prepared.judged else inside
        if len(rows) < size or len(inside) < len(rows):
            break
        edge = rows[-1].number
    return sorted(found[: span.count], key=lambda row: row.number)


async def count(context: Context, chosen: CardFilter) -> int:
    """All cards that match. With a program or tier those are judged, batch by batch, of which what
    is stored does not tell.
    """
    prepared = await _prepare(context, chosen)
    if prepared is None:
        return 0
    shape = replace(prepared.shape, certain=True) if prepared.judged else prepared.shape
    rows = await context.read.all(card_pages.count(shape), **prepared.parameters)
    if not prepared.judged:
        return rows[0].rows
    left = replace(prepared, shape=replace(shape, certain=False))
    total, above = rows[0].rows, ""
    while True:
        span = Span(above, LAST_NUMBER, BATCH, backwards=False)
        batch = await _find(context, chosen, left, span)
        total += len(batch)
        if len(batch) < BATCH:
            return total
        above = batch[-1].number


async def _prepare(context: Context, chosen: CardFilter) -> Prepared | None:
    """Shape and parameters; None where nothing can match."""
    customer_key = None
    if chosen.customer_id is not None:
        customer_key = await context.load(customers.keys_by_id, chosen.customer_id)
        if customer_key is None:
            return None
    prefix = chosen.number_prefix
    text = None if chosen.customer_search is None else chosen.customer_search.casefold()
    if text is not None and len(text) > LONGEST_SEARCHED:
        # No customer has a text that long, and SQLite takes no pattern of any length.
        return None
    given: dict[str, dict[str, Any]] = {
        "number": {"number": chosen.number},
        "prefix": {"prefix": prefix, "prefix_end": f"{prefix}{LAST_NUMBER}"},
        "customer": {"customer_key": customer_key},
        "search": {"search": None if text is None else _pattern(text)},
        "status": {"status": chosen.status},
        "source": {"source": chosen.enrollment_source},
        "issued_from": {"issued_from": chosen.issued_from},
        "issued_to": {"issued_to": chosen.issued_to},
        "program": {"program": chosen.program},
        "tier": {"tier": chosen.tier},
    }
    wanted = {name: values for name, values in given.items() if None not in values.values()}
    parameters = {key: value for values in wanted.values() for key, value in values.items()}
    judged = "program" in wanted or "tier" in wanted
    if judged:
        # No civil date on earth is further than a day from that of UTC.
        today = context.today(None)
        parameters |= {"latest_today": today + DAY, "earliest_today": today - DAY}
    return Prepared(Shape(**dict.fromkeys(wanted, True)), parameters, judged)


def _pattern(folded: str) -> str:
    """A LIKE pattern for the text anywhere, with a backslash before its special characters."""
    for special in ("\\", "%", "_"):
        folded = folded.replace(special, f"\\{special}")
    return f"%{folded}%"


async def _judged(context: Context, chosen: CardFilter, rows: list[CardRow]) -> list[CardRow]:
    verdicts = await gather(*(_matches(context, chosen, row) for row in rows))
    return [row for row, matches in zip(rows, verdicts, strict=True) if matches]


async def _matches(context: Context, chosen: CardFilter, row: CardRow) -> bool:
    now = await standing(context, row)
    if now is None:
        return False
    today = await today_of(context, row)
    tiers = now.tiers_on(today)
    if chosen.program is not None and chosen.program not in now.programs_on(today):
        return False
    among = tiers.values() if chosen.program is None else [tiers.get(chosen.program)]
    return chosen.tier is None or chosen.tier in among
