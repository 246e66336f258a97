"""What a server must not lack for what it has confirmed to stand."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from models.preparation import shortcomings
from models.schema_version import in_transaction

LOST = "A crash may cost what was confirmed: {} is off."


def now() -> datetime:
    return datetime.now(UTC)


def test_what_a_server_may_lose_is_told(postgresql_url: str) -> None:
    name = sa.make_url(postgresql_url).database

    def commit_later(connection: sa.Connection) -> None:
        connection.execute(sa.text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))

    before = shortcomings(postgresql_url, now)
    in_transaction(postgresql_url, commit_later)
    lost = LOST.format("synchronous_commit")
    assert [one for one in shortcomings(postgresql_url, now) if one not in before] == [lost]


@pytest.mark.parametrize("seconds", [-3.5, 3.5])
def test_clocks_that_differ_are_told(postgresql_url: str, seconds: float) -> None:
    def wrong() -> datetime:
        return now() + timedelta(seconds=seconds)

    told = shortcomings(postgresql_url, wrong)
    (apart,) = [one for one in told if one not in shortcomings(postgresql_url, now)]
    assert apart == "The clocks of database and service are 3.5 seconds apart."


def test_a_file_is_kept_by_the_service_itself(sqlite_url: str) -> None:
    assert shortcomings(sqlite_url, now) == []
