"""A page of cards costs a constant number of statements, and a balance the same whatever the book's
length.

Statements are counted where the driver sends them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from resolvers import open_lots
from tests.api.harness import Harness, line
from tests.api.prices import APPAREL5, AUTO_CHARGES, CART, PROMO, cart, shop
from tests.api.program import amount_rule, club_document, pay_rule, reward_points, scheme
from tests.api.test_payments import change, pay, program, taken
from tests.api.test_points import adjust, codes, give
from tests.databases import ON_POSTGRESQL, ON_SQLITE

LOOKED_UP = ("configuration_version", "api_key")


@contextmanager
def counted(sent: list[str]) -> Iterator[list[str]]:
    sent.clear()
    yield sent


PAGE = """query($first: Int!) { loyaltyCards(first: $first) { nodes {
  number customer { customerId name affiliations { code } }
  enrollments { program { code } tier { tier { code } since } nextTier { tier { code } } }
  balances { rewardPoint { code name } available unvested held expired
    expiring { points schedule { date points } } nextVesting { points } nextExpiry { points }
    value(channel: "WEB") { amount } } } } }"""


HELD = "number customer { customerId } balances { available }"
NODES = f"query($named: [ID!]!) {{ nodes(ids: $named) {{ ... on LoyaltyCard {{ {HELD} }} }} }}"
ENTITIES = f"""query($named: [_Any!]!) {{ _entities(representations: $named) {{
  ... on LoyaltyCard {{ {HELD} }} ... on Customer {{ name balances {{ available }} }} }} }}"""


def statements_for_named(service: Harness, sent: list[str], query: str, named: list[Any]) -> int:
    service.ask(query, named=named[:1])
    with counted(sent):
        (found,) = service.ask(query, named=named).values()
        assert [one["balances"][0]["available"] for one in found] == ["10"] * len(named)
        return len([text for text in sent if not any(name in text for name in LOOKED_UP)])


def statements_for(service: Harness, sent: list[str], first: int) -> int:
    # The first call of a second also looks for a newer configuration.
    service.ask(PAGE, first=1)
    with counted(sent):
        nodes = service.ask(PAGE, first=first)["loyaltyCards"]["nodes"]
        assert len(nodes) == first
        assert all(node["balances"][0]["available"] == "10" for node in nodes)
        return len(sent)


def test_a_page_of_cards_costs_a_constant_number_of_statements_and_so_does_naming_them(
    service: Harness, sent: list[str]
) -> None:
    points = reward_points(
        vesting={"value": 1, "unit": "DAY"}, expiration={"value": 1, "unit": "YEAR"}
    )
    rules = scheme(amount_rule(), redemptionRules=[pay_rule()])
    service.apply(club_document(schemes=[rules], rewardPoints=points))
    for number in range(100):
        service.customer(f"c{number}", affiliations=["veteran"])
        card = service.issue(f"N{number:03}", customerId=f"c{number}")
        service.sale(card, "10.00", customerId=f"c{number}")
    service.clock.advance(days=2)
    found = {first: statements_for(service, sent, first) for first in (1, 10, 100)}
    assert found[1] == found[10] == found[100], found
    assert found[100] <= 16, sent
    every = service.ask("{ loyaltyCards(first: 100) { nodes { id number } } }")["loyaltyCards"]
    ids, numbers = zip(*[(card["id"], card["number"]) for card in every["nodes"]], strict=True)
    for query, named in (
        (NODES, list(ids)),
        (ENTITIES, [{"__typename": "LoyaltyCard", "id": one} for one in ids]),
        (ENTITIES, [{"__typename": "LoyaltyCard", "number": one} for one in numbers]),
        (ENTITIES, [{"__typename": "Customer", "customerId": f"c{n}"} for n in range(100)]),
    ):
        counts = [statements_for_named(service, sent, query, named[:n]) for n in (1, 100)]
        assert counts[0] == counts[1] <= 9, (query, named[0], counts)


TOLD = """query($named: [ID!]!) { nodes(ids: $named) { ... on LoyaltyCard {
  number transactions(first: 3) { nodes { remaining allocations { points } } } } } }"""


def test_sales_of_one_call_are_read_back_together(club: Harness, sent: list[str]) -> None:
    card = club.issue()

    def reading(sales: int) -> int:
        """Statements behind the last that writes."""
        given = {"sales": [club.sale_input(card, "1.00") for _ in range(sales)]}
        sent.clear()
        payload = club.mutate("postSales", f"posted results {{ {club.SOLD} }}", given)
        assert payload["posted"] == sales
        writing = [place for place, text in enumerate(sent) if "INSERT" in text or "UPDATE" in text]
        return len(sent) - writing[-1]

    # The first list of a connection has its driver ask what lists are.
    reading(6)
    assert reading(6) == reading(2)


@ON_SQLITE
def test_what_entries_tell_of_debt_costs_a_card_nothing_of_its_own(
    service: Harness, sent: list[str]
) -> None:
    """On PostgreSQL the cards' pages come one after another, and what they ask for with them."""
    service.apply(club_document())
    for _ in range(10):
        service.sale(service.issue(), "10.00")
    every = service.ask("{ loyaltyCards(first: 10) { nodes { id } } }")["loyaltyCards"]["nodes"]
    named = [card["id"] for card in every]
    service.ask(TOLD, named=named)
    with counted(sent):
        service.ask(TOLD, named=named)
    assert len([text for text in sent if "FROM balance" in text]) == 1
    assert not [text for text in sent if "FROM debt" in text]


