"""Who of this process locks a card next.

A row that is locked makes whoever wants it wait with a connection in hand: a card that everybody
wants would soon have all of them. So few units at a time go for one card, and the others wait here,
with no connection, in the order in which they came. Source: engineering 3.4.
"""

import asyncio
from collections import defaultdict, deque
from uuid import UUID

# One has the lock, the next has done all that comes before it.
ABREAST = 2


class CardTaken(Exception):  # noqa: N818 - named for what is so
    """Others go for the card: the unit ends, waits without a connection and runs again."""


class QueueFull(Exception):  # noqa: N818 - named for what is so
    """As many wait for the card as may."""


class _Line:
    """Those that go for one card, and those that wait for that."""

    def __init__(self) -> None:
        self.going: set[Claim] = set()
        self.waiting: deque[tuple[Claim, asyncio.Future[None]]] = deque()


class CardQueue:
    def __init__(self, length: int) -> None:
        self._length = length
        self._lines: defaultdict[UUID, _Line] = defaultdict(_Line)

    def claim(self) -> "Claim":
        return Claim(self)

    def take(self, claim: "Claim", card_id: UUID) -> bool:
        line = self._lines[card_id]
        if claim in line.going or len(line.going) < ABREAST:
            line.going.add(claim)
            return True
        return False

    async def wait(self, claim: "Claim", card_id: UUID) -> None:
        if self.take(claim, card_id):
            return
        line = self._lines[card_id]
        if len(line.waiting) >= self._length:
            raise QueueFull
        turn = asyncio.get_running_loop().create_future()
        line.waiting.append((claim, turn))
        try:
            await turn
        except BaseException:
            # It may have had its turn in the same moment: `leave` passes that on.
            if (claim, turn) in line.waiting:
                line.waiting.remove((claim, turn))
            raise

    def leave(self, claim: "Claim", card_id: UUID) -> None:
        line = self._lines[card_id]
        line.going.discard(claim)
        while line.waiting and len(line.going) < ABREAST:
            following, turn = line.waiting.popleft()
            if not turn.done():
                line.going.add(following)
                turn.set_result(None)
        if not line.going and not line.waiting:
            del self._lines[card_id]


class Claim:
    """The cards that one unit goes for, until it has had its turn at all of them."""

    def __init__(self, queue: CardQueue) -> None:
        self._queue = queue
        self._going: set[UUID] = set()
        # Cards that others went for when an attempt came to them.
        self._contended: set[UUID] = set()

    def take(self, card_id: UUID) -> None:
        """Go for the card now. Raises CardTaken where enough others do."""
        if not self._queue.take(self, card_id):
            self._contended.add(card_id)
            raise CardTaken
        self._going.add(card_id)

    async def wait(self) -> None:
        """Have the turn of every contended card; raises QueueFull.

        None is held while another is waited for: who wants that one alone would wait for nothing.
        """
        missing = self._missing()
        while missing is not None:
            self.leave()
            self._going.add(missing)
            await self._queue.wait(self, missing)
            missing = self._missing()

    def _missing(self) -> UUID | None:
        """Go for the contended cards as far as their turn is free, ascending; the first that is
        not.
        """
        for card_id in sorted(self._contended, key=lambda one: one.bytes):
            if not self._queue.take(self, card_id):
                return card_id
            self._going.add(card_id)
        return None

    def leave(self) -> None:
        """Go for none of them; whoever waits has its turn."""
        for card_id in self._going:
            self._queue.leave(self, card_id)
        self._going.clear()
