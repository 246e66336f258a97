"""API keys: created, listed, revoked."""

from argparse import Namespace

from commands.database import on_database
from commands.outcomes import DONE, say
from resolvers import keys
from resolvers.callers import Role
from resolvers.clock import system_clock
from resolvers.context import Context
from resolvers.printing import key_lines


@on_database
async def create(context: Context, given: Namespace) -> int:
    scope = given.channel, given.activity_type, given.right or (), given.expires
    say(await keys.create_key(context.service.database, Role(given.role), given.name, *scope))
    return DONE


@on_database
async def show(context: Context, _given: Namespace) -> int:
    say(*key_lines(await keys.list_keys(context.service.database), system_clock()))
    return DONE


@on_database
async def revoke(context: Context, given: Namespace) -> int:
    row = await keys.revoke(context.service.database, given.prefix)
    say(f"The key {row.prefix}, {row.name}, is revoked.")
    return DONE
