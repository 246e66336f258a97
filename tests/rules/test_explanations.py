"""Formulas: as semantics 14 writes them, and each recomputes to its entry (18.8)."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import explanations
from rules.earning import ActivityFacts, CardFacts, EarningFacts, EarningLine, earn, earn_activity
from rules.earnings import Earned, Earning
from rules.numbers import show_units
from rules.program import EarningRule, RedemptionLimits, RewardPoint, Scheme, Settings
from rules.program_terms import EarningActivity, RewardPointKind

PTS = RewardPoint("PTS", {}, RewardPointKind.QUANTITY, None, True, 1, None, None, Decimal(10000))
CASH = replace(PTS, code="CASH", kind=RewardPointKind.AMOUNT, currency="KWD")
POINTS = {"PTS": PTS, "CASH": CASH}
RULE = EarningRule(
    code="base",
    activity=EarningActivity.PURCHASE_BY_AMOUNT,
    activity_type=None,
    per=Decimal(1),
    currency="USD",
    reward_point="PTS",
    points=Decimal(10),
    tier=None,
    affiliation=None,
    categories=(),
    products=(),
    valid_from=None,
    valid_to=None,
)
RATES = {("USD", "EUR"): Fraction(10, 11), ("USD", "JPY"): Fraction(155)}

FORMULA = re.compile(
    r"(?:(?P<paid>[\d.]+) (?P<of>[A-Z]{3}) = (?P<amount>[\d.]+) (?P<to>[A-Z]{3}); )?"
    r"(?P<floor>floor\()?(?P<base>[\d.]+)(?: / (?P<per>[\d.]+))?\)? x (?P<points>[\d.]+)"
    r" = (?:(?P<exact>[\d.]+) -> )?(?P<result>[\d.]+)"
    r"(?:; line (?P<line>\d+): (?P<share>[\d.]+) of (?P<whole>[\d.]+))?"
    r"(?:; maximum (?P<maximum>[\d.]+): (?P<kept>[\d.]+) of (?P<uncut>[\d.]+))?"
)


def recompute(formula: str, unit: Decimal, rounding: str) -> tuple[str, str]:
    """Give (computed, booked) as the text shows them, after doing its arithmetic anew."""
    found = FORMULA.fullmatch(formula)
    assert found is not None, formula
    if found["paid"]:
        assert found["base"] == found["amount"]
        exact = Fraction(found["paid"]) * RATES[found["of"], found["to"]]
        step = Decimal(1).scaleb(-len(found["amount"].partition(".")[2]))
        assert rounded(exact, step, ROUND_HALF_UP) == Decimal(found["amount"])
    blocks = Fraction(found["base"]) / Fraction(found["per"] or 1)
    exact = (int(blocks) if found["floor"] else blocks) * Fraction(found["points"])
    shown = Fraction(found["exact"] or found["result"])
    assert 0 <= exact - shown < Fraction(1, 10**12)
    assert rounded(shown, unit, rounding) == Decimal(found["result"])
    assert found["whole"] in {None, found["result"]}
    computed = found["share"] or found["result"]
    assert found["uncut"] in {None, computed}
    return computed, found["kept"] or computed


def rounded(value: Fraction, unit: Decimal, rounding: str) -> Decimal:
    assert value.denominator < 10**40
    # Cut far below the unit and below every tie.
    digits = Decimal(int(value * 10**13)).scaleb(-13)
    return digits.quantize(unit, rounding)


def base(amount_minor: int) -> explanations.Base:
    return explanations.amount(amount_minor, "USD")


@pytest.mark.parametrize(
    ("rule", "shown", "exact", "units", "point", "formula"),
    [
        (RULE, base(2040), Fraction(200), 200, PTS, "floor(20.40 / 1) x 10 = 200"),
        (
            replace(RULE, points=Decimal("0.50")),
            base(399),
            Fraction(3, 2),
            1,
            PTS,
            "floor(3.99 / 1) x 0.5 = 1.5 -> 1",
        ),
        (
            replace(RULE, per=Decimal(100), points=Decimal(1)),
            base(12450),
            Fraction("1.245"),
            125,
            replace(CASH, currency="USD"),
            "124.50 / 100 x 1 = 1.245 -> 1.25",
        ),
        (
            replace(RULE, per=Decimal(10), points=Decimal(1)),
            base(1500),
            Fraction("1.5"),
            150,
            replace(CASH, currency="USD"),
            "15.00 / 10 x 1 = 1.50",
        ),
        (
            replace(RULE, per=Decimal(3), points=Decimal(1)),
            base(1000),
            Fraction(10, 3),
            3333,
            CASH,
            "10.00 / 3 x 1 = 3.333333333333 -> 3.333",
        ),
        (
            replace(RULE, activity=EarningActivity.OTHER_ACTIVITY, points=Decimal(5)),
            explanations.ONCE,
            Fraction(5),
            5,
            PTS,
            "1 x 5 = 5",
        ),
    ],
)
def test_formulas_as_written(
    rule: EarningRule,
    shown: explanations.Base,
    exact: Fraction,
    units: int,
    point: RewardPoint,
    formula: str,
) -> None:
    assert explanations.earned(rule, point, shown, exact, units) == formula


def test_a_conversion_stands_before_the_formula() -> None:
    euros = explanations.converted(3300, "USD", RATES["USD", "EUR"], "EUR")
    assert (euros.prefix, euros.shown, euros.value) == ("33.00 USD = 30.00 EUR; ", "30.00", 30)
    yen = explanations.converted(330, "USD", RATES["USD", "JPY"], "JPY")
    assert yen.prefix == "3.30 USD = 512 JPY; "


def test_shares_and_cuts_stand_after_the_formula() -> None:
    assert explanations.share_of_line(2, 8, 20, 0) == "; line 2: 8 of 20"
    assert explanations.share_of_line(2, 805, 2000, 2) == "; line 2: 8.05 of 20.00"
    assert explanations.cut_by_maximum(10000, 50, 80, 0) == "; maximum 10000: 50 of 80"
    assert explanations.cut_by_maximum(10000, 80, 80, 0) == ""


rules = st.builds(
    replace,
    st.just(RULE),
    activity=st.sampled_from(EarningActivity),
    currency=st.sampled_from(("USD", "EUR", "JPY")),
    reward_point=st.sampled_from(("PTS", "CASH")),
    per=st.decimals("0.01", 50, places=2),
    points=st.decimals("0.001", 20, places=3),
    categories=st.sampled_from(((), ("A",))),
)
lines = st.builds(
    EarningLine,
    line_number=st.integers(1, 99),
    products=st.just(frozenset({"P"})),
    categories=st.sampled_from((frozenset(), frozenset({"A"}))),
    # No earning passes its bound of 10^15 units.
    net_minor=st.integers(0, 10**7),
    quantity=st.decimals("0.000001", 10**6, places=6).map(Fraction),
)
bought = st.lists(lines, max_size=5, unique_by=lambda line: line.line_number).map(tuple)
MEMBER_CARD = CardFacts(active=True, programs=frozenset({"CLUB"}), tiers={})


def club(found: Sequence[EarningRule]) -> Scheme:
    typed = tuple(
        replace(
            rule,
            code=f"r{index}",
            activity_type="SURVEY" if rule.activity is EarningActivity.OTHER_ACTIVITY else None,
            per=rule.per if rule.activity.startswith("PURCHASE") else Decimal(1),
        )
        for index, rule in enumerate(found)
    )
    limits = RedemptionLimits(Decimal(0), 1, Decimal(100))
    return Scheme("CLUB-US", "CLUB", ("WEB",), (), (), typed, limits, ())


def both(
    scheme: Scheme, lines: tuple[EarningLine, ...], room: dict[str, int], settings: Settings
) -> Sequence[Earned]:
    day = date(2025, 6, 15)
    sale = EarningFacts("WEB", day, MEMBER_CARD, frozenset(), room, "USD", lines)
    activity = ActivityFacts("WEB", day, MEMBER_CARD, frozenset(), room, "SURVEY")
    return (
        earn(sale, (scheme,), POINTS, lambda *pair: RATES.get(pair), settings),
        earn_activity(activity, (scheme,), POINTS),
    )


def check(earning: Earning, matched: int) -> None:
    digits = explanations.point_digits(POINTS[earning.reward_point])
    unit = Decimal(1).scaleb(-digits)
    rounding = ROUND_DOWN if earning.reward_point == "PTS" else ROUND_HALF_UP
    for entry in (earning, *earning.shares):
        computed, kept = recompute(entry.formula, unit, rounding)
        assert computed == show_units(entry.computed_units, digits)
        assert kept == show_units(entry.points_units, digits)
    for share in earning.shares:
        by_line = share.line_number is not None and matched > 1
        assert (f"; line {share.line_number}: " in share.formula) is by_line


@given(
    st.lists(rules, max_size=4).map(club),
    bought,
    st.dictionaries(st.sampled_from(("PTS", "CASH")), st.integers(0, 10**6)),
    st.booleans(),
)
def test_each_formula_recomputes_to_its_entry(
    scheme: Scheme, lines: tuple[EarningLine, ...], room: dict[str, int], per_line: bool
) -> None:
    categories = {rule.code: rule.categories for rule in scheme.earning_rules}
    for earned in both(scheme, lines, room, Settings(post_points_per_sales_line=per_line)):
        for earning in earned.earnings:
            wanted = categories[earning.rule]
            check(earning, sum(not wanted or "A" in line.categories for line in lines))
