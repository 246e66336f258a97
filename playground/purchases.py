"""What the demo's members bought: the same for every seed, counted back from one instant."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from playground.members import DEMO_CUSTOMER, HOLDERS, Holder
from resolvers.sales import PostSale
from rules.lines import LineInput

# A sale posted while the first member's card is issued would lie before the card.
LATEST_MINUTES_AGO = 90
MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Article:
    """`price` is in euros, tax included."""

    product_id: str
    price: int
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Market:
    """How a currency's shops write prices: euros times `factor` to the nearest `step`.

    `tax_rate` is in per cent.
    """

    currency: str
    factor: Decimal
    step: Decimal
    minor: Decimal
    tax_rate: Decimal
    includes_tax: bool


@dataclass(frozen=True, slots=True)
class Purchase:
    """`sale` is complete but for the number of the card, which is drawn when the card is issued."""

    holder: Holder
    sale: PostSale


ARTICLES = (
    Article("MUG-ENAMEL", 18, ("Drinkware", "Home")),
    Article("WAX-BAR", 12, ("Care",)),
    Article("WAX-KIT", 26, ("Care",)),
    Article("CAP-WOOL", 34, ("Headwear", "Clothing")),
    Article("BAG-DRY-20", 48, ("Bags",)),
    Article("CHART-ATLAS", 56, ("Navigation", "Books")),
    Article("KNIFE-RIGGING", 72, ("Safety", "Tools")),
    Article("SWEATER-GUERNSEY", 118, ("Knitwear", "Clothing")),
    Article("VEST-BUOYANCY", 124, ("Safety",)),
    Article("BOOTS-DECK", 146, ("Footwear", "Clothing")),
    Article("TROUSERS-BIB", 189, ("Outerwear", "Clothing")),
    Article("JACKET-COASTAL", 264, ("Outerwear", "Clothing")),
    Article("JACKET-OFFSHORE", 329, ("Outerwear", "Clothing")),
)
BY_ID = {article.product_id: article for article in ARTICLES}

_CENT = Decimal("0.01")
_EURO = Market("EUR", Decimal(1), Decimal(1), _CENT, Decimal(20), includes_tax=True)
_DOLLAR = Market("USD", Decimal("1.15"), Decimal(1), _CENT, Decimal("8.25"), includes_tax=False)
_YEN = Market("JPY", Decimal(165), Decimal(100), Decimal(1), Decimal(10), includes_tax=True)
_DINAR = Market(
    "KWD", Decimal("0.34"), Decimal("0.250"), Decimal("0.001"), Decimal(0), includes_tax=True
)
MARKETS = {
    **dict.fromkeys(("WEB-FR", "STORE-BREST", "APP-EU"), _EURO),
    **dict.fromkeys(("WEB-US", "STORE-MONTEREY", "CALL-US"), _DOLLAR),
    "STORE-KAMAKURA": _YEN,
    "STORE-KUWAIT": _DINAR,
}

# The demo member's year: enough to be well on the way to the next tier, with points in every state.
_DEMO_VISITS = (
    (428, "STORE-BREST", (("SWEATER-GUERNSEY", 1), ("MUG-ENAMEL", 2))),
    (391, "WEB-FR", (("WAX-KIT", 1), ("CAP-WOOL", 1))),
    (353, "WEB-FR", (("BOOTS-DECK", 1),)),
    (341, "STORE-BREST", (("WAX-BAR", 3), ("CHART-ATLAS", 1))),
    (288, "APP-EU", (("BAG-DRY-20", 1),)),
    (236, "WEB-FR", (("JACKET-OFFSHORE", 1), ("CAP-WOOL", 1))),
    (171, "STORE-BREST", (("KNIFE-RIGGING", 1),)),
    (118, "APP-EU", (("MUG-ENAMEL", 2), ("WAX-BAR", 3))),
    (64, "WEB-FR", (("BAG-DRY-20", 1),)),
    (27, "STORE-BREST", (("CHART-ATLAS", 1), ("WAX-KIT", 3))),
    (9, "WEB-FR", (("JACKET-COASTAL", 1), ("WAX-BAR", 1))),
    (2, "APP-EU", (("SWEATER-GUERNSEY", 1),)),
)


def purchases(until: datetime) -> list[Purchase]:
    """All purchases before `until`, the oldest first."""
    found = [
        purchase
        for place, holder in enumerate(HOLDERS)
        for purchase in _of_holder(holder, place, until)
    ]
    return sorted(found, key=lambda purchase: purchase.sale.occurred_at)


def _of_holder(holder: Holder, place: int, until: datetime) -> Iterator[Purchase]:
    if holder.customer == DEMO_CUSTOMER:
        for number, (days_ago, channel, articles) in enumerate(_DEMO_VISITS):
            lines = _lines(MARKETS[channel], articles)
            at = until - timedelta(days=days_ago, minutes=LATEST_MINUTES_AGO + 97 * number)
            yield Purchase(holder, _sale(holder, place, number, channel, at, lines))
        return
    # The same history for everyone who tries it; nothing secret hangs on it.
    chance = Random(place)  # noqa: S311
    for number in range(holder.visits):
        channel = chance.choice(holder.channels)
        most = holder.joined_days_ago * MINUTES_A_DAY
        at = until - timedelta(minutes=chance.randint(LATEST_MINUTES_AGO, most))
        lines = _lines(MARKETS[channel], _basket(chance, holder.basket))
        yield Purchase(holder, _sale(holder, place, number, channel, at, lines))


def _basket(chance: Random, dearest: int) -> list[tuple[str, int]]:
    """One to three articles; of small ones more than one at times."""
    wanted = [article for article in ARTICLES if article.price <= dearest]
    chosen = chance.sample(wanted, chance.choice((1, 1, 2, 2, 3)))
    return [(article.product_id, _pieces(chance, article)) for article in chosen]


def _pieces(chance: Random, article: Article) -> int:
    return chance.choice((1, 1, 2, 3)) if "Care" in article.categories else 1


def _lines(market: Market, articles: Sequence[tuple[str, int]]) -> tuple[LineInput, ...]:
    return tuple(
        _line(market, BY_ID[product_id], number, pieces)
        for number, (product_id, pieces) in enumerate(articles, start=1)
    )


def _line(market: Market, article: Article, number: int, pieces: int) -> LineInput:
    price = (article.price * market.factor / market.step).quantize(1, ROUND_HALF_UP) * market.step
    share = market.tax_rate / (100 + market.tax_rate if market.includes_tax else Decimal(100))
    return LineInput(
        line_number=number,
        product_id=article.product_id,
        quantity=Decimal(pieces),
        unit_price=price,
        categories=article.categories,
        tax_amount=(price * pieces * share).quantize(market.minor, ROUND_HALF_UP),
    )


def _sale(
    holder: Holder,
    place: int,
    number: int,
    channel: str,
    at: datetime,
    lines: tuple[LineInput, ...],
) -> PostSale:
    return PostSale(
        channel=channel,
        transaction_id=f"DEMO-{place:02d}-{number + 1:02d}",
        occurred_at=at,
        currency=MARKETS[channel].currency,
        lines=lines,
        customer_id=holder.customer,
    )
