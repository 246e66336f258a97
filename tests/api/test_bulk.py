"""Lines of the journal are posted together as they would be one after another."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

import resolvers.portions
from models.card_statements import EventRow
from models.cards import outbox
from models.columns import IDENTIFIER, ORDERED, metadata
from models.database import Database
from models.statements import KeyedStatement, among
from resolvers.outbox import events_of
from resolvers.portions import LONGEST
from tests.api.activities import activity_program, activity_rule
from tests.api.harness import Harness, running
from tests.api.program import Document, reward_points, tier
from tests.api.test_idempotency import held
from tests.api.test_jobs import slow_down
from tests.api.test_points import adjust
from tests.api.test_replacing import replaced

# What a posting writes of a card, and what of it chance made or the card's own names.
TABLES = (
    *("ledger_entry", "lot_remainder", "allocation", "debt", "operation", "outbox"),
    *("balance", "points_day", "countable_day", "tier_row", "activity_day", "activity_post"),
    *("card_reward", "card_counter"),
)
CHANCE = frozenset(
    {
        *("card_id", "entry_id", "lot_id", "op_id", "event_id", "tier_row_id", "prev_hash"),
        *(
            "entry_hash",
            "payload",
            "activity_id",
            "activity_key",
            "reward_id",
            "scope",
            "adjustment_id",
            "transaction_id",
            # Of lines alone.
            "reviewed_by",
        ),
    }
)
VISIT, QUIZ, EVENT, MEET = "VISIT", "QUIZ", "EVENT", "MEET"
KINDS = (VISIT, QUIZ, EVENT, MEET)


def program(*, combine: bool, maximum: int | None = 2, event: int = 300) -> Document:
    """With a maximum, a limit, tiers that are won and count, a reward, an affiliation."""
    of_cash = {} if maximum is None else {"maximumPerCard": maximum}
    document = activity_program(
        activity_rule("visit", activityType=VISIT),
        activity_rule("veteran", 7, activityType=VISIT, affiliation="veteran"),
        activity_rule("cash", "0.50", activityType=VISIT, rewardPoint="CASH"),
        activity_rule("quiz", 10, activityType=QUIZ),
        activity_rule("silver", 5, activityType=QUIZ, tier="SILVER"),
        activity_rule("event", event, activityType=EVENT, rewardPoint="STAT"),
        activity_rule("meet", 3, activityType=MEET),
        types=[
            {"code": VISIT},
            {"code": QUIZ, "limit": {"count": 2, "per": {"value": 3, "unit": "DAY"}}},
            {"code": EVENT},
            {"code": MEET},
        ],
        oneTimeRewards=[
            {
                "code": "regular",
                "trigger": "ACTIVITY_COUNT",
                "activityType": MEET,
                "count": 2,
                "program": "CLUB",
                "rewardPoint": "PTS",
                "points": 50,
            }
        ],
        rewardPoints=[
            {**point, **(of_cash if point["code"] == "CASH" else {})}
            for point in reward_points(vesting={"value": 2, "unit": "DAY"})
        ],
    )
    document["programs"][0]["combineRelatedLoyaltyCards"] = combine
    document["programs"].append(
        {"code": "PLUS", "tiers": [tier("BASE", 1, 0), tier("TOP", 2, 900)]}
    )
    return document


class Done(NamedTuple):
    """An activity on one of the cards, so many hours ago."""

    card: int
    kind: str
    hours: int
    veteran: bool


def cards(service: Harness) -> list[str]:
    """A plain one, two of one customer, one in debt, one blocked, one that was replaced."""
    mine = fresh_cards(service)
    spoil(service, mine)
    return mine


def fresh_cards(service: Harness) -> list[str]:
    tag = service.fresh_key()
    customer = service.customer(f"customer {tag}", affiliations=["veteran"])
    plain = service.issue(f"P{tag}")
    own = [service.issue(f"{name}{tag}", customerId=customer) for name in "AB"]
    owing = service.issue(f"D{tag}")
    assert adjust(service, owing, -30, force=True)["userErrors"] == []
    return [plain, *own, owing, service.issue(f"X{tag}"), service.issue(f"O{tag}")]


def spoil(service: Harness, mine: Sequence[str]) -> None:
    *_, blocked, old = mine
    service.change_card("blockLoyaltyCard", number=blocked, reason="lost")
    replaced(service, old, by=f"N{old}")


def _reading(name: str) -> KeyedStatement[list[tuple[UUID, dict[str, str]]]]:
    """Rows of the table by card, less what chance made."""
    table = metadata.tables[name]
    names = [column.name for column in table.columns]

    def plain(values: Sequence[Any]) -> tuple[UUID, dict[str, str]]:
        told = dict(zip(names, values, strict=True))
        kept = {each: str(value) for each, value in told.items() if each not in CHANCE}
        return told["card_id"], kept

    def rows(*values: Any) -> list[tuple[UUID, dict[str, str]]]:
        # How many events share a row is nobody's business.
        told = events_of(EventRow(*values)) if table is outbox else [values]
        return [*map(plain, told)]

    return KeyedStatement(
        lambda keys: select(table).where(among(table.c.card_id, keys)), rows, IDENTIFIER
    )


READINGS = {name: _reading(name) for name in TABLES}
OWN = KeyedStatement(
    lambda keys: select(
        metadata.tables["card"].c.number,
        metadata.tables["card"].c.card_id,
        metadata.tables["card"].c.replaced_by,
    ).where(among(metadata.tables["card"].c.number, keys)),
    lambda *values: values,
    ORDERED,
)


async def _kept(database: Database, numbers: Sequence[str]) -> list[dict[str, list[str]]]:
    read = database.read()
    try:
        ids = {number: {*both} - {None} for number, *both in await read.each(OWN, numbers)}
        keys = sorted({one for both in ids.values() for one in both})
        found = {name: await read.each(READINGS[name], keys) for name in TABLES}
    finally:
        await read.close()
    return [
        {
            name: sorted(
                str(row) for rows in read for card_id, row in rows if card_id in ids[number]
            )
            for name, read in found.items()
        }
        for number in numbers
    ]


def kept(service: Harness, numbers: Sequence[str]) -> list[dict[str, list[str]]]:
    """The rows of each card and of the card that took its place."""
    return service.wait(_kept(service.database, numbers))


def post(service: Harness, mine: Sequence[str], activities: Sequence[Done], tag: str) -> None:
    """In real time, one after another in the order in which they occurred."""
    for place, given_input in enumerate(inputs(service, mine, activities, tag)):
        payload = service.mutate("postNonTransactionalActivity", "userErrors { code }", given_input)
        assert len(payload["userErrors"]) <= 1, place


def inputs(
    service: Harness, mine: Sequence[str], activities: Sequence[Done], tag: str
) -> list[dict[str, Any]]:
    """No two occur at one time, so that the order is the same for all."""
    ordered = sorted(enumerate(activities), key=lambda one: (-one[1].hours, one[0]))
    return [
        {
            "channel": "WEB",
            "cardNumber": mine[done.card],
            "activityType": done.kind,
            "activityId": f"{tag}-{place}",
            "occurredAt": (
                service.clock.now - timedelta(hours=done.hours) + timedelta(seconds=place)
            ).isoformat(),
            **({"affiliation": "veteran"} if done.veteran else {}),
        }
        for place, done in ordered
    ]


def post_as_lines(
    service: Harness, mine: Sequence[str], activities: Sequence[Done], tag: str
) -> None:
    created = service.mutate(
        "createActivityLines",
        "userErrors { code field }",
        {"lines": inputs(service, mine, activities, tag)},
    )
    assert created["userErrors"] == []
    service.mutate("postActivityLines", "posted failed userErrors { code }", {"ids": None})


DONE = st.builds(
    Done, st.integers(0, 5), st.sampled_from(KINDS), st.integers(1, 24 * 6), st.booleans()
)
# The same again and again: what is alike is posted at one go.
BURSTS = st.lists(st.tuples(DONE, st.sampled_from([1, 1, 3, 10])), min_size=1, max_size=8).map(
    lambda bursts: [done for done, times in bursts for _ in range(times)]
)


@pytest.mark.parametrize("engine", ["postgresql"])
def test_many_lines_cost_as_many_statements_as_few(service: Harness, sent: list[str]) -> None:
    service.apply(program(combine=False))
    numbers = [service.issue() for _ in range(60)]
    service.clock.advance(days=10)
    costs = []
    for count in (2, 60):
        tag = service.fresh_key()
        every = [Done(place, VISIT, 1, veteran=False) for place in range(count)]
        created = service.mutate(
            "createActivityLines",
            "lines { id } userErrors { code }",
            {"lines": inputs(service, numbers, every, tag)},
        )
        ids = [line["id"] for line in created["lines"]]
        sent.clear()
        posted = service.mutate(
            "postActivityLines", "posted failed userErrors { code }", {"ids": ids}
        )
        assert (posted["posted"], posted["failed"]) == (count, 0)
        costs.append(len([text for text in sent if "pragma" not in text.lower()]))
    # Inserts of some rows are one statement for each where they are not copied.
    assert costs[1] <= 60


def join(service: Harness, card: str) -> None:
    """Enrol the card in PLUS since three days ago, with a count before and after that day."""
    day = (service.clock.now - timedelta(days=3)).date().isoformat()
    given = {"number": card, "program": "PLUS", "startDate": day}
    assert service.change_card("enrollLoyaltyCard", **given)["userErrors"] == []
    for days, points in ((9, 600), (1, 50)):
        at = (service.clock.now - timedelta(days=days)).isoformat()
        counted = {"rewardPoint": "STAT", "occurredAt": at}
        assert adjust(service, card, points, **counted)["userErrors"] == []


def test_a_tier_won_after_a_later_enrolment_is_left_to_single_postings(service: Harness) -> None:
    service.apply(program(combine=False))
    one, other = fresh_cards(service), fresh_cards(service)
    service.clock.advance(days=10)
    join(service, one[0])
    join(service, other[0])
    # Five days ago the card was not in PLUS yet; with this it has TOP since yesterday, and all that
    # it has in CLUB stays.
    activities = [Done(0, EVENT, 24 * 5, veteran=False), Done(0, VISIT, 1, veteran=False)]
    post(service, one, activities, "a")
    post_as_lines(service, other, activities, "b")
    assert kept(service, one) == kept(service, other)
    assert any("'TOP'" in row for row in kept(service, one)[0]["tier_row"])


# With one before them the third of the events wins a tier; eight visits pass the maximum, three
# quizzes the limit.
@pytest.mark.parametrize(
    ("kind", "times", "maximum"), [(EVENT, 4, None), (VISIT, 8, 2), (QUIZ, 3, None)]
)
def test_what_is_alike_is_posted_as_far_as_it_goes(
    service: Harness, kind: str, times: int, maximum: int | None
) -> None:
    service.apply(program(combine=False, maximum=maximum, event=150))
    one, other = fresh_cards(service), fresh_cards(service)
    service.clock.advance(days=10)
    for place, mine in enumerate((one, other)):
        # It moves the end of the lowest tier: no other of the day does.
        post(service, mine, [Done(0, EVENT, 4, veteran=False)], f"first-{place}")
    activities = [Done(0, kind, 3, veteran=False)] * times
    post(service, one, activities, "a")
    post_as_lines(service, other, activities, "b")
    assert kept(service, one) == kept(service, other)


def test_a_tier_on_the_way_to_one_that_would_be_over_is_won(service: Harness) -> None:
    document = program(combine=False, maximum=None, event=150)
    document["dateIntervals"].append({"code": "LAUNCH", "end": {"anchor": "2020-01-01"}})
    document["programs"][0]["tiers"][-1]["validity"] = "LAUNCH"
    service.apply(document)
    one, other = fresh_cards(service), fresh_cards(service)
    service.clock.advance(days=10)
    for place, mine in enumerate((one, other)):
        post(service, mine, [Done(0, EVENT, 4, veteran=False)], f"first-{place}")
    # With the third of them the card has SILVER, with all of them it would have GOLD.
    activities = [Done(0, EVENT, 3, veteran=False)] * 8
    post(service, one, activities, "a")
    post_as_lines(service, other, activities, "b")
    assert kept(service, one) == kept(service, other)
    assert any("'SILVER'" in row for row in kept(service, other)[0]["tier_row"])


@pytest.mark.parametrize(
    ("combine", "maximum", "longest"),
    [(False, None, LONGEST), (False, 2, LONGEST), (False, 2, 2), (True, None, LONGEST)],
)
def test_together_is_as_one_after_another(
    service: Harness,
    monkeypatch: pytest.MonkeyPatch,
    combine: bool,
    maximum: int | None,
    longest: int,
) -> None:
    monkeypatch.setattr(resolvers.portions, "LONGEST", longest)
    service.apply(program(combine=combine, maximum=maximum))
    service.clock.advance(days=1)

    @settings(max_examples=6, phases=[Phase.generate])
    @given(BURSTS)
    def same(activities: list[Done]) -> None:
        one, other = cards(service), cards(service)
        service.clock.advance(days=10)
        for card in (*one[:2], *other[:2]):
            join(service, card)
        tag = service.fresh_key()
        post(service, one, activities, f"{tag}-a")
        post_as_lines(service, other, activities, f"{tag}-b")
        assert kept(service, one) == kept(service, other)

    same()


SLOW_LINES = """
  CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(0.1); RETURN OLD; END';
  CREATE TRIGGER slow BEFORE DELETE ON activity_waiting FOR EACH ROW EXECUTE FUNCTION slow();
