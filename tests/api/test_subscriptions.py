"""loyaltyCardChanged, over sockets and over event streams, on both databases."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from models.failures import DatabaseUnavailable
from resolvers.card_watch import CardWatch
from resolvers.keys import revoke
from tests.api.harness import Harness, running
from tests.api.test_points import adjust
from tests.live import CHANGED, Socket, Stream, socket, stream


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What a test opens, until its end."""
    with ExitStack() as stack:
        yield stack


def subscribed(opened: ExitStack, service: Harness, credential: str, number: str) -> Socket:
    live = opened.enter_context(socket(f"{service.url}/graphql")).init(credential)
    live.subscribe(number)
    return live


def streamed(opened: ExitStack, service: Harness, credential: str, number: str) -> Stream:
    return opened.enter_context(stream(service.client, credential, CHANGED, number=number))


BOTH = pytest.mark.parametrize("way", [subscribed, streamed], ids=["socket", "stream"])


def owned(service: Harness, customer: str, number: str | None = None) -> str:
    return service.issue(number, customerId=service.customer(customer))


def refusal(live: Socket | Stream) -> dict[str, Any]:
    """The error of the last result, after which the operation is complete."""
    if isinstance(live, Socket):
        told = live.take()["payload"]
        assert live.take() == {"id": "1", "type": "complete"}
    else:
        _, told = live.take()
        assert live.take() == ("complete", None)
    assert told["data"] is None
    (error,) = told["errors"]
    found: dict[str, Any] = error
    return found


@BOTH
def test_the_card_is_told_as_it_is_and_then_at_each_change(
    club: Harness, opened: ExitStack, way: Any
) -> None:
    card = club.issue()
    live = way(opened, club, club.key("storefront"), card)
    assert live.card() == {"number": card, "status": "ACTIVE", "balance": {"available": "0"}}
    adjust(club, card, 5)
    assert live.card()["balance"] == {"available": "5"}
    adjust(club, club.issue(), 7)
    club.change_card("blockLoyaltyCard", number=card, reason="lost")
    assert live.card() == {"number": card, "status": "BLOCKED", "balance": {"available": "5"}}


@BOTH
def test_what_another_process_changes_is_told_whatever_its_clock_says(
    club: Harness, server_loop: asyncio.AbstractEventLoop, opened: ExitStack, way: Any
) -> None:
    club.clock.advance(days=10)
    card = owned(club, "ANN")
    with running(server_loop, club.database_url) as other:
        live = way(opened, club, club.token("ANN"), card)
        live.card()
        assert other.clock.now < club.clock.now
        other.made_keys = club.made_keys
        adjust(other, card, 5)
        assert live.card()["balance"] == {"available": "5"}


@BOTH
@pytest.mark.parametrize("caller", ["customer:ANN", "customer:NOBODY", "partner"])
def test_foreign_and_unknown_cards_are_answered_alike(
    club: Harness, opened: ExitStack, way: Any, caller: str
) -> None:
    club.customer("ANN")
    foreign = owned(club, "BOB")
    credential = club.credential(caller)
    told = [refusal(way(opened, club, credential, one)) for one in (foreign, "NONE-SUCH", "")]
    assert told[0] == told[1] == told[2]
    assert told[0]["extensions"]["code"] == "LOYALTY_CARD_NOT_FOUND"


@BOTH
def test_a_card_that_is_ones_own_no_longer_ends_the_subscription(
    club: Harness, opened: ExitStack, way: Any
) -> None:
    live = way(opened, club, club.token("ANN"), owned(club, "ANN"))
    live.card()
    given = {"customerId": "ANN", "reason": "asked"}
    club.mutate("eraseCustomer", "userErrors { code }", given)
    assert refusal(live)["extensions"]["code"] == "LOYALTY_CARD_NOT_FOUND"


def withdrawn(live: Socket | Stream) -> str:
    """The code with which credentials that are good no longer end it all."""
    if isinstance(live, Socket):
        code, reason = live.closed()
        assert code == 4403
        return reason.partition(":")[0]
    event, told = live.take()
    assert event == "next"
    assert live.take() == ("complete", None)
    code_told: str = told["errors"][0]["extensions"]["code"]
    return code_told


@BOTH
def test_a_token_that_expires_ends_it(club: Harness, opened: ExitStack, way: Any) -> None:
    card = owned(club, "ANN")
    expiry = int(datetime.now(UTC).timestamp()) + 2
    live = way(opened, club, club.token("ANN", exp=expiry), card)
    live.card()
    assert withdrawn(live) == "UNAUTHENTICATED"
    assert time.time() < expiry + 5


@BOTH
def test_a_key_that_is_revoked_ends_it(club: Harness, opened: ExitStack, way: Any) -> None:
    card = club.issue()
    key = club.key("storefront", "till")
    live = way(opened, club, key, card)
    live.card()
    start = time.monotonic()
    club.wait(revoke(club.database, key))
    assert withdrawn(live) == "UNAUTHENTICATED"
    assert time.monotonic() - start < 5


