"""Plans and keys as lines of plain text, for those who work on a command line."""

import json
from collections.abc import Sequence
from datetime import datetime

from models.program_statements import ApiKeyRow
from resolvers.configurations import Plan
from rules.plan import Change

_KEY_HEADS = (
    "PREFIX",
    "ROLE",
    "STATE",
    "EXPIRES",
    "NAME",
    "CHANNELS",
    "ACTIVITY TYPES",
    "RIGHTS",
)


def plan_lines(planned: Plan) -> list[str]:
    lines = [_change_line(change) for change in planned.changes] or ["Nothing changes."]
    return lines + [f"warning: {warning}" for warning in planned.warnings]


def _change_line(change: Change) -> str:
    if change.action == "ADD":
        return f"+ {change.path}"
    if change.action == "REMOVE":
        return f"- {change.path}"
    before, after = (json.dumps(each, ensure_ascii=False) for each in (change.before, change.after))
    return f"~ {change.path}: {before} -> {after}"


def key_lines(keys: Sequence[ApiKeyRow], now: datetime) -> list[str]:
    """A table; what is secret of a key is not known to anybody."""
    table = [_KEY_HEADS, *(_key_cells(key, now) for key in keys)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def _key_cells(key: ApiKeyRow, now: datetime) -> tuple[str, ...]:
    expires = key.expires_at.strftime("%Y-%m-%dT%H:%MZ") if key.expires_at else "never"
    listed = (
        "all" if codes is None else ",".join(json.loads(codes)) or "none"
        for codes in (key.channels, key.activity_types, key.rights)
    )
    return (key.prefix, key.role, _key_state(key, now), expires, key.name, *listed)


def _key_state(key: ApiKeyRow, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "live"
