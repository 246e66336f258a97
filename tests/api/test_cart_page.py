"""docs/cart.md and the README: what the demo answers to their requests, on a day of its own."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from playground.seed import seed
from tests.api.harness import Harness

ROOT = Path(__file__).parents[2]
DAY = "2026-11-25T16:35:00Z"
NO_CARD = """query Page($cart: CartInput!) { cart(input: $cart) {
  userErrors { code message field } priceGroups total { amount }
  earningNotes { code message } loyaltyTender { amountCovered { amount } } } }"""
PAY = """mutation($input: PayWithLoyaltyInput!) { payWithLoyalty(input: $input) {
  payment { status amount { amount } points { rewardPoint { code } points amount { amount } }
    lines { lineNumber amount { amount } } }
  userErrors { code } } }"""
SALE = """mutation($input: PostSaleInput!) { postSale(input: $input) {
  salesTransaction { transactions { rewardPoint { code } points explanation { rule } } }
  userErrors { code } } }"""


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def part(text: str) -> Any:
    """A whole value, or members of one."""
    return json.loads(text if text.startswith("{") else f"{{{text}}}")


@pytest.fixture
def demo(service: Harness) -> Harness:
    service.clock.set(DAY)
    service.wait(seed(service.served))
    return service


def points(rows: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """Points of each rule, whatever lines they are on."""
    told: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row["rewardPoint"]["code"], row["explanation"]["rule"])
        told[key] = told.get(key, 0) + int(row["points"])
    return told


def test_what_the_page_of_the_cart_asks_is_answered(demo: Harness) -> None:
    (page,) = blocks("docs/cart.md", "graphql")
    told = [part(text) for text in blocks("docs/cart.md", "json")]
    given, answer, both, charges, charged, without, faulty, *_ = told
    cart = given["cart"]

    def ask(query: str = page, **changes: Any) -> dict[str, Any]:
        found = demo.ask(query, "storefront", cart={**cart, **changes})
        shown: dict[str, Any] = json.loads(json.dumps(found["cart"], default=str))
        return shown

    assert ask() == answer
    express = [{**one, "deliveryMode": "EXPRESS"} for one in cart["lines"]]
    for changes, expected in (({}, both), (charges, charged)):
        found = ask(lines=express, **changes)
        assert {name: found[name] for name in expected} == expected
    assert ask(NO_CARD, cardNumber="TT-0000000") == without
    nothing = [{**cart["lines"][0], "quantity": 0}, cart["lines"][1]]
    (error,) = demo.gql(page, "storefront", cart={**cart, "lines": nothing}).errors
    assert error["extensions"] == faulty


def test_what_the_page_of_the_cart_checks_out_is_paid_and_earned(demo: Harness) -> None:
    given, answer, *_, payment, paid = (part(text) for text in blocks("docs/cart.md", "json"))
    cart, wanted = given["cart"], payment["input"]
    wanted["cart"]["lines"] = cart["lines"]
    dearer = {**wanted, "amount": "71.01", "idempotencyKey": "a1"}
    refused = demo.ask(PAY, "storefront", input=dearer)["payWithLoyalty"]
    assert refused == {"payment": None, "userErrors": [{"code": "REDEMPTION_LIMIT"}]}
    found = demo.ask(PAY, "storefront", input=wanted)["payWithLoyalty"]
    assert json.loads(json.dumps(found, default=str)) == paid

    first, second = cart["lines"]
    sale = {
        **cart,
        "transactionId": "INV-5001",
        "occurredAt": DAY,
        "lines": [{**first, "discountAmount": "5.20"}, second],
        "charges": [{"code": "FREIGHT", "amount": "9.90", "lineNumber": 1}],
    }
    posted = demo.ask(SALE, "storefront", input=sale)["postSale"]["salesTransaction"]
    assert points(posted["transactions"]) == points(answer["earnings"])


def test_the_requests_of_the_readme_are_answered(demo: Harness) -> None:
    (curl,) = (text for text in blocks("README.md", "sh") if text.startswith("curl"))
    asked = json.loads(curl.partition("-d '")[2].rpartition("'")[0].replace("\n", " "))["query"]
    (card,) = demo.ask(asked, "customer:demo")["me"]["loyaltyCards"]
    (sale,) = blocks("README.md", "graphql")
    assert f'cardNumber: "{card["number"]}"' in sale
    first, again = (demo.ask(sale, "storefront")["postSale"] for _ in range(2))
    assert points(first["salesTransaction"]["transactions"])
    assert (first["userErrors"], first["replayed"]) == ([], False)
    assert again == {**first, "replayed": True}
