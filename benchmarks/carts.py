"""A cart of 200 lines under a program of 10 and of 5,000 rules, in one run, on both engines.

`make bench` prints the medians of whole GraphQL answers (a storefront's cart page: lines, prices,
charges, earnings, what points can pay, shipping offers) and their ratio; then the same with
`earningNotes`, which has a row for every rule that gives nothing. Both programs have the same ten
rules that apply; the others are for other products and categories, tiers and affiliations that are
not held, or seasons that are over. Discounts and redemption rules are as many.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from app import create_app
from models.schema_version import migrate
from resolvers import adjustments, configurations, issuing
from resolvers.adjustments import Adjust
from resolvers.callers import Caller, Role
from resolvers.configurations import Apply
from resolvers.context import Service, open_context
from resolvers.issuing import Issue
from resolvers.keys import create_key
from settings import read_settings
from tests.databases import Cluster, server

SIZES = (10, 5_000)
LINES = 200
READS = 15
ROUNDS = 5
NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)

PAGE = """query($input: CartInput!) { cart(input: $input) {
  lines { lineNumber netAmount { amount } discounts { code amount { amount } } }
  charges { code amount { amount } description } total { amount } balanceDue { amount }
  earnings { rewardPoint { code } points explanation { rule formula } }
  loyaltyTender { amountCovered { amount } points { points } }
  shippingOffers { qualifyingAmount { amount } amountToNext { amount } } NOTES } }"""
NOTES = "earningNotes { code scheme rule }"


def others(count: int) -> Iterator[dict[str, Any]]:
    """What keeps so many rules from applying, in turns."""
    kinds: list[Any] = [
        lambda place: {"products": [f"OTHER-{place}"]},
        lambda place: {"categories": [f"Other-{place % 500}"]},
        lambda _: {"tier": "GOLD"},
        lambda place: {"affiliation": f"group-{place % 100}"},
        lambda place: {"validTo": f"{2000 + place % 20}-06-30"},
    ]
    for place in range(count):
        yield {"code": f"other-{place}", **kinds[place % len(kinds)](place)}


def rules(size: int) -> Iterator[dict[str, Any]]:
    """Ten that apply to some or all of the lines, and others."""
    yield {"code": "base"}
    yield from ({"code": f"own-{place}", "products": [f"P{place}"]} for place in range(1, 5))
    yield from ({"code": f"kind-{place}", "categories": [f"C{place}"]} for place in range(5))
    yield from others(size - 10)


def discounts(size: int) -> Iterator[dict[str, Any]]:
    """For a discount the tier and the affiliation are price groups that nobody opens."""
    for rule in rules(size):
        group = {"priceGroups": ["SHUT"]} if {"tier", "affiliation"} & rule.keys() else {}
        kept = {name: value for name, value in rule.items() if name not in {"tier", "affiliation"}}
        yield {**kept, **group, "percentOff": 5}


def channel() -> dict[str, Any]:
    return {
        "code": "WEB",
        "kind": "ONLINE",
        "currency": "USD",
        "timeZone": "UTC",
        "legalEntity": "B",
        "loyaltyPayment": True,
    }


def tiers() -> list[dict[str, Any]]:
    level = {"rewardPoint": "PTS", "evaluation": "YEAR"}
    return [
        {
            "code": "MEMBER",
            "level": 1,
            "validity": "YEAR",
            "rules": [{**level, "minimumPoints": 0}],
        },
        {
            "code": "GOLD",
            "level": 2,
            "validity": "YEAR",
            "rules": [{**level, "minimumPoints": 10**9}],
        },
    ]


def document(size: int) -> dict[str, Any]:
    amount = {"activity": "PURCHASE_BY_AMOUNT", "currency": "USD", "rewardPoint": "PTS"}
    paying = {"reward": "PAYMENT_BY_AMOUNT", "rewardPoint": "PTS", "pays": 1, "currency": "USD"}
    return {
        "channels": [channel()],
        "affiliations": [{"code": f"group-{place}"} for place in range(100)],
        "priceGroups": [{"code": "SHUT"}],
        "rewardPoints": [{"code": "PTS", "kind": "QUANTITY", "redeemable": True}],
        "dateIntervals": [{"code": "YEAR", "start": {"anchor": "TODAY"}}],
        "programs": [{"code": "CLUB", "tiers": tiers()}],
        "discounts": list(discounts(size)),
        "schemes": [
            {
                "code": "S",
                "program": "CLUB",
                "channels": ["WEB"],
                "earningRules": [{**amount, **rule, "points": 1} for rule in rules(size)],
                "redemptionRules": [{**paying, **rule, "points": 100} for rule in rules(size)],
            }
        ],
        "deliveryModes": [{"code": "TWO_DAY"}],
        "chargeCodes": [{"code": "FREIGHT", "shipping": True}],
        "autoCharges": [
            {"level": "HEADER", "chargeCode": "FREIGHT", "currency": "USD", "amount": 8}
        ],
        "shippingThresholdDiscounts": [
            {
                "code": "PROMO",
                "deliveryMode": "TWO_DAY",
                "currency": "USD",
                "thresholds": [{"amount": 35, "percentOff": 50}],
            }
        ],
    }


def cart() -> dict[str, Any]:
    lines = [
        {
            "lineNumber": number,
            "productId": f"P{number}",
            "categories": [f"C{number % 10}", "All"],
            "quantity": "2",
            "unitPrice": "12.50",
        }
        for number in range(1, LINES + 1)
    ]
    head = {"channel": "WEB", "currency": "USD", "cardNumber": "B1", "deliveryMode": "TWO_DAY"}
    return {**head, "lines": lines}


class Side:
    """One program in a database of its own, behind the application."""

    def __init__(self, url: str) -> None:
        app = create_app(read_settings({"LOYALTY_DATABASE_URL": url}), lambda: NOW)
        self.service: Service = app.state.service
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://cart", timeout=60
        )

    async def prepare(self, size: int) -> None:
        caller = Caller(Role.ADMIN, "benchmark")
        context = await open_context(self.service, caller, "benchmark")
        await configurations.apply(context, Apply(document(size), None, None, process=True))
        await issuing.issue(context, "card", Issue("WEB", "B1"))
        await adjustments.adjust(context, "points", Adjust("B1", "PTS", Decimal(100_000), "b"))
        await context.read.close()
        key = await create_key(self.service.database, Role.STAFF, "benchmark")
        self.client.headers["Authorization"] = f"Bearer {key}"

    async def answer(self, query: str) -> dict[str, Any]:
        sent = {"query": query, "variables": {"input": cart()}}
        body: dict[str, Any] = (await self.client.post("/graphql", json=sent)).json()
        if "errors" in body:
            raise AssertionError(body["errors"])
        found: dict[str, Any] = body["data"]["cart"]
        return found

    async def median_ms(self, query: str) -> float:
        times = []
        for _ in range(READS):
            began = time.perf_counter_ns()
            await self.answer(query)
            times.append((time.perf_counter_ns() - began) / 1e6)
        return statistics.median(times)

    async def close(self) -> None:
        await self.client.aclose()
        await self.service.database.dispose()


async def measure(sides: dict[int, Side], query: str) -> dict[int, float]:
    """Milliseconds of one answer, the median of the rounds' medians, programs taking turns."""
    rounds: dict[int, list[float]] = {size: [] for size in sides}
    for _ in range(ROUNDS):
        for size, side in sides.items():
            rounds[size].append(await side.median_ms(query))
    return {size: statistics.median(found) for size, found in rounds.items()}


