"""What the pages for developers show is what the service answers: every request, every answer."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app import BULK
from resolvers.documents import load_document
from settings import Settings
from tests.api.harness import Harness
from tests.api.test_points import adjust, codes

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(graphql|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAYMENT = "<payment>"
LINE = "<line>"


def steps(page: str) -> list[tuple[str, Any]]:
    """(request, answer) in the order of the page."""
    blocks = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    kinds = [kind for kind, _ in blocks]
    assert kinds == ["graphql", "json"] * (len(kinds) // 2)
    return [
        (request, json.loads(answer))
        for (_, request), (_, answer) in zip(blocks[::2], blocks[1::2], strict=True)
    ]


def told(value: Any, ids: dict[str, str | None]) -> Any:
    """The answer as a page can show it: ids, by what the page calls them, differ each time."""
    shown = json.dumps(value, default=str)
    for name, found in ids.items():
        shown = shown.replace(f'"{found}"', f'"{name}"')
    return json.loads(shown)


@pytest.fixture
def shop(service: Harness) -> Harness:
    document: Any = load_document((DOCS / "configuration.example.yaml").read_text(encoding="utf-8"))
    document["settings"]["earnOnRedeemSale"] = "REMAINDER"
    service.clock.set("2026-01-05")
    service.apply(json.loads(json.dumps(document, default=str)))
    card = service.issue()
    assert card == "LC-00041"
    assert codes(adjust(service, card, 1000)) == []
    service.clock.set("2026-03-02T15:00:00Z")
    service.key("storefront", "shop", channels={"WEB"})
    return service


def test_the_page_of_the_checkout_is_true(shop: Harness) -> None:
    payment: str | None = None
    for request, answer in steps("checkout.md"):
        shop.clock.advance(minutes=5)
        given = {"payment": payment} if "$payment" in request else {}
        found = shop.send(request, shop.key("storefront", "shop"), given)
        assert found.errors == []
        paid = found.get("payWithLoyalty", {}).get("payment")
        payment = paid["id"] if paid else payment
        assert told(found, {PAYMENT: payment}) == answer


def test_the_page_of_activities_is_true(shop: Harness) -> None:
    line: str | None = None
    types = {"SURVEY", "WORKSHOP"}
    keys = {
        "partner": shop.key("partner", "feedback.example", channels={"WEB"}, activity_types=types),
        "staff": shop.key("staff", "reviewer"),
    }
    for request, answer in steps("activities.md"):
        shop.clock.advance(minutes=5)
        # What partners may not do stands on the page as what staff do.
        reviewing = "rejectActivityLines" in request or "postActivityLines" in request
        credential = keys["staff" if reviewing else "partner"]
        found = shop.send(request, credential, {"line": line} if "$line" in request else {})
        assert found.errors == []
        made = found.get("createActivityLines", {}).get("lines")
        line = made[0]["id"] if made else line
        assert told(found, {LINE: line}) == answer


def test_the_page_of_operators_has_every_setting_and_every_bulk_operation() -> None:
    page = (DOCS / "operating.md").read_text(encoding="utf-8")
    assert [one.name for one in fields(Settings) if f"LOYALTY_{one.name.upper()}" not in page] == []
    of_configurations = {"planConfiguration", "applyConfiguration", "processLoyaltySchemes"}
    assert [name for name in sorted(BULK - of_configurations) if f"`{name}`" not in page] == []
