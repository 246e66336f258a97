"""The books of all cards."""

from argparse import Namespace

from commands.database import on_database
from commands.outcomes import DONE, CommandFailed, say
from resolvers.context import Context
from resolvers.verification import verify


@on_database
async def check(context: Context, _given: Namespace) -> int:
    broken = 0
    async for fault in verify(context.service.database):
        broken += 1
        say(str(fault))
    if broken:
        raise CommandFailed(f"{broken} faults in the books.")
    say("Every invariant of the books holds.")
    return DONE
