"""Events on their way to a real receiver: signed, at least once, in order per card (P27)."""

import asyncio
import json
import os
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from models.card_statements import EventRow
from models.database import Database, Unit
from models.program_statements import CountRow
from models.statements import Statement
from models.transactions import Read, Transaction
from models.webhook_statements import event_rows, events_after
from models.webhooks import webhook_delivery
from resolvers import event_delivery, event_queues, webhooks
from resolvers.callers import Caller, Role
from resolvers.context import Outward, Service, open_context
from resolvers.event_delivery import ATTEMPTS, deliver_events
from resolvers.event_queues import enqueue
from resolvers.identifiers import PLACES
from resolvers.jobs import JobDone, silent
from resolvers.outbox import Event, events_of, payload_of, row_ids
from resolvers.postings import lock_card, tell
from schema.values import keys_of
from tests.api.forking import Forks
from tests.api.harness import Harness, line
from tests.api.receivers import MADE, Received, Receiver, receiver, subscribe
from tests.api.shell import Shell
from tests.api.test_jobs import run
from tests.api.test_payments import cart, holder, pay, program
from tests.api.test_points import adjust

LOG = """query($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  node(id: $id) { ... on Webhook { failingSince
    deliveries(first: $first, after: $after, last: $last, before: $before) {
      nodes { eventId event status attempts httpStatus error nextAttemptAt card { number } }
      edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } }"""
# Longer than any pause between two attempts.
DAY = {"days": 1}


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as receiving:
        yield receiving


def deliver(service: Harness) -> tuple[int, int]:
    return run(service, "DELIVER_EVENTS")


def log(service: Harness, hook: str, **page: Any) -> Any:
    return service.ask(LOG, id=hook, **page)["node"]["deliveries"]


def kinds(received: Sequence[Received]) -> list[str]:
    return [one.told["type"] for one in received]


def test_a_card_issued_is_told_as_its_subscriber_selected(club: Harness, shop: Receiver) -> None:
    hook, secret = subscribe(club, shop.url)
    card = club.issue()
    assert deliver(club) == (1, 0)
    (told,) = shop.received
    assert told.is_signed_by(secret)
    assert not told.is_signed_by("whsec_" + "A" * 43 + "=")
    assert told.headers["webhook-signature"].startswith("v1,")
    assert told.headers["content-type"] == "application/json"
    assert abs(int(told.headers["webhook-timestamp"]) - time.time()) < 60
    assert told.told["type"] == "cardIssued"
    assert told.card == {
        "number": card,
        "status": "ACTIVE",
        "balances": [{"available": "0", "rewardPoint": {"code": "PTS"}}],
    }
    assert deliver(club) == (0, 0)
    (row,) = log(club, hook)["nodes"]
    assert row == {
        "eventId": told.id,
        "event": "CARD_ISSUED",
        "status": "DELIVERED",
        "attempts": 1,
        "httpStatus": 204,
        "error": None,
        "nextAttemptAt": None,
        "card": {"number": card},
    }


def test_only_events_after_the_subscription_and_of_its_kinds_are_told(
    club: Harness, shop: Receiver
) -> None:
    club.issue()
    subscribe(club, shop.url, events=["CARD_BLOCKED", "POINTS_POSTED"])
    card = club.issue()
    adjust(club, card, 5)
    club.change_card("blockLoyaltyCard", number=card, reason="lost")
    assert deliver(club) == (2, 0)
    assert kinds(shop.received) == ["pointsPosted", "cardBlocked"]


def test_what_is_queued_is_not_written_again(
    club: Harness, shop: Receiver, sent: list[str]
) -> None:
    """The outbox of the last minute is read at each run, for others may be committed late."""
    subscribe(club, shop.url)
    club.issue()
    assert deliver(club) == (1, 0)
    sent.clear()
    assert deliver(club) == (0, 0)
    assert any("FROM outbox" in statement for statement in sent)
    assert not [statement for statement in sent if "INTO webhook_delivery" in statement]
    club.issue()
    assert deliver(club) == (1, 0)


