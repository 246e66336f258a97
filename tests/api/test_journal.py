"""Semantics 5.7: the review journal, line by line; who may do what to it; pages; crashes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

import asyncpg
import pytest

from execution.relay import encode_id
from models.activity_statements import WaitingRow, waiting_after
from models.cards import card_audit
from models.database import Database, Unit
from models.local import audit
from models.transactions import Read
from resolvers import line_postings
from resolvers.activity_views import FIRST
from resolvers.books import RuleBooks
from resolvers.callers import Caller, Role
from resolvers.context import Context, open_context
from resolvers.line_postings import Postings
from tests.api.activities import (
    LINE,
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
    reject,
    statuses,
    update,
)
from tests.api.harness import Harness
from tests.api.program import channel, scheme
from tests.api.test_concurrency import together
from tests.api.test_rights import audited
from tests.api.test_verification import broken
from tests.api.watching import Watched
from tests.databases import ON_POSTGRESQL

T = TypeVar("T")

UNKNOWN = encode_id("ActivityLine", bytes(16))
ANOTHER = encode_id("LoyaltyCard", bytes(16))


@pytest.fixture
def desk(service: Harness) -> Harness:
    """The program of the journal on WEB and SHOP, and the card LC-00041."""
    both = scheme(activity_rule(), channels=["WEB", "SHOP"])
    shut = channel("SHUT", active=False)
    service.apply(activity_program(schemes=[both], channels=[channel(), channel("SHOP"), shut]))
    assert service.issue() == "LC-00041"
    # Calls at once find it made.
    service.key("staff")
    return service


CARD = "LC-00041"


def test_a_line_is_shown_as_it_was_sent(desk: Harness) -> None:
    evidence = {"form": 7, "share": [1, {"line_number": 2}, {"line_number": "x"}], "note": None}
    given = activity_input(
        desk, CARD, occurredAt="2023-12-31T23:00:00-05:00", comment="seen", evidence=evidence
    )
    payload = create(desk, {**given, "affiliation": "veteran"})
    (line,) = payload["lines"]
    assert line == {
        **given,
        "id": line["id"],
        "affiliation": "veteran",
        "occurredAt": "2024-01-01T04:00:00Z",
        "status": "UNPOSTED",
        "reviewedBy": None,
        "rejectionReason": None,
        "error": None,
        "transactions": [],
    }
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on ActivityLine {{ {LINE} }} }} }}"
    node = desk.ask(query, id=line["id"])
    assert node["node"] == line
    assert desk.available(CARD) == "0"


def test_creating_is_all_or_nothing(desk: Harness) -> None:
    good = activity_input(desk, CARD)
    cases: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
        (
            {"activityId": "", "occurredAt": "2024-01-01T12:05:01Z", "comment": "x" * 1001},
            [
                ("INVALID_INPUT", f"lines.1.{name}")
                for name in ("activityId", "occurredAt", "comment")
            ],
        ),
        ({"evidence": "x" * 17_000}, [("INVALID_INPUT", "lines.1.evidence")]),
        ({"activityType": "NONE"}, [("ACTIVITY_TYPE_NOT_FOUND", "lines.1.activityType")]),
        ({"channel": "NONE"}, [("CHANNEL_NOT_FOUND", "lines.1.channel")]),
        ({"cardNumber": "NONE"}, [("LOYALTY_CARD_NOT_FOUND", "lines.1.cardNumber")]),
        ({"affiliation": "NONE"}, [("AFFILIATION_NOT_FOUND", "lines.1.affiliation")]),
        (
            {"activityId": good["activityId"], "comment": "other"},
            [("IDEMPOTENCY_KEY_REUSED", "lines.1.activityId")],
        ),
    ]
    for given, expected in cases:
        payload = create(desk, good, {**activity_input(desk, CARD), **given})
        assert refusals(payload) == expected
        assert payload["lines"] == []
    many = [activity_input(desk, CARD)] * 1001
    assert refusals(create(desk, *many)) == [("INVALID_INPUT", "lines")]
    assert journal(desk) == []
    assert create(desk)["lines"] == []
    assert len(created(desk, good)) == 1


def test_a_line_sent_again_is_the_same_line_whatever_became_of_it(desk: Harness) -> None:
    given = activity_input(desk, CARD, evidence={"a": 1, "b": [True]}, comment="one")
    (line,) = created(desk, given)
    same = {**given, "evidence": {"b": [True], "a": 1}, "affiliation": None}
    assert created(desk, same, given) == [line, line]
    assert refusals(create(desk, {**given, "comment": "two"})) == [
        ("IDEMPOTENCY_KEY_REUSED", "lines.0.activityId")
    ]
    update(desk, line, comment="edited")
    post_lines(desk, line)
    payload = create(desk, given)
    assert [(one["id"], one["status"]) for one in payload["lines"]] == [(line, "POSTED")]
    assert desk.available(CARD) == "20"


def test_a_blocked_card_and_a_closed_channel_are_judged_when_a_line_is_posted(
    desk: Harness,
) -> None:
    desk.change_card("blockLoyaltyCard", number=CARD, reason="lost")
    created(desk, activity_input(desk, CARD), activity_input(desk, CARD, channel="SHUT"))
    payload = post_lines(desk)
    codes = [failure["error"]["code"] for failure in payload["failures"]]
    assert codes == ["LOYALTY_CARD_BLOCKED", "CHANNEL_INACTIVE"]
    assert post_lines(desk)["failed"] == 2


def test_editing_keeps_what_is_left_out_and_null_clears(desk: Harness) -> None:
    other = desk.issue()
    given = activity_input(
        desk, CARD, affiliation="veteran", comment="c", occurredAt="2023-06-01T12:00:00Z"
    )
    (line,) = created(desk, given)
    assert update(desk, line)["lines"][0]["comment"] == "c"
    (after,) = update(
        desk, line, cardNumber=other, affiliation=None, occurredAt=None, channel="SHOP"
    )["lines"]
    wanted = {"cardNumber": other, "channel": "SHOP", "affiliation": None, "comment": "c"}
    assert {name: after[name] for name in wanted} == wanted
    assert after["occurredAt"] == "2024-01-01T12:00:00Z"
    assert update(desk, line, comment=None)["lines"][0]["comment"] is None
    nulls = update(desk, line, cardNumber=None, activityType=None, channel=None)
    members = ["cardNumber", "activityType", "channel"]
    assert refusals(nulls) == [("INVALID_INPUT", member) for member in members]
    assert broken(desk) == set()
    assert post_lines(desk, line)["posted"] == 1
    assert (desk.available(CARD), desk.available(other)) == ("0", "20")


def test_lines_cost_no_statement_of_their_own(desk: Harness, sent: list[str]) -> None:
    """Those of a shopper, and those that are turned down or deleted."""
    card = desk.issue(customerId=desk.customer("ann"))

    def cost(lines: int) -> list[int]:
        found = []

        def done(ids: list[str]) -> list[str]:
            found.append(len([text for text in sent if "INTO" not in text]))
            sent.clear()
            return ids

        given = [activity_input(desk, card, "CHECKIN") for _ in range(2 * lines)]
        sent.clear()
        ids = done(created(desk, *given, caller="customer:ann"))
        done(refusals(reject(desk, *ids[:lines])))
        done(refusals(delete(desk, *ids[lines:])))
        return found

    cost(1)
    assert cost(30) == cost(3)


def test_another_type_is_another_key(desk: Harness) -> None:
    given = activity_input(desk, CARD, evidence=[1, 1e-7], occurredAt="2024-01-01T12:00:00Z")
    (line,) = created(desk, given)
    (taken,) = created(desk, {**given, "activityType": "CHECKIN"})
    refused = update(desk, line, activityType="CHECKIN")
    assert refusals(refused) == [("IDEMPOTENCY_KEY_REUSED", "activityType")]
    delete(desk, taken)
    (moved,) = update(desk, line, activityType="CHECKIN")["lines"]
    assert (moved["id"], moved["activityType"]) == (line, "CHECKIN")
    assert moved["evidence"] == [1, Decimal("1E-7")]
    assert created(desk, {**given, "activityType": "CHECKIN"}) == [line]


def test_who_sends_again_what_review_gave_another_type_is_answered_with_the_line(
    desk: Harness,
) -> None:
    given = activity_input(desk, CARD, occurredAt="2024-01-01T12:00:00Z")
    (line,) = created(desk, given)
    for kind in ("CHECKIN", "WORKSHOP"):
        update(desk, line, activityType=kind)
        assert created(desk, given) == [line]
    assert created(desk, {**given, "activityType": "WORKSHOP"}) == [line]
    other = {**given, "comment": "another"}
    refused = desk.mutate("createActivityLines", "userErrors { code field }", {"lines": [other]})
    assert refusals(refused) == [("IDEMPOTENCY_KEY_REUSED", "lines.0.activityId")]
    real_time = act(desk, CARD, activityId=given["activityId"], occurredAt=given["occurredAt"])
    assert refusals(real_time) == [("IDEMPOTENCY_KEY_REUSED", "activityId")]
    (back,) = update(desk, line, activityType=given["activityType"])["lines"]
    assert back["id"] == line
    update(desk, line, activityType="CHECKIN")
    assert post_lines(desk)["posted"] == 1
    assert created(desk, given) == [line]
    assert post_lines(desk)["posted"] == 0


def test_a_line_that_is_deleted_frees_every_key_that_it_had(desk: Harness) -> None:
    given = activity_input(desk, CARD, occurredAt="2024-01-01T12:00:00Z")
    (line,) = created(desk, given)
    for kind in ("CHECKIN", "WORKSHOP"):
        update(desk, line, activityType=kind)
    delete(desk, line)
    kinds = ("SURVEY", "CHECKIN", "WORKSHOP")
    fresh = {created(desk, {**given, "activityType": kind})[0] for kind in kinds}
    assert len(fresh - {line}) == len(kinds)


def test_an_edited_line_is_checked_as_a_new_one(desk: Harness) -> None:
    (line,) = created(desk, activity_input(desk, CARD))
    cases = [
        ({"cardNumber": "NONE"}, "LOYALTY_CARD_NOT_FOUND", "cardNumber"),
        ({"activityType": "NONE"}, "ACTIVITY_TYPE_NOT_FOUND", "activityType"),
        ({"channel": "NONE"}, "CHANNEL_NOT_FOUND", "channel"),
        ({"affiliation": "employee"}, "AFFILIATION_HIDDEN", "affiliation"),
        ({"occurredAt": "2024-01-01T12:05:01Z"}, "INVALID_INPUT", "occurredAt"),
        ({"comment": "x" * 1001}, "INVALID_INPUT", "comment"),
    ]
    before = journal(desk)
    for given, code, member in cases:
        assert refusals(update(desk, line, **given)) == [(code, member)]
    assert journal(desk) == before


def test_deleting_frees_the_key(desk: Harness) -> None:
    given = activity_input(desk, CARD)
    (line,) = created(desk, given)
    assert refusals(delete(desk, line, line)) == []
    assert refusals(delete(desk, line)) == [("NOT_FOUND", "ids.0")]
    assert points(act(desk, CARD, activityId=given["activityId"])) == ["20"]


def test_a_rejected_line_stays_and_is_final(desk: Harness) -> None:
    given = activity_input(desk, CARD)
    (line,) = created(desk, given)
    for reason in ("no proof", "another"):
        (rejected,) = reject(desk, line, reason=reason)["lines"]
        assert (rejected["status"], rejected["rejectionReason"]) == ("REJECTED", "no proof")
        assert rejected["reviewedBy"] == "staff"
    assert refusals(update(desk, line, comment="c")) == [("INVALID_INPUT", "id")]
    assert refusals(delete(desk, line)) == [("INVALID_INPUT", "ids.0")]
    assert refusals(post_lines(desk, line)) == [("INVALID_INPUT", "ids.0")]
    assert post_lines(desk)["posted"] == 0
    reused = [("IDEMPOTENCY_KEY_REUSED", "activityId")]
    assert refusals(act(desk, CARD, activityId=given["activityId"])) == reused
    assert created(desk, given) == [line]
    assert desk.available(CARD) == "0"


def test_a_posted_line_stays_as_it_is(desk: Harness) -> None:
    posted, other = created(desk, activity_input(desk, CARD), activity_input(desk, CARD))
    post_lines(desk, posted)
    told = [("ACTIVITY_LINE_ALREADY_POSTED", "ids.1")]
    assert refusals(delete(desk, other, posted)) == told
    assert refusals(reject(desk, other, posted)) == told
    assert sorted(statuses(desk).values()) == ["POSTED", "UNPOSTED"]


def test_ids_are_malformed_unknown_or_too_many_and_nothing_is_done(desk: Harness) -> None:
    (line,) = created(desk, activity_input(desk, CARD))
    for change in (delete, reject, post_lines):
        for bad in ("", "x", ANOTHER, UNKNOWN[:-1]):
            assert refusals(change(desk, line, bad)) == [("INVALID_INPUT", "ids.1")], bad
        assert refusals(change(desk, line, UNKNOWN)) == [("NOT_FOUND", "ids.1")]
        assert refusals(change(desk, *[line] * 1001)) == [("INVALID_INPUT", "ids")]
    assert refusals(update(desk, "x", channel=None)) == [
        ("INVALID_INPUT", "id"),
        ("INVALID_INPUT", "channel"),
    ]
    assert refusals(update(desk, UNKNOWN)) == [("NOT_FOUND", "id")]
    for reason in ("", "x" * 257):
        assert refusals(reject(desk, line, reason=reason)) == [("INVALID_INPUT", "reason")]
    assert list(statuses(desk).values()) == ["UNPOSTED"]


def test_lines_are_posted_by_when_they_happened(service: Harness) -> None:
    limit = {"count": 1, "per": {"value": 1, "unit": "DAY"}}
    service.apply(activity_program(activity_rule(), types=[{**SURVEY, "limit": limit}]))
    card = service.issue()
    times = ["2023-12-31T12:00:00Z", "2023-12-31T11:00:00Z", "2023-12-31T11:00:00Z"]
    late, early, second = created(
        service, *(activity_input(service, card, occurredAt=at) for at in times)
    )
    payload = post_lines(service, late, second, early)
    assert (payload["posted"], payload["failed"]) == (1, 2)
    assert [failure["id"] for failure in payload["failures"]] == [second, late]
    assert [line["id"] for line in journal(service, status="POSTED")] == [early]


def test_every_unposted_line_is_posted_in_chunks(desk: Harness) -> None:
    lines = [activity_input(desk, CARD) for _ in range(230)]
    created(desk, *lines)
    payloads = together(desk, [lambda: post_lines(desk)] * 2)
    assert sum(payload["posted"] for payload in payloads) == 230
    assert [payload["failed"] for payload in payloads] == [0, 0]
    assert desk.available(CARD) == str(230 * 20)


def test_one_line_posted_and_edited_at_once_is_one_or_the_other(desk: Harness) -> None:
    other = desk.issue()
    ids = created(desk, *(activity_input(desk, CARD) for _ in range(8)))
    calls = [
        call
        for line in ids
        for call in (
            lambda line=line: post_lines(desk, line),
            lambda line=line: update(desk, line, cardNumber=other),
        )
    ]
    payloads = together(desk, calls)
    assert sum(payload["posted"] for payload in payloads[::2]) == 8
    edited = sum(not payload["userErrors"] for payload in payloads[1::2])
    assert int(desk.available(other)) == 20 * edited
    assert int(desk.available(CARD)) == 20 * (8 - edited)


@contextmanager
def underway(service: Harness, *statements: str) -> Iterator[None]:
    """A transaction that commits when somebody waits for it."""

    async def begin() -> asyncpg.Connection:
        editing = await asyncpg.connect(service.database_url)
        await editing.execute("; ".join(["BEGIN", *statements]))
        return editing

    async def end(editing: asyncpg.Connection) -> None:
        for _ in range(300):
            if await editing.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                break
            await asyncio.sleep(0.01)
        await editing.execute("COMMIT")
        await editing.close()

    ending = asyncio.run_coroutine_threadsafe(end(service.wait(begin())), service.loop)
    yield
    ending.result(10)


@ON_POSTGRESQL
def test_who_waits_for_an_edit_posts_what_it_left(desk: Harness) -> None:
    """The database shows a row that was waited for as it is now, but what is joined to it as it
    was.
    """
    other = desk.issue()
    (line,) = created(desk, activity_input(desk, CARD))

    with underway(
        desk,
        "SELECT 1 FROM activity_waiting FOR UPDATE",
        *(
            f"UPDATE {table} SET card_number = '{other}'"  # noqa: S608
            for table in ("activity_line", "activity_waiting")
        ),
    ):
        assert post_lines(desk, line)["posted"] == 1
    assert (desk.available(CARD), desk.available(other)) == ("0", "20")


def test_another_line_that_has_the_key_by_now_is_not_posted(desk: Harness) -> None:
    given = activity_input(desk, CARD)
    reviewed = created(desk, given)

    async def with_context(work: Callable[[Context], Awaitable[T]]) -> T:
        context = await open_context(desk.served, Caller(Role.STAFF, "staff"), "desk")
        try:
            return await work(context)
        finally:
            await context.read.close()

    async def waiting(context: Context) -> list[WaitingRow]:
        edge_at, edge_id = FIRST
        return await context.read.all(waiting_after, edge_at=edge_at, edge_id=edge_id, count=2)

    async def post(context: Context) -> tuple[Postings, bool]:
        done = Postings()
        await line_postings.post_each(context, lines, done)
        ((key, line_id, *_),) = lines
        return done, await line_postings.post_line(context, key, line_id)

    lines = desk.wait(with_context(waiting))
    delete(desk, *reviewed)
    created(desk, {**given, "comment": "nobody has seen this"})
    assert desk.wait(with_context(post)) == (Postings(), False)
    assert [line["status"] for line in journal(desk)] == ["UNPOSTED"]


def test_pages_go_both_ways_by_when_it_happened(desk: Harness) -> None:
    times = [f"2023-12-{day:02}T12:00:00Z" for day in (3, 1, 2, 2, 1)]
    ids = created(desk, *(activity_input(desk, CARD, occurredAt=at) for at in times))
    expected = [ids[place] for place in (1, 4, 2, 3, 0)]
    query = """query($first: Int, $after: String, $last: Int, $before: String) {
      activityLines(first: $first, after: $after, last: $last, before: $before) { totalCount
        edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage endCursor startCursor }
      } }"""

    def walk(size: str, edge: str, cursor: str, more: str) -> Iterator[list[str]]:
        at = None
        while True:
            page = desk.ask(query, **{size: 2, edge: at})["activityLines"]
            assert page["totalCount"] == 5
            yield [one["node"]["id"] for one in page["edges"]]
            at = page["pageInfo"][cursor]
            if not page["pageInfo"][more]:
                return

    pages = list(walk("first", "after", "endCursor", "hasNextPage"))
    assert [line for page in pages for line in page] == expected
    pages = list(walk("last", "before", "startCursor", "hasPreviousPage"))
    assert [line for page in reversed(pages) for line in page] == expected
    assert desk.gql(query, after="x").codes == ["INVALID_INPUT"]


def test_the_filter_narrows_by_every_condition(desk: Harness) -> None:
    other = desk.issue()
    ids = created(
        desk,
        activity_input(desk, CARD, occurredAt="2023-12-31T04:59:00Z"),
        activity_input(desk, other, occurredAt="2023-12-31T05:01:00Z"),
        activity_input(desk, CARD, "CHECKIN", channel="SHOP"),
    )
    reject(desk, ids[1])
    cases: list[tuple[dict[str, str], list[int]]] = [
        ({"status": "REJECTED"}, [1]),
        ({"status": "UNPOSTED"}, [0, 2]),
        ({"status": "UNPOSTED", "channel": "SHOP"}, [2]),
        ({"status": "POSTED"}, []),
        ({"activityType": "CHECKIN"}, [2]),
        ({"channel": "WEB"}, [0, 1]),
        ({"cardNumber": CARD}, [0, 2]),
        ({"from": "2023-12-31"}, [1, 2]),
        ({"to": "2023-12-30"}, [0]),
        ({"from": "2023-12-31", "to": "2023-12-31", "cardNumber": CARD}, []),
        ({"activityType": "NONE"}, []),
    ]
    for chosen, places in cases:
        found = [line["id"] for line in journal(desk, **chosen)]
        assert found == [ids[place] for place in places], chosen


def test_a_day_is_the_channels_own_in_any_zone(service: Harness) -> None:
    """Ends of 15 June 2023 on either side of the date line, and seconds outside of it."""
    zones = {"EAST": "Pacific/Kiritimati", "WEST": "Etc/GMT+12"}
    channels = [channel(), *(channel(code, timeZone=zone) for code, zone in zones.items())]
    service.apply(activity_program(channels=channels))
    card = service.issue()
    moments = {
        "EAST": ("06-14T09:59:59", "06-14T10:00:00", "06-15T09:59:59", "06-15T10:00:00"),
        "WEST": ("06-15T11:59:59", "06-15T12:00:00", "06-16T11:59:59", "06-16T12:00:00"),
    }
    lines = [
        activity_input(service, card, channel=code, occurredAt=f"2023-{moment}Z")
        for code, some in moments.items()
        for moment in some
    ]
    ids = created(service, *lines)
    inside = {ids[place] for place in (1, 2, 5, 6)}
    for status in ({}, {"status": "UNPOSTED"}):
        on = journal(service, **status, **{"from": "2023-06-15", "to": "2023-06-15"})
        assert {line["id"] for line in on} == inside
        always = journal(service, **status, **{"from": "0001-01-01", "to": "9999-12-31"})
        assert {line["id"] for line in always} == {*ids}


def test_each_caller_sees_its_own_lines(desk: Harness) -> None:
    desk.customer("me")
    mine = desk.issue(customerId="me")
    desk.key("storefront", channels={"SHOP"})
    by_partner = created(desk, activity_input(desk, CARD), caller="partner")
    desk.clock.advance(seconds=1)
    others = created(desk, activity_input(desk, mine, channel="SHOP"), activity_input(desk, mine))
    every = [*by_partner, *others]
    seen = {
        "admin": every,
        "staff": every,
        "storefront": others[:1],
        "partner": by_partner,
        "customer:me": others,
        "customer:you": [],
    }
    nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    for caller, expected in seen.items():
        assert [line["id"] for line in journal(desk, caller, "id activityId")] == expected, caller
        found = desk.ask(nodes, caller, ids=every)["nodes"]
        assert [node["id"] for node in found if node] == expected, caller


def test_a_partner_changes_what_it_created_and_stays_within_its_scope(desk: Harness) -> None:
    (own,) = created(desk, activity_input(desk, CARD), caller="partner")
    (foreign,) = created(desk, activity_input(desk, CARD))
    assert refusals(update(desk, foreign, "partner", comment="c")) == [("NOT_FOUND", "id")]
    assert refusals(delete(desk, own, foreign, caller="partner")) == [("NOT_FOUND", "ids.1")]
    for given, member in (
        ({"channel": "SHOP"}, "channel"),
        ({"activityType": "CHECKIN"}, "activityType"),
    ):
        assert refusals(update(desk, own, "partner", **given)) == [("FORBIDDEN", member)]
    assert refusals(update(desk, own, "partner", comment="c")) == []
    assert refusals(delete(desk, own, caller="partner")) == []
    assert [line["id"] for line in journal(desk)] == [foreign]


def test_erasure_takes_the_texts_of_a_customers_lines(desk: Harness) -> None:
    desk.customer("me")
    mine = desk.issue(customerId="me")
    texts = {"comment": "Ada was there", "evidence": {"name": "Ada"}}
    ids = created(desk, activity_input(desk, mine, **texts), activity_input(desk, CARD, **texts))
    reject(desk, ids[0], reason="Ada was not there")
    erased = {"customerId": "me", "reason": "asked for"}
    assert desk.mutate("eraseCustomer", "userErrors { code }", erased)["userErrors"] == []
    (line,) = journal(desk, cardNumber=mine)
    assert (line["comment"], line["evidence"], line["rejectionReason"]) == (None, None, None)
    assert "Ada" in json.dumps(journal(desk, cardNumber=CARD))


# What an edit to another type does to the rows of a line.
MOVED = """
CREATE TEMP TABLE moved ON COMMIT DROP AS SELECT * FROM activity_line FOR UPDATE;
DELETE FROM activity_line;
UPDATE activity_waiting SET activity_key = sha256('moved');
UPDATE moved SET activity_key = sha256('moved');
INSERT INTO activity_line SELECT * FROM moved
"""


@ON_POSTGRESQL
def test_erasure_takes_the_texts_of_a_line_that_gets_another_key_meanwhile(desk: Harness) -> None:
    desk.customer("me")
    created(desk, activity_input(desk, desk.issue(customerId="me"), comment="Ada was there"))
    erased = {"customerId": "me", "reason": "asked for"}
    with underway(desk, MOVED):
        assert desk.mutate("eraseCustomer", "userErrors { code }", erased)["userErrors"] == []
    (line,) = journal(desk)
    assert line["comment"] is None


def test_what_staff_do_to_lines_is_written_down_without_what_was_said(desk: Harness) -> None:
    texts = {"comment": "Ada", "evidence": {"name": "Ada"}}
    lines = [activity_input(desk, CARD, **texts) for _ in range(3)]
    for _ in range(2):
        # The second time nothing changes, and nothing is written down.
        ids = created(desk, *lines, caller="staff")
        reject(desk, ids[0], reason="Ada")
        update(desk, ids[1], "staff", channel="SHOP", comment="Ada again")
        post_lines(desk, ids[1])
        act(desk, CARD, caller="staff", activityId="A")
    delete(desk, ids[2], caller="staff")
    rows = [*audited(desk, audit), *audited(desk, card_audit)]
    assert sorted(row.operation for row in rows if row.caller == "staff") == [
        "createActivityLines",
        "deleteActivityLines",
        "postActivityLines",
        "postNonTransactionalActivity",
        "rejectActivityLines",
        "updateActivityLine",
    ]
    (changed,) = [row for row in rows if row.operation == "updateActivityLine"]
    assert "WEB" in str(changed.before)
    assert "SHOP" in str(changed.after)
    assert "Ada" not in str(rows)


def test_no_posting_takes_a_balance_beyond_its_bound(service: Harness) -> None:
    most = "999999999999"
    rules = [activity_rule(f"r{place}", most, rewardPoint="CASH") for place in range(100)]
    service.apply(activity_program(*rules))
    card = service.issue()
    for _ in range(10):
        assert len(points(act(service, card))) == 100
    assert refusals(act(service, card)) == [("INVALID_INPUT", "activityType")]
    (line,) = created(service, activity_input(service, card))
    (failure,) = post_lines(service, line)["failures"]
    assert failure["error"]["code"] == "INVALID_INPUT"
    assert failure["error"]["field"] == ["activityType"]


class Crash(BaseException):
    """The process ends here."""


class Crashing(Database):
    """A database whose process ends at the k-th step: before a statement, or once a commit stands
    and nobody has heard of it.
    """

    def __init__(self, database: Database, steps: int) -> None:
        super().__init__(database.limits)
        self.database, self.left = database, steps

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Crash

    def read(self) -> Read:
        return self.database.read()

    async def attempt(self, unit: Unit[T], deadline: float) -> T:
        result = await self.database.attempt(
            lambda given: unit(Watched(given, self.step)), deadline
        )
        self.step()
        return result

    async def dispose(self) -> None:
        await self.database.dispose()


async def post_until_crash(service: Harness, steps: int) -> bool:
    """Post all lines on a process that ends after so many steps; whether it came to its end."""
    database = Crashing(service.database, steps)
    shared = replace(service.served, database=database, books=RuleBooks())
    context = await open_context(shared, Caller(Role.STAFF, "staff"), "crash")
    try:
        await line_postings.post_lines(context, None)
    except Crash:
        return False
    finally:
        await context.read.close()
    return True


def test_a_posting_that_crashes_anywhere_and_runs_again_posts_each_line_once(
    desk: Harness,
) -> None:
    blocked = desk.issue("BLOCKED")
    desk.change_card("blockLoyaltyCard", number=blocked, reason="lost")
    nodes = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on ActivityLine {{ {LINE} }} }} }}"
    done, steps = False, 0
    while not done:
        steps += 1
        desk.clock.advance(seconds=1)
        ids = created(desk, *(activity_input(desk, card) for card in (CARD, CARD)))
        if steps == 1:
            created(desk, activity_input(desk, blocked))
        done = desk.wait(post_until_crash(desk, steps))
        post_lines(desk)
        assert desk.available(CARD) == str(2 * 20 * steps)
        found = desk.ask(nodes, ids=ids)["nodes"]
        assert [(line["status"], len(line["transactions"])) for line in found] == [
            ("POSTED", 1)
        ] * 2
    assert steps > 30
    (failure,) = journal(desk, cardNumber=blocked)
    assert failure["error"]["code"] == "LOYALTY_CARD_BLOCKED"
