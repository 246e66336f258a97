"""The journal of activities, and what was posted under each key."""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, HASH, IDENTIFIER, INSTANT, ORDERED

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _activity_line()
    _activity_post()


def downgrade() -> None:
    op.drop_table("activity_post")
    op.drop_table("activity_line")


def _activity_line() -> None:
    op.create_table(
        "activity_line",
        sa.Column("activity_key", HASH, nullable=False),
        sa.Column("line_id", IDENTIFIER, nullable=False),
        sa.Column("status", CODE, nullable=False),
        sa.Column("channel", CODE, nullable=False),
        sa.Column("card_number", ORDERED, nullable=False),
        sa.Column("activity_type", CODE, nullable=False),
        sa.Column("activity_id", sa.Text(), nullable=False),
        sa.Column("content_hash", HASH, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("affiliation", CODE),
        sa.Column("comment", sa.Text()),
        sa.Column("evidence", sa.Text()),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("reviewed_by", sa.Text()),
        sa.Column("rejection_reason", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("activity_key", name=op.f("pk_activity_line")),
        sa.CheckConstraint(
            "status IN ('UNPOSTED', 'POSTED', 'REJECTED')", name=op.f("ck_activity_line_status")
        ),
    )
    op.create_index(op.f("ix_activity_line_line_id"), "activity_line", ["line_id"])
    op.create_index(
        op.f("ix_activity_line_status_occurred_at_line_id"),
        "activity_line",
        ["status", "occurred_at", "line_id"],
    )


def _activity_post() -> None:
    op.create_table(
        "activity_post",
        sa.Column("activity_key", HASH, nullable=False),
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("activity_type", CODE, nullable=False),
        sa.Column("content_hash", HASH, nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("posted_at", INSTANT, nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("activity_key", name=op.f("pk_activity_post")),
    )
