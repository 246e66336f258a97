"""The configuration that the examples of semantics 10 take for granted, and what is asked of it."""

from typing import Any

from tests.api.harness import Harness, line
from tests.api.program import Document, amount_rule, channel, club_document, pay_rule, scheme, tier

CART = """query($input: CartInput!) { cart(input: $input) {
  userErrors { code field }
  priceGroups
  lines { lineNumber grossAmount { amount } netAmount { amount }
    discounts { code name amount { amount } priceGroup } }
  charges { code description lineNumber isShipping originalAmount { amount } amount { amount }
    discounts { code } }
  subtotal { amount } discountTotal { amount } chargeTotal { amount } taxTotal { amount }
  total { amount } balanceDue { amount }
  earnings { rewardPoint { code } points lines { lineNumber points } }
  earningNotes { code scheme rule }
  loyaltyTender { amountCovered { amount currencyCode } points { points } refusal { code } }
  shippingOffers { discount { code } deliveryMode qualifyingAmount { amount } currentPercentOff
    saved { amount } next { amount { amount } percentOff } amountToNext { amount } } } }"""

APPAREL5 = {
    "code": "LOY5",
    "name": "5 % off apparel",
    "percentOff": 5,
    "categories": ["Apparel"],
    "priceGroups": ["LOY"],
}
APPAREL10 = {
    "code": "LOYG10",
    "name": "10 % off apparel",
    "percentOff": 10,
    "categories": ["Apparel"],
    "priceGroups": ["LOYG"],
}
PROMO = {
    "code": "TWODAY-PROMO",
    "name": "Two-day promo",
    "deliveryMode": "TWO_DAY",
    "currency": "USD",
    "thresholds": [{"amount": 35, "percentOff": 50}, {"amount": 75, "percentOff": 100}],
}
AUTO_CHARGES = [
    {
        "level": "LINE",
        "deliveryMode": "TWO_DAY",
        "chargeCode": "FREIGHT",
        "currency": "USD",
        "amount": 8,
    },
    {
        "level": "HEADER",
        "deliveryMode": "STANDARD",
        "chargeCode": "FREIGHT",
        "currency": "USD",
        "amount": 5,
        "fromAmount": 0,
        "toAmount": 100,
    },
]


def shop(**more: Any) -> Document:
    """CLUB opens LOY and GOLD opens LOYG; delivery modes, charge codes, and one point a dollar."""
    tiers = [
        tier("MEMBER", 1, 0),
        tier("SILVER", 2, 500),
        tier("GOLD", 3, 1000, priceGroups=["LOYG"]),
    ]
    paying = scheme(amount_rule(), redemptionRules=[pay_rule()])
    return club_document(
        **{
            "schemes": [paying],
            "channels": [channel(kind="STORE")],
            "priceGroups": [{"code": "LOY", "priority": 0}, {"code": "LOYG"}, {"code": "STAFF"}],
            "affiliations": [
                {"code": "veteran"},
                {"code": "employee", "hideInChannels": True, "priceGroups": ["STAFF"]},
            ],
            "programs": [{"code": "CLUB", "priceGroups": ["LOY"], "tiers": tiers}],
            "deliveryModes": [{"code": "TWO_DAY"}, {"code": "STANDARD"}],
            "chargeCodes": [
                {"code": "FREIGHT", "name": "Freight", "shipping": True},
                {"code": "HANDLING", "name": "Handling"},
            ],
            **more,
        }
    )


def cart(*lines: Any, **more: Any) -> dict[str, Any]:
    return {"channel": "WEB", "currency": "USD", "lines": list(lines), **more}


def apparel(price: Any, number: int = 1, **more: Any) -> dict[str, Any]:
    return line(number, price, categories=["Apparel"], **more)


def charge(code: str, amount: str, number: int | None = None, **more: Any) -> dict[str, Any]:
    return {"code": code, "amount": amount, "lineNumber": number, **more}


def shown(service: Harness, given: Any, caller: str = "admin", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = service.ask(CART, caller, input={**given, **more})["cart"]
    return found


def amounts(found: Any) -> list[str]:
    """What each charge comes to."""
    return [one["amount"]["amount"] for one in found["charges"]]


def total(found: Any, name: str = "total") -> str:
    amount: str = found[name]["amount"]
    return amount


def offers(found: Any) -> list[tuple[Any, ...]]:
    """(code, qualifying, per cent now, saved, next amount, to next) of each offer."""
    return [
        (
            one["discount"]["code"],
            one["qualifyingAmount"]["amount"],
            one["currentPercentOff"],
            one["saved"]["amount"],
            one["next"] and (one["next"]["amount"]["amount"], one["next"]["percentOff"]),
            one["amountToNext"]["amount"],
        )
        for one in found["shippingOffers"]
    ]
