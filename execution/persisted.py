"""Documents that are named by their hash instead of sent: persisted by callers, or trusted.

* Automatic persisted queries, by the protocol of Apollo's clients: `persistedQuery` names
  the hash; an unknown one is PERSISTED_QUERY_NOT_FOUND, and the caller sends it with the document.
* Trusted documents, registered with the service beforehand: `documentId` is `sha256:` and the hash
  (GraphQL over HTTP, appendix A). Where nothing else is trusted, nothing else is executed.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from graphql import GraphQLError

from execution.documents import OperationRefused
from execution.incoming import GraphQLRequest
from execution.limits import refuse
from execution.refusal import FORBIDDEN, PERSISTED_QUERY_NOT_FOUND, RequestRefused

Find = Callable[[str], Awaitable[str | None]]
"""Gives the trusted document with this hash, 64 hexadecimal digits in lower case."""

_ID = re.compile(r"sha256:([0-9a-fA-F]{64})")
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_ENTRY_BYTES = 300


class PersistedDocuments:
    """What one process remembers of its callers' documents, the least recently used forgotten
    first, beside those that are trusted.
    """

    def __init__(
        self,
        find_trusted: Find,
        *,
        is_trusted_only: bool = False,
        entries: int = 1_000,
        total_bytes: int = 8 * 1024 * 1024,
    ) -> None:
        self._find_trusted = find_trusted
        self._is_trusted_only = is_trusted_only
        self._entries = entries
        self._total_bytes = total_bytes
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._kept_bytes = 0

    @property
    def kept(self) -> int:
        return len(self._kept)

    @property
    def kept_bytes(self) -> int:
        return self._kept_bytes

    async def text_of(self, asked: GraphQLRequest) -> str:
        """Give the document of a request.

        Raises OperationRefused for a hash that is not known, RequestRefused for one that is not
        the document's, and for a document that is not trusted where nothing else is executed.
        """
        named = _named(asked)
        if asked.query is None:
            if named is None:
                refuse("Give a query: a string with one GraphQL document.")
            return await self._found(named)
        if named is not None and named != _hash(asked.query):
            refuse("The hash is not that of the query.")
        if self._is_trusted_only and await self._find_trusted(_hash(asked.query)) is None:
            raise RequestRefused(403, FORBIDDEN, "Only trusted documents are executed here.")
        return asked.query

    def keep(self, asked: GraphQLRequest) -> None:
        """Remember a document that came with its hash; call it for valid ones alone."""
        named = _named(asked)
        if named is None or asked.query is None or self._is_trusted_only or named in self._kept:
            return
        self._kept[named] = asked.query
        self._kept_bytes += _weight(asked.query)
        while len(self._kept) > self._entries or self._kept_bytes > self._total_bytes:
            _, forgotten = self._kept.popitem(last=False)
            self._kept_bytes -= _weight(forgotten)

    async def _found(self, named: str) -> str:
        text = self._kept.get(named)
        if text is not None:
            self._kept.move_to_end(named)
            return text
        text = await self._find_trusted(named)
        if text is None:
            # Apollo's clients know the refusal by this message, or by its code.
            raise OperationRefused(
                [GraphQLError("PersistedQueryNotFound")], PERSISTED_QUERY_NOT_FOUND
            )
        return text


def _named(asked: GraphQLRequest) -> str | None:
    """Give the hash that a request names its document by; None where it names none."""
    told = asked.extensions.get("persistedQuery")
    if asked.document_id is None:
        return None if told is None else _of_apollo(told)
    if asked.query is not None or told is not None:
        refuse("Give documentId alone, without a query and without persistedQuery.")
    found = _ID.fullmatch(asked.document_id)
    if found is None:
        refuse("documentId is sha256: and 64 hexadecimal digits.")
    return found[1].lower()


def _of_apollo(told: Any) -> str:
    named = told.get("sha256Hash") if isinstance(told, Mapping) else None
    if not isinstance(named, str) or _HASH.fullmatch(named) is None or told.get("version") != 1:
        refuse("persistedQuery has version 1 and a sha256Hash of 64 hexadecimal digits.")
    return named.lower()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _weight(text: str) -> int:
    return len(text) * 4 + _ENTRY_BYTES
