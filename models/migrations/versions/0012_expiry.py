"""What EXPIRE entries took of each lot, and corrections of it; indexes of open lots alone."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_BEFORE = "ix_lot_remainder_card_id_reward_point_expires_on_occurred_at_lot_id"
_ORDER = ["card_id", "reward_point", "expires_on", "occurred_at", "lot_id"]
_LIMIT = "1000000000000000"


def upgrade() -> None:
    with op.batch_alter_table("lot_remainder") as lots:
        lots.add_column(sa.Column("expired", sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("lot_remainder") as lots:
        lots.alter_column("expired", server_default=None)
        lots.create_check_constraint(
            op.f("ck_lot_remainder_expired"), f"expired BETWEEN 0 AND {_LIMIT}"
        )
    op.drop_index(op.f(_BEFORE), "lot_remainder")
    _index("ix_lot_remainder_open", _ORDER, "remainder > 0")
    _index("ix_lot_remainder_expires_on", ["expires_on", "card_id", "lot_id"], "remainder > 0")
    _index("ix_lot_remainder_expired", ["card_id", "reward_point", "expires_on"], "expired > 0")
    _allocations(f"-{_LIMIT}")


def downgrade() -> None:
    _allocations("1")
    for name in ("open", "expires_on", "expired"):
        op.drop_index(op.f(f"ix_lot_remainder_{name}"), "lot_remainder")
    op.create_index(op.f(_BEFORE), "lot_remainder", _ORDER)
    with op.batch_alter_table("lot_remainder") as lots:
        lots.drop_constraint(op.f("ck_lot_remainder_expired"), type_="check")
        lots.drop_column("expired")


def _index(name: str, columns: Sequence[str], where: str) -> None:
    op.create_index(
        op.f(name),
        "lot_remainder",
        columns,
        postgresql_where=sa.text(where),
        sqlite_where=sa.text(where),
    )


def _allocations(least: str) -> None:
    with op.batch_alter_table("allocation") as allocations:
        allocations.drop_constraint(op.f("ck_allocation_points"), type_="check")
        allocations.create_check_constraint(
            op.f("ck_allocation_points"), f"points BETWEEN {least} AND {_LIMIT}"
        )
