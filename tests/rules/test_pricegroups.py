"""Which price groups a cart opens. Semantics 10.1, first sentence."""

from decimal import Decimal

from rules.earning import CardFacts
from rules.pricegroups import open_price_groups
from rules.program import Affiliation, Channel, Program, RedemptionLimits, Scheme, Tier
from rules.program_terms import ChannelKind

WEB = Channel(
    code="WEB",
    name={},
    kind=ChannelKind.ONLINE,
    currency="USD",
    time_zone="America/New_York",
    legal_entity="USRT",
    node=None,
    number_sequence=None,
    loyalty_payment=False,
    prices_include_tax=False,
    price_groups=("WEBSHOP",),
    active=True,
)
MEMBER = Tier("MEMBER", {}, 1, "NEXT_YEAR", (), ())
GOLD = Tier("GOLD", {}, 3, "NEXT_YEAR", ("LOYG", "LOY"), ())
CLUB = Program("CLUB", {}, {}, False, ("LOY",), (MEMBER, GOLD))
OTHER = Program("OTHER", {}, {}, False, ("OTHERS",), ())
PROGRAMS = {"CLUB": CLUB, "OTHER": OTHER}
CLUB_US = Scheme(
    "CLUB-US", "CLUB", ("WEB",), (), (), (), RedemptionLimits(Decimal(0), 1, Decimal(100)), ()
)
EMPLOYEE = Affiliation("employee", {}, True, ("STAFF",))
GOLD_CARD = CardFacts(active=True, programs=frozenset(PROGRAMS), tiers={"CLUB": "GOLD"})
MEMBER_CARD = CardFacts(active=True, programs=frozenset({"CLUB"}), tiers={"CLUB": "MEMBER"})


def test_without_a_card_channel_and_affiliations_open_groups() -> None:
    assert open_price_groups(WEB, [], None, [CLUB_US], PROGRAMS) == ("WEBSHOP",)
    assert open_price_groups(WEB, [EMPLOYEE], None, [], PROGRAMS) == ("STAFF", "WEBSHOP")


def test_a_card_opens_its_programs_and_tiers_sorted_and_once() -> None:
    gold = open_price_groups(WEB, [EMPLOYEE], GOLD_CARD, [CLUB_US], PROGRAMS)
    assert gold == ("LOY", "LOYG", "STAFF", "WEBSHOP")
    assert open_price_groups(WEB, [], MEMBER_CARD, [CLUB_US], PROGRAMS) == ("LOY", "WEBSHOP")


def test_a_program_without_a_scheme_on_the_channel_opens_nothing() -> None:
    assert open_price_groups(WEB, [], GOLD_CARD, [], PROGRAMS) == ("WEBSHOP",)


def test_a_blocked_card_opens_nothing() -> None:
    blocked = CardFacts(active=False, programs=frozenset({"CLUB"}), tiers={"CLUB": "GOLD"})
    assert open_price_groups(WEB, [], blocked, [CLUB_US], PROGRAMS) == ("WEBSHOP",)
