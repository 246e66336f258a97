"""Who calls is decided by keys and tokens alone, by real time, and every doubt is a refusal."""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey, RSAKey

from models.database import Database, DatabaseLimits, open_database
from resolvers.callers import Role
from resolvers.credentials import Credentials, CredentialsUndecided, Unauthenticated
from resolvers.keys import create_key, list_keys, revoke
from resolvers.tokens import Tokens
from rules.errors import InvalidInput, NotFound, Refused
from settings import Settings, read_settings

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SECRET = b"a secret of tests that is long enough"
ISSUER = "https://shop.example"
AUDIENCE = "loyalty"
INVALID = "The credentials are not valid."


class World:
    """Real time as a test has it: the instant, and the seconds since anything."""

    def __init__(self) -> None:
        self.now = NOW
        self.seconds = 1000.0

    def clock(self) -> datetime:
        return self.now

    def elapsed(self) -> float:
        return self.seconds


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def store(sqlite_url: str) -> AsyncIterator[Database]:
    database = open_database(sqlite_url, DatabaseLimits())
    yield database
    await database.dispose()


def by_secret(**more: str) -> Settings:
    environ = {
        "JWT_SECRET": SECRET.decode(),
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        **more,
    }
    return read_settings({f"LOYALTY_{name}": value for name, value in environ.items()})


@pytest.fixture
def credentials(store: Database, world: World) -> Credentials:
    return Credentials(by_secret(), store, world.clock, world.elapsed)


def token(key: Key | None = None, algorithm: str = "HS256", **changes: Any) -> str:
    """A good token but for the changes; a claim that is None is left out."""
    claims: dict[str, Any] = {
        "sub": "C-1",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 600,
        **changes,
    }
    header = {"alg": algorithm}
    signer = key or OctKey.import_key(SECRET)
    if signer.kid:
        header["kid"] = signer.kid
    payload = json.dumps({name: value for name, value in claims.items() if value is not None})
    return jws.serialize_compact(header, payload, signer, algorithms=[algorithm])


def at(seconds: float) -> float:
    return NOW.timestamp() + seconds


async def refusal(credentials: Credentials, *headers: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await credentials.caller(headers)
    return str(caught.value)


# -- the header


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        ["Bearer"],
        ["Bearer "],
        ["Basic QWxhZGRpbg=="],
        ["Bearer a b"],
        ["Bearer a, Bearer b"],
        ["Bearer \x00"],
        ["Bearer é"],
        ["Bearer " + "a" * 9000],
        ["lk_000000000000_00"],
    ],
)
async def test_a_header_that_is_none_is_refused(
    credentials: Credentials, headers: list[str]
) -> None:
    assert await refusal(credentials, *headers)


async def test_two_credentials_are_refused_even_if_both_are_good(credentials: Credentials) -> None:
    header = f"Bearer {token()}"
    assert await refusal(credentials, header, header) == "Two credentials at once are refused."


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "  Bearer  "])
async def test_the_scheme_is_bearer_in_any_case(credentials: Credentials, scheme: str) -> None:
    caller = await credentials.caller([f"{scheme} {token()}"])
    assert caller.role is Role.CUSTOMER
    assert caller.scope == "customer:C-1"
    assert (caller.customer_id, caller.channels, caller.rights) == ("C-1", None, frozenset())


# -- tokens by a secret


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": at(0.5)},
        {"nbf": at(60), "iat": at(60)},
        {"nbf": None, "iat": None},
        {"aud": ["other", AUDIENCE]},
        {"sub": "x" * 256},
        {"sub": "Zoë 🙂"},
        {"unknown": {"a": 1}},
    ],
)
async def test_claims_that_hold(credentials: Credentials, claims: dict[str, Any]) -> None:
    caller = await credentials.caller([f"Bearer {token(**claims)}"])
    assert caller.customer_id == claims.get("sub", "C-1")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": str(at(600))},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": [at(600)]},
        {"nbf": at(62)},
        {"nbf": "now"},
        {"iat": at(62)},
        {"iss": None},
        {"iss": "https://other.example"},
        {"iss": [ISSUER]},
        {"iss": ""},
        {"aud": None},
        {"aud": "other"},
        {"aud": []},
        {"aud": [AUDIENCE, 1]},
        {"aud": {AUDIENCE: 1}},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": ["C-1"]},
        {"sub": "C\x001"},
        {"sub": "\ud800"},
        {"sub": "x" * 257},
    ],
)
async def test_claims_that_do_not_hold(credentials: Credentials, claims: dict[str, Any]) -> None:
    assert await refusal(credentials, f"Bearer {token(**claims)}") == INVALID


