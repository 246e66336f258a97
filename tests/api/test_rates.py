"""Callers ask as often as they may, told by all processes together, and guess as often as that."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.database import Database
from resolvers.allowances import Allowances
from tests.api.activities import activity_program
from tests.api.harness import Answer, Harness, line, running

MINUTE = datetime(2026, 5, 1, 12, tzinfo=UTC)
CHEAP = "{ me { id } }"  # costs 2
CARD = "query($number: String!) { loyaltyCard(number: $number) { number } }"
CUSTOMER = "query($id: String!) { customer(customerId: $id) { id } }"


class World:
    """Real time as a test has it."""

    def __init__(self) -> None:
        self.now = MINUTE

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def two(
    server_loop: asyncio.AbstractEventLoop, database_url: str, world: World
) -> Iterator[tuple[Harness, Harness]]:
    """Two processes' worth of service on one database."""
    rates = {
        "LOYALTY_RATE_LIMIT": "20",
        "LOYALTY_CUSTOMER_FAILED_LOOKUPS": "3",
        "LOYALTY_KEY_FAILED_LOOKUPS": "5",
    }
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(running(server_loop, database_url, world, **rates))
            for _ in range(2)
        )
        second.made_keys = first.made_keys
        yield first, second


@pytest.fixture
def guessing(
    server_loop: asyncio.AbstractEventLoop, database_url: str, world: World
) -> Iterator[Harness]:
    """A service that bounds failed look-ups alone, and has one card of each of two customers."""
    rates = {"LOYALTY_CUSTOMER_FAILED_LOOKUPS": "3", "LOYALTY_KEY_FAILED_LOOKUPS": "5"}
    with running(server_loop, database_url, world, **rates) as service:
        service.apply(service.document())
        for customer in ("ANN", "BOB"):
            service.customer(customer)
            service.issue(f"CARD-{customer}", customerId=customer)
        yield service