def test_kinds_that_are_added_are_told_from_then_on(club: Harness, shop: Receiver) -> None:
    hook, _ = subscribe(club, shop.url, events=["POINTS_POSTED"])

    def choose(*events: str) -> None:
        club.clock.advance(seconds=1)
        given = {"id": hook, "events": events}
        changed = club.mutate("updateWebhook", "webhook { events } userErrors { code }", given)
        assert changed == {"webhook": {"events": sorted(events)}, "userErrors": []}

    card = club.issue()
    adjust(club, card, 1)
    choose("POINTS_POSTED", "CARD_ISSUED")
    deliver(club)
    # Neither what came before, nor that behind what was told of its card since.
    assert kinds(shop.received) == ["pointsPosted"]
    club.issue()
    choose("CARD_ISSUED", "CARD_BLOCKED")
    deliver(club)
    assert kinds(shop.received) == ["pointsPosted", "cardIssued"]


def test_payments_that_a_new_one_takes_over_are_told_with_it(
    service: Harness, shop: Receiver
) -> None:
    card = holder(service, program(), 1000)
    subscribe(service, shop.url, events=["PAYMENT_CHANGED"])
    bought = cart(line(1, "10.00"))
    for order in ("O1", "O2"):
        pay(service, card, "3.00", bought, orderId=order, capture=False)
    pay(service, card, "10.00", bought, orderId="O3", takeOverHolds=True)
    while deliver(service) != (0, 0):
        pass
    told = [message.told["data"]["event"]["payment"] for message in shop.received]
    assert sorted(told[2:4]) == sorted(told[:2])
    assert len(set(told)) == 3
    assert len(told) == 5


def test_what_an_event_names_is_found_by_its_id(service: Harness, shop: Receiver) -> None:
    subscribe(service, shop.url, events=["POINTS_POSTED", "PAYMENT_CHANGED"])
    card = holder(service, program(), 1000)
    paid = pay(service, card, "3.00", cart(line(1, "10.00")))["payment"]["id"]
    while deliver(service) != (0, 0):
        pass
    told = [(one.told["type"], one.told["data"]["event"]) for one in shop.received]
    assert [event["payment"] for kind, event in told if kind == "paymentChanged"] == [paid]
    entries = [event["entries"] for kind, event in told if kind == "pointsPosted"]
    query = """query($ids: [ID!]!) { nodes(ids: $ids) {
      ... on LoyaltyTransaction { points card { number } } } }"""
    found = [service.ask(query, ids=ids)["nodes"] for ids in entries]
    assert found == [[{"points": points, "card": {"number": card}}] for points in ("1000", "-300")]


def test_the_payload_of_a_reward_goes_out_as_it_was_written(
    service: Harness, shop: Receiver
) -> None:
    written = '{"price":12345678901234567.8901,"size":2.50}'
    reward = {"code": "hello", "trigger": "CARD_ISSUED", "program": "CLUB", "payload": "written"}
    document = {"document": service.document(oneTimeRewards=[reward]), "process": True}
    mutation = """mutation($input: ApplyConfigurationInput!) {
      applyConfiguration(input: $input) { userErrors { code } } }"""
    asked = json.dumps({"query": mutation, "variables": {"input": document}})
    response = service.client.post(
        "/graphql",
        content=asked.replace('"written"', written),
        headers={
            "Authorization": f"Bearer {service.key('admin')}",
            "Content-Type": "application/json",
        },
    )
    assert response.json()["data"] == {"applyConfiguration": {"userErrors": []}}
    subscribe(service, shop.url, events=["REWARD_GRANTED"], selection="{ rewards { payload } }")
    card = service.issue()
    assert deliver(service) == (1, 0)
    assert shop.received[0].body.count(written.encode()) == 2
    query = "query($n: String!) { loyaltyCard(number: $n) { rewards { payload } } }"
    assert written in service.ask(query, n=card).response.text


