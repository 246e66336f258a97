"""Semantics 16: every root field declares its roles, the table holds, foreign and unknown are the
same bytes.
"""

from typing import NamedTuple

import pytest
from sqlalchemy import Table, select

from execution.relay import encode_id
from models.cards import card_audit
from models.local import audit
from models.statements import Statement
from resolvers.callers import Role
from schema.access import CLOSED_TO_PARTNERS, roles_of
from schema.schema import schema
from tests.api.harness import Harness
from tests.api.test_payments import holder, one, pay
from tests.api.test_payments import program as paying

GRAPHQL = schema._schema  # noqa: SLF001
ALL = "CFPSA"
LETTERS = {
    "C": Role.CUSTOMER,
    "F": Role.STOREFRONT,
    "P": Role.PARTNER,
    "S": Role.STAFF,
    "A": Role.ADMIN,
}

# The table of semantics 16, as far as the operations exist; "null" counts as open.
TABLE = {
    "Query.node": ALL,
    "Query.nodes": ALL,
    "Query.me": ALL,
    "Query.loyaltyCard": ALL,
    "Query.loyaltyCards": "SA",
    "Query.customer": ALL,
    "Query.channel": ALL,
    "Query.channels": ALL,
    "Query.loyaltyPrograms": ALL,
    "Query.loyaltyProgram": ALL,
    "Query.activityTypes": ALL,
    "Query.affiliations": ALL,
    "Query.shippingThresholdDiscounts": ALL,
    "Query.cart": "CFSA",
    "Query.salesTransaction": ALL,
    "Query.loyaltyPayment": ALL,
    "Query.activityLines": ALL,
    "Query.auditLog": "SA",
    "Query.webhooks": "A",
    "Query.configuration": "SA",
    "Query.configurationVersions": "SA",
    "Query.planConfiguration": "SA",
    "Subscription.loyaltyCardChanged": ALL,
    "Query._entities": ALL,
    "Query._service": ALL,
    "Mutation.issueLoyaltyCard": "CFSA",
    "Mutation.linkLoyaltyCard": "FSA",
    "Mutation.blockLoyaltyCard": "CFSA",
    "Mutation.unblockLoyaltyCard": "SA",
    "Mutation.replaceLoyaltyCard": "SA",
    "Mutation.enrollLoyaltyCard": "FSA",
    "Mutation.assignLoyaltyTier": "SA",
    "Mutation.upsertCustomer": "FSA",
    "Mutation.setCustomerLoyaltyBlock": "SA",
    "Mutation.eraseCustomer": "A",
    "Mutation.postSale": "FSA",
    "Mutation.postSales": "FSA",
    "Mutation.postReturn": "FSA",
    "Mutation.payWithLoyalty": "FSA",
    "Mutation.captureLoyaltyPayment": "FSA",
    "Mutation.voidLoyaltyPayment": "FSA",
    "Mutation.refundLoyaltyPayment": "FSA",
    "Mutation.postNonTransactionalActivity": ALL,
    "Mutation.createActivityLines": ALL,
    "Mutation.importActivityLines": "FPSA",
    "Mutation.updateActivityLine": "PSA",
    "Mutation.deleteActivityLines": "PSA",
    "Mutation.rejectActivityLines": "SA",
    "Mutation.postActivityLines": "SA",
    "Mutation.adjustPoints": "SA",
    "Mutation.transferPoints": "FSA",
    "Mutation.updateLoyaltyCardTiers": "SA",
    "Mutation.applyConfiguration": "A",
    "Mutation.processLoyaltySchemes": "A",
    "Mutation.runJob": "A",
    "Mutation.createWebhook": "A",
    "Mutation.updateWebhook": "A",
    "Mutation.deleteWebhook": "A",
    "Mutation.rotateWebhookSecret": "A",
    "Mutation.replayWebhook": "A",
}

CALLERS = {
    "C": "customer:somebody",
    "F": "storefront",
    "P": "partner",
    "S": "staff",
    "A": "admin",
}


def root_fields() -> list[str]:
    return [
        f"{root}.{name}" for root in ("Query", "Mutation") for name in GRAPHQL.type_map[root].fields
    ]


@pytest.mark.parametrize("path", root_fields())
def test_every_root_field_declares_the_roles_of_the_table(path: str) -> None:
    type_name, field = path.split(".")
    declared = roles_of(GRAPHQL, type_name, field)
    assert declared == {LETTERS[letter] for letter in TABLE[path]}


