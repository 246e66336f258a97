"""Queued sales are posted together as they would be one after another."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

import resolvers.portions
from models.bulk_statements import change_facts_of_sales
from models.database import Database
from models.sale_statements import QueuedRow
from models.sales import pending_earning, sale, sale_fact
from models.statements import Statement
from models.transactions import Transaction
from resolvers import queued_earnings
from resolvers.bulk_sales import Known, post_sales_together
from resolvers.context import Context
from resolvers.portions import LONGEST
from tests.api.harness import Harness, line
from tests.api.program import Document, amount_rule, club_document, reward_points, scheme
from tests.api.test_batches import BATCHES
from tests.api.test_bulk import fresh_cards, kept, spoil
from tests.api.test_jobs import run
from tests.api.test_returns import taken


def program(*, maximum: bool = False, combine: bool = False) -> Document:
    """Tiers are won and count; rewards at the second and third purchase; an affiliation.

    No reward gives the point that is owed: of its lot and the sale's, equal in all that debt asks
    for, chance would say which it meets.
    """
    counted = {"trigger": "TRANSACTION_COUNT", "program": "CLUB"}
    document = club_document(
        schemes=[
            scheme(
                amount_rule(),
                amount_rule("silver", points=2, tier="SILVER"),
                amount_rule("veteran", points=3, affiliation="veteran", products=["P2"]),
                amount_rule("status", point="STAT"),
                amount_rule("cash", point="CASH", points="0.01"),
            )
        ],
        oneTimeRewards=[
            {"code": "second", "count": 2, "rewardPoint": "CASH", "points": 1, **counted},
            {"code": "third", "count": 3, "rewardPoint": "STAT", "points": 200, **counted},
        ],
        rewardPoints=[
            {**point, **({"maximumPerCard": 2} if maximum and point["code"] == "CASH" else {})}
            for point in reward_points(vesting={"value": 2, "unit": "DAY"})
        ],
        **BATCHES,
    )
    document["programs"][0]["combineRelatedLoyaltyCards"] = combine
    return document


class Sold(NamedTuple):
    """A sale on one of the cards, so many hours ago; what came back of it, so many minutes later;
    None: nothing.
    """

    card: int
    hours: int
    dollars: tuple[int, ...]
    veteran: bool
    back: int | None


SOLD = st.builds(
    Sold,
    st.integers(0, 5),
    st.integers(1, 24 * 6),
    st.lists(st.sampled_from([1, 20, 300]), min_size=1, max_size=3).map(tuple),
    st.booleans(),
    st.sampled_from([None, None, None, 0, 30, 3000]),
)


def sell(service: Harness, mine: Sequence[str], sales: Sequence[Sold], tag: str) -> None:
    """Sales and returns into the queue; no two of a card occur at one time, but for a sale and its
    return.
    """
    for place, sold in enumerate(sales):
        at = service.clock.now - timedelta(hours=sold.hours) + timedelta(seconds=place)
        card = mine[sold.card]
        service.sale(
            card,
            lines=[line(number + 1, price) for number, price in enumerate(sold.dollars)],
            transactionId=f"{tag}-{place}",
            occurredAt=at.isoformat(),
            **({"customerId": f"customer {card[1:]}"} if sold.card in {1, 2} else {}),
            **({"affiliations": ["veteran"]} if sold.veteran else {}),
        )
        if sold.back is not None:
            latest = service.clock.now - timedelta(seconds=len(sales) - place)
            until = min(at + timedelta(minutes=sold.back), latest)
            taken(service, f"{tag}-{place}", (1, "0.5"), occurredAt=until.isoformat())


async def stored_of(database: Database, tag: str) -> list[tuple[str, ...]]:
    """Facts and notes of the sales, and what failed of them."""

    def row(transaction_id: str, *values: object) -> tuple[str, ...]:
        return transaction_id.removeprefix(tag), *map(str, values)

    queued = sale.c.sale_key == pending_earning.c.sale_key
    statement = Statement(
        select(sale.c.transaction_id, sale_fact.c.facts, sale_fact.c.notes, pending_earning.c.error)
        .join_from(sale, sale_fact, sale.c.sale_key == sale_fact.c.sale_key)
        .outerjoin(pending_earning, queued)
        .where(sale.c.transaction_id.startswith(f"{tag}-")),
        row,
    )
    read = database.read()
    try:
        return sorted(await read.all(statement))
    finally:
        await read.close()


async def nothing_together(
    _context: Context, queued: Sequence[QueuedRow], _known: Known
) -> tuple[int, Sequence[QueuedRow]]:
    return 0, queued


@pytest.mark.parametrize(
    ("special", "longest"),
    [({}, LONGEST), ({}, 2), ({"maximum": True}, LONGEST), ({"combine": True}, LONGEST)],
)
def test_together_is_as_one_after_another(
    service: Harness, monkeypatch: pytest.MonkeyPatch, special: dict[str, bool], longest: int
) -> None:
    monkeypatch.setattr(resolvers.portions, "LONGEST", longest)
    service.apply(program(**special))
    service.clock.advance(days=1)

    @settings(max_examples=5, phases=[Phase.generate])
    @given(st.lists(SOLD, min_size=1, max_size=14))
    def same(sales: list[Sold]) -> None:
        sets = fresh_cards(service), fresh_cards(service)
        service.clock.advance(days=10)
        tag, done = service.fresh_key(), []
        for name, mine in zip("ab", sets, strict=True):
            sell(service, mine, sales, f"{tag}{name}")
            spoil(service, mine)
            with monkeypatch.context() as patched:
                if name == "a":
                    patched.setattr(queued_earnings, "post_sales_together", nothing_together)
                done.append(run(service, "POST_EARNED_POINTS"))
        # A return that comes before its sale of the same instant brings it along.
        assert [failed for _, failed in done] == [0, 0]
        assert kept(service, sets[0]) == kept(service, sets[1])
        stored = [service.wait(stored_of(service.database, f"{tag}{name}")) for name in "ab"]
        assert stored[0] == stored[1]

    same()


def test_no_unit_posts_many_sales_of_one_card(
    service: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database ends a connection that lets it wait for long, and the job would never go on."""
    monkeypatch.setattr(resolvers.portions, "LONGEST", 3)
    service.apply(club_document(**BATCHES))
    card = service.issue()
    for _ in range(8):
        service.sale(card, "20.00")
    units: list[int] = []

    async def counted(
        context: Context, queued: Sequence[QueuedRow], known: Known
    ) -> tuple[int, Sequence[QueuedRow]]:
        units.append(len(queued))
        return await post_sales_together(context, queued, known)

    monkeypatch.setattr(queued_earnings, "post_sales_together", counted)
    assert run(service, "POST_EARNED_POINTS") == (8, 0)
    assert units == [3, 3, 2]
    assert service.available(card) == "160"


