"""Customer tokens: JWTs judged by a secret or a published key set, and by real time.

The algorithms are those of the settings, never the token's own choice.
Source: semantics 16, api promise 12.
"""

import json
import re
from time import monotonic
from typing import Protocol

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import Key, OctKey
from joserfc.jws import CompactSignature, JWSRegistry
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from resolvers.clock import Clock
from resolvers.customers import MAXIMUM_TEXT
from resolvers.key_sets import Elapsed, RemoteKeySet

# What another machine's clock may be ahead; an expiry is an expiry.
LEEWAY_SECONDS = 60

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

# What a token that is none makes the readers of JSON and of base64 raise.
_MALFORMED = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class TokenSettings(Protocol):
    """How customer tokens are verified: by the secret or by the key set, never both."""

    @property
    def jwt_secret(self) -> str | None: ...
    @property
    def jwt_jwks_url(self) -> str | None: ...
    @property
    def jwt_issuer(self) -> str | None: ...
    @property
    def jwt_audience(self) -> str | None: ...
    @property
    def jwt_algorithms(self) -> tuple[str, ...]: ...


class TokenInvalid(Exception):  # noqa: N818 - named for what is wrong
    """Whatever is wrong with it, the bearer learns no more."""


class TokenExpired(TokenInvalid):
    """It was valid once; a client renews it."""


class Tokens:
    """Raises ValueError where the settings hold a secret that is a public key."""

    def __init__(self, settings: TokenSettings, clock: Clock, elapsed: Elapsed = monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._registry = JWSRegistry(
            # Header members that nobody knows are to be ignored; `crit` names those that are not.
            algorithms=settings.jwt_algorithms,
            strict_check_header=False,
        )
        secret = settings.jwt_secret
        self._secret = OctKey.import_key(_bytes(secret)) if secret else None
        url = settings.jwt_jwks_url
        self._key_set = RemoteKeySet(url, elapsed) if url else None
        self._claims = JWTClaimsRegistry(
            now=self._now, leeway=LEEWAY_SECONDS, **_required(settings)
        )

    def _now(self) -> int:
        return int(self._clock().timestamp())

    async def customer_id(self, token: str) -> str:
        """Whose token it is. Raises TokenInvalid, TokenExpired or KeySetUnavailable."""
        try:
            signed = jws.extract_compact(token.encode(), registry=self._registry)
            header = signed.headers()
            self._registry.check_header(header)
            self._registry.get_alg(header["alg"])
        except _MALFORMED as error:
            raise TokenInvalid from error
        key = await self._key(header.get("kid"), header["alg"])
        if key is None:
            raise TokenInvalid
        return self._verified(signed, key)

    async def _key(self, kid: str | None, algorithm: str) -> Key | None:
        if self._key_set is not None:
            return await self._key_set.find(kid, algorithm)
        return self._secret

    def _verified(self, signed: CompactSignature, key: Key) -> str:
        try:
            if not jws.validate_compact(signed, key, registry=self._registry):
                raise TokenInvalid
            claims = json.loads(signed.payload)
            self._claims.validate(claims)
            if claims["exp"] <= self._now():
                raise TokenExpired
        except ExpiredTokenError as error:
            raise TokenExpired from error
        except _MALFORMED as error:
            raise TokenInvalid from error
        subject: str = claims["sub"]
        if not _is_customer_id(subject):
            raise TokenInvalid
        return subject

    def issue(self, customer_id: str, ttl_seconds: int) -> str:
        """A token of our own, for tries and demos.

        Raises ValueError for what is no customer id, and where there is no secret to sign with.
        """
        if self._secret is None:
            raise ValueError("Customer tokens come from the key set's owner: there is no secret.")
        if not _is_customer_id(customer_id):
            raise ValueError(f"A customer id has 1 to {MAXIMUM_TEXT} characters.")
        now = self._now()
        claims: dict[str, object] = {"sub": customer_id, "iat": now, "exp": now + ttl_seconds}
        if self._settings.jwt_issuer:
            claims["iss"] = self._settings.jwt_issuer
        if self._settings.jwt_audience:
            claims["aud"] = self._settings.jwt_audience
        header = {"alg": self._settings.jwt_algorithms[0]}
        return jwt.encode(header, claims, self._secret, registry=self._registry)


def _is_customer_id(text: str) -> bool:
    return 1 <= len(text) <= MAXIMUM_TEXT and _UNSTORABLE.search(text) is None


def _required(settings: TokenSettings) -> dict[str, ClaimsOption]:
    """Claims that a token must have, and their values where the settings name them."""
    required: dict[str, ClaimsOption] = {"exp": {"essential": True}, "sub": {"essential": True}}
    if settings.jwt_issuer:
        required["iss"] = {"essential": True, "value": settings.jwt_issuer}
    if settings.jwt_audience:
        required["aud"] = {"essential": True, "value": settings.jwt_audience}
    return required


def _bytes(secret: str) -> bytes:
    """As the environment has it, whatever its encoding."""
    return secret.encode(errors="surrogateescape")
