"""Rules found by what they ask for, so that a cart walks none that cannot apply to it.

An index is compiled once for a list of rules. It knows them by gate (what the cart's card and
customer must hold), then by product, else by category, else as open to any line; and it is laid out
anew for each season, the days between which no rule comes into force or goes out of it.
Source: semantics 5.1, 5.2.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Generic, Protocol, TypeVar, cast

_DAY = timedelta(days=1)
# Seasons kept laid out; carts are asked for today and, now and then, for another day.
_SEASONS = 8
# What is kept with a season, at most: one for each tier and set of affiliations that came by.
_KEPT = 8


class Selects(Protocol):
    """What picks lines: products, else categories, else all; both ends of the dates included."""

    @property
    def products(self) -> tuple[str, ...]: ...

    @property
    def categories(self) -> tuple[str, ...]: ...

    @property
    def valid_from(self) -> date | None: ...

    @property
    def valid_to(self) -> date | None: ...


class Stands(Protocol):
    """What is picked: a line of a cart or sale."""

    @property
    def products(self) -> frozenset[str]: ...

    @property
    def categories(self) -> frozenset[str]: ...


R = TypeVar("R", bound=Selects)
L = TypeVar("L", bound=Stands)
T = TypeVar("T")


def in_force(rule: Selects, on: date) -> bool:
    """Tell whether the day lies within the rule's dates."""
    started = rule.valid_from is None or rule.valid_from <= on
    return started and (rule.valid_to is None or on <= rule.valid_to)


@dataclass(slots=True)
class _Gate:
    """Places of the rules behind one gate, each in one of the three ways to find it."""

    any_line: list[int] = field(default_factory=list)
    by_product: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_category: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    labels: set[str] = field(default_factory=set)

    def add(self, place: int, rule: Selects, *, selects: bool) -> None:
        if not selects:
            self.any_line.append(place)
            return
        found = self.by_product if rule.products else self.by_category
        for name in dict.fromkeys(rule.products or rule.categories):
            found[name].append(place)


@dataclass(frozen=True, slots=True)
class _Season:
    """Gates by key; `kept` are answers that depend on the season and on their key alone."""

    gates: Mapping[Hashable, _Gate]
    kept: dict[Hashable, object] = field(default_factory=dict)


class RuleIndex(Generic[R]):
    """`gates` names the keys under any of which a rule is open; `label` what is to be known of the
    rules behind a gate without walking them; `selects` false: the rule is not chosen by lines.
    """

    def __init__(
        self,
        rules: Iterable[R],
        gates: Callable[[R], Iterable[Hashable]],
        label: Callable[[R], str] = lambda _: "",
        selects: Callable[[R], bool] = lambda rule: bool(rule.products or rule.categories),
    ) -> None:
        self._rules = tuple(rules)
        self._gates = gates
        self._label = label
        self._selects = selects
        starts = {rule.valid_from for rule in self._rules if rule.valid_from}
        ends = {rule.valid_to for rule in self._rules if rule.valid_to and rule.valid_to < date.max}
        self._turns = sorted({*starts, *(day + _DAY for day in ends)})
        self._seasons: dict[int, _Season] = {}

    def opened(self, on: date, keys: Iterable[Hashable]) -> "Opened[R]":
        """Give the rules in force on the day behind the gates that the keys open."""
        gates = self._season(on).gates
        found = (gates.get(key) for key in keys)
        return Opened(self._rules, tuple(gate for gate in found if gate is not None))

    def kept(self, on: date, key: Hashable, work_out: Callable[[], T]) -> T:
        """Give what `work_out` gives, kept for the day's season and the key.

        The same key is for the same kind of answer.
        """
        kept = self._season(on).kept
        found = kept.get(key)
        if found is None:
            if len(kept) >= _KEPT:
                kept.clear()
            found = kept[key] = work_out()
        return cast("T", found)

    def _season(self, on: date) -> _Season:
        turn = bisect_right(self._turns, on)
        season = self._seasons.get(turn)
        if season is None:
            season = _Season(self._laid_out(on))
            kept = {} if len(self._seasons) >= _SEASONS else self._seasons
            self._seasons = {**kept, turn: season}
        return season

    def _laid_out(self, on: date) -> Mapping[Hashable, _Gate]:
        gates: dict[Hashable, _Gate] = {}
        for place, rule in enumerate(self._rules):
            if in_force(rule, on):
                for key in self._gates(rule):
                    gate = gates.setdefault(key, _Gate())
                    gate.add(place, rule, selects=self._selects(rule))
                    gate.labels.add(self._label(rule))
        return gates


@dataclass(frozen=True, slots=True)
class Opened(Generic[R]):
    """The rules that a card, a customer and a day leave open; lines decide the rest."""

    _rules: Sequence[R]
    _gates: tuple[_Gate, ...]

    @property
    def labels(self) -> frozenset[str]:
        return frozenset().union(*(gate.labels for gate in self._gates))

    def matching(
        self, products: Collection[str], categories: Collection[str]
    ) -> list[tuple[int, R]]:
        """Give place and rule of all that match one of the products, else of the categories, else
        anything, in the document's order.
        """
        places: set[int] = set()
        for gate in self._gates:
            places.update(gate.any_line)
            places.update(_places(gate.by_product, products), _places(gate.by_category, categories))
        return [(place, self._rules[place]) for place in sorted(places)]


def _places(found: Mapping[str, list[int]], names: Collection[str]) -> Iterable[int]:
    if not found:
        return ()
    return (place for name in names if name in found for place in found[name])


class LineIndex(Generic[L]):
    """Lines found by what a rule selects, in the order in which they were given."""

    def __init__(self, lines: Iterable[L]) -> None:
        self.lines = tuple(lines)
        self._by_product: dict[str, list[int]] = defaultdict(list)
        self._by_category: dict[str, list[int]] = defaultdict(list)
        for place, line in enumerate(self.lines):
            for product in line.products:
                self._by_product[product].append(place)
            for category in line.categories:
                self._by_category[category].append(place)

    @property
    def products(self) -> Collection[str]:
        return self._by_product.keys()

    @property
    def categories(self) -> Collection[str]:
        return self._by_category.keys()

    def selected(self, rule: Selects) -> Sequence[L]:
        """Give the rule's lines: by products, else categories, else all. Source: semantics 5.2."""
        if rule.products:
            places = {*_places(self._by_product, rule.products)}
        elif rule.categories:
            places = {*_places(self._by_category, rule.categories)}
        else:
            return self.lines
        return tuple(self.lines[place] for place in sorted(places))

    def within(self, rule: Selects) -> Sequence[L]:
        """Give the lines in the rule's products or categories; all if it names none.

        Source: semantics 10.3.
        """
        if not (rule.products or rule.categories):
            return self.lines
        places = {
            *_places(self._by_product, rule.products),
            *_places(self._by_category, rule.categories),
        }
        return tuple(self.lines[place] for place in sorted(places))
