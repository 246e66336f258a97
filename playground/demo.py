"""The demo on one's own machine: its data, a customer's token and an API key for every role.

The keys are kept in a file that only its owner reads: a restart shows the same ones, as long as
they are valid. Those that are not are made anew, under another name.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from models.program_statements import ApiKeyRow
from playground.members import DEMO_CUSTOMER
from playground.seed import seed
from resolvers.callers import Role
from resolvers.clock import system_clock
from resolvers.context import Context
from resolvers.keys import create_key, hash_key, list_keys
from resolvers.tokens import Tokens
from rules.errors import ConfigurationConflict
from settings import Settings

FILE = "demo-keys.json"
ROLES = (Role.STOREFRONT, Role.PARTNER, Role.STAFF, Role.ADMIN)
TOKEN_SECONDS = 24 * 3600


async def prepare_demo(context: Context, settings: Settings) -> list[str]:
    """Seed a database that has no program of its own; lines that tell how to try the service."""
    lines = []
    try:
        await seed(context.service)
    except ConfigurationConflict as error:
        lines.append(error.message)
    await context.renew()
    if settings.jwt_secret:
        token = Tokens(settings, system_clock).issue(DEMO_CUSTOMER, TOKEN_SECONDS)
        lines.append(f"{'customer ' + DEMO_CUSTOMER:<14}  {token}")
    keys = await demo_keys(context, settings.data_directory / FILE)
    return lines + [f"{role + ' key':<14}  {key}" for role, key in keys.items()]


async def demo_keys(context: Context, path: Path) -> dict[Role, str]:
    """The keys by role; none for partners where the program has no channel or activity type."""
    database = context.service.database
    rows = await list_keys(database)
    kept = _read(path)
    keys = {role: kept[role] for role in ROLES if role in kept and _is_live(kept[role], role, rows)}
    names = {row.name for row in rows}
    for role in ROLES:
        channels, activity_types = _scope(context, role)
        # A partner's key has a list of each, never all there will be.
        if role not in keys and (channels != [] and activity_types != []):
            name = _free_name(role, names)
            keys[role] = await create_key(database, role, name, channels, activity_types)
    _write(path, keys)
    return {role: keys[role] for role in ROLES if role in keys}


def _scope(context: Context, role: Role) -> tuple[list[str] | None, list[str] | None]:
    if role is not Role.PARTNER:
        return None, None
    if context.book is None:
        return [], []
    return sorted(context.book.channels), sorted(context.book.activity_types)


def _is_live(key: str, role: Role, rows: list[ApiKeyRow]) -> bool:
    now = datetime.now(UTC)
    return any(
        row.key_hash == hash_key(key)
        and row.role == role
        and row.revoked_at is None
        and (row.expires_at is None or row.expires_at > now)
        for row in rows
    )


def _free_name(role: Role, names: set[str]) -> str:
    number, name = 1, f"demo {role}"
    while name in names:
        number += 1
        name = f"demo {role} {number}"
    return name


def _read(path: Path) -> dict[str, str]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {role: str(key) for role, key in kept.items()} if isinstance(kept, dict) else {}


def _write(path: Path, keys: dict[Role, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(keys, file, indent=2)
    draft.replace(path)
