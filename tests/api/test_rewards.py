"""One-time rewards (semantics 13): granted once a scope, ever, in the unit that triggers them."""

import threading
from typing import Any

import pytest

from tests.api.activities import act, points
from tests.api.harness import Harness, entries
from tests.api.program import amount_rule, channel, reward_points, scheme, tier
from tests.api.test_jobs import run
from tests.api.test_points import adjust, codes
from tests.api.test_replacing import replaced
from tests.api.test_returns import taken

REWARDS = """query($n: String!) { loyaltyCard(number: $n) { rewards {
  code name reason payload points { points occurredAt vestsOn expiresOn program { code }
    transactionId explanation { scheme rule formula computed } } } } }"""
TENTH = {"code": "tenth", "trigger": "TRANSACTION_COUNT", "count": 10, "program": "CLUB"}
PTS = {"rewardPoint": "PTS", "points": 100}
MUG = {"code": "mug", "trigger": "TIER_REACHED", "program": "CLUB", "tier": "GOLD"}
THING = {"payload": {"productId": "MUG", "gift": True}}


def rewards(service: Harness, card: str) -> list[Any]:
    found: list[Any] = service.ask(REWARDS, n=card)["loyaltyCard"]["rewards"]
    return found


def codes_of(service: Harness, card: str) -> list[str]:
    return [reward["code"] for reward in rewards(service, card)]


def shop(service: Harness, *given: Any, **more: Any) -> Harness:
    """The club with a point and a status point for each dollar, and the rewards given."""
    rules = [scheme(amount_rule(), amount_rule("status", point="STAT"))]
    service.apply(service.document(**{"schemes": rules, **more}, oneTimeRewards=list(given)))
    return service


def test_ex_67_points_at_the_tenth_purchase_and_never_again(service: Harness) -> None:
    shop(service, {**TENTH, **PTS, "name": "Tenth purchase"})
    card = service.issue()
    service.clock.set("2025-01-10")
    for number in range(1, 10):
        service.sale(card, "5.00", transactionId=f"S{number}")
    assert rewards(service, card) == []
    assert service.available(card) == "45"
    tenth = service.sale_input(card, "5.00", transactionId="S10")
    service.mutate("postSale", "replayed", tenth)
    assert service.available(card) == "150"
    (granted,) = rewards(service, card)
    assert granted["points"]["explanation"] == {
        "scheme": None,
        "rule": "tenth",
        "formula": "1 x 100 = 100",
        "computed": "100",
    }
    assert granted["points"]["program"] == {"code": "CLUB"}
    assert granted["points"]["occurredAt"] == "2025-01-10T17:00:00Z"
    assert (granted["name"], granted["reason"]) == ("Tenth purchase", "Purchase number 10")
    assert service.mutate("postSale", "replayed", tenth) == {"replayed": True}
    for number in range(11, 21):
        service.sale(card, "5.00", transactionId=f"S{number}")
    assert service.available(card) == "200"
    assert codes_of(service, card) == ["tenth"]


def test_ex_67_a_mug_at_the_first_gold_and_not_when_gold_is_regained(service: Harness) -> None:
    shop(service, {**MUG, **THING})
    service.clock.set("2025-03-01")
    card = service.issue()
    service.sale(card, "600.00")
    assert rewards(service, card) == []
    service.clock.set("2025-08-10")
    service.sale(card, "450.00")
    (granted,) = rewards(service, card)
    assert (granted["code"], granted["payload"], granted["points"]) == (
        "mug",
        {"productId": "MUG", "gift": True},
        None,
    )
    service.clock.set("2028-01-01")
    run(service, "UPDATE_TIERS")
    assert service.tier(card)[0] == "MEMBER"  # type: ignore[index]
    service.sale(card, "1200.00")
    assert service.tier(card, "2028-01-01")[0] == "GOLD"  # type: ignore[index]
    assert codes_of(service, card) == ["mug"]


@pytest.mark.parametrize(("once", "times"), [("CARD", 1), ("TIER_ENTRY", 2)])
def test_each_new_entry_into_a_tier_may_be_rewarded(
    service: Harness, once: str, times: int
) -> None:
    shop(service, {**MUG, **PTS, "once": once})
    service.clock.set("2025-03-01")
    card = service.issue()
    service.sale(card, "1100.00")
    service.clock.set("2025-04-01")
    service.sale(card, "10.00")
    assert len(rewards(service, card)) == 1
    service.clock.set("2028-01-01")
    service.sale(card, "1100.00")
    assert len(rewards(service, card)) == times


