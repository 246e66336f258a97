"""Documents that clients name instead of sending them: found, registered, listed, removed.

Source: api promise 8.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import msgspec

from models.database import Database
from models.documents import (
    DocumentRow,
    document_by_hash,
    documents_listed,
    insert_document,
    remove_document,
)
from models.transactions import Transaction
from resolvers.key_sets import Elapsed
from rules.errors import InvalidInput, NotFound

# A document that was removed is executed for this long at most.
KEPT_SECONDS = 2.0
MAXIMUM_KEPT = 500

_PREFIX = "sha256:"
_HASH = re.compile(r"[0-9a-f]{64}")


class TrustedDocuments:
    """Found by their hashes, and remembered for a moment."""

    def __init__(self, database: Database, elapsed: Elapsed = monotonic) -> None:
        self._database = database
        self._elapsed = elapsed
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()

    async def find(self, named: str) -> str | None:
        """The document of this hash, 64 hexadecimal digits in lower case."""
        known = self._known.get(named)
        now = self._elapsed()
        if known is not None and now - known[1] < KEPT_SECONDS:
            return known[0]
        read = self._database.read()
        try:
            row = await read.first(document_by_hash, of_hash=bytes.fromhex(named))
        finally:
            await read.close()
        self._known.pop(named, None)
        if row is None:
            return None
        self._known[named] = row.document, now
        if len(self._known) > MAXIMUM_KEPT:
            self._known.popitem(last=False)
        return row.document


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a manifest: the hash it is listed under, and the document."""

    named: str
    document: str

    @property
    def document_hash(self) -> bytes:
        return hashlib.sha256(self.document.encode()).digest()

    @property
    def is_true(self) -> bool:
        return self.named.removeprefix(_PREFIX).lower() == self.document_hash.hex()


def read_manifest(content: bytes) -> list[Entry]:
    """The entries of a JSON object of hashes and documents, as code generators write it.

    Raises InvalidInput.
    """
    try:
        manifest = msgspec.json.decode(content, type=dict[str, str])
    except (ValueError, RecursionError) as error:
        message = "This is no JSON object that maps hashes to documents."
        raise InvalidInput(message) from error
    return [Entry(named, document) for named, document in manifest.items()]


async def register(
    database: Database, entries: Sequence[Entry], operations: Mapping[str, str | None], at: datetime
) -> int:
    """Store all documents in one transaction; how many were new. `operations` by what they are
    named.
    """
    rows = [
        DocumentRow(entry.document_hash, entry.document, operations.get(entry.named), at)
        for entry in entries
    ]

    async def unit(transaction: Transaction) -> int:
        return sum([await transaction.run(insert_document, **row._asdict()) for row in rows])

    return await database.unit(unit)


async def listed(database: Database) -> list[DocumentRow]:
    read = database.read()
    try:
        return await read.all(documents_listed)
    finally:
        await read.close()


async def remove(database: Database, given: Iterable[str]) -> None:
    """All or none. Raises InvalidInput for what is no hash, NotFound."""
    hashes = dict.fromkeys(_hash_of(each) for each in given)

    async def unit(transaction: Transaction) -> None:
        for each in hashes:
            if not await transaction.run(remove_document, of_hash=each):
                raise NotFound(f"There is no document {_PREFIX}{each.hex()}.")

    await database.unit(unit)


def _hash_of(given: str) -> bytes:
    named = given.removeprefix(_PREFIX).lower()
    if _HASH.fullmatch(named) is None:
        raise InvalidInput("A document is named by 64 hexadecimal digits.")
    return bytes.fromhex(named)
