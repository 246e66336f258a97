"""The facts of a payment as JSON and back, exact: a later capture walks over what was stored.

Source: semantics 8.5.
"""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from rules.earning import CardFacts
from rules.tender import Item, TenderFacts


def facts_as_json(facts: TenderFacts) -> dict[str, Any]:
    """Give what `facts_from_json` reads: fractions as text, sets sorted."""
    return {
        "currency": facts.currency,
        "on": facts.on.isoformat(),
        "active": facts.card.active,
        "programs": sorted(facts.card.programs),
        "tiers": dict(facts.card.tiers),
        "affiliations": sorted(facts.affiliations),
        "items": [_item_as_json(item) for item in facts.items],
        "totalMinor": facts.total_minor,
    }


def facts_from_json(stored: Mapping[str, Any]) -> TenderFacts:
    return TenderFacts(
        currency=stored["currency"],
        on=date.fromisoformat(stored["on"]),
        card=CardFacts(
            active=stored["active"],
            programs=frozenset(stored["programs"]),
            tiers=dict(stored["tiers"]),
        ),
        affiliations=frozenset(stored["affiliations"]),
        items=tuple(_item_from_json(item) for item in stored["items"]),
        total_minor=stored["totalMinor"],
    )


def _item_as_json(item: Item) -> dict[str, Any]:
    return {
        "lineNumber": item.line_number,
        "goodsMinor": item.goods_minor,
        "chargesMinor": item.charges_minor,
        "quantity": str(item.quantity),
        "products": sorted(item.products),
        "categories": sorted(item.categories),
    }


def _item_from_json(stored: Mapping[str, Any]) -> Item:
    return Item(
        line_number=stored["lineNumber"],
        goods_minor=stored["goodsMinor"],
        charges_minor=stored["chargesMinor"],
        quantity=Fraction(stored["quantity"]),
        products=frozenset(stored["products"]),
        categories=frozenset(stored["categories"]),
    )
