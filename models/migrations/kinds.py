"""Column types as the first revisions wrote them, whatever `models/columns.py` becomes later."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

CODE = sa.String(64)
HASH = sa.LargeBinary(32)
IDENTIFIER: TypeEngine[uuid.UUID] = sa.Uuid().with_variant(sa.LargeBinary(), "sqlite")
INSTANT: TypeEngine[datetime] = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
ORDERED = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