# One operation for each field that is closed to somebody, with arguments that pass validation.
OPERATIONS = {
    "Query.loyaltyCards": "{ loyaltyCards { totalCount } }",
    "Query.cart": """{ cart(input: {channel: "WEB", currency: "USD", lines: []}) {
      total { amount } } }""",
    "Query.auditLog": "{ auditLog { nodes { at } } }",
    "Query.configuration": "{ configuration { version } }",
    "Query.configurationVersions": "{ configurationVersions { totalCount } }",
    "Query.planConfiguration": "{ planConfiguration(document: {}) { warnings } }",
    "Mutation.issueLoyaltyCard": """mutation { issueLoyaltyCard(input: {idempotencyKey: "k",
      channel: "NONE"}) { replayed } }""",
    "Mutation.linkLoyaltyCard": """mutation { linkLoyaltyCard(input: {idempotencyKey: "k",
      number: "N", customerId: "c"}) { replayed } }""",
    "Mutation.blockLoyaltyCard": """mutation { blockLoyaltyCard(input: {idempotencyKey: "k",
      number: "N", reason: "r"}) { replayed } }""",
    "Mutation.unblockLoyaltyCard": """mutation { unblockLoyaltyCard(input: {idempotencyKey: "k",
      number: "N", reason: "r"}) { replayed } }""",
    "Mutation.replaceLoyaltyCard": """mutation { replaceLoyaltyCard(input: {idempotencyKey: "k",
      channel: "WEB", number: "N"}) { replayed } }""",
    "Mutation.enrollLoyaltyCard": """mutation { enrollLoyaltyCard(input: {idempotencyKey: "k",
      number: "N", program: "CLUB"}) { replayed } }""",
    "Mutation.assignLoyaltyTier": """mutation { assignLoyaltyTier(input: {idempotencyKey: "k",
      number: "N", program: "CLUB", tier: "GOLD", endDate: "2030-01-01", reason: "r"}) {
      replayed } }""",
    "Mutation.upsertCustomer": """mutation { upsertCustomer(input: {customerId: "c"}) {
      userErrors { code } } }""",
    "Mutation.setCustomerLoyaltyBlock": """mutation { setCustomerLoyaltyBlock(input: {
      customerId: "c", blocked: true, reason: "r"}) { userErrors { code } } }""",
    "Mutation.eraseCustomer": """mutation { eraseCustomer(input: {customerId: "none",
      reason: "r"}) { userErrors { code } } }""",
    "Mutation.postSale": """mutation { postSale(input: {channel: "WEB", transactionId: "1",
      occurredAt: "2024-01-01T00:00:00Z", currency: "USD", lines: []}) { replayed } }""",
    "Mutation.postSales": "mutation { postSales(input: {sales: []}) { posted } }",
    "Mutation.postReturn": """mutation { postReturn(input: {channel: "WEB", transactionId: "1",
      occurredAt: "2024-01-01T00:00:00Z", originalChannel: "WEB", originalTransactionId: "0",
      lines: []}) { replayed } }""",
    "Mutation.payWithLoyalty": """mutation { payWithLoyalty(input: {idempotencyKey: "k",
      cardNumber: "N", orderId: "O", amount: "1", cart: {channel: "WEB", currency: "USD",
      lines: []}}) { replayed } }""",
    "Mutation.captureLoyaltyPayment": """mutation { captureLoyaltyPayment(input: {
      idempotencyKey: "k", paymentId: "x"}) { replayed } }""",
    "Mutation.voidLoyaltyPayment": """mutation { voidLoyaltyPayment(input: {
      idempotencyKey: "k", paymentId: "x"}) { replayed } }""",
    "Mutation.refundLoyaltyPayment": """mutation { refundLoyaltyPayment(input: {
      idempotencyKey: "k", paymentId: "x", amount: "1"}) { replayed } }""",
    "Mutation.importActivityLines": """mutation { importActivityLines(input: {format: CSV,
      content: ""}) { created } }""",
    "Mutation.updateActivityLine": """mutation { updateActivityLine(input: {id: "x"}) {
      userErrors { code } } }""",
    "Mutation.deleteActivityLines": """mutation { deleteActivityLines(input: {ids: []}) {
      userErrors { code } } }""",
    "Mutation.rejectActivityLines": """mutation { rejectActivityLines(input: {ids: [],
      reason: "r"}) { userErrors { code } } }""",
    "Mutation.postActivityLines": """mutation { postActivityLines(input: {ids: []}) {
      posted } }""",
    "Mutation.adjustPoints": """mutation { adjustPoints(input: {idempotencyKey: "k",
      cardNumber: "N", rewardPoint: "PTS", points: 1, reasonCode: "R"}) { replayed } }""",
    "Mutation.transferPoints": """mutation { transferPoints(input: {idempotencyKey: "k",
      fromCardNumber: "N", toCardNumber: "M", rewardPoint: "PTS", points: 1}) { replayed } }""",
    "Mutation.updateLoyaltyCardTiers": """mutation { updateLoyaltyCardTiers(input: {
      cardNumber: "N"}) { cardsEvaluated } }""",
    "Mutation.applyConfiguration": """mutation { applyConfiguration(input: {document: {
      schemes: 1}}) { userErrors { code } } }""",
    "Mutation.processLoyaltySchemes": "mutation { processLoyaltySchemes { userErrors { code } } }",
    "Query.webhooks": "{ webhooks { url } }",
    "Mutation.createWebhook": """mutation { createWebhook(input: {url: "", events: [],
      selection: ""}) { secret } }""",
    "Mutation.updateWebhook": 'mutation { updateWebhook(input: {id: "x"}) { webhook { url } } }',
    "Mutation.deleteWebhook": 'mutation { deleteWebhook(input: {id: "x"}) { deleted } }',
    "Mutation.rotateWebhookSecret": """mutation { rotateWebhookSecret(input: {id: "x"}) {
      secret } }""",
    "Mutation.replayWebhook": 'mutation { replayWebhook(input: {id: "x"}) { deliveries } }',
    "Mutation.runJob": "mutation { runJob(input: {job: EXPIRE_HOLDS}) { processed } }",
}


