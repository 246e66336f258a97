"""The program's configuration: planned, stored, made effective."""

from argparse import Namespace
from pathlib import Path

from commands.database import on_database
from commands.outcomes import CHANGES, DONE, CommandFailed, say
from resolvers import configurations
from resolvers.context import Context
from resolvers.documents import load_document
from resolvers.printing import plan_lines


@on_database
async def plan(context: Context, given: Namespace) -> int:
    planned = await configurations.plan(context, _document(given.file))
    say(*plan_lines(planned))
    return CHANGES if planned.changes else DONE


@on_database
async def apply(context: Context, given: Namespace) -> int:
    command = configurations.Apply(_document(given.file), None, given.comment, given.process)
    applied = await configurations.apply(context, command)
    state = "stored" if applied.version.effective_from is None else "in force"
    say(*plan_lines(applied.plan), f"Version {applied.version.version} is {state}.")
    return DONE


@on_database
async def process(context: Context, _given: Namespace) -> int:
    version = await configurations.process(context)
    say(f"Version {version.version} is in force.")
    return DONE


def _document(path: Path) -> object:
    try:
        return load_document(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{path}: This is not text in UTF-8.") from error
