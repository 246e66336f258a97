"""A card's ledger inside a unit of work: opened under the card's lock, settled, changed, written.

The only way by which points reach a book. What time has brought (holds that lapsed, debt that
vested points meet) is settled when a reward point is opened; everything is written at the end, in
statements for the rows of one card. Source: engineering 3.1, semantics 6.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from models.balance_statements import BalanceRow, balances_of
from models.card_statements import CardRow
from models.lot_statements import (
    OpenLotRow,
    debts_of_point,
    expired_lots_of,
    expired_lots_of_point,
    lots_of_point,
)
from models.payment_statements import HoldLotRow, unreleased_holds_of
from models.transactions import Reader, Transaction
from resolvers.clock import MICROSECOND, civil_date
from resolvers.expiries import expiry
from resolvers.identifiers import Randomness, ordered_ids
from resolvers.point_books import PointBook, Step
from rules.balances import NEVER
from rules.errors import InvalidInput
from rules.explanations import point_digits
from rules.ledger import Draft, Entry, EntryType, chain
from rules.lots import Debt, Freed, Lot, Taken
from rules.numbers import MAXIMUM_UNITS
from rules.program import RewardPoint


@dataclass
class CardLedger:
    """The card under its lock; `zone` is where it was issued, `now` the unit's clock; `lapsed` are
    holds that ended unnoticed, by reward point.
    """

    transaction: Transaction
    card: CardRow
    now: datetime
    zone: str
    randomness: Randomness
    balances: dict[str, BalanceRow]
    points: dict[str, PointBook] = field(default_factory=dict)
    steps: list[tuple[UUID, Step]] = field(default_factory=list)
    released: list[tuple[HoldLotRow, datetime]] = field(default_factory=list)
    lapsed: dict[str, list[HoldLotRow]] = field(default_factory=dict)
    place: tuple[bool, str] = (False, "")

    @property
    def today(self) -> date:
        """The day of the posting: a clock that stepped back unsettles nothing."""
        return civil_date(self.posted_at, self.zone)

    @property
    def posted_at(self) -> datetime:
        return max(self.now, self.card.last_posted_at + MICROSECOND)

    async def open(self, reward_point: str) -> PointBook:
        """Lots and debts of the reward point, settled up to today; what lapsed holds reserved is
        free since the day on which they ended.
        """
        book = self.points.get(reward_point)
        if book is None:
            book = self.points[reward_point] = await self._read(reward_point)
            lapsed = self.lapsed.get(reward_point, [])
            since = civil_date(self.card.last_posted_at, self.zone)
            book.settle(since, self.today, freed_by(lapsed, self.zone))
            for hold in lapsed:
                self.free(book, hold, hold.expires_at)
        elif not book.is_whole:
            book.learn((await self._read(reward_point)).lots)
            book.is_whole = True
        return book

    def free(self, book: PointBook, hold: HoldLotRow, at: datetime) -> None:
        lot = book.lots[hold.lot_id]
        book.lots[hold.lot_id] = replace(lot, held=lot.held - hold.points)
        self.released.append((hold, at))

    async def _read(self, reward_point: str) -> PointBook:
        known = self.balances.get(reward_point)
        owes = known is not None and known.debt > 0
        place, card_id = self.place, self.card.card_id
        return await point_book(self.transaction, card_id, reward_point, owes=owes, place=place)

    async def reopen(
        self, point: RewardPoint, since: date, own: Collection[UUID] = ()
    ) -> PointBook:
        """The book with what EXPIRE entries took of lots that lasted until the day `since`, and of
        the `own` lots: an entry of that day may take it after all (semantics 6).
        """
        book = await self.open(point.code)
        book.digits = point_digits(point)
        card_id = self.card.card_id
        found = await self.transaction.each(expired_lots_of, list(own), of_card=card_id)
        # By the rules of today a return may take another reward point than the sale gave.
        rows = [row for row in found if row.reward_point == point.code]
        if since < self.today:
            given = {"of_card": card_id, "of_point": point.code, "since": since}
            rows += await self.transaction.all(expired_lots_of_point, **given)
        for row in rows:
            known = book.lots.get(row.lot_id) or stored_lot(row, self.place)
            if not known.reopened:
                before = book.lots_before.get(row.lot_id, known)
                book.lots_before[row.lot_id] = replace(before, reopened=True)
                book.lots[row.lot_id] = replace(known, reopened=True)
        return book

    async def catch_up(self) -> None:
        """Settle what time has brought, whether or not a job noticed: holds that lapsed, and debt
        of every reward point, so that all of it is settled up to the card's last posting.
        """
        lapses = [row.next_hold_lapse_at for row in self.balances.values()]
        if any(at is not None and at <= self.now for at in lapses):
            for row in await self.transaction.each(unreleased_holds_of, [self.card.card_id]):
                if row.expires_at <= self.now:
                    self.lapsed.setdefault(row.reward_point, []).append(row)
        owing = {code for code, row in self.balances.items() if row.debt > 0}
        for reward_point in sorted(owing | self.lapsed.keys()):
            await self.open(reward_point)

    def settle(self) -> None:
        """Let debts meet what is available today."""
        for book in self.points.values():
            book.settle(self.today, self.today)

    def reserve(self, taken: Sequence[Taken], version: int) -> None:
        """Reserve units of lots that were opened; a correction gives back what EXPIRE entries had
        taken of them, since held points do not expire.
        """
        ids = self._ids(len(taken))
        for one in taken:
            self.steps += ((next(ids), step) for step in self._corrections((one,), version))
            lots = self.points[one.lot.reward_point].lots
            lots[one.lot.lot_id] = lots[one.lot.lot_id].reserved(one.units)

    def _ids(self, most: int) -> Iterator[UUID]:
        """Ids for so many more entries, behind those of the entries before."""
        count = len(self.steps)
        return iter(ordered_ids(self.posted_at, count + most, self.randomness)[count:])

    async def add(self, steps: Sequence[Step]) -> tuple[UUID, ...]:
        """Add entries to the book, their ids in order. Raises InvalidInput beyond the bound.

        Where one takes what an EXPIRE entry had taken, an equal correction goes before it.
        """
        ids = self._ids(sum(1 + len(step.taken) for step in steps))
        added = []
        for step in steps:
            if abs(step.draft.points_units) > MAXIMUM_UNITS:
                raise InvalidInput("This would post more than 10^15 smallest units of a point.")
            version = step.draft.reason.configuration_version
            for correction in self._corrections(step.taken, version):
                self.steps.append((next(ids), correction))
            entry_id = next(ids)
            await self._add(entry_id, step)
            self.steps.append((entry_id, step))
            added.append(entry_id)
        return tuple(added)

    def _corrections(self, taken: Iterable[Taken], version: int) -> Iterator[Step]:
        for one in taken:
            book = self.points[one.lot.reward_point]
            lot = book.lots[one.lot.lot_id]
            units = lot.corrected(one.units)
            if units:
                draft = expiry(lot, -units, version, self.zone, book.digits)
                yield Step(draft, given_back=Taken(lot, units))

    async def _add(self, entry_id: UUID, step: Step) -> None:
        draft = step.draft
        point = draft.reward_point
        known = self.balances.get(point)
        # An earning on a card without debt needs no look at its other lots.
        needs_lots = draft.points_units < 0 or (known is not None and known.debt > 0)
        if not needs_lots and point not in self.points:
            return
        book = self.points.get(point)
        if book is None or step.debt_units:
            book = await self.open(point)
        is_expiry = draft.entry_type is EntryType.EXPIRE
        for one in step.taken:
            lot = book.lots[one.lot.lot_id]
            after = lot.written_off(one.units) if is_expiry else lot.less(one.units)
            book.lots[one.lot.lot_id] = after
        if step.debt_units:
            place = self.card.next_seq + len(self.steps)
            book.debts[entry_id] = Debt(entry_id, draft.entry_date, place, step.debt_units)
        if is_lot(draft):
            book.lots[entry_id] = lot_of(self.card.card_id, entry_id, draft, self.place)
        book.settle(self.today, self.today)

    def entries(self, op_id: UUID) -> tuple[Entry, ...]:
        """The entries added so far, as the next of the card's book."""
        return chain(
            self.card.card_id,
            self.card.next_seq,
            self.card.head_hash,
            self.posted_at,
            op_id,
            tuple(step.draft for _, step in self.steps),
            tuple(entry_id for entry_id, _ in self.steps),
        )