def test_each_cell_of_the_table_over_http(club: Harness) -> None:
    assert {path for path, roles in TABLE.items() if roles != ALL} == OPERATIONS.keys()
    for path, operation in OPERATIONS.items():
        for letter, caller in CALLERS.items():
            answer = club.gql(operation, caller)
            closed = letter not in TABLE[path]
            assert (answer.codes == ["FORBIDDEN"]) == closed, (path, letter, answer.body)
            assert ("data" in answer.body) == (not closed), (path, letter)


def test_all_programs_are_for_staff(club: Harness) -> None:
    for caller, codes in (("storefront", ["FORBIDDEN"]), ("staff", []), ("admin", [])):
        assert club.gql("{ loyaltyPrograms { code } }", caller).codes == codes
    assert club.ask('{ loyaltyPrograms(channel: "WEB") { code } }', "customer:x") == {
        "loyaltyPrograms": [{"code": "CLUB"}]
    }


CARD = """query($number: String!) { loyaltyCard(number: $number) { id number
  customer { name } balances { available } transactions { totalCount } } }"""


def test_foreign_and_unknown_cards_are_the_same_bytes(club: Harness) -> None:
    club.customer("owner")
    club.customer("other")
    club.issue("OWNED", customerId="owner")
    club.issue("ANONYMOUS")
    token = club.token("other")
    bodies = {
        club.send(CARD, token, {"number": number}).response.content
        for number in ("OWNED", "ANONYMOUS", "NEVER", "", "x" * 500)
    }
    assert len(bodies) == 1
    owner = club.gql(CARD, "customer:owner", number="OWNED")
    assert owner["loyaltyCard"]["number"] == "OWNED"


def test_blocking_tells_foreign_and_unknown_cards_alike(club: Harness) -> None:
    club.customer("owner")
    club.customer("other")
    club.issue("OWNED", customerId="owner")
    answers = [
        club.change_card("blockLoyaltyCard", "customer:other", number=number, reason="r")
        for number in ("OWNED", "NEVER")
    ]
    assert answers[0] == answers[1]
    assert answers[0]["userErrors"][0]["code"] == "LOYALTY_CARD_NOT_FOUND"
    own = club.change_card("blockLoyaltyCard", "customer:owner", number="OWNED", reason="r")
    assert own["card"]["status"] == "BLOCKED"


