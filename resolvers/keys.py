"""API keys: made, listed, revoked. A key is shown once; its hash is kept. Source: semantics 16."""

import hashlib
import json
import os
from collections.abc import Collection
from datetime import datetime

from models.database import Database
from models.program_statements import ApiKeyRow, insert_key, keys_listed, revoke_key
from models.transactions import Transaction
from resolvers.callers import FORCE, MANAGING, RIGHTS, Caller, Role
from resolvers.clock import Clock, system_clock
from resolvers.identifiers import Randomness
from rules.document_values import is_code, is_text
from rules.errors import InvalidInput, LoyaltyError, NotFound, Refused

MARK = "lk_"
PREFIX_BYTES = 6
SECRET_BYTES = 24
MAXIMUM_NAME = 64


def hash_key(key: str) -> bytes:
    """SHA-256: the key is random enough that a slow hash would guard nothing."""
    return hashlib.sha256(key.encode()).digest()


async def create_key(
    database: Database,
    role: Role,
    name: str,
    channels: Collection[str] | None = None,
    activity_types: Collection[str] | None = None,
    rights: Collection[str] = (),
    expires_at: datetime | None = None,
    *,
    clock: Clock = system_clock,
    randomness: Randomness = os.urandom,
) -> str:
    """A new key `lk_<prefix>_<secret>` of 192 random bits, which nobody can show again.

    Channels and activity types None: all of them. Codes that no configuration has yet are taken.
    Raises Refused with every fault; InvalidInput where the name is, or ever was, another key's.
    """
    now = clock()
    holder = Caller(
        role,
        name,
        channels=None if channels is None else frozenset(channels),
        activity_types=None if activity_types is None else frozenset(activity_types),
        rights=frozenset(rights),
    )
    faults = _faults(holder, expires_at, now)
    if faults:
        raise Refused(faults)
    prefix = randomness(PREFIX_BYTES).hex()
    key = f"{MARK}{prefix}_{randomness(SECRET_BYTES).hex()}"
    row = _row(holder, prefix, hash_key(key), now, expires_at)

    async def unit(transaction: Transaction) -> bool:
        return bool(await transaction.run(insert_key, **row._asdict()))

    if not await database.unit(unit):
        message = f"A key named {name!r} exists, or did: names are not used again."
        raise InvalidInput(message, ("name",))
    return key


def _row(
    holder: Caller, prefix: str, key_hash: bytes, now: datetime, expires_at: datetime | None
) -> ApiKeyRow:
    return ApiKeyRow(
        key_hash=key_hash,
        prefix=prefix,
        name=holder.name,
        role=holder.role.value,
        channels=_stored(holder.channels),
        activity_types=_stored(holder.activity_types),
        rights=json.dumps(sorted(holder.rights)),
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
    )


def _stored(codes: frozenset[str] | None) -> str | None:
    return None if codes is None else json.dumps(sorted(codes))


def _faults(holder: Caller, expires_at: datetime | None, now: datetime) -> list[LoyaltyError]:
    faults: list[LoyaltyError] = []
    if not _is_name(holder.name):
        message = f"A name has 1 to {MAXIMUM_NAME} printable characters, no space at its ends."
        faults.append(InvalidInput(message, ("name",)))
    if expires_at is not None and expires_at <= now:
        faults.append(InvalidInput("The key would have expired already.", ("expires",)))
    return faults + _faults_of_role(holder) + _faults_of_codes(holder)


def _is_name(name: str) -> bool:
    return (
        0 < len(name) <= MAXIMUM_NAME
        and name.isprintable()
        and name == name.strip()
        and is_text(name)
    )


def _faults_of_role(holder: Caller) -> list[LoyaltyError]:
    if holder.role is Role.CUSTOMER:
        return [InvalidInput("Customers hold tokens, not keys.", ("role",))]
    faults: list[LoyaltyError] = []
    if holder.role is Role.PARTNER:
        faults += [
            InvalidInput(
                f"A partner's key needs at least one {what}: "
                "a partner is a third party, and without them it would reach all.",
                (path,),
            )
            for codes, what, path in (
                (holder.channels, "channel", "channel"),
                (holder.activity_types, "activity type", "activityType"),
            )
            if not codes
        ]
    if FORCE in holder.rights and holder.role not in MANAGING:
        message = "The right force is for staff and administrators: others cannot adjust points."
        faults.append(InvalidInput(message, ("right",)))
    return faults


def _faults_of_codes(holder: Caller) -> list[LoyaltyError]:
    faults: list[LoyaltyError] = [
        InvalidInput(f"{code!r} is not a code.", (path,))
        for codes, path in ((holder.channels, "channel"), (holder.activity_types, "activityType"))
        for code in sorted(codes or ())
        if not is_code(code)
    ]
    faults += [
        InvalidInput(
            f"{right!r} is not a right: there are {', '.join(sorted(RIGHTS))}.", ("right",)
        )
        for right in sorted(holder.rights - RIGHTS)
    ]
    return faults


async def list_keys(database: Database) -> list[ApiKeyRow]:
    """All keys, past ones too, oldest first."""
    read = database.read()
    try:
        return await read.all(keys_listed)
    finally:
        await read.close()


async def revoke(database: Database, prefix: str, clock: Clock = system_clock) -> ApiKeyRow:
    """End a key for ever, within five seconds everywhere; one that has ended stays as it is.

    `prefix` may be written as in the key, or be the key. Raises NotFound.
    """
    wanted = prefix.removeprefix(MARK).partition("_")[0]
    row = next((row for row in await list_keys(database) if row.prefix == wanted), None)
    if row is None:
        raise NotFound("No key has this prefix.", ("prefix",))
    now = clock()

    async def unit(transaction: Transaction) -> None:
        await transaction.run(revoke_key, of_prefix=wanted, revoked_at=now)

    await database.unit(unit)
    return row._replace(revoked_at=row.revoked_at or now)
