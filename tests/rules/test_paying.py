"""What points pay of a cart and why they do not. Semantics 8; examples by their numbers."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from rules.book import RuleBook
from rules.errors import InvalidPaymentRequest, NotEnoughRewardPoints, RedemptionLimit
from rules.paying import (
    Tender,
    cover,
    decide,
    is_unrestricted,
    most,
    recapture,
    refusal_of_cover,
    tender,
    units_needed,
)
from rules.program import RedemptionLimits
from rules.program_terms import RedemptionReward
from tests.rules.tenders import (
    BOOK,
    CASH,
    COFFEE,
    DAY,
    HUNDRED,
    asked,
    facts,
    line,
    order_charges,
    paid,
    scheme,
    taken,
)
from tests.timing import processor_seconds

SHOES = replace(HUNDRED, code="shoes", points=Decimal(80), categories=("Shoes",))
PLENTY = {"PTS": 10**9, "CASH": 10**9}
STEPS = RedemptionLimits(Decimal(500), 250, Decimal(100))


def short(what: Tender, amount_minor: int, budgets: dict[str, int]) -> NotEnoughRewardPoints:
    with pytest.raises(NotEnoughRewardPoints) as refused:
        decide(what, budgets, {}, amount_minor, what.facts.total_minor)
    return refused.value


def limited(what: Tender, amount_minor: int, budgets: dict[str, int]) -> RedemptionLimit:
    with pytest.raises(RedemptionLimit) as refused:
        decide(what, budgets, {}, amount_minor, what.facts.total_minor)
    return refused.value


def test_ex_23_a_price_for_ten_cents_is_rounded_up_once() -> None:
    rule = replace(HUNDRED, points=Decimal(3), pays=Decimal("0.10"))
    found = cover(asked([line(1, 1005)], rule), PLENTY, 1005)
    assert paid(found) == [("PTS", 1, 302, 1005)]
    assert found.formulas == {"PTS": "10.05 x 30 = 301.5 -> 302"}


def test_ex_24_three_lines_share_one_rounding() -> None:
    rule = replace(HUNDRED, points=Decimal(3), pays=Decimal("0.10"))
    found = cover(asked([line(n, 501) for n in (1, 2, 3)], rule), PLENTY, 1503)
    assert paid(found) == [("PTS", 1, 151, 501), ("PTS", 2, 150, 501), ("PTS", 3, 150, 501)]
    assert found.formulas == {"PTS": "15.03 x 30 = 450.9 -> 451"}


def test_ex_36_each_line_is_paid_by_its_cheapest_rule() -> None:
    cart = [line(1, 3000, "Shoes"), line(2, 2000, "Hats")]
    found = cover(asked(cart, HUNDRED, SHOES), PLENTY, 5000)
    assert paid(found) == [("PTS", 1, 2400, 3000), ("PTS", 2, 2000, 2000)]
    assert found.formulas == {"PTS": "30.00 x 80 + 20.00 x 100 = 4400"}


def test_ex_37_a_rule_in_euro_pays_dollars_without_rounding() -> None:
    found = cover(asked([line(1, 1100)], replace(HUNDRED, currency="EUR")), PLENTY, 1100)
    assert taken(found) == {"PTS": 1000}
    assert found.formulas == {"PTS": "11.00 x 90.90909090909 = 1000"}


def test_ex_40_points_pay_by_ranking_until_they_are_exhausted() -> None:
    budgets = {"PTS": 1250, "CASH": 1000}
    cart = asked([line(1, 5000)], HUNDRED, CASH)
    found = decide(cart, budgets, {}, 2000, 5000)
    assert paid(found) == [("PTS", 1, 1250, 1250), ("CASH", 1, 750, 750)]
    assert found.formulas == {"PTS": "12.50 x 100 = 1250", "CASH": "7.50 x 1 = 7.50"}
    assert most(cart, budgets, 5000).amount_minor == 2250


def test_ex_42_points_pay_only_the_lines_of_their_rules() -> None:
    hundred = replace(HUNDRED, categories=("Shoes",))
    cart = asked([line(1, 3000, "Shoes"), line(2, 2000)], hundred)
    budgets = {"PTS": 5000}
    assert most(cart, budgets, 5000).amount_minor == 3000
    assert taken(decide(cart, budgets, {}, 3000, 5000)) == {"PTS": 3000}
    error = short(cart, 4000, budgets)
    assert (error.amount_covered_minor, error.currency) == (3000, "USD")
    assert (error.required_units, error.available_units) == (3000, 5000)


def test_ex_44_order_charges_are_paid_last() -> None:
    cart = asked([order_charges(500), line(1, 1000)], HUNDRED)
    found = most(cart, {"PTS": 1200}, 1500)
    assert paid(found) == [("PTS", 1, 1000, 1000), ("PTS", None, 200, 200)]
    assert decide(cart, {"PTS": 1200}, {}, 1200, 1500) == found


def test_ex_45_what_was_paid_otherwise_is_left_aside() -> None:
    found = most(asked([line(1, 5000)], HUNDRED, CASH), {"PTS": 1250, "CASH": 1000}, 1500)
    assert paid(found) == [("PTS", 1, 1250, 1250), ("CASH", 1, 250, 250)]


def test_ex_75_lines_are_payable_with_their_charges() -> None:
    cart = asked([line(1, 4000, charges_minor=700), line(2, 2000, charges_minor=500)], HUNDRED)
    found = most(cart, PLENTY, 7200)
    assert [(s.line_number, s.amount_minor) for s in found.slices] == [(1, 4700), (2, 2500)]


def test_ex_105_a_refusal_tells_what_is_needed_available_and_held() -> None:
    cart = asked([line(1, 500)], HUNDRED)
    with pytest.raises(NotEnoughRewardPoints) as refused:
        decide(cart, {"PTS": 400}, {"PTS": 600}, 500, 500)
    error = refused.value
    assert (error.amount_covered_minor, error.required_units) == (400, 500)
    assert (error.available_units, error.held_units, error.reward_point) == (400, 600, "PTS")
    assert (error.code, error.field) == ("NOT_ENOUGH_REWARD_POINTS", ("amount",))


class TestEx108:
    budgets = {"PTS": 1180}  # noqa: RUF012
    cart = asked([line(1, 2000)], HUNDRED, limits=STEPS)

    def test_the_most_is_a_multiple_of_the_step(self) -> None:
        assert paid(most(self.cart, self.budgets, 2000)) == [("PTS", 1, 1000, 1000)]

    def test_a_smaller_multiple_pays_its_worth(self) -> None:
        assert taken(decide(self.cart, self.budgets, {}, 750, 2000)) == {"PTS": 750}

    @pytest.mark.parametrize(
        ("amount_minor", "payable_minor"), [(600, 500), (250, 0), (1100, 1000)]
    )
    def test_what_points_could_pay_without_limits_is_refused_for_them(
        self, amount_minor: int, payable_minor: int
    ) -> None:
        error = limited(self.cart, amount_minor, self.budgets)
        assert (error.amount_covered_minor, error.currency) == (payable_minor, "USD")
        assert (error.code, error.field) == ("REDEMPTION_LIMIT", ("amount",))

    def test_what_points_cannot_pay_at_all_is_refused_for_want_of_them(self) -> None:
        error = short(self.cart, 1200, self.budgets)
        assert (error.amount_covered_minor, error.required_units) == (1000, 1200)

    def test_the_share_cap_bounds_the_cover(self) -> None:
        limits = replace(STEPS, maximum_share_of_order=Decimal(40))
        cart = asked([line(1, 2000)], HUNDRED, limits=limits)
        assert cart.share_cap_minor == 800
        assert most(cart, self.budgets, 2000).amount_minor == 750
        assert limited(cart, 1000, self.budgets).amount_covered_minor == 750


def test_ex_109_a_part_is_captured_from_what_is_held() -> None:
    cart = asked([line(1, 600)], HUNDRED)
    assert taken(recapture(cart, {"PTS": 600}, 450)) == {"PTS": 450}


def test_a_capture_tests_no_limits() -> None:
    cart = asked([line(1, 2000)], HUNDRED, limits=STEPS)
    assert taken(recapture(cart, {"PTS": 750}, 333)) == {"PTS": 333}


@pytest.mark.parametrize("amount_minor", [0, -1, 601])
def test_a_capture_must_be_payable_from_what_is_held(amount_minor: int) -> None:
    with pytest.raises(InvalidPaymentRequest):
        recapture(asked([line(1, 2000)], HUNDRED), {"PTS": 600}, amount_minor)


def test_a_capture_that_blocks_cannot_pay_exactly_is_refused() -> None:
    cart = asked([line(1, 900, "Coffee", quantity="3")], replace(COFFEE, whole_units_only=True))
    assert recapture(cart, {"PTS": 300}, 600).amount_minor == 600
    with pytest.raises(InvalidPaymentRequest):
        recapture(cart, {"PTS": 300}, 500)


def test_points_rounded_down_when_held_are_captured_whole() -> None:
    """1745 yen at 1.4 a cent need 1246.43 cents, held as 1246; those alone are worth 1744 yen."""
    cash = replace(CASH, points=Decimal("0.01"), pays=Decimal("1.4"), currency="JPY")
    cart = asked([line(1, 2000)], cash, currency="JPY")
    found = cover(cart, PLENTY, 1745)
    assert taken(found) == {"CASH": 1246}
    assert cover(cart, taken(found), 1745).amount_minor == 1744
    for amount_minor in range(1, 2000):
        authorised = cover(cart, PLENTY, amount_minor)
        if authorised.slices:
            assert recapture(cart, taken(authorised), amount_minor) == authorised


def test_blocks_whose_points_were_rounded_down_when_held_are_captured_whole() -> None:
    """Three cups at 0.004 cost 1.2 cents, held as 1, which alone buys two."""
    cup = replace(COFFEE, reward_point="CASH", points=Decimal("0.004"), whole_units_only=True)
    cart = asked([line(1, 900, "Coffee", quantity="3")], cup)
    found = cover(cart, PLENTY, 900)
    assert (taken(found), cover(cart, taken(found), 900).amount_minor) == ({"CASH": 1}, 600)
    assert recapture(cart, taken(found), 900) == found
    dear = replace(cup, points=Decimal("0.005"))
    with pytest.raises(InvalidPaymentRequest):
        recapture(asked(cart.facts.items, dear), {"CASH": 1}, 900)


def test_points_that_pay_part_of_a_line_use_up_its_goods_first() -> None:
    """What PTS leave of the line are its charges, which pieces do not pay."""
    piece = replace(COFFEE, reward_point="CASH", points=Decimal(1))
    cart = asked([line(1, 300, "Coffee", charges_minor=100)], HUNDRED, piece)
    found = most(cart, {"PTS": 200, "CASH": 10**6}, 400)
    assert paid(found) == [("PTS", 1, 200, 200), ("CASH", 1, 33, 100)]


@pytest.mark.parametrize(("amount_minor", "due_minor"), [(0, 500), (-1, 500), (501, 500)])
def test_an_amount_is_more_than_nothing_and_at_most_what_is_due(
    amount_minor: int, due_minor: int
) -> None:
    with pytest.raises(InvalidPaymentRequest) as refused:
        decide(asked([line(1, 1000)], HUNDRED), PLENTY, {}, amount_minor, due_minor)
    assert (refused.value.code, refused.value.field) == ("INVALID_PAYMENT_REQUEST", ("amount",))


class TestRules:
    """Which rules apply to the card and pay for an item."""

    def cheapest(self, *rules: str) -> list[str]:
        given = {
            "tier": replace(HUNDRED, tier="MEMBER"),
            "other tier": replace(HUNDRED, tier="GOLD"),
            "affiliation": replace(HUNDRED, affiliation="veteran"),
            "past": replace(HUNDRED, valid_to=DAY - timedelta(days=1)),
            "last day": replace(HUNDRED, valid_to=DAY),
        }
        return [
            rule
            for rule in rules
            if cover(asked([line(1, 100)], given[rule]), PLENTY, 100).amount_minor
        ]

    def test_tier_affiliation_and_dates_decide(self) -> None:
        asked_for = ("tier", "other tier", "affiliation", "past", "last day")
        assert self.cheapest(*asked_for) == ["tier", "last day"]

    def test_a_program_without_enrolment_pays_nothing(self) -> None:
        cart = tender(facts(line(1, 100)), BOOK, [scheme(HUNDRED, program="OTHER")])
        error = short(cart, 100, PLENTY)
        assert (error.amount_covered_minor, error.reward_point) == (0, None)
        assert (error.required_units, error.available_units, error.held_units) == (0, 0, 0)

    def test_excluded_affiliations_still_pay(self) -> None:
        told = replace(facts(line(1, 100)), affiliations=frozenset({"wholesale"}))
        excluding = replace(scheme(HUNDRED), excluded_affiliations=("wholesale",))
        assert most(tender(told, BOOK, [excluding]), PLENTY, 100).amount_minor == 100

    def test_a_missing_rate_is_no_refusal(self) -> None:
        with pytest.raises(ValueError, match="No rate from KWD to USD"):
            asked([line(1, 100)], replace(HUNDRED, currency="KWD"))

    def test_only_unrestricted_rules_pay_order_charges(self) -> None:
        cart = [line(1, 1000, "Shoes"), order_charges(500)]
        assert most(asked(cart, SHOES), PLENTY, 1500).amount_minor == 1000
        found = most(asked(cart, SHOES, HUNDRED), PLENTY, 1500)
        assert paid(found) == [("PTS", 1, 800, 1000), ("PTS", None, 500, 500)]

    @pytest.mark.parametrize(
        "restriction",
        [
            {"tier": "MEMBER"},
            {"affiliation": "veteran"},
            {"categories": ("A",)},
            {"products": ("A",)},
            {"reward": RedemptionReward.PAYMENT_BY_QUANTITY},
        ],
    )
    def test_any_restriction_makes_a_rule_restricted(self, restriction: dict[str, object]) -> None:
        assert is_unrestricted(HUNDRED)
        assert not is_unrestricted(replace(HUNDRED, **restriction))  # type: ignore[arg-type]


class TestByQuantity:
    """Rules that pay pieces of a line."""

    def test_pieces_pay_goods_and_the_next_rule_pays_the_charges(self) -> None:
        cart = asked([line(1, 600, "Coffee", charges_minor=50, quantity="2")], HUNDRED, COFFEE)
        found = cover(cart, PLENTY, 650)
        assert paid(found) == [("PTS", 1, 250, 650)]
        assert found.formulas == {"PTS": "6.00 x 33.333333333333 + 0.50 x 100 = 250"}

    def test_fractions_of_a_piece_are_covered(self) -> None:
        found = cover(asked([line(1, 600, "Coffee", quantity="2")], COFFEE), PLENTY, 500)
        assert paid(found) == [("PTS", 1, 167, 500)]
        assert found.formulas == {"PTS": "5.00 x 33.333333333333 = 166.666666666666 -> 167"}

    def test_whole_units_are_paid_in_blocks(self) -> None:
        whole = replace(COFFEE, whole_units_only=True, pays=Decimal(2), points=Decimal(150))
        cart = asked([line(1, 2500, "Coffee", quantity="5")], whole)
        found = most(cart, PLENTY, 2500)
        assert (paid(found), found.formulas) == (
            [("PTS", 1, 300, 2000)],
            {"PTS": "2 x 150 = 300"},
        )
        assert most(cart, {"PTS": 299}, 2500).amount_minor == 1000
        assert most(cart, PLENTY, 1999).amount_minor == 1000

    def test_incomplete_units_go_to_the_next_rule(self) -> None:
        whole = replace(COFFEE, whole_units_only=True, pays=Decimal(2), points=Decimal(150))
        cart = asked([line(1, 2500, "Coffee", quantity="5")], whole, HUNDRED)
        found = most(cart, PLENTY, 2500)
        assert found.formulas == {"PTS": "2 x 150 + 5.00 x 100 = 800"}

    def test_blocks_rounded_up_never_pay_more_than_the_goods(self) -> None:
        whole = replace(COFFEE, whole_units_only=True)
        cart = asked([line(1, 200, "Coffee", quantity="3")], whole)
        assert paid(most(cart, PLENTY, 200)) == [("PTS", 1, 200, 134)]

    def test_units_that_blocks_paid_are_not_paid_again(self) -> None:
        """1000 pieces at 1.4 cents: a block pays 1 cent; the other point finds no piece left."""
        whole = replace(COFFEE, whole_units_only=True, points=Decimal(1))
        cart = asked(
            [line(1, 1400, "Coffee", quantity="1000")], whole, replace(whole, reward_point="CASH")
        )
        assert paid(most(cart, PLENTY, 1400)) == [("PTS", 1, 1000, 1000)]

    def test_blocks_worth_nothing_pay_nothing(self) -> None:
        whole = replace(COFFEE, whole_units_only=True)
        cart = asked([line(1, 4, "Coffee", quantity="10")], whole)
        assert not most(cart, PLENTY, 4).slices

    def test_equal_rates_go_by_amount_first_then_by_the_document(self) -> None:
        cart = [line(1, 600, "Coffee", charges_minor=50, quantity="2")]
        whole = replace(COFFEE, points=Decimal(300), whole_units_only=True)
        found = cover(asked(cart, whole, HUNDRED), PLENTY, 650)
        assert found.formulas == {"PTS": "6.50 x 100 = 650"}
        again = replace(COFFEE, points=Decimal(300))
        assert "x 300" in cover(asked(cart, whole, again), PLENTY, 650).formulas["PTS"]
        assert "x 300" not in cover(asked(cart, again, whole), PLENTY, 650).formulas["PTS"]


class TestRanking:
    """Points of equal ranking; `book` ranks PTS and CASH alike."""

    book: RuleBook = replace(
        BOOK,
        reward_points={
            code: replace(point, redeem_ranking=1) for code, point in BOOK.reward_points.items()
        },
    )

    def test_fewer_points_for_the_money_go_first(self) -> None:
        cart = asked([line(1, 1000)], HUNDRED, CASH, book=self.book)
        assert cover(cart, PLENTY, 1000).reward_points == ("CASH",)

    def test_equal_prices_go_by_code(self) -> None:
        one = replace(HUNDRED, points=Decimal(1))
        cart = asked([line(1, 1000)], one, CASH, book=self.book)
        assert cover(cart, PLENTY, 1000).reward_points == ("CASH",)

    def test_a_point_that_can_pay_nothing_goes_last(self) -> None:
        cart = asked([line(1, 1000)], replace(CASH, categories=("X",)), HUNDRED, book=self.book)
        assert short(cart, 1000, {"PTS": 1}).reward_point == "PTS"

    def test_the_order_follows_the_amount_and_the_most_is_payable_all_the_same(self) -> None:
        """For 20.00 PTS are cheaper and go first, for 12.00 CASH, which then lacks for line 2."""
        cart = asked(
            [line(1, 1000, "A"), line(2, 1000, "B")],
            replace(HUNDRED, points=Decimal(1), categories=("A",)),
            replace(CASH, points=Decimal("0.9"), categories=("A",)),
            replace(CASH, points=Decimal("1.4"), categories=("B",)),
            book=self.book,
        )
        budgets = {"PTS": 10, "CASH": 280}
        assert cover(cart, budgets, 2000).amount_minor == 1200
        assert cover(cart, budgets, 1200).amount_minor < 1200
        found = most(cart, budgets, 2000)
        assert decide(cart, budgets, {}, found.amount_minor, 2000) == found
        assert short(cart, found.amount_minor + 1, budgets).amount_covered_minor is not None

    def test_a_refusal_speaks_of_the_first_in_ranking_even_when_it_has_nothing(self) -> None:
        error = short(asked([line(1, 1000)], HUNDRED, CASH), 1000, {"CASH": 500})
        assert (error.reward_point, error.available_units) == ("PTS", 0)
        assert (error.required_units, error.amount_covered_minor) == (1000, 500)


class TestLimits:
    """Limits of several schemes, on points of both kinds, and on nothing at all."""

    def test_limits_of_all_schemes_with_an_applicable_rule_count_together(self) -> None:
        schemes = [
            scheme(HUNDRED, limits=RedemptionLimits(Decimal(100), 4, Decimal(80))),
            scheme(CASH, limits=RedemptionLimits(Decimal(50), 6, Decimal(60))),
            scheme(replace(HUNDRED, tier="GOLD"), limits=RedemptionLimits(Decimal(999), 7, 1)),
            scheme(limits=RedemptionLimits(Decimal(999), 7, Decimal(1))),
        ]
        limits = tender(facts(line(1, 1000)), BOOK, schemes).limits
        assert (limits.minimum_points, limits.step, limits.maximum_share) == (100, 12, 60)

    def test_amount_points_know_neither_minimum_nor_step(self) -> None:
        cart = asked([line(1, 333)], CASH, limits=STEPS)
        assert taken(most(cart, PLENTY, 333)) == {"CASH": 333}

    def test_a_point_below_the_minimum_is_passed_over(self) -> None:
        limits = RedemptionLimits(Decimal(500), 1, Decimal(100))
        cart = asked([line(1, 1000)], HUNDRED, CASH, limits=limits)
        assert taken(most(cart, {"PTS": 499, "CASH": 700}, 1000)) == {"CASH": 700}

    def test_a_block_that_takes_less_than_the_minimum_lowers_the_most(self) -> None:
        """10.00 would be a block of 50 points, below the minimum; 9.99 are 100 points by amount.

        The walk for 10.00 finds 8.99 CASH only, but there is no reason to offer less than 9.99.
        """
        cart = asked(
            [line(1, 1000, "Coffee")],
            replace(COFFEE, points=Decimal(50), whole_units_only=True),
            replace(HUNDRED, points=Decimal(10)),
            CASH,
            limits=RedemptionLimits(Decimal(60), 1, Decimal(100)),
        )
        budgets = {"PTS": 100, "CASH": 899}
        assert paid(cover(cart, budgets, 1000)) == [("CASH", 1, 899, 899)]
        assert paid(most(cart, budgets, 1000)) == [("PTS", 1, 100, 999)]
        assert limited(cart, 1000, budgets).amount_covered_minor == 999

    @pytest.mark.parametrize(
        ("available", "expected"),
        [(1249, (750, 250)), (749, (500, 167)), (499, None)],
    )
    def test_a_multiple_that_the_walk_cannot_use_wholly_is_not_taken(
        self, available: int, expected: tuple[int, int] | None
    ) -> None:
        """At 3 points a cent 1000 and 250 points leave one over; 500 pay 166.67, half-up."""
        limits = RedemptionLimits(Decimal(0), 250, Decimal(100))
        cart = asked([line(1, 2000)], replace(HUNDRED, points=Decimal(300)), limits=limits)
        found = most(cart, {"PTS": available}, 2000)
        assert paid(found) == ([("PTS", 1, *expected)] if expected else [])

    def test_a_cover_of_nothing_for_want_of_points(self) -> None:
        error = refusal_of_cover(asked([line(1, 1000)], HUNDRED), {}, {"PTS": 7}, 1000)
        assert isinstance(error, NotEnoughRewardPoints)
        assert (error.amount_covered_minor, error.required_units) == (0, 1000)
        assert (error.available_units, error.held_units, error.field) == (0, 7, None)

    def test_a_cover_of_nothing_for_limits_alone(self) -> None:
        cart = asked([line(1, 1000)], HUNDRED, limits=STEPS)
        assert isinstance(refusal_of_cover(cart, {"PTS": 499}, {}, 1000), RedemptionLimit)

    def test_a_refusal_in_amount_points_has_their_decimals(self) -> None:
        error = short(asked([line(1, 1000)], CASH), 1000, {"CASH": 400})
        assert (error.required_units, error.available_units, error.digits) == (1000, 400, 2)

    def test_a_cart_that_is_paid_needs_no_points(self) -> None:
        error = refusal_of_cover(asked([line(1, 1000)], HUNDRED), PLENTY, {}, 0)
        assert isinstance(error, NotEnoughRewardPoints)
        assert error.required_units == 0


def test_money_that_would_take_no_points_is_not_paid() -> None:
    """100 yen at 0.004 cents a yen would round to no cent at all; 125 yen take one."""
    cash = replace(CASH, points=Decimal("0.004"), pays=Decimal(100), currency="JPY")
    cart = asked([line(1, 1000)], cash, currency="JPY")
    assert not cover(cart, PLENTY, 124).slices
    assert taken(cover(cart, PLENTY, 125)) == {"CASH": 1}


def test_what_a_short_balance_covers_is_rounded_half_up() -> None:
    rule = replace(HUNDRED, points=Decimal(3), pays=Decimal("0.10"))
    found = most(asked([line(1, 2000)], rule), {"PTS": 101}, 2000)
    assert paid(found) == [("PTS", 1, 101, 337)]
    assert found.formulas == {"PTS": "3.37 x 30 = 101.1 -> 101"}


def test_points_needed_know_no_budget_and_no_limit() -> None:
    cart = asked([line(1, 3000, "Shoes"), line(2, 2000)], HUNDRED, SHOES, limits=STEPS)
    assert units_needed(cart, "PTS", 3501) == 2901


def test_a_long_cart_in_whole_units_and_steps_is_soon_judged() -> None:
    """A block's points and the step have no divisor in common: few multiples can be used wholly."""
    odd = replace(COFFEE, points=Decimal(997), whole_units_only=True)
    lines = [line(number, 3001 + number, "Coffee", quantity="9") for number in range(1, 201)]
    cart = asked(lines, odd, limits=replace(STEPS, step=1000))
    due = cart.facts.total_minor - 713
    assert taken(most(cart, PLENTY, due)) == {"PTS": 997_000}
    assert processor_seconds(lambda: most(cart, PLENTY, due)) < 1


def test_units_of_points_without_a_common_divisor_are_soon_judged_beside_money() -> None:
    """Two kinds of units behind goods that money rules pay: thousands of multiples fail."""
    tea = replace(COFFEE, points=Decimal(9973), whole_units_only=True)
    cocoa = replace(tea, code="cocoa", points=Decimal(10007), categories=("Cocoa",))
    kinds = ["Shoes", "Shoes", "Coffee", "Cocoa"]
    lines = [
        line(number, 10_000 + number, kinds[(number - 1) // 100], quantity="20")
        for number in range(1, 401)
    ]
    shoes = replace(SHOES, points=Decimal(100))
    cart = asked(lines, shoes, tea, cocoa, limits=replace(STEPS, step=1009))
    due = cart.facts.total_minor
    assert taken(most(cart, PLENTY, due)) == {"PTS": 32_655_276}
    assert processor_seconds(lambda: most(cart, PLENTY, due)) < 1
