"""What a document would change: two configurations compared by code and not by position.

The canonical form is JSON in which equal programs are equal: defaults filled in, what is left out
null, decimals by value as text, items under their codes, lists of codes sorted.
Source: semantics 3.
"""

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypeAlias, get_args

from rules.document import parse_document
from rules.numbers import show_decimal
from rules.program import CardNumberRange, Configuration, ExchangeRate, TierRule
from rules.program_prices import AutoCharge, ShippingThreshold

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

_NOTHING = parse_document({})
_KEYS = {"from_currency": "from", "to_currency": "to", "first": "from", "last": "to"}
_ORDERED = frozenset({"schemes", "earningRules", "redemptionRules", "oneTimeRewards"})
_NAMES = frozenset({"name", "description"})


@dataclass(frozen=True, slots=True)
class Change:
    """One difference, its path by code: `schemes/CLUB-US/earningRules/base/points`.

    Whole items are added and removed; a key of an item that stays is changed, from or to null too.
    """

    action: Literal["ADD", "CHANGE", "REMOVE"]
    path: str
    before: Json
    after: Json


def canonical(configuration: Configuration) -> dict[str, Json]:
    """JSON of the configuration with the document's keys, every list of items a mapping.

    Items stand under their code, exchange rates under `EUR:USD`, card number ranges under
    `first:last`, rules of a tier under `rewardPoint:evaluation`, thresholds under their amount.
    Automatic charges stay a list, because the first that matches applies; a payload stays text.
    """
    return _record(configuration)


def changes(before: Configuration | None, after: Configuration) -> tuple[Change, ...]:
    """Differences in the order of the document; before None is the empty document.

    Two documents are equal, so that applying the later one stores nothing, if this is empty. Order
    counts where it settles something: schemes, their rules and one-time rewards share out what a
    maximum leaves and break ties (5.5, 8.2), and the first text serves a reader whose locale is
    missing. There another order of what stays is one CHANGE of the whole list, told by its codes.
    Source: semantics 3.
    """
    return tuple(_differences((), canonical(before or _NOTHING), canonical(after)))


def _differences(path: tuple[str, ...], before: Json, after: Json) -> Iterator[Change]:
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if before != after:
            yield Change("CHANGE", "/".join(path), before, after)
        return
    yield from _reordered(path, before, after)
    for key in {**before, **after}:
        where = (*path, key)
        if key not in before:
            yield Change("ADD", "/".join(where), None, after[key])
        elif key not in after:
            yield Change("REMOVE", "/".join(where), before[key], None)
        else:
            yield from _differences(where, before[key], after[key])


def _reordered(
    path: tuple[str, ...], before: dict[str, Json], after: dict[str, Json]
) -> Iterator[Change]:
    name = path[-1] if path else ""
    stayed_before = [key for key in before if key in after]
    stayed_after = [key for key in after if key in before]
    if name in _ORDERED and stayed_before != stayed_after:
        yield Change("CHANGE", "/".join(path), list(before), list(after))
    # With English there, the first text serves nobody.
    is_first_read = name in _NAMES and not any(key.lower() == "en" for key in after)
    if is_first_read and stayed_before[:1] != stayed_after[:1]:
        yield Change("CHANGE", "/".join(path), before, after)


def _record(value: Any) -> dict[str, Json]:
    return {_key(field.name): _member(field, getattr(value, field.name)) for field in fields(value)}


def _key(name: str) -> str:
    if name in _KEYS:
        return _KEYS[name]
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _member(field: Field[Any], value: object) -> Json:
    if field.name == "anchor" and value is None:
        return "TODAY"
    if not isinstance(value, tuple):
        return _value(value)
    # An empty list tells its kind by its type alone.
    kind = get_args(field.type)[0]
    if kind is str:
        return list[Json](sorted(value))
    return [_record(item) for item in value] if kind is AutoCharge else _by_key(value)


def _value(value: object) -> Json:
    match value:
        case None | bool() | int():
            return value
        case str():
            return str(value)
        case Decimal():
            return show_decimal(value)
        case date():
            return value.isoformat()
        case Mapping():
            return _names(value)
        case _:
            return _record(value)


def _names(names: Mapping[str, str]) -> Json:
    """One text for every locale as text, several as a mapping, none as null."""
    return names[""] if "" in names else dict[str, Json](names) or None


def _by_key(items: tuple[Any, ...]) -> dict[str, Json]:
    """Items by what tells them apart; of several alike the later ones are numbered."""
    result: dict[str, Json] = {}
    for item in sorted(items, key=_rank):
        key = natural = _natural_key(item)
        number = 1
        while key in result:
            number += 1
            key = f"{natural}#{number}"
        result[key] = _record(item)
    return result


def _rank(item: object) -> Decimal:
    """Order among items that may be alike; all others keep the document's."""
    return item.minimum_points if isinstance(item, TierRule) else Decimal(0)


def _natural_key(item: Any) -> str:
    match item:
        case ExchangeRate():
            return f"{item.from_currency}:{item.to_currency}"
        case CardNumberRange():
            return f"{item.first}:{item.last}"
        case ShippingThreshold():
            return show_decimal(item.amount)
        case TierRule():
            return f"{item.reward_point}:{item.evaluation}"
        case _:
            return str(item.code)
