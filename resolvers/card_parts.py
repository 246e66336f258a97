"""Everything that a cart asks of cards, read in one statement and told apart again."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from models.balance_statements import CountableDayRow
from models.card_statements import CardRow, EnrolmentRow, StoredTierRow
from models.cart_statements import (
    BALANCE,
    COUNTABLE_DAY,
    ENROLMENT,
    HOLD,
    POINTS_DAY,
    TIER_ROW,
    CardFactRow,
    card_facts_of,
)
from models.transactions import Reader
from resolvers.card_days import with_freed
from resolvers.clock import civil_date
from rules.balances import NEVER, PointsDay, Sums


@dataclass(slots=True)
class CardParts:
    """Of one card: its membership, and by reward point the book's sums, what is left by day, and
    what holds reserve that nobody has released.
    """

    enrolments: list[EnrolmentRow] = field(default_factory=list)
    tier_rows: list[StoredTierRow] = field(default_factory=list)
    countable: list[CountableDayRow] = field(default_factory=list)
    sums: dict[str, Sums] = field(default_factory=dict)
    days: dict[str, list[PointsDay]] = field(default_factory=lambda: defaultdict(list))
    holds: list[tuple[str, PointsDay, datetime]] = field(default_factory=list)

    def settled(self, card: CardRow, zone: str) -> dict[str, tuple[Sums, date]]:
        """The sums, with the day up to which debt is settled: that of the card's last posting in
        its zone.
        """
        until = civil_date(card.last_posted_at, zone)
        return {code: (sums, until) for code, sums in self.sums.items()}

    def days_at(self, now: datetime, zone: str) -> dict[str, list[PointsDay]]:
        """Points by day, by reward point; what lapsed holds reserve is free again, apart from the
        rest and from the day of their end in the card's zone on.
        """
        freed: dict[tuple[str, date, date], dict[date, int]] = defaultdict(dict)
        for code, hold, expires_at in self.holds:
            if expires_at <= now:
                ended = freed[code, hold.vests_on, hold.expires_on]
                on = civil_date(expires_at, zone)
                ended[on] = ended.get(on, 0) + hold.held
        return {
            code: [
                part
                for day in days
                for part in with_freed(day, freed[code, day.vests_on, day.expires_on])
            ]
            for code, days in self.days.items()
        }


async def card_parts(reader: Reader, ids: Sequence[UUID]) -> Mapping[UUID, CardParts]:
    """The parts of each card, empty ones for a card without any."""
    found: dict[UUID, CardParts] = {card_id: CardParts() for card_id in ids}
    for row in await reader.each(card_facts_of, ids):
        _add(found[row.card_id], row)
    return found


def _add(parts: CardParts, row: CardFactRow) -> None:
    if row.kind in {ENROLMENT, TIER_ROW, COUNTABLE_DAY}:
        _add_membership(parts, row)
    else:
        _add_points(parts, row)


def _add_membership(parts: CardParts, row: CardFactRow) -> None:
    start, end = row.first_day, row.second_day
    if row.kind == COUNTABLE_DAY:
        units = row.first_units or 0
        positive = bool(row.first_flag)
        parts.countable.append(CountableDayRow(row.card_id, row.code, start, units, positive))
    elif row.row_id is None:
        raise AssertionError
    elif row.kind == ENROLMENT:
        written = row.third_day or start
        parts.enrolments.append(
            EnrolmentRow(row.card_id, row.row_id, row.code, start, end, written)
        )
    else:
        tier, flags = row.other_code or "", (bool(row.first_flag), bool(row.second_flag))
        parts.tier_rows.append(
            StoredTierRow(row.card_id, row.row_id, row.code, tier, start, end, *flags)
        )


def _add_points(parts: CardParts, row: CardFactRow) -> None:
    first, second = row.first_units or 0, row.second_units or 0
    if row.kind == BALANCE:
        parts.sums[row.code] = Sums(first, second, row.third_units or 0, row.fourth_units or 0)
    elif row.kind == POINTS_DAY:
        day = PointsDay(row.first_day, row.second_day or NEVER, first, second)
        parts.days[row.code].append(day)
    elif row.kind == HOLD and row.instant is not None:
        held = PointsDay(row.first_day, row.second_day or NEVER, 0, first)
        parts.holds.append((row.code, held, row.instant))
