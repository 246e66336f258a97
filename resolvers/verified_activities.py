"""Activities proved: what is counted by day is what was posted, and each line of the journal waits,
is rejected, or was posted. Source: semantics 5.7.
"""

from collections import Counter
from collections.abc import AsyncIterator
from operator import attrgetter

from models.activity_statements import activity_days_of_card, posts_of_card
from models.card_statements import CardRow
from models.database import Database
from models.transactions import Read
from models.verification_statements import line_states_after, waiting_states_after
from resolvers.verified_moves import Fault
from resolvers.walks import walked

LINES = 5_000


async def activity_faults(read: Read, card: CardRow) -> list[Fault]:
    """Counts by type and day, by which limits and rewards go, against the postings themselves."""
    posts = await read.all(posts_of_card, of_card=card.card_id)
    posted = Counter((post.activity_type, post.entry_date) for post in posts)
    rows = await read.all(activity_days_of_card, of_card=card.card_id)
    counted = Counter({(row.activity_type, row.entry_date): row.posted for row in rows})
    return [
        Fault(
            f"card {card.number}",
            "activity days",
            f"{key[0]} on {key[1]} is {posted[key]}, stored {counted[key]}",
        )
        for key in posted.keys() | counted.keys()
        if posted[key] != counted[key]
    ]


async def line_faults(database: Database) -> AsyncIterator[Fault]:
    """Lines whose status is none, or more than one; and what is kept of a line to find it while it
    waits, against the line.
    """
    keys = attrgetter("activity_key")
    async for row in walked(database, line_states_after, keys, b"", LINES):
        stands = {"waiting": row.waiting, "rejected": row.rejected, "posted": row.posted}
        told = " and ".join(name for name, holds in stands.items() if holds) or "lost"
        if told not in stands:
            yield Fault(f"line {row.line_id}", "journal", f"is {told}")
        if not row.alike:
            yield Fault(f"line {row.line_id}", "journal", "waits as another")
    async for waiting in walked(database, waiting_states_after, keys, b"", LINES):
        if waiting.lost:
            yield Fault(f"line {waiting.line_id}", "journal", "waits and is not there")
