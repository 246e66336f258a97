"""What one reward point of a card has, opened under the card's lock. Source: engineering 3.1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from rules.ledger import Draft
from rules.lots import Debt, Freed, Lot, Settlement, Taken, settle


@dataclass(frozen=True, slots=True)
class Step:
    """An entry to write; a negative one says which lots bear it and what is left as debt, a
    correction of an EXPIRE entry which lot gets it back.
    """

    draft: Draft
    taken: tuple[Taken, ...] = ()
    debt_units: int = 0
    given_back: Taken | None = None


@dataclass
class PointBook:
    """One reward point of the card: what is left of its lots, and its debts, by id.

    One that is not whole has some of the lots, and no debts.
    """

    lots: dict[UUID, Lot]
    debts: dict[UUID, Debt]
    lots_before: dict[UUID, Lot]
    debts_before: dict[UUID, Debt]
    settlements: list[Settlement] = field(default_factory=list)
    digits: int = 0
    is_whole: bool = True

    def settle(self, since: date, on: date, freed: Sequence[Freed] = ()) -> None:
        """Let debts meet what is available by `on`; `since`: settled up to then already."""
        if not self.debts:
            return
        for one in settle(self.lots, self.debts.values(), since, on, freed):
            self.settlements.append(one)
            self.lots[one.lot.lot_id] = self.lots[one.lot.lot_id].less(one.units)
            owed = self.debts.pop(one.entry_id)
            if owed.units > one.units:
                self.debts[one.entry_id] = replace(owed, units=owed.units - one.units)

    def learn(self, stored: Mapping[UUID, Lot]) -> None:
        """Add lots that it did not have, as they are stored."""
        self.lots_before = {**stored, **self.lots_before}
        self.lots = {**stored, **self.lots}

    @property
    def debt_units(self) -> int:
        return sum(debt.units for debt in self.debts.values())
