"""The database of a command: made fit for it, opened, and in one line what is wrong with it."""

import asyncio
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from uuid import uuid4

from commands.outcomes import DONE, CommandFailed, say
from models.failures import (
    DatabaseSlow,
    DatabaseUnavailable,
    KeyInProgress,
    is_unfit,
    with_reason,
)
from models.preparation import DatabaseUnfit, bring_up_to_date, prepare, shortcomings, unfit
from resolvers.callers import Caller, Role
from resolvers.clock import system_clock
from resolvers.context import Context, open_context
from resolvers.services import open_service
from settings import Settings

T = TypeVar("T")
Command = Callable[[Settings, Namespace], int]
Work = Callable[[Context, Namespace], Awaitable[int]]

OPERATOR = Caller(Role.ADMIN, "command line")


def migrate(settings: Settings, _given: Namespace) -> int:
    with faults_told():
        say(f"The database has the schema {bring_up_to_date(settings.database_url)}.")
    return DONE


def prepared(settings: Settings) -> None:
    """Raises CommandFailed where the database is not one that this code can serve."""
    with faults_told():
        prepare(settings.database_url)


def unsafe(settings: Settings) -> list[str]:
    """What is not safe about the database; raises CommandFailed where it cannot be asked."""
    with faults_told():
        return shortcomings(settings.database_url, system_clock)


def on_database(work: Work) -> Command:
    """The command that does `work` in a context of the operator's."""

    def command(settings: Settings, given: Namespace) -> int:
        prepared(settings)
        return done_in_context(settings, lambda context: work(context, given))

    return command


def done_in_context(settings: Settings, work: Callable[[Context], Awaitable[T]]) -> T:
    """What `work` makes of a context of the operator's, on a database that is prepared."""
    with faults_told(), asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_done(settings, work))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """That of the server, where the platform has it: rows reach the database a tenth faster."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415
    except ImportError:
        return None
    return new_event_loop


async def _done(settings: Settings, work: Callable[[Context], Awaitable[T]]) -> T:
    service = open_service(settings)
    try:
        context = await open_context(service, OPERATOR, f"cli-{uuid4().hex}")
        try:
            return await work(context)
        finally:
            await context.read.close()
    finally:
        await service.database.dispose()


@contextmanager
def faults_told() -> Iterator[None]:
    try:
        yield
    except DatabaseUnfit as error:
        raise CommandFailed(str(error)) from error
    except (DatabaseUnavailable, DatabaseSlow, KeyInProgress) as error:
        raise CommandFailed(with_reason(error)) from error
    except Exception as error:
        if not is_unfit(error):
            raise
        raise CommandFailed(str(unfit(error))) from error
