"""Allocations by their posting too: two holds of a day may free one lot for one debt."""

from alembic import op

revision = "0015"
down_revision = "0014"

_NAME = "pk_allocation"
_KEY = ["card_id", "entry_id", "lot_id", "allocated_on"]


def upgrade() -> None:
    _make_key([*_KEY, "posted_at"])


def downgrade() -> None:
    _make_key(_KEY)


def _make_key(columns: list[str]) -> None:
    with op.batch_alter_table("allocation") as allocation:
        allocation.drop_constraint(op.f(_NAME), type_="primary")
        allocation.create_primary_key(op.f(_NAME), columns)
