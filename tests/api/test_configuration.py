"""Semantics 3 through the API: faults with paths, versions, plan, what existing data forbids."""

import asyncio
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from execution.relay import encode_cursor
from resolvers import books, held_tiers
from resolvers.books import History, RuleBooks
from resolvers.documents import load_document
from rules.book import RuleBook
from rules.compiling import compile_book
from tests.api import prices
from tests.api.activities import activity_input, activity_rule, created, post_lines
from tests.api.harness import BEFORE_EVERYTHING, Harness, line
from tests.api.program import (
    PAST_YEAR,
    amount_rule,
    channel,
    club_document,
    reward_points,
    scheme,
    tier,
)
from tests.api.test_jobs import run
from tests.api.test_points import adjust
from tests.api.test_replacing import replaced

EXAMPLE = Path(__file__).parents[2] / "docs" / "configuration.example.yaml"
SELECTION = """configuration { version effectiveFrom createdBy comment }
  plan { changes { action path before after } warnings } userErrors { code message field }"""


def apply(service: Harness, document: Any, **given: Any) -> dict[str, Any]:
    return service.mutate("applyConfiguration", SELECTION, {"document": document, **given})


def plan(service: Harness, document: Any) -> dict[str, Any]:
    query = """query($document: JSON!) { planConfiguration(document: $document) {
      changes { action path before after } warnings userErrors { code message field } } }"""
    planned: dict[str, Any] = service.ask(query, document=document)["planConfiguration"]
    return planned


def fields(payload: dict[str, Any]) -> list[list[str]]:
    assert {error["code"] for error in payload["userErrors"]} <= {"CONFIGURATION_INVALID"}
    return [error["field"] for error in payload["userErrors"]]


def test_the_example_of_the_documentation_is_accepted_as_it_stands(service: Harness) -> None:
    document = load_document(EXAMPLE.read_text(encoding="utf-8"))
    payload = apply(service, document, process=True)
    assert payload["userErrors"] == []
    card = service.issue()
    assert card == "LC-00041"
    assert service.earned(card, "20.40") == [("PTS", "20"), ("STAT", "20")]


def test_the_document_comes_back_as_it_was_sent(service: Harness) -> None:
    document = club_document(amount_rule(points=0.5), comment=None)
    del document["comment"]
    apply(service, document, process=True, comment="first")
    found = service.ask("{ configuration { version document comment createdBy } }", "staff")
    assert found["configuration"]["comment"] == "first"
    assert found["configuration"]["createdBy"] == "admin"
    stored = found["configuration"]["document"]
    assert stored["schemes"] == [
        {**document["schemes"][0], "earningRules": [amount_rule(points=stored_half(stored))]}
    ]
    assert {key: stored[key] for key in stored if key != "schemes"} == {
        key: document[key] for key in document if key != "schemes"
    }


def stored_half(document: Any) -> Any:
    points = document["schemes"][0]["earningRules"][0]["points"]
    assert str(points) == "0.5"
    return points


def test_every_fault_is_reported_at_its_path_and_nothing_is_stored(service: Harness) -> None:
    document = club_document(amount_rule(points=0), amount_rule(tier="NONE", currency="XXX"))
    document["rewardPoints"][0]["colour"] = "red"
    document["channels"].append(channel())
    payload = apply(service, document, process=True)
    found = fields(payload)
    for path in (
        ["rewardPoints", "0", "colour"],
        ["channels", "1", "code"],
        ["schemes", "0", "earningRules", "0", "points"],
        ["schemes", "0", "earningRules", "1", "code"],
        ["schemes", "0", "earningRules", "1", "tier"],
        ["schemes", "0", "earningRules", "1", "currency"],
    ):
        assert ["document", *path] in found, found
    assert payload["configuration"] is None
    assert sorted(fields(plan(service, document))) == sorted(found)
    versions = service.ask("{ configurationVersions { totalCount } }")["configurationVersions"]
    assert versions["totalCount"] == 0
    assert service.gql("{ configuration { version } }").codes == ["NOT_FOUND"]


