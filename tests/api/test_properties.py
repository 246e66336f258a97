"""Properties of semantics 18 through the API, on both databases."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.harness import Harness, entries, line, notes
from tests.api.program import amount_rule, channel, club_document, pay_rule, reward_points, scheme
from tests.api.test_payments import change, one, pay
from tests.api.test_points import adjust, codes

API = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

CART = """query($input: CartInput!) { cart(input: $input) {
  userErrors { code }
  total { amount }
  earnings { rewardPoint { code } points explanation { scheme rule formula computed
    configurationVersion } lines { lineNumber points } }
  earningNotes { code scheme rule } } }"""

COUNT_RULE = {
    "code": "visit",
    "activity": "SALES_TRANSACTION_COUNT",
    "rewardPoint": "STAT",
    "points": 1,
}
QUANTITY_RULE = {
    "code": "pieces",
    "activity": "PURCHASE_BY_QUANTITY",
    "per": 3,
    "rewardPoint": "PTS",
    "points": 2,
    "categories": ["A"],
}
RULES = [
    amount_rule(),
    amount_rule("cash", point="CASH", per=100, points="1.5"),
    amount_rule("euros", point="PTS", per=10, currency="EUR"),
    amount_rule("gold", points=10, tier="GOLD"),
    amount_rule("veterans", points="0.3", affiliation="veteran"),
    amount_rule("late", validFrom="2030-01-01"),
    amount_rule("b", point="STAT", categories=["B"]),
    QUANTITY_RULE,
    COUNT_RULE,
]


def document(**more: Any) -> dict[str, Any]:
    rates = [{"from": "EUR", "to": "USD", "rate": "1.1"}]
    excluding = scheme(amount_rule("second"), code="SECOND", excludedAffiliations=["wholesale"])
    return club_document(schemes=[scheme(*RULES), excluding], exchangeRates=rates, **more)


@st.composite
def lines(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        cents = draw(st.integers(0, 30_000))
        quantity = draw(st.sampled_from(["1", "2", "7", "0.5", "1.333333"]))
        gross = Fraction(cents, 100) * Fraction(quantity)
        most = int(gross * 100)
        discount = Decimal(draw(st.integers(0, max(0, most)))) / 100
        categories = draw(st.lists(st.sampled_from(["A", "B", "C"]), unique=True))
        price = f"{Decimal(cents) / 100}"
        made.append(
            line(number, price, quantity, discountAmount=f"{discount}", categories=categories)
        )
    return made


AFFILIATIONS = st.lists(st.sampled_from(["veteran", "wholesale"]), unique=True)


def quoted(service: Harness, card: str, sold: list[Any], affiliations: list[str]) -> Any:
    given_cart = {
        "channel": "WEB",
        "currency": "USD",
        "cardNumber": card,
        "lines": sold,
        "affiliations": affiliations,
    }
    return service.ask(CART, input=given_cart)["cart"]


@given(sold=lines(), affiliations=AFFILIATIONS, is_gold=st.booleans())
@API
def test_a_cart_promises_exactly_what_the_sale_books(
    service: Harness, sold: list[Any], affiliations: list[str], is_gold: bool
) -> None:
    if not service.ask("{ channels { code } }")["channels"]:
        service.apply(document(rewardPoints=reward_points(maximumPerCard=400)))
    card = service.issue()
    if is_gold:
        wanted = {"program": "CLUB", "tier": "GOLD", "endDate": "2040-01-01", "reason": "r"}
        service.change_card("assignLoyaltyTier", number=card, **wanted)
    cart = quoted(service, card, sold, affiliations)
    sale = service.sale(card, lines=sold, affiliations=affiliations)
    promised = [
        (earning["rewardPoint"]["code"], share["lineNumber"], share["points"])
        for earning in cart["earnings"]
        for share in earning["lines"]
    ]
    booked = [
        (entry["rewardPoint"]["code"], entry["lineNumber"], entry["points"])
        for entry in sale["transactions"]
    ]
    assert promised == booked
    assert notes({"earningNotes": cart["earningNotes"]}) == notes(sale)
    # No silent zero: each rule of each scheme is an earning or a note.
    told = {(note[1], note[2]) for note in notes(sale)}
    told |= {(e["explanation"]["scheme"], e["explanation"]["rule"]) for e in sale["transactions"]}
    wholes = {scheme_code for scheme_code, rule in told if rule is None}
    wanted_rules = {("CLUB-US", rule["code"]) for rule in RULES} | {("SECOND", "second")}
    assert {one for one in wanted_rules if one[0] not in wholes} <= told


@given(sold=lines(), data=st.data())
@API
def test_the_order_of_lines_rules_and_schemes_changes_no_total(
    service: Harness, sold: list[Any], data: st.DataObject
) -> None:
    shuffled = document()
    shuffled["schemes"] = data.draw(st.permutations(shuffled["schemes"]))
    for paying in shuffled["schemes"]:
        paying["earningRules"] = data.draw(st.permutations(paying["earningRules"]))
    totals = []
    for program, order in ((document(), sold), (shuffled, data.draw(st.permutations(sold)))):
        service.apply(program)
        service.clock.advance(minutes=1)
        card = service.issue()
        earned: dict[str, Decimal] = {}
        for point, points in service.earned(card, lines=order, affiliations=["veteran"]):
            earned[point] = earned.get(point, Decimal(0)) + Decimal(points)
        totals.append(earned)
    assert totals[0] == totals[1]


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "Pacific/Honolulu"])
def test_every_channel_keeps_its_own_calendar(service: Harness, zone: str) -> None:
    points = reward_points(vesting={"value": 1, "unit": "DAY"})
    service.apply(club_document(channels=[channel(timeZone=zone)], rewardPoints=points))
    card = service.issue()
    at = datetime(2025, 1, 10, 10, 30, tzinfo=UTC)
    service.clock.set(at.isoformat())
    (entry,) = service.sale(card, "10.00")["transactions"]
    # Both count it as the 10th, half an hour before its end in Auckland and after its start in
    # Honolulu.
    assert entry["vestsOn"] == "2025-01-11"
    turns = {"Pacific/Auckland": 0.5, "Pacific/Honolulu": 23.5}[zone]
    service.clock.now = at + timedelta(hours=turns, minutes=-1)
    assert service.available(card) == "0"
    service.clock.now = at + timedelta(hours=turns)
    assert service.available(card) == "10"


def test_an_entry_dated_tomorrow_for_its_card_waits_for_tomorrow(service: Harness) -> None:
    channels = [
        channel("WEB", timeZone="Pacific/Honolulu", kind="STORE"),
        channel("EAST", timeZone="Pacific/Auckland", kind="STORE"),
    ]
    given_to = scheme(amount_rule(), channels=["WEB", "EAST"])
    service.apply(club_document(channels=channels, schemes=[given_to]))
    card = service.issue()
    service.clock.set("2025-01-10T12:00:00+00:00")
    service.sale(card, "10.00")
    service.sale(card, "7.00", channel="EAST")
    # In Honolulu it is the 10th still, the second sale was made on Auckland's 11th.
    assert service.available(card) == "10"
    assert service.available(card, asOf="2025-01-11") == "17"
    service.clock.set("2025-01-11T12:00:00+00:00")
    assert service.available(card) == "17"


@given(
    sales=st.lists(
        st.tuples(st.integers(0, 400), st.integers(1, 90), st.integers(0, 40)),
        min_size=1,
        max_size=6,
    )
)
@API
def test_balances_follow_from_entries_and_dates_alone(
    service: Harness, sales: list[tuple[int, int, int]]
) -> None:
    """A model that knows only entries and dates, against the balance on many days and instants."""
    vesting, expiration = 20, 60
    if not service.ask("{ channels { code } }")["channels"]:
        points = reward_points(
            vesting={"value": vesting, "unit": "DAY"},
            expiration={"value": expiration, "unit": "DAY"},
        )
        service.apply(club_document(rewardPoints=points))
    service.clock.now = start = datetime(2025, 1, 1, 17, tzinfo=UTC)
    card = service.issue()
    posted: list[tuple[int, int, datetime]] = []
    now = start
    for day, amount, delay in sorted(sales, key=lambda sale: sale[0] + sale[2]):
        now = max(now, start + timedelta(days=day + delay))
        service.clock.now = now
        occurred = start + timedelta(days=day)
        service.sale(card, f"{amount}.00", occurredAt=occurred.isoformat())
        posted.append((day, amount, now))
    for as_of in {0, 30, 61, *(day for day, _, _ in posted), max(d for d, _, _ in posted) + 30}:
        for known_at in (now, posted[0][2]):
            seen = [(d, a) for d, a, at in posted if d <= as_of and at <= known_at]
            expected = {
                "issued": sum(a for _, a in seen),
                "unvested": sum(a for d, a in seen if d + vesting > as_of),
                "available": sum(a for d, a in seen if d + vesting <= as_of <= d + expiration),
                "expired": sum(a for d, a in seen if d + expiration < as_of),
            }
            date = (start + timedelta(days=as_of)).date().isoformat()
            instant = (known_at + timedelta(milliseconds=1)).isoformat()
            found = service.balance(card, asOf=date, knownAt=instant)
            assert {name: int(found[name]) for name in expected} == expected
    assert entries(service.sale(card, "1.00")) == [("PTS", "1")]


ZONES = {
    "WEB": ZoneInfo("America/New_York"),
    "EAST": ZoneInfo("Pacific/Auckland"),
    "WEST": ZoneInfo("Pacific/Honolulu"),
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["sale", "hold", "pay", "capture", "void", "adjust"]),
        st.sampled_from(sorted(ZONES)),
        st.sampled_from([0, 5, 700, 3000]),
        st.sampled_from([1, 5, 11]),
    ),
    min_size=4,
    max_size=12,
)


def around_the_world() -> dict[str, Any]:
    days = {"vesting": {"value": 1, "unit": "DAY"}, "expiration": {"value": 4, "unit": "DAY"}}
    everywhere = [channel(code, kind="STORE", timeZone=str(ZONES[code])) for code in ZONES]
    paying = scheme(amount_rule(), channels=list(ZONES), redemptionRules=[pay_rule()])
    return club_document(
        channels=everywhere,
        schemes=[paying],
        rewardPoints=reward_points(**days),
        settings={"paymentHoldMinutes": 600},
    )


def do(service: Harness, card: str, holds: list[Any], step: tuple[str, str, int, int]) -> None:
    """One step of a history; `minutes` is how far back it is dated."""
    kind, where, minutes, _ = step
    at = (service.clock.now - timedelta(minutes=minutes)).isoformat()
    if kind == "sale":
        service.sale(card, "70.00", channel=where, occurredAt=at)
    elif kind in {"hold", "pay"}:
        bought = one("0.20", channel=where, at=at)
        payment = pay(service, card, "0.20", bought, capture=kind == "pay")
        holds += [payment] if kind == "hold" and payment["payment"] else []
    elif kind == "adjust":
        assert codes(adjust(service, card, -50, force=True, occurredAt=at)) == []
    elif holds:
        change(service, f"{kind}LoyaltyPayment", holds.pop())


@given(home=st.sampled_from(sorted(ZONES)), steps=STEPS)
@API
def test_a_balance_of_today_is_that_of_today_known_now_and_stays_so(
    service: Harness, home: str, steps: list[tuple[str, str, int, int]]
) -> None:
    if not service.ask("{ channels { code } }")["channels"]:
        service.apply(around_the_world())
    service.clock.set("2025-01-08")
    card = service.issue(channel=home)
    adjust(service, card, 150)
    service.clock.set("2025-01-10")
    holds: list[Any] = []
    told = []
    for step in steps:
        do(service, card, holds, step)
        service.clock.advance(seconds=1)
        now = service.clock.now
        today = now.astimezone(ZONES[home]).date().isoformat()
        told.append((today, now.isoformat(), service.balance(card)))
        service.clock.advance(hours=step[-1])
        for on, known_at, balance in told:
            assert service.balance(card, asOf=on, knownAt=known_at) == balance
