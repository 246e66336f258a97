"""EX-nn of semantics 5.7: what activities earn, in real time and through the journal."""

import pytest

from tests.api.activities import (
    SURVEY,
    act,
    activity_input,
    activity_program,
    activity_rule,
    create,
    created,
    delete,
    journal,
    points,
    post_lines,
    refusals,
    statuses,
    update,
)
from tests.api.harness import Harness, notes
from tests.api.program import reward_points, scheme
from tests.api.test_earning_examples import customer_card, gold

GOLD_RULE = activity_rule("gold", 10, tier="GOLD")
VETERAN_RULE = activity_rule("veterans", 5, affiliation="veteran")


def test_ex_17_rules_of_the_type_add_up(service: Harness) -> None:
    service.apply(activity_program(activity_rule(), GOLD_RULE, VETERAN_RULE))
    both = customer_card(service, "both", "veteran")
    gold(service, both)
    payload = act(service, both, activityId="S-1")
    assert points(payload) == ["20", "10", "5"]
    assert {entry["activityId"] for entry in payload["transactions"]} == {"S-1"}
    assert payload["transactions"][0] == {
        "rewardPoint": {"code": "PTS"},
        "points": "20",
        "entryType": "EARN",
        "occurredAt": "2024-01-01T12:00:00Z",
        "vestsOn": "2024-01-01",
        "activityType": {"code": "SURVEY"},
        "activityId": "S-1",
        "explanation": {
            "scheme": "CLUB-US",
            "rule": "survey",
            "formula": "1 x 20 = 20",
            "computed": "20",
        },
    }
    assert payload["card"] == {"number": both}
    assert service.available(both) == "35"
    others = act(service, service.issue())
    assert points(others) == ["20"]
    assert notes(others) == [
        ("TIER_NOT_HELD", "CLUB-US", "gold"),
        ("AFFILIATION_NOT_HELD", "CLUB-US", "veterans"),
    ]
    named = act(service, service.issue(), affiliation="veteran")
    assert points(named) == ["20", "5"]


def test_ex_18_the_journal_posts_each_line_once(service: Harness) -> None:
    service.apply(activity_program())
    cards = {name: service.issue(name) for name in "ABC"}
    ids = dict(
        zip(
            cards,
            created(
                service,
                *(
                    activity_input(service, card, "WORKSHOP", activityId=f"W-{card}")
                    for card in cards
                ),
            ),
            strict=True,
        )
    )

    def held() -> list[str]:
        return [service.available(card) for card in cards]

    assert held() == ["0", "0", "0"]
    deleted = delete(service, ids["B"])
    assert [line["activityId"] for line in deleted["lines"]] == ["W-B"]
    payload = post_lines(service, ids["A"])
    assert (payload["posted"], payload["failed"]) == (1, 0)
    assert held() == ["50", "0", "0"]
    assert post_lines(service)["posted"] == 1
    assert held() == ["50", "0", "50"]
    assert post_lines(service)["posted"] == 0
    assert post_lines(service, ids["A"])["posted"] == 0
    assert held() == ["50", "0", "50"]
    refused = update(service, ids["A"], comment="too late")
    assert refusals(refused) == [("ACTIVITY_LINE_ALREADY_POSTED", "id")]
    assert statuses(service) == {"W-A": "POSTED", "W-C": "POSTED"}
    (line,) = journal(service, cardNumber="A")
    assert line["reviewedBy"] == "staff"
    assert line["transactions"] == [{"points": "50", "activityId": "W-A"}]


def test_ex_19_a_line_that_fails_stops_no_other(service: Harness) -> None:
    service.apply(activity_program())
    cards = [service.issue(name) for name in "ABC"]
    created(service, *(activity_input(service, card, "WORKSHOP") for card in cards))
    blocked = service.change_card("blockLoyaltyCard", number="B", reason="lost")
    assert blocked["userErrors"] == []
    payload = post_lines(service)
    assert (payload["posted"], payload["failed"]) == (2, 1)
    (failure,) = payload["failures"]
    assert (failure["cardNumber"], failure["status"]) == ("B", "UNPOSTED")
    assert failure["error"] == {
        "code": "LOYALTY_CARD_BLOCKED",
        "message": "This card is blocked.",
        "field": ["cardNumber"],
    }
    assert [service.available(card) for card in cards] == ["50", "0", "50"]
    service.change_card("unblockLoyaltyCard", number="B", reason="found")
    assert post_lines(service)["posted"] == 1
    assert journal(service, cardNumber="B")[0]["error"] is None


