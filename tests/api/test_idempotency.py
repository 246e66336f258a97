"""Semantics 12: replay, reuse, kept refusals, natural keys, and one key sent many times at once."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import asyncpg
import httpx
import pytest

from execution.relay import encode_id
from tests.addresses import WITHOUT_TLS
from tests.api.harness import Harness, line, running
from tests.api.program import amount_rule, channel, club_document, scheme


def issue(service: Harness, key: str, caller: str = "admin", **given: Any) -> dict[str, Any]:
    return service.try_issue(caller, idempotencyKey=key, **given)


def codes(payload: dict[str, Any]) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def test_the_same_key_and_input_answer_as_the_first_time(club: Harness) -> None:
    first = issue(club, "k")
    club.change_card("blockLoyaltyCard", number=first["card"]["number"], reason="lost")
    again = issue(club, "k")
    assert again["replayed"]
    assert again["card"]["id"] == first["card"]["id"]
    # The same ids, the current state.
    assert again["card"]["status"] == "BLOCKED"
    assert issue(club, "k", tenderType="AS_CARD_TENDER", programs=None)["replayed"]


def test_programs_are_a_set_and_none_is_not_all(service: Harness) -> None:
    document = club_document()
    document["programs"].append({"code": "OTHER"})
    document["schemes"].append(scheme(amount_rule(), code="OTHER-US", program="OTHER"))
    service.apply(document)
    issue(service, "k", programs=["CLUB", "OTHER"])
    assert issue(service, "k", programs=["OTHER", "CLUB", "OTHER"])["replayed"]
    assert issue(service, "none", programs=[])["card"]
    assert codes(issue(service, "none")) == ["IDEMPOTENCY_KEY_REUSED"]


def test_the_customer_of_a_token_may_be_left_out(club: Harness) -> None:
    club.customer("me")
    issue(club, "k", "customer:me")
    assert issue(club, "k", "customer:me", customerId="me")["replayed"]
    erased = {"customerId": "me", "reason": "asked for"}
    assert codes(club.mutate("eraseCustomer", "userErrors { code }", erased)) == []
    club.customer("me")
    assert issue(club, "k", "customer:me")["card"] is None


def test_another_input_under_the_key_is_refused_with_the_time_of_the_first(club: Harness) -> None:
    club.clock.set("2025-01-01T10:00:00+00:00")
    issue(club, "k")
    club.clock.set("2025-01-02T10:00:00+00:00")
    payload = club.mutate(
        "issueLoyaltyCard",
        "userErrors { code field ... on IdempotencyKeyReusedError { firstUsedAt } }",
        {"idempotencyKey": "k", "channel": "WEB", "number": "OTHER"},
    )
    assert payload["userErrors"] == [
        {
            "code": "IDEMPOTENCY_KEY_REUSED",
            "field": ["idempotencyKey"],
            "firstUsedAt": "2025-01-01T10:00:00Z",
        }
    ]


def test_keys_belong_to_a_mutation_and_a_caller(club: Harness) -> None:
    first = issue(club, "k")
    other_caller = issue(club, "k", "staff")
    assert not other_caller["replayed"]
    assert other_caller["card"]["number"] != first["card"]["number"]
    number = first["card"]["number"]
    blocked = club.change_card("blockLoyaltyCard", idempotencyKey="k", number=number, reason="lost")
    assert not blocked["replayed"]
    assert blocked["card"]["status"] == "BLOCKED"


def test_a_refusal_that_depends_on_state_is_kept(club: Harness) -> None:
    club.customer("c")
    club.mutate(
        "setCustomerLoyaltyBlock",
        "userErrors { code }",
        {"customerId": "c", "blocked": True, "reason": "fraud"},
    )
    assert codes(issue(club, "k", customerId="c")) == ["CUSTOMER_BLOCKED_FOR_LOYALTY"]
    club.mutate(
        "setCustomerLoyaltyBlock",
        "userErrors { code }",
        {"customerId": "c", "blocked": False, "reason": "cleared"},
    )
    late = issue(club, "k", customerId="c")
    assert codes(late) == ["CUSTOMER_BLOCKED_FOR_LOYALTY"]
    assert late["replayed"]
    assert late["userErrors"][0]["field"] == ["customerId"]
    assert codes(issue(club, "fresh", customerId="c")) == []


def test_other_refusals_leave_the_key_unused(service: Harness) -> None:
    service.apply(club_document(channels=[channel(numberSequence=None)]))
    assert codes(issue(service, "k")) == ["NUMBER_SEQUENCE_MISSING"]
    assert codes(issue(service, "k", customerId="nobody")) == ["CUSTOMER_NOT_FOUND"]
    done = issue(service, "k", number="N1")
    assert codes(done) == []
    assert not done["replayed"]


def test_malformed_keys_are_refused_by_name(club: Harness) -> None:
    for key in ("", " ", "a b", "k" * 129, "é", "tab\t"):
        payload = issue(club, key, number="not allowed!")
        fields = [error["field"] for error in payload["userErrors"]]
        assert fields == [["idempotencyKey"], ["number"]], key
    assert codes(issue(club, "~" * 128)) == []


def test_a_sale_is_its_own_key(club: Harness) -> None:
    card = club.issue()
    lines = [line(1, "10.00"), line(2, "5.50", categories=["A", "B"])]
    sale = club.sale_input(card, lines=lines, affiliations=["veteran", "wholesale"])
    first = club.mutate("postSale", club.SOLD, sale)
    same = {
        **sale,
        "affiliations": ["wholesale", "veteran"],
        "lines": [
            line(2, "5.500000", categories=["B", "A"], taxAmount="0.00"),
            line(1, 10, "1.0", discountAmount=None),
        ],
        "occurredAt": "2024-01-01T13:00:00+01:00",
        "charges": [],
    }
    again = club.mutate("postSale", club.SOLD, same, "storefront")
    assert again["userErrors"] == []
    assert again["replayed"]
    assert again["salesTransaction"] == first["salesTransaction"]
    other = {**sale, "lines": [line(1, "10.01"), lines[1]]}
    reused = club.mutate(
        "postSale",
        "replayed userErrors { code field ... on IdempotencyKeyReusedError { firstUsedAt } }",
        other,
    )
    assert reused["userErrors"] == [
        {
            "code": "IDEMPOTENCY_KEY_REUSED",
            "field": ["transactionId"],
            "firstUsedAt": "2024-01-01T12:00:00Z",
        }
    ]
    assert club.available(card) == "15"


def test_a_refused_sale_may_be_sent_again(club: Harness) -> None:
    sale = club.sale_input("LATER", "10.00")
    assert codes(club.mutate("postSale", club.SOLD, sale)) == ["LOYALTY_CARD_NOT_FOUND"]
    club.issue("LATER")
    assert codes(club.mutate("postSale", club.SOLD, sale)) == []
    assert club.available("LATER") == "10"


def at_once(service: Harness, count: int, name: str, selection: str, given: Any) -> list[Any]:
    """The same mutation sent by `count` callers at the same moment."""
    kind = name[0].upper() + name[1:] + "Input"
    query = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ {selection} }} }}"
    headers = {"Authorization": f"Bearer {service.key('admin')}"}
    body = {"query": query, "variables": {"input": given}}

    def send(_: int) -> Any:
        with httpx.Client(base_url=service.url, timeout=30, verify=WITHOUT_TLS) as client:
            return client.post("/graphql", json=body, headers=headers).json()

    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(send, range(count)))
    assert all("errors" not in answer for answer in answers), answers
    return [answer["data"][name] for answer in answers]


def test_one_key_sent_twenty_times_at_once_has_one_effect(club: Harness) -> None:
    given = {"idempotencyKey": "k", "channel": "WEB"}
    payloads = at_once(club, 20, "issueLoyaltyCard", club.ISSUED, given)
    assert len({payload["card"]["number"] for payload in payloads}) == 1
    assert [payload["replayed"] for payload in payloads].count(False) == 1
    assert club.issue() == "LC-00042"


def test_one_sale_sent_twenty_times_at_once_earns_once(club: Harness) -> None:
    card = club.issue()
    sale = club.sale_input(card, "10.00")
    payloads = at_once(club, 20, "postSale", club.SOLD, sale)
    assert [payload["replayed"] for payload in payloads].count(False) == 1
    assert len({payload["salesTransaction"]["transactionId"] for payload in payloads}) == 1
    assert club.available(card) == "10"


@contextmanager
def held(service: Harness, card: str) -> Iterator[None]:
    """Somebody else has the card's lock on PostgreSQL, until the block ends."""

    async def lock() -> asyncpg.Connection:
        connection = await asyncpg.connect(service.database_url)
        await connection.execute("BEGIN")
        await connection.fetch("SELECT 1 FROM card WHERE number = $1 FOR UPDATE", card)
        return connection

    holding = service.wait(lock())
    try:
        yield
    finally:
        service.wait(holding.close())


