"""EX-nn of semantics 5: what a sale earns, through the API on both databases."""

from typing import Any

import pytest

from tests.api.harness import Harness, entries, line, notes
from tests.api.program import amount_rule, club_document, reward_points, scheme

GOLD_RULE = amount_rule("gold", points=10, tier="GOLD")
VETERAN_RULE = amount_rule("veterans", points=5, affiliation="veteran")


def gold(service: Harness, card: str) -> None:
    payload = service.change_card(
        "assignLoyaltyTier",
        number=card,
        program="CLUB",
        tier="GOLD",
        endDate="2030-01-01",
        reason="a test",
    )
    assert payload["userErrors"] == []


def customer_card(service: Harness, customer: str, *affiliations: str) -> str:
    service.customer(customer, affiliations=list(affiliations))
    return service.issue(customerId=customer)


def test_ex_02_rules_for_tier_and_affiliation_add_up(service: Harness) -> None:
    service.apply(club_document(GOLD_RULE, VETERAN_RULE))
    both, veteran, gold_only = (
        customer_card(service, "both", "veteran"),
        customer_card(service, "veteran", "veteran"),
        customer_card(service, "gold"),
    )
    gold(service, both)
    gold(service, gold_only)
    assert sum(int(p) for _, p in service.earned(both, "1.00", customerId="both")) == 15
    assert service.earned(veteran, "1.00", customerId="veteran") == [("PTS", "5")]
    assert service.earned(gold_only, "1.00", customerId="gold") == [("PTS", "10")]


def test_ex_03_every_rule_is_its_own_entry(service: Harness) -> None:
    service.apply(club_document(amount_rule(), GOLD_RULE, VETERAN_RULE))
    card = customer_card(service, "both", "veteran")
    gold(service, card)
    sale = service.sale(card, "20.40", customerId="both")
    assert entries(sale) == [("PTS", "20"), ("PTS", "200"), ("PTS", "100")]
    formulas = [entry["explanation"]["formula"] for entry in sale["transactions"]]
    assert formulas[1] == "floor(20.40 / 1) x 10 = 200"
    assert service.available(card) == "320"


def test_ex_04_an_excluded_affiliation_stops_its_scheme_and_no_other(service: Harness) -> None:
    excluding = scheme(amount_rule(), excludedAffiliations=["wholesale"])
    service.apply(club_document(schemes=[excluding]))
    card = customer_card(service, "w", "wholesale")
    gold(service, card)
    sale = service.sale(card, "500.00", customerId="w")
    assert entries(sale) == []
    assert notes(sale) == [("EXCLUDED_AFFILIATION", "CLUB-US", None)]
    other = scheme(amount_rule("other"), code="OTHER")
    service.apply(club_document(schemes=[excluding, other]))
    service.clock.advance(minutes=1)
    sale = service.sale(card, "500.00", customerId="w")
    assert entries(sale) == [("PTS", "500")]
    assert notes(sale) == [("EXCLUDED_AFFILIATION", "CLUB-US", None)]


def shoes_and_hat() -> dict[str, Any]:
    return {
        "lines": [
            line(1, "30.00", 2, discountAmount="6.00", categories=["Shoes"]),
            line(2, "12.00"),
        ],
        "charges": [{"code": "FREIGHT", "amount": "7.00"}],
    }


@pytest.mark.parametrize(("categories", "points"), [(["Shoes"], "54"), ([], "66")])
def test_ex_06_rules_take_their_lines_and_charges_never_earn(
    service: Harness, categories: list[str], points: str
) -> None:
    service.apply(club_document(amount_rule(categories=categories)))
    card = service.issue()
    sale = service.sale(card, **shoes_and_hat())
    assert sum(int(p) for _, p in entries(sale)) == int(points)
    assert service.available(card) == points


QUANTITY_BLOCKS = [("9.00", "0"), ("9.99", "0"), ("10.00", "1"), ("19.99", "1"), ("20.00", "2")]
AMOUNT_BLOCKS = [("9.00", "0.00"), ("10.00", "1.00"), ("15.00", "1.50"), ("19.99", "2.00")]


