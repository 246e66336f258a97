"""Sales counted for rewards, by card and program; never from the ledger. Source: semantics 13."""

from collections.abc import Iterable
from uuid import UUID

from models.reward_statements import change_counter, counters_of, insert_counter
from models.transactions import Transaction


async def count_sale(
    transaction: Transaction, card_id: UUID, programs: Iterable[str], by: int = 1
) -> dict[str, int]:
    """Count a sale of the locked card, or with -1 one that was fully returned."""
    known = {row.program: row.sales for row in await transaction.each(counters_of, [card_id])}
    counts = {}
    for program in programs:
        counts[program] = known.get(program, 0) + by
        if program in known:
            await transaction.run(
                change_counter, of_card=card_id, of_program=program, sales=counts[program]
            )
        else:
            await transaction.run(
                insert_counter, card_id=card_id, program=program, sales=counts[program]
            )
    return counts
