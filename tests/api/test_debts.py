"""Semantics 6: debt meets points on the day on which they become available, noticed or not."""

from typing import Any

import pytest

from tests.api.harness import Harness
from tests.api.program import amount_rule, channel, reward_points
from tests.api.test_payments import change, lasting, one, pay, program
from tests.api.test_points import adjust, codes, give
from tests.api.test_returns import taken

EXPIRING = {"expiration": {"value": 20, "unit": "DAY"}}


def held(service: Harness, points: int, owed: int, **kind: Any) -> tuple[str, Any]:
    """A card whose `points` are all held by a payment, and which owes some more."""
    document = program()
    document["rewardPoints"] = reward_points(**kind)
    service.apply(document)
    service.clock.set("2025-01-06")
    card = service.issue()
    adjust(service, card, points)
    service.clock.set("2025-01-26T23:50:00-05:00")
    payment = pay(service, card, points / 100, one("20.00"), capture=False)
    assert codes(payment) == []
    assert codes(adjust(service, card, -owed, force=True)) == []
    return card, payment


def balance(service: Harness, card: str, **moment: Any) -> tuple[str, str, str, str]:
    found = service.balance(card, **moment)
    return found["available"], found["held"], found["expired"], found["used"]


def test_a_capture_takes_what_it_held_and_debt_gets_none_of_it(service: Harness) -> None:
    card, payment = held(service, 300, 200)
    assert codes(change(service, "captureLoyaltyPayment", payment)) == []
    assert balance(service, card) == ("-200", "0", "0", "300")


def test_what_a_partial_capture_frees_meets_debt(service: Harness) -> None:
    card, payment = held(service, 300, 50)
    assert codes(change(service, "captureLoyaltyPayment", payment, amount="1.00")) == []
    assert balance(service, card) == ("150", "0", "0", "100")


@pytest.mark.parametrize("notices", ["a void", "the clock"])
def test_freed_points_meet_debt_unless_their_last_day_is_over(
    service: Harness, notices: str
) -> None:
    card, payment = held(service, 300, 200, **EXPIRING)
    assert balance(service, card) == ("-200", "300", "0", "0")
    service.clock.set("2025-01-27T00:10:00-05:00")
    if notices == "a void":
        change(service, "voidLoyaltyPayment", payment)
    else:
        service.clock.advance(minutes=10)
    expected = ("-200", "0", "300", "0")
    assert balance(service, card) == expected
    # Written with the next posting, it reads the same.
    assert codes(adjust(service, card, 1, rewardPoint="CASH")) == []
    assert balance(service, card) == expected


def test_a_lapsed_hold_frees_points_for_debt_on_its_own_day(service: Harness) -> None:
    document = program()
    document["rewardPoints"] = reward_points(**EXPIRING)
    service.apply(document)
    service.clock.set("2025-01-06")
    card = service.issue()
    adjust(service, card, 300)
    assert codes(pay(service, card, "3.00", one("20.00"), capture=False)) == []
    adjust(service, card, -200, force=True)
    # The lot expires before any posting notices that the hold is over.
    service.clock.set("2025-02-10")
    for _ in range(2):
        assert balance(service, card) == ("0", "0", "100", "0")
        adjust(service, card, 1, rewardPoint="CASH")
    assert service.available(card, asOf="2025-01-06") == "100"


BOOK = """query($n: String!) { loyaltyCard(number: $n) { transactions { nodes {
  points remaining allocations { points lot { points } } } } } }"""


def entries(service: Harness, card: str) -> list[tuple[str, str | None, list[tuple[str, str]]]]:
    """(points, what is left, what was taken from which lots) of each entry, oldest first."""
    nodes = service.ask(BOOK, n=card)["loyaltyCard"]["transactions"]["nodes"]
    return [
        (
            row["points"],
            row["remaining"],
            [(one["points"], one["lot"]["points"]) for one in row["allocations"]],
        )
        for row in reversed(nodes)
    ]


