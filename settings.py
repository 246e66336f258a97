"""Every setting of the service, typed, with its environment name, default and bounds.

A variable that is set to nothing counts as not set. In development, where neither a secret nor a
key set for customer tokens is set, the first start makes a secret in a file for its owner alone.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from setting_values import (
    ASYMMETRIC,
    SQLITE,
    SYMMETRIC,
    as_algorithm,
    as_card_format,
    as_count,
    as_database_url,
    as_instant,
    as_list_of,
    as_one_of,
    as_origin,
    as_seconds,
    as_web_address,
)

Mode = Literal["development", "production"]
# What stands between the service and PostgreSQL: nothing, or PgBouncer pooling by transaction.
Pooler = Literal["none", "transaction"]
# What is executed: any document, or those alone that were registered.
Trust = Literal["any", "trusted"]
Switch = Literal["on", "off"]
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


class SettingsInvalid(Exception):  # noqa: N818 - named for what is wrong
    """The environment does not describe a service; `faults` are lines that each name a variable."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


DATA_DIRECTORY = Path(".data")
SECRET_FILE = "jwt-secret"  # noqa: S105 - a file's name
LEAST_SECRET_BYTES = 32
RATES = {"rate_limit": 60_000, "customer_failed_lookups": 30, "key_failed_lookups": 600}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One field a setting: `database_url` is read from LOYALTY_DATABASE_URL, and so are all others.

    Limits are those of engineering 3.4. A secret or a key set verifies customer tokens; their
    algorithms are HS256 with a secret, RS256 and ES256 with a key set, where they are not set.
    """

    mode: Annotated[Mode, as_one_of(Mode)] = "development"
    # Where the service's clock starts; None: it is the machine's.
    clock: Annotated[datetime | None, as_instant] = None

    database_url: Annotated[str, as_database_url] = field(
        default=f"{SQLITE}{DATA_DIRECTORY}/loyalty.db", repr=False
    )
    database_pooler: Annotated[Pooler, as_one_of(Pooler)] = "none"
    pool_size: Annotated[int, as_count(1, 1000)] = 10
    acquire_timeout_seconds: Annotated[float, as_seconds(0.05, 60)] = 1.0
    # What the driver waits for one statement, answer or not; PostgreSQL's own limit comes after it.
    command_timeout_seconds: Annotated[float, as_seconds(0.05, 300)] = 1.5
    statement_timeout_seconds: Annotated[float, as_seconds(0.05, 300)] = 3.0
    lock_timeout_seconds: Annotated[float, as_seconds(0.05, 60)] = 1.0
    idle_in_transaction_seconds: Annotated[float, as_seconds(0.5, 3600)] = 10.0
    # On PostgreSQL; SQLite has one writer, for which all cards wait alike.
    card_queue: Annotated[int, as_count(1, 10_000)] = 32

    jwt_secret: Annotated[str | None, str] = field(default=None, repr=False)
    jwt_jwks_url: Annotated[str | None, as_web_address] = None
    jwt_issuer: Annotated[str | None, str] = None
    jwt_audience: Annotated[str | None, str] = None
    jwt_algorithms: Annotated[tuple[str, ...], as_list_of(as_algorithm)] = ()

    # On: the serving processes run the jobs on their schedule; off: only by hand.
    jobs: Annotated[Switch, as_one_of(Switch)] = "on"

    documents: Annotated[Trust, as_one_of(Trust)] = "any"
    cors_origins: Annotated[tuple[str, ...], as_list_of(as_origin)] = ()
    request_deadline_seconds: Annotated[float, as_seconds(0.1, 300)] = 5.0
    bulk_deadline_seconds: Annotated[float, as_seconds(0.1, 3600)] = 30.0
    in_flight: Annotated[int, as_count(1, 10_000)] = 64
    live_connections: Annotated[int, as_count(1, 100_000)] = 1000
    customer_body_bytes: Annotated[int, as_count(1024, 64 * 1024**2)] = 256 * 1024
    key_body_bytes: Annotated[int, as_count(1024, 64 * 1024**2)] = 2 * 1024**2
    # In a minute and caller, 0: no limit. In production RATES, where they are not set.
    rate_limit: Annotated[int, as_count(0, 10**9)] = 0
    customer_failed_lookups: Annotated[int, as_count(0, 10**9)] = 0
    key_failed_lookups: Annotated[int, as_count(0, 10**9)] = 0

    # JSON in production, where it is not set.
    log_format: Annotated[LogFormat, as_one_of(LogFormat)] = "text"
    log_level: Annotated[LogLevel, as_one_of(LogLevel)] = "info"
    # Card numbers that logs mask, in the form of the configuration's number sequences.
    log_card_formats: Annotated[tuple[str, ...], as_list_of(as_card_format)] = ("LC-#####",)

    @property
    def is_production(self) -> bool:
        return self.mode == "production"

    @property
    def is_pooled(self) -> bool:
        return self.database_pooler == "transaction"

    @property
    def data_directory(self) -> Path:
        """Where the service keeps files of its own: beside the SQLite file, else `.data`."""
        if self.database_url.startswith(SQLITE):
            return Path(self.database_url.removeprefix(SQLITE).partition("?")[0]).parent
        return DATA_DIRECTORY


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read all settings. Raises SettingsInvalid with every fault.

    In development the secret that the first start made is read, or made, where none is set.
    """
    given = {name: value for name, value in environ.items() if value}
    faults: list[str] = []
    values: dict[str, Any] = {}
    for member, kind in get_type_hints(Settings, include_extras=True).items():
        name = f"LOYALTY_{member.upper()}"
        if name in given:
            try:
                values[member] = kind.__metadata__[0](given[name])
            except ValueError as error:
                faults.append(f"{name} {error}")
    settings = Settings(**values)
    faults += _faults_together(settings, given)
    faults += _production_faults(given) if settings.is_production else []
    if faults:
        raise SettingsInvalid(faults)
    return _completed(settings, given)


