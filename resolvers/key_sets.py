"""The published key set that customer tokens are signed by: fetched seldom, kept through outages.

A key that is not known makes the set be fetched anew, at most once a minute, whoever asks and
however often; an old set is renewed while it goes on serving. Source: api promise 12.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from http.client import HTTPException
from time import monotonic
from typing import Any
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
)

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

Elapsed = Callable[[], float]

PAUSE_SECONDS = 60.0
# Before there is any set: a service that starts before its key server is not deaf for a minute.
FIRST_PAUSE_SECONDS = 5.0
RENEWAL_SECONDS = 600.0
FETCH_SECONDS = 5.0
MAXIMUM_BYTES = 256 * 1024

_LOG = logging.getLogger(__name__)


class KeySetUnavailable(Exception):  # noqa: N818 - named for what is wrong
    """No set was ever fetched: nothing can be said of a token."""


class RemoteKeySet:
    def __init__(self, url: str, elapsed: Elapsed) -> None:
        self._url = url
        self._elapsed = elapsed
        self._keys: KeySet | None = None
        self._fetched_at = float("-inf")
        self._rests_until = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key to verify by; without `kid`, the only one. Raises KeySetUnavailable."""
        key = self._stored(kid, algorithm)
        if key is None or self._elapsed() - self._fetched_at > RENEWAL_SECONDS:
            fetching = self._fetch()
            if key is None and fetching is not None:
                # Others wait for it, too: it goes on if this request is given up.
                await asyncio.shield(fetching)
                key = self._stored(kid, algorithm)
        if self._keys is None:
            raise KeySetUnavailable
        return key

    def _stored(self, kid: str | None, algorithm: str) -> Key | None:
        if self._keys is None:
            return None
        try:
            return self._keys.get_by_kid(kid, {"alg": algorithm})
        except JoseError:
            return None

    def _fetch(self) -> asyncio.Task[None] | None:
        """The fetch under way, a new one, or none where the last one was a moment ago."""
        if self._fetching is None or self._fetching.done():
            if self._elapsed() < self._rests_until:
                return None
            self._fetching = asyncio.create_task(self._renew())
        return self._fetching

    async def _renew(self) -> None:
        self._rests_until = self._elapsed() + PAUSE_SECONDS
        try:
            self._keys = await asyncio.to_thread(fetch_key_set, self._url)
            self._fetched_at = self._elapsed()
        except (OSError, HTTPException, ValueError) as error:
            _LOG.warning("The key set of customer tokens was not fetched: %s", error)
            if self._keys is None:
                self._rests_until = self._elapsed() + FIRST_PAUSE_SECONDS


def fetch_key_set(url: str) -> KeySet:
    """The usable keys published at `url`; redirections are not followed.

    Raises OSError, HTTPException or ValueError.
    """
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    with opener.open(url, timeout=FETCH_SECONDS) as response:
        return _read(_bounded(response))


def _bounded(response: Any) -> bytes:
    """Read all of it. Raises ValueError where it is too long, or comes too slowly."""
    deadline = monotonic() + FETCH_SECONDS
    body = b""
    while part := response.read1(MAXIMUM_BYTES):
        body += part
        if len(body) > MAXIMUM_BYTES:
            raise ValueError(f"it has more than {MAXIMUM_BYTES} bytes")
        if monotonic() > deadline:
            raise ValueError(f"it took longer than {FETCH_SECONDS:g} seconds")
    return body


def _read(body: bytes) -> KeySet:
    try:
        document = json.loads(body)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    published = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(published, list):
        raise ValueError("it is no JSON Web Key Set")  # noqa: TRY004 - one kind of fault
    keys = [key for key in map(_key, published) if key is not None]
    if not keys:
        raise ValueError("it has no key that verifies signatures")
    return KeySet(keys)


def _key(published: object) -> Key | None:
    """One key, or none where it cannot be used: the rest of the set serves (RFC 7517, 5)."""
    if not isinstance(published, dict) or published.get("kty") not in ("RSA", "EC"):
        return None
    try:
        key = JWKRegistry.import_key(published)
        key.check_use("sig")
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key