def test_what_fails_stays_and_holds_up_nothing_else(
    service: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    service.apply(club_document(**BATCHES))
    cards = [service.issue() for _ in range(3)]
    for number, card in enumerate(cards):
        service.sale(card, "20.00", transactionId=f"S-{number}")

    async def broken(transaction: Transaction) -> None:
        key = Statement(select(sale.c.sale_key).where(sale.c.transaction_id == "S-1"), bytes)
        (found,) = await transaction.all(key)
        await transaction.change_many(change_facts_of_sales, [(found, "{}", "[]")])

    service.wait(service.database.unit(broken))
    assert run(service, "POST_EARNED_POINTS") == (2, 1)
    assert [service.available(card) for card in cards] == ["20", "0", "20"]
    errors = [row[-1] for row in service.wait(stored_of(service.database, "S"))]
    assert errors == ["None", "KeyError", "None"]
    service.sale(cards[0], "20.00")
    caplog.clear()
    assert run(service, "POST_EARNED_POINTS") == (1, 1)
    # What has failed before does not break the posting of the others together again.
    assert [one.message for one in caplog.records] == ["A job left an item for its next run."]


@pytest.mark.parametrize("engine", ["postgresql"])
def test_many_sales_cost_as_many_statements_as_few(service: Harness, sent: list[str]) -> None:
    service.apply(club_document(**BATCHES))
    numbers = [service.issue() for _ in range(60)]
    costs = []
    for count in (2, 60):
        for card in numbers[:count]:
            service.sale(card, "20.00")
        sent.clear()
        assert run(service, "POST_EARNED_POINTS") == (count, 0)
        costs.append(len(sent))
    # Inserts of some rows are one statement for each where they are not copied.
    assert costs[1] <= 60