@pytest.fixture
def hasty(server_loop: asyncio.AbstractEventLoop, postgresql_url: str) -> Iterator[Harness]:
    limits = {
        "LOYALTY_LOCK_TIMEOUT_SECONDS": "0.4",
        "LOYALTY_REQUEST_DEADLINE_SECONDS": "2",
    }
    with running(server_loop, postgresql_url, **limits) as service:
        service.apply(service.document())
        yield service


IN_PROGRESS = {"code": "IN_PROGRESS", "retryable": True}


def test_who_waits_too_long_for_a_card_is_told_so_in_time(hasty: Harness) -> None:
    card = hasty.issue()
    given = hasty.sale_input(card, "5.00")
    query = "mutation($input: PostSaleInput!) { postSale(input: $input) { replayed } }"
    with held(hasty, card):
        (error,) = hasty.gql(query, input=given).errors
    assert error["extensions"] == IN_PROGRESS
    assert hasty.ask(query, input=given)["postSale"] == {"replayed": False}


def test_a_sale_whose_card_is_held_holds_up_no_other(hasty: Harness) -> None:
    card = hasty.issue()
    given = {"sales": [hasty.sale_input(number, "5.00") for number in (None, card, None)]}
    query = """mutation($input: PostSalesInput!) { postSales(input: $input) {
      posted results { replayed } } }"""
    with held(hasty, card):
        (error,) = hasty.gql(query, input=given).errors
    assert error["extensions"] == IN_PROGRESS
    answer = hasty.ask(query, input=given)["postSales"]
    assert answer["posted"] == 3
    assert [one["replayed"] for one in answer["results"]] == [True, False, True]