@pytest.mark.parametrize("through_journal", [False, True])
def test_ex_103_a_limit_counts_civil_days_of_the_channel(
    service: Harness, through_journal: bool
) -> None:
    limit = {"count": 1, "per": {"value": 1, "unit": "DAY"}}
    service.apply(activity_program(activity_rule(), types=[{**SURVEY, "limit": limit}]))
    card = service.issue()

    def answer(at: str) -> list[str]:
        if through_journal:
            (line,) = created(service, activity_input(service, card, occurredAt=at))
            payload = post_lines(service, line)
            errors = [failure["error"] for failure in payload["failures"]]
        else:
            errors = act(service, card, occurredAt=at)["userErrors"]
        return [error["code"] for error in errors]

    service.clock.set("2025-06-20")
    assert answer("2025-06-15T09:00:00-04:00") == []
    assert answer("2025-06-15T18:00:00-04:00") == ["ACTIVITY_LIMIT_REACHED"]
    assert answer("2025-06-16T00:05:00-04:00") == []
    assert service.available(card) == "40"


def test_ex_04_exclusion_stops_activities_of_that_scheme_alone(service: Harness) -> None:
    excluding = scheme(activity_rule(), excludedAffiliations=["wholesale"])
    service.apply(activity_program(schemes=[excluding]))
    card = customer_card(service, "w", "wholesale")
    payload = act(service, card)
    assert points(payload) == []
    assert notes(payload) == [("EXCLUDED_AFFILIATION", "CLUB-US", None)]
    other = scheme(activity_rule("other"), code="OTHER")
    service.apply(activity_program(schemes=[excluding, other]))
    service.clock.advance(minutes=1)
    payload = act(service, card)
    assert points(payload) == ["20"]
    assert notes(payload) == [("EXCLUDED_AFFILIATION", "CLUB-US", None)]
    named = act(service, service.issue(), affiliation="wholesale")
    assert notes(named) == [("EXCLUDED_AFFILIATION", "CLUB-US", None)]


def test_ex_35_the_maximum_cuts_activities_too(service: Harness) -> None:
    rules = [activity_rule("first", 40), activity_rule("second", 40)]
    service.apply(activity_program(*rules, rewardPoints=reward_points(maximumPerCard=50)))
    card = service.issue()
    payload = act(service, card)
    assert points(payload) == ["40", "10"]
    cut = payload["transactions"][1]["explanation"]
    assert (cut["computed"], cut["formula"]) == ("40", "1 x 40 = 40; maximum 50: 10 of 40")
    assert notes(payload) == [("MAXIMUM_REACHED", "CLUB-US", "second")]
    payload = act(service, card)
    assert points(payload) == []
    assert notes(payload) == [
        ("MAXIMUM_REACHED", "CLUB-US", "first"),
        ("MAXIMUM_REACHED", "CLUB-US", "second"),
    ]


def test_ex_56_a_hidden_affiliation_is_not_named_and_counts_where_it_is_held(
    service: Harness,
) -> None:
    service.apply(activity_program(activity_rule(affiliation="employee")))
    service.customer("e", affiliations=["employee"])
    card = service.issue(customerId="e")
    refused = act(service, card, affiliation="employee")
    assert refusals(refused) == [("AFFILIATION_HIDDEN", "affiliation")]
    line = activity_input(service, card, affiliation="employee")
    assert refusals(create(service, line)) == [("AFFILIATION_HIDDEN", "lines.0.affiliation")]
    unknown = act(service, card, affiliation="nobody")
    assert refusals(unknown) == [("AFFILIATION_NOT_FOUND", "affiliation")]
    assert points(act(service, card)) == ["20"]


def test_ex_65_a_blocked_card_has_no_activities(service: Harness) -> None:
    service.apply(activity_program())
    card = service.issue()
    service.change_card("blockLoyaltyCard", number=card, reason="lost")
    refused = act(service, card)
    assert refusals(refused) == [("LOYALTY_CARD_BLOCKED", "cardNumber")]
    assert refused["transactions"] == []
    assert refused["card"] is None
