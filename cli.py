"""The command line: `loyalty serve`, `apply`, `plan`, `keys` and so on; `loyalty --help` lists all.

Settings come from the environment. A command that fails says why on standard error and exits
with 1; `plan` exits with 2 where something would change.
"""

import asyncio
import os
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

from starlette.applications import Starlette

from app import create_app, open_service
from execution.logs import Mask, configure_logs
from execution.serving import address, listen, serve
from models.failures import DatabaseSlow, DatabaseUnavailable, KeyInProgress
from models.preparation import DatabaseUnfit, bring_up_to_date, prepare
from playground.demo import prepare_demo
from playground.seed import seed
from resolvers import configurations, keys
from resolvers.callers import Caller, Role
from resolvers.clock import system_clock
from resolvers.context import Context, open_context
from resolvers.documents import load_document
from resolvers.printing import key_lines, plan_lines, refusal_lines
from resolvers.tokens import Tokens
from resolvers.verification import verify
from rules.errors import LoyaltyError, Refused
from settings import Settings, SettingsInvalid, read_settings

Command = Callable[[Settings, Namespace], int]
Work = Callable[[Context, Namespace], Awaitable[int]]

DONE, FAILED, CHANGES, INTERRUPTED = 0, 1, 2, 130
OPERATOR = Caller(Role.ADMIN, "command line")


class CommandFailed(Exception):  # noqa: N818 - named for what is wrong
    """The command cannot do its work; the message is the one line that its user needs."""


_DATABASE = (DatabaseUnfit, DatabaseUnavailable, DatabaseSlow, KeyInProgress)
_EXPECTED = (CommandFailed, SettingsInvalid, LoyaltyError, Refused, *_DATABASE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    try:
        given = _parser().parse_args(argv)
        settings = read_settings(os.environ)
        _log(settings, "warning")
        status: int = given.run(settings, given)
    except _EXPECTED as error:
        mask = Mask(())
        sys.stderr.writelines(f"loyalty: {mask(line)}\n" for line in refusal_lines(error))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _log(settings: Settings, level: str) -> None:
    configure_logs(settings.log_format, level, settings.log_card_formats)


def _on_database(work: Work) -> Command:
    """The command that does `work` in a context of the operator's."""

    async def run(settings: Settings, given: Namespace) -> int:
        async with _opened(settings) as context:
            return await work(context, given)

    def command(settings: Settings, given: Namespace) -> int:
        prepare(settings.database_url)
        return asyncio.run(run(settings, given))

    return command


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Context]:
    service = open_service(settings)
    try:
        context = await open_context(service, OPERATOR, f"cli-{uuid4().hex}")
        try:
            yield context
        finally:
            await context.read.close()
    finally:
        await service.database.dispose()


def application() -> Starlette:
    """What every serving process builds for itself."""
    settings = read_settings(os.environ)
    _log(settings, settings.log_level)
    return create_app(settings)


def _serve(settings: Settings, given: Namespace, *, demo: bool = False) -> int:
    try:
        listening = listen(given.host, given.port)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        message = f"Cannot listen on {given.host}, port {given.port}: {reason}."
        raise CommandFailed(message) from error
    prepare(settings.database_url)
    lines = asyncio.run(_demo_lines(settings)) if demo else []
    _log(settings, settings.log_level)
    url = address(listening)
    _say(f"Serving GraphQL at {url}/graphql, the playground at {url}/", *lines)
    serve("cli:application", listening, given.workers, log_requests=settings.log_level == "debug")
    return DONE


def _demo(settings: Settings, given: Namespace) -> int:
    if settings.is_production:
        raise CommandFailed("The demo shows its keys: it is for development mode only.")
    return _serve(settings, given, demo=True)


async def _demo_lines(settings: Settings) -> list[str]:
    async with _opened(settings) as context:
        return await prepare_demo(context, settings)


def _migrate(settings: Settings, _given: Namespace) -> int:
    _say(f"The database has the schema {bring_up_to_date(settings.database_url)}.")
    return DONE