@pytest.mark.parametrize("ends", ["vesting", "a hold"])
def test_entries_tell_of_debt_that_points_have_met_unnoticed(service: Harness, ends: str) -> None:
    days = {"value": 14, "unit": "DAY"}
    is_hold = ends == "a hold"
    document = program()
    document["rewardPoints"] = reward_points(**({} if is_hold else {"vesting": days}))
    service.apply(document)
    service.clock.set("2025-01-01")
    card = service.issue()
    adjust(service, card, 120)
    if is_hold:
        assert codes(pay(service, card, "1.20", one("20.00"), capture=False)) == []
    adjust(service, card, -60, force=True)
    owed = [("120", "120", []), ("-60", None, [])]
    assert (service.available(card), entries(service, card)) == ("-60", owed)
    service.clock.advance(minutes=30, days=0 if is_hold else 14)
    met = [("120", "60", []), ("-60", None, [("60", "120")])]
    assert (service.available(card), entries(service, card)) == ("60", met)
    # Written with the next posting, it reads the same.
    adjust(service, card, 1, rewardPoint="CASH")
    assert (service.available(card), entries(service, card)[:2]) == ("60", met)


def test_answers_of_the_past_settle_debt_as_they_did(service: Harness) -> None:
    points = reward_points(**EXPIRING, vesting={"value": 14, "unit": "DAY"})
    document = program()
    document["rewardPoints"] = points
    service.apply(document)
    service.clock.set("2025-01-06")
    card = service.issue()
    service.sale(card, "52.00")
    adjust(service, card, -70, force=True)
    service.clock.advance(minutes=1)
    moment = {"asOf": "2025-02-15", "knownAt": service.clock.now.isoformat()}
    told = balance(service, card, **moment)
    assert told == ("-18", "0", "0", "0")
    service.clock.set("2025-03-01")
    adjust(service, card, 500, force=True)
    assert balance(service, card, **moment) == told


def test_a_past_answer_knows_holds_that_had_lapsed_unnoticed(service: Harness) -> None:
    card, _ = held(service, 300, 200, **EXPIRING)
    service.clock.set("2025-01-28")
    moment = {"asOf": "2025-01-28", "knownAt": service.clock.now.isoformat()}
    told = balance(service, card, **moment)
    assert told == ("-200", "0", "300", "0")
    service.clock.set("2025-03-01")
    other = service.issue()
    adjust(service, card, 500)
    assert codes(give(service, card, other, 300)) == []
    assert balance(service, card, **moment) == told


def test_points_that_a_lapsed_hold_let_expire_are_gone_for_every_reader(service: Harness) -> None:
    document = program()
    document["rewardPoints"] = reward_points(**EXPIRING, maximumPerCard=100)
    service.apply(document)
    service.clock.set("2025-01-06")
    card = service.issue()
    adjust(service, card, 80)
    service.clock.set("2025-01-26T23:50:00-05:00")
    assert codes(pay(service, card, "0.80", one("20.00"), capture=False)) == []
    service.clock.set("2025-01-27T00:20:00-05:00")
    query = """query($n: String!) { loyaltyCard(number: $n) {
      transactions { nodes { remaining } } } }"""
    book = service.ask(query, n=card)["loyaltyCard"]["transactions"]
    assert book == {"nodes": [{"remaining": "0"}]}
    # They leave room below the maximum.
    assert service.earned(card, "100.00") == [("PTS", "100")]


def test_a_day_of_the_past_shows_no_hold_of_today(service: Harness) -> None:
    card, _ = held(service, 300, 1)
    assert balance(service, card, asOf="2025-01-25") == ("300", "0", "0", "0")
    service.clock.advance(minutes=31)
    assert balance(service, card, asOf="2025-01-26") == ("299", "0", "0", "0")


@pytest.mark.parametrize("owed", [0, 1200])
def test_a_hold_of_the_past_changes_no_answer_of_the_past(service: Harness, owed: int) -> None:
    service.apply(program())
    service.clock.set("2025-01-02")
    card = service.issue()
    adjust(service, card, 1000)
    service.clock.set("2025-01-20T16:00:00+00:00")
    moments = [
        {"asOf": "2025-01-10", "knownAt": known_at}
        for known_at in ("2025-01-10T17:10:00Z", "2025-01-10T17:40:00Z", "2025-01-20T16:30:00Z")
    ]
    told = [balance(service, card, **moment) for moment in moments]
    assert told == [("1000", "0", "0", "0")] * 3
    service.clock.set("2025-01-20")
    dated = one("6.00", at="2025-01-10T17:00:00Z")
    payment = pay(service, card, "6.00", dated, capture=False)
    assert payment["payment"]["status"] == "EXPIRED"
    service.clock.advance(seconds=1)
    recent = pay(service, card, "3.00", one("3.00", at="2025-01-20T16:50:00Z"), capture=False)
    assert recent["payment"]["status"] == "AUTHORIZED"
    service.clock.advance(seconds=1)
    if owed:
        adjust(service, card, -owed, force=True, occurredAt="2025-01-09T17:00:00Z")
    moments.append({"asOf": "2025-01-20", "knownAt": service.clock.now.isoformat()})
    told.append(balance(service, card))
    assert told[-1] == (str(700 - owed), "300", "0", "0")
    service.clock.advance(minutes=10)
    assert [balance(service, card, **moment) for moment in moments] == told


