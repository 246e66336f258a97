"""An index finds exactly the rules that walking all of them would find."""

from dataclasses import dataclass
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.indexes import LineIndex, RuleIndex, in_force

DAYS = [date(2025, 6, 1) + timedelta(days=number) for number in range(6)]
NAMES = ["A", "B", "C"]


@dataclass(frozen=True)
class Rule:
    gates: tuple[str, ...]
    products: tuple[str, ...]
    categories: tuple[str, ...]
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True)
class Bought:
    products: frozenset[str]
    categories: frozenset[str]


def tuples(names: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), max_size=2).map(tuple)


RULES = st.builds(
    Rule,
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=2).map(tuple),
    tuples(NAMES),
    tuples(NAMES),
    st.none() | st.sampled_from(DAYS),
    st.none() | st.sampled_from([*DAYS, date.max]),
)
BOUGHT = st.builds(Bought, tuples(NAMES).map(frozenset), tuples(NAMES).map(frozenset))


def matches(rule: Rule, bought: Bought) -> bool:
    if rule.products:
        return not bought.products.isdisjoint(rule.products)
    return not rule.categories or not bought.categories.isdisjoint(rule.categories)


@given(
    rules=st.lists(RULES, max_size=12),
    held=st.sets(st.sampled_from(NAMES)),
    bought=BOUGHT,
    days=st.lists(st.sampled_from([date.min, *DAYS, date.max]), min_size=1),
)
@settings(deadline=None)
def test_an_index_finds_what_walking_all_rules_finds(
    rules: list[Rule], held: set[str], bought: Bought, days: list[date]
) -> None:
    index = RuleIndex(rules, lambda rule: rule.gates, lambda rule: rule.gates[0])
    for on in days:
        opened = index.opened(on, held)
        now = [rule for rule in rules if in_force(rule, on) and held & {*rule.gates}]
        assert opened.labels == {rule.gates[0] for rule in now}
        found = opened.matching(bought.products, bought.categories)
        assert found == [
            (place, rule)
            for place, rule in enumerate(rules)
            if in_force(rule, on) and held & {*rule.gates} and matches(rule, bought)
        ]


@given(lines=st.lists(BOUGHT, max_size=8), rule=RULES)
@settings(deadline=None)
def test_lines_are_selected_by_products_else_categories_else_all(
    lines: list[Bought], rule: Rule
) -> None:
    selected = LineIndex(lines).selected(rule)
    assert list(selected) == [line for line in lines if matches(rule, line)]


def test_seasons_are_laid_out_anew_however_many_are_asked_for() -> None:
    rules = [
        Rule(("A",), (), (), date(2025, 1, 1) + timedelta(days=number), None)
        for number in range(40)
    ]
    index = RuleIndex(rules, lambda rule: rule.gates)
    for number in [*range(40), *range(40)]:
        on = date(2025, 1, 1) + timedelta(days=number)
        assert len(index.opened(on, ["A"]).matching((), ())) == number + 1
