"""Opaque ids, keyset cursors and page arguments.

Both codecs are canonical: one text for one value. An id is base64url of the MessagePack list
[type, part, ...]; a cursor is the same of [value, ...] behind a short checksum under the name of
its connection. The checksum keeps mistyped cursors and those of other lists out. It is no secret:
a cursor only says where to go on in a list that the caller may read anyway.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2s
from typing import TypeAlias

import msgspec

from execution.refusal import InputRefused

IdPart: TypeAlias = str | bytes | int
CursorValue: TypeAlias = str | bytes | int | datetime

_TEXT_LENGTH_MAX = 1024
_CHECKSUM_BYTES = 4
_INTEGERS_END = 2**63


class MalformedId(InputRefused):
    """The text is no id of this service, or one of another type than asked for."""


class MalformedCursor(InputRefused):
    """The text is no cursor of this connection."""


class PageArgumentRefused(InputRefused):
    """A page is asked for that cannot be given; `argument` names the argument to blame."""


class _Malformed(Exception):  # noqa: N818 - never leaves this module
    """Bytes that were not encoded here."""


def encode_id(type_name: str, *parts: IdPart) -> str:
    """Give the global id of the object of `type_name` with the key `parts`."""
    return _text(msgspec.msgpack.encode([type_name, *parts]))


def decode_id(text: str) -> tuple[str, tuple[IdPart, ...]]:
    """Read the type name and the key of an id of any type. Raises MalformedId."""
    try:
        values = _values(_bytes(text))
        type_name, parts = values[0], values[1:]
    except (_Malformed, IndexError) as error:
        raise MalformedId("The id is malformed.") from error
    if not isinstance(type_name, str) or any(isinstance(part, datetime) for part in parts):
        raise MalformedId("The id is malformed.")
    return type_name, tuple(part for part in parts if not isinstance(part, datetime))


def decode_key(text: str, type_name: str, *shape: type[IdPart]) -> tuple[IdPart, ...]:
    """Read the key of an id of `type_name` with parts of the types `shape`. Raises MalformedId."""
    found, parts = decode_id(text)
    if found != type_name or tuple(map(type, parts)) != shape:
        raise MalformedId(f"The id is not one of a {type_name}.")
    return parts


def encode_cursor(kind: str, *values: CursorValue) -> str:
    """Give the cursor of the row with the sort key `values` in `kind`; instants are aware."""
    payload = msgspec.msgpack.encode(values)
    return _text(_checksum(kind, payload) + payload)


def decode_cursor(kind: str, text: str, *shape: type[CursorValue]) -> tuple[CursorValue, ...]:
    """Read the sort key in a cursor of the connection `kind`. Raises MalformedCursor.

    Where `shape` is given the values are of these types: so a wilful forgery does not reach the
    database as a value of another type.
    """
    try:
        values = tuple(_values(_checked_payload(kind, _bytes(text))))
    except _Malformed as error:
        raise MalformedCursor("The cursor is malformed or belongs to another list.") from error
    if shape and tuple(map(type, values)) != shape:
        raise MalformedCursor("The cursor is malformed or belongs to another list.")
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The first `size` rows between `after` and `before`; the last of them, if `backward`."""

    size: int
    backward: bool
    after: str | None
    before: str | None


def page_arguments(
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    default: int = 20,
    cap: int = 100,
) -> Page:
    """Check Relay's four arguments; a size of 0 asks for page info alone.

    Raises PageArgumentRefused for a negative size, one above `cap`, and `first` with `last`.
    """
    if first is not None and last is not None:
        raise PageArgumentRefused("Give first or last, not both.", "last")
    _check_size("first", first, cap)
    _check_size("last", last, cap)
    size = last if last is not None else first if first is not None else default
    return Page(size=size, backward=last is not None, after=after, before=before)


def _check_size(argument: str, size: int | None, cap: int) -> None:
    if size is not None and not 0 <= size <= cap:
        raise PageArgumentRefused(f"{argument} is between 0 and {cap}.", argument)


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    """Decode `text`; the way back must give the same text, else two texts would name one thing."""
    if len(text) > _TEXT_LENGTH_MAX:
        raise _Malformed
    try:
        content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise _Malformed from error
    if _text(content) != text:
        raise _Malformed
    return content


def _checked_payload(kind: str, content: bytes) -> bytes:
    checksum, payload = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
    if checksum != _checksum(kind, payload):
        raise _Malformed
    return payload


def _values(payload: bytes) -> list[CursorValue]:
    """Decode a canonically encoded list of values that every database takes."""
    try:
        values: object = msgspec.msgpack.decode(payload)
        canonical = msgspec.msgpack.encode(values)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _Malformed from error
    if not isinstance(values, list) or canonical != payload:
        raise _Malformed
    return [_checked(value) for value in values]


def _checked(value: object) -> CursorValue:
    match value:
        case bool():
            raise _Malformed
        case str() if "\0" not in value:
            return value
        case int() if -_INTEGERS_END <= value < _INTEGERS_END:
            return value
        case bytes():
            return value
        case datetime() if value.tzinfo is not None:
            return value
        case _:
            raise _Malformed


def _checksum(kind: str, payload: bytes) -> bytes:
    return blake2s(kind.encode() + b"\0" + payload, digest_size=_CHECKSUM_BYTES).digest()
