"""Ids made in the service, and hashes that name things by what they are. Source: engineering
1.2.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any
from uuid import UUID

from asyncpg.pgproto import pgproto

Randomness = Callable[[int], bytes]

_FORM = "loyalty-input-1"
# As many ids of one millisecond as have a place.
PLACES = 1 << 12
_TAIL = (1 << 62) - 1
_PLAIN = frozenset({str, int, bool, type(None)})
_EMPTY: tuple[Any, ...] = ((), frozenset())


def random_id(randomness: Randomness) -> UUID:
    """A UUIDv4: an owner's id, spread evenly over shards."""
    return UUID(bytes=randomness(16), version=4)


def ordered_ids(instant: datetime, count: int, randomness: Randomness) -> tuple[UUID, ...]:
    """UUIDv7s of one millisecond in rising order: 48 bits of time, 12 of place, 62 random."""
    first, drawn = _first(instant), randomness(8 * count)
    made = []
    for place in range(count):
        tail = int.from_bytes(drawn[8 * place : 8 * place + 8]) & _TAIL
        made.append(_placed(first + tail, place))
    return tuple(made)


def id_run(instant: datetime, randomness: Randomness) -> Iterator[UUID]:
    """UUIDv7s of one millisecond without end, each one more than the one before; one draw does."""
    # The last bit but one is left for those that come.
    tail = int.from_bytes(randomness(8)) & _TAIL >> 1
    return map(_made, itertools.count(_first(instant) + tail))


def _placed(first: int, place: int) -> UUID:
    """Places beyond 12 bits go on in the next millisecond, so that order holds."""
    high, low = divmod(place, PLACES)
    return _made(first + (high << 80) + (low << 64))


def _first(instant: datetime) -> int:
    """The least UUIDv7 of its millisecond."""
    return (max(0, int(instant.timestamp() * 1000)) << 80) | (7 << 76) | (2 << 62)


def _made(value: int) -> UUID:
    """The UUID of what is known to be 128 bits, as the driver makes its own: made and written in a
    fifth of the time.
    """
    made: UUID = pgproto.UUID(value.to_bytes(16))
    return made


def place_of(ordered: UUID) -> int:
    """Its place among the ids of its millisecond."""
    return (ordered.int >> 64) % PLACES


def placed_id(first: UUID, places: int) -> UUID:
    """The id that stands so many places behind one that has the first of its millisecond, alike in
    all else; places beyond those of a millisecond are in the next.
    """
    return _placed(first.int, places)


def id_at(ordered: UUID, place: int) -> UUID:
    """The id that is alike in all else and has this place in its millisecond."""
    return _made(ordered.int + ((place - place_of(ordered)) << 64))


def natural_key(kind: str, *parts: str) -> bytes:
    """SHA-256 over the kind of key and its parts, unambiguously joined."""
    return hashlib.sha256(json.dumps([kind, *parts]).encode()).digest()


def operation_id(key_hash: bytes) -> UUID:
    """The first 16 bytes of the key's hash: a second effect under one key has the same operation
    id.
    """
    made: UUID = pgproto.UUID(key_hash[:16])
    return made


def content_hash(command: Any) -> bytes:
    """SHA-256 over the canonical form of a command: equal inputs have equal hashes.

    Members that are None or equal to their default are left out (an empty list only where None
    would mean the same), decimals and instants go by value, sets are sorted; lines are sorted by
    number. Source: semantics 12, engineering 3.1.
    """
    form = json.dumps([_FORM, canonical(command)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(form.encode()).digest()


def canonical(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if is_dataclass(kind):
        return _given(value, _members(kind))
    if isinstance(value, frozenset | set):
        return sorted([canonical(item) for item in value])
    if isinstance(value, tuple | list):
        items = [canonical(item) for item in value]
        numbered = all(isinstance(item, dict) and "line_number" in item for item in items)
        return sorted(items, key=lambda item: item["line_number"]) if numbered else items
    if isinstance(value, Mapping):
        return {str(key): canonical(member) for key, member in value.items()}
    return _scalar(value)


@cache
def _members(kind: Any) -> tuple[tuple[str, Any], ...]:
    """The names of a command's members and their defaults."""
    return tuple((member.name, member.default) for member in fields(kind))


def _given(value: Any, members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found = {}
    for name, default in members:
        given = getattr(value, name)
        unsaid = given is None or given == default
        empty = default is not None and given in _EMPTY
        if not unsaid and not empty:
            found[name] = canonical(given)
    return found


def _scalar(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, date | UUID) else value
