"""Refunds as pure sums: any way to cut them gives back exactly what was taken."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.balances import NEVER
from rules.earning import CardFacts
from rules.program import RewardPoint
from rules.program_terms import RefundExpiry, RewardPointKind
from rules.refunds import (
    PaidLine,
    PaidSlice,
    Source,
    Undone,
    expiry,
    recomputed_units,
    sources,
    spread,
    still_used,
    undo_amount,
    undo_lines,
)
from rules.tender import Limits, Tender, TenderFacts

CARDS = [UUID(int=number) for number in range(3)]


@st.composite
def paid(draw: st.DrawFn) -> tuple[list[PaidSlice], list[PaidLine]]:
    lines = [
        PaidLine(number, draw(st.integers(1, 5 * 10**6)), 0)
        for number in range(1, draw(st.integers(1, 4)) + 1)
    ]
    numbers: list[int | None] = [line.line_number for line in lines]
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from(["PTS", "CASH"]), st.sampled_from([*numbers, None])),
            min_size=1,
            unique=True,
        )
    )
    slices = [
        PaidSlice(
            place, code, number, draw(st.integers(0, 10**6)), draw(st.integers(1, 10**5)), 0, 0
        )
        for place, (code, number) in enumerate(keys)
    ]
    return slices, lines


def after(slices: list[PaidSlice], undone: tuple[Undone, ...]) -> list[PaidSlice]:
    by_place = {one.slice.place: one for one in undone}
    found = []
    for one in slices:
        now = by_place.get(one.place, Undone(one, 0, 0))
        assert now.units >= 0
        assert now.minor >= 0
        units, minor = one.refunded_units + now.units, one.refunded_minor + now.minor
        assert units <= one.points_units
        assert minor <= one.amount_minor
        found.append(replace(one, refunded_units=units, refunded_minor=minor))
    return found


@given(payment=paid(), data=st.data())
def test_parts_by_lines_and_by_amount_come_to_the_whole(
    payment: tuple[list[PaidSlice], list[PaidLine]], data: st.DataObject
) -> None:
    slices, lines = payment
    for _ in range(data.draw(st.integers(0, 6))):
        left = sum(one.amount_minor - one.refunded_minor for one in slices)
        if data.draw(st.booleans()) and left:
            minor = data.draw(st.integers(1, left))
            undone = undo_amount(slices, minor)
            assert sum(one.minor for one in undone) == minor
            slices = after(slices, undone)
            continue
        quantities = {
            line.line_number: data.draw(st.integers(0, line.quantity - line.refunded))
            for line in lines
        }
        slices = after(slices, undo_lines(slices, lines, quantities))
        lines = [
            replace(line, refunded=line.refunded + quantities[line.line_number]) for line in lines
        ]
    rest = {line.line_number: line.quantity - line.refunded for line in lines}
    slices = after(slices, undo_lines(slices, lines, rest))
    for one in slices:
        if one.line_number is not None:
            assert (one.refunded_units, one.refunded_minor) == (one.points_units, one.amount_minor)
    left = sum(one.amount_minor - one.refunded_minor for one in slices)
    slices = after(slices, undo_amount(slices, left))
    assert all(one.refunded_units == one.points_units for one in slices)


@given(
    consumed=st.lists(st.tuples(st.sampled_from(CARDS), st.integers(1, 50)), min_size=1),
    data=st.data(),
)
def test_every_lot_gets_back_what_was_taken_from_it(
    consumed: list[tuple[UUID, int]], data: st.DataObject
) -> None:
    taken = [
        Source(card_id, date(2025, 1, 1 + place % 28), units)
        for place, (card_id, units) in enumerate(consumed)
    ]
    whole = sum(one.units for one in taken)
    before, found = 0, []
    while before < whole:
        units = data.draw(st.integers(1, whole - before))
        found += sources(taken, before, units)
        before += units
    for one in taken:
        mine = [part.units for part in found if part.expires_on == one.expires_on]
        expected = [part.units for part in taken if part.expires_on == one.expires_on]
        assert sum(mine) == sum(expected)
    assert found[0].card_id == taken[-1].card_id


def test_other_units_than_were_taken_are_spread_over_the_same_lots() -> None:
    taken = [Source(CARDS[0], NEVER, 3), Source(CARDS[1], NEVER, 1)]
    assert [one.units for one in spread(taken, 10)] == [8, 2]
    assert [one.units for one in spread(taken, 1)] == [1]
    assert list(spread(taken, 0)) == []


ON, FRESH = date(2025, 3, 1), date(2026, 3, 1)


@pytest.mark.parametrize(
    ("setting", "own", "last"),
    [
        (RefundExpiry.FRESH, date(2025, 1, 1), FRESH),
        (RefundExpiry.RESTORE_ORIGINAL, ON, ON),
        (RefundExpiry.RESTORE_ORIGINAL, date(2025, 2, 28), date(2025, 3, 31)),
        (RefundExpiry.RESTORE_ORIGINAL, NEVER, None),
    ],
)
def test_how_long_refunded_points_last(setting: RefundExpiry, own: date, last: date | None) -> None:
    assert expiry(setting, 30, ON, FRESH, own) == last


@given(paid(), st.data())
def test_money_is_never_both_used_by_a_sale_and_given_back(
    case: tuple[list[PaidSlice], list[PaidLine]], data: st.DataObject
) -> None:
    slices = [
        replace(one, used_minor=data.draw(st.integers(0, one.amount_minor))) for one in case[0]
    ]
    undone = undo_amount(slices, data.draw(st.integers(0, sum(s.amount_minor for s in slices))))
    used = list(still_used(slices, undone))
    back = {one.slice.place: one.minor for one in undone}
    left: dict[int | None, int] = {}
    for one, now in zip(slices, used, strict=True):
        assert 0 <= now <= one.amount_minor - back.get(one.place, 0)
        # What is left to pay sales with is what it was, less what was given back beyond the used.
        known = left.get(one.line_number, 0)
        left[one.line_number] = known + one.used_minor - back.get(one.place, 0) - now
    for number, more in left.items():
        mine = [s for s in slices if s.line_number == number]
        given_back = sum(back.get(one.place, 0) for one in mine)
        assert more == min(0, sum(one.used_minor for one in mine) - given_back)


def test_what_no_rule_takes_any_more_comes_back_as_it_was_taken() -> None:
    """Also where the version in force has no such reward point."""
    card = CardFacts(active=True, programs=frozenset(), tiers={})
    facts = TenderFacts("USD", date(2025, 1, 10), card, frozenset(), (), 0)
    undone = [Undone(PaidSlice(0, "OLD", None, 400, 400, 0, 0), 300, 300)]
    points = {
        "OLD": RewardPoint("OLD", {}, RewardPointKind.QUANTITY, None, True, 1, None, None, None)
    }
    assert recomputed_units(undone, Tender(facts, {}, Limits(), {}), points) == {"OLD": 300}
