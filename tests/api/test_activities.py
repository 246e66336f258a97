"""Semantics 5.7, 12, 16: activities in real time, their key, their limits, who may post them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from models.card_statements import EventRow
from models.cards import outbox
from models.statements import Statement
from resolvers.outbox import events_of
from tests.api.activities import (
    CHECKIN,
    CHECKIN_RULE,
    PAYLOAD,
    SURVEY,
    WORKSHOP,
    act,
    activity_input,
    activity_program,
    activity_rule,
    create,
    created,
    journal,
    points,
    post_lines,
    refusals,
)
from tests.api.harness import Harness, notes
from tests.api.program import amount_rule, channel, scheme
from tests.api.test_concurrency import together
from tests.api.test_replacing import replace
from tests.api.test_verification import broken, execute

REUSED = """replayed transactions { points } userErrors { code field
  ... on IdempotencyKeyReusedError { firstUsedAt } }"""


def events(service: Harness) -> list[EventRow]:
    statement = Statement(select(outbox).order_by(outbox.c.seq_no), EventRow)

    async def rows() -> list[EventRow]:
        read = service.database.read()
        try:
            return await read.all(statement)
        finally:
            await read.close()

    return [event for row in service.wait(rows()) for event in events_of(row)]


def test_the_same_activity_answers_as_the_first_time(service: Harness) -> None:
    service.apply(activity_program())
    card = service.issue()
    first = act(service, card, activityId="S", occurredAt="2024-01-01T12:00:00Z")
    again = {"occurredAt": "2024-01-01T13:00:00+01:00", "affiliation": None}
    replayed = act(service, card, activityId="S", **again)
    assert replayed == {**first, "replayed": True}
    assert service.available(card) == "20"


def test_another_activity_under_the_key_is_refused_with_the_time_of_the_first(
    service: Harness,
) -> None:
    service.apply(activity_program())
    card, other = service.issue(), service.issue()
    given = activity_input(service, card)
    act(service, card, activityId=given["activityId"])
    service.clock.advance(hours=1)
    payload = service.mutate("postNonTransactionalActivity", REUSED, {**given, "cardNumber": other})
    assert payload["userErrors"] == [
        {
            "code": "IDEMPOTENCY_KEY_REUSED",
            "field": ["activityId"],
            "firstUsedAt": "2024-01-01T12:00:00Z",
        }
    ]
    assert points(act(service, card, "CHECKIN", activityId=given["activityId"])) == ["5"]


def test_the_journal_and_real_time_share_their_keys(service: Harness) -> None:
    service.apply(activity_program())
    card = service.issue()
    line, posted = activity_input(service, card), activity_input(service, card)
    created(service, line)
    act(service, card, activityId=posted["activityId"])
    reused = [("IDEMPOTENCY_KEY_REUSED", "activityId")]
    assert refusals(act(service, card, activityId=line["activityId"])) == reused
    at_line = [("IDEMPOTENCY_KEY_REUSED", "lines.0.activityId")]
    assert refusals(create(service, posted)) == at_line
    assert post_lines(service)["posted"] == 1
    assert refusals(act(service, card, activityId=line["activityId"])) == reused
    assert service.available(card) == "40"


def test_one_activity_sent_by_ten_callers_at_once_posts_once(service: Harness) -> None:
    service.apply(activity_program())
    card = service.issue()
    send = [lambda: act(service, card, activityId="same")] * 10
    payloads = together(service, send)
    assert [points(payload) for payload in payloads] == [["20"]] * 10
    assert [payload["replayed"] for payload in payloads].count(False) == 1
    assert service.available(card) == "20"


def test_a_key_sent_to_both_at_once_is_used_by_one(service: Harness) -> None:
    service.apply(activity_program())
    card = service.issue()
    given = activity_input(service, card)
    calls: list[Callable[[], Any]] = [
        lambda: act(service, card, activityId=given["activityId"]),
        lambda: create(service, given),
    ]
    payloads = together(service, calls * 5)
    refused = [refusals(payload) for payload in payloads]
    kinds = {bool(one) for one in refused[::2]}, {bool(one) for one in refused[1::2]}
    assert kinds in [({True}, {False}), ({False}, {True})]


def test_callers_at_once_do_not_pass_a_limit(service: Harness) -> None:
    limit = {"count": 3, "per": {"value": 1, "unit": "DAY"}}
    service.apply(activity_program(activity_rule(), types=[{**SURVEY, "limit": limit}]))
    card = service.issue()
    payloads = together(service, [lambda: act(service, card)] * 12)
    told = [refusals(payload) for payload in payloads]
    assert told.count([]) == 3
    assert told.count([("ACTIVITY_LIMIT_REACHED", "activityType")]) == 9
    assert service.available(card) == "60"


def test_a_limit_counts_what_earned_nothing_and_each_card_and_type_alone(
    service: Harness,
) -> None:
    limit = {"count": 1, "per": {"value": 1, "unit": "MONTH"}}
    types = [{**SURVEY, "limit": limit}, {**CHECKIN, "limit": limit}]
    service.apply(activity_program(CHECKIN_RULE, types=types))
    card = service.issue()
    service.clock.set("2024-02-29")
    nothing = act(service, card)
    assert points(nothing) == []
    assert notes(nothing) == [("NO_MATCHING_LINES", "CLUB-US", None)]
    assert refusals(act(service, card)) == [("ACTIVITY_LIMIT_REACHED", "activityType")]
    assert points(act(service, card, "CHECKIN")) == ["5"]
    assert points(act(service, service.issue())) == []
    # The window that ends on 29 March begins on the first of that month.
    for day, refused in (("2024-03-28", True), ("2024-03-29", False), ("2024-04-28", True)):
        service.clock.set(day)
        assert bool(act(service, card)["userErrors"]) == refused, day


def test_a_late_activity_keeps_the_limit_of_every_window_it_falls_into(service: Harness) -> None:
    limit = {"count": 2, "per": {"value": 1, "unit": "WEEK"}}
    service.apply(activity_program(activity_rule(), types=[{**SURVEY, "limit": limit}]))
    card = service.issue()
    service.clock.set("2024-06-30")
    for day in ("03", "09"):
        assert points(act(service, card, occurredAt=f"2024-06-{day}T12:00:00Z")) == ["20"]
    assert points(act(service, card, occurredAt="2024-06-12T12:00:00Z")) == ["20"]
    for day, refused in (("06", True), ("10", True), ("02", False), ("16", False)):
        payload = act(service, card, occurredAt=f"2024-06-{day}T12:00:00Z")
        assert bool(payload["userErrors"]) == refused, day


def test_a_new_card_goes_on_with_the_counts_of_the_one_it_replaced(service: Harness) -> None:
    limit = {"count": 1, "per": {"value": 1, "unit": "DAY"}}
    service.apply(activity_program(activity_rule(), types=[{**SURVEY, "limit": limit}]))
    card = service.issue()
    act(service, card)
    successor = replace(service, card)["card"]["number"]
    assert refusals(act(service, successor)) == [("ACTIVITY_LIMIT_REACHED", "activityType")]
    service.clock.advance(days=1)
    assert points(act(service, successor)) == ["20"]


def test_an_activity_of_before_the_replacement_earns_on_the_successor(service: Harness) -> None:
    service.apply(activity_program())
    card = service.issue()
    (line,) = created(service, activity_input(service, card, "WORKSHOP"))
    service.clock.advance(days=1)
    successor = replace(service, card)["card"]["number"]
    late = act(service, card, occurredAt="2024-01-01T18:00:00Z")
    assert late["card"] == {"number": successor}
    assert refusals(act(service, card)) == [("LOYALTY_CARD_REPLACED", "cardNumber")]
    assert post_lines(service, line)["posted"] == 1
    assert service.available(successor) == "70"


def test_the_entry_date_is_the_channels(service: Harness) -> None:
    east = channel("EAST", timeZone="Pacific/Auckland")
    where = scheme(activity_rule(), channels=["WEB", "EAST"])
    service.apply(activity_program(schemes=[where], channels=[channel(), east]))
    card = service.issue()
    service.clock.set("2024-06-15T12:00:00+00:00")
    for code, day in (("WEB", "2024-06-15"), ("EAST", "2024-06-16")):
        payload = act(service, card, channel=code)
        assert [entry["vestsOn"] for entry in payload["transactions"]] == [day]


def test_an_activity_earns_at_the_old_tier_and_wins_the_new(service: Harness) -> None:
    rules = [
        activity_rule("status", 500, rewardPoint="STAT"),
        activity_rule("silver", 7, tier="SILVER"),
    ]
    service.apply(activity_program(*rules))
    card = service.issue()
    first = act(service, card)
    assert points(first) == ["500"]
    assert notes(first) == [("TIER_NOT_HELD", "CLUB-US", "silver")]
    tier = service.tier(card)
    assert tier is not None
    assert tier[0] == "SILVER"
    assert points(act(service, card)) == ["500", "7"]


def test_what_stops_a_rule_or_a_scheme_is_told(service: Harness) -> None:
    document = activity_program(
        schemes=[
            scheme(activity_rule(validTo="2023-12-31"), code="OVER"),
            scheme(amount_rule(), code="SALES"),
            scheme(activity_rule(), code="ELSEWHERE", program="OTHER"),
        ],
        channels=[channel(), channel("BARE")],
    )
    document["programs"].append({"code": "OTHER"})
    service.apply(document)
    card = service.issue(programs=["CLUB"])
    payload = act(service, card)
    assert points(payload) == []
    assert notes(payload) == [
        ("OUTSIDE_VALIDITY", "OVER", "survey"),
        ("NO_MATCHING_LINES", "SALES", None),
        ("NOT_ENROLLED", "ELSEWHERE", None),
    ]
    bare = act(service, card, channel="BARE")
    assert notes(bare) == [("CHANNEL_NOT_PARTICIPATING", None, None)]


def test_the_event_is_written_with_the_posting(service: Harness) -> None:
    service.apply(activity_program())
    card = service.issue()
    before = len(events(service))
    act(service, card, activityId="S-1")
    act(service, card, activityId="S-1")
    act(service, card, "WORKSHOP")
    written = [(row.kind, json.loads(row.payload)) for row in events(service)[before:]]
    assert [kind for kind, _ in written] == ["pointsPosted", "activityPosted"]
    assert {**written[1][1], "operation": None} == {
        "activityType": "SURVEY",
        "activityId": "S-1",
        "operation": None,
    }


REFUSED: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"activityId": ""}, [("INVALID_INPUT", "activityId")]),
    (
        {"activityId": "x" * 129, "occurredAt": "2024-01-01T12:05:01Z", "channel": "NONE"},
        [("INVALID_INPUT", "activityId"), ("INVALID_INPUT", "occurredAt")],
    ),
    (
        {"activityType": "NONE", "channel": "NONE", "cardNumber": "NONE"},
        [("ACTIVITY_TYPE_NOT_FOUND", "activityType")],
    ),
    ({"channel": "NONE", "cardNumber": "NONE"}, [("CHANNEL_NOT_FOUND", "channel")]),
    ({"channel": "SHUT", "cardNumber": "NONE"}, [("CHANNEL_INACTIVE", "channel")]),
    (
        {"cardNumber": "NONE", "affiliation": "NONE"},
        [("LOYALTY_CARD_NOT_FOUND", "cardNumber")],
    ),
    (
        {"affiliation": "NONE", "activityType": "WORKSHOP"},
        [("AFFILIATION_NOT_FOUND", "affiliation")],
    ),
    ({"activityType": "WORKSHOP"}, [("ACTIVITY_NEEDS_REVIEW", "activityType")]),
    ({"activityType": "LIMITED"}, [("ACTIVITY_LIMIT_REACHED", "activityType")]),
]


@pytest.mark.parametrize(("given", "expected"), REFUSED)
def test_checks_go_in_order_and_leave_the_key_unused(
    service: Harness, given: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    limited = {"code": "LIMITED", "limit": {"count": 1, "per": {"value": 1, "unit": "YEAR"}}}
    service.apply(
        activity_program(
            types=[SURVEY, WORKSHOP, CHECKIN, limited],
            channels=[channel(), channel("SHUT", active=False)],
        )
    )
    card = service.issue()
    act(service, card, "LIMITED")
    good = activity_input(service, card)
    payload = service.mutate("postNonTransactionalActivity", PAYLOAD, {**good, **given})
    assert refusals(payload) == expected
    assert payload["transactions"] == []
    assert service.available(card) == "0"
    assert points(act(service, card, activityId=good["activityId"])) == ["20"]


def test_a_shopper_posts_its_own_self_served_activities_and_says_no_more(
    service: Harness,
) -> None:
    service.apply(activity_program())
    service.customer("me")
    service.customer("you")
    service.issue("MINE", customerId="me")
    service.issue("YOURS", customerId="you")
    me = "customer:me"
    assert points(act(service, "MINE", "CHECKIN", me)) == ["5"]
    forbidden: list[tuple[dict[str, Any], str]] = [
        ({"kind": "SURVEY"}, "activityType"),
        ({"kind": "CHECKIN", "occurredAt": "2024-01-01T11:00:00Z"}, "occurredAt"),
        ({"kind": "CHECKIN", "affiliation": "veteran"}, "affiliation"),
    ]
    for given, member in forbidden:
        assert refusals(act(service, "MINE", caller=me, **given)) == [("FORBIDDEN", member)]
        kind = given.pop("kind")
        line = activity_input(service, "MINE", kind, **given)
        expected = [("FORBIDDEN", f"lines.0.{member}")]
        assert refusals(create(service, line, caller=me)) == expected
    created(service, activity_input(service, "MINE", "CHECKIN"), caller=me)
    assert [line["cardNumber"] for line in journal(service, me)] == ["MINE"]
    assert journal(service, "customer:you") == []


def test_foreign_and_unknown_cards_are_one_answer_whatever_the_key(service: Harness) -> None:
    service.apply(activity_program())
    service.customer("me")
    service.customer("you")
    service.issue("YOURS", customerId="you")
    act(service, "YOURS", "CHECKIN", activityId="theirs")
    created(service, activity_input(service, "YOURS", "CHECKIN", activityId="line"))
    for key in ("theirs", "line", "fresh"):
        answers = [
            act(service, number, "CHECKIN", "customer:me", activityId=key)
            for number in ("YOURS", "NEVER")
        ]
        assert answers[0] == answers[1]
        assert refusals(answers[0]) == [("LOYALTY_CARD_NOT_FOUND", "cardNumber")]
        lines = [
            create(
                service,
                activity_input(service, number, "CHECKIN", activityId=key),
                caller="customer:me",
            )
            for number in ("YOURS", "NEVER")
        ]
        assert lines[0] == lines[1]
        assert refusals(lines[0]) == [("LOYALTY_CARD_NOT_FOUND", "lines.0.cardNumber")]


def test_keys_reach_their_channels_and_types(service: Harness) -> None:
    service.apply(activity_program(channels=[channel(), channel("SHOP")]))
    card = service.issue()
    service.key("storefront", channels={"WEB"})
    assert points(act(service, card, caller="storefront")) == ["20"]
    foreign = act(service, card, caller="storefront", channel="SHOP")
    assert refusals(foreign) == [("FORBIDDEN", "channel")]
    # The harness's partner is for SURVEY on WEB.
    assert points(act(service, card, caller="partner")) == ["20"]
    for given, member in (({"channel": "SHOP"}, "channel"), ({"kind": "CHECKIN"}, "activityType")):
        assert refusals(act(service, card, caller="partner", **given)) == [("FORBIDDEN", member)]


def test_a_partner_reads_what_its_activity_earned_and_nothing_of_the_card(
    service: Harness,
) -> None:
    service.apply(activity_program())
    card = service.issue()
    given = activity_input(service, card)
    payload = act(service, card, caller="partner", activityId=given["activityId"])
    assert points(payload) == ["20"]
    query = """mutation($i: PostNonTransactionalActivityInput!) {
      postNonTransactionalActivity(input: $i) { %s } }"""
    closed = [
        "card { number }",
        "transactions { card { number } }",
        "transactions { payment { id } }",
        "transactions { remaining }",
        "transactions { allocations { points } }",
        "transactions { tier { code } }",
        "transactions { comment }",
    ]
    for selection in closed:
        answer = service.gql(query % selection, "partner", i=given)
        assert answer.codes == ["FORBIDDEN"], selection
        assert service.gql(query % selection, "admin", i=given).codes == []


def test_a_partner_learns_nothing_from_the_keys_of_another(service: Harness) -> None:
    service.apply(activity_program())
    card = service.issue()
    service.key("partner")
    key = service.key("partner", "rival")
    given = activity_input(service, card)
    line = activity_input(service, card)
    act(service, card, caller="partner", activityId=given["activityId"])
    created(service, line, caller="partner")
    mutation = """mutation($i: PostNonTransactionalActivityInput!) {
      postNonTransactionalActivity(input: $i) { transactions { points } userErrors { code } } }"""
    answer = service.send(mutation, key, {"i": given})["postNonTransactionalActivity"]
    assert answer == {"transactions": [], "userErrors": [{"code": "IDEMPOTENCY_KEY_REUSED"}]}
    mutation = """mutation($i: CreateActivityLinesInput!) {
      createActivityLines(input: $i) { lines { id } userErrors { code } } }"""
    answer = service.send(mutation, key, {"i": {"lines": [line]}})["createActivityLines"]
    assert answer == {"lines": [], "userErrors": [{"code": "IDEMPOTENCY_KEY_REUSED"}]}
    assert journal(service, "partner")[0]["activityId"] == line["activityId"]


def test_counts_by_day_prove_themselves(service: Harness) -> None:
    service.apply(activity_program())
    act(service, service.issue())
    for change, rules in (("posted + 1", {"activity days"}), ("posted - 1", set())):
        execute(service.database_url, f"UPDATE activity_day SET posted = {change}")  # noqa: S608
        assert broken(service) == rules