async def test_a_token_expires_at_its_second_and_tells_so(
    credentials: Credentials, world: World
) -> None:
    header = f"Bearer {token()}"
    world.now = NOW + 599 * SECOND
    await credentials.caller([header])
    world.now = NOW + 600 * SECOND
    assert await refusal(credentials, header) == "The token has expired."
    world.now = NOW + timedelta(days=1000)
    assert await refusal(credentials, header) == "The token has expired."


async def test_issuer_and_audience_count_where_they_are_configured(
    store: Database, world: World
) -> None:
    lenient = Credentials(by_secret(JWT_ISSUER="", JWT_AUDIENCE=""), store, world.clock)
    for claims in ({"iss": None, "aud": None}, {"iss": "x", "aud": "y"}):
        assert await lenient.caller([f"Bearer {token(**claims)}"])


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_the_settings_choose_the_algorithm_not_the_token(
    credentials: Credentials, store: Database, world: World, algorithm: str
) -> None:
    header = f"Bearer {token(algorithm=algorithm)}"
    assert await refusal(credentials, header) == INVALID
    wider = Credentials(by_secret(JWT_ALGORITHMS=f"HS256,{algorithm}"), store, world.clock)
    assert await wider.caller([header])


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", ["", "AAAA"])
async def test_an_unsigned_token_is_none(
    credentials: Credentials, name: str, signature: str
) -> None:
    payload = token().split(".")[1]
    header = b64(json.dumps({"alg": name}).encode())
    assert await refusal(credentials, f"Bearer {header}.{payload}.{signature}") == INVALID


async def test_what_was_not_signed_is_refused(credentials: Credentials) -> None:
    header, payload, signature = token().split(".")
    other = token(sub="C-2").split(".")[1]
    wrong = token(OctKey.import_key(b"another secret that is long enough, too"))
    for forged in (
        f"{header}.{other}.{signature}",
        f"{header}.{payload}.{signature[:-2]}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{header}.{payload}.{signature}.{signature}",
        f"{header}..{signature}",
        wrong,
    ):
        assert await refusal(credentials, f"Bearer {forged}") == INVALID


async def test_a_header_that_names_a_key_of_its_own_is_not_believed(
    credentials: Credentials,
) -> None:
    mine = OctKey.import_key(b"a key that the bearer brings along, to be used")
    claims = json.dumps({"sub": "C-1", "iss": ISSUER, "aud": AUDIENCE, "exp": at(600)})
    header = {"alg": "HS256", "jwk": mine.as_dict(), "jku": "https://evil.example/keys"}
    forged = jws.serialize_compact(header, claims, mine, algorithms=["HS256"])
    assert await refusal(credentials, f"Bearer {forged}") == INVALID


async def test_a_critical_header_that_nobody_knows_is_refused(credentials: Credentials) -> None:
    header = b64(json.dumps({"alg": "HS256", "crit": ["exotic"], "exotic": 1}).encode())
    payload = token().split(".")[1]
    signature = b64(b"0" * 32)
    assert await refusal(credentials, f"Bearer {header}.{payload}.{signature}") == INVALID


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
CLAIMS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(["sub", "iss", "aud", "exp", "nbf", "iat", "crit", "jti"], JSON)
)
HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["HS256", "HS256", "RS256", "none"]) | JSON},
    optional=dict.fromkeys(["kid", "typ", "crit", "b64", "jwk", "x5c"], JSON),
)
QUICK = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def sign(header: object, payload: bytes) -> str:
    """Signed by the secret, whatever the parts are."""
    return mac(f"{b64(json.dumps(header).encode())}.{b64(payload)}", SECRET)


