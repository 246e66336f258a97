"""Who waits for changes of cards in this process, and one look at all of their cards at a time.

Whatever happens to a card raises `next_event` of its row, under the row's lock and in the
transaction that writes the events. So nothing is missed by looking at that number: neither what
was committed in another order than it began, nor what a machine wrote whose clock is wrong; and it
costs one row a card, whatever happens elsewhere. Source: engineering 1.2.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from uuid import UUID

from models.card_statements import heads_of
from models.database import Database
from models.failures import DatabaseSlow, DatabaseUnavailable

LOOK_SECONDS = 0.5
LOG = logging.getLogger("loyalty.watch")


class _Reader:
    """`seen` is the number that the card's next event had when the reader was woken last."""

    def __init__(self, seen: int) -> None:
        self.seen = seen
        self.woken = asyncio.Event()


class CardWatch:
    """Looks while anybody waits, and rests otherwise."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._readers: dict[UUID, set[_Reader]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def changes(self, card_id: UUID, next_event: int) -> AsyncGenerator[None, None]:
        """At once, and then whenever the card has had an event from `next_event` on.

        Any number of events during one turn of the reader are one: nothing waits in a queue.
        """
        reader = _Reader(next_event)
        self._add(card_id, reader)
        try:
            yield
            while True:
                await reader.woken.wait()
                reader.woken.clear()
                yield
        finally:
            self._remove(card_id, reader)

    def _add(self, card_id: UUID, reader: _Reader) -> None:
        self._readers.setdefault(card_id, set()).add(reader)
        if self._looking is None:
            self._looking = asyncio.create_task(self._keep_looking())

    def _remove(self, card_id: UUID, reader: _Reader) -> None:
        readers = self._readers[card_id]
        readers.remove(reader)
        if not readers:
            del self._readers[card_id]
        if not self._readers and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except (DatabaseUnavailable, DatabaseSlow) as error:
                LOG.warning("Changes of cards are told later: %s", error)
            except Exception:
                LOG.exception("Changes of cards are told later.")

    async def _look(self) -> None:
        read = self._database.read()
        try:
            heads = await read.each(heads_of, list(self._readers))
        finally:
            await read.close()
        for head in heads:
            for reader in self._readers.get(head.card_id, ()):
                if head.next_event > reader.seen:
                    reader.seen = head.next_event
                    reader.woken.set()
