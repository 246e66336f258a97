"""Semantics 9 through the API: tiers that a customer's cards win together."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from models.failures import DatabaseSlow
from models.transactions import Transaction
from resolvers import reevaluations
from resolvers.outbox import Event
from resolvers.standings import Standing
from resolvers.tiers import reevaluate
from tests.api.harness import Harness
from tests.api.program import NEXT_YEAR, PAST_YEAR, Document, amount_rule, club_document, tier
from tests.api.test_jobs import run
from tests.api.test_points import adjust, codes
from tests.api.test_returns import taken

STATUS_RULE = amount_rule("status", point="STAT")


def combined(*, combine: bool = True, silver: int = 500) -> Document:
    tiers = [tier("MEMBER", 1, 0), tier("SILVER", 2, silver), tier("GOLD", 3, 1000)]
    program = {"code": "CLUB", "tiers": tiers, "combineRelatedLoyaltyCards": combine}
    return club_document(STATUS_RULE, programs=[program])


def sell(service: Harness, card: str, amount: Any, customer: str | None = "c", **given: Any) -> Any:
    whose = {"customerId": customer} if customer else {}
    return service.sale(card, amount, **whose, **given)


def tiers_of(service: Harness, *cards: str) -> list[str | None]:
    held = [service.tier(card) for card in cards]
    return [one and one[0] for one in held]


def counted(service: Harness, card: str) -> str:
    query = """query($n: String!) { loyaltyCard(number: $n) { enrollments { nextTier {
      requirements { counted } } } } }"""
    (enrolment,) = service.ask(query, n=card)["loyaltyCard"]["enrollments"]
    points: str = enrolment["nextTier"]["requirements"][0]["counted"]
    return points


def test_ex_53_cards_win_together_where_they_are_combined(service: Harness) -> None:
    service.apply(combined())
    service.customer("c")
    x, y = service.issue("X", customerId="c"), service.issue("Y", customerId="c")
    service.clock.set("2025-03-01")
    sell(service, x, "300.00")
    assert tiers_of(service, x, y) == ["MEMBER", "MEMBER"]
    assert (counted(service, x), counted(service, y)) == ("300", "300")
    service.clock.set("2025-03-05")
    sell(service, y, "250.00")
    silver = ("SILVER", "2025-03-05", "2026-03-05")
    assert (service.tier(x), service.tier(y)) == (silver, silver)
    query = """{ loyaltyCards(filter: {program: "CLUB", tier: "SILVER"}) {
      nodes { number } totalCount } }"""
    found = service.ask(query)["loyaltyCards"]
    assert found == {"nodes": [{"number": "X"}, {"number": "Y"}], "totalCount": 2}
    # The year after, what both earned in the year past brings the next rows, with nothing written.
    assert service.tier(x, "2026-03-06") == ("MEMBER", "2026-03-06", "2027-03-06")


def test_ex_53_cards_that_are_not_combined_win_alone(service: Harness) -> None:
    service.apply(combined(combine=False))
    service.customer("c")
    x, y = service.issue("X", customerId="c"), service.issue("Y", customerId="c")
    sell(service, x, "300.00")
    sell(service, y, "250.00")
    assert tiers_of(service, x, y) == ["MEMBER", "MEMBER"]


def test_a_posting_extends_the_tier_of_each_card(service: Harness) -> None:
    service.apply(combined())
    service.customer("c")
    x, y = service.issue("X", customerId="c"), service.issue("Y", customerId="c")
    service.clock.set("2025-03-01")
    sell(service, x, "600.00")
    service.clock.set("2025-04-01")
    sell(service, y, "1.00")
    assert service.tier(x) == service.tier(y) == ("SILVER", "2025-03-01", "2026-04-01")
    service.clock.set("2025-05-01")
    assert codes(adjust(service, y, -50, rewardPoint="STAT", force=True)) == []
    assert service.tier(x) == ("SILVER", "2025-03-01", "2026-04-01")


def test_a_late_posting_counts_at_the_days_of_the_other_cards(service: Harness) -> None:
    service.apply(combined())
    service.customer("c")
    x, y = service.issue("X", customerId="c"), service.issue("Y", customerId="c")
    service.clock.set("2025-06-01")
    sell(service, x, "300.00")
    sell(service, y, "250.00", occurredAt="2025-02-01T17:00:00Z")
    silver = ("SILVER", "2025-06-01", "2026-06-01")
    assert (service.tier(x), service.tier(y)) == (silver, silver)


def test_linking_a_card_wins_what_its_points_complete(service: Harness) -> None:
    service.apply(combined())
    service.customer("c")
    x, y = service.issue("X", customerId="c"), service.issue("Y")
    service.clock.set("2025-03-01")
    sell(service, x, "300.00")
    sell(service, y, "250.00", None)
    assert tiers_of(service, x, y) == ["MEMBER", "MEMBER"]
    service.clock.set("2025-03-10")
    assert codes(service.change_card("linkLoyaltyCard", number=y, customerId="c")) == []
    silver = ("SILVER", "2025-03-10", "2026-03-10")
    assert (service.tier(x), service.tier(y)) == (silver, silver)


def test_a_card_issued_to_a_customer_starts_at_the_tier_of_the_others(service: Harness) -> None:
    service.apply(combined())
    service.customer("c")
    x = service.issue("X", customerId="c")
    service.clock.set("2025-03-01")
    sell(service, x, "600.00")
    service.clock.set("2025-04-01")
    y = service.issue("Y", customerId="c")
    assert service.tier(y) == ("SILVER", "2025-04-01", "2026-04-01")


def test_enrolling_a_card_wins_what_its_points_complete(service: Harness) -> None:
    service.apply(combined())
    service.customer("c")
    x, y = service.issue("X", customerId="c"), service.issue("Y", customerId="c", programs=[])
    service.clock.set("2025-03-01")
    sell(service, x, "300.00")
    adjust(service, y, 250, rewardPoint="STAT")
    assert tiers_of(service, x) == ["MEMBER"]
    service.clock.set("2025-03-10")
    assert codes(service.change_card("enrollLoyaltyCard", number=y, program="CLUB")) == []
    silver = ("SILVER", "2025-03-10", "2026-03-10")
    assert (service.tier(x), service.tier(y)) == (silver, silver)


def test_blocked_cards_do_not_count_and_keep_their_rows(service: Harness) -> None:
    service.apply(combined())
    service.customer("c")
    x, y = service.issue("X", customerId="c"), service.issue("Y", customerId="c")
    service.clock.set("2025-03-01")
    sell(service, x, "300.00")
    service.change_card("blockLoyaltyCard", number=x, reason="lost")
    sell(service, y, "250.00")
    assert tiers_of(service, x, y) == ["MEMBER", "MEMBER"]
    service.change_card("unblockLoyaltyCard", number=x, reason="found")
    sell(service, y, "1.00")
    assert tiers_of(service, x, y) == ["SILVER", "SILVER"]
    service.change_card("blockLoyaltyCard", number=x, reason="lost")
    assert tiers_of(service, x, y) == ["SILVER", "SILVER"]


def replace_blocked(service: Harness) -> None:
    given = {"idempotencyKey": "r", "channel": "WEB", "number": "Y", "newNumber": "Y2"}
    service.mutate("replaceLoyaltyCard", "userErrors { code }", given)


def unblock(service: Harness) -> None:
    service.change_card("unblockLoyaltyCard", number="Y", reason="found")


@pytest.mark.parametrize("joins", [unblock, replace_blocked])
def test_what_a_card_brings_that_counts_again_is_found(
    service: Harness, joins: Callable[[Harness], None]
) -> None:
    """Time had brought nothing, and another tier was won since."""
    tiers = [tier("SILVER", 2, 500), tier("GOLD", 3, 1000)]
    program = {"code": "CLUB", "tiers": tiers, "combineRelatedLoyaltyCards": True}
    service.apply(club_document(STATUS_RULE, programs=[program]))
    service.customer("c")
    x, y = service.issue("X", customerId="c"), service.issue("Y", customerId="c")
    service.change_card("blockLoyaltyCard", number=x, reason="lost")
    service.clock.set("2024-06-01")
    sell(service, y, "2000.00")
    service.change_card("blockLoyaltyCard", number=y, reason="lost")
    service.change_card("unblockLoyaltyCard", number=x, reason="found")
    sell(service, x, "600.00", occurredAt="2024-01-10T17:00:00Z")
    service.clock.set("2025-03-01")
    sell(service, x, "600.00")
    assert service.tier(x) == ("SILVER", "2025-03-01", "2026-03-01")
    service.clock.set("2025-03-08")
    joins(service)
    assert service.tier(x) == ("GOLD", "2025-01-11", "2026-01-11")
    query = """query($t: String) { loyaltyCards(filter: {tier: $t, numberPrefix: "X"}) {
      nodes { number } totalCount } }"""
    silver, gold = (service.ask(query, t=one)["loyaltyCards"] for one in ("SILVER", "GOLD"))
    assert silver == {"nodes": [], "totalCount": 0}
    assert gold == {"nodes": [{"number": "X"}], "totalCount": 1}


def test_what_time_has_brought_stays_when_a_card_no_longer_counts(service: Harness) -> None:
    """No answer may depend on whether somebody has written what time had brought."""
    shift = {"value": 6, "unit": "MONTH"}
    half = {"code": "HALF", "end": {"anchor": "TODAY", "shift": shift}}
    document = combined()
    document["dateIntervals"].append(half)
    document["programs"][0]["tiers"][1]["validity"] = "HALF"
    service.apply(document)
    service.customer("c")
    x, y = service.issue("X", customerId="c"), service.issue("Y", customerId="c")
    service.clock.set("2025-01-01")
    sell(service, x, "300.00")
    sell(service, y, "250.00")
    assert service.tier(y) == ("SILVER", "2025-01-01", "2025-07-01")
    service.clock.set("2025-07-10")
    brought = ("SILVER", "2025-07-02", "2026-01-02")
    assert (service.tier(x), service.tier(y)) == (brought, brought)
    service.change_card("blockLoyaltyCard", number=x, reason="lost")
    assert (service.tier(x), service.tier(y)) == (brought, brought)


def test_a_replaced_card_counts_once_for_all(service: Harness) -> None:
    service.apply(combined())
    service.customer("c")
    x, y = service.issue("X", customerId="c"), service.issue("Y", customerId="c")
    service.clock.set("2025-03-01")
    sell(service, x, "300.00")
    given = {"idempotencyKey": "r", "channel": "WEB", "number": x, "newNumber": "X2"}
    assert service.mutate("replaceLoyaltyCard", "userErrors { code }", given)["userErrors"] == []
    assert (counted(service, "X2"), counted(service, y)) == ("300", "300")
    sell(service, y, "250.00")
    assert tiers_of(service, "X2", y) == ["SILVER", "SILVER"]


def test_postings_on_both_cards_at_once_win_together(service: Harness) -> None:
    service.apply(combined())
    service.customer("c")
    cards = [service.issue(name, customerId="c") for name in ("X", "Y", "Z")]
    service.clock.set("2025-03-01")
    sales = [service.sale_input(card, "30.00", customerId="c") for card in cards for _ in range(6)]
    query = """mutation($input: PostSaleInput!) { postSale(input: $input) {
      userErrors { code } } }"""
    refused: list[Any] = []

    def post(mine: list[Any]) -> None:
        for given in mine:
            answer = service.gql(query, input=given)
            # A unit may lose its race five times: the same sale may be sent again.
            while answer.errors:
                answer = service.gql(query, input=given)
            refused.extend(answer["postSale"]["userErrors"])

    threads = [threading.Thread(target=post, args=(sales[place::3],)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == []
    assert tiers_of(service, *cards) == ["SILVER"] * 3
    assert counted(service, "X") == "540"


def update(service: Harness, card: str | None = None, caller: str = "admin") -> Any:
    selection = "cardsEvaluated cardsChanged userErrors { code field }"
    given = {"cardNumber": card} if card else {}
    return service.mutate("updateLoyaltyCardTiers", selection, given, caller)


def done(evaluated: int, changed: int) -> dict[str, Any]:
    return {"cardsEvaluated": evaluated, "cardsChanged": changed, "userErrors": []}


def test_ex_52_changed_rules_wait_for_a_posting_or_a_re_evaluation(service: Harness) -> None:
    service.apply(combined(combine=False))
    a, b = service.issue("A"), service.issue("B")
    service.clock.set("2025-03-01")
    sell(service, a, "400.00", None)
    sell(service, b, "400.00", None)
    service.clock.set("2025-04-01")
    service.apply(combined(combine=False, silver=300))
    assert tiers_of(service, a, b) == ["MEMBER", "MEMBER"]
    assert update(service, a, "staff") == done(1, 1)
    # Valid from the posting that wins it.
    assert service.tier(a) == ("SILVER", "2025-04-01", "2026-03-01")
    assert tiers_of(service, b) == ["MEMBER"]
    sell(service, b, "1.00", None)
    assert service.tier(b) == ("SILVER", "2025-04-01", "2026-04-01")
    service.clock.set("2025-05-01")
    service.apply(combined(combine=False, silver=800))
    assert update(service) == done(2, 0)
    assert tiers_of(service, a, b) == ["SILVER", "SILVER"]
    assert service.tier(a, "2026-03-01") == ("SILVER", "2025-04-01", "2026-03-01")
    assert service.tier(a, "2026-03-02") == ("MEMBER", "2026-03-02", "2027-03-02")


def test_re_evaluation_twice_or_daily_changes_nothing_more(service: Harness) -> None:
    service.apply(combined(combine=False))
    cards = [service.issue() for _ in range(3)]
    service.clock.set("2025-03-01")
    for card, amount in zip(cards, ("400.00", "1200.00", "10.00"), strict=True):
        sell(service, card, amount, None)
    service.apply(combined(combine=False, silver=300))
    assert update(service) == done(3, 1)
    held = [service.tier(card) for card in cards]
    for day in ("2025-03-01", "2025-03-02", "2025-12-31"):
        service.clock.set(day)
        assert update(service) == done(3, 0)
    assert [service.tier(card) for card in cards] == held
    # Rows that time alone has brought are not counted.
    service.clock.set("2026-03-05")
    assert update(service) == done(3, 0)
    assert tiers_of(service, *cards) == ["MEMBER"] * 3


def test_re_evaluation_of_a_card_without_a_row_gives_the_tier_for_all(service: Harness) -> None:
    document = combined(combine=False)
    tiers = document["programs"][0]["tiers"]
    document["programs"][0]["tiers"] = tiers[1:]
    service.apply(document)
    card = service.issue()
    assert service.tier(card) is None
    service.clock.set("2025-03-01")
    service.apply(combined(combine=False))
    assert update(service, card) == done(1, 1)
    assert service.tier(card) == ("MEMBER", "2025-03-01", "2026-03-01")
    service.clock.set("2025-03-02")
    assert update(service, card) == done(1, 0)


def test_a_re_evaluation_of_all_that_was_broken_off_is_gone_on_with(
    service: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reevaluations, "CARDS", 2)
    service.apply(combined(combine=False))
    cards = [service.issue() for _ in range(7)]
    service.clock.set("2025-03-01")
    for card in cards:
        sell(service, card, "400.00", None)
    service.apply(combined(combine=False, silver=300))
    seen: list[str] = []

    async def broken_off(transaction: Transaction, standing: Standing, *given: Any) -> list[Event]:
        seen.append(standing.card.number)
        if len(seen) == 6:
            raise DatabaseSlow
        return await reevaluate(transaction, standing, *given)

    with monkeypatch.context() as patched:
        patched.setattr(reevaluations, "reevaluate", broken_off)
        asked = "mutation { updateLoyaltyCardTiers(input: {}) { cardsEvaluated } }"
        assert service.gql(asked).codes == ["TIMEOUT"]
    assert update(service) == done(3, 2)
    assert tiers_of(service, *cards) == ["SILVER"] * 7
    assert update(service) == done(7, 0)


def test_who_may_re_evaluate_what(service: Harness) -> None:
    service.apply(combined())
    card = service.issue("A")
    refused = update(service, None, "staff")
    assert refused["userErrors"] == [{"code": "FORBIDDEN", "field": ["cardNumber"]}]
    assert update(service, "NONE", "staff")["userErrors"] == [
        {"code": "LOYALTY_CARD_NOT_FOUND", "field": ["cardNumber"]}
    ]
    given = {"idempotencyKey": "r", "channel": "WEB", "number": card, "newNumber": "A2"}
    service.mutate("replaceLoyaltyCard", "userErrors { code }", given)
    assert update(service, card)["userErrors"] == [
        {"code": "LOYALTY_CARD_REPLACED", "field": ["cardNumber"]}
    ]
    assert update(service) == done(1, 0)


def test_rules_that_combine_now_are_applied_to_each_card(service: Harness) -> None:
    service.apply(combined(combine=False))
    service.customer("c")
    x, y = service.issue("X", customerId="c"), service.issue("Y", customerId="c")
    service.clock.set("2025-03-01")
    sell(service, x, "300.00")
    service.clock.set("2025-03-05")
    sell(service, y, "250.00")
    service.apply(combined())
    assert tiers_of(service, x, y) == ["MEMBER", "MEMBER"]
    service.clock.set("2025-04-01")
    assert update(service) == done(2, 2)
    silver = ("SILVER", "2025-04-01", "2026-03-05")
    assert (service.tier(x), service.tier(y)) == (silver, silver)


def longer(service: Harness) -> None:
    """From now on tiers are valid for three years."""
    three = {"anchor": "TODAY", "shift": {"value": 3, "unit": "YEAR"}}
    intervals = [PAST_YEAR, {**NEXT_YEAR, "end": three}]
    service.apply(club_document(STATUS_RULE, dateIntervals=intervals))


def test_what_is_taken_extends_no_tier(service: Harness) -> None:
    """Neither on the day of what it takes back nor on later days: those postings were judged."""
    service.apply(club_document(STATUS_RULE))
    card = service.issue()
    service.clock.set("2025-01-10")
    service.sale(card, "600.00", transactionId="S")
    service.clock.set("2025-01-15")
    service.sale(card, "10.00")
    silver = ("SILVER", "2025-01-10", "2026-01-15")
    service.clock.set("2025-02-10")
    longer(service)
    taken(service, "S", (1, "0.1"))
    assert service.tier(card) == silver
    for day in ("2025-01-12", "2025-02-10"):
        at = f"{day}T17:00:00Z"
        assert codes(adjust(service, card, -1, rewardPoint="STAT", occurredAt=at)) == []
        assert service.tier(card) == silver
    enrol(service, card, startDate="2025-01-05", endDate="2030-01-01")
    assert service.tier(card) == silver
    service.sale(card, "1.00")
    assert service.tier(card) == ("SILVER", "2025-01-10", "2028-02-10")


LATE = {"rewardPoint": "STAT", "occurredAt": "2025-01-20T17:00:00Z"}


def enrol(service: Harness, card: str, **given: Any) -> None:
    payload = service.change_card("enrollLoyaltyCard", number=card, program="CLUB", **given)
    assert codes(payload) == []


def test_a_posting_dated_before_an_enrolment_wins_at_the_days_after_it(service: Harness) -> None:
    service.apply(club_document(STATUS_RULE))
    service.clock.set("2025-01-01")
    card = service.issue(programs=[])
    service.clock.set("2025-02-01")
    enrol(service, card)
    service.clock.set("2025-02-10")
    service.sale(card, "300.00")
    assert service.tier(card) == ("MEMBER", "2025-02-01", "2026-02-10")
    assert codes(adjust(service, card, 300, **LATE)) == []
    assert service.tier(card) == ("SILVER", "2025-02-10", "2026-02-10")
    # What it won stands: a posting of the same day finds nothing more to win.
    service.sale(card, "1.00")
    assert service.tier(card) == ("SILVER", "2025-02-10", "2026-02-10")


def test_a_posting_dated_between_two_enrolments_wins_in_the_second(service: Harness) -> None:
    service.apply(club_document(STATUS_RULE))
    service.clock.set("2025-01-01")
    card = service.issue()
    service.clock.set("2025-01-10")
    enrol(service, card, endDate="2025-01-15")
    service.clock.set("2025-02-01")
    enrol(service, card)
    service.clock.set("2025-02-10")
    service.sale(card, "300.00")
    assert codes(adjust(service, card, 300, **LATE)) == []
    assert service.tier(card) == ("SILVER", "2025-02-10", "2026-02-10")


def test_an_enrolment_that_is_there_already_is_evaluated_all_the_same(service: Harness) -> None:
    service.apply(club_document(STATUS_RULE))
    card = service.issue()
    service.clock.set("2025-01-10")
    service.sale(card, "400.00")
    service.clock.set("2025-01-20")
    programs = [{"code": "CLUB", "tiers": [tier("MEMBER", 1, 0), tier("SILVER", 2, 300)]}]
    service.apply(club_document(STATUS_RULE, programs=programs))
    for _ in range(2):
        enrol(service, card)
        assert service.tier(card) == ("SILVER", "2025-01-20", "2026-01-20")
    query = """query($n: String!) { auditLog(filter: {cardNumber: $n}) { nodes { operation } } }"""
    found = service.ask(query, n=card)["auditLog"]["nodes"]
    assert len([one for one in found if one["operation"] == "enrollLoyaltyCard"]) == 1


@pytest.mark.parametrize("is_written", [True, False])
def test_what_time_has_brought_is_judged_anew_by_a_posting_dated_outside_enrolments(
    service: Harness, is_written: bool
) -> None:
    service.apply(club_document(STATUS_RULE))
    service.clock.set("2025-01-01")
    card = service.issue()
    enrol(service, card, endDate="2025-01-15")
    service.clock.set("2025-02-01")
    enrol(service, card)
    service.clock.set("2026-01-10")
    assert service.tier(card) == ("MEMBER", "2026-01-02", "2027-01-02")
    if is_written:
        assert run(service, "UPDATE_TIERS") == (1, 0)
    assert codes(adjust(service, card, 600, **LATE)) == []
    assert service.tier(card) == ("SILVER", "2026-01-02", "2027-01-02")


def test_a_posting_counts_for_the_other_cards_from_the_day_on_which_its_card_joined(
    service: Harness,
) -> None:
    service.apply(combined())
    service.customer("c")
    service.clock.set("2025-01-01")
    early, late = service.issue(customerId="c"), service.issue(customerId="c", programs=[])
    service.clock.set("2025-01-10")
    sell(service, early, "600.00")
    service.clock.set("2025-02-01")
    enrol(service, late)
    service.clock.set("2025-02-10")
    sell(service, late, "1.00")
    assert codes(adjust(service, late, 500, **LATE)) == []
    assert service.tier(early) == ("GOLD", "2025-02-10", "2026-02-10")
    assert service.tier(early, "2025-02-09") == ("SILVER", "2025-01-10", "2025-02-09")


def test_a_posting_of_a_card_that_was_no_member_extends_no_tier_of_the_others(
    service: Harness,
) -> None:
    service.apply(combined())
    service.customer("c")
    service.clock.set("2025-01-01")
    early, late = service.issue(customerId="c"), service.issue(customerId="c", programs=[])
    service.clock.set("2025-01-10")
    sell(service, early, "600.00")
    service.clock.set("2025-02-01")
    enrol(service, late)
    assert codes(adjust(service, late, 50, **LATE)) == []
    assert codes(adjust(service, early, -50, **LATE)) == []
    assert service.tier(early) == ("SILVER", "2025-01-10", "2026-01-10")
