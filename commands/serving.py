"""Serving, until a signal ends it."""

import logging
import socket
from argparse import Namespace
from collections.abc import Sequence

from commands.database import prepared, unsafe
from commands.outcomes import DONE, CommandFailed, say
from execution import serving
from execution.logs import configure_logs
from settings import Settings

LOG = logging.getLogger("loyalty.database")


def serve(settings: Settings, given: Namespace) -> int:
    listening = listen(given)
    prepared(settings)
    return serve_on(listening, settings, given.workers)


def listen(given: Namespace) -> socket.socket:
    """Raises CommandFailed where that address cannot be had."""
    try:
        return serving.listen(given.host, given.port)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        message = f"Cannot listen on {given.host}, port {given.port}: {reason}."
        raise CommandFailed(message) from error


def serve_on(
    listening: socket.socket, settings: Settings, workers: int, lines: Sequence[str] = ()
) -> int:
    """Serve a database that is prepared; `lines` are said after where that is."""
    configure_logs(settings.log_format, settings.log_level, settings.log_card_formats)
    if settings.is_production:
        for shortcoming in unsafe(settings):
            LOG.error(shortcoming)
    url = serving.address(listening)
    say(f"Serving GraphQL at {url}/graphql, the playground at {url}/", *lines)
    log_requests = settings.log_level == "debug"
    serving.serve("app:application", listening, workers, log_requests=log_requests)
    return DONE
