"""Who calls: a customer's token or an API key, told by the Authorization header.

The service's clock may be set for a demonstration; credentials expire by real time all the same.
Source: semantics 16, api promise 12.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from models.database import Database
from models.program_statements import ApiKeyRow, key_by_hash
from resolvers.callers import Caller, Role
from resolvers.clock import Clock, system_clock
from resolvers.key_sets import Elapsed, KeySetUnavailable
from resolvers.keys import MARK, hash_key
from resolvers.tokens import TokenExpired, TokenInvalid, Tokens, TokenSettings

MAXIMUM_HEADER_CHARACTERS = 8 * 1024
# A revoked key works on for this long at most: the promise is five seconds.
KEPT_SECONDS = 2.0
MAXIMUM_KEPT = 1024

_CREDENTIAL = re.compile(r"[A-Za-z0-9._~+/=-]+")
_INVALID = "The credentials are not valid."


class Unauthenticated(Exception):  # noqa: N818 - named for what is wrong
    """Nobody is calling who may: the message is for the caller, and tells nothing of keys."""


class CredentialsUndecided(Unauthenticated):
    """The token may be good, but nothing to verify it by can be had now: try again."""


@dataclass(frozen=True, slots=True)
class _KnownKey:
    row: ApiKeyRow
    caller: Caller
    looked_up_at: float


class Credentials:
    """`clock` is the world's, whatever the service's is; `elapsed` counts seconds from anywhere."""

    def __init__(
        self,
        settings: TokenSettings,
        database: Database,
        clock: Clock = system_clock,
        elapsed: Elapsed = monotonic,
    ) -> None:
        self._tokens = Tokens(settings, clock, elapsed)
        self._elapsed = elapsed
        self._database = database
        self._clock = clock
        self._known: dict[bytes, _KnownKey] = {}

    async def caller(self, authorization: Sequence[str]) -> Caller:
        """The caller of a request, by the values of its Authorization headers.

        Raises Unauthenticated; DatabaseUnavailable or DatabaseSlow where a key cannot be looked up.
        """
        credential = _presented(authorization)
        if credential.startswith(MARK):
            return await self._holder(credential)
        try:
            customer_id = await self._tokens.customer_id(credential)
        except TokenExpired as error:
            raise Unauthenticated("The token has expired.") from error
        except TokenInvalid as error:
            raise Unauthenticated(_INVALID) from error
        except KeySetUnavailable as error:
            message = "Tokens cannot be verified now; try again in some seconds."
            raise CredentialsUndecided(message) from error
        return Caller(Role.CUSTOMER, customer_id, customer_id=customer_id)

    async def _holder(self, key: str) -> Caller:
        known = await self._look_up(hash_key(key))
        if known is None or known.row.revoked_at is not None:
            raise Unauthenticated(_INVALID)
        if known.row.expires_at is not None and known.row.expires_at <= self._clock():
            raise Unauthenticated(_INVALID)
        return known.caller

    async def _look_up(self, key_hash: bytes) -> _KnownKey | None:
        known = self._known.get(key_hash)
        if known is not None and self._elapsed() - known.looked_up_at < KEPT_SECONDS:
            return known
        looked_up_at = self._elapsed()
        read = self._database.read()
        try:
            row = await read.first(key_by_hash, key_hash=key_hash)
        finally:
            await read.close()
        if row is None:
            # Not kept: guesses must not push out what is in use.
            return None
        if len(self._known) >= MAXIMUM_KEPT:
            self._known.clear()
        known = self._known[key_hash] = _KnownKey(row, _caller(row), looked_up_at)
        return known


def _presented(authorization: Sequence[str]) -> str:
    if not authorization:
        raise Unauthenticated("Credentials are missing: send Authorization: Bearer and a token.")
    if len(authorization) > 1:
        raise Unauthenticated("Two credentials at once are refused.")
    if len(authorization[0]) > MAXIMUM_HEADER_CHARACTERS:
        raise Unauthenticated(_INVALID)
    scheme, _, credential = authorization[0].strip(" \t").partition(" ")
    credential = credential.lstrip(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("The scheme of credentials is Bearer.")
    if _CREDENTIAL.fullmatch(credential) is None:
        raise Unauthenticated(_INVALID)
    return credential


def _caller(row: ApiKeyRow) -> Caller:
    return Caller(
        Role(row.role),
        row.name,
        channels=_codes(row.channels),
        activity_types=_codes(row.activity_types),
        rights=frozenset(json.loads(row.rights)),
    )


def _codes(stored: str | None) -> frozenset[str] | None:
    return None if stored is None else frozenset(json.loads(stored))