def mac(body: str, secret: bytes) -> str:
    return f"{body}.{b64(hmac.digest(secret, body.encode(), 'sha256'))}"


@QUICK
@given(header=HEADERS, claims=CLAIMS | JSON)
async def test_well_signed_nonsense_is_refused_and_nothing_else(
    credentials: Credentials, header: Any, claims: Any
) -> None:
    try:
        caller = await credentials.caller([f"Bearer {sign(header, json.dumps(claims).encode())}"])
    except Unauthenticated:
        return
    assert (claims["sub"], claims["iss"], claims["aud"]) == (caller.name, ISSUER, AUDIENCE)


@QUICK
@given(st.lists(st.text() | st.from_regex(r"Bearer [\w.=-]*", fullmatch=True), max_size=2))
async def test_garbage_is_refused_and_nothing_else(
    credentials: Credentials, headers: list[str]
) -> None:
    await refusal(credentials, *headers)


@pytest.mark.parametrize(
    "payload", [b"", b"[", b"\xff", b"[" * 5000, b"1" * 5000, b'{"sub":' * 700]
)
async def test_payloads_that_break_parsers_are_refused(
    credentials: Credentials, payload: bytes
) -> None:
    assert await refusal(credentials, f"Bearer {sign({'alg': 'HS256'}, payload)}") == INVALID


# -- tokens by a key set


class KeyServer:
    """Publishes what the test says, and counts how often it is asked."""

    def __init__(self, *keys: Key) -> None:
        self.asked = 0
        self.status = 200
        self.location: str | None = None
        self.publish(*keys)
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.asked += 1
                self.send_response(served.status)
                if served.location:
                    self.send_header("Location", served.location)
                self.send_header("Content-Length", str(len(served.body)))
                self.end_headers()
                self.wfile.write(served.body)

            def log_message(self, *_args: object) -> None:
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def publish(self, *keys: Key) -> None:
        self.body = json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


OLD, NEW = rsa("old"), rsa("new")
CURVE = ECKey.generate_key("P-256", {"kid": "curve"})


@pytest.fixture
def server() -> Iterator[KeyServer]:
    one = KeyServer(OLD, CURVE)
    yield one
    one.close()


@pytest.fixture
def remote(store: Database, world: World, server: KeyServer) -> Credentials:
    return by_key_set(store, world, server.url)


def by_key_set(store: Database, world: World, url: str, **more: str) -> Credentials:
    read = by_secret(JWT_SECRET="", JWT_JWKS_URL=url, **more)
    return Credentials(read, store, world.clock, world.elapsed)


def signed(key: Key, **changes: Any) -> str:
    return f"Bearer {token(key, 'ES256' if isinstance(key, ECKey) else 'RS256', **changes)}"


async def test_a_key_set_verifies_and_is_fetched_once(
    remote: Credentials, server: KeyServer
) -> None:
    for key in (OLD, CURVE, OLD, CURVE):
        assert (await remote.caller([signed(key)])).customer_id == "C-1"
    assert server.asked == 1


async def test_many_at_once_share_one_fetch(remote: Credentials, server: KeyServer) -> None:
    callers = await asyncio.gather(*(remote.caller([signed(OLD)]) for _ in range(50)))
    assert {caller.customer_id for caller in callers} == {"C-1"}
    assert server.asked == 1


async def test_a_rotated_key_is_found_a_minute_later_at_most(
    remote: Credentials, server: KeyServer, world: World
) -> None:
    await remote.caller([signed(OLD)])
    server.publish(NEW)
    assert await refusal(remote, signed(NEW)) == INVALID
    world.seconds += 61
    assert await remote.caller([signed(NEW)])
    assert await refusal(remote, signed(OLD)) == INVALID
    assert server.asked == 2


