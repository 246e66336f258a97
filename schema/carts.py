"""The cart: preview before posting."""

from decimal import Decimal

import strawberry

from resolvers.carts import CartView
from resolvers.loyalty_tenders import Part, TenderView
from rules.discounts import Given
from rules.earnings import Earning
from rules.lines import Line, Totals
from schema.access import Info
from schema.cards import LoyaltyCard
from schema.charges import CartCharge, ShippingOffer, priced_charge, shown_offer
from schema.errors import UserError, user_error
from schema.ledger import Explanation
from schema.notes import CartNote, shown_note
from schema.payments import TenderPoints, tender_points
from schema.program import LoyaltyTier, RewardPoint, load_point, load_tier
from schema.schemes import LoyaltyProgram, load_program
from schema.values import Money, decimal, money, points


@strawberry.type(description="What one discount of this service takes off a line.")
class LineDiscount:
    code: str = strawberry.field(description="The discount's code.")
    name: str = strawberry.field(description="The discount's name.")
    amount: Money = strawberry.field(description="What it takes off the whole line.")
    price_group: str | None = strawberry.field(
        description="The price group that opened it; null: it is open to every cart."
    )


@strawberry.type(description="A line as loyalty sees it.")
class CartLine:
    value: strawberry.Private[Line]
    given: strawberry.Private[tuple[Given, ...]]

    @strawberry.field(description="Its number.")
    def line_number(self) -> int:
        return self.value.line_number

    @strawberry.field(description="What is bought.")
    def product_id(self) -> str:
        return self.value.product_id

    @strawberry.field(description="How much.")
    def quantity(self) -> Decimal:
        return decimal(self.value.quantity)

    @strawberry.field(description="Quantity times unit price.")
    def gross_amount(self) -> Money:
        return money(self.value.gross_minor, self.value.currency)

    @strawberry.field(description="What this service's own discounts take off it.")
    def discounts(self) -> list[LineDiscount]:
        return [
            LineDiscount(
                code=one.code,
                name=one.name,
                amount=money(one.amount_minor, self.value.currency),
                price_group=one.price_group,
            )
            for one in self.given
        ]

    @strawberry.field(description="Gross less all discounts.")
    def net_amount(self) -> Money:
        return money(self.value.net_minor, self.value.currency)


@strawberry.type(description="Points by line.")
class LinePoints:
    line_number: int | None = strawberry.field(description="Null: the cart as a whole.")
    points: Decimal = strawberry.field(description="How many.")


@strawberry.type(description="What one rule would give.")
class CartEarning:
    earning: strawberry.Private[Earning]
    version: strawberry.Private[int]

    @strawberry.field(description="Of what.")
    async def reward_point(self, info: Info) -> RewardPoint:
        return RewardPoint(value=await load_point(info, self.earning.reward_point))

    @strawberry.field(description="How many, after the maximum per card.")
    async def points(self, info: Info) -> Decimal:
        point = await load_point(info, self.earning.reward_point)
        return points(self.earning.points_units, point)

    @strawberry.field(description="The program of the rule's scheme.")
    async def program(self, info: Info) -> LoyaltyProgram:
        found = await load_program(info, self.earning.program)
        if found is None:
            raise LookupError(f"no version has the program {self.earning.program}")
        return found

    @strawberry.field(description="The tier held in the program.")
    async def tier(self, info: Info) -> LoyaltyTier | None:
        return await load_tier(info, self.earning.program, self.earning.tier)

    @strawberry.field(description="Which rule gives this, and the sum.")
    async def explanation(self, info: Info) -> Explanation:
        point = await load_point(info, self.earning.reward_point)
        return Explanation(
            configuration_version=self.version,
            scheme=self.earning.scheme,
            rule=self.earning.rule,
            formula=self.earning.formula,
            computed=points(self.earning.computed_units, point),
        )

    @strawberry.field(description="How it is split over the lines.")
    async def lines(self, info: Info) -> list[LinePoints]:
        point = await load_point(info, self.earning.reward_point)
        return [
            LinePoints(line_number=share.line_number, points=points(share.points_units, point))
            for share in self.earning.shares
        ]


