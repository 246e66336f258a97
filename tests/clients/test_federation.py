"""The service is a subgraph: it composes with a neighbour that has its own PageInfo and Money, and
gateways answer from both.
"""

import json

from tests.api.harness import Harness
from tests.api.program import amount_rule, club_document, pay_rule, scheme
from tests.clients.conftest import run


def order(number: int, name: str) -> dict[str, object]:
    card = {
        "number": f"N{number}",
        "status": "ACTIVE",
        "balance": {"available": f"{number}0", "value": {"amount": f"0.{number}0"}},
    }
    customer = {"customerId": f"c{number}", "name": name, "orderCount": 1}
    return {"orderId": f"O{number}", "card": card, "customer": customer}


UNKNOWN = {
    "orderId": "O3",
    "card": None,
    "customer": {"customerId": "c3", "name": None, "orderCount": 1},
}
TOLD = {
    "fromOrders": {
        "data": {"orders": [order(1, "Ann"), order(2, "Bob"), UNKNOWN]},
        # One call for all cards and one for all customers, by their keys.
        "representations": [3, 3],
    },
    "fromLoyalty": {
        "data": {
            "loyaltyCard": {
                "status": "ACTIVE",
                "transactions": {"pageInfo": {"hasNextPage": False}, "nodes": [{"points": "10"}]},
                "orders": {
                    "pageInfo": {"hasNextPage": False},
                    "nodes": [{"total": {"amount": "1.50", "currencyCode": "USD"}}],
                },
            }
        },
        "representations": [0],
    },
}


def test_both_composers_take_it_and_gateways_answer_from_it(node: str, service: Harness) -> None:
    service.apply(club_document(schemes=[scheme(amount_rule(), redemptionRules=[pay_rule()])]))
    for number, name in ((1, "Ann"), (2, "Bob")):
        service.customer(f"c{number}", name=name)
        service.issue(f"N{number}", customerId=f"c{number}")
        service.sale(f"N{number}", f"{number}0.00", customerId=f"c{number}")
    told = run(node, "federation/run.mjs", f"{service.url}/graphql", service.credential("staff"))
    assert json.loads(told) == {"apollo": TOLD, "guild": TOLD}
