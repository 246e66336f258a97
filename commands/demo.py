"""The demo's data, and the service with it."""

from argparse import Namespace

from commands.database import done_in_context, on_database, prepared
from commands.outcomes import DONE, CommandFailed, say
from commands.serving import listen, serve_on
from playground.demo import prepare_demo
from playground.seed import seed
from resolvers.context import Context
from settings import Settings


def serve_demo(settings: Settings, given: Namespace) -> int:
    if settings.is_production:
        raise CommandFailed("The demo shows its keys: it is for development mode only.")
    listening = listen(given)
    prepared(settings)
    lines = done_in_context(settings, lambda context: prepare_demo(context, settings))
    return serve_on(listening, settings, given.workers, lines)


@on_database
async def sow(context: Context, _given: Namespace) -> int:
    done = await seed(context.service)
    say(f"{done.customers} customers, {done.cards} cards, {done.sales} sales, {done.added} new.")
    return DONE