def test_nodes_of_others_are_null(club: Harness) -> None:
    club.customer("owner")
    club.issue("OWNED", customerId="owner")
    club.sale("OWNED", "5.00", customerId="owner", transactionId="S")
    ids = club.ask(
        """{ loyaltyCard(number: "OWNED") { id customer { id } transactions { nodes { id } } }
          salesTransaction(channel: "WEB", transactionId: "S") { id } configuration { id } }"""
    )
    card = ids["loyaltyCard"]
    wanted = [
        card["id"],
        card["customer"]["id"],
        card["transactions"]["nodes"][0]["id"],
        ids["salesTransaction"]["id"],
        ids["configuration"]["id"],
    ]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    names = ["LoyaltyCard", "Customer", "LoyaltyTransaction", "SalesTransaction"]
    found = club.ask(query, "admin", ids=wanted)["nodes"]
    assert [node["__typename"] for node in found] == [*names, "ConfigurationVersion"]
    assert [node["id"] for node in found] == wanted
    amiss = club.gql(query, "admin", ids=[wanted[0], "x", wanted[1]])
    assert [node and node["id"] for node in amiss["nodes"]] == [wanted[0], None, wanted[1]]
    assert [(error["path"], error["extensions"]["code"]) for error in amiss.errors] == [
        (["nodes", 1], "INVALID_INPUT")
    ]
    own = club.ask(query, "customer:owner", ids=wanted)["nodes"]
    assert [node and node["__typename"] for node in own] == [*names, None]
    for caller in ("customer:other", "partner"):
        assert club.ask(query, caller, ids=wanted)["nodes"] == [None] * 5


def test_partners_may_not_look_below_the_root(club: Harness) -> None:
    assert "LoyaltyCard" in CLOSED_TO_PARTNERS
    open_ones = '{ me { customerId } loyaltyCard(number: "N") { number } channels { code } }'
    assert club.gql(open_ones, "partner").codes == []
    below = """{ node(id: "x") { ... on LoyaltyTransaction { card { number } } } }"""
    assert club.gql(below, "partner").codes == ["FORBIDDEN"]


def test_a_storefront_sees_the_sales_of_its_channels(service: Harness) -> None:
    document = service.document()
    document["channels"].append({**document["channels"][0], "code": "SHOP"})
    document["schemes"][0]["channels"].append("SHOP")
    service.apply(document)
    card = service.issue()
    service.sale(card, "5.00", transactionId="S", channel="SHOP")
    query = '{ salesTransaction(channel: "SHOP", transactionId: "S") { transactionId } }'
    for channels, seen in ((["SHOP"], {"transactionId": "S"}), (["WEB"], None)):
        key = service.key("storefront", f"for-{channels[0]}", channels=frozenset(channels))
        assert service.send(query, key, {})["salesTransaction"] == seen
        given = service.sale_input(card, "5.00", channel="SHOP")
        selection = service.SOLD
        mutation = f"mutation($i: PostSaleInput!) {{ postSale(input: $i) {{ {selection} }} }}"
        payload = service.send(mutation, key, {"i": given})["postSale"]
        expected = [] if seen else ["FORBIDDEN"]
        assert [error["code"] for error in payload["userErrors"]] == expected


def test_a_storefront_sees_the_payments_of_its_channels_wherever_they_stand(
    service: Harness,
) -> None:
    document = paying()
    document["channels"].append({**document["channels"][0], "code": "SHOP"})
    document["schemes"][0]["channels"].append("SHOP")
    card = holder(service, document, 1000)
    payment = pay(service, card, "1.00", one("5.00"))["payment"]["id"]
    service.sale(card, "5.00", loyaltyPayments=[payment], transactionId="S")
    query = """query($n: String!, $p: ID!) { loyaltyPayment(id: $p) { id }
      loyaltyCard(number: $n) { transactions { nodes { entryType payment { id orderId } } } }
      salesTransaction(channel: "WEB", transactionId: "S") { loyaltyPayments { id } } }"""
    for channel, seen in (("WEB", True), ("SHOP", False)):
        key = service.key("storefront", f"of-{channel}", channels=frozenset([channel]))
        told = service.send(query, key, {"n": card, "p": payment})
        rows = told["loyaltyCard"]["transactions"]["nodes"]
        shown = [row["payment"] for row in rows if row["entryType"] == "REDEEM"]
        assert [one is not None for one in shown] == [seen]
        assert (told["loyaltyPayment"] is not None) is seen
        assert (told["salesTransaction"] is not None) is seen


