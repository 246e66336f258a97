"""Api promise 12: a mutation by staff or administrators leaves one audit row, and staff read it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from execution.relay import encode_cursor
from schema.schema import schema
from tests.api.activities import activity_input, activity_program, created
from tests.api.harness import Harness
from tests.api.program import amount_rule, channel, pay_rule, scheme
from tests.api.test_payments import one, pay
from tests.api.test_points import adjust

GRAPHQL = schema._schema  # noqa: SLF001
LOG = """query($filter: AuditLogFilter, $first: Int, $after: String, $last: Int, $before: String) {
  auditLog(filter: $filter, first: $first, after: $after, last: $last, before: $before) {
    nodes { at caller role operation reason before after requestId card { number } }
    edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""


@pytest.fixture
def office(service: Harness) -> Harness:
    """Cards LC-00041 (with points), LC-00042 and LC-00043, and a customer, made by a shop."""
    paying = scheme(amount_rule(), redemptionRules=[pay_rule()])
    service.apply(activity_program(schemes=[paying], channels=[channel(kind="STORE")]))
    for _ in range(3):
        service.issue(caller="storefront")
    service.mutate("upsertCustomer", "userErrors { code }", {"customerId": "ada"}, "storefront")
    adjust(service, "LC-00041", 10_000)
    return service


def log(service: Harness, caller: str = "staff", **given: Any) -> list[dict[str, Any]]:
    """Entries, newest first."""
    nodes: list[dict[str, Any]] = service.ask(LOG, caller, **given)["auditLog"]["nodes"]
    return nodes


def payment(service: Harness, *, capture: bool = False) -> str:
    made = pay(service, "LC-00041", "1.00", one("5.00"), capture=capture)
    paid: str = made["payment"]["id"]
    return paid


def lines(service: Harness, count: int = 2) -> list[str]:
    return created(service, *(activity_input(service, "LC-00041") for _ in range(count)))


def returned(service: Harness) -> dict[str, Any]:
    sale = service.sale("LC-00041", "5.00")
    return {
        "channel": "WEB",
        "transactionId": "BACK",
        "occurredAt": service.clock.now.isoformat(),
        "originalChannel": "WEB",
        "originalTransactionId": sale["transactionId"],
        "lines": [{"lineNumber": 1, "quantity": "1"}],
    }


def document(_service: Harness) -> dict[str, Any]:
    affiliations = [{"code": "veteran"}, {"code": "wholesale"}, {"code": "new"}]
    return {"document": activity_program(affiliations=affiliations), "process": True}


def stored(service: Harness) -> None:
    given = {"document": activity_program(affiliations=[{"code": "veteran"}])}
    service.mutate("applyConfiguration", "userErrors { code }", given)


def erased(service: Harness) -> dict[str, Any]:
    for _ in range(2):
        service.issue(customerId="ada", caller="storefront")
    return {"customerId": "ada", "reason": "asked for"}


def webhook(service: Harness) -> str:
    hook: str = service.ask("{ webhooks { id } }")["webhooks"][0]["id"]
    return hook


HOOK_URL = "http://127.0.0.1:9/"
Make = Callable[[Harness], dict[str, Any] | None]
CARD: dict[str, Any] = {"number": "LC-00042", "reason": "r"}
POINTS = {"rewardPoint": "PTS", "points": 5}
FILE = "activityId,cardNumber,activityType,channel\nF1,LC-00041,SURVEY,WEB\nF2,LC-00041,SURVEY,WEB"
# Every mutation of the schema, in an order in which each finds something to do.
STEPS: dict[str, tuple[str, Make]] = {
    "issueLoyaltyCard": ("staff", lambda _: {"channel": "WEB"}),
    "linkLoyaltyCard": ("staff", lambda _: {"number": "LC-00043", "customerId": "ada"}),
    "blockLoyaltyCard": ("staff", lambda _: CARD),
    "unblockLoyaltyCard": ("staff", lambda _: CARD),
    "enrollLoyaltyCard": (
        "staff",
        lambda service: {
            "number": service.issue(programs=[], caller="storefront"),
            "program": "CLUB",
        },
    ),
    "assignLoyaltyTier": (
        "staff",
        lambda _: {**CARD, "program": "CLUB", "tier": "GOLD", "endDate": "2030-01-01"},
    ),
    "upsertCustomer": ("staff", lambda _: {"customerId": "ada", "name": "Ada"}),
    "setCustomerLoyaltyBlock": (
        "staff",
        lambda _: {"customerId": "ada", "blocked": True, "reason": "r"},
    ),
    "postSale": ("staff", lambda service: service.sale_input("LC-00041", "5.00")),
    "postSales": (
        "staff",
        lambda service: {
            "sales": [service.sale_input(card, "5.00") for card in ("LC-00041", None, "LC-00042")]
        },
    ),
    "postReturn": ("staff", returned),
    "payWithLoyalty": (
        "staff",
        lambda _: {
            "cardNumber": "LC-00041",
            "orderId": "O",
            "amount": "1.00",
            "cart": one("5.00"),
        },
    ),
    "captureLoyaltyPayment": ("staff", lambda service: {"paymentId": payment(service)}),
    "voidLoyaltyPayment": ("staff", lambda service: {"paymentId": payment(service)}),
    "refundLoyaltyPayment": (
        "staff",
        lambda service: {"paymentId": payment(service, capture=True), "amount": "0.50"},
    ),
    "postNonTransactionalActivity": (
        "staff",
        lambda service: activity_input(service, "LC-00041"),
    ),
    "createActivityLines": (
        "staff",
        lambda service: {"lines": [activity_input(service, "LC-00041") for _ in range(2)]},
    ),
    "importActivityLines": ("staff", lambda _: {"format": "CSV", "content": FILE}),
    "updateActivityLine": (
        "staff",
        lambda service: {"id": lines(service)[0], "activityType": "CHECKIN"},
    ),
    "deleteActivityLines": ("staff", lambda service: {"ids": lines(service)}),
    "rejectActivityLines": ("staff", lambda service: {"ids": lines(service), "reason": "r"}),
    "postActivityLines": ("staff", lambda service: {"ids": lines(service, 3)}),
    "adjustPoints": (
        "staff",
        lambda _: {"cardNumber": "LC-00041", "reasonCode": "R", **POINTS},
    ),
    "transferPoints": (
        "staff",
        lambda _: {"fromCardNumber": "LC-00041", "toCardNumber": "LC-00042", **POINTS},
    ),
    "updateLoyaltyCardTiers": ("admin", lambda _: {}),
    "runJob": ("admin", lambda _: {"job": "POST_ACTIVITY_LINES"}),
    "applyConfiguration": ("admin", document),
    "processLoyaltySchemes": ("admin", stored),
    "replaceLoyaltyCard": ("staff", lambda _: {"number": "LC-00041", "channel": "WEB"}),
    "eraseCustomer": ("admin", erased),
    "createWebhook": (
        "admin",
        lambda _: {"url": HOOK_URL, "events": ["CARD_ISSUED"], "selection": "{ number }"},
    ),
    "updateWebhook": ("admin", lambda service: {"id": webhook(service), "active": False}),
    "rotateWebhookSecret": ("admin", lambda service: {"id": webhook(service)}),
    "replayWebhook": ("admin", lambda service: {"id": webhook(service)}),
    "deleteWebhook": ("admin", lambda service: {"id": webhook(service)}),
}
UNBLOCK = {"customerId": "ada", "blocked": False, "reason": "r"}


def call(service: Harness, name: str, given: dict[str, Any] | None, caller: str) -> Any:
    """One mutation that is done, with a key where its input wants one."""
    if given is None:
        return service.ask(f"mutation {{ {name} {{ userErrors {{ code }} }} }}", caller)[name]
    kind = GRAPHQL.type_map[f"{name[0].upper()}{name[1:]}Input"]
    if "idempotencyKey" in getattr(kind, "fields", {}):
        given = {"idempotencyKey": service.fresh_key(), **given}
    selection = "posted failed" if name == "postSales" else "userErrors { code message field }"
    answer = service.mutate(name, selection, given, caller)
    assert answer.get("userErrors", []) == [], (name, answer)
    return answer


def test_every_mutation_by_staff_or_administrators_leaves_one_row(office: Harness) -> None:
    assert set(GRAPHQL.type_map["Mutation"].fields) == STEPS.keys()
    for name, (caller, make) in STEPS.items():
        given = make(office)
        office.clock.advance(seconds=1)
        before = office.clock.now
        call(office, name, given, caller)
        rows = log(office, filter={"from": before.isoformat()})
        assert [(row["operation"], row["caller"]) for row in rows] == [(name, caller)], name
        assert rows[0]["role"] == caller.upper()
        assert rows[0]["requestId"], name
        office.clock.advance(seconds=1)
        if name == "setCustomerLoyaltyBlock":
            call(office, name, UNBLOCK, "staff")
            office.clock.advance(seconds=1)
    assert log(office, filter={"caller": "storefront"}) == []


def test_an_entry_says_who_did_what_to_which_card_and_why(office: Harness) -> None:
    given = {"idempotencyKey": "k", "number": "LC-00042", "reason": "stolen"}
    office.clock.set("2024-03-01")
    office.mutate("blockLoyaltyCard", "userErrors { code }", given, "staff")
    office.mutate("blockLoyaltyCard", "userErrors { code }", given, "staff")
    (entry,) = log(office, filter={"cardNumber": "LC-00042"})
    request = entry.pop("requestId")
    assert request
    assert entry == {
        "at": "2024-03-01T17:00:00Z",
        "caller": "staff",
        "role": "STAFF",
        "operation": "blockLoyaltyCard",
        "reason": "stolen",
        "before": {"status": "ACTIVE"},
        "after": {"status": "BLOCKED"},
        "card": {"number": "LC-00042"},
    }


def told(office: Harness, name: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
    """The entry that the call leaves."""
    caller, make = STEPS[name]
    office.clock.advance(seconds=1)
    call(office, name, given or make(office), caller)
    return log(office, filter={"operation": name})[0]


def test_what_an_entry_names_is_found_by_its_id(office: Harness) -> None:
    paid = told(office, "payWithLoyalty")["after"]["payment"]
    (line, other) = told(office, "createActivityLines")["after"]["lines"]
    changed = told(office, "updateActivityLine", {"id": line, "activityType": "CHECKIN"})
    assert (changed["before"]["line"], changed["after"]["line"]) == (line, line)
    (rejected,) = told(office, "rejectActivityLines", {"ids": [other], "reason": "r"})["before"][
        "lines"
    ]
    assert rejected["line"] == other
    hook = told(office, "createWebhook")["after"]["webhook"]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    found = office.ask(query, "admin", ids=[paid, line, hook])["nodes"]
    assert [(one["__typename"], one["id"]) for one in found] == [
        ("LoyaltyPayment", paid),
        ("ActivityLine", line),
        ("Webhook", hook),
    ]


def test_an_entry_tells_points_and_money_as_they_are_shown(office: Harness) -> None:
    paid = told(office, "payWithLoyalty")["after"]
    assert (paid["amount"], paid["currency"]) == ("1.00", "USD")
    for name in ("adjustPoints", "transferPoints"):
        given = told(office, name)["after"]
        assert (given["rewardPoint"], given["points"]) == ("PTS", "5")


def test_many_sales_of_one_call_sent_again_leave_nothing_more(office: Harness) -> None:
    given = {"sales": [office.sale_input("LC-00041", "5.00") for _ in range(3)]}
    for _ in range(2):
        call(office, "postSales", given, "staff")
    (entry,) = log(office, filter={"operation": "postSales"})
    assert (entry["after"], entry["card"]) == ({"sales": 3}, None)


def pages(service: Harness, **given: Any) -> Iterator[list[str]]:
    """Cursors page by page: forwards, or backwards where `last` is given."""
    while True:
        found = service.ask(LOG, "staff", **given)["auditLog"]
        yield [edge["cursor"] for edge in found["edges"]]
        info = found["pageInfo"]
        if not info["hasPreviousPage" if "last" in given else "hasNextPage"]:
            return
        edge = {"before": info["startCursor"]} if "last" in given else {"after": info["endCursor"]}
        given |= edge


def test_pages_of_both_tables_are_one_list_that_stays_as_it_is(office: Harness) -> None:
    for place in range(7):
        office.mutate("upsertCustomer", "userErrors { code }", {"customerId": f"c{place}"})
        adjust(office, "LC-00041", 1)
        if place % 3 == 0:
            office.clock.advance(seconds=1)
    (whole,) = pages(office, first=100)
    assert len(whole) == len(set(whole)) > 14
    walked = []
    for page in pages(office, first=3):
        walked += page
        # What is written meanwhile is newer: the pages behind do not move.
        office.clock.advance(seconds=1)
        adjust(office, "LC-00042", 1)
    assert walked == whole
    backwards: list[str] = []
    for page in pages(office, last=4, filter={"to": office.clock.now.isoformat()}):
        backwards = page + backwards
    assert backwards[-len(whole) :] == whole
    instants = [entry["at"] for entry in log(office, first=100)]
    assert instants == sorted(instants, reverse=True)


@pytest.mark.parametrize(
    "given",
    [
        {"after": "nonsense"},
        {"before": encode_cursor("auditLog", 1, 2)},
        {"after": encode_cursor("loyaltyCards", "LC-00041")},
        {"first": 101},
        {"first": 1, "last": 1},
        {"first": -1},
    ],
)
def test_pages_that_cannot_be_are_coded(office: Harness, given: dict[str, Any]) -> None:
    assert office.gql(LOG, "staff", **given).codes == ["INVALID_INPUT"]


def test_a_filter_of_what_is_not_there_gives_nothing(office: Harness) -> None:
    for chosen in ({"cardNumber": "NEVER"}, {"caller": "nobody"}, {"operation": "\x01"}):
        assert log(office, filter=chosen) == []