@strawberry.type(description="What points can pay of a cart.")
class LoyaltyTender:
    view: strawberry.Private[TenderView]
    currency: strawberry.Private[str]

    async def _parts(self, info: Info, parts: tuple[Part, ...]) -> list[TenderPoints]:
        return [
            await tender_points(
                info, part.reward_point, part.units, part.amount_minor, self.currency
            )
            for part in parts
        ]

    @strawberry.field(description="The card that was presented.")
    def card(self) -> LoyaltyCard:
        return LoyaltyCard(row=self.view.card)

    @strawberry.field(
        description=(
            "The most that points can pay now: paying exactly this succeeds, one minor unit more "
            "fails."
        )
    )
    def amount_covered(self) -> Money:
        return money(self.view.amount_minor, self.currency)

    @strawberry.field(description="Which points would pay it.")
    async def points(self, info: Info) -> list[TenderPoints]:
        return await self._parts(info, self.view.parts)

    @strawberry.field(
        description="The part of those points that is lost within 30 days if it is not spent."
    )
    async def expiring_soon(self, info: Info) -> list[TenderPoints]:
        return await self._parts(info, self.view.expiring_soon)

    @strawberry.field(description="Null where points can pay; else why not.")
    def refusal(self) -> UserError | None:
        return None if self.view.refusal is None else user_error(self.view.refusal)


@strawberry.type(description="Everything loyalty has to say of a cart.")
class Cart:
    view: strawberry.Private[CartView]

    def _money(self, minor: int) -> Money:
        return money(minor, self.view.cart.channel.currency)

    @property
    def _totals(self) -> Totals:
        return self.view.cart.priced.totals

    @strawberry.field(
        description=(
            "Why the cart was judged as if it had no card, a coupon was left out, and so on; the "
            "rest of the cart is still right."
        )
    )
    def user_errors(self) -> list[UserError]:
        return [user_error(refusal) for refusal in self.view.refusals]

    @strawberry.field(description="Its lines, in the order sent.")
    def lines(self) -> list[CartLine]:
        priced = self.view.cart.priced
        return [
            CartLine(value=line, given=given)
            for line, given in zip(priced.lines, priced.discounts, strict=True)
        ]

    @strawberry.field(
        description=(
            "The price groups this cart's channel, customer, affiliations, programs and tiers open."
        )
    )
    def price_groups(self) -> list[str]:
        return list(self.view.cart.price_groups)

    @strawberry.field(description="Its charges, as sent or as configured, less shipping discounts.")
    def charges(self) -> list[CartCharge]:
        currency = self.view.cart.channel.currency
        return [priced_charge(charge, currency) for charge in self.view.cart.priced.charges]

    @strawberry.field(description="All gross amounts.")
    def subtotal(self) -> Money:
        return self._money(self._totals.subtotal_minor)

    @strawberry.field(description="All discounts, the callers' included.")
    def discount_total(self) -> Money:
        return self._money(self._totals.discount_minor)

    @strawberry.field(description="All charges.")
    def charge_total(self) -> Money:
        return self._money(self._totals.charge_minor)

    @strawberry.field(description="All taxes.")
    def tax_total(self) -> Money:
        return self._money(self._totals.tax_minor)

    @strawberry.field(description="What the cart comes to.")
    def total(self) -> Money:
        return self._money(self._totals.total_minor)

    @strawberry.field(description="What is still to pay.")
    def balance_due(self) -> Money:
        return self._money(self.view.cart.balance_due_minor)

    @strawberry.field(
        description="What points can pay of this cart, presented on its card; null without a card."
    )
    def loyalty_tender(self) -> LoyaltyTender | None:
        view = self.view.tender
        return (
            None
            if view is None
            else LoyaltyTender(view=view, currency=self.view.cart.channel.currency)
        )

    @strawberry.field(description="What checking out would earn, one row per rule that applies.")
    def earnings(self) -> list[CartEarning]:
        version = self.view.cart.book.version
        return [CartEarning(earning=one, version=version) for one in self.view.earned.earnings]

    @strawberry.field(
        description="Why a rule or a whole scheme gives nothing, so that nobody has to guess."
    )
    def earning_notes(self) -> list[CartNote]:
        return [shown_note(note) for note in self.view.earned.notes]

    @strawberry.field(
        description="For each delivery mode with a shipping discount: where the cart stands."
    )
    def shipping_offers(self) -> list[ShippingOffer]:
        currency = self.view.cart.channel.currency
        return [shown_offer(offer, currency) for offer in self.view.cart.priced.offers]
