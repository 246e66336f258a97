"""Configuration documents as text, in YAML or JSON, read into plain data that the rules can judge.

YAML scalars are read as text, so that `1.10` stays what was written; only a plain true, false or
null means what it says. JSON numbers are read as exact decimals, and so are they in YAML where they
are plain in a payload, which is handed out untouched. Source: semantics 3, 13.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NoReturn

import yaml

from rules.errors import InvalidInput

DEEPEST_NESTING = 64

_FIELD = ("document",)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STREAM_MARKS = (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentEndEvent)
_PAYLOAD = "payload"
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_PLAIN: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def load_document(text: str) -> object:
    """Read a document; JSON if the text is JSON, else YAML.

    Raises InvalidInput for malformed text, a key that stands twice, more than 64 levels, and for
    anchors, aliases and tags of YAML, which a document has no need of.
    """
    written = text.removeprefix("\ufeff")
    try:
        document = _load_json(written)
    except json.JSONDecodeError:
        return _load_yaml(written)
    _check_depth(document)
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidInput(f"{name} is not a number of JSON.", _FIELD)


def _unique_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result: dict[str, object] = {}
    for key, value in pairs:
        if key in result:
            raise _twice(key)
        if not _is_encodable(key):
            raise InvalidInput(f"The key {key!r} is no text in UTF-8.", _FIELD)
        result[key] = value
    return result


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_depth(document: object) -> None:
    level = [document]
    for _ in range(DEEPEST_NESTING + 1):
        level = [item for value in level for item in _members(value)]
        if not level:
            return
    raise _too_deep()


def _members(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _load_json(text: str) -> object:
    """Raises JSONDecodeError where the text is no JSON, InvalidInput for what is no document."""
    try:
        return json.loads(
            text,
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_pairs,
        )
    except json.JSONDecodeError:
        raise
    except (ValueError, ArithmeticError) as error:
        raise InvalidInput("The document holds a number that is too long.", _FIELD) from error
    except RecursionError as error:
        raise _too_deep() from error


def _load_yaml(text: str) -> object:
    try:
        events = yaml.parse(text, Loader=_LOADER)
        return _read_stream(event for event in events if not isinstance(event, _STREAM_MARKS))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        message = f"The document is neither JSON nor YAML: {error.problem}{where}."
        raise InvalidInput(message, _FIELD) from error
    except (yaml.YAMLError, ValueError) as error:
        message = "The document has characters that YAML does not allow."
        raise InvalidInput(message, _FIELD) from error


def _read_stream(events: Iterator[yaml.Event]) -> object:
    if next(events, None) is None:
        raise InvalidInput("The document is empty.", _FIELD)
    document = _read_node(next(events), events, 0)
    if next(events, None) is not None:
        raise InvalidInput("The text holds more than one document.", _FIELD)
    return document


def _read_node(
    event: yaml.Event, events: Iterator[yaml.Event], depth: int, *, numbers: bool = False
) -> object:
    """`numbers`: within a payload, where numbers are more than text."""
    _refuse_references(event)
    if depth > DEEPEST_NESTING:
        raise _too_deep()
    if isinstance(event, yaml.MappingStartEvent):
        return _read_mapping(events, depth, numbers=numbers)
    if isinstance(event, yaml.SequenceStartEvent):
        return _read_sequence(events, depth, numbers=numbers)
    return _read_scalar(event, numbers=numbers) if isinstance(event, yaml.ScalarEvent) else None


def _read_scalar(event: yaml.ScalarEvent, *, numbers: bool) -> object:
    # Of the two flags the first tells a plain scalar from a quoted one.
    if not event.implicit[0]:
        return event.value
    if numbers and _JSON_NUMBER.fullmatch(event.value):
        return _load_json(event.value)
    return _PLAIN.get(event.value, event.value)


def _read_mapping(events: Iterator[yaml.Event], depth: int, *, numbers: bool) -> dict[str, object]:
    result: dict[str, object] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        _refuse_references(event)
        if not isinstance(event, yaml.ScalarEvent):
            raise InvalidInput(f"A key must be text{_line(event)}.", _FIELD)
        if event.value in result:
            raise _twice(event.value, _line(event))
        inside = numbers or event.value == _PAYLOAD
        result[event.value] = _read_node(next(events), events, depth + 1, numbers=inside)
    return result


def _read_sequence(events: Iterator[yaml.Event], depth: int, *, numbers: bool) -> list[object]:
    result: list[object] = []
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        result.append(_read_node(event, events, depth + 1, numbers=numbers))
    return result


def _refuse_references(event: yaml.Event) -> None:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
        raise InvalidInput(f"Anchors and aliases are not read{_line(event)}.", _FIELD)
    if getattr(event, "tag", None) is not None:
        raise InvalidInput(f"Tags are not read{_line(event)}.", _FIELD)


def _line(event: yaml.Event) -> str:
    return f", line {event.start_mark.line + 1}" if event.start_mark else ""


def _twice(key: str, where: str = "") -> InvalidInput:
    return InvalidInput(f"The key {key!r} stands twice in one object{where}.", _FIELD)


def _too_deep() -> InvalidInput:
    return InvalidInput(f"The document is nested more than {DEEPEST_NESTING} levels deep.", _FIELD)