def test_of_two_issues_of_one_number_one_succeeds(club: Harness) -> None:
    def issue_it(place: int) -> list[str]:
        return codes(issue(club, f"k{place}", number="ONE"))

    club.key("admin")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(issue_it, range(8)))
    assert sorted(answers) == [[], *[["LOYALTY_CARD_ALREADY_ISSUED"]] * 7]


def test_many_sales_on_one_card_at_once_lose_nothing(club: Harness) -> None:
    card = club.issue()
    sales = [club.sale_input(card, "7.00") for _ in range(24)]
    club.key("admin")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda s: club.mutate("postSale", club.SOLD, s), sales))
    assert all(answer["userErrors"] == [] for answer in answers)
    assert club.available(card) == str(24 * 7)


def test_payments_that_a_sale_names_must_exist(club: Harness) -> None:
    card = club.issue()
    unknown = encode_id("LoyaltyPayment", bytes(16))
    payload = club.try_sale(card, "5.00", loyaltyPayments=[unknown, "junk"])
    assert (codes(payload), payload["userErrors"][0]["field"]) == (
        ["INVALID_INPUT"],
        ["loyaltyPayments", "1"],
    )
    assert codes(club.try_sale(card, "5.00", loyaltyPayments=[unknown])) == ["NOT_FOUND"]


LOCK_SECONDS = 1.0


def test_calls_that_wait_for_one_card_hold_up_no_other(
    server_loop: asyncio.AbstractEventLoop, postgresql_url: str
) -> None:
    query = "mutation($input: PostSaleInput!) { postSale(input: $input) { replayed } }"
    limits = {
        "LOYALTY_LOCK_TIMEOUT_SECONDS": str(LOCK_SECONDS),
        "LOYALTY_REQUEST_DEADLINE_SECONDS": str(LOCK_SECONDS * 5),
        "LOYALTY_CARD_QUEUE": "32",
    }
    with running(server_loop, postgresql_url, **limits) as service:
        service.apply(service.document())
        card, free = service.issue(), service.issue()
        service.key("admin")
        given = [service.sale_input(card, "5.00") for _ in range(45)]

        def errors(sale: dict[str, Any]) -> list[Any]:
            return [error["extensions"] for error in service.gql(query, input=sale).errors]

        with held(service, card), ThreadPoolExecutor(len(given)) as pool:
            crowd = [pool.submit(errors, sale) for sale in given]
            time.sleep(0.3)
            began = time.perf_counter()
            assert errors(service.sale_input(free, "5.00")) == []
            # All connections of the pool would be taken until the first wait for the lock ends.
            assert time.perf_counter() - began < LOCK_SECONDS - 0.3
            # On a slow machine so many at once may be late for the deadline.
            told = [error["code"] for one in crowd for error in one.result()]
            assert len(told) == 45
            assert set(told) <= {"IN_PROGRESS", "TIMEOUT"}
        assert [errors(sale) for sale in given] == [[]] * 45
        assert service.available(card) == str(45 * 5)
