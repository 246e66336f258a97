"""From a configuration document to the program it describes, or to all its faults.

Source: semantics 3.
"""

from rules import document_lists as lists
from rules import document_prices as prices
from rules import document_schemes as schemes
from rules.document_checks import check
from rules.document_reading import Codes, Faults, Item
from rules.errors import Refused
from rules.program import Configuration, Settings

Raw = dict[object, object]

_CODED_LISTS = (
    "numberSequences",
    "organizationNodes",
    "channels",
    "affiliations",
    "priceGroups",
    "rewardPoints",
    "dateIntervals",
    "programs",
    "activityTypes",
    "deliveryModes",
    "chargeCodes",
    "coupons",
)


def parse_document(raw: object) -> Configuration:
    """Read a document of dict, list, str, int, Decimal, bool and None, defaults filled in.

    A key with null is left out; a number is an int, a Decimal or ASCII text, never a float.
    Raises Refused with one ConfigurationInvalid for each fault of the document, its `field` the
    path from "document" on. Source: semantics 3.
    """
    faults = Faults()
    document = Item(raw, ("document",), faults, _codes(raw))
    configuration = _read(document)
    document.close()
    check(configuration, faults)
    if faults.errors:
        raise Refused(faults.errors)
    return configuration


def _read(document: Item) -> Configuration:
    return Configuration(
        settings=document.child("settings", lists.read_settings) or Settings(),
        exchange_rates=document.items("exchangeRates", lists.read_exchange_rate),
        number_sequences=document.items("numberSequences", lists.read_number_sequence),
        organization_nodes=document.items("organizationNodes", lists.read_organization_node),
        channels=document.items("channels", lists.read_channel),
        card_number_ranges=document.items("cardNumberRanges", lists.read_card_number_range),
        affiliations=document.items("affiliations", lists.read_affiliation),
        price_groups=document.items("priceGroups", lists.read_price_group),
        discounts=document.items("discounts", prices.read_discount),
        reward_points=document.items("rewardPoints", lists.read_reward_point),
        date_intervals=document.items("dateIntervals", lists.read_date_interval),
        programs=document.items("programs", lists.read_program),
        activity_types=document.items("activityTypes", lists.read_activity_type),
        schemes=document.items("schemes", schemes.read_scheme),
        one_time_rewards=document.items("oneTimeRewards", schemes.read_one_time_reward),
        delivery_modes=document.items("deliveryModes", prices.read_delivery_mode),
        charge_codes=document.items("chargeCodes", prices.read_charge_code),
        auto_charges=document.items("autoCharges", prices.read_auto_charge),
        coupons=document.items("coupons", prices.read_coupon),
        shipping_threshold_discounts=document.items(
            "shippingThresholdDiscounts", prices.read_shipping_threshold_discount
        ),
    )


def _codes(raw: object) -> Codes:
    """Every code an item claims, so that a reference to an item at fault is no fault of its own."""
    document = raw if isinstance(raw, dict) else {}
    items = {name: _items(document, name) for name in _CODED_LISTS}
    for code, program in (items["programs"] or {}).items():
        items[f"tiers/{code}"] = _items(program, "tiers")
    return {name: frozenset(found) for name, found in items.items() if found is not None}


def _items(parent: Raw, key: str) -> dict[str, Raw] | None:
    items = parent.get(key)
    if items is not None and not isinstance(items, list):
        return None
    return {
        item["code"]: item
        for item in items or []
        if isinstance(item, dict) and isinstance(item.get("code"), str)
    }
