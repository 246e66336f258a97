"""What holds for all carts, rules and budgets when points pay. Semantics 8.2, 8.3, 8.5, 18."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.book import RuleBook
from rules.errors import InvalidPaymentRequest, NotEnoughRewardPoints, RedemptionLimit
from rules.explanations import point_digits
from rules.limits import walk_within_limits
from rules.numbers import half_up, scale
from rules.paying import Cover, Item, Slice, Tender, cover, decide, is_unrestricted, most, recapture
from rules.paying import tender as gather
from rules.program import RedemptionLimits, RedemptionRule, RewardPoint
from rules.program_terms import RedemptionReward, RewardPointKind
from rules.tender_json import facts_as_json, facts_from_json
from rules.walk import everything, walk
from tests.rules.tenders import BOOK, HUNDRED, NO_LIMITS, asked, facts, line, scheme

CODES = ("CASH", "EURO", "POINTS", "STARS")
CURRENCIES = {"CASH": "USD", "EURO": "EUR"}


@dataclass(frozen=True)
class Case:
    tender: Tender
    rules: tuple[RedemptionRule, ...]
    limits: RedemptionLimits
    book: RuleBook
    budgets: dict[str, int]
    due_minor: int


def points(rankings: Sequence[int]) -> dict[str, RewardPoint]:
    plain = BOOK.reward_points["PTS"]
    return {
        code: replace(
            plain,
            code=code,
            kind=RewardPointKind.AMOUNT if code in CURRENCIES else RewardPointKind.QUANTITY,
            currency=CURRENCIES.get(code),
            redeem_ranking=ranking,
        )
        for code, ranking in zip(CODES, rankings, strict=True)
    }


def decimals(*texts: str) -> st.SearchStrategy[Decimal]:
    return st.sampled_from([Decimal(text) for text in texts])


LABELS = st.sampled_from([(), ("A",), ("B",), ("A", "B")])
QUANTITIES = st.sampled_from(["1", "2", "3", "7", "0.5", "1000"])
LINES = st.builds(
    lambda goods, labels, charges, quantity: (goods, labels, charges, quantity),
    st.integers(0, 3000),
    LABELS,
    st.sampled_from([0, 0, 1, 350]),
    QUANTITIES,
)
RULES = st.builds(
    lambda amount, **given: replace(
        HUNDRED,
        reward=RedemptionReward.PAYMENT_BY_AMOUNT
        if amount
        else RedemptionReward.PAYMENT_BY_QUANTITY,
        currency=amount,
        **given,
    ),
    st.sampled_from(["USD", "EUR", "JPY", None, None]),
    reward_point=st.sampled_from(CODES),
    points=decimals("1", "3", "7", "80", "100", "0.5", "33.3", "1250", "0.01"),
    pays=decimals("1", "0.10", "2", "3", "0.333", "1.4"),
    categories=LABELS,
    whole_units_only=st.booleans(),
).map(lambda rule: replace(rule, whole_units_only=rule.whole_units_only and not rule.currency))
NO_BLOCKS = RULES.map(lambda rule: replace(rule, whole_units_only=False))
RANKINGS = st.lists(st.integers(1, 2), min_size=4, max_size=4)
DISTINCT = st.permutations([1, 2, 3, 4])
NEVER_LIMITED = st.just(NO_LIMITS)
LIMITS = st.builds(
    RedemptionLimits,
    decimals("0", "0", "20", "500"),
    st.sampled_from([1, 1, 2, 7, 50, 250]),
    decimals("100", "100", "40", "0.5"),
)


def stepped(limits: RedemptionLimits) -> RedemptionLimits:
    return replace(limits, step=max(2, limits.step))


@st.composite
def cases(
    draw: st.DrawFn,
    limits: st.SearchStrategy[RedemptionLimits] = LIMITS,
    rankings: st.SearchStrategy[Sequence[int]] = RANKINGS,
    rules: st.SearchStrategy[RedemptionRule] = RULES,
) -> Case:
    lines = draw(st.lists(LINES, min_size=1, max_size=4))
    items = [
        line(number, goods, *labels, charges_minor=charges, quantity=quantity)
        for number, (goods, labels, charges, quantity) in enumerate(lines, start=1)
    ]
    items.append(Item(None, 0, draw(st.sampled_from([0, 1, 500]))))
    given_rules = tuple(draw(st.lists(rules, min_size=1, max_size=5)))
    book = replace(BOOK, reward_points=points(draw(rankings)))
    currency = draw(st.sampled_from(["USD", "USD", "JPY"]))
    limited = draw(limits)
    told = asked(items, *given_rules, limits=limited, currency=currency, book=book)
    budgets = {
        code: draw(st.one_of(st.integers(0, 60), st.integers(0, 10**4), st.just(10**12)))
        for code in CODES
    }
    due_minor = draw(st.one_of(st.just(told.facts.total_minor), st.integers(0, 2000)))
    return Case(told, given_rules, limited, book, budgets, min(due_minor, told.facts.total_minor))


def units_taken(found: Cover) -> dict[str, int]:
    return {code: found.points_units(code) for code in found.reward_points}


@given(cases())
def test_the_most_can_be_paid_and_takes_the_points_shown(case: Case) -> None:
    found = most(case.tender, case.budgets, case.due_minor)
    assert found.amount_minor <= min(case.due_minor, case.tender.share_cap_minor)
    if found.slices:
        paid = decide(case.tender, case.budgets, {}, found.amount_minor, case.due_minor)
        assert paid == found


@given(cases())
def test_one_minor_unit_more_than_the_most_fails(case: Case) -> None:
    found = most(case.tender, case.budgets, case.due_minor)
    with pytest.raises((NotEnoughRewardPoints, RedemptionLimit, InvalidPaymentRequest)) as refused:
        decide(case.tender, case.budgets, {}, found.amount_minor + 1, case.due_minor)
    error = refused.value
    if found.amount_minor == case.due_minor:
        assert isinstance(error, InvalidPaymentRequest)
    elif not isinstance(error, InvalidPaymentRequest):
        assert (error.amount_covered_minor or 0) <= found.amount_minor


@given(cases(limits=NEVER_LIMITED, rankings=DISTINCT))
def test_the_most_is_the_walk_for_what_is_due_where_nothing_ties(case: Case) -> None:
    walked = cover(case.tender, case.budgets, case.due_minor)
    assert most(case.tender, case.budgets, case.due_minor) == walked


@given(cases(), st.booleans())
def test_a_cover_stays_within_budgets_lines_and_what_is_to_pay(case: Case, limited: bool) -> None:
    found = cover(case.tender, case.budgets, case.due_minor, limited=limited)
    assert found.amount_minor <= case.due_minor
    assert all(units <= case.budgets[code] for code, units in units_taken(found).items())
    assert all(units > 0 for units in units_taken(found).values())
    assert all(s.amount_minor > 0 and s.points_units >= 0 for s in found.slices)
    for item in case.tender.facts.items:
        _within(case, found, item)


def _within(case: Case, found: Cover, item: Item) -> None:
    slices = [s for s in found.slices if s.line_number == item.line_number]
    amount_minor = sum(s.amount_minor for s in slices)
    assert amount_minor <= item.goods_minor + item.charges_minor
    for s in slices:
        rules = [rule for rule in case.rules if rule.reward_point == s.reward_point]
        if item.line_number is None:
            assert any(is_unrestricted(rule) for rule in rules)
        if all(rule.currency is None for rule in rules):
            assert s.amount_minor <= item.goods_minor


@given(cases())
def test_limits_hold_for_what_is_taken(case: Case) -> None:
    found = most(case.tender, case.budgets, case.due_minor)
    limits = case.tender.limits
    for code, units in units_taken(found).items():
        if code not in CURRENCIES:
            assert units % limits.step == 0
            assert units >= limits.minimum_points


@given(cases(limits=LIMITS.map(stepped)), st.sampled_from(["POINTS", "STARS"]))
def test_the_step_taken_is_the_largest_that_fits(case: Case, code: str) -> None:
    """Against trying every multiple in turn."""
    assume(code in case.tender.prices)
    budget = min(case.budgets[code], 100 * case.tender.limits.step)
    left = everything(case.tender.facts.items)
    found = walk_within_limits(case.tender, code, left, case.due_minor, budget)
    step, total = case.tender.limits.step, case.tender.facts.total_minor
    tried = (walk(case.tender, code, left, total, m) for m in range(0, budget + 1, step))
    fitting = [
        walked.units
        for multiple, walked in zip(range(0, budget + 1, step), tried, strict=True)
        if walked.units == multiple and walked.amount_minor <= case.due_minor
    ]
    largest = max(fitting, default=0)
    assert found.units == (largest if largest >= case.tender.limits.minimum_points else 0)


@given(cases(), st.fractions(0, 1))
def test_a_refused_amount_that_limits_alone_forbid_says_so(case: Case, share: Fraction) -> None:
    amount_minor = int(case.due_minor * share)
    assume(amount_minor > 0)
    free = cover(case.tender, case.budgets, amount_minor, limited=False)
    if cover(case.tender, case.budgets, amount_minor).amount_minor == amount_minor:
        assume(amount_minor > case.tender.share_cap_minor)
    expected = RedemptionLimit if free.amount_minor == amount_minor else NotEnoughRewardPoints
    with pytest.raises(expected) as refused:
        decide(case.tender, case.budgets, {}, amount_minor, case.due_minor)
    assert refused.value.amount_covered_minor < amount_minor


@given(cases())
def test_capturing_all_takes_what_was_held(case: Case) -> None:
    found = most(case.tender, case.budgets, case.due_minor)
    assume(found.slices)
    captured = recapture(case.tender, units_taken(found), found.amount_minor)
    assert captured.amount_minor == found.amount_minor
    for code, units in units_taken(captured).items():
        assert units <= found.points_units(code)
    if all(code not in CURRENCIES for code in found.reward_points):
        assert captured == found
    elif all(_least_units(case, code) >= 1 for code in found.reward_points):
        # AMOUNT points may have been rounded down: then a line may take the unit of another.
        assert [_money(s) for s in captured.slices] == [_money(s) for s in found.slices]
        assert units_taken(captured) == units_taken(found)


def _money(one: Slice) -> tuple[str, int | None, int]:
    return (one.reward_point, one.line_number, one.amount_minor)


def _least_units(case: Case, code: str) -> Fraction:
    """Give the fewest smallest units that a minor unit of money can need of an AMOUNT point; those
    of QUANTITY points are rounded up.
    """
    if code not in CURRENCIES:
        return Fraction(1)
    units = scale(point_digits(case.tender.points[code]))
    return min(price.rate * units for item in case.tender.prices[code] for price in item)


@given(cases(NEVER_LIMITED, DISTINCT, NO_BLOCKS), st.fractions(0, 1))
def test_any_part_is_captured_within_what_was_held(case: Case, share: Fraction) -> None:
    found = most(case.tender, case.budgets, case.due_minor)
    # A minor unit of money that rounds to no points is not paid.
    assume(all(_least_units(case, code) >= Fraction(1, 2) for code in found.reward_points))
    assume(found.slices)
    amount_minor = max(1, int(found.amount_minor * share))
    captured = recapture(case.tender, units_taken(found), amount_minor)
    assert captured.amount_minor == amount_minor
    for code, units in units_taken(captured).items():
        assert units <= found.points_units(code)


@given(cases(rankings=DISTINCT), st.randoms(use_true_random=False))
def test_the_order_of_rules_and_lines_changes_nothing(case: Case, random: Random) -> None:
    assume(not _ties(case))
    found = most(case.tender, case.budgets, case.due_minor)
    rules, items = list(case.rules), list(case.tender.facts.items)
    random.shuffle(rules)
    random.shuffle(items)
    told = replace(case.tender.facts, items=tuple(items))
    again = gather(told, case.book, [scheme(*rules, limits=case.limits)])
    assert most(again, case.budgets, case.due_minor) == found


def _ties(case: Case) -> bool:
    return any(
        len({price.rate for price in prices}) < len(prices)
        for items in case.tender.prices.values()
        for prices in items
    )


@given(cases())
def test_a_formula_recomputes_to_the_points_taken(case: Case) -> None:
    found = cover(case.tender, case.budgets, case.due_minor)
    for code, text in found.formulas.items():
        point = case.tender.points[code]
        digits = point_digits(point)
        left, _, right = text.partition(" = ")
        products = [term.split(" x ") for term in left.split(" + ")]
        exact = sum((Fraction(a) * Fraction(b) for a, b in products), Fraction(0)) * scale(digits)
        taken = Fraction(right.rpartition("-> ")[2]) * scale(digits)
        assert taken == found.points_units(code)
        # A rate that does not end is cut; a budget pays half a minor unit more than its worth.
        cut = Fraction(1, 10**6)
        dearest = max(price.rate for item in case.tender.prices[code] for price in item)
        assert taken <= (half_up(exact + cut) if code in CURRENCIES else exact + 1)
        assert taken >= exact - max(1, dearest * scale(digits)) / Fraction(2)


@given(cases())
def test_facts_are_stored_exactly(case: Case) -> None:
    told = replace(case.tender.facts, affiliations=frozenset({"b", "a"}))
    assert facts_from_json(json.loads(json.dumps(facts_as_json(told)))) == told


def test_a_third_of_a_piece_is_stored_exactly() -> None:
    told = facts(Item(1, 100, 0, Fraction(1, 3)))
    assert facts_as_json(told)["items"][0]["quantity"] == "1/3"
    assert facts_from_json(facts_as_json(told)) == told