@pytest.mark.parametrize("has_run", [True, False])
def test_a_tier_that_time_alone_brings_is_not_rewarded(service: Harness, *, has_run: bool) -> None:
    """Whether the job or a posting writes it down."""
    shop(service, {**MUG, **PTS, "tier": "MEMBER", "once": "TIER_ENTRY"})
    service.clock.set("2025-03-01")
    card = service.issue()
    service.sale(card, "1100.00")
    service.clock.set("2026-03-05")
    assert service.tier(card) == ("MEMBER", "2026-03-02", "2027-03-02")
    if has_run:
        run(service, "UPDATE_TIERS")
    assert service.available(card) == "1200"
    service.sale(card, "10.00")
    assert (service.available(card), codes_of(service, card)) == ("1210", ["mug"])


def test_a_tier_given_by_hand_is_reached_too(service: Harness) -> None:
    shop(service, {**MUG, **THING})
    card = service.issue()
    wanted = {"program": "CLUB", "tier": "GOLD", "endDate": "2040-01-01", "reason": "r"}
    service.change_card("assignLoyaltyTier", number=card, **wanted)
    assert codes_of(service, card) == ["mug"]


def test_a_tier_is_given_by_hand_for_days_in_the_program_alone(service: Harness) -> None:
    shop(service, {**MUG, **THING})
    service.clock.set("2025-01-10")
    card = service.issue()
    of = {"number": card, "program": "CLUB"}
    assert codes(service.change_card("enrollLoyaltyCard", **of, endDate="2025-01-20")) == []
    service.clock.set("2025-03-01")

    def given(first: str | None, last: str) -> list[str]:
        wanted = {**of, "tier": "GOLD", "reason": "r", "startDate": first, "endDate": last}
        return codes(service.change_card("assignLoyaltyTier", **wanted))

    assert given(None, "2025-12-31") == ["PROGRAM_NOT_FOUND"]
    assert given("2025-01-21", "2025-12-31") == ["PROGRAM_NOT_FOUND"]
    ahead = service.change_card("enrollLoyaltyCard", **of, startDate="2025-06-01")
    assert codes(ahead) == []
    assert given(None, "2025-05-31") == ["PROGRAM_NOT_FOUND"]
    assert given(None, "2025-06-30") == []
    assert codes_of(service, card) == []
    assert service.tier(card, "2025-06-02") == ("GOLD", "2025-03-01", "2025-06-30")
    assert given("2025-01-20", "2025-01-19") == ["INVALID_INPUT"]
    assert given("2025-01-20", "2025-01-31") == []
    assert codes_of(service, card) == ["mug"]


def test_a_blocked_card_is_granted_nothing_for_a_tier(service: Harness) -> None:
    shop(service, {**MUG, **PTS})
    card = service.issue()
    service.change_card("blockLoyaltyCard", number=card, reason="lost")
    adjust(service, card, 1000, rewardPoint="STAT")
    assert service.tier(card)[0] == "GOLD"  # type: ignore[index]
    assert (codes_of(service, card), service.available(card)) == ([], "0")


def test_a_card_is_welcomed_when_it_is_issued_with_the_program(service: Harness) -> None:
    welcome = {"code": "hello", "trigger": "CARD_ISSUED", "program": "CLUB", **PTS}
    shop(service, welcome, rewardPoints=reward_points(maximumPerCard=60))
    card = service.issue()
    (granted,) = rewards(service, card)
    assert granted["points"]["points"] == "60"
    assert granted["points"]["explanation"]["formula"] == ("1 x 100 = 100; maximum 60: 60 of 100")
    assert service.available(card) == "60"
    assert rewards(service, service.issue(programs=[])) == []


def test_a_reward_has_the_room_that_its_sale_has(service: Harness) -> None:
    """What has expired on the calendar of the sale's channel leaves room for both."""
    shop(
        service,
        {**TENTH, **PTS, "count": 1},
        schemes=[scheme(amount_rule(), channels=["WEB", "AKL"])],
        channels=[channel(), channel("AKL", timeZone="Pacific/Auckland")],
        rewardPoints=reward_points(maximumPerCard=100, expiration={"value": 1, "unit": "DAY"}),
    )
    service.clock.set("2025-01-10")
    card = service.issue()
    adjust(service, card, 80)
    service.clock.set("2025-01-11")
    service.sale(card, "30.00", channel="AKL")
    (granted,) = rewards(service, card)
    assert granted["points"]["explanation"]["formula"] == "1 x 100 = 100; maximum 100: 70 of 100"


def test_points_of_a_reward_may_win_a_tier_that_rewards_again(service: Harness) -> None:
    stat = {"rewardPoint": "STAT", "points": 1000}
    welcome = {"code": "hello", "trigger": "CARD_ISSUED", "program": "CLUB", **stat}
    shop(service, welcome, {**MUG, **PTS})
    card = service.issue()
    assert codes_of(service, card) == ["hello", "mug"]
    assert service.tier(card)[0] == "GOLD"  # type: ignore[index]
    assert service.available(card) == "100"