@pytest.mark.parametrize("ends", ["captureLoyaltyPayment", "voidLoyaltyPayment"])
def test_a_hold_is_known_from_its_writing_until_its_end_is_written(
    service: Harness, ends: str
) -> None:
    service.apply(program())
    service.clock.set("2025-01-10")
    card = service.issue()
    adjust(service, card, 1000)
    service.clock.advance(minutes=1)
    payment = pay(service, card, "6.00", one("6.00"), capture=False)
    told = {}
    for _ in range(2):
        service.clock.advance(minutes=1)
        known_at = service.clock.now.isoformat()
        told[known_at] = balance(service, card, asOf="2025-01-10", knownAt=known_at)
    service.clock.advance(minutes=1)
    # Another posting at the same instant: the end of the hold is written a microsecond later.
    adjust(service, card, 1)
    known_at = service.clock.now.isoformat()
    told[known_at] = balance(service, card, asOf="2025-01-10", knownAt=known_at)
    assert codes(change(service, ends, payment)) == []
    service.clock.advance(minutes=1)
    assert list(told.values()) == [("400", "600", "0", "0")] * 2 + [("401", "600", "0", "0")]
    for known_at, found in told.items():
        assert balance(service, card, asOf="2025-01-10", knownAt=known_at) == found


@pytest.mark.parametrize("sold", [False, True])
def test_a_hold_where_tomorrow_has_begun_is_held_today_for_every_reader(
    service: Harness, sold: bool
) -> None:
    service.apply(lasting())
    service.clock.set("2025-01-09")
    card = service.issue()
    adjust(service, card, 1000)
    service.clock.set("2025-01-10")
    if sold:
        # Dated the 11th, like the hold in Auckland.
        service.sale(card, "50.00", channel="AKL")
        service.clock.advance(seconds=1)
    payment = pay(service, card, "6.00", one("6.00", channel="AKL"), capture=False)
    assert payment["payment"]["status"] == "AUTHORIZED"
    known_at = service.clock.now.isoformat()
    expected = ("400", "600", "0", "0")
    moments = [{}, {"asOf": "2025-01-10"}, {"asOf": "2025-01-10", "knownAt": known_at}]
    assert [balance(service, card, **moment) for moment in moments] == [expected] * 3
    service.clock.advance(minutes=1)
    assert [balance(service, card, **moment) for moment in moments] == [expected] * 3
    assert balance(service, card, asOf="2025-01-09", knownAt=known_at) == ("1000", "0", "0", "0")


def test_points_of_tomorrow_are_held_from_tomorrow_on(service: Harness) -> None:
    service.apply(lasting())
    service.clock.set("2025-01-09")
    card = service.issue()
    service.clock.set("2025-01-10")
    service.sale(card, "600.00", channel="AKL")
    service.clock.advance(seconds=1)
    pay(service, card, "6.00", one("6.00", channel="AKL"), capture=False)
    service.clock.advance(seconds=1)
    assert balance(service, card) == ("0", "0", "0", "0")
    assert balance(service, card, asOf="2025-01-11") == ("0", "600", "0", "0")


def test_two_holds_of_one_lot_may_end_on_one_day(service: Harness) -> None:
    service.apply(program())
    card = service.issue()
    adjust(service, card, 300)
    holds = [pay(service, card, "1.50", one("20.00"), capture=False) for _ in range(2)]
    assert codes(adjust(service, card, -400, force=True)) == []
    for payment, available in zip(holds, ("-250", "-100"), strict=True):
        assert codes(change(service, "voidLoyaltyPayment", payment)) == []
        assert service.available(card) == available


