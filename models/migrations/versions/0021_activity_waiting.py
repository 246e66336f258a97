"""Lines of the journal that wait, as rows of their own; of the others, who posted or rejected them.

A line's status follows from these.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, HASH, IDENTIFIER, INSTANT, ORDERED

revision = "0021"
down_revision = "0020"

_BY_STATUS = "ix_activity_line_status_occurred_at_line_id"
_REJECTED = sa.text("rejected_by IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "activity_waiting",
        sa.Column("activity_key", HASH, nullable=False),
        sa.Column("line_id", IDENTIFIER, nullable=False),
        sa.Column("card_number", ORDERED, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("activity_key", name=op.f("pk_activity_waiting")),
    )
    op.create_index(
        op.f("ix_activity_waiting_occurred_at_line_id"),
        "activity_waiting",
        ["occurred_at", "line_id"],
    )
    op.add_column("activity_post", sa.Column("reviewed_by", sa.Text()))
    op.add_column("activity_line", sa.Column("rejected_by", sa.Text()))
    _move_from_lines()
    op.drop_index(op.f(_BY_STATUS), "activity_line")
    with op.batch_alter_table("activity_line") as lines:
        lines.drop_constraint(op.f("ck_activity_line_status"), type_="check")
        lines.drop_column("status")
        lines.drop_column("reviewed_by")
    op.create_index(
        op.f("ix_activity_line_rejected"),
        "activity_line",
        ["occurred_at", "line_id"],
        postgresql_where=_REJECTED,
        sqlite_where=_REJECTED,
    )


def _move_from_lines() -> None:
    """Lines themselves are changed as little as can be: of most of them nothing is written."""
    op.execute(
        "INSERT INTO activity_waiting (activity_key, line_id, card_number, occurred_at) "
        "SELECT activity_key, line_id, card_number, occurred_at FROM activity_line "
        "WHERE status = 'UNPOSTED'"
    )
    op.execute("UPDATE activity_line SET rejected_by = reviewed_by WHERE status = 'REJECTED'")
    op.execute(
        "UPDATE activity_post SET reviewed_by = (SELECT reviewed_by FROM activity_line "
        "WHERE activity_line.activity_key = activity_post.activity_key)"
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_activity_line_rejected"), "activity_line")
    with op.batch_alter_table("activity_line") as lines:
        lines.add_column(sa.Column("status", CODE, nullable=False, server_default="POSTED"))
        lines.add_column(sa.Column("reviewed_by", sa.Text()))
    _move_to_lines()
    with op.batch_alter_table("activity_line") as lines:
        lines.alter_column("status", server_default=None)
        lines.create_check_constraint(
            op.f("ck_activity_line_status"), "status IN ('UNPOSTED', 'POSTED', 'REJECTED')"
        )
        lines.drop_column("rejected_by")
    op.create_index(op.f(_BY_STATUS), "activity_line", ["status", "occurred_at", "line_id"])
    with op.batch_alter_table("activity_post") as posts:
        posts.drop_column("reviewed_by")
    op.drop_table("activity_waiting")


def _move_to_lines() -> None:
    op.execute(
        "UPDATE activity_line SET reviewed_by = (SELECT reviewed_by FROM activity_post "
        "WHERE activity_post.activity_key = activity_line.activity_key)"
    )
    op.execute(
        "UPDATE activity_line SET status = 'REJECTED', reviewed_by = rejected_by "
        "WHERE rejected_by IS NOT NULL"
    )
    op.execute(
        "UPDATE activity_line SET status = 'UNPOSTED' "
        "WHERE activity_key IN (SELECT activity_key FROM activity_waiting)"
    )
    # What failed before it was settled shows nothing of that.
    op.execute("UPDATE activity_line SET error = NULL WHERE status <> 'UNPOSTED'")
