"""Subscriptions to events: who may make them, what they may say, and where they may lead."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from execution.relay import encode_cursor, encode_id
from resolvers.webhook_addresses import AddressRefused, checked_address, target_of
from tests.api.harness import Harness, running
from tests.api.receivers import CHANGED, MADE, SELECTION, faults, subscribe, try_subscribe

URL = "http://127.0.0.1:9/hooks"
BOOK = "transactions(first: 100)"
LIST = "{ webhooks { id url events selection active failingSince createdAt } }"


def change(
    service: Harness, mutation: str, hook: str, shown: str = CHANGED, /, **given: Any
) -> Any:
    return service.mutate(mutation, shown, {"id": hook, **given})


def test_a_webhook_is_made_changed_and_deleted(club: Harness) -> None:
    made = try_subscribe(club, URL, events=["POINTS_POSTED", "CARD_ISSUED", "CARD_ISSUED"])
    assert made["userErrors"] == []
    assert made["secret"].startswith("whsec_")
    hook = made["webhook"]
    assert club.ask(LIST)["webhooks"] == [hook]
    assert hook == {
        "id": hook["id"],
        "url": URL,
        "events": ["CARD_ISSUED", "POINTS_POSTED"],
        "selection": SELECTION,
        "active": True,
        "failingSince": None,
        "createdAt": "2024-01-01T12:00:00Z",
    }
    changed = change(club, "updateWebhook", hook["id"], active=False, selection="{ number }")
    assert changed["webhook"] == {**hook, "active": False, "selection": "{ number }"}
    query = "query($id: ID!) { node(id: $id) { ... on Webhook { url } } }"
    assert club.ask(query, id=hook["id"])["node"] == {"url": URL}
    assert club.ask(query, "staff", id=hook["id"])["node"] is None
    gone = change(club, "deleteWebhook", hook["id"], "deleted userErrors { code }")
    assert gone == {"deleted": True, "userErrors": []}
    assert club.ask(LIST)["webhooks"] == []


def test_each_change_leaves_an_audit_row_without_the_secrets(club: Harness) -> None:
    hook, secret = subscribe(club, URL)
    change(club, "updateWebhook", hook, active=False)
    change(club, "updateWebhook", hook, active=False)
    rotated = change(club, "rotateWebhookSecret", hook, MADE)
    change(club, "replayWebhook", hook, "deliveries userErrors { code }")
    change(club, "deleteWebhook", hook, "deleted userErrors { code }")
    query = "{ auditLog(first: 50) { nodes { operation before after } } }"
    rows = [row for row in club.ask(query)["auditLog"]["nodes"] if "Webhook" in row["operation"]]
    assert sorted(row["operation"] for row in rows) == [
        "createWebhook",
        "deleteWebhook",
        "replayWebhook",
        "rotateWebhookSecret",
        "updateWebhook",
    ]
    assert "whsec_" not in str(rows)
    assert secret != rotated["secret"]


@pytest.mark.parametrize(
    "selection",
    [
        "",
        "number",
        "{ }",
        "{ nothing }",
        "{ number",
        "{ number } { status }",
        "{ number } query Q { me { customerId } }",
        "{ ...Others }",
        "{ balances }",
        "{ number(a: $b) }",
        "@skip(if: 1) { number }",
        "} fragment More on LoyaltyCard { number",
        "{ number } fragment More on LoyaltyCard { number }",
        f"{{ {BOOK} {{ nodes {{ card {{ {BOOK} {{ nodes {{ id points }} }} }} }} }} }}",
        "{ number " + "# " * 5000 + "}",
        "{" * 500,
    ],
)
def test_a_selection_that_does_not_fit_a_card_is_refused(club: Harness, selection: str) -> None:
    refused = try_subscribe(club, URL, selection=selection)
    assert refused["webhook"] is None
    assert refused["secret"] is None
    assert set(map(str, faults(refused))) == {"('INVALID_INPUT', ['selection'])"}
    hook, _ = subscribe(club, URL)
    again = change(club, "updateWebhook", hook, selection=selection)
    assert {code for code, _ in faults(again)} == {"INVALID_INPUT"}


URLS = [
    "",
    "nonsense",
    "ftp://127.0.0.1/",
    "http://",
    "http://user@127.0.0.1/",
    "http://127.0.0.1/#part",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1/ HTTP/1.1\r\nX: y",
    "http://[::1/",
    "http://127.0.0.1/" + "x" * 3000,
    "http://ex\u00e4mple.com/",
]
# Private, link-local, site-local, shared, mapped, translated, tunnelled, unspecified, multicast.
CLOSED = [
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104
    "224.0.0.1",
    "[fe80::1]",
    "[fc00::1]",
    "[::]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::a00:1]",
    "[64:ff9b:1::a00:1]",
    "[2002:a00:1::]",
    "[::a00:1]",
    "[fec0::1]",
    "[ff02::1]",
]
LOOPBACK = ["127.0.0.1", "localhost", "[::1]", "127.9.9.9", "[::ffff:127.0.0.1]"]


@pytest.mark.parametrize("url", [*URLS, *(f"http://{host}/" for host in CLOSED)])
def test_an_address_that_leads_nowhere_public_is_refused(club: Harness, url: str) -> None:
    assert faults(try_subscribe(club, url)) == [("INVALID_INPUT", ["url"])]


def test_production_takes_no_loop_back_and_only_https(
    server_loop: asyncio.AbstractEventLoop, database_url: str
) -> None:
    with running(server_loop, database_url, LOYALTY_MODE="production") as service:
        hosts = [*LOOPBACK, *CLOSED]
        for url in [*(f"https://{host}/" for host in hosts), "http://1.1.1.1/"]:
            assert faults(try_subscribe(service, url)) == [("INVALID_INPUT", ["url"])], url
        made = try_subscribe(service, "https://1.1.1.1/hooks")
        assert made["userErrors"] == []
        refused = change(service, "updateWebhook", made["webhook"]["id"], url="https://10.0.0.1/")
        assert faults(refused) == [("INVALID_INPUT", ["url"])]


def test_a_host_is_public_only_where_all_its_addresses_are(club: Harness) -> None:
    async def mixed(_host: str, _port: int) -> list[str]:
        return ["1.1.1.1", "10.0.0.1"]

    outward = club.served.outward
    assert outward is not None
    turned = replace(outward, resolve=mixed)
    target = target_of("https://example.com/", turned)
    with pytest.raises(AddressRefused):
        club.wait(checked_address(target, turned))


def test_a_host_that_is_not_found_in_time_is_refused(
    club: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.webhook_addresses.RESOLVE_SECONDS", 0.01)

    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(60)
        return ["1.1.1.1"]

    outward = club.served.outward
    assert outward is not None
    turned = replace(outward, resolve=never)
    with pytest.raises(AddressRefused):
        club.wait(checked_address(target_of("https://example.com/", turned), turned))


@pytest.mark.parametrize("mutation", ["updateWebhook", "replayWebhook", "rotateWebhookSecret"])
@pytest.mark.parametrize(
    "hook", ["", "x", encode_id("Webhook", bytes(16)), encode_id("LoyaltyCard", bytes(16))]
)
def test_a_webhook_that_is_none_is_not_found(club: Harness, mutation: str, hook: str) -> None:
    refused = change(club, mutation, hook, "userErrors { code field message }")
    assert faults(refused) == [("NOT_FOUND", ["id"])]


@pytest.mark.parametrize("cursor", ["", "x", encode_cursor("auditLog", 1)])
def test_a_replay_begins_with_a_cursor_of_the_log(club: Harness, cursor: str) -> None:
    hook, _ = subscribe(club, URL)
    shown = "deliveries userErrors { code field message }"
    refused = change(club, "replayWebhook", hook, shown, fromCursor=cursor)
    assert faults(refused) == [("INVALID_INPUT", ["fromCursor"])]


def test_a_webhook_wants_a_kind_of_event(club: Harness) -> None:
    assert faults(try_subscribe(club, URL, events=[])) == [("INVALID_INPUT", ["events"])]
