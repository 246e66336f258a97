"""Semantics 11 through the API: adjustments, gifts, and debt that settles by itself."""

import threading
from typing import Any

import pytest

from tests.api.harness import Harness
from tests.api.program import amount_rule, club_document, reward_points

SELECTION = """transactions { id card { number } entryType points vestsOn expiresOn adjustmentId
  comment explanation { formula computed configurationVersion scheme rule }
  allocations { points lot { transactionId } } }
  replayed userErrors { code field ... on NotEnoughRewardPointsError { required available held
    amountCovered { amount } } }"""


def adjust(service: Harness, card: str, points: Any, caller: str = "admin", **given: Any) -> Any:
    wanted = {
        "idempotencyKey": service.fresh_key(),
        "cardNumber": card,
        "rewardPoint": "PTS",
        "points": str(points),
        "reasonCode": "TEST",
        **given,
    }
    return service.mutate("adjustPoints", SELECTION, wanted, caller)


def give(service: Harness, source: str, target: str, points: Any, **given: Any) -> Any:
    wanted = {
        "idempotencyKey": service.fresh_key(),
        "fromCardNumber": source,
        "toCardNumber": target,
        "rewardPoint": "PTS",
        "points": str(points),
        **given,
    }
    return service.mutate("transferPoints", SELECTION, wanted)


def codes(payload: Any) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def lots_until(service: Harness, card: str, *lots: tuple[int, int]) -> None:
    """Lots of so many points that live for so many months, each by a version of its own."""
    for points, months in lots:
        expiration = {"value": months, "unit": "MONTH"}
        service.apply(club_document(rewardPoints=reward_points(expiration=expiration)))
        service.clock.advance(minutes=1)
        assert codes(adjust(service, card, points)) == []
        service.clock.advance(minutes=1)


def test_ex_63_gifts_keep_their_last_days(service: Harness) -> None:
    service.apply(club_document())
    a, b = service.issue("A"), service.issue("B")
    service.clock.set("2025-01-31")
    lots_until(service, a, (100, 2), (200, 1))
    gift = give(service, a, b, 250, comment="Happy birthday")
    assert codes(gift) == []
    rows = [(r["card"]["number"], r["points"], r["expiresOn"]) for r in gift["transactions"]]
    assert rows == [("A", "-250", None), ("B", "200", "2025-02-28"), ("B", "50", "2025-03-31")]
    assert len({row["adjustmentId"] for row in gift["transactions"]}) == 1
    assert {row["comment"] for row in gift["transactions"]} == {"Happy birthday"}
    assert gift["transactions"][0]["explanation"]["formula"] == "transfer -250"
    assert (service.available(a), service.available(b)) == ("50", "250")
    more = give(service, a, b, 60)
    assert more["userErrors"] == [
        {
            "code": "NOT_ENOUGH_REWARD_POINTS",
            "field": ["points"],
            "required": "60",
            "available": "50",
            "held": "0",
            "amountCovered": None,
        }
    ]
    service.clock.set("2025-03-01")
    assert (service.available(a), service.available(b)) == ("50", "50")
    for points, target in ((10, a), (0, b), (-5, b)):
        assert codes(give(service, a, target, points)) == ["INVALID_INPUT"]


def test_checks_of_a_gift(service: Harness) -> None:
    service.apply(club_document(rewardPoints=reward_points(maximumPerCard=100)))
    a, b = service.issue("A"), service.issue("B")
    adjust(service, a, 90)
    adjust(service, b, 50)
    assert codes(give(service, a, b, 60)) == ["MAXIMUM_POINTS_REACHED"]
    assert codes(give(service, a, b, 95)) == ["NOT_ENOUGH_REWARD_POINTS"]
    assert codes(give(service, a, b, "0.5")) == ["INVALID_INPUT"]
    assert codes(give(service, a, b, 5, rewardPoint="STAT")) == ["INVALID_INPUT"]
    assert codes(give(service, a, b, 5, rewardPoint="NONE")) == ["REWARD_POINT_NOT_FOUND"]
    assert codes(give(service, a, "NONE", 5)) == ["LOYALTY_CARD_NOT_FOUND"]
    service.change_card("blockLoyaltyCard", number=b, reason="lost")
    blocked = give(service, a, b, 5)
    assert (codes(blocked), blocked["userErrors"][0]["field"]) == (
        ["LOYALTY_CARD_BLOCKED"],
        ["toCardNumber"],
    )
    assert service.available(a) == "90"


