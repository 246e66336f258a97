"""Where work over all cards goes on that has not come to its end in one go."""

from models.job_statements import cursor_of, insert_lease, keep_cursor
from models.transactions import Transaction
from resolvers.context import Context
from rules.book import RuleBook


async def kept_cursor(context: Context, work: str) -> str | None:
    read = context.service.database.read()
    try:
        rows = await read.all(cursor_of, of_job=work)
    finally:
        await read.close()
    return rows[0].cursor if rows else None


async def keep(context: Context, work: str, cursor: str | None) -> None:
    async def unit(transaction: Transaction, _book: RuleBook | None) -> None:
        await transaction.run(insert_lease, **empty_lease(work))
        await transaction.run(keep_cursor, of_job=work, cursor=cursor)

    await context.unit(unit)


def empty_lease(work: str) -> dict[str, object]:
    return {
        "job": str(work),
        "holder": None,
        "held_until": None,
        "cursor": None,
        "finished_at": None,
    }