def test_during_a_rotation_both_secrets_sign_and_after_a_day_the_new_one_alone(
    club: Harness, shop: Receiver
) -> None:
    hook, old = subscribe(club, shop.url)
    new = club.mutate("rotateWebhookSecret", MADE, {"id": hook})["secret"]
    card = club.issue()
    deliver(club)
    club.clock.advance(hours=25)
    adjust(club, card, 5)
    deliver(club)
    during, after = shop.received
    assert during.is_signed_by(old)
    assert during.is_signed_by(new)
    assert len(during.headers["webhook-signature"].split(" ")) == 2
    assert after.is_signed_by(new)
    assert not after.is_signed_by(old)


def test_a_receiver_that_fails_often_misses_nothing_and_hears_in_order(
    club: Harness, shop: Receiver
) -> None:
    chance = random.Random(7)  # noqa: S311
    # Some are refused, some break off before the answer, some are taken and break off then.
    shop.respond = lambda _: chance.choice([204] * 7 + [500, 503, None])
    hook, _ = subscribe(club, shop.url)
    cards = [club.issue() for _ in range(4)]
    for _ in range(6):
        for card in cards:
            adjust(club, card, 1)
    for _ in range(60):
        deliver(club)
        club.clock.advance(**DAY)
    rows = log(club, hook, first=100)["nodes"]
    assert {row["status"] for row in rows} == {"DELIVERED"}
    assert {one.id for one in shop.accepted} == {row["eventId"] for row in rows}
    assert len(rows) == 28
    assert len(shop.received) > len(shop.accepted) == 28
    by_card = defaultdict(list)
    for one in shop.accepted:
        by_card[one.card["number"]].append(one.id)
    for card in cards:
        mine = [row["eventId"] for row in reversed(rows) if row["card"]["number"] == card]
        assert by_card[card] == mine


class Killed(Exception):  # noqa: N818
    """The process ends here."""


class Ending(Database):
    """A database whose process ends before its `units`-th unit from now."""

    def __init__(self, database: Database, units: int) -> None:
        super().__init__(database.limits)
        self.database, self.left = database, units

    def read(self) -> Read:
        return self.database.read()

    async def attempt(self, unit: Unit[Any], deadline: float) -> Any:
        self.left -= 1
        if self.left < 0:
            raise Killed
        return await self.database.attempt(unit, deadline)

    async def dispose(self) -> None:
        await self.database.dispose()


async def work(service: Service) -> JobDone:
    context = await open_context(service, Caller(Role.ADMIN, "worker"), "worker")
    try:
        return await deliver_events(context, silent)
    finally:
        await context.read.close()


def test_who_is_killed_at_any_moment_loses_nothing(club: Harness, shop: Receiver) -> None:
    """Before each unit of the job in turn: what was read, the claim, the mark of what was sent."""
    subscribe(club, shop.url)
    expected = 0
    for units in range(3):
        club.issue()
        expected += 1
        before = len(shop.received)
        with pytest.raises(Killed):
            club.wait(work(replace(club.served, database=Ending(club.database, units))))
        # What was sent and not marked is sent again with the same id, when the claim is over.
        sent = shop.received[before:]
        assert len(sent) == (1 if units == 2 else 0)
        if sent:
            assert deliver(club) == (0, 0)
        club.clock.advance(seconds=61)
        assert deliver(club) == (1, 0)
        assert all(one.id == shop.received[-1].id for one in sent)
    assert len({one.id for one in shop.received}) == expected
    assert len(shop.received) == expected + 1


