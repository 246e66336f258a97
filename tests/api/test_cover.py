"""Quote = commit for paying (semantics 18.3): what the cart says points can pay, they pay."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.api.harness import Harness, line
from tests.api.program import amount_rule, channel, club_document, pay_rule, scheme
from tests.api.test_payments import TENDER, cart, pay, taken
from tests.api.test_points import adjust, codes
from tests.api.test_properties import API

RATES = [{"from": "EUR", "to": "USD", "rate": "1.1"}]
RESTRICTIONS = st.sampled_from([{}, {"categories": ["A"]}, {"products": ["P2"]}])


@st.composite
def rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One to four rules of two points: by amount, foreign, by quantity, in whole units or not."""
    found = []
    for place in range(draw(st.integers(1, 4))):
        point = draw(st.sampled_from(["PTS", "CASH"]))
        limits = draw(RESTRICTIONS)
        if draw(st.booleans()):
            price = draw(st.integers(1, 300)) if point == "PTS" else "1.5"
            currency = draw(st.sampled_from(["USD", "EUR"]))
            found.append(
                pay_rule(f"r{place}", point=point, points=price, currency=currency, **limits)
            )
        else:
            by_quantity: dict[str, Any] = {
                "code": f"r{place}",
                "reward": "PAYMENT_BY_QUANTITY",
                "rewardPoint": point,
                "points": draw(st.integers(1, 900)),
                "pays": draw(st.sampled_from([1, 2, "0.5"])),
                "wholeUnitsOnly": draw(st.booleans()),
            }
            found.append({**by_quantity, **limits})
    return found


LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "minimumPoints": st.sampled_from([100, 700]),
        "step": st.sampled_from([2, 50, 250]),
        "maximumShareOfOrder": st.sampled_from([30, 75]),
    },
)


@st.composite
def carts(draw: st.DrawFn) -> dict[str, Any]:
    bought = [
        line(
            number,
            str(Decimal(draw(st.integers(0, 3000))) / 100),
            draw(st.sampled_from(["1", "2", "3", "0.7"])),
            taxAmount=draw(st.sampled_from(["0", "1.33"])),
            categories=draw(st.sampled_from([[], ["A"]])),
        )
        for number in range(1, draw(st.integers(1, 3)) + 1)
    ]
    charges: list[dict[str, Any]] = [
        {"code": "FREIGHT", "amount": "3.50", "lineNumber": place}
        for place in draw(st.lists(st.sampled_from([1, None]), max_size=2))
    ]
    paid = draw(st.sampled_from(["0", "4.99"]))
    return cart(*bought, charges=charges, amountPaid=paid)


CODES = ("PTS", "CASH")


def holder(service: Harness, document: Any, held: int, cash: int) -> str:
    service.apply(document)
    service.clock.advance(seconds=1)
    card = service.issue()
    for points, code in ((held, "PTS"), (Decimal(cash) / 100, "CASH")):
        if points:
            assert codes(adjust(service, card, points, rewardPoint=code)) == []
    return card


@given(
    paying=rules(),
    limits=LIMITS,
    bought=carts(),
    held=st.integers(0, 4000),
    cash=st.integers(0, 1500),
)
@API
def test_points_pay_exactly_what_the_cart_said(
    service: Harness,
    paying: list[dict[str, Any]],
    limits: dict[str, Any],
    bought: dict[str, Any],
    held: int,
    cash: int,
) -> None:
    program = scheme(amount_rule(), redemptionRules=paying, redemptionLimits=limits)
    shop = [channel(kind="STORE")]
    document = club_document(schemes=[program], channels=shop, exchangeRates=RATES)
    card = holder(service, document, held, cash)
    before = [service.available(card, code) for code in CODES]
    shown = service.ask(TENDER, input={**bought, "cardNumber": card})["cart"]
    tender = shown["loyaltyTender"]
    covered = Decimal(tender["amountCovered"]["amount"])
    assert (tender["refusal"] is None) == (covered > 0)

    (limit,) = codes(pay(service, card, covered + Decimal("0.01"), bought))
    assert limit in {"NOT_ENOUGH_REWARD_POINTS", "REDEMPTION_LIMIT", "INVALID_PAYMENT_REQUEST"}
    is_all_due = covered == Decimal(shown["balanceDue"]["amount"])
    assert (limit == "INVALID_PAYMENT_REQUEST") == is_all_due
    assert [service.available(card, code) for code in CODES] == before
    if covered:
        promised = [(row["rewardPoint"]["code"], row["points"]) for row in tender["points"]]
        assert taken(pay(service, card, covered, bought)) == promised
        spent = dict(promised)
        left = [
            Decimal(had) - Decimal(spent.get(code, 0))
            for code, had in zip(CODES, before, strict=True)
        ]
        assert [Decimal(service.available(card, code)) for code in CODES] == left
