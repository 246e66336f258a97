"""What comes back of a sale and what it costs. Semantics 7.1; examples by their numbers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.balances import NEVER
from rules.errors import InvalidInput, LoyaltyError, ReturnExceedsSold
from rules.ledger import Reason
from rules.lots import Lot, take_back
from rules.program import RewardPoint
from rules.program_terms import ReturnDeducts, RewardPointKind
from rules.returns import (
    MILLION,
    Booked,
    Part,
    ReturnLine,
    SoldLine,
    form_faults,
    is_whole,
    parts,
    taken_by_line,
)

DAY = date(2025, 6, 15)
PTS = RewardPoint("PTS", {}, RewardPointKind.QUANTITY, None, True, 1, None, None, None)
CASH = replace(PTS, code="CASH", kind=RewardPointKind.AMOUNT, currency="USD")
POINTS = {"PTS": PTS, "CASH": CASH}


def sold(number: int = 1, quantity: int = 1, returned: int = 0, net: int = 1000) -> SoldLine:
    products = frozenset({f"P{number}"})
    pieces = quantity * MILLION, returned * MILLION
    return SoldLine(number, products, frozenset(), *pieces, net, counted=Fraction(quantity))


def booked(units: int, line: int | None = 1, point: str = "PTS") -> Booked:
    reason = Reason(1, "CLUB-US", "base", units, "formula")
    return Booked(UUID(int=units), point, units, DAY, "CLUB", None, line, reason)


def asked(*lines: tuple[int, str]) -> list[ReturnLine]:
    return [ReturnLine(number, Decimal(quantity)) for number, quantity in lines]


def paths(faults: Sequence[LoyaltyError]) -> list[tuple[str, ...] | None]:
    return [fault.field for fault in faults]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], [("lines",)]),
        ([(number, "1") for number in range(1, 1002)], [("lines",)]),
        ([(number, "1") for number in range(1, 1001)], []),
        ([(1, "1"), (1, "1")], [("lines", "1", "lineNumber")]),
        ([(0, "1")], [("lines", "0", "lineNumber")]),
        ([(1, "0")], [("lines", "0", "quantity")]),
        ([(1, "-1")], [("lines", "0", "quantity")]),
        ([(1, "0.0000001")], [("lines", "0", "quantity")]),
        ([(1, "1e12")], [("lines", "0", "quantity")]),
        ([(1, "999999999999.999999")], []),
    ],
)
def test_the_form_of_a_return(lines: list[tuple[int, str]], found: list[tuple[str, ...]]) -> None:
    assert paths([*form_faults(asked(*lines))]) == found


def test_a_line_that_was_not_sold_comes_before_one_of_which_too_much_comes_back() -> None:
    with pytest.raises(InvalidInput) as unknown:
        parts(asked((1, "2"), (2, "1")), [sold()])
    assert unknown.value.field == ("lines", "1", "lineNumber")
    with pytest.raises(ReturnExceedsSold) as beyond:
        parts(asked((1, "2.000001")), [sold(quantity=3, returned=1)])
    assert beyond.value.field == ("lines", "0", "quantity")


def test_parts_come_by_line_number_and_tell_when_all_is_back() -> None:
    lines = [sold(1, 2, returned=1), sold(2, 1), sold(3, 1, returned=1)]
    now = parts(asked((2, "1"), (1, "0.5")), lines)
    assert [part.line.line_number for part in now] == [1, 2]
    assert not is_whole(lines, now)
    assert is_whole(lines, parts(asked((2, "1"), (1, "1")), lines))


def test_ex_25_a_line_gives_back_its_share() -> None:
    now = parts(asked((2, "1")), [sold(1), sold(2)])
    (taken,) = taken_by_line([booked(12), booked(8, line=2), booked(5, line=None)], now, POINTS)
    assert (taken.units, taken.lot_id) == (8, UUID(int=8))
    assert taken.reason == Reason(1, "CLUB-US", "base", -8, "line 2: 8 of 8")


def test_amounts_are_shown_with_their_decimals_and_nothing_is_no_entry() -> None:
    now = parts(asked((1, "1")), [sold(quantity=3)])
    taken = taken_by_line([booked(125, point="CASH"), booked(2)], now, POINTS)
    assert [one.reason.formula for one in taken] == ["line 1: 0.41 of 1.25"]


@given(
    quantity=st.integers(1, 10**12),
    units=st.integers(0, 10**15),
    cuts=st.lists(st.integers(0, 10**12), max_size=6),
)
def test_parts_of_a_line_add_up_to_it(quantity: int, units: int, cuts: list[int]) -> None:
    """Units and money, however the quantity is cut; never more than their whole on the way."""
    edges = sorted({0, quantity, *(cut % quantity for cut in cuts)})
    line = replace(sold(), quantity=quantity)
    given_back, paid = 0, 0
    for before, after in pairwise(edges):
        part = Part(replace(line, returned=before), after - before)
        given_back += part.units(units)
        paid += part.money(units)
        assert given_back * quantity <= units * after < (given_back + 1) * quantity
    assert (given_back, paid) == (units, units)


START = datetime(2025, 1, 1, tzinfo=UTC)


def lot(name: int, units: int = 10, *, vests: int = 0, expires: int = 100, held: int = 0) -> Lot:
    """A lot that vests and expires so many days from `DAY`, earned before it in order of name."""
    return Lot(
        lot_id=UUID(int=name),
        card_id=UUID(int=0),
        reward_point="PTS",
        entry_date=DAY - timedelta(days=10),
        vests_on=DAY + timedelta(days=vests),
        expires_on=NEVER if expires == 100 else DAY + timedelta(days=expires),
        occurred_at=START + timedelta(hours=name),
        remainder=units,
        held=held,
    )


FIRST, ONLY = ReturnDeducts.UNVESTED_FIRST, ReturnDeducts.AVAILABLE_ONLY


@pytest.mark.parametrize(
    ("lots", "order", "units", "expected", "debt"),
    [
        # The own lot, expired: what is left of it first, then the others.
        ([lot(1, 5, expires=-1), lot(2)], FIRST, 8, [(1, 5), (2, 3)], 0),
        ([lot(1), lot(2, expires=-1)], FIRST, 12, [(1, 10)], 2),
        # Unvested: own, then the latest; then available ones.
        ([lot(1, vests=1), lot(2, vests=1), lot(3, vests=2)], FIRST, 15, [(1, 10), (3, 5)], 0),
        ([lot(1), lot(2, vests=1), lot(3, expires=0)], FIRST, 25, [(2, 10), (1, 10), (3, 5)], 0),
        # Available: own, then in lot order.
        ([lot(1), lot(2), lot(3, expires=5)], FIRST, 25, [(1, 10), (3, 10), (2, 5)], 0),
        # AVAILABLE_ONLY leaves unvested lots alone, the own one too.
        ([lot(1, vests=1), lot(2)], ONLY, 15, [(2, 10)], 5),
        # Held points are never touched.
        ([lot(1, held=7), lot(2, held=10)], FIRST, 8, [(1, 3)], 5),
        ([], FIRST, 8, [], 8),
    ],
)
def test_from_which_lots(
    lots: list[Lot],
    order: ReturnDeducts,
    units: int,
    expected: list[tuple[int, int]],
    debt: int,
) -> None:
    found = take_back({one.lot_id: one for one in lots}, UUID(int=1), units, DAY, order)
    assert [(one.lot.lot_id.int, one.units) for one in found.taken] == expected
    assert found.debt_units == debt


def test_unvested_lots_earned_after_the_return_are_left_alone() -> None:
    later = replace(lot(2, vests=5), entry_date=DAY + timedelta(days=1))
    found = take_back({later.lot_id: later}, UUID(int=1), 5, DAY, FIRST)
    assert found.debt_units == 5