@pytest.mark.parametrize(
    ("point", "amount", "earned"),
    [
        *(("PTS", amount, earned) for amount, earned in QUANTITY_BLOCKS),
        *(("CASH", amount, earned) for amount, earned in AMOUNT_BLOCKS),
    ],
)
def test_ex_08_whole_blocks_for_quantity_points_alone(
    service: Harness, point: str, amount: str, earned: str
) -> None:
    service.apply(club_document(amount_rule(point=point, per=10)))
    card = service.issue()
    sale = service.sale(card, amount)
    assert service.available(card, point) == earned
    if float(earned) == 0:
        assert entries(sale) == []
        assert notes(sale) == [("BELOW_THRESHOLD", "CLUB-US", "base")]
    else:
        assert entries(sale) == [(point, earned)]
        assert notes(sale) == []


@pytest.mark.parametrize(("point", "earned"), [("CASH", "1.25"), ("PTS", "1")])
def test_ex_09_amount_points_keep_fractions(service: Harness, point: str, earned: str) -> None:
    service.apply(club_document(amount_rule(point=point)))
    assert service.earned(service.issue(), "1.25") == [(point, earned)]


def test_ex_10_amount_points_round_half_up(service: Harness) -> None:
    service.apply(club_document(amount_rule(point="CASH", per=100)))
    sale = service.sale(service.issue(), "124.50")
    assert entries(sale) == [("CASH", "1.25")]
    formula = sale["transactions"][0]["explanation"]["formula"]
    assert formula == "124.50 / 100 x 1 = 1.245 -> 1.25"


@pytest.mark.parametrize(("coffees", "points"), [(7, [("PTS", "2")]), (2, [])])
def test_ex_11_by_quantity(service: Harness, coffees: int, points: list[tuple[str, str]]) -> None:
    rule = {
        "code": "coffee",
        "activity": "PURCHASE_BY_QUANTITY",
        "per": 3,
        "categories": ["Coffee"],
        "rewardPoint": "PTS",
        "points": 1,
    }
    service.apply(club_document(rule))
    sold = line(1, "2.50", coffees, categories=["Coffee"])
    assert service.earned(service.issue(), lines=[sold]) == points


def test_no_balance_goes_beyond_its_bound(service: Harness) -> None:
    service.apply(club_document(amount_rule(points=999_999), amount_rule("more", points=999_999)))
    card = service.issue()
    amount = "999000000.00"
    while (payload := service.try_sale(card, amount))["userErrors"] == []:
        assert len(str(service.balance(card)["available"])) <= 17
    refused = [(error["code"], error["field"]) for error in payload["userErrors"]]
    assert refused == [("INVALID_INPUT", ["lines"])]
    assert service.balance(card)["available"] == str(100 * 999_999 * 999_000_000)


def test_ex_14_once_for_each_sale_that_is_worth_something(service: Harness) -> None:
    rule = {
        "code": "visit",
        "activity": "SALES_TRANSACTION_COUNT",
        "rewardPoint": "PTS",
        "points": 5,
    }
    service.apply(club_document(rule))
    card = service.issue()
    lines = [line(1, "30.00"), line(2, "30.00"), line(3, "20.00")]
    sale = service.sale(card, lines=lines)
    assert [(e["points"], e["lineNumber"]) for e in sale["transactions"]] == [("5", None)]
    free = service.sale(card, lines=[line(1, "30.00", discountAmount="30.00")])
    assert entries(free) == []
    assert notes(free) == [("BELOW_THRESHOLD", "CLUB-US", "visit")]


def test_ex_20_points_vest_on_the_day_after_the_last_waiting_one(service: Harness) -> None:
    points = reward_points(vesting={"value": 14, "unit": "DAY"})
    service.apply(club_document(amount_rule(), rewardPoints=points))
    card = service.issue()
    service.clock.set("2025-01-10")
    service.sale(card, "80.00")
    for now in ("2025-01-10", "2025-01-23"):
        service.clock.set(now)
        assert service.balance(card)["unvested"] == "80"
        assert service.available(card) == "0"
    service.clock.set("2025-01-24")
    assert service.balance(card)["unvested"] == "0"
    assert service.available(card) == "80"