def _faults_together(settings: Settings, given: Mapping[str, str]) -> list[str]:
    faults = []
    secret = given.get("LOYALTY_JWT_SECRET", "")
    has_key_set = "LOYALTY_JWT_JWKS_URL" in given
    if secret and has_key_set:
        faults.append("LOYALTY_JWT_SECRET and LOYALTY_JWT_JWKS_URL exclude each other: set one")
    if "-----BEGIN" in secret:
        faults.append("LOYALTY_JWT_SECRET must not be a public key or certificate: publish a JWKS")
    if settings.is_pooled and settings.database_url.startswith(SQLITE):
        faults.append("LOYALTY_DATABASE_POOLER transaction needs PostgreSQL")
    if has_key_set and set(settings.jwt_algorithms) & set(SYMMETRIC):
        faults.append("LOYALTY_JWT_ALGORITHMS must not name HMAC with LOYALTY_JWT_JWKS_URL")
    if not has_key_set and set(settings.jwt_algorithms) & set(ASYMMETRIC):
        faults.append("LOYALTY_JWT_ALGORITHMS names signatures that need LOYALTY_JWT_JWKS_URL")
    return faults


def _production_faults(given: Mapping[str, str]) -> list[str]:
    faults = []
    secret = given.get("LOYALTY_JWT_SECRET", "")
    if "LOYALTY_CLOCK" in given:
        faults.append("LOYALTY_CLOCK is refused in production")
    if not secret and "LOYALTY_JWT_JWKS_URL" not in given:
        faults.append("LOYALTY_JWT_SECRET or LOYALTY_JWT_JWKS_URL is required in production")
    if secret and len(secret.encode(errors="surrogateescape")) < LEAST_SECRET_BYTES:
        faults.append(f"LOYALTY_JWT_SECRET must have at least {LEAST_SECRET_BYTES} bytes")
    faults += [
        f"{name} is required in production"
        for name in ("LOYALTY_JWT_ISSUER", "LOYALTY_JWT_AUDIENCE")
        if name not in given
    ]
    return faults


def _completed(settings: Settings, given: Mapping[str, str]) -> Settings:
    """With what depends on other settings."""
    more: dict[str, Any] = {}
    if settings.jwt_secret is None and settings.jwt_jwks_url is None:
        more["jwt_secret"] = _development_secret(settings.data_directory)
    if not settings.jwt_algorithms:
        more["jwt_algorithms"] = ("RS256", "ES256") if settings.jwt_jwks_url else ("HS256",)
    if settings.is_production and "LOYALTY_LOG_FORMAT" not in given:
        more["log_format"] = "json"
    if settings.is_production:
        more |= {n: rate for n, rate in RATES.items() if f"LOYALTY_{n.upper()}" not in given}
    return replace(settings, **more)


def _development_secret(directory: Path) -> str:
    path = directory / SECRET_FILE
    try:
        if not path.exists():
            _make_secret(path)
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"LOYALTY_JWT_SECRET is not set, and {path} cannot be used: {error}"
        raise SettingsInvalid([message]) from error
    if len(secret) < LEAST_SECRET_BYTES:
        raise SettingsInvalid([f"{path} holds no secret: delete it, and the next start makes one"])
    return secret


def _make_secret(path: Path) -> None:
    """Of several processes that start at once, one makes the file; the others read it, complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    made = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(made, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48) + "\n")
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