def test_before_the_first_processing_nothing_is_known(service: Harness) -> None:
    lists = "{ channels { code } loyaltyPrograms { code } activityTypes { code } }"
    assert set(map(str, service.ask(lists).values())) == {"[]"}
    assert service.ask('{ channel(code: "WEB") { code } }') == {"channel": None}
    for name in ("loyaltyPrograms", "activityTypes", "affiliations", "shippingThresholdDiscounts"):
        asked = f'{{ {name}(channel: "WEB") {{ code }} }}'
        assert service.gql(asked).codes == ["CHANNEL_NOT_FOUND"]
    refused = service.change_card("blockLoyaltyCard", number="N", reason="r")["userErrors"]
    assert [(error["code"], error["field"]) for error in refused] == [
        ("LOYALTY_CARD_NOT_FOUND", ["number"])
    ]


def test_versions_do_nothing_until_processed_and_skipped_ones_never_do(service: Harness) -> None:
    assert apply(service, club_document())["configuration"] == {
        "version": 1,
        "effectiveFrom": None,
        "createdBy": "admin",
        "comment": None,
    }
    assert service.ask("{ channels { code } }")["channels"] == []
    apply(service, club_document(amount_rule(points=2)))
    service.process()
    query = "{ configurationVersions { nodes { version effectiveFrom } } }"
    nodes = service.ask(query)["configurationVersions"]["nodes"]
    assert [(node["version"], node["effectiveFrom"] is not None) for node in nodes] == [
        (2, True),
        (1, False),
    ]
    service.clock.advance(hours=1)
    service.process()
    assert service.ask(query)["configurationVersions"]["nodes"] == nodes


@pytest.mark.parametrize("place", [2**63 - 1, 2**31, -1])
def test_a_cursor_at_no_version_is_refused(club: Harness, place: int) -> None:
    query = "query($after: String) { configurationVersions(after: $after) { totalCount } }"
    cursor = encode_cursor("configurationVersions", place)
    assert club.gql(query, after=cursor).codes == ["INVALID_INPUT"]


def test_an_equal_document_stores_nothing(service: Harness) -> None:
    apply(service, club_document(), process=True)
    same = {key: club_document()[key] for key in reversed(club_document())}
    same["channels"][0]["active"] = True
    same["schemes"][0]["earningRules"][0]["points"] = "1.000"
    payload = apply(service, same)
    assert payload["configuration"]["version"] == 1
    assert payload["plan"]["changes"] == []


def test_a_comment_is_bounded(service: Harness) -> None:
    payload = apply(service, club_document(), comment="x" * 1001)
    assert [(one["code"], one["field"]) for one in payload["userErrors"]] == [
        ("INVALID_INPUT", ["comment"])
    ]
    assert payload["configuration"] is None
    assert apply(service, club_document(), comment="x" * 1000)["userErrors"] == []


def test_a_newer_version_is_a_conflict(service: Harness) -> None:
    apply(service, club_document())
    apply(service, club_document(amount_rule(points=2)), baseVersion=1)
    for base in (0, 1, 3):
        payload = apply(service, club_document(amount_rule(points=3)), baseVersion=base)
        assert [e["code"] for e in payload["userErrors"]] == ["CONFIGURATION_CONFLICT"]
    assert apply(service, club_document(amount_rule(points=3)), baseVersion=2)["userErrors"] == []