async def run(name: str, urls: dict[int, str]) -> None:
    for url in urls.values():
        await asyncio.to_thread(migrate, url)
    sides = {size: Side(url) for size, url in urls.items()}
    try:
        shown = []
        for size, side in sides.items():
            await side.prepare(size)
            shown.append(await side.answer(PAGE.replace("NOTES", "")))
        if shown[0] != shown[1]:
            raise AssertionError("rules that cannot apply changed the cart")
        for title, notes in (("cart page", ""), ("with earningNotes", NOTES)):
            found = await measure(sides, PAGE.replace("NOTES", notes))
            small, large = (found[size] for size in SIZES)
            print(
                f"{name}: {title}, {LINES} lines, {SIZES[0]} rules {small:.1f} ms, "
                f"{SIZES[1]:,} rules {large:.1f} ms, ratio {large / small:.2f}"
            )
    finally:
        for side in sides.values():
            await side.close()


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        urls = {size: f"sqlite:///{Path(directory) / f'{size}.db'}" for size in SIZES}
        asyncio.run(run("SQLite", urls))
    with (
        server() as address,
        Cluster(address).connected() as cluster,
        cluster.database() as small,
        cluster.database() as large,
    ):
        asyncio.run(run("PostgreSQL", dict(zip(SIZES, (small, large), strict=True))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
