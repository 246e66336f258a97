"""The configuration that the examples of semantics.md take for granted, and small ways to vary
it.
"""

from typing import Any

Document = dict[str, Any]

PAST_YEAR = {
    "code": "PAST_YEAR",
    "start": {"anchor": "TODAY", "shift": {"value": -1, "unit": "YEAR"}},
    "end": {"anchor": "TODAY"},
}
NEXT_YEAR = {
    "code": "NEXT_YEAR",
    "start": {"anchor": "TODAY"},
    "end": {"anchor": "TODAY", "shift": {"value": 1, "unit": "YEAR"}},
}


def tier(code: str, level: int, minimum: int, **more: Any) -> Document:
    rule = {"rewardPoint": "STAT", "minimumPoints": minimum, "evaluation": "PAST_YEAR"}
    return {"code": code, "level": level, "validity": "NEXT_YEAR", "rules": [rule], **more}


def amount_rule(code: str = "base", point: str = "PTS", points: Any = 1, **more: Any) -> Document:
    """So many points for each dollar."""
    return {
        "code": code,
        "activity": "PURCHASE_BY_AMOUNT",
        "per": 1,
        "currency": "USD",
        "rewardPoint": point,
        "points": points,
        **more,
    }


def pay_rule(code: str = "pay", point: str = "PTS", points: Any = 100, **more: Any) -> Document:
    return {
        "code": code,
        "reward": "PAYMENT_BY_AMOUNT",
        "rewardPoint": point,
        "points": points,
        "pays": 1,
        "currency": "USD",
        **more,
    }


def scheme(*rules: Document, code: str = "CLUB-US", **more: Any) -> Document:
    return {
        "code": code,
        "program": "CLUB",
        "channels": ["WEB"],
        "earningRules": list(rules),
        **more,
    }


def channel(code: str = "WEB", **more: Any) -> Document:
    return {
        "code": code,
        "name": code,
        "kind": "ONLINE",
        "currency": "USD",
        "timeZone": "America/New_York",
        "legalEntity": "USRT",
        "numberSequence": "LOYALTY",
        "loyaltyPayment": True,
        **more,
    }


def reward_points(**pts: Any) -> list[Document]:
    return [
        {"code": "PTS", "kind": "QUANTITY", "redeemable": True, "redeemRanking": 1, **pts},
        {
            "code": "CASH",
            "kind": "AMOUNT",
            "currency": "USD",
            "redeemable": True,
            "redeemRanking": 2,
        },
        {"code": "STAT", "kind": "QUANTITY"},
    ]


def club_document(*rules: Document, **more: Any) -> Document:
    """Program CLUB with MEMBER, SILVER and GOLD on channel WEB; `rules` are those of its one
    scheme.
    """
    return {
        "numberSequences": [{"code": "LOYALTY", "format": "LC-#####", "next": 41}],
        "channels": [channel()],
        "affiliations": [
            {"code": "veteran"},
            {"code": "wholesale"},
            {"code": "employee", "hideInChannels": True},
        ],
        "rewardPoints": reward_points(),
        "dateIntervals": [PAST_YEAR, NEXT_YEAR],
        "programs": [
            {
                "code": "CLUB",
                "tiers": [tier("MEMBER", 1, 0), tier("SILVER", 2, 500), tier("GOLD", 3, 1000)],
            }
        ],
        "schemes": [scheme(*(rules or (amount_rule(),)))],
        **more,
    }