@pytest.mark.parametrize("change", ["blockLoyaltyCard", "replaceLoyaltyCard"])
def test_what_is_wrong_with_the_points_goes_before_the_status_of_cards(
    club: Harness, change: str
) -> None:
    """Else the card's refusal, which is kept under its key, would hide the other for ever."""
    a, b = club.issue("A"), club.issue("B")
    given = {"channel": "WEB"} if change == "replaceLoyaltyCard" else {"reason": "lost"}
    assert codes(club.change_card(change, number=a, **given)) == []
    for points, kind, code in (
        ("1", "STAT", "INVALID_INPUT"),
        ("1", "NONE", "REWARD_POINT_NOT_FOUND"),
        ("0.5", "PTS", "INVALID_INPUT"),
    ):
        key = club.fresh_key()
        for _ in range(2):
            refused = give(club, a, b, points, rewardPoint=kind, idempotencyKey=key)
            assert (codes(refused), refused["replayed"]) == ([code], False)
    assert codes(adjust(club, a, "0.5")) == ["INVALID_INPUT"]
    assert codes(adjust(club, a, 1, rewardPoint="NONE")) == ["REWARD_POINT_NOT_FOUND"]


def test_an_adjustment_may_name_a_program_of_its_day_or_of_today(club: Harness) -> None:
    card = club.issue()
    enrolled = {"number": card, "program": "CLUB"}
    club.clock.set("2025-01-10")
    assert codes(club.change_card("enrollLoyaltyCard", **enrolled, endDate="2025-01-15")) == []
    club.clock.set("2025-03-01")
    now = {"program": "CLUB"}
    early, between = ({**now, "occurredAt": f"2025-0{day}T17:00:00Z"} for day in ("1-15", "1-16"))
    assert codes(adjust(club, card, 1, **early)) == []
    assert codes(adjust(club, card, 1, **between)) == ["PROGRAM_NOT_FOUND"]
    assert codes(adjust(club, card, 1, **now)) == ["PROGRAM_NOT_FOUND"]
    assert codes(club.change_card("enrollLoyaltyCard", **enrolled)) == []
    assert codes(adjust(club, card, 1, **between)) == []
    assert codes(adjust(club, card, 1, **now)) == []


def test_a_refusal_for_lack_of_points_is_kept_with_its_facts(club: Harness) -> None:
    a, b = club.issue("A"), club.issue("B")
    adjust(club, a, 10)
    first = give(club, a, b, 60, idempotencyKey="k")
    adjust(club, a, 100)
    late = give(club, a, b, 60, idempotencyKey="k")
    assert late["replayed"]
    assert late["userErrors"] == first["userErrors"]
    assert codes(give(club, a, b, 60)) == []


def test_an_adjustment_is_one_entry_that_says_so(club: Harness) -> None:
    card = club.issue()
    payload = adjust(club, card, 50, comment="Sorry", occurredAt="2023-12-01T12:00:00Z")
    (row,) = payload["transactions"]
    assert (row["entryType"], row["points"], row["vestsOn"], row["comment"]) == (
        "ADJUST",
        "50",
        "2023-12-01",
        "Sorry",
    )
    assert row["explanation"] == {
        "formula": "adjustment 50",
        "computed": "50",
        "configurationVersion": 1,
        "scheme": None,
        "rule": None,
    }
    down = adjust(club, card, -20)
    assert down["transactions"][0]["allocations"] == [
        {"points": "20", "lot": {"transactionId": None}}
    ]
    assert club.balance(card) == {
        "available": "30",
        "unvested": "0",
        "held": "0",
        "issued": "30",
        "used": "0",
        "expired": "0",
    }


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"points": "0"}, "INVALID_INPUT"),
        ({"points": "0.5"}, "INVALID_INPUT"),
        ({"points": "0.001", "rewardPoint": "CASH"}, "INVALID_INPUT"),
        ({"rewardPoint": "NONE"}, "REWARD_POINT_NOT_FOUND"),
        ({"program": "NONE"}, "PROGRAM_NOT_FOUND"),
        ({"cardNumber": "NONE"}, "LOYALTY_CARD_NOT_FOUND"),
        ({"reasonCode": ""}, "INVALID_INPUT"),
        ({"occurredAt": "2030-01-01T00:00:00Z"}, "INVALID_INPUT"),
        ({"points": "-1"}, "NOT_ENOUGH_REWARD_POINTS"),
        ({"points": "101"}, "MAXIMUM_POINTS_REACHED"),
    ],
)
def test_refusals_of_adjustments(service: Harness, given: Any, code: str) -> None:
    service.apply(club_document(rewardPoints=reward_points(maximumPerCard=100)))
    card = service.issue()
    wanted = {"card": card, "points": "1", **given}
    number = wanted.pop("cardNumber", wanted.pop("card"))
    assert codes(adjust(service, number, wanted.pop("points"), **wanted)) == [code]


