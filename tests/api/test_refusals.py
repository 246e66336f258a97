"""Semantics 17 and 12: every refusal of payments, returns, refunds, adjustments, gifts, replacement
and tiers, where it points and what it tells; that it changes nothing; and which are kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from execution.relay import encode_id
from resolvers.replays import KEPT
from tests.api.harness import Harness, line
from tests.api.program import amount_rule, channel, club_document, pay_rule, reward_points, scheme
from tests.api.test_payments import cart, change, one, pay
from tests.api.test_points import adjust, codes
from tests.api.test_refunds import refund
from tests.api.test_replacing import replace
from tests.api.test_returns import return_input, taken

TOLD = """replayed userErrors { code field
  ... on NotEnoughRewardPointsError { required available held amountCovered { amount } }
  ... on IdempotencyKeyReusedError { firstUsedAt } }"""
UNKNOWN = encode_id("LoyaltyPayment", bytes(16))
ELSEWHERE = encode_id("LoyaltyPayment", bytes(15) + b"1")
BOOK = """{ status transactions { totalCount } enrollments { tier { tier { code } since until } }
  balances { rewardPoint { code } available unvested held issued used expired } }"""
PAYMENT = "{ status refundedAmount { amount } }"
SALE = """salesTransaction(channel: "WEB", transactionId: "S") {
  lines { returnedQuantity } returns { transactionId } }"""
CARDS = ("A1", "A2", "A3", "A4", "A5", "N1", "C1", "Z1")
SHORT = {"available": "950", "held": "50"}


@dataclass
class Case:
    """A call that is refused: what differs from a good one, and what is told."""

    mutation: str
    given: dict[str, Any]
    code: str
    field: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def expected(self) -> dict[str, Any]:
        path = self.field.split(".") if self.field else None
        return {"code": self.code, "field": path, **self.facts}


def document(**more: Any) -> dict[str, Any]:
    kinds = [
        channel(kind="STORE"),
        channel("ONLINE"),
        channel("SHUT", active=False),
        channel("BARE"),
        channel("PLAIN", loyaltyPayment=False),
    ]
    limits = {"redemptionLimits": {"minimumPoints": 20}}
    names = [one_channel["code"] for one_channel in kinds if one_channel["code"] != "BARE"]
    paying = scheme(amount_rule(), channels=names, redemptionRules=[pay_rule()], **limits)
    return club_document(
        channels=kinds,
        schemes=[paying],
        rewardPoints=reward_points(maximumPerCard=2000),
        coupons=[{"code": "OLD", "validTo": "2020-01-01"}],
        **more,
    )


class World:
    """Cards, payments and a sale that every refusal is reached from."""

    def __init__(self, service: Harness) -> None:
        self.service = service
        service.apply(document())
        for customer in ("ada", "bob"):
            service.customer(customer)
        for number in ("A1", "A2", "A3", "A4", "Z1"):
            service.issue(number)
        service.issue("C1", customerId="ada")
        service.issue("N1", tenderType="NO_TENDER")
        for number, points in (("A1", 1100), ("A2", 1900), ("A3", 100)):
            assert codes(adjust(service, number, points)) == []
        service.change_card("blockLoyaltyCard", number="A3", reason="lost")
        assert codes(replace(service, "A4", newNumber="A5")) == []
        service.apply(document(cardNumberRanges=[{"from": "A0", "to": "N9"}]))
        service.clock.advance(minutes=1)
        service.sale("A2", lines=[line(1, "20.00", 2)], transactionId="S")
        taken(service, "S", (1, 1), transactionId="R")
        self.held = self.paid(orderId="HELD", capture=False)
        self.captured = self.paid(orderId="PAID", amount="1.00")
        self.refunded = self.paid(orderId="BACK", amount="0.50")
        assert codes(refund(service, {"payment": {"id": self.refunded}}, amount="0.50")) == []
        self.use_keys()

    def paid(self, amount: str = "0.50", **how: Any) -> str:
        payload = pay(self.service, "A1", amount, one("20.00"), **how)
        assert codes(payload) == [], payload
        payment_id: str = payload["payment"]["id"]
        return payment_id

    def use_keys(self) -> None:
        """The key `used` is used once for each mutation."""
        service, key = self.service, {"idempotencyKey": "used"}
        ids = [self.paid(capture=False) for _ in range(2)]
        for name, given in (
            ("payWithLoyalty", {"orderId": "USED"}),
            ("captureLoyaltyPayment", {"paymentId": ids[0]}),
            ("refundLoyaltyPayment", {"paymentId": ids[0], "amount": "0.50"}),
            ("voidLoyaltyPayment", {"paymentId": ids[1]}),
            ("adjustPoints", {"points": "50"}),
            ("transferPoints", {"fromCardNumber": "A5", "toCardNumber": "A1", "points": "5"}),
            ("replaceLoyaltyCard", {"number": "A6", "newNumber": "A7"}),
            ("assignLoyaltyTier", {"number": "A5"}),
        ):
            if name == "transferPoints":
                adjust(service, "A5", 5)
            if name == "replaceLoyaltyCard":
                service.issue("A6")
            answered = self.send(name, {**given, **key})
            assert answered["userErrors"] == [], (name, answered)
        # What was set in motion is brought to 950 available and 50 held on A1.
        now = int(service.available("A1"))
        assert codes(adjust(service, "A1", 950 - now, force=True)) == []
        assert service.balance("A1")["held"] == "50"

    def good(self, name: str) -> dict[str, Any]:
        """An input that would be accepted."""
        key = {"idempotencyKey": self.service.fresh_key()}
        order = f"O-{self.service.fresh_key()}"
        return {
            "payWithLoyalty": {
                **key,
                "cardNumber": "A1",
                "cart": one("20.00"),
                "orderId": order,
                "amount": "1.00",
            },
            "captureLoyaltyPayment": {**key, "paymentId": self.held},
            "voidLoyaltyPayment": {**key, "paymentId": self.held},
            "refundLoyaltyPayment": {**key, "paymentId": self.captured, "amount": "0.50"},
            "adjustPoints": {
                **key,
                "cardNumber": "A1",
                "rewardPoint": "PTS",
                "points": "10",
                "reasonCode": "R",
            },
            "transferPoints": {
                **key,
                "fromCardNumber": "A1",
                "toCardNumber": "A5",
                "rewardPoint": "PTS",
                "points": "10",
            },
            "replaceLoyaltyCard": {**key, "channel": "WEB", "number": "A1", "newNumber": "A9"},
            "assignLoyaltyTier": {
                **key,
                "number": "A1",
                "program": "CLUB",
                "tier": "GOLD",
                "endDate": "2030-01-01",
                "reason": "r",
            },
            "postReturn": return_input(self.service, "S"),
        }[name]

    def send(self, name: str, given: dict[str, Any], caller: str = "admin") -> dict[str, Any]:
        return self.service.mutate(name, TOLD, {**self.good(name), **given}, caller)

    def state(self) -> list[Any]:
        ids = (self.held, self.captured, self.refunded)
        asked = " ".join(
            [
                *(f'c{place}: loyaltyCard(number: "{n}") {BOOK}' for place, n in enumerate(CARDS)),
                *(f'p{place}: loyaltyPayment(id: "{n}") {PAYMENT}' for place, n in enumerate(ids)),
                SALE,
            ]
        )
        return [*self.service.ask(f"{{ {asked} }}").values()]


def of_payments() -> Iterator[Case]:
    def case(code: str, at: str, facts: dict[str, Any] | None = None, **given: Any) -> Case:
        return Case("payWithLoyalty", given, code, at, facts or {})

    def bought(**more: Any) -> dict[str, Any]:
        return one("20.00", **more)

    yield case("CHANNEL_NOT_FOUND", "cart.channel", cart=bought(channel="NONE"))
    yield case("CHANNEL_INACTIVE", "cart.channel", cart=bought(channel="SHUT"))
    yield case("INVALID_INPUT", "cart.lines.0.quantity", cart=cart(line(1, "20.00", "0")))
    yield case("INVALID_INPUT", "orderId", orderId="")
    yield case("INVALID_INPUT", "cart.cardNumber", cart=bought(cardNumber="A2"))
    hidden = bought(affiliations=["employee"])
    yield case("AFFILIATION_HIDDEN", "cart.affiliations.0", cart=hidden)
    unknown = bought(affiliations=["veteran", "nobodys"])
    yield case("AFFILIATION_NOT_FOUND", "cart.affiliations.1", cart=unknown)
    for amount in ("0", "20.01", "0.001"):
        yield case("INVALID_PAYMENT_REQUEST", "amount", amount=amount)
    yield case("CURRENCY_MISMATCH", "cart.currency", cart=bought(currency="EUR"))
    for order in ("HELD", "PAID"):
        yield case("ONE_LOYALTY_TENDER_ONLY", "orderId", orderId=order)
    yield case("LOYALTY_CARD_NOT_FOUND", "cardNumber", cardNumber="NONE")
    yield case("CUSTOMER_NOT_FOUND", "cart.customerId", cart=bought(customerId="eve"))
    others = bought(customerId="bob")
    yield case("CARD_CUSTOMER_CONFLICT", "cart.customerId", cardNumber="C1", cart=others)
    guest = bought(channel="ONLINE")
    yield case("CARD_REQUIRES_SIGN_IN", "cart.customerId", cardNumber="C1", cart=guest)
    yield case("LOYALTY_CARD_BLOCKED", "cardNumber", cardNumber="A3")
    yield case("LOYALTY_CARD_REPLACED", "cardNumber", cardNumber="A4")
    yield case("LOYALTY_CARD_NO_TENDER", "cardNumber", cardNumber="N1")
    closed = bought(channel="PLAIN")
    yield case("PAYMENT_METHOD_NOT_CONFIGURED", "cart.channel", cart=closed)
    yield case("PAYMENT_METHOD_NOT_CONFIGURED", "cardNumber", cardNumber="Z1")
    yield case("CHANNEL_NOT_PARTICIPATING", "cart.channel", cart=bought(channel="BARE"))
    yield case("COUPON_NOT_VALID", "cart.coupons.1", cart=bought(coupons=["ANY", "OLD"]))
    yield case("REDEMPTION_LIMIT", "amount", amount="0.19")
    covered = {"amountCovered": {"amount": "9.50"}}
    facts = {"required": "1001", **SHORT, **covered}
    yield case("NOT_ENOUGH_REWARD_POINTS", "amount", facts, amount="10.01")


def of_captures(world: World) -> Iterator[Case]:
    for name in ("captureLoyaltyPayment", "voidLoyaltyPayment"):
        yield Case(name, {"paymentId": "junk"}, "INVALID_INPUT", "paymentId")
        yield Case(name, {"paymentId": UNKNOWN}, "NOT_FOUND", "paymentId")
        for payment_id in (world.captured, world.refunded):
            yield Case(name, {"paymentId": payment_id}, "PAYMENT_STATE_CONFLICT", "paymentId")
    for amount in ("0", "0.51", "0.001"):
        given = {"amount": amount}
        yield Case("captureLoyaltyPayment", given, "INVALID_PAYMENT_REQUEST", "amount")


def of_refunds(world: World) -> Iterator[Case]:
    def case(code: str, at: str, **given: Any) -> Case:
        return Case("refundLoyaltyPayment", given, code, at)

    def back(number: int, quantity: str) -> dict[str, Any]:
        return {"amount": None, "lines": [{"lineNumber": number, "quantity": quantity}]}

    yield case("INVALID_INPUT", "paymentId", paymentId="junk")
    yield case("NOT_FOUND", "paymentId", paymentId=UNKNOWN)
    for payment_id in (world.held, world.refunded):
        yield case("PAYMENT_STATE_CONFLICT", "paymentId", paymentId=payment_id)
    for amount in ("0", "-1", "0.001"):
        yield case("INVALID_PAYMENT_REQUEST", "amount", amount=amount)
    yield case("INVALID_PAYMENT_REQUEST", "", amount=None)
    yield case("INVALID_PAYMENT_REQUEST", "", **{**back(1, "1"), "amount": "0.50"})
    yield case("REFUND_EXCEEDS_ALLOWED", "amount", amount="1.01")
    yield case("REFUND_EXCEEDS_ALLOWED", "lines.0.quantity", **back(1, "1.5"))
    yield case("INVALID_INPUT", "lines.0.quantity", **back(1, "0"))
    yield case("INVALID_INPUT", "lines.0.lineNumber", **back(2, "1"))


def of_points() -> Iterator[Case]:
    def adjusted(code: str, at: str, facts: dict[str, Any] | None = None, **given: Any) -> Case:
        return Case("adjustPoints", given, code, at, facts or {})

    def given_away(code: str, at: str, facts: dict[str, Any] | None = None, **given: Any) -> Case:
        return Case("transferPoints", given, code, at, facts or {})

    none = {"amountCovered": None}
    yield adjusted("INVALID_INPUT", "points", points="0")
    yield adjusted("INVALID_INPUT", "points", points="0.5")
    yield adjusted("INVALID_INPUT", "reasonCode", reasonCode="")
    yield adjusted("INVALID_INPUT", "occurredAt", occurredAt="2030-01-01T00:00:00Z")
    yield adjusted("LOYALTY_CARD_NOT_FOUND", "cardNumber", cardNumber="NONE")
    yield adjusted("LOYALTY_CARD_REPLACED", "cardNumber", cardNumber="A4")
    yield adjusted("REWARD_POINT_NOT_FOUND", "rewardPoint", rewardPoint="NONE")
    yield adjusted("PROGRAM_NOT_FOUND", "program", program="NONE")
    yield adjusted("MAXIMUM_POINTS_REACHED", "points", points="1001")
    facts = {"required": "951", **SHORT, **none}
    yield adjusted("NOT_ENOUGH_REWARD_POINTS", "points", facts, points="-951")
    for points in ("0", "-5", "0.5"):
        yield given_away("INVALID_INPUT", "points", points=points)
    yield given_away("INVALID_INPUT", "toCardNumber", toCardNumber="A1")
    yield given_away("INVALID_INPUT", "rewardPoint", rewardPoint="STAT")
    yield given_away("REWARD_POINT_NOT_FOUND", "rewardPoint", rewardPoint="NONE")
    for end in ("fromCardNumber", "toCardNumber"):
        yield given_away("LOYALTY_CARD_NOT_FOUND", end, **{end: "NONE"})
        yield given_away("LOYALTY_CARD_BLOCKED", end, **{end: "A3"})
        yield given_away("LOYALTY_CARD_REPLACED", end, **{end: "A4"})
    yield given_away("NOT_ENOUGH_REWARD_POINTS", "points", facts, points="951", toCardNumber="A2")
    yield given_away("MAXIMUM_POINTS_REACHED", "points", points="200", toCardNumber="A2")


def of_cards() -> Iterator[Case]:
    def replaced(code: str, at: str, **given: Any) -> Case:
        return Case("replaceLoyaltyCard", given, code, at)

    def assigned(code: str, at: str, **given: Any) -> Case:
        return Case("assignLoyaltyTier", given, code, at)

    yield replaced("CHANNEL_NOT_FOUND", "channel", channel="NONE")
    yield replaced("CHANNEL_INACTIVE", "channel", channel="SHUT")
    yield replaced("CHANNEL_NOT_PARTICIPATING", "channel", channel="BARE")
    yield replaced("LOYALTY_CARD_NOT_FOUND", "number", number="NONE")
    yield replaced("LOYALTY_CARD_REPLACED", "number", number="A4")
    yield replaced("LOYALTY_CARD_ALREADY_ISSUED", "newNumber", newNumber="A2")
    yield replaced("NUMBER_OUT_OF_RANGE", "newNumber", newNumber="Z2")
    yield replaced("INVALID_INPUT", "newNumber", newNumber="no number")
    yield assigned("LOYALTY_CARD_NOT_FOUND", "number", number="NONE")
    yield assigned("LOYALTY_CARD_REPLACED", "number", number="A4", program="NONE")
    yield assigned("PROGRAM_NOT_FOUND", "program", program="NONE", tier="NONE")
    yield assigned("TIER_NOT_FOUND", "tier", tier="NONE", endDate="2020-01-01")
    yield assigned("INVALID_INPUT", "endDate", endDate="2020-01-01")


def of_returns(world: World) -> Iterator[Case]:
    def returned(code: str, at: str, facts: dict[str, Any] | None = None, **given: Any) -> Case:
        return Case("postReturn", given, code, at, facts or {})

    def back(number: int, quantity: str) -> dict[str, Any]:
        return {"lines": [{"lineNumber": number, "quantity": quantity}]}

    at = world.service.clock.now.isoformat().replace("+00:00", "Z")
    yield returned("INVALID_INPUT", "occurredAt", occurredAt="2030-01-01T00:00:00Z")
    yield returned("INVALID_INPUT", "lines.0.quantity", **back(1, "0"))
    for name in ("R", "S"):
        used = {**back(1, "0.5"), "transactionId": name}
        yield returned("IDEMPOTENCY_KEY_REUSED", "transactionId", {"firstUsedAt": at}, **used)
    yield returned("CHANNEL_NOT_FOUND", "channel", channel="NONE")
    yield returned("CHANNEL_INACTIVE", "channel", channel="SHUT")
    for name in ("NONE", "R"):
        refused = {"originalTransactionId": name}
        yield returned("TRANSACTION_NOT_FOUND", "originalTransactionId", **refused)
    yield returned("INVALID_INPUT", "occurredAt", occurredAt="2020-01-01T00:00:00Z")
    yield returned("INVALID_INPUT", "lines.0.lineNumber", **back(2, "1"))
    yield returned("RETURN_EXCEEDS_SOLD", "lines.0.quantity", **back(1, "1.5"))


# A refused input that reaches the key, other than those above.
OTHERWISE: dict[str, tuple[dict[str, Any], str]] = {
    "payWithLoyalty": ({"cardNumber": "NOBODY"}, "LOYALTY_CARD_NOT_FOUND"),
    "captureLoyaltyPayment": ({"paymentId": UNKNOWN, "amount": "0.07"}, "NOT_FOUND"),
    "voidLoyaltyPayment": (
        {"paymentId": encode_id("LoyaltyPayment", bytes(15) + b"1")},
        "NOT_FOUND",
    ),
    "refundLoyaltyPayment": ({"paymentId": UNKNOWN, "amount": "0.07"}, "NOT_FOUND"),
    "adjustPoints": ({"cardNumber": "NOBODY"}, "LOYALTY_CARD_NOT_FOUND"),
    "transferPoints": ({"fromCardNumber": "NOBODY"}, "LOYALTY_CARD_NOT_FOUND"),
    "replaceLoyaltyCard": ({"number": "NOBODY"}, "LOYALTY_CARD_NOT_FOUND"),
    "assignLoyaltyTier": ({"number": "NOBODY"}, "LOYALTY_CARD_NOT_FOUND"),
    "postReturn": ({"originalTransactionId": "NOTHING"}, "TRANSACTION_NOT_FOUND"),
}


def cases(world: World) -> list[Case]:
    return [
        *of_payments(),
        *of_captures(world),
        *of_refunds(world),
        *of_points(),
        *of_cards(),
        *of_returns(world),
    ]


def test_every_refusal_points_tells_and_changes_nothing(service: Harness) -> None:
    world = World(service)
    before = world.state()
    for case in cases(world):
        answered = world.send(case.mutation, case.given)
        assert answered == {"replayed": False, "userErrors": [case.expected]}, case
        assert world.state()[: len(CARDS)] == before[: len(CARDS)], case
    assert world.state() == before


def test_of_very_many_faults_the_first_thousand_are_told(club: Harness) -> None:
    selection = "userErrors { field }"
    bad = {"lineNumber": 0, "productId": "", "quantity": 0, "unitPrice": 1}
    sale = {**club.sale_input(None, 1), "lines": [bad] * 400}
    nobody = {"loyaltyPayments": ["nonsense"] * 9_000}
    told = club.mutate("postSale", selection, {**sale, **nobody})["userErrors"]
    assert [one["field"] for one in told] == [["loyaltyPayments", str(n)] for n in range(1000)]
    results = club.mutate("postSales", f"results {{ {selection} }}", {"sales": [sale] * 4})
    assert [len(one["userErrors"]) for one in results["results"]] == [1000, 1, 1, 1]
    lines = "".join(f'{{"{n}": 0, "x": 0, "y": 0}}\n' for n in range(900))
    file = {"format": "JSON_LINES", "content": lines}
    assert len(club.mutate("importActivityLines", selection, file)["userErrors"]) == 1000
    plan = "query($of: JSON!) { planConfiguration(document: $of) { userErrors { field } } }"
    document = {**club.document(), "channels": [0] * 100_000}
    told = club.ask(plan, of=document)["planConfiguration"]["userErrors"]
    assert [one["field"][2] for one in told] == [str(n) for n in range(1000)]


def test_a_used_key_is_refused_with_the_time_of_its_first_use(service: Harness) -> None:
    world = World(service)
    at = service.clock.now.isoformat().replace("+00:00", "Z")
    service.clock.advance(minutes=5)
    before = world.state()
    for name, (other, _) in OTHERWISE.items():
        if name == "postReturn":
            continue
        answered = world.send(name, {**other, "idempotencyKey": "used"})
        reused = {"code": "IDEMPOTENCY_KEY_REUSED", "field": ["idempotencyKey"], "firstUsedAt": at}
        assert answered == {"replayed": False, "userErrors": [reused]}, name
    assert world.state() == before


def test_kept_refusals_outlive_their_reason_and_others_leave_the_key_unused(
    service: Harness,
) -> None:
    world = World(service)
    kept: list[tuple[Case, dict[str, Any]]] = []
    for case in cases(world):
        given = {**world.good(case.mutation), **case.given}
        assert codes(world.send(case.mutation, given)) == [case.code]
        is_kept = case.code in KEPT and case.mutation != "postReturn"
        key = "transactionId" if case.mutation == "postReturn" else "idempotencyKey"
        if case.code == "IDEMPOTENCY_KEY_REUSED":
            continue
        other, refusal = OTHERWISE[case.mutation]
        answered = world.send(case.mutation, {**other, key: given[key]})
        assert codes(answered) == ["IDEMPOTENCY_KEY_REUSED" if is_kept else refusal], case
        if is_kept:
            kept.append((case, given))
    assert {case.code for case, _ in kept} == KEPT.keys() - {"CUSTOMER_BLOCKED_FOR_LOYALTY"}
    # Points for everybody, no card blocked, no limit, no hold.
    service.apply({**document(), "schemes": [scheme(amount_rule(), redemptionRules=[pay_rule()])]})
    service.clock.advance(days=1)
    service.change_card("unblockLoyaltyCard", number="A3", reason="found")
    for number in ("A1", "A2", "A3"):
        adjust(service, number, 100_000, force=True)
    change(service, "voidLoyaltyPayment", {"payment": {"id": world.held}})
    before = world.state()
    for case, given in kept:
        answered = world.send(case.mutation, given)
        assert answered == {"replayed": True, "userErrors": [case.expected]}, case
    assert world.state() == before
