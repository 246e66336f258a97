"""What has happened to a card, as rows of its outbox: written with it, and read to tell others.

Events that are told together share a row. Their ids and numbers follow one another, so that the row
keeps those of the first alone, with its instant. Source: engineering 1.2 (Outbox).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from models.card_statements import EventRow
from resolvers.identifiers import id_at, place_of, placed_id

# The kind of a row that holds more than one, and how many at most: to tell of one, all are read.
_SEVERAL = "several"
_TOGETHER = 256
_JSON = msgspec.json.Encoder(decimal_format="number")


class Event(NamedTuple):
    """What the outbox tells of a card: ids only, never a person; so many microseconds after the
    first that is told with it.
    """

    kind: str
    payload: dict[str, object]
    later: int = 0


class _Member(msgspec.Struct, array_like=True):
    """An event in a row of several; it ends with the payload where all are of one instant."""

    kind: str
    payload: msgspec.Raw
    later: int = 0


_MEMBER = msgspec.json.Decoder(_Member)
_MEMBERS = msgspec.json.Decoder(list[_Member])
_UNREAD = msgspec.json.Decoder(list[msgspec.Raw])


def points_posted(op_id: UUID, entry_ids: Sequence[UUID], later: int = 0) -> Event:
    return Event("pointsPosted", {"operation": op_id, "entries": entry_ids}, later)


def event_rows(
    card_id: UUID, event_id: UUID, first: int, events: Sequence[Event], now: datetime
) -> Iterator[EventRow]:
    """The events as the next rows of the card's outbox, from number `first` on.

    `event_id` is the first of its millisecond.
    """
    for start in range(0, len(events), _TOGETHER):
        told = events[start : start + _TOGETHER]
        row_id = placed_id(event_id, start) if start else event_id
        yield _row(card_id, row_id, first + start, told, now)


def _row(
    card_id: UUID, event_id: UUID, first: int, events: Sequence[Event], now: datetime
) -> EventRow:
    if len(events) == 1:
        kind, payload, later = events[0]
        at = now + timedelta(microseconds=later)
        return EventRow(card_id, event_id, first, kind, _JSON.encode(payload).decode(), at)
    at_once = not any(event.later for event in events)
    told = [event[:2] for event in events] if at_once else events
    return EventRow(card_id, event_id, first, _SEVERAL, _JSON.encode(told).decode(), now)


def events_of(row: EventRow) -> list[EventRow]:
    """What the row tells, each event as a row of its own."""
    if row.kind != _SEVERAL:
        return [row]
    return [
        EventRow(
            row.card_id,
            id_at(row.event_id, place_of(row.event_id) + place),
            row.seq_no + place,
            member.kind,
            bytes(member.payload).decode(),
            row.posted_at + timedelta(microseconds=member.later),
        )
        for place, member in enumerate(_MEMBERS.decode(row.payload))
    ]


def row_ids(event_id: UUID) -> list[UUID]:
    """Under which ids the row may stand that holds the event: its own, or that of the first which
    is told with it.
    """
    place = place_of(event_id)
    return [*{event_id, id_at(event_id, place - place % _TOGETHER), id_at(event_id, 0)}]


def payload_of(event_id: UUID, row: EventRow) -> str | None:
    """What the event has to say, where the row holds it."""
    if row.event_id == event_id and row.kind != _SEVERAL:
        return row.payload
    place = place_of(event_id) - place_of(row.event_id)
    members = _UNREAD.decode(row.payload) if row.kind == _SEVERAL else []
    if not 0 <= place < len(members):
        return None
    return bytes(_MEMBER.decode(members[place]).payload).decode()
