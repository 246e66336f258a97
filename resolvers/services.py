"""A service opened from its settings: the database, the rule books, the clock. Reads nothing at
import.
"""

import os

from models.database import DatabaseLimits, open_database
from resolvers.books import RuleBooks
from resolvers.card_watch import CardWatch
from resolvers.clock import Clock, clock_from, system_clock
from resolvers.context import Outward, Service
from resolvers.rewards import grant_rewards
from settings import Settings


def open_service(
    settings: Settings, clock: Clock | None = None, outward: Outward | None = None
) -> Service:
    """What all operations share. The caller disposes of the database."""
    if clock is None:
        clock = clock_from(settings.clock) if settings.clock else system_clock
    limits = DatabaseLimits(
        pool_size=settings.pool_size,
        acquire_timeout_seconds=settings.acquire_timeout_seconds,
        command_timeout_seconds=settings.command_timeout_seconds,
        statement_timeout_seconds=settings.statement_timeout_seconds,
        lock_timeout_seconds=settings.lock_timeout_seconds,
        idle_in_transaction_seconds=settings.idle_in_transaction_seconds,
        unit_deadline_seconds=settings.request_deadline_seconds,
        card_queue=settings.card_queue,
    )
    database = open_database(settings.database_url, limits, pooled=settings.is_pooled)
    watch = CardWatch(database)
    return Service(database, RuleBooks(), clock, os.urandom, grant_rewards, watch, outward)