async def test_a_storm_of_unknown_keys_fetches_once_a_minute(
    remote: Credentials, server: KeyServer, world: World
) -> None:
    await remote.caller([signed(OLD)])
    unknown = [signed(rsa(f"unknown-{number}")) for number in range(3)]
    for minute in range(1, 4):
        world.seconds += 60
        await asyncio.gather(*(refusal(remote, each) for each in unknown * 20))
        assert server.asked == 1 + minute


async def test_an_outage_keeps_the_last_good_set(
    remote: Credentials, server: KeyServer, world: World
) -> None:
    await remote.caller([signed(OLD)])
    for body, status in ((b"", 503), (b"<html>", 200), (b'{"keys": []}', 200), (b"[" * 9999, 200)):
        server.body, server.status = body, status
        world.seconds += 61
        assert await refusal(remote, signed(NEW)) == INVALID
        assert await remote.caller([signed(OLD)])
    server.close()
    world.seconds += 61
    assert await refusal(remote, signed(NEW)) == INVALID
    assert await remote.caller([signed(OLD)])


async def test_an_old_set_is_renewed_while_it_serves(
    remote: Credentials, server: KeyServer, world: World
) -> None:
    await remote.caller([signed(OLD)])
    server.publish(NEW)
    world.seconds += 601
    await remote.caller([signed(OLD)])
    for _ in range(200):
        if server.asked == 2:
            break
        await asyncio.sleep(0.01)
    assert server.asked == 2
    assert await remote.caller([signed(NEW)])
    assert await refusal(remote, signed(OLD)) == INVALID


async def test_without_any_set_nothing_is_decided_and_soon_tried_again(
    remote: Credentials, server: KeyServer, world: World
) -> None:
    server.status = 500
    for _ in range(5):
        with pytest.raises(CredentialsUndecided):
            await remote.caller([signed(OLD)])
    assert server.asked == 1
    server.status = 200
    world.seconds += 6
    assert await remote.caller([signed(OLD)])


async def test_redirections_and_huge_sets_are_not_read(
    remote: Credentials, server: KeyServer, world: World
) -> None:
    server.status, server.location = 302, "file:///etc/hostname"
    with pytest.raises(CredentialsUndecided):
        await remote.caller([signed(OLD)])
    world.seconds += 6
    server.status, server.location = 200, None
    server.body = server.body[:-1] + b" " * (256 * 1024) + b"}"
    with pytest.raises(CredentialsUndecided):
        await remote.caller([signed(OLD)])


async def test_keys_that_cannot_be_used_do_not_spoil_the_others(
    remote: Credentials, server: KeyServer
) -> None:
    published = [
        None,
        {"kty": ["RSA"]},
        {"kty": "RSA", "n": "!", "e": "AQAB"},
        {"kty": "AKP", "kid": "later"},
        {"kty": "oct", "kid": "shared", "k": b64(SECRET)},
        {**NEW.as_dict(private=False), "use": "enc"},
        OLD.as_dict(private=False),
    ]
    server.body = json.dumps({"keys": published}).encode()
    assert await remote.caller([signed(OLD)])
    assert await refusal(remote, signed(NEW)) == INVALID


async def test_a_public_key_is_no_secret(remote: Credentials) -> None:
    """The bearer signs by HMAC with what everybody may read."""
    forms = [
        OLD.as_pem(private=False),
        OLD.as_der(private=False),
        json.dumps(OLD.as_dict(private=False)).encode(),
    ]
    for form in forms:
        for header in ({"alg": "HS256", "kid": "old"}, {"alg": "HS256"}):
            body = f"{b64(json.dumps(header).encode())}.{token().split('.')[1]}"
            assert await refusal(remote, f"Bearer {mac(body, form)}") == INVALID


async def test_a_key_serves_its_own_algorithm_only(
    store: Database, world: World, server: KeyServer
) -> None:
    wide = by_key_set(store, world, server.url, JWT_ALGORITHMS="RS256,PS256,ES256")
    assert await wide.caller([f"Bearer {token(OLD, 'PS256')}"])
    server.publish(RSAKey.import_key({**OLD.as_dict(private=True), "alg": "RS256"}), CURVE)
    wide = by_key_set(store, world, server.url, JWT_ALGORITHMS="RS256,PS256,ES256")
    assert await wide.caller([signed(OLD)])
    assert await refusal(wide, f"Bearer {token(OLD, 'PS256')}") == INVALID
    confused = token(ECKey.generate_key("P-256", {"kid": "old"}), "ES256")
    assert await refusal(wide, f"Bearer {confused}") == INVALID


