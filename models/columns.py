"""Column types that mean the same on every engine, and the one `MetaData`.

Instants are aware UTC datetimes (timestamptz, on SQLite BIGINT microseconds since 1970), dates are
civil dates (on SQLite ISO text), ids are UUIDs (on SQLite 16-byte BLOBs), hashes are bytes, points
and money are BIGINT in smallest units, quantities and prices BIGINT in millionths. Source:
engineering 1.2.
"""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Dialect,
    LargeBinary,
    MetaData,
    String,
    Text,
    Uuid,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class _Microseconds(TypeDecorator[datetime]):
    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + value * MICROSECOND


class _Blob16(TypeDecorator[uuid.UUID]):
    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> bytes | None:
        return None if value is None else value.bytes

    def process_result_value(self, value: Any | None, dialect: Dialect) -> uuid.UUID | None:
        return None if value is None else uuid.UUID(bytes=bytes(value))


INSTANT: TypeEngine[datetime] = DateTime(timezone=True).with_variant(_Microseconds(), "sqlite")
DAY = Date()
IDENTIFIER: TypeEngine[uuid.UUID] = Uuid().with_variant(_Blob16(), "sqlite")
HASH = LargeBinary(32)
UNITS = BigInteger()
MILLIONTHS = BigInteger()
CODE = String(64)
# Numbers are compared in ASCII order, whatever the database's own collation.
ORDERED = String(64).with_variant(String(64, collation="C"), "postgresql")
TEXT = Text()
JSON_TEXT = Text()

# The last date of the calendar stands for "never" where a date is part of a key.
NEVER = "9999-12-31"


def placed(key: str) -> dict[str, str]:
    """`Table.info`: the distribution key of the table's group, or `reference` or `local`."""
    return {"placement": key}


def one_of(column: str, *values: str) -> CheckConstraint:
    """A closed set as text and CHECK: there are no ENUM types."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def bounded(column: str, limit: int, least: int | None = None) -> CheckConstraint:
    """The last line of defence: the boundary refuses what lies outside before SQL does."""
    low = -limit if least is None else least
    return CheckConstraint(f"{column} BETWEEN {low} AND {limit}", name=column)
