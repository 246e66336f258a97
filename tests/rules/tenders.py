"""Carts, rules and points to pay with, as tests need them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from rules.book import RuleBook
from rules.compiling import compile_book
from rules.document import parse_document
from rules.earning import CardFacts
from rules.paying import Cover, Item, Tender, TenderFacts, tender
from rules.program import RedemptionLimits, RedemptionRule, Scheme
from rules.program_terms import RedemptionReward

DAY = date(2025, 6, 15)
BOOK: RuleBook = compile_book(
    1,
    None,
    parse_document(
        {
            "exchangeRates": [
                {"from": "EUR", "to": "USD", "rate": "1.10"},
                {"from": "USD", "to": "JPY", "rate": "151.37"},
                {"from": "EUR", "to": "JPY", "rate": "163.2"},
            ],
            "rewardPoints": [
                {"code": "PTS", "kind": "QUANTITY", "redeemable": True, "redeemRanking": 1},
                {
                    "code": "CASH",
                    "kind": "AMOUNT",
                    "currency": "USD",
                    "redeemable": True,
                    "redeemRanking": 2,
                },
            ],
        }
    ),
)
HUNDRED = RedemptionRule(
    code="hundred",
    reward=RedemptionReward.PAYMENT_BY_AMOUNT,
    reward_point="PTS",
    points=Decimal(100),
    pays=Decimal(1),
    currency="USD",
    whole_units_only=False,
    tier=None,
    affiliation=None,
    categories=(),
    products=(),
    valid_from=None,
    valid_to=None,
)
CASH = replace(HUNDRED, code="cash", reward_point="CASH", points=Decimal(1))
COFFEE = replace(
    HUNDRED,
    code="coffee",
    reward=RedemptionReward.PAYMENT_BY_QUANTITY,
    currency=None,
    categories=("Coffee",),
)
NO_LIMITS = RedemptionLimits(Decimal(0), 1, Decimal(100))
MEMBER = CardFacts(active=True, programs=frozenset({"CLUB"}), tiers={"CLUB": "MEMBER"})


def scheme(
    *rules: RedemptionRule, limits: RedemptionLimits = NO_LIMITS, program: str = "CLUB"
) -> Scheme:
    return Scheme("S", program, ("WEB",), (), (), (), limits, rules)


def line(
    number: int, goods_minor: int, *categories: str, charges_minor: int = 0, quantity: str = "1"
) -> Item:
    return Item(
        number,
        goods_minor,
        charges_minor,
        Fraction(quantity),
        frozenset({f"P{number}"}),
        frozenset(categories),
    )


def order_charges(charges_minor: int) -> Item:
    return Item(None, 0, charges_minor)


def facts(*items: Item, currency: str = "USD") -> TenderFacts:
    total_minor = sum(item.goods_minor + item.charges_minor for item in items)
    return TenderFacts(currency, DAY, MEMBER, frozenset(), items, total_minor)


def asked(
    items: Sequence[Item],
    *rules: RedemptionRule,
    limits: RedemptionLimits = NO_LIMITS,
    currency: str = "USD",
    book: RuleBook = BOOK,
) -> Tender:
    return tender(facts(*items, currency=currency), book, [scheme(*rules, limits=limits)])


def taken(found: Cover) -> Mapping[str, int]:
    return {code: found.points_units(code) for code in found.reward_points}


def paid(found: Cover) -> list[tuple[str, int | None, int, int]]:
    return [(s.reward_point, s.line_number, s.points_units, s.amount_minor) for s in found.slices]