@pytest.mark.parametrize(
    "key",
    [
        OctKey.import_key(SECRET, {"kid": "shared"}),
        RSAKey.import_key({**OLD.as_dict(private=True), "use": "enc"}),
    ],
)
async def test_keys_that_verify_no_signature_are_none(
    remote: Credentials, server: KeyServer, key: Key
) -> None:
    server.publish(key)
    with pytest.raises(CredentialsUndecided):
        await remote.caller([signed(OLD)])


async def test_keys_of_one_kid_are_told_apart_by_algorithm(
    remote: Credentials, server: KeyServer
) -> None:
    pair = (
        RSAKey.import_key({**OLD.as_dict(private=True), "kid": "both", "alg": "RS256"}),
        ECKey.import_key({**CURVE.as_dict(private=True), "kid": "both", "alg": "ES256"}),
    )
    server.publish(*pair)
    for key in pair:
        assert await remote.caller([signed(key)])


async def test_a_token_without_kid_needs_a_set_of_one(
    remote: Credentials, server: KeyServer, world: World
) -> None:
    nameless = RSAKey.import_key(
        {name: value for name, value in OLD.as_dict(private=True).items() if name != "kid"}
    )
    assert await refusal(remote, signed(nameless)) == INVALID
    server.publish(OLD)
    world.seconds += 61
    assert await remote.caller([signed(nameless)])


# -- keys


async def test_a_key_is_its_role_and_scope(database: Database, world: World) -> None:
    credentials = Credentials(by_secret(), database, world.clock)
    key = await create_key(
        database,
        Role.PARTNER,
        "Réviews & co",
        channels=["WEB", "APP"],
        activity_types=["REVIEW"],
        rights=["introspect"],
        clock=world.clock,
    )
    caller = await credentials.caller([f"Bearer {key}"])
    assert (caller.role, caller.name, caller.customer_id) == (Role.PARTNER, "Réviews & co", None)
    assert caller.channels == frozenset({"WEB", "APP"})
    assert caller.activity_types == frozenset({"REVIEW"})
    assert caller.rights == frozenset({"introspect"})
    assert caller.scope == "key:Réviews & co"


async def test_a_key_is_stored_as_its_hash(database: Database) -> None:
    key = await create_key(database, Role.ADMIN, "ops")
    (row,) = await list_keys(database)
    mark, prefix, secret = key.split("_")
    assert (mark, row.prefix) == ("lk", prefix)
    assert row.key_hash == hashlib.sha256(key.encode()).digest()
    assert len(secret) * 4 >= 128
    assert len(prefix) >= 8
    assert secret not in repr(row)
    assert (row.channels, row.activity_types, row.rights) == (None, None, "[]")


async def test_unknown_expired_and_revoked_keys_are_told_alike(
    store: Database, credentials: Credentials, world: World
) -> None:
    brief = await create_key(store, Role.STAFF, "brief", expires_at=NOW + SECOND, clock=world.clock)
    ended = await create_key(store, Role.STAFF, "ended")
    assert await credentials.caller([f"Bearer {brief}"])
    await revoke(store, ended)
    world.now = NOW + SECOND
    for key in (brief, ended, brief[:-1] + "x", "lk_", "lk_000000000000_0"):
        assert await refusal(credentials, f"Bearer {key}") == INVALID


async def test_a_key_revoked_elsewhere_ends_within_five_seconds(
    store: Database, credentials: Credentials, world: World
) -> None:
    key = await create_key(store, Role.STAFF, "till")
    assert await credentials.caller([f"Bearer {key}"])
    await revoke(store, key)
    world.seconds += 5
    assert await refusal(credentials, f"Bearer {key}") == INVALID


