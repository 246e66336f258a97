"""The demo's program and data: accepted as written, posted as callers would, and posted once."""

import asyncio
import os
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from models.database import DatabaseLimits, open_database
from playground.purchases import purchases
from playground.seed import DOCUMENT, SeedSummary, seed
from resolvers import configurations
from resolvers.books import RuleBooks
from resolvers.callers import Caller, Role
from resolvers.card_watch import CardWatch
from resolvers.clock import system_clock
from resolvers.context import Service, open_context
from resolvers.documents import load_document
from resolvers.rewards import grant_rewards
from rules.document import parse_document
from rules.errors import ConfigurationConflict
from rules.plan_warnings import warnings
from settings import Settings

EXAMPLE = Path(__file__).parents[2] / "docs" / "configuration.example.yaml"


def test_the_demo_program_is_accepted_without_a_warning() -> None:
    program = parse_document(load_document(DOCUMENT.read_text(encoding="utf-8")))
    assert warnings(program, datetime.now(UTC).date(), {}) == ()
    assert warnings(program, date(2099, 1, 1), {}) == ()


def test_a_second_seed_adds_nothing(settings: Settings, seeded: SeedSummary) -> None:
    assert seeded.sales > 250
    again = asyncio.run(_seed(settings.database_url))
    assert again == replace(seeded, added=0)


def test_a_seed_that_was_interrupted_is_completed(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.seed.purchases", lambda until: purchases(until)[:5])
    first = asyncio.run(_seed(sqlite_url))
    monkeypatch.setattr("playground.seed.purchases", lambda until: purchases(until)[:40])
    second = asyncio.run(_seed(sqlite_url))
    assert (first.added, second.added) == (5, 35)
    assert second.card_number == first.card_number


def test_a_program_of_ones_own_is_left_alone(sqlite_url: str) -> None:
    with pytest.raises(ConfigurationConflict):
        asyncio.run(_seed(sqlite_url, EXAMPLE.read_text(encoding="utf-8")))


async def _seed(url: str, document: str | None = None) -> SeedSummary:
    database = open_database(url, DatabaseLimits())
    service = Service(
        database, RuleBooks(), system_clock, os.urandom, grant_rewards, CardWatch(database)
    )
    try:
        if document is not None:
            await _apply(service, load_document(document))
        return await seed(service)
    finally:
        await database.dispose()


async def _apply(service: Service, document: object) -> None:
    context = await open_context(service, Caller(Role.ADMIN, "owner"), "test")
    try:
        await configurations.apply(context, configurations.Apply(document, 0, None, process=True))
    finally:
        await context.read.close()