def test_events_that_share_a_row_are_given_out_in_parts(
    club: Harness, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_queues, "CHUNK", 3)
    subscribe(club, shop.url)
    (key,) = keys_of("LoyaltyCard", [club.try_issue()["card"]["id"]])
    assert key
    assert deliver(club) == (1, 0)
    events = [Event("cardBlocked", {"place": place}, later=place) for place in range(7)]

    async def unit(transaction: Transaction) -> None:
        row = await lock_card(transaction, key)
        await tell(transaction, row, events, club.clock.now, club.served.randomness)

    club.wait(club.database.unit(unit))
    # Killed between the parts: what was given out stands, and is not given out again.
    with pytest.raises(Killed):
        club.wait(work(replace(club.served, database=Ending(club.database, 2))))
    assert deliver(club) == (7, 0)
    told = [one.told["data"]["event"]["place"] for one in shop.received[1:]]
    assert told == [*range(7)]
    assert len({one.id for one in shop.received}) == 8


class Meanwhile(Ending):
    """A database in which something happens before the first unit from now."""

    def __init__(self, database: Database, event: Callable[[], Awaitable[object]]) -> None:
        super().__init__(database, 1)
        self.event = event

    async def attempt(self, unit: Unit[Any], deadline: float) -> Any:
        if self.left:
            self.left = 0
            await self.event()
        return await self.database.attempt(unit, deadline)


def test_a_webhook_deleted_while_the_outbox_is_read_leaves_nothing(
    club: Harness, shop: Receiver
) -> None:
    hook, _ = subscribe(club, shop.url)
    club.issue()
    (key,) = keys_of("Webhook", [hook])

    async def delete() -> None:
        context = await open_context(club.served, Caller(Role.ADMIN, "admin"), "delete")
        await webhooks.delete(context, key)
        await context.read.close()

    async def left() -> int:
        read = club.database.read()
        (found,) = await read.all(
            Statement(select(func.count()).select_from(webhook_delivery), CountRow)
        )
        await read.close()
        return found.rows

    club.wait(work(replace(club.served, database=Meanwhile(club.database, delete))))
    assert club.wait(left()) == 0
    assert shop.received == []


def test_workers_at_once_send_each_event_once(club: Harness, shop: Receiver) -> None:
    subscribe(club, shop.url)
    for _ in range(10):
        club.issue()

    async def together() -> list[JobDone]:
        return await asyncio.gather(*(work(club.served) for _ in range(3)))

    assert sum(done.processed for done in club.wait(together())) == 10
    assert len({one.id for one in shop.received}) == len(shop.received) == 10