def _document(path: Path) -> object:
    try:
        return load_document(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{path}: This is not text in UTF-8.") from error


async def _plan(context: Context, given: Namespace) -> int:
    planned = await configurations.plan(context, _document(given.file))
    _say(*plan_lines(planned))
    return CHANGES if planned.changes else DONE


async def _apply(context: Context, given: Namespace) -> int:
    command = configurations.Apply(_document(given.file), None, given.comment, given.process)
    applied = await configurations.apply(context, command)
    state = "stored" if applied.version.effective_from is None else "in force"
    _say(*plan_lines(applied.plan), f"Version {applied.version.version} is {state}.")
    return DONE


async def _process(context: Context, _given: Namespace) -> int:
    version = await configurations.process(context)
    _say(f"Version {version.version} is in force.")
    return DONE


async def _seed(context: Context, _given: Namespace) -> int:
    done = await seed(context.service)
    _say(f"{done.customers} customers, {done.cards} cards, {done.sales} sales, {done.added} new.")
    return DONE


async def _verify(context: Context, _given: Namespace) -> int:
    broken = 0
    async for fault in verify(context.service.database):
        broken += 1
        _say(str(fault))
    if broken:
        raise CommandFailed(f"{broken} faults in the books.")
    _say("Every invariant of the books holds.")
    return DONE


async def _create_key(context: Context, given: Namespace) -> int:
    scope = given.channel, given.activity_type, given.right or (), given.expires
    _say(await keys.create_key(context.service.database, Role(given.role), given.name, *scope))
    return DONE


async def _list_keys(context: Context, _given: Namespace) -> int:
    _say(*key_lines(await keys.list_keys(context.service.database), system_clock()))
    return DONE


async def _revoke_key(context: Context, given: Namespace) -> int:
    row = await keys.revoke(context.service.database, given.prefix)
    _say(f"The key {row.prefix}, {row.name}, is revoked.")
    return DONE


def _token(settings: Settings, given: Namespace) -> int:
    if settings.is_production:
        raise CommandFailed("Customer tokens are printed in development mode only.")
    try:
        _say(Tokens(settings, system_clock).issue(given.customer, given.ttl))
    except ValueError as error:
        raise CommandFailed(str(error)) from error
    return DONE


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, and no status that `plan` uses."""
        raise CommandFailed(f"{message} (see {self.prog} --help)")


def _parser() -> ArgumentParser:
    parser = _Parser(prog="loyalty", description="The loyalty service and what keeps it running.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Command, help_text: str, into: Any = commands) -> ArgumentParser:
        made: ArgumentParser = into.add_parser(name, help=help_text, description=help_text)
        made.set_defaults(run=run)
        return made

    _serving(add("serve", _serve, "Serve until a signal ends it."))
    _serving(add("demo", _demo, "Fill an empty database, show keys to try with, and serve."))
    add("migrate", _migrate, "Bring the database to the newest schema.")
    plan = add("plan", _on_database(_plan), "Print what a configuration document would change.")
    apply = add("apply", _on_database(_apply), "Check and store a configuration document.")
    for command in (plan, apply):
        command.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON")
    apply.add_argument("--process", action="store_true", help="make it effective at once")
    apply.add_argument("--comment", type=_text, help="why; kept with the version")
    add("process", _on_database(_process), "Make the newest stored configuration effective.")
    add("seed", _on_database(_seed), "Fill an empty database with the demo program and members.")
    add("verify", _on_database(_verify), "Check every invariant of the books, card by card.")
    token = add("token", _token, "Print a customer token; in development mode only.")
    token.add_argument("--customer", type=_text, required=True, metavar="ID", help="whose it is")
    token.add_argument(
        "--ttl", type=_number(1, 366 * 86400), default=3600, metavar="SECONDS", help="default: 3600"
    )
    all_keys = commands.add_parser("keys", help="Create, list and revoke API keys.")
    key_commands = all_keys.add_subparsers(required=True, metavar="COMMAND")
    _creating(add("create", _on_database(_create_key), "Print a new key, once.", key_commands))
    add("list", _on_database(_list_keys), "List all keys, past ones too.", key_commands)
    revoked = add("revoke", _on_database(_revoke_key), "End a key for ever.", key_commands)
    revoked.add_argument("prefix", type=_text, metavar="PREFIX", help="as `keys list` shows it")
    return parser


def _serving(parser: ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=_number(0, 65535), default=8000, help="0: any that is free")
    parser.add_argument("--workers", type=_number(1, 64), default=1, help="processes; default: 1")


def _creating(parser: ArgumentParser) -> None:
    roles = [role.value for role in Role if role is not Role.CUSTOMER]
    parser.add_argument("--role", required=True, choices=roles)
    parser.add_argument("--name", type=_text, required=True, help="no other key's, past or present")
    for option, rest in (
        ("--channel", "a channel it is for; without any: all"),
        ("--activity-type", "an activity type it is for; without any: all"),
        ("--right", f"one of {', '.join(sorted(keys.RIGHTS))}"),
    ):
        parser.add_argument(option, type=_text, action="append", help=f"{rest}; repeat for more")
    parser.add_argument("--expires", type=_end_of, metavar="DATE", help="last day it works, in UTC")


def _text(given: str) -> str:
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError("must be text in UTF-8") from None
    return given


def _number(least: int, most: int) -> Callable[[str], int]:
    def read(given: str) -> int:
        if re.fullmatch("[0-9]{1,9}", given) is None or not least <= int(given) <= most:
            raise ArgumentTypeError(f"must be a whole number from {least} to {most}")
        return int(given)

    return read


def _end_of(given: str) -> datetime:
    """The first instant after that day in UTC."""
    try:
        return datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise ArgumentTypeError("must be a date like 2027-12-31") from None