def test_a_customer_is_rewarded_once_for_all_of_its_cards(service: Harness) -> None:
    shop(service, {**TENTH, **PTS, "count": 2, "once": "CUSTOMER"})
    service.customer("c")
    first, second = service.issue(customerId="c"), service.issue(customerId="c")
    anonymous = service.issue()
    for card in (first, first, second, second):
        service.sale(card, "5.00", customerId="c")
    for _ in range(2):
        service.sale(anonymous, "5.00")
    assert [len(rewards(service, one)) for one in (first, second, anonymous)] == [1, 0, 1]
    # What the card had before it had a customer, it does not get again.
    given = {"idempotencyKey": "l", "number": anonymous, "customerId": service.customer("d")}
    service.mutate("linkLoyaltyCard", "userErrors { code }", given)
    service.sale(anonymous, "5.00", customerId="d")
    assert len(rewards(service, anonymous)) == 1


def test_what_one_card_had_before_it_was_linked_no_other_of_the_customer_gets(
    service: Harness,
) -> None:
    shop(service, {**TENTH, **PTS, "count": 1, "once": "CUSTOMER"})
    first = service.issue("A")
    service.sale(first, "5.00")
    service.clock.advance(minutes=1)
    replaced(service, first, "A2")
    service.change_card("linkLoyaltyCard", number="A2", customerId=service.customer("c"))
    second = service.issue(customerId="c")
    service.sale(second, "5.00", customerId="c")
    assert (codes_of(service, "A2"), codes_of(service, second)) == (["tenth"], [])


def test_what_a_customer_had_no_card_of_it_gets_again_after_erasure(service: Harness) -> None:
    shop(service, {**TENTH, **PTS, "count": 1, "once": "CUSTOMER"})
    service.customer("c")
    first, second = service.issue(customerId="c"), service.issue(customerId="c")
    service.sale(first, "5.00", customerId="c")
    erased = {"customerId": "c", "reason": "asked for"}
    assert service.mutate("eraseCustomer", "userErrors { code }", erased) == {"userErrors": []}
    for card in (first, second):
        service.change_card("unblockLoyaltyCard", number=card, reason="found")
        service.sale(card, "5.00")
    replaced(service, first, "A2")
    service.sale("A2", "5.00")
    assert [len(rewards(service, card)) for card in ("A2", second)] == [1, 0]
    fresh = service.issue(customerId=service.customer("c"))
    service.sale(fresh, "5.00", customerId="c")
    assert len(rewards(service, fresh)) == 1


def test_grants_and_counts_move_with_a_replaced_card(service: Harness) -> None:
    shop(service, {**TENTH, **PTS, "count": 3}, {**TENTH, **PTS, "code": "five", "count": 5})
    card = service.issue("A")
    for _ in range(3):
        service.sale(card, "5.00")
    service.clock.advance(minutes=1)
    replaced(service, card, "A2")
    assert codes_of(service, "A2") == ["tenth"]
    service.sale("A2", "5.00")
    assert codes_of(service, "A2") == ["tenth"]
    service.sale("A2", "5.00")
    assert codes_of(service, "A2") == ["tenth", "five"]
    assert service.available("A2") == "225"


def test_what_does_not_qualify_is_not_counted(service: Harness) -> None:
    shop(service, {**TENTH, **PTS, "count": 2})
    card = service.issue()
    service.sale(card, "5.00", affiliations=["wholesale"])
    service.apply(
        service.document(
            oneTimeRewards=[{**TENTH, **PTS, "count": 2}],
            schemes=[
                {
                    "code": "CLUB-US",
                    "program": "CLUB",
                    "channels": ["WEB"],
                    "excludedAffiliations": ["wholesale"],
                }
            ],
        )
    )
    service.clock.advance(seconds=1)
    service.sale(card, "5.00", affiliations=["wholesale"])
    service.sale(card, "0.00")
    service.sale(None, "5.00")
    service.sale(service.issue(programs=[]), "5.00")
    assert rewards(service, card) == []
    sold = service.sale(card, "5.00", transactionId="S")
    assert entries(sold) == []
    assert codes_of(service, card) == ["tenth"]


def test_a_sale_that_came_back_whole_is_not_counted(service: Harness) -> None:
    shop(service, {**TENTH, **PTS, "count": 3})
    card = service.issue()
    service.sale(card, "5.00", transactionId="A")
    service.sale(card, "5.00", transactionId="B")
    taken(service, "A", (1, "0.5"))
    taken(service, "A", (1, "0.5"))
    service.sale(card, "5.00", transactionId="C")
    assert rewards(service, card) == []
    service.sale(card, "5.00", transactionId="D")
    assert codes_of(service, card) == ["tenth"]
    taken(service, "D")
    # Never taken back.
    assert codes_of(service, card) == ["tenth"]
    assert service.balance(card)["issued"] == "110"


