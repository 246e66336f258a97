"""What has happened to a card, as rows of its outbox: written with it, and read to tell others.

Events that are told together share a row. Their ids and numbers follow one another, so that the row
keeps those of the first alone. Source: engineering 1.2 (Outbox).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from models.card_statements import EventRow
from resolvers.identifiers import place_of, placed_id
from rules.ledger import Entry

# The kind of a row that holds more than one.
_SEVERAL = "several"
_JSON = msgspec.json.Encoder(decimal_format="number")
_MEMBERS = msgspec.json.Decoder(list[tuple[str, msgspec.Raw]])


class Event(NamedTuple):
    """What the outbox tells of a card: ids only, never a person."""

    kind: str
    payload: dict[str, object]


def points_posted(op_id: UUID, entries: Sequence[Entry]) -> Event:
    ids = [entry.entry_id for entry in entries]
    return Event("pointsPosted", {"operation": op_id, "entries": ids})


def event_row(
    card_id: UUID, event_id: UUID, first: int, events: Sequence[Event], now: datetime
) -> EventRow:
    """The events, at least one, at most `PLACES`, as the next row of the card's outbox, from number
    `first` on.

    `event_id` is an ordered one, the first of its millisecond.
    """
    kind, told = events[0] if len(events) == 1 else (_SEVERAL, events)
    return EventRow(card_id, event_id, first, kind, _JSON.encode(told).decode(), now)


def events_of(row: EventRow) -> list[EventRow]:
    """What the row tells, each event as a row of its own."""
    if row.kind != _SEVERAL:
        return [row]
    return [
        EventRow(
            row.card_id,
            placed_id(row.event_id, place),
            row.seq_no + place,
            kind,
            bytes(payload).decode(),
            row.posted_at,
        )
        for place, (kind, payload) in enumerate(_MEMBERS.decode(row.payload))
    ]


def row_ids(event_id: UUID) -> list[UUID]:
    """Under which ids the row may stand that holds the event."""
    return [*{event_id, placed_id(event_id, -place_of(event_id))}]
