"""Semantics 6 and 8.4: which lots pay, and how much of each card of a pool."""

from collections import Counter
from datetime import UTC, date, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from rules.lots import Lot, take, taken_units

DAY = date(2025, 6, 15)
CARDS = [UUID(int=number) for number in (1, 2, 3)]


def lot(number: int, card_id: UUID, free: int, month: int) -> Lot:
    return Lot(
        lot_id=UUID(int=number),
        card_id=card_id,
        reward_point="PTS",
        entry_date=DAY,
        vests_on=DAY,
        expires_on=date(2026, month, 1),
        occurred_at=datetime(2025, 6, 15, tzinfo=UTC),
        remainder=free,
    )


LOTS = st.lists(
    st.tuples(st.sampled_from(CARDS), st.integers(0, 50), st.integers(1, 12)), max_size=8
).map(lambda found: [lot(number, *one) for number, one in enumerate(found, start=1)])


@given(LOTS, st.integers(0, 200), st.tuples(*[st.integers(0, 60)] * 3))
def test_a_pool_pays_what_its_cards_have_available_and_no_card_more(
    lots: list[Lot], units: int, debts: tuple[int, int, int]
) -> None:
    free: Counter[UUID] = Counter()
    for one in lots:
        free[one.card_id] += one.free
    available = {
        card_id: max(0, free[card_id] - debt) for card_id, debt in zip(CARDS, debts, strict=True)
    }
    taken = take(lots, units, DAY, available)
    assert taken_units(taken) == min(units, sum(available.values()))
    given_by: Counter[UUID] = Counter()
    for one in taken:
        assert 0 < one.units <= one.lot.free
        given_by[one.lot.card_id] += one.units
    assert all(given_by[card_id] <= available[card_id] for card_id in CARDS)
    # Nothing is taken of a lot while an earlier one of its card has some left.
    for card_id in CARDS:
        mine = [one for one in taken if one.lot.card_id == card_id]
        assert tuple(mine) == take(
            [one for one in lots if one.card_id == card_id], given_by[card_id], DAY
        )
