"""The cart: preview before posting."""

from datetime import datetime
from decimal import Decimal

import strawberry

from execution.scalars import CurrencyCode
from resolvers.carts import CartCommand, CartView
from resolvers.loyalty_tenders import Part, TenderView
from rules.earning import Earning
from rules.lines import ChargeInput, Line, LineInput
from schema.access import Info
from schema.cards import LoyaltyCard
from schema.errors import UserError, user_error
from schema.ledger import Explanation
from schema.notes import CartNote, shown_note
from schema.payments import TenderPoints, tender_points
from schema.program import LoyaltyTier, RewardPoint, load_point, load_tier
from schema.sales import CartCharge, shown_charge
from schema.schemes import LoyaltyProgram, load_program
from schema.values import Money, decimal, given, money, payment_keys, points


@strawberry.input(description="A line of a cart or sale.")
class CartLineInput:
    line_number: int = strawberry.field(description="Unique, from 1.")
    product_id: str = strawberry.field(description="What is bought.")
    variant_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="Which variant of it."
    )
    categories: list[str] | None = strawberry.field(
        default_factory=list,
        description="Every category the product is in, ancestors included.",
    )
    quantity: Decimal = strawberry.field(description="How much, above 0.")
    unit_price: Decimal = strawberry.field(description="The price of one.")
    discount_amount: Decimal | None = strawberry.field(
        default=Decimal(0),
        description="Discounts that the commerce system has already given on the whole line.",
    )
    tax_amount: Decimal | None = strawberry.field(
        default=Decimal(0), description="The tax of the whole line, as charged."
    )
    delivery_mode: str | None = strawberry.field(
        default=strawberry.UNSET, description="How it is delivered; null: as the order."
    )

    def line(self) -> LineInput:
        return LineInput(
            line_number=self.line_number,
            product_id=self.product_id,
            quantity=self.quantity,
            unit_price=self.unit_price,
            variant_id=given(self.variant_id),
            categories=tuple(self.categories or ()),
            discount_amount=self.discount_amount or Decimal(0),
            tax_amount=self.tax_amount or Decimal(0),
            delivery_mode=given(self.delivery_mode),
        )


@strawberry.input(description="A charge that the commerce system has computed.")
class CartChargeInput:
    code: str = strawberry.field(description="The charge code.")
    amount: Decimal = strawberry.field(description="What is charged, from 0.")
    description: str | None = strawberry.field(
        default=strawberry.UNSET, description="What it is, for people."
    )
    line_number: int | None = strawberry.field(
        default=strawberry.UNSET, description="Null: a charge on the order as a whole."
    )
    overridden: bool | None = strawberry.field(
        default=False, description="Fixed by hand: shipping discounts leave it alone."
    )

    def charge(self) -> ChargeInput:
        return ChargeInput(
            code=self.code,
            amount=self.amount,
            description=given(self.description),
            line_number=given(self.line_number),
            overridden=bool(self.overridden),
        )


@strawberry.input(description="A cart, as it would be checked out.")
class CartInput:
    channel: str = strawberry.field(description="Where it is checked out.")
    currency: CurrencyCode = strawberry.field(description="The channel's currency.")
    card_number: str | None = strawberry.field(
        default=strawberry.UNSET, description="The loyalty card presented."
    )
    customer_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="Who is signed in."
    )
    affiliations: list[str] | None = strawberry.field(
        default_factory=list, description="Affiliations held besides the customer's own."
    )
    coupons: list[str] | None = strawberry.field(
        default_factory=list, description="Coupon codes given."
    )
    delivery_mode: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The order's own delivery mode; lines may have theirs.",
    )
    lines: list[CartLineInput] = strawberry.field(description="At most 1000.")
    charges: list[CartChargeInput] | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "Charges that the commerce system has computed. Null: the configured automatic "
            "charges are used."
        ),
    )
    amount_paid: Decimal | None = strawberry.field(
        default=Decimal(0), description="Already paid by other means."
    )
    loyalty_payments: list[strawberry.ID] | None = strawberry.field(
        default_factory=list,
        description=(
            "Payments with points already made for this cart's order; they shape what it earns."
        ),
    )
    apply_discounts: bool | None = strawberry.field(
        default=True,
        description=(
            "False: this service's own discounts are left out (they are in the lines' "
            "`discountAmount` already)."
        ),
    )
    at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="As if the cart were checked out then; now, if left out.",
    )

    def command(self) -> CartCommand:
        return CartCommand(
            channel=self.channel,
            currency=self.currency,
            lines=tuple(line.line() for line in self.lines),
            charges=tuple(charge.charge() for charge in given(self.charges) or ()),
            card_number=given(self.card_number),
            customer_id=given(self.customer_id),
            affiliations=tuple(self.affiliations or ()),
            coupons=tuple(self.coupons or ()),
            amount_paid=self.amount_paid or Decimal(0),
            loyalty_payments=payment_keys(self.loyalty_payments),
            at=given(self.at),
        )


@strawberry.type(description="A line as loyalty sees it.")
class CartLine:
    value: strawberry.Private[Line]

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
        return money(minor, self.view.currency)

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
        return [CartLine(value=line) for line in self.view.lines]

    @strawberry.field(
        description=(
            "The price groups this cart's channel, customer, affiliations, programs and tiers open."
        )
    )
    def price_groups(self) -> list[str]:
        return list(self.view.price_groups)

    @strawberry.field(description="Its charges.")
    def charges(self, info: Info) -> list[CartCharge]:
        return [
            shown_charge(
                info,
                self.view.currency,
                charge.code,
                charge.description,
                charge.line_number,
                charge.amount_minor,
            )
            for charge in self.view.charges
        ]

    @strawberry.field(description="All gross amounts.")
    def subtotal(self) -> Money:
        return self._money(self.view.totals.subtotal_minor)

    @strawberry.field(description="All discounts, the callers' included.")
    def discount_total(self) -> Money:
        return self._money(self.view.totals.discount_minor)

    @strawberry.field(description="All charges.")
    def charge_total(self) -> Money:
        return self._money(self.view.totals.charge_minor)

    @strawberry.field(description="All taxes.")
    def tax_total(self) -> Money:
        return self._money(self.view.totals.tax_minor)

    @strawberry.field(description="What the cart comes to.")
    def total(self) -> Money:
        return self._money(self.view.totals.total_minor)

    @strawberry.field(description="What is still to pay.")
    def balance_due(self) -> Money:
        return self._money(self.view.totals.balance_due_minor(self.view.amount_paid_minor))

    @strawberry.field(
        description="What points can pay of this cart, presented on its card; null without a card."
    )
    def loyalty_tender(self) -> LoyaltyTender | None:
        view = self.view.tender
        return None if view is None else LoyaltyTender(view=view, currency=self.view.currency)

    @strawberry.field(description="What checking out would earn, one row per rule that applies.")
    def earnings(self) -> list[CartEarning]:
        version = self.view.book.version
        return [CartEarning(earning=one, version=version) for one in self.view.earned.earnings]

    @strawberry.field(
        description="Why a rule or a whole scheme gives nothing, so that nobody has to guess."
    )
    def earning_notes(self) -> list[CartNote]:
        return [shown_note(note) for note in self.view.earned.notes]
