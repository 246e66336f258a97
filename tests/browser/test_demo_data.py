"""The demo's program and data: accepted as written, posted as callers would, and posted once."""

import asyncio
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from models.database import DatabaseLimits, open_database
from playground.seed import DOCUMENT, SeedSummary, seed
from resolvers import configurations
from resolvers.books import RuleBooks
from resolvers.callers import Caller, Role
from resolvers.clock import system_clock
from resolvers.context import Service, open_context
from resolvers.documents import load_document
from rules.document import parse_document
from rules.errors import ConfigurationConflict
from rules.plan_warnings import warnings

EXAMPLE = Path(__file__).parents[2] / "docs" / "configuration.example.yaml"


def test_the_demo_program_is_accepted_without_a_warning() -> None:
    program = parse_document(load_document(DOCUMENT.read_text(encoding="utf-8")))
    assert warnings(program, datetime.now(UTC).date(), {}) == ()
    assert warnings(program, date(2099, 1, 1), {}) == ()


def test_a_second_seed_adds_nothing(sqlite_url: str) -> None:
    first, second = asyncio.run(_seed(sqlite_url)), asyncio.run(_seed(sqlite_url))
    assert first.added == first.sales > 250
    assert second.added == 0
    assert (second.cards, second.sales) == (first.cards, first.sales)
    assert second.card_number == first.card_number


def test_a_program_of_ones_own_is_left_alone(sqlite_url: str) -> None:
    with pytest.raises(ConfigurationConflict):
        asyncio.run(_seed(sqlite_url, EXAMPLE))


async def _seed(url: str, document: Path | None = None) -> SeedSummary:
    database = open_database(url, DatabaseLimits())
    service = Service(database, RuleBooks(), system_clock, os.urandom)
    try:
        if document is not None:
            await _apply(service, document)
        return await seed(service)
    finally:
        await database.dispose()


async def _apply(service: Service, document: Path) -> None:
    context = await open_context(service, Caller(Role.ADMIN, "owner"), "test")
    try:
        data = load_document(document.read_text(encoding="utf-8"))
        await configurations.apply(context, configurations.Apply(data, 0, None, process=True))
    finally:
        await context.read.close()