def test_documents_applied_at_once_never_overwrite_each_other(service: Harness) -> None:
    service.key("admin")
    payloads: list[dict[str, Any]] = []

    def send(points: int) -> None:
        payloads.append(apply(service, club_document(amount_rule(points=points)), baseVersion=0))

    threads = [threading.Thread(target=send, args=(points,)) for points in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = sorted(error["code"] for p in payloads for error in p["userErrors"])
    assert codes == ["CONFIGURATION_CONFLICT"] * 5


def test_what_plan_shows_is_what_apply_does(service: Harness) -> None:
    apply(service, club_document())
    wanted = club_document(amount_rule(points=2), amount_rule("extra"))
    planned = plan(service, wanted)
    assert [(c["action"], c["path"]) for c in planned["changes"]] == [
        ("CHANGE", "schemes/CLUB-US/earningRules/base/points"),
        ("ADD", "schemes/CLUB-US/earningRules/extra"),
    ]
    assert (planned["changes"][0]["before"], planned["changes"][0]["after"]) == ("1", "2")
    assert apply(service, wanted)["plan"]["changes"] == planned["changes"]
    assert plan(service, wanted)["changes"] == []


def test_what_exists_may_not_be_taken_away(service: Harness) -> None:
    document = club_document(amount_rule())
    document["affiliations"][0]["name"] = "Veterans"
    apply(service, document, process=True)
    service.customer("c", affiliations=["veteran"])
    card = service.issue(customerId="c")
    service.sale(card, "5.00", customerId="c")

    without_points = club_document(amount_rule(point="STAT"))
    without_points["rewardPoints"] = without_points["rewardPoints"][1:]
    other_kind = club_document(amount_rule(point="STAT"))
    other_kind["rewardPoints"][0] = {"code": "PTS", "kind": "AMOUNT", "currency": "USD"}
    other_currency = club_document(schemes=[scheme(code="S")], channels=[channel(currency="EUR")])
    no_channel = club_document(channels=[channel("OTHER")], schemes=[])
    no_program = club_document(programs=[], schemes=[])
    no_tier = club_document(programs=[{"code": "CLUB", "tiers": [tier("SILVER", 2, 500)]}])
    no_affiliation = club_document(affiliations=[])
    for removed in (
        without_points,
        other_kind,
        other_currency,
        no_channel,
        no_program,
        no_tier,
        no_affiliation,
    ):
        payload = apply(service, removed)
        assert [e["code"] for e in payload["userErrors"]], removed
        assert fields(payload) == fields(plan(service, removed))
    retired = club_document(channels=[channel(active=False)])
    assert apply(service, retired)["userErrors"] == []


def test_each_thing_taken_away_is_a_fault_of_its_own(service: Harness) -> None:
    apply(service, club_document(amount_rule(), amount_rule("cash", point="CASH")), process=True)
    service.sale(service.issue(), "5.00")
    document = club_document(amount_rule(point="STAT"))
    document["rewardPoints"] = document["rewardPoints"][2:]
    assert fields(apply(service, document)) == [["document", "rewardPoints"]] * 2


def test_what_is_gone_is_shown_as_the_last_version_had_it(service: Harness) -> None:
    document = club_document()
    document["rewardPoints"].append({"code": "OLD", "name": "Old points", "kind": "QUANTITY"})
    document["channels"].append(channel("CLOSED", name="Closed"))
    apply(service, document, process=True)
    ids = {
        point["code"]: point["id"] for point in service.ask("{ channels { code id } }")["channels"]
    }
    service.clock.advance(minutes=1)
    apply(service, club_document(), process=True)
    assert service.ask('{ channel(code: "CLOSED") { code } }')["channel"] is None
    node = service.ask(
        "query($id: ID!) { node(id: $id) { ... on Channel { name } } }", id=ids["CLOSED"]
    )
    assert node["node"] == {"name": "Closed"}


def test_a_late_sale_of_a_channel_that_is_gone_is_found(service: Harness) -> None:
    document = club_document(channels=[channel(), channel("OLD")])
    document["schemes"][0]["channels"].append("OLD")
    apply(service, document, process=True)
    card = service.issue()
    late = {"channel": "OLD", "transactionId": "T", "occurredAt": service.clock.now.isoformat()}
    service.clock.advance(minutes=1)
    apply(service, club_document(), process=True)
    service.sale(card, "5.00", **late)
    query = """query($n: String!) { loyaltyCard(number: $n) {
      transactions(filter: {transactionId: "T"}) { nodes { points channel { code } } } } }"""
    found = service.ask(query, n=card)["loyaltyCard"]["transactions"]["nodes"]
    assert found == [{"points": "5", "channel": {"code": "OLD"}}]


def test_a_code_that_comes_back_keeps_its_units(service: Harness) -> None:
    document = club_document(amount_rule("old", point="OLD"))
    document["rewardPoints"].append({"code": "OLD", "kind": "QUANTITY"})
    apply(service, document, process=True)
    card = service.issue()
    late = {"occurredAt": service.clock.now.isoformat()}
    service.clock.advance(minutes=1)
    apply(service, club_document(), process=True)
    assert service.earned(card, "5.00", **late) == [("OLD", "5")]
    again = club_document()
    again["rewardPoints"].append({"code": "OLD", "kind": "AMOUNT", "currency": "USD"})
    path = ["document", "rewardPoints", "3"]
    assert fields(apply(service, again)) == [[*path, "kind"], [*path, "currency"]]
    again["rewardPoints"][3] = {"code": "OLD", "kind": "QUANTITY"}
    assert fields(apply(service, again)) == []


def processed(service: Harness) -> list[tuple[str, list[str] | None]]:
    """What making the newest version effective is refused for."""
    query = """mutation { processLoyaltySchemes {
      configuration { version } userErrors { code field } } }"""
    payload = service.ask(query)["processLoyaltySchemes"]
    assert (payload["configuration"] is None) is bool(payload["userErrors"])
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


def test_a_version_is_compared_with_what_exists_when_it_becomes_effective(
    service: Harness,
) -> None:
    apply(service, club_document(), process=True)
    yen = club_document(amount_rule(points=2))
    yen["rewardPoints"][1]["currency"] = "JPY"
    assert fields(apply(service, yen)) == []
    card = service.issue()
    adjust(service, card, "10.00", rewardPoint="CASH")
    path = ["document", "rewardPoints", "1", "currency"]
    assert processed(service) == [("CONFIGURATION_INVALID", path)]
    assert fields(apply(service, yen, process=True)) == [path]
    assert service.available(card, "CASH") == "10.00"
    assert service.ask("{ configuration { version } }")["configuration"]["version"] == 1
    # What was refused locks nothing.
    assert fields(apply(service, club_document(amount_rule(points=3)))) == []
    assert processed(service) == []
    service.clock.advance(minutes=1)
    assert service.earned(card, "5.00") == [("PTS", "15")]


def test_what_came_to_exist_meanwhile_is_not_taken_away(service: Harness) -> None:
    """Each of what a document may not remove, put there after it was stored."""
    document = club_document(channels=[channel(), channel("SHOP")])
    document["schemes"][0]["channels"].append("SHOP")
    document["programs"].append({"code": "EXTRA", "tiers": [tier("ONE", 1, 0)]})
    document["schemes"].append(scheme(code="EXTRA", program="EXTRA"))
    document["activityTypes"] = [{"code": "VISIT", "review": True}]
    apply(service, document, process=True)
    less = club_document(amount_rule("cash", point="CASH"))
    less["rewardPoints"] = less["rewardPoints"][1:]
    less["affiliations"] = less["affiliations"][1:]
    assert fields(apply(service, less)) == []
    service.customer("c", affiliations=["veteran"])
    card = service.issue(channel="SHOP", programs=["CLUB", "EXTRA"], customerId="c")
    adjust(service, card, 1)
    created(service, activity_input(service, card, "VISIT"))
    lists = ("rewardPoints", "channels", "programs", "activityTypes", "affiliations", "programs")
    assert processed(service) == [("CONFIGURATION_INVALID", ["document", name]) for name in lists]


def test_a_code_with_another_unit_since_is_not_locked(service: Harness) -> None:
    """OLD had no entries when its unit changed, and got one by a late sale."""
    document = club_document(amount_rule("old", point="OLD"))
    document["rewardPoints"].append({"code": "OLD", "kind": "QUANTITY"})
    apply(service, document, process=True)
    card = service.issue()
    late = {"occurredAt": service.clock.now.isoformat()}
    service.clock.advance(minutes=1)
    changed = club_document()
    changed["rewardPoints"].append({"code": "OLD", "kind": "AMOUNT", "currency": "USD"})
    assert fields(apply(service, changed, process=True)) == []
    service.sale(card, "5.00", **late)
    changed["schemes"] = [scheme(amount_rule(points=2))]
    assert fields(apply(service, changed, process=True)) == []


QUANTITY = {"kind": "QUANTITY"}
AMOUNT = {"kind": "AMOUNT", "currency": "USD"}


@pytest.mark.parametrize(
    ("first", "since", "late", "most"),
    [(QUANTITY, AMOUNT, "80.50", "90.00"), (AMOUNT, QUANTITY, "80", "90")],
)
def test_what_comes_late_is_booked_in_the_unit_that_the_points_have_by_now(
    service: Harness, first: Any, since: Any, late: str, most: str
) -> None:
    """OLD had no entries when its unit changed; the rules and the maximum are of the sale's day."""
    document = club_document(
        amount_rule(point="OLD"),
        activity_rule(activityType="VISIT", rewardPoint="OLD", points=80),
        activityTypes=[{"code": "VISIT"}],
    )
    for unit, maximum in ((first, 90), (since, 1000)):
        point = {"code": "OLD", "maximumPerCard": maximum, **unit}
        document["rewardPoints"] = [*reward_points(), point]
        apply(service, document, process=True)
        service.clock.advance(minutes=1)
        document["schemes"][0]["earningRules"] = [amount_rule(points=7, point="OLD")]
    card, at = service.issue(), BEFORE_EVERYTHING.isoformat()
    shown = prices.shown(service, prices.cart(line(1, "80.50"), cardNumber=card, at=at))
    assert shown["earnings"][0]["points"] == late
    assert service.earned(card, "80.50", occurredAt=at) == [("OLD", late)]
    assert service.available(card, "OLD") == late
    created(service, activity_input(service, card, "VISIT", occurredAt=at))
    assert post_lines(service)["posted"] == 1
    assert service.available(card, "OLD") == most


def test_many_who_ask_at_once_make_each_version_once(
    service: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a start, when everybody's first posting asks what was in force before."""
    for points in range(1, 6):
        service.apply(club_document(amount_rule(points=points)))
        service.clock.advance(minutes=1)
    made: list[int] = []

    def counted(version: int, *given: Any) -> RuleBook:
        made.append(version)
        return compile_book(version, *given)

    monkeypatch.setattr(books, "compile_book", counted)
    fresh = RuleBooks()

    async def history() -> History:
        read = service.database.read()
        try:
            await fresh.refresh(read)
            return await fresh.history(read)
        finally:
            await read.close()

    async def everybody() -> list[History]:
        return await asyncio.gather(*(history() for _ in range(8)))

    assert {len(found.books) for found in service.wait(everybody())} == {5}
    assert sorted(made) == [1, 2, 3, 4, 5]


def test_number_sequences_only_rise(service: Harness) -> None:
    apply(service, club_document(), process=True)
    assert service.issue() == "LC-00041"
    service.clock.advance(minutes=1)
    lower = club_document(
        numberSequences=[{"code": "LOYALTY", "format": "LC-#####", "next": 7}],
    )
    payload = apply(service, lower, process=True)
    assert any("LOYALTY" in warning for warning in payload["plan"]["warnings"])
    assert service.issue() == "LC-00042"
    service.clock.advance(minutes=1)
    higher = club_document(
        numberSequences=[{"code": "LOYALTY", "format": "LC-##", "next": 100}],
    )
    apply(service, higher, process=True)
    assert service.issue() == "LC-100"


def test_a_sequence_rises_with_the_version_that_says_so(service: Harness) -> None:
    def counting(following: int) -> Any:
        sequence = {"code": "LOYALTY", "format": "LC-#####", "next": following}
        return club_document(numberSequences=[sequence])

    apply(service, counting(41), process=True)
    apply(service, counting(500))
    assert service.issue() == "LC-00041"
    # The version that was skipped never counts, and warns of nothing.
    warnings = apply(service, counting(300))["plan"]["warnings"]
    assert not [warning for warning in warnings if "LOYALTY" in warning]
    assert service.issue() == "LC-00042"
    service.process()
    assert service.issue() == "LC-00300"
    apply(service, counting(500))
    assert apply(service, counting(500), process=True)["userErrors"] == []
    assert service.issue() == "LC-00500"


def test_a_sequence_ends_where_its_numbers_grow_too_long(service: Harness) -> None:
    sequence = {"code": "LOYALTY", "format": "X" * 63 + "#", "next": 9}
    apply(service, club_document(numberSequences=[sequence]), process=True)
    assert service.issue() == "X" * 63 + "9"
    assert [e["code"] for e in service.try_issue()["userErrors"]] == ["NUMBER_SEQUENCE_MISSING"]


def test_drawn_numbers_may_be_unguessable(service: Harness) -> None:
    sequence = {"code": "LOYALTY", "format": "9***-###-****@", "next": 1}
    apply(service, club_document(numberSequences=[sequence]), process=True)
    numbers = [service.issue() for _ in range(5)]
    assert len({number[:4] for number in numbers}) > 1
    assert [number[5:8] for number in numbers] == ["001", "002", "003", "004", "005"]


def test_numbers_outside_all_ranges_are_refused(service: Harness) -> None:
    ranges = [{"from": "LC-00000", "to": "LC-00041"}]
    apply(service, club_document(cardNumberRanges=ranges), process=True)
    for number in ("LC-00042", "LC-000411", "lc-00001", "AC-00001"):
        assert [e["code"] for e in service.try_issue(number=number)["userErrors"]] == [
            "NUMBER_OUT_OF_RANGE"
        ]
    assert service.issue() == "LC-00041"
    assert [e["code"] for e in service.try_issue()["userErrors"]] == ["NUMBER_OUT_OF_RANGE"]
    assert service.issue("LC-00009") == "LC-00009"


@pytest.mark.parametrize("junk", [None, 1, "text", [], {"settings": []}, {"channels": {}}])
def test_junk_is_a_fault_of_the_document(service: Harness, junk: Any) -> None:
    query = """mutation($i: ApplyConfigurationInput!) { applyConfiguration(input: $i) {
      userErrors { code } } }"""
    answer = service.gql(query, i={"document": junk})
    if junk is None:
        assert answer.codes == ["INVALID_INPUT"]
    else:
        assert {e["code"] for e in answer["applyConfiguration"]["userErrors"]} == {
            "CONFIGURATION_INVALID"
        }


def test_names_follow_the_locale(service: Harness) -> None:
    names = {"de": "Punkte", "en": "Points", "fr": "Points de fidélité"}
    points = reward_points(name=names)
    apply(service, club_document(rewardPoints=points), process=True)
    query = """{ loyaltyProgram(code: "CLUB") { earningRules { rewardPoint {
      plain: name  canada: name(locale: "fr-CA")  german: name(locale: "DE")
      other: name(locale: "it") } } } }"""
    (rule,) = service.ask(query)["loyaltyProgram"]["earningRules"]
    assert rule["rewardPoint"] == {
        "plain": "Points",
        "canada": "Points de fidélité",
        "german": "Punkte",
        "other": "Points",
    }


def test_a_tier_without_an_end_is_running(service: Harness) -> None:
    endless = {"code": "NEXT_YEAR", "start": {"anchor": "TODAY"}}
    intervals = [PAST_YEAR, endless]
    service.apply(club_document(dateIntervals=intervals))
    card = service.issue()
    assert service.tier(card) == ("MEMBER", "2024-01-01", None)
    programs = [{"code": "CLUB", "tiers": [tier("SILVER", 2, 500)]}]
    payload = apply(service, club_document(programs=programs, dateIntervals=intervals))
    assert fields(payload) == [["document", "programs", "0", "tiers"]]


STATUS_RULE = amount_rule("status", point="STAT")


def without(*gone: str) -> Any:
    """The club less some of its tiers."""
    document = club_document(STATUS_RULE)
    (program,) = document["programs"]
    program["tiers"] = [tier for tier in program["tiers"] if tier["code"] not in gone]
    return document


def kept(service: Harness, *gone: str) -> bool:
    """Whether a document less these tiers is refused, told alike by plan and by apply."""
    told = fields(plan(service, without(*gone)))
    assert told in ([], [["document", "programs", "0", "tiers"]] * len(gone))
    return bool(told)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_tiers, "CARDS", 2)
    monkeypatch.setattr(held_tiers, "TOGETHER", 1)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("written", [False, True])
def test_a_tier_that_time_has_brought_is_not_taken_away(service: Harness, written: bool) -> None:
    service.clock.set("2025-01-01")
    apply(service, club_document(STATUS_RULE), process=True)
    for _ in range(6):
        service.issue(programs=[])
    card = service.issue(programs=[])
    service.clock.set("2025-01-10")
    service.change_card("enrollLoyaltyCard", number=card, program="CLUB")
    service.sale(card, "600.00")
    assert service.tier(card) == ("SILVER", "2025-01-10", "2026-01-10")
    assert [kept(service, code) for code in ("MEMBER", "SILVER", "GOLD")] == [False, True, False]
    service.clock.set("2026-02-01")
    assert service.tier(card) == ("MEMBER", "2026-01-11", "2027-01-11")
    if written:
        assert run(service, "UPDATE_TIERS") == (1, 0)
    assert [kept(service, code) for code in ("MEMBER", "SILVER", "GOLD")] == [True, False, False]
    assert fields(apply(service, without("MEMBER"))) == [["document", "programs", "0", "tiers"]]
    service.change_card("enrollLoyaltyCard", number=card, program="CLUB", endDate="2026-06-01")
    service.clock.set("2027-02-01")
    assert not kept(service, "MEMBER")


def test_a_tier_that_an_awaited_enrolment_begins_with_is_not_taken_away(service: Harness) -> None:
    service.clock.set("2025-01-01")
    apply(service, club_document(STATUS_RULE), process=True)
    card = service.issue(programs=[])
    service.change_card("enrollLoyaltyCard", number=card, program="CLUB", startDate="2025-02-01")
    assert not kept(service, "MEMBER")
    service.clock.set("2025-02-01")
    assert service.tier(card) == ("MEMBER", "2025-02-01", "2026-02-01")
    assert kept(service, "MEMBER")


@pytest.mark.parametrize(("zone", "member"), [("Honolulu", True), ("Auckland", False)])
def test_a_row_runs_to_the_end_of_its_last_day_where_the_card_was_issued(
    service: Harness, zone: str, member: bool
) -> None:
    document = club_document(STATUS_RULE, channels=[channel(timeZone=f"Pacific/{zone}")])
    service.clock.set("2025-01-10T21:00:00Z")
    apply(service, document, process=True)
    card = service.issue(programs=["CLUB"])
    given = {"number": card, "program": "CLUB", "tier": "GOLD", "endDate": "2025-01-31"}
    service.change_card("assignLoyaltyTier", reason="guest", **given)
    service.clock.set("2025-02-01T08:00:00Z")
    held = service.tier(card)
    assert held is not None
    assert held[0] == ("GOLD" if member else "MEMBER")
    assert kept(service, "GOLD") is member


def test_what_queued_sales_will_earn_keeps_its_unit(service: Harness) -> None:
    queued = {"postEarnedPointsInBatches": True}
    apply(service, club_document(settings=queued), process=True)
    card = service.issue()
    service.sale(card, "80.00")
    service.clock.advance(minutes=1)
    changed = club_document(settings=queued)
    changed["rewardPoints"][0] |= {"kind": "AMOUNT", "currency": "USD"}
    path = ["document", "rewardPoints", "0"]
    assert fields(apply(service, changed)) == [[*path, "kind"], [*path, "currency"]]
    assert run(service, "POST_EARNED_POINTS") == (1, 0)
    assert service.available(card) == "80"
    # What it might have earned and did not may change.
    changed["rewardPoints"][0] = club_document()["rewardPoints"][0]
    changed["rewardPoints"][1] = {"code": "CASH", "kind": "QUANTITY", "redeemable": True}
    assert fields(apply(service, changed)) == []


def test_a_replaced_card_keeps_no_tier(service: Harness) -> None:
    apply(service, club_document(STATUS_RULE), process=True)
    card = replaced(service, service.issue("A"), "B")
    assert kept(service, "MEMBER")
    service.sale(card, "600.00")
    assert service.tier(card) == ("SILVER", "2024-01-01", "2025-01-01")
    assert not kept(service, "MEMBER")
    assert fields(apply(service, without("MEMBER"), process=True)) == []
    service.clock.set("2025-06-01")
    assert run(service, "UPDATE_TIERS")[1] == 0
    assert service.tier(card) is None
    assert service.tier("A") is None


def test_the_newest_document_is_in_force_whoever_processes_meanwhile(service: Harness) -> None:
    service.apply(service.document())
    service.key("admin")
    selection = "configuration { version effectiveFrom }"
    for points in range(10, 22, 2):
        service.apply(club_document(amount_rule(points=points)), process=False)
        newer = club_document(amount_rule(points=points + 1))
        start = threading.Barrier(3)
        told: list[Any] = []

        def process(start: threading.Barrier = start) -> None:
            start.wait(30)
            service.process()

        def send(
            start: threading.Barrier = start, newer: Any = newer, told: list[Any] = told
        ) -> None:
            start.wait(30)
            told.append(service.apply(newer)["configuration"]["version"])

        threads = [threading.Thread(target=work) for work in (process, send, process)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert service.ask(f"{{ {selection} }}")["configuration"]["version"] == told[0]
    history = """{ configurationVersions(first: 50) { nodes { version effectiveFrom } } }"""
    rows = service.ask(history)["configurationVersions"]["nodes"]
    told_on = [row["effectiveFrom"] for row in reversed(rows) if row["effectiveFrom"]]
    from_on = [datetime.fromisoformat(instant) for instant in told_on]
    assert from_on == sorted(set(from_on))
