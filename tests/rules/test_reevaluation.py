"""Changed tier rules applied without a posting. Semantics 9, re-evaluation."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rules.reevaluation import Latest, reevaluate
from rules.tier_rows import TierRow
from rules.tiers import ProgramVersion, rows_until
from tests.rules.test_tiers import CLUB, GOLD, MEMBER, Posting, counting, needs, tier, version

LOW = version(MEMBER, tier("SILVER", 2, 300), GOLD)
MARCH, TODAY = date(2025, 3, 1), date(2025, 4, 1)
RUNNING = (TierRow("MEMBER", date(2025, 1, 1), date(2026, 1, 1)),)


def latest(postings: Sequence[Posting]) -> Latest:
    def found(point: str, first: date | None, last: date | None) -> date | None:
        days = [
            on
            for on, points in postings
            if points > 0 and point == "STAT" and (first or date.min) <= on <= (last or date.max)
        ]
        return max(days, default=None)

    return found


def again(
    rows: tuple[TierRow, ...], program: ProgramVersion, postings: Sequence[Posting], today: date
) -> tuple[TierRow, ...]:
    rows = rows_until(rows, today, lambda _: program, counting(postings))
    return reevaluate(rows, program, counting(postings), latest(postings), today)


def test_a_lowered_minimum_wins_from_today_until_the_posting_says() -> None:
    assert again(RUNNING, LOW, [(MARCH, 400)], TODAY) == (
        TierRow("MEMBER", date(2025, 1, 1), date(2025, 3, 31)),
        TierRow("SILVER", TODAY, date(2026, 3, 1)),
    )


def test_a_raised_minimum_takes_nothing_away() -> None:
    silver = (TierRow("SILVER", MARCH, date(2026, 3, 1)),)
    dear = version(MEMBER, tier("SILVER", 2, 800), GOLD)
    assert again(silver, dear, [(MARCH, 600)], TODAY) == silver


def test_a_longer_validity_extends_from_the_latest_posting() -> None:
    silver = (TierRow("SILVER", MARCH, MARCH + timedelta(days=60)),)
    assert again(silver, CLUB, [(MARCH, 600)], TODAY) == (
        TierRow("SILVER", MARCH, date(2026, 3, 1)),
    )


def test_a_row_that_would_be_over_is_not_won() -> None:
    short = version(MEMBER, tier("SILVER", 2, 300, "NEXT_MONTH"), GOLD)
    assert again(RUNNING, short, [(date(2025, 2, 1), 400)], TODAY) == RUNNING


def test_a_take_back_is_no_posting_that_validity_starts_from() -> None:
    postings = [(MARCH, 450), (date(2025, 3, 20), -50)]
    assert again(RUNNING, LOW, postings, TODAY)[-1].ends_on == date(2026, 3, 1)


def test_of_two_rules_that_are_met_the_later_end_counts() -> None:
    silver = replace(tier("SILVER", 2, 300), rules=(needs(300), needs(100, "STAT", "PAST_MONTH")))
    postings = [(MARCH, 400), (date(2025, 3, 15), 100)]
    rows = again(RUNNING, version(MEMBER, silver, GOLD), postings, TODAY)
    assert rows[-1] == TierRow("SILVER", TODAY, date(2026, 3, 15))


def test_a_minimum_of_0_wins_only_where_no_row_runs() -> None:
    member = (TierRow("MEMBER", TODAY, date(2026, 4, 1)),)
    assert again((), LOW, [], TODAY) == member
    assert again(member, LOW, [], TODAY + timedelta(days=9)) == member


def test_rows_given_by_hand_stay() -> None:
    by_hand = TierRow("GOLD", date(2025, 2, 1), date(2025, 12, 31), manual=True)
    rows = again((*RUNNING, by_hand), LOW, [(MARCH, 400)], TODAY)
    assert by_hand in rows
    assert TierRow("SILVER", TODAY, date(2026, 3, 1)) in rows


@given(
    st.lists(st.tuples(st.dates(date(2024, 6, 1), TODAY), st.integers(-300, 600)), max_size=8),
    st.integers(0, 90),
)
def test_doing_it_again_changes_nothing_more(postings: list[Posting], later: int) -> None:
    once = again(RUNNING, LOW, postings, TODAY)
    assert again(once, LOW, postings, TODAY) == once
    day = TODAY + timedelta(days=later)
    first = again(once, LOW, postings, day)
    assert again(first, LOW, postings, day) == first
