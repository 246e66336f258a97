"""The rule book: look-ups, publication, rates, ranges and texts. Source: semantics 1 to 4."""

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest

from rules.book import RuleBook, text
from rules.compiling import compile_book
from rules.document import parse_document
from rules.plan_warnings import warnings
from tests.timing import processor_seconds


def channel(code: str, node: str | None = None) -> dict[str, Any]:
    return {
        "code": code, "kind": "STORE", "currency": "USD", "timeZone": "UTC", "legalEntity": "X",
        "node": node,
    }  # fmt: skip


def scheme(code: str, program: str, earns: str, **given: list[str]) -> dict[str, Any]:
    rule = {"code": "r", "activity": "SALES_TRANSACTION_COUNT", "rewardPoint": earns, "points": 1}
    return {"code": code, "program": program, "earningRules": [rule], **given}


def book(**lists: Any) -> RuleBook:
    return compile_book(1, datetime(2025, 1, 1, tzinfo=UTC), parse_document(lists))


@pytest.fixture(scope="module", name="club")
def _club() -> RuleBook:
    return book(
        rewardPoints=[{"code": code, "kind": "QUANTITY"} for code in ("A", "B", "C")],
        organizationNodes=[
            {"code": "world"},
            {"code": "paris", "parent": "france"},
            {"code": "france", "parent": "europe"},
            {"code": "europe", "parent": "world"},
        ],
        channels=[channel("WEB"), channel("P1", "paris"), channel("E1", "europe")],
        dateIntervals=[{"code": "ANY"}],
        programs=[
            {"code": "ONE", "tiers": [
                {"code": "T", "level": 1, "validity": "ANY",
                 "rules": [{"rewardPoint": "A", "minimumPoints": 0, "evaluation": "ANY"}]},
            ]},
            {"code": "TWO"},
        ],
        schemes=[
            scheme("web", "TWO", "C", channels=["WEB"]),
            scheme("europe", "ONE", "B", organizationNodes=["europe"]),
            scheme("both", "ONE", "A", channels=["P1", "WEB"], organizationNodes=["france"]),
            scheme("nowhere", "TWO", "C"),
        ],
        oneTimeRewards=[
            {"code": "x", "trigger": "CARD_ISSUED", "program": "TWO", "payload": 1},
        ],
    )  # fmt: skip


def test_a_node_stands_for_every_channel_on_and_below_it(club: RuleBook) -> None:
    published = {
        code: [scheme.code for scheme in club.schemes_on(code)] for code in ("WEB", "P1", "E1", "?")
    }
    assert published == {
        "WEB": ["web", "both"], "P1": ["europe", "both"], "E1": ["europe"], "?": [],
    }  # fmt: skip


def test_programs_are_those_with_a_scheme_published_here(club: RuleBook) -> None:
    assert [program.code for program in club.programs_on("WEB")] == ["ONE", "TWO"]
    assert [program.code for program in club.programs_on("E1")] == ["ONE"]
    assert club.programs_on("?") == ()


def test_ex_58_a_channel_added_under_a_node_is_published_by_the_next_version() -> None:
    nodes = [{"code": "europe"}]
    programs, points = [{"code": "P"}], [{"code": "A", "kind": "QUANTITY"}]
    schemes = [
        scheme("node", "P", "A", organizationNodes=["europe"]),
        scheme("single", "P", "A", channels=["OLD"]),
    ]
    channels = [channel("OLD", "europe"), channel("NEW", "europe")]
    later = book(
        organizationNodes=nodes, programs=programs, rewardPoints=points, schemes=schemes,
        channels=channels,
    )  # fmt: skip
    assert [found.code for found in later.schemes_on("NEW")] == ["node"]


def test_look_ups_by_code(club: RuleBook) -> None:
    tier = club.tier("ONE", "T")
    assert tier is not None
    assert tier.level == 1
    assert club.tier("TWO", "T") is None
    assert club.program("?") is None
    assert club.interval("ANY").start is None
    assert club.earned_reward_points("ONE") == ("A", "B")
    assert club.earned_reward_points("?") == ()
    assert [reward.code for reward in club.one_time_rewards_of("TWO")] == ["x"]
    assert set(club.channels) == {"WEB", "P1", "E1"}


def test_a_rate_serves_both_directions_unless_the_other_has_its_own_row() -> None:
    rates = book(
        exchangeRates=[
            {"from": "EUR", "to": "USD", "rate": "1.10"},
            {"from": "USD", "to": "JPY", "rate": 150},
            {"from": "JPY", "to": "USD", "rate": "0.007"},
        ]
    )
    assert rates.rate("EUR", "USD") == Fraction(11, 10)
    assert rates.rate("USD", "EUR") == Fraction(10, 11)
    assert rates.rate("JPY", "USD") == Fraction(7, 1000)
    assert rates.rate("USD", "JPY") == 150
    assert rates.rate("EUR", "JPY") is None
    assert rates.rate("KWD", "KWD") == 1


def test_a_number_is_in_a_range_of_its_length_and_order() -> None:
    ranges = book(cardNumberRanges=[{"from": "LC-100", "to": "LC-299"}, {"from": "A", "to": "C"}])
    inside = ["LC-100", "LC-299", "LC-1zz", "B"]
    outside = ["LC-099", "LC-300", "LC-1000", "LC-10", "b", "D", ""]
    assert ranges.has_ranges
    assert all(ranges.in_range(number) for number in inside)
    assert not any(ranges.in_range(number) for number in outside)
    assert book().in_range("anything")
    assert not book().has_ranges


@pytest.mark.parametrize(
    ("names", "locale", "expected"),
    [
        ({"en": "Hat", "fr": "Chapeau"}, "fr", "Chapeau"),
        ({"en": "Hat", "fr": "Chapeau"}, "fr-CA", "Chapeau"),
        ({"en": "Hat", "fr": "Chapeau", "fr-CA": "Tuque"}, "fr_ca", "Tuque"),
        ({"fr": "Chapeau", "en": "Hat"}, "de", "Hat"),
        ({"fr": "Chapeau", "it": "Cappello"}, "de", "Chapeau"),
        ({"fr": "Chapeau", "en": "Hat"}, None, "Hat"),
        ({"": "Hat"}, "de", "Hat"),
        ({}, "de", "HAT"),
    ],
)
def test_a_reader_gets_the_nearest_text(
    names: dict[str, str], locale: str | None, expected: str
) -> None:
    assert text(names, locale, "HAT") == expected


def test_a_long_document_is_soon_judged() -> None:
    """Whoever may plan holds up nobody: work grows with the document, not with its square."""
    channels = [channel(f"C{place}") for place in range(3000)]
    schemes = [{"code": f"S{place}", "program": "P"} for place in range(3000)]

    def judged() -> list[str]:
        found = book(programs=[{"code": "P"}], channels=channels, schemes=schemes)
        return [*warnings(found.configuration, date(2025, 1, 1), {})]

    assert processor_seconds(judged) < 1