def test_a_balance_is_one_indexed_read_however_long_the_book(
    service: Harness, sent: list[str]
) -> None:
    service.apply(club_document())
    short, long = service.issue(), service.issue()
    service.sale(short, "10.00")
    for _ in range(60):
        service.sale(long, "10.00")
    query = """query($n: String!) { loyaltyCard(number: $n) {
      balance(rewardPoint: "PTS") { available } } }"""
    sizes = []
    for number, available in ((short, "10"), (long, "600")):
        service.ask(query, n=number)
        with counted(sent):
            found = service.ask(query, n=number)["loyaltyCard"]["balance"]
            assert found == {"available": available}
            sizes.append(len(sent))
            assert not any("ledger_entry" in text or "points_day" in text for text in sent)
    assert sizes[0] == sizes[1] <= 4


def test_spending_reads_no_more_lots_than_it_needs(
    service: Harness, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_lots, "FEW", 3)
    service.apply(program())
    card, other = service.issue(), service.issue()
    for _ in range(40):
        service.sale(card, "10.00")
    bought = cart(line(1, "10.00"))
    sent.clear()
    held = pay(service, card, "0.55", bought, capture=False)
    assert taken(held) == [("PTS", "55")]
    assert taken(pay(service, card, "1.05", bought)) == [("PTS", "105")]
    assert codes(change(service, "voidLoyaltyPayment", held)) == []
    assert codes(adjust(service, card, -15)) == codes(give(service, card, other, 30)) == []
    kept = pay(service, card, "0.20", bought, capture=False)
    instead = pay(service, card, "2.20", bought, takeOverHolds=True)
    assert taken(instead) == [("PTS", "220")]
    assert codes(change(service, "voidLoyaltyPayment", kept)) == []
    assert codes(pay(service, card, "0.31", bought)) == ["NOT_ENOUGH_REWARD_POINTS"]
    assert service.balance(card)["available"] == "30"
    assert not [text for text in sent if "ORDER BY lot_remainder" in text and "LIMIT" not in text]


@ON_POSTGRESQL
def test_what_a_spending_changes_is_written_together(service: Harness, sent: list[str]) -> None:
    service.apply(program())

    def spending(lots: int) -> dict[str, int]:
        """Statements for each change of a card whose points are in so many lots."""
        card, bought = service.issue(), cart(line(1, "100.00"))
        for _ in range(lots):
            service.sale(card, "10.00")
        amount, found = f"{lots / 10:.2f}", {}
        with counted(sent):
            held = pay(service, card, amount, bought, capture=False)
            found["hold"] = len(sent)
        with counted(sent):
            assert codes(change(service, "voidLoyaltyPayment", held)) == []
            found["void"] = len(sent)
        held = pay(service, card, amount, bought, capture=False)
        with counted(sent):
            assert codes(change(service, "captureLoyaltyPayment", held)) == []
            found["capture"] = len(sent)
        assert service.balance(card)["available"] == "0"
        return found

    # The first list of a connection has its driver ask what lists are.
    spending(6)
    many, few = spending(40), spending(2)
    # COPY, which rows take from some number on, is not told as a statement.
    assert all(few[name] - 1 <= count <= few[name] for name, count in many.items()), (few, many)


def cart_of(lines: int, **who: Any) -> dict[str, Any]:
    sold = [line(number, "10.00", categories=["Apparel"]) for number in range(1, lines + 1)]
    return {**cart(*sold, deliveryMode="TWO_DAY"), **who}


@pytest.mark.parametrize("tender_type", ["AS_CARD_TENDER", "AS_CONTACT_TENDER"])
def test_a_cart_costs_at_most_six_statements_whatever_its_lines_and_its_customer(
    service: Harness, sent: list[str], tender_type: str
) -> None:
    document = shop(
        discounts=[APPAREL5],
        autoCharges=AUTO_CHARGES,
        shippingThresholdDiscounts=[PROMO],
        rewardPoints=reward_points(maximumPerCard=10**9),
    )
    document["programs"][0]["combineRelatedLoyaltyCards"] = True
    service.apply(document)
    service.customer("c", affiliations=["veteran"])
    card = service.issue(customerId="c", tenderType=tender_type)
    other = service.issue(customerId="c")
    for number in (card, other):
        service.sale(number, "500.00", customerId="c")
    # A first call loads what is kept in memory; what is held is seen too.
    pay(service, card, "1.00", cart_of(1), capture=False)
    found: dict[tuple[str, ...], list[int]] = {}
    for who in ({}, {"customerId": "c"}, {"cardNumber": card, "customerId": "c"}):
        for caller in ("storefront", "customer:c"):
            for lines in (1, 10, 200):
                given = cart_of(lines, **who)
                with counted(sent):
                    shown = service.ask(CART, caller, input=given)["cart"]
                assert len(shown["lines"]) == lines
                assert bool(shown["loyaltyTender"]) == bool(who.get("cardNumber"))
                # Once in a while a call also looks for a newer configuration, or for its key.
                own = [text for text in sent if not any(name in text for name in LOOKED_UP)]
                found.setdefault((*who, caller), []).append(len(own))
    assert all(len(set(counts)) == 1 for counts in found.values()), found
    assert max(counts[0] for counts in found.values()) <= 6, found
