"""Customers, erasure, links, enrolments, and the staff's search with its pages."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select

from models.database import Database
from models.statements import Statement
from models.tables import metadata
from resolvers import search
from tests.api.activities import act, activity_input, activity_program, create
from tests.api.harness import Harness
from tests.api.program import amount_rule, channel, club_document, scheme
from tests.databases import ON_POSTGRESQL, ON_SQLITE

CUSTOMER = """query($id: String!) { customer(customerId: $id) { id customerId name email phone
  blockedForLoyalty affiliations { code } loyaltyCards { number status }
  balances { rewardPoint { code } available } } }"""


def customer(service: Harness, customer_id: str, caller: str = "admin") -> Any:
    return service.ask(CUSTOMER, caller, id=customer_id)["customer"]


def codes(payload: dict[str, Any]) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def test_members_left_out_stay_and_null_clears(club: Harness) -> None:
    club.customer("c", name="Ada", email="ada@example.com", affiliations=["veteran"])
    club.customer("c", phone="555", email=None)
    found = customer(club, "c")
    assert (found["name"], found["email"], found["phone"]) == ("Ada", None, "555")
    assert found["affiliations"] == [{"code": "veteran"}]
    club.customer("c", affiliations=None)
    assert customer(club, "c")["affiliations"] == []


def test_bad_customers_are_refused_whole(club: Harness) -> None:
    selection = "customer { id } userErrors { code field }"
    payload = club.mutate(
        "upsertCustomer",
        selection,
        {"customerId": "", "name": "x" * 257, "affiliations": ["none"]},
    )
    assert [error["field"] for error in payload["userErrors"]] == [["name"], ["customerId"]]
    unknown = {"customerId": "c", "name": "N", "affiliations": ["veteran", "none"]}
    payload = club.mutate("upsertCustomer", selection, unknown)
    assert payload["userErrors"] == [
        {"code": "AFFILIATION_NOT_FOUND", "field": ["affiliations", "1"]}
    ]
    assert customer(club, "c") is None


def test_balances_of_a_customer_are_those_of_its_active_cards(club: Harness) -> None:
    club.customer("c")
    first, second, third = (club.issue(customerId="c") for _ in range(3))
    for card in (first, second, third):
        club.sale(card, "10.00", customerId="c")
    club.change_card("blockLoyaltyCard", number=third, reason="lost")
    found = customer(club, "c", "customer:c")
    assert found["balances"] == [{"rewardPoint": {"code": "PTS"}, "available": "20"}]
    assert [card["number"] for card in found["loyaltyCards"]] == [first, second, third]
    assert customer(club, "c", "customer:other") is None
    root = '{ customer(customerId: "c") { name } }'
    assert club.ask(root, "partner")["customer"] is None


def test_linking_gives_a_card_its_customer_for_good(club: Harness) -> None:
    club.customer("c")
    club.customer("other")
    card = club.issue()
    assert codes(club.change_card("linkLoyaltyCard", number=card, customerId="none")) == [
        "CUSTOMER_NOT_FOUND"
    ]
    assert codes(club.change_card("linkLoyaltyCard", number=card, customerId="c")) == []
    assert codes(club.change_card("linkLoyaltyCard", number=card, customerId="c")) == []
    assert codes(club.change_card("linkLoyaltyCard", number=card, customerId="other")) == [
        "CARD_CUSTOMER_CONFLICT"
    ]
    assert customer(club, "c")["loyaltyCards"] == [{"number": card, "status": "ACTIVE"}]
    no_more = {"customerId": "c", "blocked": True, "reason": "fraud"}
    club.mutate("setCustomerLoyaltyBlock", "userErrors { code }", no_more)
    assert codes(club.change_card("linkLoyaltyCard", number=card, customerId="c")) == []
    fresh = club.issue()
    assert codes(club.change_card("linkLoyaltyCard", number=fresh, customerId="c")) == [
        "CUSTOMER_BLOCKED_FOR_LOYALTY"
    ]
    club.mutate("setCustomerLoyaltyBlock", "userErrors { code }", {**no_more, "blocked": False})
    assert codes(club.change_card("linkLoyaltyCard", number="none", customerId="c")) == [
        "LOYALTY_CARD_NOT_FOUND"
    ]
    blocked = club.issue()
    club.change_card("blockLoyaltyCard", number=blocked, reason="lost")
    assert codes(club.change_card("linkLoyaltyCard", number=blocked, customerId="c")) == [
        "LOYALTY_CARD_BLOCKED"
    ]


@pytest.mark.parametrize(
    ("kind", "named", "refused", "told"),
    [
        ("ONLINE", "owner", [], []),
        ("ONLINE", None, ["CARD_REQUIRES_SIGN_IN"], ["CARD_REQUIRES_SIGN_IN"]),
        ("MOBILE", None, ["CARD_REQUIRES_SIGN_IN"], ["CARD_REQUIRES_SIGN_IN"]),
        ("STORE", None, [], []),
        ("STORE", "owner", [], []),
        ("STORE", "other", ["CARD_CUSTOMER_CONFLICT"], ["CARD_CUSTOMER_CONFLICT"]),
        ("STORE", "none", ["CUSTOMER_NOT_FOUND"], ["CUSTOMER_NOT_FOUND", "CARD_CUSTOMER_CONFLICT"]),
    ],
)
def test_who_is_at_the_till(
    service: Harness, kind: str, named: str | None, refused: list[str], told: list[str]
) -> None:
    service.apply(club_document(channels=[channel(kind=kind)]))
    for one in ("owner", "other"):
        service.customer(one)
    card = service.issue(customerId="owner")
    given = service.sale_input(card, "10.00", customerId=named)
    cart = {key: given[key] for key in given.keys() - {"transactionId", "occurredAt"}}
    query = """query($input: CartInput!) { cart(input: $input) { userErrors { code }
      earnings { points } earningNotes { code } } }"""
    shown = service.ask(query, "storefront", input=cart)["cart"]
    assert codes(shown) == told
    assert shown["earnings"] == ([] if told else [{"points": "10"}])
    assert shown["earningNotes"] == ([{"code": "NO_CARD"}] if told else [])
    assert codes(service.mutate("postSale", "userErrors { code }", given)) == refused


def test_an_erased_customer_is_unknown_and_the_ledger_stands(club: Harness) -> None:
    club.customer("c", name="Ada", email="ada@example.com")
    card = club.issue(customerId="c")
    club.sale(card, "10.00", customerId="c")
    old = customer(club, "c")["id"]
    payload = club.mutate(
        "eraseCustomer",
        "customer { id } userErrors { code }",
        {"customerId": "c", "reason": "asked for"},
    )
    assert payload == {"customer": None, "userErrors": []}
    assert customer(club, "c") is None
    assert club.ask("query($id: ID!) { node(id: $id) { id } }", id=old)["node"] is None
    assert club.balance(card)["issued"] == "10"
    search = 'query { loyaltyCards(filter: {customerSearch: "ada"}) { totalCount } }'
    assert club.ask(search)["loyaltyCards"]["totalCount"] == 0
    again = club.mutate(
        "eraseCustomer",
        "userErrors { code field }",
        {"customerId": "c", "reason": "asked for"},
    )
    assert codes(again) == ["CUSTOMER_NOT_FOUND"]
    club.customer("c", name="Somebody else")
    assert customer(club, "c")["id"] != old
    assert customer(club, "c")["loyaltyCards"] == []


def test_enrolments_cover_days_and_end(club: Harness) -> None:
    club.clock.set("2025-03-10")
    card = club.issue(programs=[])
    assert club.sale(card, "10.00")["earningNotes"][0]["code"] == "NOT_ENROLLED"

    def enrol(**given: Any) -> list[str]:
        wanted = {"number": card, "program": "CLUB", **given}
        return codes(club.change_card("enrollLoyaltyCard", **wanted))

    assert enrol(program="NONE") == ["PROGRAM_NOT_FOUND"]
    assert enrol(startDate="2025-03-10", endDate="2025-03-09") == ["INVALID_INPUT"]
    assert enrol(startDate="2025-05-01") == []
    assert enrol(endDate="2025-05-01") == ["INVALID_INPUT"]
    assert enrol() == ["INVALID_INPUT"]
    assert enrol(endDate="2025-03-20") == []
    assert club.tier(card) == ("MEMBER", "2025-03-10", "2026-03-10")
    assert club.earned(card, "10.00") == [("PTS", "10")]
    assert enrol(startDate="2025-03-11", endDate="2025-03-15") == []
    query = """query($n: String!, $d: Date) { loyaltyCard(number: $n) {
      enrollments(asOf: $d) { startDate endDate } } }"""

    def on(day: str) -> Any:
        return club.ask(query, n=card, d=day)["loyaltyCard"]["enrollments"]

    assert on("2025-03-15") == [{"startDate": "2025-03-10", "endDate": "2025-03-15"}]
    assert on("2025-03-16") == []
    assert on("2025-05-01") == [{"startDate": "2025-05-01", "endDate": None}]


def test_an_enrolment_in_the_past_counts_what_was_posted_since(service: Harness) -> None:
    program = {"code": "OTHER", "tiers": club_document()["programs"][0]["tiers"]}
    document = club_document(amount_rule("status", point="STAT"))
    document["programs"].append(program)
    document["schemes"].append(scheme(amount_rule("x"), code="O", program="OTHER"))
    service.apply(document)
    card = service.issue(programs=["CLUB"])
    service.clock.set("2025-03-01")
    service.sale(card, "600.00")
    service.clock.set("2025-04-01")
    service.change_card("enrollLoyaltyCard", number=card, program="OTHER", startDate="2025-02-01")
    query = """query($n: String!) { loyaltyCard(number: $n) { enrollments {
      program { code } tier { tier { code } since } } } }"""
    found = service.ask(query, n=card)["loyaltyCard"]["enrollments"]
    assert {
        (e["program"]["code"], e["tier"]["tier"]["code"], e["tier"]["since"]) for e in found
    } == {
        ("CLUB", "SILVER", "2025-03-01"),
        ("OTHER", "SILVER", "2025-03-01"),
    }


def test_an_enrolment_to_come_is_judged_on_its_first_day(club: Harness) -> None:
    card = club.issue(programs=[])
    wanted = {"number": card, "program": "CLUB", "startDate": "2024-03-01"}
    assert codes(club.change_card("enrollLoyaltyCard", **wanted)) == []
    club.clock.set("2024-03-05")
    assert club.tier(card) == ("MEMBER", "2024-03-01", "2025-03-01")
    club.sale(card, "10.00")
    assert club.tier(card) == ("MEMBER", "2024-03-01", "2025-03-01")


def test_what_lies_too_far_away_is_refused(club: Harness) -> None:
    card = club.issue()
    query = """query($n: String!, $d: Date) { loyaltyCard(number: $n) {
      enrollments(asOf: $d) { tier { until } } } }"""
    assert club.gql(query, n=card, d="2033-12-31").codes == []
    assert club.gql(query, n=card, d="2034-02-01").codes == ["INVALID_INPUT"]
    early = {"number": card, "program": "CLUB", "startDate": "1899-12-31"}
    assert codes(club.change_card("enrollLoyaltyCard", **early)) == ["INVALID_INPUT"]


def test_manual_tiers_are_checked_in_order(club: Harness) -> None:
    card = club.issue()

    def assign(**given: Any) -> list[str]:
        wanted = {
            "program": "CLUB",
            "tier": "GOLD",
            "endDate": "2030-01-01",
            "reason": "r",
            **given,
        }
        return codes(club.change_card("assignLoyaltyTier", number=card, **wanted))

    assert assign(program="NONE", tier="NONE") == ["PROGRAM_NOT_FOUND"]
    assert assign(tier="NONE", endDate="2020-01-01") == ["TIER_NOT_FOUND"]
    assert assign(endDate="2020-01-01") == ["INVALID_INPUT"]
    assert assign(reason="") == ["INVALID_INPUT"]
    assert assign(startDate="2024-06-01") == []
    assert club.tier(card, "2024-05-31") == ("MEMBER", "2024-01-01", "2025-01-01")
    assert club.tier(card, "2024-06-01") == ("GOLD", "2024-06-01", "2030-01-01")


@pytest.fixture
def searched(service: Harness) -> Harness:
    document = club_document(amount_rule(), amount_rule("status", point="STAT"))
    document["channels"].append({**document["channels"][0], "code": "SHOP", "kind": "STORE"})
    document["schemes"][0]["channels"].append("SHOP")
    service.apply(document)
    service.customer("ann", name="Ann Björk_50%", email="ann@example.com", phone="+1 555 0100")
    service.customer("bob", name="Bob", email="bob@example.com")
    service.clock.set("2025-03-01")
    service.issue("A-1", customerId="ann")
    service.clock.set("2025-03-02")
    service.issue("A-2", customerId="bob", channel="SHOP")
    service.issue("B-1", programs=[])
    service.issue("B-2")
    service.sale("B-2", "600.00")
    service.change_card("blockLoyaltyCard", number="A-2", reason="lost")
    return service


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [
        ({}, ["A-1", "A-2", "B-1", "B-2"]),
        ({"number": "A-2"}, ["A-2"]),
        ({"number": ""}, []),
        ({"numberPrefix": "A-"}, ["A-1", "A-2"]),
        ({"numberPrefix": "%"}, []),
        ({"customerId": "ann"}, ["A-1"]),
        ({"customerId": "none"}, []),
        ({"customerSearch": "BJÖRK"}, ["A-1"]),
        ({"customerSearch": "_50%"}, ["A-1"]),
        ({"customerSearch": "b%b"}, []),
        ({"customerSearch": "555 01"}, ["A-1"]),
        ({"customerSearch": "example.com"}, ["A-1", "A-2"]),
        ({"status": "BLOCKED"}, ["A-2"]),
        ({"enrollmentSource": "SHOP"}, ["A-2"]),
        ({"issuedFrom": "2025-03-02"}, ["A-2", "B-1", "B-2"]),
        ({"issuedTo": "2025-03-01"}, ["A-1"]),
        ({"program": "CLUB"}, ["A-1", "A-2", "B-2"]),
        ({"program": "NONE"}, []),
        ({"tier": "SILVER"}, ["B-2"]),
        ({"tier": "MEMBER", "status": "ACTIVE"}, ["A-1"]),
    ],
)
def test_search(searched: Harness, chosen: dict[str, Any], numbers: list[str]) -> None:
    query = """query($f: LoyaltyCardFilter) { loyaltyCards(filter: $f) { totalCount
      nodes { number } pageInfo { hasNextPage hasPreviousPage } } }"""
    found = searched.ask(query, "staff", f=chosen)["loyaltyCards"]
    assert [node["number"] for node in found["nodes"]] == numbers
    assert found["totalCount"] == len(numbers)
    assert found["pageInfo"] == {"hasNextPage": False, "hasPreviousPage": False}


def test_a_text_longer_than_any_customers_finds_nobody(club: Harness) -> None:
    name = "ΐ" * 256
    club.issue("A-1", customerId=club.customer("ann", name=name, email=name, phone=name))
    query = "query($f: LoyaltyCardFilter) { loyaltyCards(filter: $f) { totalCount } }"

    def found(text: str) -> int:
        count: int = club.ask(query, "staff", f={"customerSearch": text})["loyaltyCards"][
            "totalCount"
        ]
        return count

    whole = f"{name} {name} {name}"
    assert [found(text) for text in (whole, f"{whole}x", "x" * 60_000)] == [1, 0, 0]


def test_a_tier_that_time_has_brought_is_found(searched: Harness) -> None:
    searched.clock.set("2026-03-03")
    query = '{ loyaltyCards(filter: {tier: "MEMBER"}) { totalCount nodes { number } } }'
    found = searched.ask(query)["loyaltyCards"]
    assert [node["number"] for node in found["nodes"]] == ["A-1", "A-2", "B-2"]


def test_a_tier_that_an_awaited_enrolment_begins_with_is_found(club: Harness) -> None:
    card = club.issue(programs=[])
    club.change_card("enrollLoyaltyCard", number=card, program="CLUB", startDate="2024-02-01")
    query = '{ loyaltyCards(filter: {tier: "MEMBER"}) { totalCount nodes { number } } }'
    assert club.ask(query)["loyaltyCards"]["nodes"] == []
    club.clock.set("2024-02-01")
    assert club.tier(card) == ("MEMBER", "2024-02-01", "2025-02-01")
    assert club.ask(query)["loyaltyCards"] == {"totalCount": 1, "nodes": [{"number": card}]}


BOTH = {"program": "CLUB", "tier": "MEMBER"}
TOTAL = "query($f: LoyaltyCardFilter) { loyaltyCards(filter: $f, first: 0) { totalCount } }"


@pytest.mark.parametrize("chosen", [{"program": "CLUB"}, {"tier": "MEMBER"}, BOTH])
def test_a_total_judges_only_cards_of_which_the_rows_do_not_tell(
    club: Harness, sent: list[str], monkeypatch: pytest.MonkeyPatch, chosen: Any
) -> None:
    """A row that has begun and has not ended, whatever day it is where, tells by itself."""
    monkeypatch.setattr(search, "BATCH", 1)
    *_, last = [club.issue() for _ in range(3)]

    def total() -> tuple[int, bool]:
        """And whether other cards are judged for it than the first, which the page looks at."""
        sent.clear()
        found = club.ask(TOTAL, "staff", f=chosen)["loyaltyCards"]["totalCount"]
        return found, sum("FROM countable_day" in text for text in sent) > 1

    assert total() == (3, True)
    club.clock.set("2024-02-01")
    assert total() == (3, False)
    club.change_card("enrollLoyaltyCard", number=last, program="CLUB", endDate="2024-02-01")
    assert total() == (3, True)
    for day in ("2024-02-03", "2025-02-03"):
        club.clock.set(day)
        assert total()[0] == 2


@ON_SQLITE
@pytest.mark.parametrize("chosen", [{"program": "CLUB"}, {"tier": "MEMBER"}, BOTH])
def test_no_search_walks_a_whole_program_for_each_card(
    club: Harness, sent: list[str], chosen: Any
) -> None:
    club.issue()
    sent.clear()
    club.ask(PAGES, f=chosen)
    with closing(sqlite3.connect(club.database_url.removeprefix("sqlite:///"))) as database:
        plans = [str(database.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()) for text in sent]
    assert any("enrolment" in plan for plan in plans)
    assert not [plan for plan in plans if "_program" in plan]


PAGES = """query($first: Int, $after: String, $last: Int, $before: String, $f: LoyaltyCardFilter) {
  loyaltyCards(filter: $f, first: $first, after: $after, last: $last, before: $before) {
    totalCount edges { cursor node { number } } pageInfo {
      hasNextPage hasPreviousPage startCursor endCursor } } }"""


@pytest.mark.parametrize("chosen", [None, {"program": "CLUB"}])
def test_pages_of_cards_meet_without_gap_or_overlap(club: Harness, chosen: Any) -> None:
    numbers = [club.issue(f"N-{place:02}") for place in range(7)]

    def walk(size: str, cursor: str, end: str, more: str) -> list[list[str]]:
        pages, at = [], None
        while True:
            page = club.ask(PAGES, f=chosen, **{size: 3, cursor: at})["loyaltyCards"]
            assert page["totalCount"] == 7
            pages.append([edge["node"]["number"] for edge in page["edges"]])
            if not page["pageInfo"][more]:
                return pages
            at = page["pageInfo"][end]

    assert walk("first", "after", "endCursor", "hasNextPage") == [
        numbers[:3],
        numbers[3:6],
        numbers[6:],
    ]
    assert walk("last", "before", "startCursor", "hasPreviousPage") == [
        numbers[4:],
        numbers[1:4],
        numbers[:1],
    ]


TRANSACTIONS = """query($n: String!, $f: LoyaltyTransactionFilter, $first: Int, $after: String,
    $last: Int, $before: String) { loyaltyCard(number: $n) {
  transactions(filter: $f, first: $first, after: $after, last: $last, before: $before) {
    totalCount nodes { points transactionId } pageInfo {
      hasNextPage hasPreviousPage startCursor endCursor } } } }"""


def test_the_book_newest_first_page_by_page(club: Harness) -> None:
    card = club.issue()
    for points in range(1, 8):
        club.sale(card, f"{points}.00", transactionId=f"S{points}")

    def page(**given: Any) -> Any:
        found = club.ask(TRANSACTIONS, n=card, **given)["loyaltyCard"]["transactions"]
        return found, [int(node["points"]) for node in found["nodes"]]

    first, points = page(first=3)
    assert points == [7, 6, 5]
    assert first["totalCount"] == 7
    # What is posted meanwhile shifts no page.
    club.sale(card, "8.00")
    second, points = page(first=3, after=first["pageInfo"]["endCursor"])
    assert points == [4, 3, 2]
    third, points = page(first=3, after=second["pageInfo"]["endCursor"])
    assert points == [1]
    assert not third["pageInfo"]["hasNextPage"]
    back, points = page(last=2, before=second["pageInfo"]["startCursor"])
    assert points == [6, 5]
    assert back["pageInfo"]["hasPreviousPage"]
    assert page(last=2)[1] == [2, 1]


@pytest.mark.parametrize(
    ("chosen", "points"),
    [
        ({"transactionId": "S1"}, [10, 10]),
        ({"transactionId": "none"}, []),
        ({"rewardPoint": "STAT"}, [20, 10]),
        ({"entryTypes": ["EARN"]}, [20, 20, 10, 10]),
        ({"entryTypes": ["REDEEM", "REFUND"]}, []),
        ({"entryTypes": []}, []),
        ({"from": "2025-03-02"}, [20, 20]),
        ({"to": "2025-03-01"}, [10, 10]),
        ({"from": "2025-03-02", "to": "2025-03-01"}, []),
    ],
)
def test_filters_of_the_book(service: Harness, chosen: Any, points: list[int]) -> None:
    service.apply(club_document(amount_rule(), amount_rule("status", point="STAT")))
    card = service.issue()
    for place, day in ((1, "2025-03-01"), (2, "2025-03-02")):
        service.clock.set(day)
        service.sale(card, f"{place}0.00", transactionId=f"S{place}")
    found = service.ask(TRANSACTIONS, n=card, f=chosen)["loyaltyCard"]["transactions"]
    assert [int(node["points"]) for node in found["nodes"]] == points
    assert found["totalCount"] == len(points)


@pytest.mark.parametrize(
    "given",
    [
        {"first": -1},
        {"first": 101},
        {"last": 101},
        {"first": 1, "last": 1},
        {"after": "nonsense"},
        {"after": ""},
        {"before": "FToxZZEB"},
        {"first": 2**31},
    ],
)
def test_impossible_pages_are_refused_with_a_code(club: Harness, given: Any) -> None:
    card = club.issue()
    assert club.gql(PAGES, **given).codes == ["INVALID_INPUT"]
    if "before" not in given:
        assert club.gql(TRANSACTIONS, n=card, **given).codes == ["INVALID_INPUT"]


def done(service: Harness, mutation: str, **given: Any) -> None:
    name = mutation[0].upper() + mutation[1:]
    query = f"""mutation($input: {name}Input!) {{
      {mutation}(input: $input) {{ userErrors {{ code message }} }} }}"""
    assert service.ask(query, input=given)[mutation]["userErrors"] == [], mutation


def test_no_text_about_a_person_outlives_erasure(club: Harness) -> None:
    club.customer("c")
    card, other = club.issue(customerId="c"), club.issue()
    typed, key = "Ada Lovelace", club.fresh_key
    adjusted = {"rewardPoint": "PTS", "points": "100", "reasonCode": "GOODWILL"}
    done(club, "adjustPoints", idempotencyKey=key(), cardNumber=card, comment=typed, **adjusted)
    gift = {"rewardPoint": "PTS", "points": "10", "comment": typed}
    ends = {"fromCardNumber": card, "toCardNumber": other}
    done(club, "transferPoints", idempotencyKey=key(), **ends, **gift)
    for mutation in ("blockLoyaltyCard", "unblockLoyaltyCard", "blockLoyaltyCard"):
        done(club, mutation, number=card, reason=typed, idempotencyKey=key())
    done(club, "setCustomerLoyaltyBlock", customerId="c", blocked=True, reason=typed)
    texts = """{ auditLog(first: 50) { nodes { operation reason } }
      loyaltyCards { nodes { blockReason transactions { nodes { comment } } } } }"""
    # Comments of an adjustment and of both ends of a gift, a card's reason, and those audited.
    assert json.dumps(club.ask(texts)).count(typed) == 8
    done(club, "eraseCustomer", customerId="c", reason=typed)
    left = club.ask(texts)
    assert typed not in json.dumps(left)
    reasons = {row["operation"]: row["reason"] for row in left["auditLog"]["nodes"]}
    assert reasons["adjustPoints"] == "GOODWILL"
    assert club.available(other) == "10"


def test_what_is_written_about_others_outlives_erasure(club: Harness) -> None:
    for one in ("c", "d"):
        club.customer(one)
    card, other, third = (club.issue(customerId=one) for one in ("c", "d", "d"))
    key, points = club.fresh_key, {"rewardPoint": "PTS", "points": "100", "reasonCode": "GOODWILL"}
    done(club, "adjustPoints", idempotencyKey=key(), cardNumber=other, comment="stays", **points)
    for end, comment in ((card, "goes"), (third, "stays, too")):
        ends = {"fromCardNumber": other, "toCardNumber": end}
        gift = {"rewardPoint": "PTS", "points": "10", "comment": comment}
        done(club, "transferPoints", idempotencyKey=key(), **ends, **gift)
    done(club, "blockLoyaltyCard", idempotencyKey=key(), number=third, reason="stays as well")
    done(club, "eraseCustomer", customerId="c", reason="asked for")
    query = """query($n: String!) { loyaltyCard(number: $n) {
      blockReason transactions { nodes { comment } } } }"""
    told = club.ask(query, n=other)["loyaltyCard"]["transactions"]["nodes"]
    assert [one["comment"] for one in told] == ["stays, too", None, "stays"]
    assert club.ask(query, n=third)["loyaltyCard"]["blockReason"] == "stays as well"


async def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""

    def row(*columns: Any) -> tuple[Any, ...]:
        return columns

    read = database.read()
    try:
        return {
            name: await read.all(Statement(select(table), row))
            for name, table in metadata.tables.items()
        }
    finally:
        await read.close()


def test_no_table_knows_the_person_after_erasure(service: Harness) -> None:
    service.apply(activity_program(channels=[channel(kind="STORE")]))
    known = {"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+41 44 668 18 00"}
    person = service.customer("ADA-1815", affiliations=["veteran"], **known)
    card, asked = service.issue(customerId=person), {"customerId": person}
    service.sale(card, "300.00", **asked)
    own = f"customer:{person}"
    line = activity_input(service, card, "CHECKIN", comment="It is me, Ada Lovelace")
    assert create(service, line, caller=own)["userErrors"] == []
    act(service, card, "CHECKIN", caller=own)
    done(service, "setCustomerLoyaltyBlock", **asked, blocked=True, reason="Ada Lovelace")
    texts = (person, *known.values(), "Ada", "veteran")

    def knowing(*texts: str) -> set[str]:
        rows = service.wait(everything(service.database))
        return {name for name, of in rows.items() if any(text in repr(of) for text in texts)}

    assert {"customer_pii", "customer_ref", "activity_line", "audit"} <= knowing(*texts)
    done(service, "eraseCustomer", **asked, reason="asked for")
    # The program itself names the affiliation, and a sale what it was judged by.
    assert knowing(*texts) <= {"configuration_version", "sale_fact"}
    assert knowing(*texts[:-1]) == set()


@contextmanager
def customers_held(service: Harness) -> Iterator[Callable[[int], None]]:
    """Somebody else has the customers' locks until the block ends; call what it gives to wait until
    so many calls wait for one.
    """

    async def lock() -> asyncpg.Connection:
        connection = await asyncpg.connect(service.database_url)
        await connection.execute("BEGIN; SELECT 1 FROM customer FOR UPDATE")
        return connection

    async def waiting(count: int) -> None:
        for _ in range(500):
            if await holding.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") >= count:
                break
            await asyncio.sleep(0.01)

    holding = service.wait(lock())
    try:
        yield lambda count: service.wait(waiting(count))
    finally:
        service.wait(holding.close())


@ON_POSTGRESQL
@pytest.mark.parametrize(
    ("mutation", "given", "told", "name"),
    [
        ("upsertCustomer", {"name": "Bea", "affiliations": ["veteran"]}, [], "Bea"),
        (
            "setCustomerLoyaltyBlock",
            {"blocked": True, "reason": "Ada was rude"},
            ["CUSTOMER_NOT_FOUND"],
            None,
        ),
        ("eraseCustomer", {"reason": "Ada asked twice"}, ["CUSTOMER_NOT_FOUND"], None),
    ],
)
def test_who_waits_for_a_customer_that_is_erased_meanwhile_finds_nobody(
    club: Harness, mutation: str, given: Any, told: list[str], name: str | None
) -> None:
    club.customer("c", name="Ada", phone="1")
    club.key("admin")
    found: list[Any] = []

    def send(mutation: str, **given: Any) -> None:
        given["customerId"] = "c"
        found.append(club.mutate(mutation, "userErrors { code }", given))

    calls = [
        threading.Thread(target=send, args=("eraseCustomer",), kwargs={"reason": "asked for"}),
        threading.Thread(target=send, args=(mutation,), kwargs=given),
    ]
    with customers_held(club) as wait:
        for count, call in enumerate(calls, 1):
            call.start()
            wait(count)
    for call in calls:
        call.join()
    assert sorted(map(codes, found)) == sorted([[], told])
    person = customer(club, "c")
    assert (person and (person["name"], person["phone"])) == (name and (name, None))
    log = club.ask("{ auditLog(first: 50) { nodes { operation reason } } }")["auditLog"]["nodes"]
    assert [row["reason"] for row in log if row["reason"]] == []
    assert [row["operation"] for row in log].count("eraseCustomer") == 1