def test_ex_35_the_maximum_cuts_in_the_order_of_rules(service: Harness) -> None:
    points = reward_points(maximumPerCard=10000, vesting={"value": 14, "unit": "DAY"})
    service.apply(club_document(amount_rule(), rewardPoints=points))
    card = service.issue()
    service.clock.set("2025-01-10")
    service.sale(card, "9750.00")
    service.clock.set("2025-02-01")
    service.sale(card, "200.00")
    assert service.balance(card)["unvested"] == "200"
    sale = service.sale(card, "80.00")
    assert entries(sale) == [("PTS", "50")]
    explanation = sale["transactions"][0]["explanation"]
    assert explanation["computed"] == "80"
    assert explanation["formula"].endswith("; maximum 10000: 50 of 80")
    assert notes(sale) == [("MAXIMUM_REACHED", "CLUB-US", "base")]
    nothing = service.sale(card, "80.00")
    assert entries(nothing) == []
    assert notes(nothing) == [("MAXIMUM_REACHED", "CLUB-US", "base")]


def test_ex_35_two_rules_share_the_room_that_is_left(service: Harness) -> None:
    points = reward_points(maximumPerCard=50)
    document = club_document(amount_rule("one"), amount_rule("two"), rewardPoints=points)
    service.apply(document)
    assert service.earned(service.issue(), "40.00") == [("PTS", "40"), ("PTS", "10")]


def test_ex_57_the_version_effective_when_it_happened_counts(service: Harness) -> None:
    service.apply(club_document(amount_rule(points=1)))
    card = service.issue()
    service.clock.set("2025-01-10T10:00:00-05:00")
    service.apply(club_document(amount_rule(points=2)), process=False)
    service.clock.set("2025-01-10T10:30:00-05:00")
    service.process()
    service.clock.set("2025-01-10T11:00:00-05:00")
    assert service.earned(card, "50.00", occurredAt="2025-01-10T10:10:00-05:00") == [("PTS", "50")]
    late = service.earned(card, "50.00", occurredAt="2025-01-10T10:31:00-05:00")
    assert late == [("PTS", "100")]


def test_ex_58_a_node_stands_for_channels_to_come(service: Harness) -> None:
    nodes = [{"code": "world"}, {"code": "europe", "parent": "world"}]

    def document(*channels: str, **given_to: list[str]) -> dict[str, Any]:
        base = club_document(organizationNodes=nodes)
        base["channels"] = [{**base["channels"][0], "code": c, "node": "europe"} for c in channels]
        rules = [amount_rule()]
        base["schemes"] = [{"code": "S", "program": "CLUB", "earningRules": rules, **given_to}]
        return base

    service.apply(document("WEB", organizationNodes=["world"]))
    card = service.issue()
    service.apply(document("WEB", "NEW", organizationNodes=["world"]), process=False)
    payload = service.try_sale(card, "10.00", channel="NEW")
    assert [e["code"] for e in payload["userErrors"]] == ["CHANNEL_NOT_FOUND"]
    service.clock.advance(minutes=1)
    service.process()
    assert service.earned(card, "10.00", channel="NEW") == [("PTS", "10")]
    service.clock.advance(minutes=1)
    service.apply(document("WEB", "NEW", channels=["WEB"]))
    sale = service.sale(card, "10.00", channel="NEW")
    assert notes(sale) == [("CHANNEL_NOT_PARTICIPATING", None, None)]


def test_ex_101_two_clocks(service: Harness) -> None:
    service.apply(club_document())
    card = service.issue()
    service.clock.set("2025-01-12T09:00:00+00:00")
    service.sale(card, "80.00", occurredAt="2025-01-10T12:00:00-05:00")
    early, late = "2025-01-11T00:00:00Z", "2025-01-13T00:00:00Z"
    answers = {("2025-01-10", early): "0", ("2025-01-10", late): "80", ("2025-01-09", late): "0"}
    for (day, known_at), points in answers.items():
        assert service.available(card, asOf=day, knownAt=known_at) == points
    # A posting that arrives later changes nothing of what was known then.
    service.clock.set("2025-01-20T09:00:00+00:00")
    service.sale(card, "5.00", occurredAt="2025-01-09T12:00:00-05:00")
    for (day, known_at), points in answers.items():
        assert service.available(card, asOf=day, knownAt=known_at) == points
    assert service.available(card, asOf="2025-01-09") == "5"
    assert service.available(card, asOf="2025-01-10") == "85"
