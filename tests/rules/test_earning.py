"""What sales and activities earn. Semantics 5 and 14; examples by their numbers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.earning import (
    ActivityFacts,
    CardFacts,
    EarningFacts,
    EarningLine,
    earn,
    earn_activity,
    earning_line,
    maximum_units,
)
from rules.earnings import Earned
from rules.errors import InvalidInput
from rules.lines import LineInput, check_lines
from rules.notes import Note, NoteCode, message_of
from rules.program import EarningRule, RedemptionLimits, RewardPoint, Scheme, Settings
from rules.program_terms import EarningActivity, EarnOnRedeemSale, RewardPointKind

DAY = date(2025, 6, 15)
PTS = RewardPoint("PTS", {}, RewardPointKind.QUANTITY, None, True, 1, None, None, None)
CASH = replace(PTS, code="CASH", kind=RewardPointKind.AMOUNT, currency="USD", redeem_ranking=2)
POINTS = {"PTS": PTS, "CASH": CASH}
BASE = EarningRule(
    code="base",
    activity=EarningActivity.PURCHASE_BY_AMOUNT,
    activity_type=None,
    per=Decimal(1),
    currency="USD",
    reward_point="PTS",
    points=Decimal(1),
    tier=None,
    affiliation=None,
    categories=(),
    products=(),
    valid_from=None,
    valid_to=None,
)
GOLD = replace(BASE, code="gold", points=Decimal(10), tier="GOLD")
VETERANS = replace(BASE, code="veterans", points=Decimal(5), affiliation="veteran")
VISIT = replace(
    BASE,
    code="visit",
    activity=EarningActivity.SALES_TRANSACTION_COUNT,
    currency=None,
    points=Decimal(5),
)
SURVEY = replace(
    BASE,
    code="survey",
    activity=EarningActivity.OTHER_ACTIVITY,
    activity_type="SURVEY",
    currency=None,
    points=Decimal(20),
)
CLUB = Scheme(
    code="CLUB-US",
    program="CLUB",
    channels=("WEB",),
    organization_nodes=(),
    excluded_affiliations=(),
    earning_rules=(),
    redemption_limits=RedemptionLimits(Decimal(0), 1, Decimal(100)),
    redemption_rules=(),
)
MEMBER_CARD = CardFacts(active=True, programs=frozenset({"CLUB"}), tiers={"CLUB": "MEMBER"})
GOLD_CARD = replace(MEMBER_CARD, tiers={"CLUB": "GOLD"})
FACTS = EarningFacts("WEB", DAY, MEMBER_CARD, frozenset(), {}, "USD", ())
ACTIVITY = ActivityFacts("WEB", DAY, MEMBER_CARD, frozenset(), {}, "SURVEY")
SETTINGS = Settings()


def no_rate(_from: str, _to: str) -> Fraction | None:
    return None


def scheme(*rules: EarningRule, code: str = "CLUB-US") -> Scheme:
    return replace(CLUB, code=code, earning_rules=rules)


def bought(number: int, net_minor: int, *categories: str, quantity: int = 1) -> EarningLine:
    keys = frozenset({f"P{number}"})
    return EarningLine(number, keys, frozenset(categories), net_minor, Fraction(quantity))


def sale(*nets: int) -> EarningFacts:
    return replace(FACTS, lines=tuple(bought(n, net) for n, net in enumerate(nets, 1)))


def judged(
    facts: EarningFacts, *rules: EarningRule, settings: Settings = SETTINGS, **points: RewardPoint
) -> Earned:
    return earn(facts, (scheme(*rules),), POINTS | points, no_rate, settings)


def units(earned: Earned) -> list[int]:
    return [earning.points_units for earning in earned.earnings]


def formulas(earned: Earned) -> list[str]:
    return [share.formula for earning in earned.earnings for share in earning.shares]


def codes(earned: Earned) -> list[NoteCode]:
    return [note.code for note in earned.notes]


def test_ex_02_tier_and_affiliation_rules_add_up() -> None:
    gold = replace(sale(100), card=GOLD_CARD)
    veteran = frozenset({"veteran"})
    assert units(judged(replace(gold, affiliations=veteran), GOLD, VETERANS)) == [10, 5]
    assert units(judged(replace(sale(100), affiliations=veteran), GOLD, VETERANS)) == [5]
    assert units(judged(gold, GOLD, VETERANS)) == [10]
    assert codes(judged(sale(100), GOLD, VETERANS)) == [
        NoteCode.TIER_NOT_HELD,
        NoteCode.AFFILIATION_NOT_HELD,
    ]


def test_ex_03_each_rule_makes_its_own_entry() -> None:
    facts = replace(sale(2040), card=GOLD_CARD, affiliations=frozenset({"veteran"}))
    earned = judged(facts, BASE, GOLD, VETERANS)
    assert units(earned) == [20, 200, 100]
    assert formulas(earned) == [
        "floor(20.40 / 1) x 1 = 20",
        "floor(20.40 / 1) x 10 = 200",
        "floor(20.40 / 1) x 5 = 100",
    ]
    assert {earning.tier for earning in earned.earnings} == {"GOLD"}


def test_ex_04_an_excluded_affiliation_stops_its_scheme_alone() -> None:
    excluding = replace(scheme(BASE), excluded_affiliations=("wholesale",))
    other = scheme(BASE, code="OTHER")
    facts = replace(sale(50000), card=GOLD_CARD, affiliations=frozenset({"wholesale"}))
    earned = earn(facts, (excluding, other), POINTS, no_rate, SETTINGS)
    assert [(e.scheme, e.points_units) for e in earned.earnings] == [("OTHER", 500)]
    assert earned.notes == (Note(NoteCode.EXCLUDED_AFFILIATION, "CLUB-US"),)


def test_ex_06_a_rule_counts_its_own_lines_and_no_charges() -> None:
    sent = [
        LineInput(
            1,
            "S1",
            Decimal(2),
            Decimal("30.00"),
            categories=("Apparel", "Shoes"),
            discount_amount=Decimal("6.00"),
        ),
        LineInput(2, "H1", Decimal(1), Decimal("12.00"), categories=("Apparel",)),
    ]
    lines = tuple(earning_line(line) for line in check_lines(sent, [], "USD")[0])
    facts = replace(FACTS, lines=lines)
    assert units(judged(facts, replace(BASE, categories=("Shoes",)))) == [54]
    assert units(judged(facts, BASE)) == [66]
    assert units(judged(facts, replace(BASE, products=("H1",), categories=("Shoes",)))) == [12]


def test_a_rule_finds_its_products_by_variant_too() -> None:
    sent = [LineInput(1, "SHOES", Decimal(1), Decimal(9), variant_id="SHOES-42")]
    facts = replace(FACTS, lines=(earning_line(check_lines(sent, [], "USD")[0][0]),))
    assert units(judged(facts, replace(BASE, products=("SHOES-42",)))) == [9]


@pytest.mark.parametrize(
    ("net", "points", "cash"),
    [(900, 0, 0), (999, 0, 0), (1000, 1, 100), (1500, 1, 150), (1999, 1, 200), (2000, 2, 200)],
)
def test_ex_08_blocks_for_points_proportion_for_money(net: int, points: int, cash: int) -> None:
    ten = replace(BASE, per=Decimal(10))
    counted = judged(sale(net), ten, replace(ten, code="cash", reward_point="CASH"))
    found = {earning.reward_point: earning.points_units for earning in counted.earnings}
    assert (found.get("PTS", 0), found.get("CASH", 0)) == (points, cash)
    assert codes(counted) == ([] if points else [NoteCode.BELOW_THRESHOLD] * 2)


def test_ex_09_one_and_a_quarter() -> None:
    assert units(judged(sale(125), replace(BASE, reward_point="CASH"), BASE)) == [125, 1]


def test_ex_10_money_is_rounded_half_up() -> None:
    earned = judged(sale(12450), replace(BASE, per=Decimal(100), reward_point="CASH"))
    assert units(earned) == [125]
    assert formulas(earned) == ["124.50 / 100 x 1 = 1.245 -> 1.25"]


def test_points_are_cut_toward_zero() -> None:
    earned = judged(sale(399), replace(BASE, points=Decimal("0.5")))
    assert units(earned) == [1]
    assert formulas(earned) == ["floor(3.99 / 1) x 0.5 = 1.5 -> 1"]


def test_ex_11_quantities_count_in_blocks() -> None:
    coffee = replace(
        BASE,
        activity=EarningActivity.PURCHASE_BY_QUANTITY,
        per=Decimal(3),
        currency=None,
        categories=("Coffee",),
    )
    seven = replace(FACTS, lines=(bought(1, 2100, "Coffee", quantity=7), bought(2, 500)))
    two = replace(FACTS, lines=(bought(1, 600, "Coffee", quantity=2),))
    assert units(judged(seven, coffee)) == [2]
    assert formulas(judged(seven, coffee)) == ["floor(7 / 3) x 1 = 2"]
    assert codes(judged(two, coffee)) == [NoteCode.BELOW_THRESHOLD]


def test_ex_14_a_transaction_counts_once() -> None:
    three = judged(sale(3000, 3000, 2000), VISIT)
    assert units(three) == [5]
    assert [(s.line_number, s.formula) for s in three.earnings[0].shares] == [(None, "1 x 5 = 5")]
    assert codes(judged(sale(0), VISIT)) == [NoteCode.BELOW_THRESHOLD]
    assert codes(judged(sale(), VISIT)) == [NoteCode.BELOW_THRESHOLD]


def test_ex_15_paid_with_points_nothing_or_the_remainder() -> None:
    """The remainder comes with its lines already less what points paid."""
    whole = replace(sale(10000), paid_with_points=True)
    nothing = judged(whole, BASE)
    assert (nothing.earnings, nothing.notes) == (
        (),
        (Note(NoteCode.PAID_WITH_POINTS, "CLUB-US"),),
    )
    remainder = Settings(earn_on_redeem_sale=EarnOnRedeemSale.REMAINDER)
    shrunk = replace(whole, lines=(bought(1, 7000)._replace(paid_with_points=True),))
    assert units(judged(shrunk, BASE, settings=remainder)) == [70]


def test_a_rule_of_which_points_paid_everything_says_so() -> None:
    remainder = Settings(earn_on_redeem_sale=EarnOnRedeemSale.REMAINDER)
    spent = bought(1, 0, quantity=0)._replace(paid_with_points=True)
    pieces = replace(BASE, code="pieces", activity=EarningActivity.PURCHASE_BY_QUANTITY)
    facts = replace(FACTS, lines=(spent,), paid_with_points=True)
    paid = judged(facts, BASE, pieces, VISIT, settings=remainder)
    assert codes(paid) == [NoteCode.PAID_WITH_POINTS] * 3
    free = replace(facts, lines=(spent, bought(2, 0, "Gift")))
    gift = judged(free, replace(BASE, categories=("Gift",)), settings=remainder)
    assert codes(gift) == [NoteCode.BELOW_THRESHOLD]


def test_ex_17_activity_rules_add_up() -> None:
    rules = (
        SURVEY,
        replace(SURVEY, code="gold", tier="GOLD", points=Decimal(10)),
        replace(SURVEY, code="veterans", affiliation="veteran", points=Decimal(5)),
        replace(SURVEY, code="workshop", activity_type="WORKSHOP", points=Decimal(50)),
        BASE,
    )
    both = replace(ACTIVITY, card=GOLD_CARD, affiliations=frozenset({"veteran"}))
    earned = earn_activity(both, (scheme(*rules),), POINTS)
    assert units(earned) == [20, 10, 5]
    assert formulas(earned) == ["1 x 20 = 20", "1 x 10 = 10", "1 x 5 = 5"]
    assert units(earn_activity(ACTIVITY, (scheme(*rules),), POINTS)) == [20]


def test_an_activity_without_a_rule_is_noted_for_the_scheme() -> None:
    earned = earn_activity(ACTIVITY, (scheme(BASE),), POINTS)
    assert earned.notes == (Note(NoteCode.NO_MATCHING_LINES, "CLUB-US"),)


def test_exclusion_stops_activities_too() -> None:
    excluding = replace(scheme(SURVEY), excluded_affiliations=("wholesale",))
    facts = replace(ACTIVITY, affiliations=frozenset({"wholesale"}))
    assert codes(earn_activity(facts, (excluding,), POINTS)) == [NoteCode.EXCLUDED_AFFILIATION]


def test_ex_25_a_rule_is_split_over_its_lines() -> None:
    ten = replace(BASE, per=Decimal(10), points=Decimal(10))
    shares = judged(sale(1500, 1000), ten).earnings[0].shares
    assert [(s.line_number, s.points_units, s.computed_units) for s in shares] == [
        (1, 12, 12),
        (2, 8, 8),
    ]
    assert shares[1].formula == "floor(25.00 / 10) x 10 = 20; line 2: 8 of 20"


def test_without_posting_per_line_a_rule_makes_one_entry() -> None:
    whole = Settings(post_points_per_sales_line=False)
    shares = judged(sale(1500, 1000), BASE, settings=whole).earnings[0].shares
    assert [(s.line_number, s.points_units, s.formula) for s in shares] == [
        (None, 25, "floor(25.00 / 1) x 1 = 25")
    ]


LIMITED = replace(PTS, maximum_per_card=Decimal(10000))
EIGHTY = replace(BASE, points=Decimal(80))


def test_ex_35_the_maximum_cuts() -> None:
    cut = judged(replace(sale(100), room={"PTS": 50}), EIGHTY, PTS=LIMITED)
    assert [(e.points_units, e.computed_units) for e in cut.earnings] == [(50, 80)]
    assert formulas(cut) == ["floor(1.00 / 1) x 80 = 80; maximum 10000: 50 of 80"]
    assert cut.notes == (Note(NoteCode.MAXIMUM_REACHED, "CLUB-US", "base"),)
    full = judged(replace(sale(100), room={"PTS": 0}), EIGHTY, PTS=LIMITED)
    assert (units(full), codes(full)) == ([], [NoteCode.MAXIMUM_REACHED])
    roomy = judged(replace(sale(100), room={"PTS": 1050}), EIGHTY, PTS=LIMITED)
    assert (units(roomy), codes(roomy)) == ([80], [])


def test_ex_35_rules_share_one_room_in_document_order() -> None:
    forty = replace(BASE, points=Decimal(40))
    facts = replace(sale(100), room={"PTS": 50})
    earned = judged(facts, forty, replace(forty, code="more"), PTS=LIMITED)
    assert units(earned) == [40, 10]
    assert earned.notes == (Note(NoteCode.MAXIMUM_REACHED, "CLUB-US", "more"),)


def test_the_maximum_cuts_by_line_number_and_keeps_the_uncut_share() -> None:
    facts = replace(sale(1000, 3000, 1000), room={"PTS": 25})
    earned = judged(facts, BASE, PTS=LIMITED)
    assert [
        (s.line_number, s.points_units, s.computed_units) for s in earned.earnings[0].shares
    ] == [
        (1, 10, 10),
        (2, 15, 30),
    ]
    assert formulas(earned)[1] == (
        "floor(50.00 / 1) x 1 = 50; line 2: 30 of 50; maximum 10000: 15 of 30"
    )
    assert earned.earnings[0].formula == "floor(50.00 / 1) x 1 = 50; maximum 10000: 25 of 50"


def test_a_balance_above_the_maximum_leaves_no_room() -> None:
    over = judged(replace(sale(100), room={"PTS": -200}), BASE, PTS=LIMITED)
    assert (units(over), codes(over)) == ([], [NoteCode.MAXIMUM_REACHED])


@pytest.mark.parametrize(
    ("maximum", "limit"), [(None, None), (Decimal(0), None), (Decimal("10.9"), 10)]
)
def test_no_maximum_and_zero_are_no_limit(maximum: Decimal | None, limit: int | None) -> None:
    assert maximum_units(replace(PTS, maximum_per_card=maximum)) == limit
    assert maximum_units(replace(CASH, maximum_per_card=Decimal("12.50"))) == 1250


def test_an_amount_in_another_currency_is_converted_half_up() -> None:
    rates = {("USD", "EUR"): Fraction(10, 11)}
    euro = replace(BASE, currency="EUR")
    earned = earn(
        sale(2200, 1100), (scheme(euro),), POINTS, lambda *pair: rates.get(pair), SETTINGS
    )
    assert formulas(earned) == [
        "33.00 USD = 30.00 EUR; floor(30.00 / 1) x 1 = 30; line 1: 20 of 30",
        "33.00 USD = 30.00 EUR; floor(30.00 / 1) x 1 = 30; line 2: 10 of 30",
    ]


def test_a_missing_rate_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="No rate from USD to EUR"):
        judged(sale(100), replace(BASE, currency="EUR"))


def test_an_earning_beyond_ten_to_the_fifteen_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        judged(sale(10**15), replace(BASE, points=Decimal(1000)))
    assert refused.value.field == ("lines",)
    huge = replace(SURVEY, points=Decimal(10) ** 16)
    with pytest.raises(InvalidInput) as refused:
        earn_activity(ACTIVITY, (scheme(huge),), POINTS)
    assert refused.value.field == ("activityType",)


@pytest.mark.parametrize(
    ("card", "schemes", "code"),
    [
        (None, (scheme(BASE),), NoteCode.NO_CARD),
        (None, (), NoteCode.NO_CARD),
        (replace(MEMBER_CARD, active=False), (scheme(BASE),), NoteCode.CARD_BLOCKED),
        (replace(MEMBER_CARD, active=False), (), NoteCode.CARD_BLOCKED),
        (MEMBER_CARD, (), NoteCode.CHANNEL_NOT_PARTICIPATING),
    ],
)
def test_ex_65_a_note_for_the_whole_sale_stands_alone(
    card: CardFacts | None, schemes: tuple[Scheme, ...], code: NoteCode
) -> None:
    earned = earn(replace(sale(10000), card=card), schemes, POINTS, no_rate, SETTINGS)
    assert earned == Earned((), (Note(code),))


def test_a_scheme_is_stopped_before_its_rules() -> None:
    stranger = replace(MEMBER_CARD, programs=frozenset({"OTHER"}))
    facts = replace(
        sale(100), card=stranger, affiliations=frozenset({"wholesale"}), paid_with_points=True
    )
    excluding = replace(scheme(BASE), excluded_affiliations=("wholesale",))

    def code(facts: EarningFacts) -> list[NoteCode]:
        return codes(earn(facts, (excluding,), POINTS, no_rate, SETTINGS))

    assert code(facts) == [NoteCode.NOT_ENROLLED]
    assert code(replace(facts, card=MEMBER_CARD)) == [NoteCode.EXCLUDED_AFFILIATION]
    neither = replace(facts, card=MEMBER_CARD, affiliations=frozenset())
    assert code(neither) == [NoteCode.PAID_WITH_POINTS]


def test_a_scheme_without_rules_for_sales_is_silent() -> None:
    assert earn(sale(100), (scheme(SURVEY),), POINTS, no_rate, SETTINGS) == Earned((), ())


def test_a_rule_is_judged_by_date_then_tier_then_affiliation_then_lines() -> None:
    rule = replace(GOLD, affiliation="veteran", categories=("Shoes",), valid_from=DAY)
    early = replace(sale(100), on=DAY - timedelta(days=1))
    assert codes(judged(early, rule)) == [NoteCode.OUTSIDE_VALIDITY]
    assert codes(judged(sale(100), rule)) == [NoteCode.TIER_NOT_HELD]
    gold = replace(sale(100), card=GOLD_CARD)
    assert codes(judged(gold, rule)) == [NoteCode.AFFILIATION_NOT_HELD]
    veteran = replace(gold, affiliations=frozenset({"veteran"}))
    assert codes(judged(veteran, rule)) == [NoteCode.NO_MATCHING_LINES]


def test_both_ends_of_a_validity_are_in_force() -> None:
    rule = replace(BASE, valid_from=DAY, valid_to=DAY)
    assert units(judged(sale(100), rule)) == [1]
    late = replace(sale(100), on=DAY + timedelta(days=1))
    assert codes(judged(late, rule)) == [NoteCode.OUTSIDE_VALIDITY]


def test_every_note_has_a_message() -> None:
    messages = {message_of(Note(code)) for code in NoteCode}
    assert len(messages) == len(NoteCode)


PURCHASES = (EarningActivity.PURCHASE_BY_AMOUNT, EarningActivity.PURCHASE_BY_QUANTITY)
activities = st.sampled_from((*PURCHASES, EarningActivity.SALES_TRANSACTION_COUNT))
chosen = st.sampled_from(((), ("A",), ("A", "B")))
rules = st.builds(
    EarningRule,
    code=st.just("rule"),
    activity=activities,
    activity_type=st.none(),
    per=st.decimals("0.01", 50, places=2),
    currency=st.just("USD"),
    reward_point=st.sampled_from(("PTS", "CASH")),
    points=st.decimals("0.01", 20, places=2),
    tier=st.sampled_from((None, None, "GOLD")),
    affiliation=st.sampled_from((None, None, "veteran")),
    categories=chosen,
    products=st.sampled_from(((), ("P1", "P2"))),
    valid_from=st.none(),
    valid_to=st.sampled_from((None, DAY)),
)
lines = st.builds(
    EarningLine,
    line_number=st.integers(1, 9),
    products=st.sampled_from((frozenset({"P1"}), frozenset({"P3"}))),
    categories=chosen.map(frozenset),
    net_minor=st.integers(0, 100_000),
    quantity=st.decimals("0.01", 100, places=2).map(Fraction),
)
facts = st.builds(
    EarningFacts,
    channel=st.just("WEB"),
    on=st.sampled_from((DAY, DAY + timedelta(days=1))),
    card=st.sampled_from((MEMBER_CARD, GOLD_CARD)),
    affiliations=st.sampled_from((frozenset(), frozenset({"veteran"}))),
    room=st.just({}),
    currency=st.just("USD"),
    lines=st.lists(lines, max_size=6, unique_by=lambda line: line.line_number).map(tuple),
)


def named(found: Sequence[Sequence[EarningRule]]) -> tuple[Scheme, ...]:
    return tuple(
        scheme(*(replace(rule, code=f"r{i}") for i, rule in enumerate(group)), code=f"s{n}")
        for n, group in enumerate(found)
    )


schemes = st.lists(st.lists(rules, max_size=4), min_size=1, max_size=3).map(named)


def booked(earned: Earned) -> dict[tuple[str, str], int]:
    return {(e.scheme, e.rule): e.points_units for e in earned.earnings}


@given(facts, schemes)
def test_no_rule_is_silent(facts: EarningFacts, schemes: tuple[Scheme, ...]) -> None:
    earned = earn(facts, schemes, POINTS, no_rate, SETTINGS)
    told = {(note.scheme, note.rule) for note in earned.notes}
    every = {(one.code, rule.code) for one in schemes for rule in one.earning_rules}
    assert booked(earned).keys() | told == every
    assert booked(earned).keys().isdisjoint(told)


@given(facts, schemes)
def test_shares_make_up_the_rule(facts: EarningFacts, schemes: tuple[Scheme, ...]) -> None:
    nets = {line.line_number: line.net_minor for line in facts.lines}
    for earning in earn(facts, schemes, POINTS, no_rate, SETTINGS).earnings:
        assert sum(share.points_units for share in earning.shares) == earning.points_units
        assert earning.points_units == earning.computed_units > 0
        numbers = [share.line_number for share in earning.shares]
        assert numbers == [None] or set(numbers) <= nets.keys()
        assert all(share.points_units > 0 for share in earning.shares)


@given(facts, schemes, st.randoms(use_true_random=False))
def test_order_changes_nothing_without_a_maximum(
    facts: EarningFacts, schemes: tuple[Scheme, ...], random: Random
) -> None:
    def shuffled(items: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(random.sample(items, len(items)))

    mixed = tuple(
        replace(one, earning_rules=shuffled(one.earning_rules)) for one in shuffled(schemes)
    )
    before = earn(facts, schemes, POINTS, no_rate, SETTINGS)
    after = earn(replace(facts, lines=shuffled(facts.lines)), mixed, POINTS, no_rate, SETTINGS)
    assert booked(before) == booked(after)
    assert set(before.earnings) == set(after.earnings)
    assert set(before.notes) == set(after.notes)


@given(facts, schemes, st.integers(-10, 500), st.integers(-10, 5000), st.booleans())
def test_the_maximum_is_never_exceeded(
    facts: EarningFacts, schemes: tuple[Scheme, ...], points: int, cash: int, per_line: bool
) -> None:
    room = {"PTS": points, "CASH": cash}
    limited = {
        "PTS": LIMITED,
        "CASH": replace(CASH, maximum_per_card=Decimal(100)),
    }
    settings = Settings(post_points_per_sales_line=per_line)
    free = earn(facts, schemes, POINTS, no_rate, settings)
    cut = earn(replace(facts, room=room), schemes, limited, no_rate, settings)
    for code, left in room.items():
        wanted = sum(e.points_units for e in free.earnings if e.reward_point == code)
        given_units = sum(e.points_units for e in cut.earnings if e.reward_point == code)
        assert given_units == min(wanted, max(0, left))
    computed = {(e.scheme, e.rule): e.computed_units for e in free.earnings}
    reached = {
        (note.scheme, note.rule) for note in cut.notes if note.code is NoteCode.MAXIMUM_REACHED
    }
    assert reached == {key for key, full in computed.items() if booked(cut).get(key, 0) < full}