def test_what_is_refused_for_days_is_given_up_and_the_next_event_goes_out(
    club: Harness, shop: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    shop.respond = lambda one: 500 if one.told["type"] == "cardIssued" else 204
    hook, _ = subscribe(club, shop.url)
    adjust(club, club.issue(), 5)
    for attempt in range(ATTEMPTS):
        assert kinds(shop.received) == ["cardIssued"] * attempt
        deliver(club)
        club.clock.advance(**DAY)
    assert kinds(shop.received) == ["cardIssued"] * ATTEMPTS + ["pointsPosted"]
    assert len({one.id for one in shop.received}) == 2
    later, first = log(club, hook)["nodes"]
    assert (first["status"], first["attempts"], first["httpStatus"]) == ("GIVEN_UP", ATTEMPTS, 500)
    assert later["status"] == "DELIVERED"
    assert f"The webhook {UUID(int=0)}"[:12] in caplog.text
    assert "is failing" in caplog.text
    # An event that arrives ends it.
    assert club.ask(LOG, id=hook)["node"]["failingSince"] is None


def test_pauses_grow_fourfold_with_jitter_and_take_days_in_all() -> None:
    pauses = [event_delivery.pause(attempts).total_seconds() for attempts in range(1, ATTEMPTS)]
    for place, seconds in enumerate(pauses):
        wanted = min(5 * 4**place, 12 * 3600)
        assert 0.8 * wanted <= seconds <= 1.2 * wanted
    assert 1.5 * 86400 < sum(pauses) < 4 * 86400
    assert event_delivery.pause(3) != event_delivery.pause(3)


def test_a_redirect_is_not_followed(club: Harness, shop: Receiver) -> None:
    with receiver() as elsewhere:
        shop.respond = lambda _: 307
        shop.headers = {"Location": elsewhere.url}
        hook, _ = subscribe(club, shop.url)
        club.issue()
        assert deliver(club) == (0, 1)
        assert elsewhere.received == []
    assert log(club, hook)["nodes"][0]["httpStatus"] == 307


def test_a_host_that_turns_private_is_not_connected_to(club: Harness, shop: Receiver) -> None:
    hook, _ = subscribe(club, shop.url.replace("127.0.0.1", "localhost"))
    club.issue()
    outward = club.served.outward
    assert outward is not None
    for address in ("10.0.0.1", "169.254.169.254", "::ffff:192.168.0.1"):
        changed = replace(outward, resolve=answering(address))
        assert club.wait(work(replace(club.served, outward=changed))) == JobDone(0, 1)
        club.clock.advance(**DAY)
    in_production = replace(outward, allows_loopback=False, resolve=answering("127.0.0.1"))
    assert club.wait(work(replace(club.served, outward=in_production))) == JobDone(0, 1)
    assert shop.received == []
    (row,) = log(club, hook)["nodes"]
    assert (row["status"], row["attempts"], row["httpStatus"]) == ("PENDING", 4, None)
    assert row["error"]
    club.clock.advance(**DAY)
    # The connection goes to the address that was checked, whatever the name means elsewhere.
    there = replace(outward, resolve=answering("127.0.0.1"))
    assert club.wait(work(replace(club.served, outward=there))) == JobDone(1, 0)


def answering(address: str) -> Any:
    async def resolve(_host: str, _port: int) -> list[str]:
        return [address]

    return resolve


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"x" * 99_999]
)
def test_answers_that_are_none_are_failed_attempts(club: Harness, answer: bytes) -> None:
    async def junk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = club.wait(asyncio.start_server(junk, "127.0.0.1", 0))
    try:
        port = server.sockets[0].getsockname()[1]
        hook, _ = subscribe(club, f"http://127.0.0.1:{port}/")
        club.issue()
        assert deliver(club) == (0, 1)
        assert log(club, hook)["nodes"][0]["error"]
    finally:
        club.loop.call_soon_threadsafe(server.close)


