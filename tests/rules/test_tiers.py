"""Which tier a card holds. Semantics 9; examples by their numbers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.program import Program, Tier, TierRule
from rules.program_terms import Bound, DateInterval, Period, PeriodUnit, Snap
from rules.tier_rows import TierRow
from rules.tiers import (
    Counted,
    Moment,
    ProgramVersion,
    Replay,
    evaluate,
    lasts,
    progress,
    replay,
    rows_until,
    tier_on,
    won_tier,
)

TODAY = Bound(None, None, None)


def shifted(value: int, unit: PeriodUnit = PeriodUnit.YEAR) -> Bound:
    return Bound(None, Period(value, unit), None)


INTERVALS = {
    "PAST_YEAR": DateInterval("PAST_YEAR", shifted(-1), TODAY),
    "PAST_MONTH": DateInterval("PAST_MONTH", shifted(-1, PeriodUnit.MONTH), TODAY),
    "NEXT_YEAR": DateInterval("NEXT_YEAR", TODAY, shifted(1)),
    "NEXT_MONTH": DateInterval("NEXT_MONTH", TODAY, shifted(1, PeriodUnit.MONTH)),
    "THIS_MONTH": DateInterval("THIS_MONTH", TODAY, Bound(None, None, Snap.END_OF_MONTH)),
    "ALWAYS": DateInterval("ALWAYS", None, None),
    "OVER": DateInterval("OVER", None, Bound(date(2020, 1, 1), None, None)),
}


def tier(code: str, level: int, minimum: int, validity: str = "NEXT_YEAR") -> Tier:
    return Tier(code, {}, level, validity, (), (needs(minimum),))


def needs(minimum: int, point: str = "STAT", evaluation: str = "PAST_YEAR") -> TierRule:
    return TierRule(point, Decimal(minimum), evaluation)


MEMBER, SILVER, GOLD = tier("MEMBER", 1, 0), tier("SILVER", 2, 500), tier("GOLD", 3, 1000)


def version(*tiers: Tier) -> ProgramVersion:
    return ProgramVersion(Program("CLUB", {}, {}, False, (), tiers), INTERVALS.__getitem__)


CLUB = version(MEMBER, SILVER, GOLD)
Posting = tuple[date, int]


def counting(postings: Sequence[Posting], point: str = "STAT") -> Counted:
    def counted(asked: str, first: date | None, last: date | None) -> int:
        return sum(
            points
            for on, points in postings
            if asked == point and (first or date.min) <= on <= (last or date.max)
        )

    return counted


class Card:
    """A card in a program, told its postings one by one as they arrive."""

    def __init__(self, issued_on: date, program: ProgramVersion = CLUB) -> None:
        self.program = program
        self.postings: list[Posting] = []
        self.rows: tuple[TierRow, ...] = ()
        self.today = issued_on
        self.moment(Moment(issued_on, extends=False))

    def moment(self, moment: Moment) -> None:
        days = [Moment(on, points > 0) for on, points in self.postings if on >= moment.on]
        asked = Replay(moment.on, [moment, *days], adds=moment.extends)
        self.rows = replay(self.rows, asked, self.today, self.program, self.on, self.counted)

    def post(self, on: date, points: int) -> None:
        """Post as a writer does: what time has brought is written first."""
        self.today = max(self.today, on)
        self.rows = self.until(self.today)
        self.postings.append((on, points))
        self.moment(Moment(on, points > 0))

    def on(self, _day: date) -> ProgramVersion:
        return self.program

    @property
    def counted(self) -> Counted:
        return counting(self.postings)

    def until(self, today: date) -> tuple[TierRow, ...]:
        return rows_until(self.rows, today, self.on, self.counted)

    def tier(self, day: date) -> str | None:
        row = tier_on(self.until(day), self.program.program, day)
        return None if row is None else row.tier


def test_a_tier_that_would_be_over_does_not_last() -> None:
    launch = version(MEMBER, SILVER, tier("GOLD", 3, 1000, validity="OVER"))
    assert lasts(CLUB, date(2025, 3, 1))
    assert lasts(launch, date(2020, 1, 1))
    assert not lasts(launch, date(2020, 1, 2))


def test_ex_49_a_year_of_tiers() -> None:
    card = Card(date(2025, 2, 1))
    card.post(date(2025, 3, 1), 600)
    assert card.rows[-1] == TierRow("SILVER", date(2025, 3, 1), date(2026, 3, 1))
    card.post(date(2025, 8, 10), 450)
    assert card.rows[-2:] == (
        TierRow("SILVER", date(2025, 3, 1), date(2025, 8, 9)),
        TierRow("GOLD", date(2025, 8, 10), date(2026, 8, 10)),
    )
    card.post(date(2026, 2, 15), 20)
    assert card.rows[-1] == TierRow("GOLD", date(2025, 8, 10), date(2027, 2, 15))
    assert card.tier(date(2027, 2, 15)) == "GOLD"
    assert card.tier(date(2027, 2, 16)) == "MEMBER"
    assert card.until(date(2027, 2, 16))[-1].starts_on == date(2027, 2, 16)


def test_ex_50_any_one_rule_wins_a_tier() -> None:
    gold = replace(GOLD, rules=(needs(1000), needs(20, "TXN")))
    days = [date(2025, 3, 1) + timedelta(days=n) for n in range(20)]
    stat, txn = counting([(day, 5) for day in days]), counting([(day, 1) for day in days], "TXN")

    def counted(point: str, first: date | None, last: date | None) -> int | Fraction:
        return (stat if point == "STAT" else txn)(point, first, last)

    assert counted("STAT", None, None) == 100
    won = won_tier(version(MEMBER, SILVER, gold), counted, days[-1])
    assert won == gold
    assert won_tier(version(MEMBER, SILVER, gold), counted, days[-2]) == MEMBER


def test_ex_52_changed_rules_wait_for_the_next_posting() -> None:
    card = Card(date(2025, 3, 1))
    card.post(date(2025, 3, 2), 400)
    card.program = version(MEMBER, tier("SILVER", 2, 300), GOLD)
    assert card.tier(date(2025, 3, 3)) == "MEMBER"
    card.post(date(2025, 3, 4), 1)
    assert card.rows[-1] == TierRow("SILVER", date(2025, 3, 4), date(2026, 3, 4))
    card.program = version(MEMBER, tier("SILVER", 2, 800), GOLD)
    card.post(date(2025, 3, 5), 1)
    assert card.rows[-1] == TierRow("SILVER", date(2025, 3, 4), date(2026, 3, 4))


def test_ex_53_apart_or_combined() -> None:
    day = date(2025, 3, 1)
    x, y = [(day, 300)], [(day, 250)]
    assert won_tier(CLUB, counting(x), day) == MEMBER
    assert won_tier(CLUB, counting(y), day) == MEMBER
    assert won_tier(CLUB, counting(x + y), day) == SILVER


def test_a_posting_lands_on_the_day_that_wins_its_tier() -> None:
    card = Card(date(2025, 3, 1))
    card.post(date(2025, 3, 1), 600)
    assert card.rows == (TierRow("SILVER", date(2025, 3, 1), date(2026, 3, 1)),)


def test_only_a_positive_posting_extends_a_row() -> None:
    card = Card(date(2025, 3, 1))
    card.post(date(2025, 3, 1), 900)
    card.post(date(2025, 4, 1), -100)
    assert card.rows[-1].ends_on == date(2026, 3, 1)
    card.post(date(2025, 4, 2), -700)
    assert card.rows == (TierRow("SILVER", date(2025, 3, 1), date(2026, 3, 1)),)
    card.post(date(2025, 4, 3), 500)
    assert card.rows[-1].ends_on == date(2026, 4, 3)


def test_an_end_never_moves_back() -> None:
    card = Card(date(2025, 3, 1))
    card.post(date(2025, 3, 1), 600)
    card.program = version(MEMBER, tier("SILVER", 2, 500, "NEXT_MONTH"), GOLD)
    card.post(date(2025, 3, 2), 1)
    assert card.rows == (TierRow("SILVER", date(2025, 3, 1), date(2026, 3, 1)),)


def test_a_row_that_would_be_over_is_not_won() -> None:
    program = version(tier("MEMBER", 1, 0, "OVER"))
    assert evaluate((), program, counting([]), date(2025, 3, 1), extends=True) == ()


def test_an_open_validity_never_ends() -> None:
    card = Card(date(2025, 3, 1), version(tier("MEMBER", 1, 0, "ALWAYS")))
    card.post(date(2030, 3, 1), 5)
    assert card.until(date(2100, 1, 1)) == (TierRow("MEMBER", date(2025, 3, 1), None),)


def test_time_brings_row_after_row() -> None:
    card = Card(date(2025, 1, 15), version(tier("MEMBER", 1, 0, "THIS_MONTH"), SILVER))
    card.post(date(2025, 1, 20), 600)
    assert card.tier(date(2026, 1, 20)) == "SILVER"
    brought = card.until(date(2026, 3, 31))[2:]
    assert brought == (
        TierRow("MEMBER", date(2026, 1, 21), date(2026, 1, 31), brought=True),
        TierRow("MEMBER", date(2026, 2, 1), date(2026, 2, 28), brought=True),
        TierRow("MEMBER", date(2026, 3, 1), date(2026, 3, 31), brought=True),
    )


def test_without_a_tier_met_a_row_ends_in_nothing() -> None:
    card = Card(date(2025, 3, 1), version(SILVER, GOLD))
    assert card.tier(date(2025, 3, 1)) is None
    card.post(date(2025, 3, 2), 600)
    assert card.tier(date(2026, 3, 2)) == "SILVER"
    assert card.tier(date(2026, 3, 3)) is None
    card.post(date(2026, 5, 1), 500)
    assert card.tier(date(2026, 4, 30)) is None
    assert card.tier(date(2026, 5, 1)) == "SILVER"


def test_time_brings_nothing_where_the_card_is_not_in_the_program() -> None:
    rows = (TierRow("MEMBER", date(2025, 3, 1), date(2025, 3, 31)),)
    assert rows_until(rows, date(2026, 1, 1), lambda _: None, counting([])) == rows


def test_time_is_judged_by_the_version_of_its_day() -> None:
    lower = version(MEMBER, tier("SILVER", 2, 300), GOLD)
    rows = (TierRow("MEMBER", date(2025, 3, 1), date(2026, 3, 1)),)
    counted = counting([(date(2025, 6, 1), 400)])
    asked: list[date] = []

    def program_on(day: date) -> ProgramVersion:
        asked.append(day)
        return lower

    assert rows_until(rows, date(2026, 3, 2), program_on, counted)[-1].tier == "SILVER"
    assert asked == [date(2026, 3, 2)]


def test_a_late_row_ends_before_one_of_its_level_or_higher() -> None:
    card = Card(date(2025, 1, 1))
    card.post(date(2025, 9, 1), 1000)
    card.post(date(2025, 6, 1), 600)
    assert card.rows == (
        TierRow("MEMBER", date(2025, 1, 1), date(2025, 5, 31)),
        TierRow("SILVER", date(2025, 6, 1), date(2025, 8, 31)),
        TierRow("GOLD", date(2025, 9, 1), date(2026, 9, 1)),
    )


def test_a_lower_row_gives_way_to_a_late_one() -> None:
    short = version(MEMBER, SILVER, tier("GOLD", 3, 1000, "NEXT_MONTH"))
    silver = TierRow("SILVER", date(2025, 6, 15), date(2026, 6, 15))
    counted = counting([(date(2025, 6, 1), 1000)])
    assert evaluate((silver,), short, counted, date(2025, 6, 1), extends=True) == (
        TierRow("GOLD", date(2025, 6, 1), date(2025, 7, 1)),
        TierRow("SILVER", date(2025, 7, 2), date(2026, 6, 15)),
    )


def test_a_lower_row_goes_if_a_late_one_leaves_nothing_of_it() -> None:
    silver = TierRow("SILVER", date(2025, 6, 15), date(2026, 5, 15))
    counted = counting([(date(2025, 6, 1), 1000)])
    assert evaluate((silver,), CLUB, counted, date(2025, 6, 1), extends=True) == (
        TierRow("GOLD", date(2025, 6, 1), date(2026, 6, 1)),
    )


def test_an_extension_meets_later_rows_too() -> None:
    rows = (
        TierRow("SILVER", date(2025, 1, 1), date(2025, 6, 30)),
        TierRow("MEMBER", date(2025, 8, 1), date(2025, 9, 30)),
        TierRow("GOLD", date(2026, 1, 1), date(2026, 12, 31)),
    )
    counted = counting([(date(2025, 6, 1), 600)])
    assert evaluate(rows, CLUB, counted, date(2025, 6, 1), extends=True) == (
        TierRow("SILVER", date(2025, 1, 1), date(2025, 12, 31)),
        rows[2],
    )


def test_rows_brought_by_time_are_judged_anew_after_a_late_posting() -> None:
    card = Card(date(2025, 1, 1))
    card.post(date(2026, 3, 1), 1)
    assert card.rows == (
        TierRow("MEMBER", date(2025, 1, 1), date(2026, 1, 1)),
        TierRow("MEMBER", date(2026, 1, 2), date(2027, 3, 1)),
    )
    card.post(date(2025, 12, 1), 600)
    assert card.rows == (
        TierRow("MEMBER", date(2025, 1, 1), date(2025, 11, 30)),
        TierRow("SILVER", date(2025, 12, 1), date(2027, 3, 1)),
    )


def test_a_row_brought_by_time_is_judged_anew_where_a_posting_cut_it() -> None:
    card = Card(date(2025, 1, 1))
    card.post(date(2026, 2, 1), 500)
    assert card.rows[1] == TierRow("MEMBER", date(2026, 1, 2), date(2026, 1, 31), brought=True)
    card.post(date(2025, 12, 31), 600)
    assert [card.tier(date(*day)) for day in ((2025, 12, 30), (2025, 12, 31), (2026, 1, 31))] == [
        "MEMBER",
        "SILVER",
        "SILVER",
    ]
    assert card.tier(date(2026, 2, 1)) == "GOLD"


def test_a_posting_on_its_first_day_or_later_makes_a_row_more_than_times_work() -> None:
    brought = TierRow("MEMBER", date(2026, 1, 2), date(2027, 1, 2), brought=True)
    for on, ends_on in ((date(2026, 1, 2), date(2027, 1, 2)), (date(2026, 1, 3), date(2027, 1, 3))):
        extended = evaluate((brought,), CLUB, counting([(on, 5)]), on, extends=True)
        assert extended == (TierRow("MEMBER", date(2026, 1, 2), ends_on),)
        assert evaluate((brought,), CLUB, counting([]), on, extends=False) == (brought,)


def test_a_row_won_on_the_day_after_an_end_stays_though_another_comes_late() -> None:
    card = Card(date(2025, 1, 1))
    card.post(date(2026, 1, 2), 1000)
    card.program = version(MEMBER, SILVER, tier("GOLD", 3, 5000))
    card.post(date(2025, 6, 1), 1)
    assert card.tier(date(2026, 1, 2)) == "GOLD"


def test_rows_given_by_hand_stay_and_overlap() -> None:
    manual = TierRow("GOLD", date(2025, 5, 1), date(2025, 5, 31), manual=True)
    card = Card(date(2025, 1, 1))
    card.rows = (*card.rows, manual)
    card.post(date(2025, 5, 10), 600)
    assert manual in card.rows
    assert TierRow("SILVER", date(2025, 5, 10), date(2026, 5, 10)) in card.rows
    assert [card.tier(date(2025, *day)) for day in ((4, 30), (5, 1), (5, 31), (6, 1))] == [
        "MEMBER",
        "GOLD",
        "GOLD",
        "SILVER",
    ]


def test_of_two_rows_of_a_level_the_later_end_is_shown() -> None:
    short = TierRow("GOLD", date(2025, 5, 1), date(2025, 5, 31))
    long = TierRow("GOLD", date(2025, 5, 10), None, manual=True)
    assert tier_on((long, short), CLUB.program, date(2025, 5, 9)) == short
    assert tier_on((long, short), CLUB.program, date(2025, 5, 10)) == long
    assert tier_on((), CLUB.program, date(2025, 5, 10)) is None


def test_progress_tells_what_the_next_tier_asks() -> None:
    gold = replace(GOLD, rules=(needs(1000), needs(20, "TXN", "PAST_MONTH")))
    day = date(2025, 8, 10)
    counted = counting([(date(2025, 3, 1), 1600)])
    found = progress(version(MEMBER, SILVER, gold), counted, "SILVER", day)
    assert found is not None
    assert found.tier == gold
    stat, txn = found.requirements
    assert (stat.required, stat.counted, stat.missing) == (1000, 1600, 0)
    assert (stat.from_on, stat.to_on) == (date(2024, 8, 10), day)
    assert (txn.reward_point, txn.counted, txn.missing) == ("TXN", 0, 20)
    assert txn.from_on == date(2025, 7, 10)


@pytest.mark.parametrize(
    ("current", "following"),
    [(None, "MEMBER"), ("MEMBER", "SILVER"), ("SILVER", "GOLD"), ("GOLD", None)],
)
def test_progress_looks_one_level_up(current: str | None, following: str | None) -> None:
    found = progress(CLUB, counting([]), current, date(2025, 8, 10))
    assert (found and found.tier.code) == following


def test_progress_shows_an_open_window_as_the_whole_calendar() -> None:
    always = replace(MEMBER, rules=(needs(5, evaluation="ALWAYS"),))
    found = progress(version(always), counting([]), None, date(2025, 8, 10))
    assert found is not None
    assert (found.requirements[0].from_on, found.requirements[0].to_on) == (date.min, date.max)


START = date(2025, 1, 1)
days = st.integers(0, 900).map(lambda n: START + timedelta(days=n))
postings = st.lists(st.tuples(days, st.integers(-600, 900).filter(bool)), max_size=12)
validities = st.sampled_from(("NEXT_YEAR", "NEXT_MONTH", "THIS_MONTH", "ALWAYS"))
programs = st.builds(
    lambda *found: version(*(tier(f"T{n}", n, 300 * n, v) for n, v in enumerate(found))),
    validities,
    validities,
    validities,
)


def overlapping(rows: Sequence[TierRow]) -> list[tuple[TierRow, TierRow]]:
    return [
        (one, other)
        for one, other in pairwise(rows)
        if one.ends_on is None or one.ends_on >= other.starts_on
    ]


@given(programs, postings)
def test_automatic_rows_never_overlap(program: ProgramVersion, postings: list[Posting]) -> None:
    card = Card(START, program)
    for on, points in postings:
        card.post(on, points)
        assert not overlapping(card.rows)
        assert all(row.ends_on is None or row.starts_on <= row.ends_on for row in card.rows)
    assert not overlapping(card.until(START + timedelta(days=2000)))


@given(programs, postings, days, st.booleans())
def test_evaluating_twice_changes_nothing_more(
    program: ProgramVersion, postings: list[Posting], on: date, extends: bool
) -> None:
    card = Card(START, program)
    for posted_on, points in postings:
        card.post(posted_on, points)
    once = evaluate(card.rows, program, card.counted, on, extends=extends)
    assert evaluate(once, program, card.counted, on, extends=extends) == once
    before = card.rows
    card.rows = card.until(card.today)
    assert card.rows == before


@given(programs, postings)
def test_replaying_a_posting_changes_nothing_more(
    program: ProgramVersion, postings: list[Posting]
) -> None:
    card = Card(START, program)
    for on, points in postings:
        card.post(on, points)
        once = card.rows
        card.moment(Moment(on, points > 0))
        assert card.rows == once


@given(programs, programs, postings, days, st.integers(1, 900))
def test_what_is_taken_extends_no_row_whatever_rules_have_changed(
    program: ProgramVersion, changed: ProgramVersion, postings: list[Posting], on: date, points: int
) -> None:
    card = Card(START, program)
    for posted_on, gained in postings:
        card.post(posted_on, gained)
    card.program = changed
    card.today = max(card.today, on)
    card.rows = card.until(card.today)
    before = {(row.tier, row.starts_on): row.ends_on for row in card.rows if not row.brought}
    card.post(on, -points)
    for row in card.rows:
        ends_on = before.get((row.tier, row.starts_on), row.ends_on)
        assert (row.ends_on or date.max) <= (ends_on or date.max)


def test_rows_judged_anew_are_extended_by_the_postings_after_them() -> None:
    """A take-back that is posted late leaves what one in time would have left."""
    monthly = version(*(replace(tier, validity="NEXT_MONTH") for tier in (MEMBER, SILVER, GOLD)))
    sold = [(date(2025, 1, 25), 400), (date(2025, 12, 20), 800)]
    taken, last = (date(2025, 12, 20), -250), (date(2026, 2, 1), 10)
    found = []
    for order in ((*sold, last, taken), (*sold, taken, last)):
        card = Card(date(2025, 1, 1), monthly)
        for on, points in order:
            card.post(on, points)
        found.append(card.rows)
    # Time brought GOLD on the 21st, and SILVER as it is known now, which the last posting extends.
    assert found[0][-1] == TierRow("SILVER", date(2026, 1, 21), date(2026, 3, 1))
    assert found[0] == found[1]


@given(
    programs,
    st.lists(st.tuples(days, st.integers(1, 900)), min_size=2, max_size=12),
    st.data(),
)
def test_the_order_of_a_days_earnings_changes_nothing(
    program: ProgramVersion, postings: list[Posting], data: st.DataObject
) -> None:
    squeezed = [(on.replace(day=1), points) for on, points in sorted(postings)]
    mixed = sorted(data.draw(st.permutations(squeezed)), key=itemgetter(0))
    cards = []
    for order in (squeezed, mixed):
        card = Card(START, program)
        for on, points in order:
            card.post(on, points)
        cards.append(card)
    # Whether time alone had brought a row that ended the day before is not shown to anyone.
    one, other = ([replace(row, brought=False) for row in card.rows] for card in cards)
    assert one == other


@given(programs, postings, days)
def test_no_answer_depends_on_whether_time_was_written(
    program: ProgramVersion, postings: list[Posting], written_on: date
) -> None:
    card = Card(START, program)
    for on, points in postings:
        card.post(on, points)
    asked = START + timedelta(days=2000)
    read = card.until(asked)
    card.rows = card.until(written_on)
    assert card.until(asked) == read