def test_a_reward_set_up_later_is_granted_with_the_next_trigger(service: Harness) -> None:
    shop(service)
    card = service.issue()
    adjust(service, card, 1000, rewardPoint="STAT")
    for _ in range(4):
        service.sale(card, "5.00")
    service.clock.advance(minutes=1)
    shop(service, {**TENTH, **PTS, "count": 2}, {**MUG, **THING})
    service.clock.advance(minutes=1)
    assert rewards(service, card) == []
    service.sale(card, "5.00")
    # The count is above; the tier was reached before there was anything for it.
    assert codes_of(service, card) == ["tenth"]


@pytest.mark.parametrize("trigger", ["TRANSACTION_COUNT", "ACTIVITY_COUNT"])
def test_points_of_a_reward_win_by_the_tiers_of_now(service: Harness, trigger: str) -> None:
    counted = {"activityType": "SURVEY"} if trigger == "ACTIVITY_COUNT" else {}
    reward = {"code": "first", "trigger": trigger, "count": 1, "program": "CLUB", **counted}
    given = {**reward, "rewardPoint": "STAT", "points": 400}
    of_survey = {"activityTypes": [{"code": "SURVEY"}]}
    shop(service, given, **of_survey)
    card = service.issue()
    then = service.clock.now.isoformat()
    service.clock.advance(days=1)
    tiers = [tier("MEMBER", 1, 0), tier("SILVER", 2, 300)]
    shop(service, given, programs=[{"code": "CLUB", "tiers": tiers}], **of_survey)
    if counted:
        assert points(act(service, card, occurredAt=then)) == []
    else:
        service.sale(card, "1.00", occurredAt=then)
    assert codes_of(service, card) == ["first"]
    # The reward is that of then, the tiers are those of now.
    assert service.tier(card)[0] == "SILVER"  # type: ignore[index]


def test_two_sales_at_once_grant_once(service: Harness) -> None:
    shop(service, {**TENTH, **PTS, "count": 1, "once": "CUSTOMER"})
    service.customer("c")
    cards = [service.issue(customerId="c") for _ in range(4)]
    service.key("admin")
    threads = [
        threading.Thread(target=service.sale, args=(card, "5.00"), kwargs={"customerId": "c"})
        for card in cards
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(rewards(service, card)) for card in cards) == 1
    assert sum(int(service.available(card)) for card in cards) == 120


def test_a_batch_grants_what_its_sales_ask_for(service: Harness) -> None:
    shop(service, {**TENTH, **PTS, "count": 2}, settings={"postEarnedPointsInBatches": True})
    card = service.issue()
    service.sale(card, "5.00")
    service.sale(card, "5.00")
    assert rewards(service, card) == []
    run(service, "POST_EARNED_POINTS")
    assert codes_of(service, card) == ["tenth"]


def test_activities_are_counted_whether_they_earn_or_not(service: Harness) -> None:
    counted = {"trigger": "ACTIVITY_COUNT", "activityType": "SURVEY", "program": "CLUB"}
    survey = [{"code": "SURVEY"}]
    shop(service, {"code": "critic", **counted, "count": 3, **PTS}, activityTypes=survey)
    card = service.issue("A")

    def answer(number: str) -> None:
        given = {"channel": "WEB", "cardNumber": number, "activityType": "SURVEY"}
        given["activityId"] = service.fresh_key()
        posted = service.mutate("postNonTransactionalActivity", "userErrors { code }", given)
        assert posted == {"userErrors": []}

    answer(card)
    answer(card)
    service.clock.advance(minutes=1)
    replaced(service, card, "A2")
    assert codes_of(service, "A2") == []
    answer("A2")
    (granted,) = rewards(service, "A2")
    assert (granted["code"], granted["reason"]) == ("critic", "SURVEY number 3")
    assert service.available("A2") == "100"
    answer("A2")
    assert codes_of(service, "A2") == ["critic"]


def test_a_combined_tier_rewards_each_card_that_wins_it(service: Harness) -> None:
    program = {
        "code": "CLUB",
        "combineRelatedLoyaltyCards": True,
        "tiers": [tier("MEMBER", 1, 0), tier("GOLD", 3, 1000)],
    }
    shop(service, {**MUG, **PTS}, programs=[program])
    service.customer("c")
    one, other = service.issue(customerId="c"), service.issue(customerId="c")
    service.sale(one, "600.00", customerId="c")
    service.sale(other, "600.00", customerId="c")
    assert (codes_of(service, one), codes_of(service, other)) == (["mug"], ["mug"])