def test_a_silent_subscriber_does_not_hold_up_the_others(
    club: Harness, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.webhook_posting.POST_SECONDS", 0.5)
    # What is due to the silent one alone would fill every page.
    monkeypatch.setattr("resolvers.event_delivery.PAGE", 5)
    held = []

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append((reader, writer))

    server = club.wait(asyncio.start_server(silence, "127.0.0.1", 0))
    try:
        port = server.sockets[0].getsockname()[1]
        subscribe(club, f"http://127.0.0.1:{port}/")
        subscribe(club, shop.url)
        for _ in range(12):
            club.issue()
        done = deliver(club)
    finally:
        club.loop.call_soon_threadsafe(server.close)
        club.loop.call_soon_threadsafe(lambda: [writer.close() for _, writer in held])
    assert done[0] == 12
    assert 1 <= done[1] <= 4


def test_a_run_ends_in_time_whatever_is_left(
    club: Harness, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(club, shop.url)
    club.issue()
    with monkeypatch.context() as patched:
        patched.setattr("resolvers.event_delivery.RUN_SECONDS", 0)
        assert deliver(club) == (0, 0)
    assert deliver(club) == (1, 0)


def test_a_replay_sends_the_same_ids_again_in_order(club: Harness, shop: Receiver) -> None:
    hook, _ = subscribe(club, shop.url)
    card = club.issue()
    for _ in range(3):
        club.clock.advance(seconds=1)
        adjust(club, card, 1)
    deliver(club)
    ids = [one.id for one in shop.received]
    cursor = log(club, hook)["edges"][1]["cursor"]
    given = {"id": hook, "fromCursor": cursor}
    selection = "deliveries userErrors { code }"
    replayed = club.mutate("replayWebhook", selection, given)
    assert replayed == {"deliveries": 2, "userErrors": []}
    assert deliver(club) == (2, 0)
    assert [one.id for one in shop.received] == [*ids, *ids[2:]]
    assert club.mutate("replayWebhook", selection, {"id": hook})["deliveries"] == 4
    deliver(club)
    assert [one.id for one in shop.received[6:]] == ids


def test_more_events_at_once_than_an_id_has_places_are_told(club: Harness) -> None:
    (card,) = keys_of("LoyaltyCard", [club.try_issue()["card"]["id"]])
    assert card
    events = [Event("cardChanged", {"place": place}) for place in range(PLACES + 1)]

    async def unit(transaction: Transaction) -> datetime:
        row, at = await lock_card(transaction, card), club.clock.now
        await tell(transaction, row, events, at, club.served.randomness)
        return at

    async def found(event_id: UUID) -> list[str]:
        read = club.database.read()
        rows = await read.each(event_rows, row_ids(event_id), of_card=card)
        await read.close()
        return [told for row in rows if (told := payload_of(event_id, row)) is not None]

    async def told() -> list[EventRow]:
        read = club.database.read()
        place = {"at_after": at, "card_after": card, "seq_after": 1}
        rows = await read.all(events_after, **place, count=99)
        await read.close()
        return [one for row in rows for one in events_of(row)]

    at = club.wait(club.database.unit(unit))
    written = club.wait(told())
    assert [json.loads(one.payload)["place"] for one in written] == [*range(PLACES + 1)]
    first = written[0].seq_no
    assert [one.seq_no for one in written] == [*range(first, first + PLACES + 1)]
    assert written == sorted(written, key=lambda one: one.event_id)
    for one in (written[0], written[300], *written[-2:]):
        assert one.event_id.version == 7
        assert club.wait(found(one.event_id)) == [one.payload]


@pytest.mark.parametrize("status", [204, 500])
def test_a_replay_is_not_lost_to_an_attempt_in_flight(
    club: Harness, shop: Receiver, status: int
) -> None:
    hook, _ = subscribe(club, shop.url, events=["CARD_ISSUED"])
    club.issue()
    replayed = []

    def respond(_received: Received) -> int:
        if replayed:
            return 204
        replayed.append(club.mutate("replayWebhook", "deliveries", {"id": hook})["deliveries"])
        return status

    shop.respond = respond
    while deliver(club) != (0, 0):
        continue
    assert replayed == [1]
    first, again = shop.received
    assert first.id == again.id
    (row,) = log(club, hook)["nodes"]
    assert (row["status"], row["attempts"]) == ("DELIVERED", 1)


def test_a_replay_beside_a_run_keeps_the_order_of_each_card(
    club: Harness, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_delivery, "AT_ONCE", 1)
    hook, _ = subscribe(club, shop.url, events=["CARD_ISSUED", "POINTS_POSTED"])
    cards = [club.issue() for _ in range(2)]
    deliver(club)
    shop.received.clear()
    for card in cards:
        club.clock.advance(seconds=1)
        adjust(club, card, 1)
    replayed = []

    def respond(_received: Received) -> int:
        if not replayed:
            # The run has read what is due by now.
            replayed.append(club.mutate("replayWebhook", "deliveries", {"id": hook})["deliveries"])
        return 204

    shop.respond = respond
    while deliver(club) != (0, 0):
        continue
    assert replayed == [4]
    first, *others = shop.received
    assert first.told["type"] == "pointsPosted"
    for card in cards:
        told = [one for one in others if one.card["number"] == card]
        assert kinds(told) == ["cardIssued", "pointsPosted"]


def test_a_long_log_is_replayed_and_deleted_in_chunks(
    club: Harness, shop: Receiver, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "CHUNK", 3)
    hook, _ = subscribe(club, shop.url)
    card = club.issue()
    for _ in range(6):
        club.clock.advance(seconds=1)
        adjust(club, card, 1)
    deliver(club)
    ids = [one.id for one in shop.received]
    assert club.mutate("replayWebhook", "deliveries", {"id": hook}) == {"deliveries": 7}
    assert deliver(club) == (7, 0)
    assert [one.id for one in shop.received] == ids * 2
    # One entry of the audit, whatever the number of chunks.
    given = {"operation": "replayWebhook"}
    query = "query($of: AuditLogFilter) { auditLog(filter: $of) { nodes { after } } }"
    assert len(club.ask(query, of=given)["auditLog"]["nodes"]) == 1
    sent.clear()
    assert club.mutate("deleteWebhook", "deleted", {"id": hook}) == {"deleted": True}
    assert sum("DELETE FROM webhook_delivery" in text for text in sent) == 3
    assert club.ask("{ webhooks { id } }")["webhooks"] == []


def test_pages_of_the_log_are_keysets(club: Harness, shop: Receiver) -> None:
    hook, _ = subscribe(club, shop.url)
    card = club.issue()
    for _ in range(6):
        adjust(club, card, 1)
    deliver(club)
    whole = [edge["cursor"] for edge in log(club, hook)["edges"]]
    assert len(whole) == 7
    page = log(club, hook, first=3)
    assert [edge["cursor"] for edge in page["edges"]] == whole[:3]
    assert page["pageInfo"]["hasNextPage"]
    page = log(club, hook, first=9, after=whole[2])
    assert [edge["cursor"] for edge in page["edges"]] == whole[3:]
    page = log(club, hook, last=2, before=whole[4])
    assert [edge["cursor"] for edge in page["edges"]] == whole[2:4]
    assert club.gql(LOG, id=hook, after="nonsense").codes == ["INVALID_INPUT"]


def test_what_happens_while_a_webhook_rests_is_told_later(club: Harness, shop: Receiver) -> None:
    hook, _ = subscribe(club, shop.url)
    for active in (False, True):
        club.mutate("updateWebhook", "userErrors { code }", {"id": hook, "active": active})
        club.issue()
        club.clock.advance(minutes=5)
        deliver(club)
        assert len(shop.received) == (2 if active else 0)
    club.mutate("deleteWebhook", "userErrors { code }", {"id": hook})
    club.issue()
    assert deliver(club) == (0, 0)


def test_a_run_stops_when_the_webhook_is_to_rest(
    club: Harness, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_delivery, "AT_ONCE", 1)
    hook, _ = subscribe(club, shop.url, events=["CARD_ISSUED"])
    for _ in range(3):
        club.issue()

    def rest(_received: Received) -> int:
        club.mutate("updateWebhook", "userErrors { code }", {"id": hook, "active": False})
        return 204

    shop.respond = rest
    assert deliver(club) == (1, 0)
    shop.respond = lambda _: 204
    club.mutate("updateWebhook", "userErrors { code }", {"id": hook, "active": True})
    assert deliver(club) == (2, 0)


def test_an_event_committed_late_is_still_seen(club: Harness, shop: Receiver) -> None:
    """Its instant lies before the one up to which the outbox was read."""
    subscribe(club, shop.url)
    club.issue()
    assert deliver(club) == (1, 0)
    club.clock.advance(seconds=-0.5)
    club.issue()
    assert deliver(club) == (1, 0)


def test_a_clock_that_was_ahead_for_a_time_hides_nothing(club: Harness, shop: Receiver) -> None:
    subscribe(club, shop.url)
    club.clock.advance(hours=1)
    club.issue()
    assert deliver(club) == (1, 0)
    club.clock.advance(minutes=-50)
    for _ in range(2):
        club.issue()
        assert deliver(club) == (1, 0)
        club.clock.advance(minutes=20)
    assert len({one.id for one in shop.accepted}) == len(shop.accepted) == 3


def test_the_person_is_told_only_where_selected_and_never_after_erasure(
    club: Harness, shop: Receiver
) -> None:
    club.customer("ada", name="Ada Lovelace")
    with receiver() as curious:
        subscribe(club, shop.url, selection="{ number }")
        subscribe(club, curious.url, selection="{ number customer { name } }")
        card = club.issue(customerId="ada")
        deliver(club)
        assert curious.received[-1].card == {"number": card, "customer": {"name": "Ada Lovelace"}}
        erased = {"customerId": "ada", "reason": "asked for"}
        club.mutate("eraseCustomer", "userErrors { code }", erased)
        club.mutate("replayWebhook", "deliveries", {"id": hook_of(club, curious.url)})
        before = len(curious.received)
        deliver(club)
        after = curious.received[before:]
        assert len(after) > 1
        assert {str(one.card) for one in after} == {
            str({"number": card, "customer": None}),
        }
    assert "Ada" not in str([one.told for one in shop.received])
    assert "ada" not in str([one.told for one in shop.received])


def hook_of(service: Harness, url: str) -> str:
    hooks = {hook["url"]: hook["id"] for hook in service.ask("{ webhooks { id url } }")["webhooks"]}
    return str(hooks[url])


def test_without_a_way_out_nothing_is_sent(club: Harness, shop: Receiver) -> None:
    subscribe(club, shop.url)
    club.issue()
    assert club.wait(work(replace(club.served, outward=None))) == JobDone()
    assert shop.received == []


def test_the_command_line_delivers_too(
    forks: Forks, club: Harness, shop: Receiver, tmp_path: Path
) -> None:
    _, secret = subscribe(club, shop.url)
    card = club.issue()
    environ = {
        "PATH": os.environ["PATH"],
        "LOYALTY_DATABASE_URL": club.database_url,
        "LOYALTY_JWT_SECRET": "a secret of tests that is long enough for HS256",
    }
    shell = Shell(forks, tmp_path, **environ)
    assert shell.done("job", "deliver-events") == ["1 processed, 0 failed."]
    (told,) = shop.received
    assert told.is_signed_by(secret)
    assert told.card["number"] == card


def test_the_outbox_is_read_page_by_page(
    club: Harness, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_queues, "PAGE", 3)
    hook, _ = subscribe(club, shop.url)
    for _ in range(8):
        club.issue()
    outward = club.served.outward
    assert isinstance(outward, Outward)

    async def read_only() -> None:
        context = await open_context(club.served, Caller(Role.ADMIN, "worker"), "worker")
        await enqueue(context, outward)
        await context.read.close()

    club.wait(read_only())
    assert len(log(club, hook)["nodes"]) == 8
    assert deliver(club) == (8, 0)


def test_what_is_committed_between_two_pages_keeps_its_order(
    club: Harness, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_queues, "PAGE", 3)
    subscribe(club, shop.url)
    (key,) = keys_of("LoyaltyCard", [club.try_issue()["card"]["id"]])
    assert key
    issued_at = club.clock.now
    for _ in range(4):
        club.clock.advance(seconds=1)
        club.issue()

    async def tell_at(kind: str, seconds: float) -> None:
        async def unit(transaction: Transaction) -> None:
            row, at = await lock_card(transaction, key), issued_at + timedelta(seconds=seconds)
            await tell(transaction, row, [Event(kind, {})], at, club.served.randomness)

        await club.database.unit(unit)

    async def twice() -> None:
        # The first began before what the page ends with, and took its time.
        await tell_at("cardBlocked", 0.5)
        await tell_at("cardChanged", 5)

    club.wait(work(replace(club.served, database=Meanwhile(club.database, twice))))
    deliver(club)
    assert kinds(shop.received).count("cardIssued") == 5
    told = [kind for kind in kinds(shop.received) if kind != "cardIssued"]
    assert told == ["cardBlocked", "cardChanged"]