def test_a_cart_tells_payments_of_others_and_unknown_ones_alike(service: Harness) -> None:
    card = holder(service, paying(), 1000)
    paid = pay(service, card, "1.00", one("5.00"))["payment"]["id"]
    service.customer("other")
    service.issue("OTHER", customerId="other")
    unknown = encode_id("LoyaltyPayment", bytes(16))
    query = "query($cart: CartInput!) { cart(input: $cart) { total { amount } } }"
    told = [
        service.gql(
            query,
            "customer:other",
            cart=one("5.00", cardNumber="OTHER", loyaltyPayments=[payment]),
        ).errors
        for payment in (paid, unknown)
    ]
    assert told[0] == told[1]
    assert told[0][0]["extensions"]["code"] == "NOT_FOUND"


class AuditRow(NamedTuple):
    caller: str
    operation: str
    before: str | None
    after: str | None


def audited(service: Harness, table: Table) -> list[AuditRow]:
    columns = [table.c[name] for name in AuditRow._fields]
    statement = Statement(select(*columns).order_by(table.c.written_at), AuditRow)

    async def rows() -> list[AuditRow]:
        read = service.database.read()
        try:
            return await read.all(statement)
        finally:
            await read.close()

    return service.wait(rows())


def test_what_staff_do_is_written_down_without_the_person(club: Harness) -> None:
    sale = club.sale_input("N", "5.00", customerId="ursula")
    back = {
        **{name: sale[name] for name in ("channel", "occurredAt")},
        "transactionId": "R",
        "originalChannel": sale["channel"],
        "originalTransactionId": sale["transactionId"],
        "lines": [{"lineNumber": 1, "quantity": "1"}],
    }
    steps: list[tuple[str, dict[str, object]]] = [
        ("upsertCustomer", {"customerId": "ursula"}),
        (
            "upsertCustomer",
            {"customerId": "ursula", "name": "Ursula", "email": "ursula@example.com"},
        ),
        ("issueLoyaltyCard", {"idempotencyKey": "i", "channel": "WEB", "number": "N"}),
        ("linkLoyaltyCard", {"idempotencyKey": "l", "number": "N", "customerId": "ursula"}),
        ("postSale", sale),
        ("postSale", club.sale_input(None, "5.00")),
        ("postReturn", back),
        ("blockLoyaltyCard", {"idempotencyKey": "b", "number": "N", "reason": "lost"}),
    ]
    for name, given in steps * 2:
        club.clock.advance(seconds=1)
        assert club.mutate(name, "userErrors { code }", given, "staff") == {"userErrors": []}
    rows = [*audited(club, audit), *audited(club, card_audit)]
    by_staff = [row.operation for row in rows if row.caller == "staff"]
    assert sorted(by_staff) == sorted(name for name, _ in steps)
    # A name that no digest in hexadecimal can spell.
    assert "ursula" not in str(rows).casefold()


def test_a_shopper_issues_one_plain_card_for_itself(club: Harness) -> None:
    club.customer("me")
    club.customer("you")
    me = "customer:me"

    def refused(**given: object) -> list[str]:
        return [error["code"] for error in club.try_issue(me, **given)["userErrors"]]

    assert refused(customerId="you") == ["FORBIDDEN"]
    assert refused(number="MINE") == ["FORBIDDEN"]
    assert refused(tenderType="AS_CONTACT_TENDER") == ["FORBIDDEN"]
    first = club.try_issue(me)
    assert first["card"]["number"] == "LC-00041"
    assert club.ask("{ me { loyaltyCards { number } } }", me)["me"]["loyaltyCards"] == [
        {"number": "LC-00041"}
    ]
    assert refused() == ["FORBIDDEN"]
    club.change_card("blockLoyaltyCard", me, number="LC-00041", reason="lost")
    assert refused() == []
    assert [e["code"] for e in club.try_issue("customer:nobody")["userErrors"]] == [
        "CUSTOMER_NOT_FOUND"
    ]


def test_nobody_without_a_credential_is_answered(club: Harness) -> None:
    response = club.client.post("/graphql", json={"query": "{ channels { code } }"})
    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    two = [("Authorization", f"Bearer {club.key('admin')}")] * 2
    response = club.client.post("/graphql", json={"query": "{ channels { code } }"}, headers=two)
    assert response.status_code in {400, 401}
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
