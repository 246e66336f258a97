"""Engineering P11, semantics 18.4: a failure at any statement of any mutation, or a commit that
nobody heard of, leaves all or nothing; sent again it is done once. The harness verifies the books.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from models.database import Unit
from tests.api.activities import activity_input, activity_program, activity_rule, created
from tests.api.harness import Harness, line
from tests.api.program import amount_rule, channel, pay_rule, scheme
from tests.api.test_payments import one, pay
from tests.api.test_points import adjust
from tests.api.test_returns import return_input
from tests.api.watching import Watched

CARD = """query($number: String!) { loyaltyCard(number: $number) {
  status tenderType blockReason customer { name loyaltyBlocked: blockedForLoyalty }
  enrollments { program { code } startDate endDate tier { tier { code } since until manual } }
  balances { rewardPoint { code } available unvested held used issued expired }
  transactions(first: 100) { nodes {
    entryType rewardPoint { code } points vestsOn expiresOn remaining comment
    explanation { formula } allocations { points } } }
  rewards { code reason }
  replacedBy { status balances { rewardPoint { code } available }
    transactions(first: 100) { nodes { entryType points } } } }
  activityLines(first: 100, filter: {cardNumber: $number}) {
    nodes { status activityType channel comment reviewedBy } } }"""


class CrashError(Exception):
    """Nothing more comes of the attempt."""


@dataclass
class Steps:
    """Statements and commits; at the k-th it ends."""

    until: int
    taken: int = 0

    def take(self) -> None:
        self.taken += 1
        if self.taken == self.until:
            raise CrashError


@contextmanager
def crashing(service: Harness, until: int) -> Iterator[Steps]:
    database, steps = service.database, Steps(until)
    attempt = database.attempt

    async def crash(unit: Unit[Any], deadline: float) -> Any:
        result = await attempt(lambda given: unit(Watched(given, steps.take)), deadline)
        steps.take()
        return result

    database.attempt = crash  # type: ignore[method-assign]
    try:
        yield steps
    finally:
        del database.attempt


@dataclass
class Call:
    """What is sent, and the cards on which it shows; `done`: the codes that may answer a call that
    was done before and has no key.
    """

    name: str
    given: dict[str, Any]
    cards: list[str]
    done: list[str] = field(default_factory=list)


def program() -> Any:
    paying = scheme(
        amount_rule(),
        amount_rule("status", point="STAT"),
        activity_rule(),
        redemptionRules=[pay_rule()],
    )
    reward = {"code": "mug", "trigger": "TIER_REACHED", "program": "CLUB", "tier": "SILVER"}
    return activity_program(
        schemes=[paying],
        channels=[channel(kind="STORE")],
        oneTimeRewards=[{**reward, "once": "CUSTOMER", "rewardPoint": "PTS", "points": 5}],
    )


def rich(service: Harness, **given: Any) -> str:
    card = service.issue(**given)
    assert adjust(service, card, 1000)["userErrors"] == []
    return card


def keyed(service: Harness, **given: Any) -> dict[str, Any]:
    return {"idempotencyKey": service.fresh_key(), **given}


def of_card(name: str, **given: Any) -> Callable[[Harness], Call]:
    def call(service: Harness) -> Call:
        card = rich(service)
        return Call(name, keyed(service, number=card, **given), [card])

    return call


def issue(service: Harness) -> Call:
    number = f"N-{service.fresh_key()}"
    given = keyed(service, channel="WEB", number=number, customerId=person(service))
    return Call("issueLoyaltyCard", given, [number])


def person(service: Harness) -> str:
    return service.customer(f"c-{service.fresh_key()}", name="Ada")


def link(service: Harness) -> Call:
    card = rich(service)
    return Call("linkLoyaltyCard", keyed(service, number=card, customerId=person(service)), [card])


def unblock(service: Harness) -> Call:
    card = rich(service)
    service.change_card("blockLoyaltyCard", number=card, reason="lost")
    return Call("unblockLoyaltyCard", keyed(service, number=card, reason="found"), [card])


def replace(service: Harness) -> Call:
    card = rich(service)
    # Lots of one instant would be held in an order of chance.
    service.clock.advance(seconds=1)
    service.sale(card, "12.00")
    pay(service, card, "1.00", one("5.00"), capture=False)
    return Call("replaceLoyaltyCard", keyed(service, channel="WEB", number=card), [card])


def upsert(service: Harness) -> Call:
    card = service.issue(customerId=(customer := person(service)))
    given = {"customerId": customer, "name": "Bob", "affiliations": ["veteran"]}
    return Call("upsertCustomer", given, [card])


def block_customer(service: Harness) -> Call:
    card = service.issue(customerId=(customer := person(service)))
    given = {"customerId": customer, "blocked": True, "reason": "fraud"}
    return Call("setCustomerLoyaltyBlock", given, [card])


def erase(service: Harness) -> Call:
    customer = person(service)
    cards = [rich(service, customerId=customer) for _ in range(2)]
    pay(service, cards[0], "1.00", one("5.00", customerId=customer), capture=False)
    given = {"customerId": customer, "reason": "asked for"}
    return Call("eraseCustomer", given, cards, ["CUSTOMER_NOT_FOUND"])


def sale(service: Harness) -> Call:
    card = service.issue()
    lines = [line(1, "300.00"), line(2, "299.99")]
    return Call("postSale", service.sale_input(card, lines=lines), [card])


def paid_sale(service: Harness) -> Call:
    card = rich(service)
    payment = pay(service, card, "2.00", one("20.00"), orderId=f"O-{card}")["payment"]["id"]
    given = service.sale_input(card, "20.00", loyaltyPayments=[payment])
    return Call("postSale", given, [card])


def sales(service: Harness) -> Call:
    cards = [service.issue() for _ in range(2)]
    given = {"sales": [service.sale_input(card, "20.00") for card in cards]}
    return Call("postSales", given, cards)


def returned(service: Harness) -> Call:
    card = service.issue()
    sold = service.sale(card, lines=[line(1, "300.00", 2)])["transactionId"]
    return Call("postReturn", return_input(service, sold), [card])


def paying(capture: bool) -> Callable[[Harness], Call]:
    def call(service: Harness) -> Call:
        card = rich(service)
        given = {"cardNumber": card, "cart": one("20.00"), "amount": "4.00", "capture": capture}
        return Call("payWithLoyalty", keyed(service, orderId=f"O-{card}", **given), [card])

    return call


def take_over(service: Harness) -> Call:
    card = rich(service)
    pay(service, card, "9.00", one("9.00"), capture=False)
    given = {"cardNumber": card, "cart": one("20.00"), "amount": "4.00", "takeOverHolds": True}
    return Call("payWithLoyalty", keyed(service, orderId=f"O-{card}", **given), [card])


def of_payment(name: str, capture: bool, **given: Any) -> Callable[[Harness], Call]:
    def call(service: Harness) -> Call:
        card = rich(service)
        payment = pay(service, card, "4.00", one("20.00"), capture=capture)["payment"]["id"]
        return Call(name, keyed(service, paymentId=payment, **given), [card])

    return call


def activity(service: Harness) -> Call:
    card = service.issue()
    return Call("postNonTransactionalActivity", activity_input(service, card), [card])


def new_lines(service: Harness) -> Call:
    card = service.issue()
    lines = [activity_input(service, card) for _ in range(2)]
    return Call("createActivityLines", {"lines": lines}, [card])


def imported(service: Harness) -> Call:
    card = service.issue()
    rows = [f"WEB,{card},SURVEY,{service.fresh_key()}" for _ in range(2)]
    content = "\n".join(["channel,cardNumber,activityType,activityId", *rows])
    return Call("importActivityLines", {"format": "CSV", "content": content}, [card])


def of_lines(name: str, done: tuple[str, ...] = (), **given: Any) -> Callable[[Harness], Call]:
    def call(service: Harness) -> Call:
        card = service.issue()
        ids = created(service, *(activity_input(service, card) for _ in range(2)))
        return Call(name, {"ids": ids, **given}, [card], [*done])

    return call


def retyped(service: Harness) -> Call:
    card = service.issue()
    (line_id,) = created(service, activity_input(service, card))
    given = {"id": line_id, "activityType": "WORKSHOP", "comment": "seen"}
    return Call("updateActivityLine", given, [card])


def adjusted(service: Harness) -> Call:
    card = service.issue()
    given = {"rewardPoint": "STAT", "points": "600", "reasonCode": "R", "comment": "sorry"}
    return Call("adjustPoints", keyed(service, cardNumber=card, **given), [card])


def given_away(service: Harness) -> Call:
    source, target = rich(service), service.issue()
    given = {"fromCardNumber": source, "toCardNumber": target, "rewardPoint": "PTS"}
    return Call(
        "transferPoints", keyed(service, points="30", comment="gift", **given), [source, target]
    )


CALLS: dict[str, Callable[[Harness], Call]] = {
    "issue": issue,
    "link": link,
    "block": of_card("blockLoyaltyCard", reason="lost"),
    "unblock": unblock,
    "replace": replace,
    "enroll": of_card("enrollLoyaltyCard", program="CLUB", endDate="2030-01-01"),
    "assign": of_card(
        "assignLoyaltyTier", program="CLUB", tier="GOLD", endDate="2030-01-01", reason="nice"
    ),
    "upsert": upsert,
    "block customer": block_customer,
    "erase": erase,
    "sale": sale,
    "paid sale": paid_sale,
    "sales": sales,
    "return": returned,
    "pay": paying(capture=True),
    "hold": paying(capture=False),
    "take over": take_over,
    "capture": of_payment("captureLoyaltyPayment", capture=False, amount="1.00"),
    "void": of_payment("voidLoyaltyPayment", capture=False),
    "refund": of_payment("refundLoyaltyPayment", capture=True, amount="1.00"),
    "activity": activity,
    "new lines": new_lines,
    "import": imported,
    "retype": retyped,
    "delete": of_lines("deleteActivityLines", ("NOT_FOUND",)),
    "reject": of_lines("rejectActivityLines", reason="no proof"),
    "post": of_lines("postActivityLines"),
    "adjust": adjusted,
    "give": given_away,
}


def send(service: Harness, call: Call) -> list[str]:
    """The codes of all that is refused."""
    kind = call.name[0].upper() + call.name[1:]
    refused = "userErrors { code }"
    selection = f"results {{ {refused} }}" if call.name == "postSales" else refused
    query = f"mutation($input: {kind}Input!) {{ {call.name}(input: $input) {{ {selection} }} }}"
    answer = service.gql(query, input=call.given)
    if answer.errors:
        return answer.codes
    payload = answer[call.name]
    payloads = payload["results"] if call.name == "postSales" else [payload]
    return [error["code"] for one in payloads for error in one["userErrors"]]


def shown(service: Harness, call: Call) -> list[Any]:
    """All that a caller sees of the cards, but for ids."""
    return [ordered(service.ask(CARD, number=number)) for number in call.cards]


def ordered(found: Any) -> Any:
    """Lots of one instant stand in the order of their ids, which are chance."""
    if isinstance(found, dict):
        return {name: ordered(one) for name, one in found.items()}
    return sorted(map(ordered, found), key=repr) if isinstance(found, list) else found


@pytest.fixture
def shop(service: Harness) -> Harness:
    service.apply(program())
    return service


# Where each item is a unit of its own, the others go on.
ITEMS = ("sales", "post")


@pytest.mark.parametrize("name", CALLS)
def test_whatever_fails_on_the_way_the_call_is_done_once(
    shop: Harness, name: str, engine: str
) -> None:
    control = CALLS[name](shop)
    with crashing(shop, 0) as steps:
        assert send(shop, control) == []
    expected = shown(shop, control)
    # Over the network of PostgreSQL each takes longer, and they are the same statements.
    stride = 1 if engine == "sqlite" else 4
    for until in range(steps.taken, 0, -stride):
        call = CALLS[name](shop)
        before = shown(shop, call)
        with crashing(shop, until):
            told = send(shop, call)
        assert told == ["INTERNAL_SERVER_ERROR"] or (name == "post" and not told), until
        after = shown(shop, call)
        if name in ITEMS:
            assert all(one in pair for one, *pair in zip(after, before, expected, strict=True))
        else:
            assert after in (before, expected), until
        assert send(shop, call) == (call.done if after == expected else []), until
        assert shown(shop, call) == expected, until