async def point_book(
    reader: Reader,
    card_id: UUID,
    reward_point: str,
    *,
    owes: bool,
    place: tuple[bool, str] = (False, ""),
) -> PointBook:
    """What is stored of one reward point of the card; `owes`: it has debts."""
    given = {"of_card": card_id, "of_point": reward_point}
    lots = {row.lot_id: stored_lot(row, place) for row in await reader.all(lots_of_point, **given)}
    debts = {
        row.entry_id: Debt(row.entry_id, row.entry_date, row.seq_no, row.remaining)
        for row in (await reader.all(debts_of_point, **given) if owes else ())
    }
    return PointBook(lots, debts, dict(lots), dict(debts))


def freed_by(lapsed: Iterable[HoldLotRow], zone: str) -> list[Freed]:
    """What holds that lapsed reserved of lots, until the day of their end where the card was
    issued.
    """
    return [Freed(hold.lot_id, hold.points, civil_date(hold.expires_at, zone)) for hold in lapsed]


def stored_lot(row: OpenLotRow, place: tuple[bool, str]) -> Lot:
    return Lot(
        lot_id=row.lot_id,
        card_id=row.card_id,
        reward_point=row.reward_point,
        entry_date=row.entry_date,
        vests_on=row.vests_on,
        expires_on=row.expires_on,
        occurred_at=row.occurred_at,
        remainder=row.remainder,
        held=row.held,
        place=place,
        expired=row.expired,
    )


def is_lot(draft: Draft) -> bool:
    """Every positive entry other than an EXPIRE correction is a lot (semantics 6)."""
    return draft.points_units > 0 and draft.entry_type != "EXPIRE"


def lot_of(card_id: UUID, entry_id: UUID, draft: Draft, place: tuple[bool, str]) -> Lot:
    return Lot(
        lot_id=entry_id,
        card_id=card_id,
        reward_point=draft.reward_point,
        entry_date=draft.entry_date,
        vests_on=draft.vests_on or draft.entry_date,
        expires_on=draft.expires_on or NEVER,
        occurred_at=draft.occurred_at,
        remainder=draft.points_units,
        place=place,
    )


async def open_ledger(
    transaction: Transaction,
    card: CardRow,
    now: datetime,
    zone: str,
    randomness: Randomness,
    *,
    is_presented: bool = True,
) -> CardLedger:
    """The ledger of a card that is locked, with what time has brought settled."""
    rows = await transaction.each(balances_of, [card.card_id])
    balances = {row.reward_point: row for row in rows}
    place = (not is_presented, card.number)
    ledger = CardLedger(transaction, card, now, zone, randomness, balances, place=place)
    await ledger.catch_up()
    return ledger