"""


def lines_of(service: Harness, numbers: Sequence[str]) -> None:
    every = [Done(place, VISIT, 1, veteran=False) for place in range(len(numbers))]
    given = {"lines": inputs(service, numbers, every, service.fresh_key())}
    made = service.mutate("createActivityLines", "userErrors { code }", given)
    assert made["userErrors"] == []


def posted(service: Harness) -> tuple[int, int]:
    selection = "posted failed userErrors { code }"
    payload = service.mutate("postActivityLines", selection, {"ids": None})
    assert payload["userErrors"] == []
    return payload["posted"], payload["failed"]


@pytest.fixture
def hasty(server_loop: asyncio.AbstractEventLoop, postgresql_url: str) -> Iterator[Harness]:
    limits = {
        "LOYALTY_STATEMENT_TIMEOUT_SECONDS": "0.5",
        "LOYALTY_LOCK_TIMEOUT_SECONDS": "0.1",
    }
    with running(server_loop, postgresql_url, **limits) as service:
        service.apply(program(combine=False))
        yield service


def test_what_takes_too_long_together_is_posted_one_by_one(hasty: Harness) -> None:
    lines_of(hasty, [hasty.issue() for _ in range(8)])

    async def slow_down() -> None:
        connection = await asyncpg.connect(hasty.database_url)
        await connection.execute(SLOW_LINES)
        await connection.close()

    hasty.wait(slow_down())
    assert posted(hasty) == (8, 0)


def test_a_card_that_takes_too_long_holds_up_its_own_lines_alone(hasty: Harness) -> None:
    numbers = [hasty.issue() for _ in range(4)]
    lines_of(hasty, numbers)
    hasty.wait(slow_down(hasty, numbers[1]))
    assert posted(hasty) == (3, 1)
    assert posted(hasty) == (0, 1)


def test_a_card_that_is_held_holds_up_its_own_lines_alone(hasty: Harness) -> None:
    numbers = [hasty.issue() for _ in range(3)]
    lines_of(hasty, numbers)

    with held(hasty, numbers[1]):
        assert posted(hasty) == (2, 1)
    assert posted(hasty) == (1, 0)