def test_changes_in_quick_succession_are_told_as_the_newest(
    club: Harness, opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.card_watch.LOOK_SECONDS", 1.5)
    card = club.issue()
    live = subscribed(opened, club, club.key("staff"), card)
    live.card()
    for _ in range(6):
        adjust(club, card, 1)
    told = [live.card()["balance"]["available"]]
    while told[-1] != "6":
        told.append(live.card()["balance"]["available"])
    assert len(told) <= 3


def test_one_look_serves_all_and_none_is_taken_for_nobody(
    club: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    look = CardWatch._look  # noqa: SLF001

    async def counted(watch: CardWatch) -> None:
        looks.append(len(watch._readers))  # noqa: SLF001
        if len(looks) < 3:
            raise [DatabaseUnavailable("away"), RuntimeError("broken")][len(looks) - 1]
        await look(watch)

    monkeypatch.setattr(CardWatch, "_look", counted)
    monkeypatch.setattr("resolvers.card_watch.LOOK_SECONDS", 0.2)
    cards = [club.issue() for _ in range(2)]
    start = time.monotonic()
    with ExitStack() as opened:
        readers = [subscribed(opened, club, club.key("staff"), one) for one in cards * 4]
        for reader in readers:
            reader.card()
        for card in cards:
            adjust(club, card, 1)
        for reader in readers:
            assert reader.card()["balance"]["available"] == "1"
        assert len(looks) <= (time.monotonic() - start) / 0.2
        assert max(looks) == 2
    time.sleep(0.5)
    seen = len(looks)
    time.sleep(0.5)
    assert len(looks) == seen


def test_a_socket_follows_many_cards_and_answers_queries(club: Harness, opened: ExitStack) -> None:
    cards = [club.issue() for _ in range(3)]
    live = opened.enter_context(socket(f"{club.url}/graphql")).init(club.key("staff"))
    for card in cards:
        live.subscribe(card, named=card)
        live.card(card)
    live.send(id=cards[0], type="complete")
    adjust(club, cards[2], 3)
    assert live.card(cards[2])["balance"]["available"] == "3"
    adjust(club, cards[0], 3)
    assert live.is_silent()
    live.ask("{ loyaltyPrograms { code } }", "query")
    assert live.take()["payload"]["data"] == {"loyaltyPrograms": [{"code": "CLUB"}]}


def test_each_result_is_taken_from_the_allowance(
    server_loop: asyncio.AbstractEventLoop, database_url: str, opened: ExitStack
) -> None:
    minute = datetime(2026, 5, 1, 12, tzinfo=UTC)
    with running(server_loop, database_url, lambda: minute, LOYALTY_RATE_LIMIT="100") as service:
        service.apply(service.document())
        card = service.issue()
        query = CHANGED.replace("{ available }", "{ available held used issued expired unvested }")
        live = opened.enter_context(socket(f"{service.url}/graphql")).init(service.key("staff"))
        for number in range(10):
            live.ask(query, str(number), variables={"number": card})
            live.card(str(number))
        live.ask(query, "last", variables={"number": card})
        assert live.codes("last") == ["RATE_LIMITED"]
        adjust(service, card, 1)
        ended = [live.take() for _ in range(10)]
        assert {one["type"] for one in ended} == {"error"}
        assert {one["payload"][0]["extensions"]["code"] for one in ended} == {"RATE_LIMITED"}


def test_guessing_over_a_socket_counts(
    server_loop: asyncio.AbstractEventLoop, database_url: str
) -> None:
    limits = {"LOYALTY_CUSTOMER_FAILED_LOOKUPS": "2"}
    with running(server_loop, database_url, **limits) as service, ExitStack() as opened:
        service.apply(service.document())
        service.customer("ANN")
        token = service.token("ANN")
        codes = [
            refusal(subscribed(opened, service, token, f"LC-{number}"))["extensions"]["code"]
            for number in range(3)
        ]
        assert codes == ["LOYALTY_CARD_NOT_FOUND", "LOYALTY_CARD_NOT_FOUND", "RATE_LIMITED"]


def test_a_subscription_over_plain_http_is_refused(club: Harness) -> None:
    answer = club.gql(CHANGED, number=club.issue())
    assert answer.codes == ["BAD_REQUEST"]
    assert "stream" in json.dumps(answer.errors)


def test_the_page_for_clients_shows_what_a_stream_tells(
    server_loop: asyncio.AbstractEventLoop, sqlite_url: str
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    (asked,) = re.findall(r"/graphql/stream .*?-d '(.*?)'\n", page, re.DOTALL)
    (told,) = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    headers = {"Content-Type": "application/json"}
    with running(server_loop, sqlite_url) as service:
        service.apply(service.document())
        adjust(service, owned(service, "ANN", "LC-00041"), 120)
        headers["Authorization"] = f"Bearer {service.token('ANN')}"
        with service.client.stream(
            "POST", "/graphql/stream", content=asked, headers=headers
        ) as response:
            lines = response.iter_lines()
            assert [next(lines) for _ in range(2)] == told.splitlines()
