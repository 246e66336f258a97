"""Tokens of customers, to try with."""

from argparse import Namespace

from commands.outcomes import DONE, CommandFailed, say
from resolvers.clock import system_clock
from resolvers.tokens import Tokens
from settings import Settings


def issue(settings: Settings, given: Namespace) -> int:
    if settings.is_production:
        raise CommandFailed("Customer tokens are printed in development mode only.")
    try:
        say(Tokens(settings, system_clock).issue(given.customer, given.ttl))
    except ValueError as error:
        raise CommandFailed(str(error)) from error
    return DONE