async def test_a_new_key_works_at_once_although_it_was_tried_before(
    store: Database, credentials: Credentials
) -> None:
    given_bytes = iter((b"\x01" * 6, b"\x02" * 24))
    key = f"lk_{'01' * 6}_{'02' * 24}"
    assert await refusal(credentials, f"Bearer {key}") == INVALID
    made = await create_key(store, Role.ADMIN, "ops", randomness=lambda _count: next(given_bytes))
    assert made == key
    assert await credentials.caller([f"Bearer {key}"])


async def test_names_are_never_used_again(database: Database) -> None:
    first = await create_key(database, Role.ADMIN, "ops")
    await revoke(database, first)
    with pytest.raises(InvalidInput, match="names are not used again"):
        await create_key(database, Role.ADMIN, "ops")


async def test_revoking_again_changes_nothing(database: Database, world: World) -> None:
    key = await create_key(database, Role.ADMIN, "ops", clock=world.clock)
    prefix = key.split("_")[1]
    first = await revoke(database, prefix, world.clock)
    world.now += timedelta(days=1)
    assert (await revoke(database, f"lk_{prefix}", world.clock)).revoked_at == first.revoked_at
    assert [row.revoked_at for row in await list_keys(database)] == [NOW]
    with pytest.raises(NotFound):
        await revoke(database, "unheard-of", world.clock)


@pytest.mark.parametrize(
    ("role", "given_values", "blamed"),
    [
        (Role.PARTNER, {}, ["channel", "activityType"]),
        (Role.PARTNER, {"channels": [], "activity_types": ["A"]}, ["channel"]),
        (Role.PARTNER, {"channels": ["WEB"]}, ["activityType"]),
        (Role.CUSTOMER, {}, ["role"]),
        (Role.STOREFRONT, {"rights": ["force"]}, ["right"]),
        (Role.ADMIN, {"rights": ["fly", "introspect"]}, ["right"]),
        (Role.STAFF, {"channels": ["A B", ""]}, ["channel", "channel"]),
        (Role.STAFF, {"activity_types": ["é"]}, ["activityType"]),
        (Role.STAFF, {"expires_at": NOW}, ["expires"]),
        (Role.STAFF, {"name": ""}, ["name"]),
        (Role.STAFF, {"name": " x"}, ["name"]),
        (Role.STAFF, {"name": "x" * 65}, ["name"]),
        (Role.STAFF, {"name": "a\nb"}, ["name"]),
        (
            Role.STAFF,
            {"name": "", "expires_at": NOW, "rights": ["no"]},
            ["name", "expires", "right"],
        ),
    ],
)
async def test_every_fault_of_a_new_key_is_told(
    store: Database, world: World, role: Role, given_values: dict[str, Any], blamed: list[str]
) -> None:
    values = {"name": "ops", **given_values}
    with pytest.raises(Refused) as caught:
        await create_key(store, role, values.pop("name"), clock=world.clock, **values)
    assert [(fault.field or ("",))[0] for fault in caught.value.errors] == blamed
    assert await list_keys(store) == []


# -- tokens of our own


async def test_a_token_of_our_own_is_good_until_it_expires(
    credentials: Credentials, world: World
) -> None:
    header = f"Bearer {Tokens(by_secret(), world.clock).issue('C-7', 60)}"
    assert (await credentials.caller([header])).customer_id == "C-7"
    world.now += timedelta(seconds=60)
    assert await refusal(credentials, header) == "The token has expired."


def test_only_a_customer_id_gets_a_token_and_only_by_a_secret(world: World) -> None:
    for customer_id in ("", "x" * 257, "a\x00", "\ud800"):
        with pytest.raises(ValueError, match="A customer id has"):
            Tokens(by_secret(), world.clock).issue(customer_id, 60)
    remote_only = by_secret(JWT_SECRET="", JWT_JWKS_URL="https://id.example/keys")
    with pytest.raises(ValueError, match="there is no secret"):
        Tokens(remote_only, world.clock).issue("C-7", 60)