def allowance(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = answer.body["extensions"]["cost"]["allowance"]
    return told


def test_what_is_left_of_the_minute_is_told_with_the_cost(two: tuple[Harness, Harness]) -> None:
    answer = two[0].ask(CHEAP, "customer:ANN")
    assert answer.body["extensions"]["cost"] == {
        "requested": 2,
        "limit": 10_000,
        "allowance": {"limit": 20, "remaining": 18, "resetAt": "2026-05-01T12:01:00Z"},
    }


def test_two_processes_count_together_and_each_caller_alone(
    two: tuple[Harness, Harness], world: World
) -> None:
    world.now = MINUTE + timedelta(seconds=12.5)
    answers = [service.gql(CHEAP, "customer:ANN") for _ in range(5) for service in two]
    assert [answer.codes for answer in answers] == [[]] * 10
    for service in two:
        refused = service.gql(CHEAP, "customer:ANN")
        assert (refused.response.status_code, refused.codes) == (429, ["RATE_LIMITED"])
        assert refused.response.headers["retry-after"] == "48"
        assert "data" not in refused.body
        assert service.ask(CHEAP, "customer:BOB")
        assert service.ask(CHEAP, "storefront")


async def test_a_crowd_that_comes_at_once_reserves_one_block(
    database: Database, world: World
) -> None:
    first, second = (Allowances(database, "cost", world) for _ in range(2))
    crowd = await asyncio.gather(*(first.take("key:shop", 1, 5_000) for _ in range(64)))
    assert sorted(left.remaining for left in crowd) == list(range(4_936, 5_000))
    # The first process holds 100 of them, 64 of which are taken; so does the second then, less 1.
    assert (await second.take("key:shop", 1, 5_000)).remaining == 4_899


def test_a_new_minute_begins_with_the_whole_allowance(
    two: tuple[Harness, Harness], world: World
) -> None:
    while not two[0].gql(CHEAP, "storefront").errors:
        pass
    world.now = MINUTE + timedelta(seconds=59.9)
    assert two[0].gql(CHEAP, "storefront").response.headers["retry-after"] == "1"
    world.now = MINUTE + timedelta(seconds=60)
    assert allowance(two[0].ask(CHEAP, "storefront"))["remaining"] == 18
    assert allowance(two[1].ask(CHEAP, "storefront"))["remaining"] == 16


def test_a_refused_document_takes_from_the_allowance(two: tuple[Harness, Harness]) -> None:
    assert two[0].gql("{ nothing }", "customer:ANN").codes == ["GRAPHQL_VALIDATION_FAILED"]
    assert allowance(two[0].ask(CHEAP, "customer:ANN"))["remaining"] == 8


def test_an_operation_dearer_than_a_whole_allowance_takes_all_of_it(
    two: tuple[Harness, Harness],
) -> None:
    dear = "{ nodes(ids: []) { id } " + " ".join(f"a{n}: me {{ id }}" for n in range(12)) + "}"
    assert allowance(two[0].ask(dear, "customer:ANN"))["remaining"] == 0
    assert two[0].gql(dear, "customer:ANN").codes == ["RATE_LIMITED"]


def test_without_limits_nothing_is_counted(service: Harness) -> None:
    for _ in range(50):
        answer = service.ask(CUSTOMER, "customer:ANN", id="NOBODY")
    assert answer.body["extensions"]["cost"] == {"requested": 2, "limit": 10_000}


@pytest.mark.parametrize("number", ["CARD-BOB", "NO-SUCH-CARD"])
def test_foreign_and_unknown_cards_count_alike(
    guessing: Harness, world: World, number: str
) -> None:
    for _ in range(3):
        answer = guessing.ask(CARD, "customer:ANN", number=number)
        assert answer["loyaltyCard"] is None
    # From then on not even the caller's own is found: a right guess would be known by it.
    for asked in (number, "CARD-ANN"):
        refused = guessing.gql(CARD, "customer:ANN", number=asked)
        assert refused.codes == ["RATE_LIMITED"]
        assert refused.errors[0]["extensions"]["retryAfter"] == 60
    assert guessing.ask(CHEAP, "customer:ANN")["me"]
    assert guessing.ask(CARD, "customer:BOB", number="CARD-BOB")["loyaltyCard"]
    world.now += timedelta(minutes=1)
    assert guessing.ask(CARD, "customer:ANN", number="CARD-ANN")["loyaltyCard"]


@pytest.mark.parametrize("customer", ["BOB", "NOBODY"])
def test_foreign_and_unknown_customers_count_alike(guessing: Harness, customer: str) -> None:
    for _ in range(3):
        assert guessing.ask(CUSTOMER, "customer:ANN", id=customer)["customer"] is None
    assert guessing.gql(CUSTOMER, "customer:ANN", id="ANN").codes == ["RATE_LIMITED"]


def test_who_asks_for_the_own_unknown_id_guesses_nothing(guessing: Harness) -> None:
    for _ in range(5):
        assert guessing.ask(CUSTOMER, "customer:NEW", id="NEW")["customer"] is None


def test_carts_and_sales_that_name_nobody_count(guessing: Harness) -> None:
    cart = "query($cart: CartInput!) { cart(input: $cart) { priceGroups } }"
    sale = guessing.sale_input(None, 10, customerId="NOBODY")
    post = "mutation($i: PostSaleInput!) { postSale(input: $i) { userErrors { code } } }"
    asked = {"channel": "WEB", "currency": "USD", "lines": sale["lines"]}
    for named in ({"customerId": "NOBODY"}, {"cardNumber": "NO-CARD"}):
        guessing.gql(cart, "storefront", cart={**asked, **named})
    for _ in range(3):
        (error,) = guessing.ask(post, "storefront", i=sale)["postSale"]["userErrors"]
        assert error["code"] == "CUSTOMER_NOT_FOUND"
    assert guessing.gql(post, "storefront", i=sale).codes == ["RATE_LIMITED"]
    assert guessing.gql(cart, "storefront", cart={**asked, **named}).codes == ["RATE_LIMITED"]


def test_one_operation_guesses_no_more_than_many(guessing: Harness) -> None:
    many = "{" + " ".join(f'c{n}: loyaltyCard(number: "N{n}") {{ id }}' for n in range(20)) + "}"
    answer = guessing.gql(many, "customer:ANN")
    assert answer.codes == ["RATE_LIMITED"] * 17


@pytest.mark.parametrize(
    ("mutation", "given", "code"),
    [
        ("blockLoyaltyCard", {"number": "NO-CARD", "reason": "lost"}, "LOYALTY_CARD_NOT_FOUND"),
        ("setCustomerLoyaltyBlock", {"customerId": "NO", "blocked": True}, "CUSTOMER_NOT_FOUND"),
    ],
)
def test_mutations_that_find_nothing_count(
    guessing: Harness, mutation: str, given: dict[str, Any], code: str
) -> None:
    kind = mutation[0].upper() + mutation[1:]
    query = f"mutation($i: {kind}Input!) {{ {mutation}(input: $i) {{ userErrors {{ code }} }} }}"
    if mutation == "setCustomerLoyaltyBlock":
        given = {**given, "reason": "fraud"}
    codes = []
    for _ in range(6):
        key = {"idempotencyKey": guessing.fresh_key()} if "number" in given else {}
        answer = guessing.gql(query, "staff", i={**given, **key})
        codes += answer.codes or [e["code"] for e in answer[mutation]["userErrors"]]
    assert codes == [code] * 5 + ["RATE_LIMITED"]


def test_processes_count_failed_lookups_together(two: tuple[Harness, Harness]) -> None:
    first, second = two
    for service in (first, second, first):
        assert service.ask(CUSTOMER, "customer:ANN", id="NOBODY")["customer"] is None
    assert first.gql(CUSTOMER, "customer:ANN", id="NOBODY").codes == ["RATE_LIMITED"]


SALES = """mutation($input: PostSalesInput!) { postSales(input: $input) {
  posted failed results { userErrors { code } } } }"""


def test_a_call_of_many_items_ends_whatever_its_look_ups_found(guessing: Harness) -> None:
    cards = guessing.issue(), guessing.issue()
    numbers = [cards[0], *(f"NOBODY-{place}" for place in range(8)), None, cards[1]]
    sales = [guessing.sale_input(number, "7.00") for number in numbers]
    told = guessing.ask(SALES, "storefront", input={"sales": sales})["postSales"]
    assert (told["posted"], told["failed"]) == (3, 8)
    codes = [[error["code"] for error in one["userErrors"]] for one in told["results"]]
    assert codes == [[], *[["LOYALTY_CARD_NOT_FOUND"]] * 8, [], []]
    # Each of them counted, so that nothing more is found in this minute.
    refused = guessing.gql(SALES, "storefront", input={"sales": sales[:1]})
    assert refused.codes == ["RATE_LIMITED"]
    assert [guessing.available(card) for card in cards] == ["7", "7"]


def test_a_file_of_lines_for_unknown_cards_has_all_its_faults_told(guessing: Harness) -> None:
    guessing.clock.advance(seconds=1)
    guessing.apply(activity_program())
    rows = "".join(f"WEB,NOBODY-{place},SURVEY,S-{place}\n" for place in range(8))
    given = {"format": "CSV", "content": f"channel,cardNumber,activityType,activityId\n{rows}"}
    told = guessing.mutate("importActivityLines", "created userErrors { code field }", given)
    paths = [(error["code"], error["field"][1]) for error in told["userErrors"]]
    assert paths == [("LOYALTY_CARD_NOT_FOUND", str(line)) for line in range(2, 10)]


ENTITIES = """query($found: [_Any!]!) { _entities(representations: $found) {
  ... on LoyaltyCard { number } } }"""


def test_one_operation_finds_nothing_more_once_it_has_missed_too_often(guessing: Harness) -> None:
    found = [guessing.issue() for _ in range(3)]
    tried = [*(f"NOBODY-{place}" for place in range(9)), *found]
    representations = [{"__typename": "LoyaltyCard", "number": number} for number in tried]
    answer = guessing.gql(ENTITIES, "storefront", found=representations)
    assert answer["_entities"] == [None] * 12
    assert answer.codes == ["RATE_LIMITED"] * 7
    many = " ".join(
        f'c{n}: loyaltyCard(number: "{number}") {{ id }}' for n, number in enumerate(tried)
    )
    answer = guessing.gql("{" + many + "}", "customer:ANN")
    assert not any(answer.values())


def test_what_an_input_holds_is_paid_for_each_time_it_is_used(club: Harness) -> None:
    lines = [line(place, "1.00") for place in range(1, 501)]
    cart = {"channel": "WEB", "currency": "USD", "lines": lines}
    one = "query($c: CartInput!) { cart(input: $c) { total { amount } } }"
    told = club.ask(one, "storefront", c=cart)
    assert told.body["extensions"]["cost"]["requested"] == 503
    many = " ".join(f"c{place}: cart(input: $c) {{ total {{ amount }} }}" for place in range(50))
    refused = club.gql(f"query($c: CartInput!) {{ {many} }}", "customer:ANN", c=cart)
    assert refused.codes == ["BAD_REQUEST"]
    assert refused.body["extensions"]["cost"]["requested"] == 50 * 503
    sales = [club.sale_input(None, "7.00") for _ in range(30)]
    told = club.ask(SALES, "storefront", input={"sales": sales})
    assert told.body["extensions"]["cost"]["requested"] == 6 + 30


NESTED = [
    "{ me { loyaltyCards { customer { loyaltyCards { number } } } } }",
    """{ me { loyaltyCards { customer { ...Other } } } }
      fragment Other on Customer { name loyaltyCards { number } }""",
    """{ salesTransaction(channel: "WEB", transactionId: "S") {
      returns { returnOf { ... { returns { transactionId } } } } } }""",
]


@pytest.mark.parametrize("query", NESTED)
def test_a_list_without_pages_does_not_stand_within_itself(club: Harness, query: str) -> None:
    answer = club.gql(query, "customer:ANN")
    assert (answer.response.status_code, answer.codes) == (400, ["BAD_REQUEST"])
    assert "stands within itself" in answer.errors[0]["message"]


def test_a_list_may_stand_beside_itself_and_pages_within_pages(club: Harness) -> None:
    beside = """{ me { loyaltyCards { number } ...Again } }
      fragment Again on Customer { loyaltyCards { status } }"""
    assert club.gql(beside, "customer:ANN").codes == []
    pages = """{ loyaltyCards(first: 2) { nodes { transactions(first: 2) { nodes {
      card { transactions(first: 2) { nodes { points } } } } } } } }"""
    assert club.gql(pages, "staff").codes == []