def test_force_needs_its_right_and_books_debt(club: Harness) -> None:
    card = club.issue()
    assert codes(adjust(club, card, -20, "staff", force=True)) == ["FORBIDDEN"]
    payload = adjust(club, card, -20, force=True)
    assert codes(payload) == []
    assert payload["transactions"][0]["allocations"] == []
    assert club.available(card) == "-20"
    # The next earning meets the debt at once.
    club.sale(card, "100.00", transactionId="S")
    assert club.available(card) == "80"
    query = """query($id: ID!) { node(id: $id) { ... on LoyaltyTransaction {
      allocations { points lot { transactionId } } } } }"""
    found = club.ask(query, id=payload["transactions"][0]["id"])["node"]
    assert found["allocations"] == [{"points": "20", "lot": {"transactionId": "S"}}]


def test_debt_meets_what_vests_without_a_job_and_before_it_expires(service: Harness) -> None:
    points = reward_points(
        vesting={"value": 14, "unit": "DAY"}, expiration={"value": 30, "unit": "DAY"}
    )
    service.apply(club_document(rewardPoints=points))
    card = service.issue()
    service.clock.set("2025-01-01")
    adjust(service, card, -60, force=True)
    service.sale(card, "120.00")
    held = {"2025-01-14": ("-60", "120", "0"), "2025-01-15": ("60", "0", "0")}
    held |= {"2025-01-31": ("60", "0", "0"), "2025-02-01": ("0", "0", "60")}
    for day, expected in held.items():
        service.clock.set(day)
        found = service.balance(card)
        assert (found["available"], found["unvested"], found["expired"]) == expected, day
        assert service.balance(card, asOf=day) == found
    # Written with the next posting, it reads the same.
    service.sale(card, "1.00")
    assert service.balance(card)["expired"] == "60"
    assert service.available(card) == "0"


def test_adjustments_count_for_tiers_and_gifts_do_not(service: Harness) -> None:
    points = reward_points()
    points[2]["redeemable"] = True
    service.apply(club_document(amount_rule(), rewardPoints=points))
    a, b = service.issue("A"), service.issue("B")
    adjust(service, a, 600, rewardPoint="STAT")
    held = service.tier(a)
    assert held is not None
    assert held[0] == "SILVER"
    give(service, a, b, 600, rewardPoint="STAT")
    held = service.tier(b)
    assert held is not None
    assert held[0] == "MEMBER"


def test_beyond_the_bound_of_a_balance_the_points_are_to_blame(service: Harness) -> None:
    document = club_document()
    document["rewardPoints"][1]["currency"] = "KWD"
    service.apply(document)
    card, other = service.issue(), service.issue()
    most = {"points": "999999999999.999", "rewardPoint": "CASH"}
    assert codes(adjust(service, other, **most)) == []
    for _ in range(100):
        assert codes(adjust(service, card, **most)) == []
    for payload in (adjust(service, card, **most), give(service, other, card, **most)):
        (fault,) = payload["userErrors"]
        assert (fault["code"], fault["field"]) == ("INVALID_INPUT", ["points"])


def test_gifts_in_both_directions_at_once_lose_nothing(club: Harness) -> None:
    numbers = [club.issue(name) for name in ("A", "B", "C", "D")]
    for number in numbers:
        adjust(club, number, 100)
    club.key("admin")
    found: list[Any] = []

    def move(source: str, target: str) -> None:
        found.extend([give(club, source, target, 30) for _ in range(3)])

    pairs = [(a, b) for a in numbers for b in numbers if a != b]
    threads = [threading.Thread(target=move, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 36
    assert {code for payload in found for code in codes(payload)} <= {"NOT_ENOUGH_REWARD_POINTS"}
    assert sum(int(club.available(number)) for number in numbers) == 400


def test_many_take_from_one_card_and_exactly_what_is_there_is_taken(club: Harness) -> None:
    card, other = club.issue("A"), club.issue("B")
    adjust(club, card, 100)
    club.key("admin")
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(give(club, card, other, 7))) for _ in range(25)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(codes, found)) == [[]] * 14 + [["NOT_ENOUGH_REWARD_POINTS"]] * 11
    assert (club.available(card), club.available(other)) == ("2", "98")
