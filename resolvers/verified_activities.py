"""Activities proved: what is counted by day is what was posted. Source: semantics 5.7."""

from collections import Counter

from models.activity_statements import activity_days_of_card, posts_of_card
from models.card_statements import CardRow
from models.database import Read
from resolvers.verified_moves import Fault


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