def test_a_day_of_the_past_shows_no_debt_that_was_met_later(service: Harness) -> None:
    document = program()
    document["rewardPoints"] = reward_points(vesting={"value": 14, "unit": "DAY"})
    service.apply(document)
    service.clock.set("2025-01-06")
    card = service.issue()
    service.sale(card, "33.00")
    adjust(service, card, -16, force=True)
    service.clock.set("2025-01-22")
    # Writes no entry, yet the settlement of what has vested.
    service.change_card("blockLoyaltyCard", number=card, reason="lost")
    found = service.balance(card, asOf="2025-01-19")
    assert (found["available"], found["unvested"]) == ("-16", "33")
    assert service.available(card) == "17"


def test_a_clock_that_steps_back_settles_no_debt_from_what_has_expired(service: Harness) -> None:
    document = program()
    document["rewardPoints"] = reward_points(**EXPIRING)
    service.apply(document)
    service.clock.set("2025-01-06")
    card = service.issue()
    adjust(service, card, 300)
    service.clock.set("2025-01-27")
    adjust(service, card, -200, force=True)
    service.clock.set("2025-01-26")
    service.change_card("blockLoyaltyCard", number=card, reason="lost")
    service.clock.set("2025-01-28")
    assert balance(service, card) == ("-200", "0", "300", "0")


AHEAD = "2025-01-26T10:15:00-05:00"


def abroad(service: Harness) -> None:
    """The program of payments, with a channel whose calendar is a day ahead."""
    document = program()
    document["rewardPoints"] = reward_points(**EXPIRING)
    document["channels"].append(channel("AKL", timeZone="Pacific/Auckland", kind="STORE"))
    document["schemes"][0]["channels"].append("AKL")
    document["schemes"][0]["earningRules"] = [
        amount_rule(),
        amount_rule("cash", point="CASH", per="0.5", points="0.5"),
    ]
    service.apply(document)


@pytest.mark.parametrize("notices", ["nobody", "a posting of the day", "a posting later"])
def test_a_posting_dated_ahead_leaves_debt_what_a_hold_frees_on_its_last_day(
    service: Harness, notices: str
) -> None:
    abroad(service)
    service.clock.set("2025-01-06")
    card = service.issue()
    adjust(service, card, 300)
    service.clock.set("2025-01-26T10:00:00-05:00")
    assert codes(pay(service, card, "3.00", one("20.00"), capture=False)) == []
    assert codes(adjust(service, card, -200, force=True)) == []
    service.clock.set(AHEAD)
    # Nothing but money: "floor(0.50 / 1)" is no point.
    assert service.earned(card, "0.50", channel="AKL") == [("CASH", "0.50")]
    service.clock.set("2025-01-26T11:00:00-05:00")
    assert balance(service, card) == ("100", "0", "0", "0")
    if notices == "a posting of the day":
        assert codes(adjust(service, card, 1, rewardPoint="CASH")) == []
    service.clock.set("2025-01-27T11:00:00-05:00")
    assert balance(service, card) == ("0", "0", "100", "0")
    if notices == "a posting later":
        assert codes(adjust(service, card, 1, rewardPoint="CASH")) == []
        assert balance(service, card) == ("0", "0", "100", "0")
    assert service.available(card, asOf="2025-01-26") == "100"


def test_debt_dated_ahead_meets_what_lasts_on_the_day_it_was_posted(service: Harness) -> None:
    abroad(service)
    service.clock.set("2025-01-05")
    card = service.issue()
    service.sale(card, "200.00", transactionId="S")
    assert codes(adjust(service, card, -200)) == []
    service.clock.set("2025-01-06")
    adjust(service, card, 300)
    service.clock.set(AHEAD)
    returned = taken(service, "S", channel="AKL")
    assert [entry["points"] for entry in returned["transactions"]][:1] == ["-200"]
    assert service.available(card) == "300"
    service.clock.set("2025-01-27T11:00:00-05:00")
    for _ in range(2):
        assert balance(service, card) == ("0", "0", "100", "0")
        assert codes(adjust(service, card, 1, rewardPoint="CASH")) == []
    assert service.available(card, asOf="2025-01-26") == "300"
