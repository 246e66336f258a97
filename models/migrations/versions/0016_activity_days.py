"""Activities by day, and the journal as it is listed.

No release has written the two tables of 0006, so they are made anew.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, HASH, IDENTIFIER, INSTANT, ORDERED

revision = "0016"
down_revision = "0015"

_STATUS = "status IN ('UNPOSTED', 'POSTED', 'REJECTED')"


def upgrade() -> None:
    op.drop_table("activity_post")
    op.drop_table("activity_line")
    _activity_line()
    _activity_post()
    op.create_table(
        "activity_day",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("activity_type", CODE, nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("posted", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "card_id", "activity_type", "entry_date", name=op.f("pk_activity_day")
        ),
    )


def downgrade() -> None:
    op.drop_table("activity_day")
    op.drop_table("activity_post")
    op.drop_table("activity_line")
    _activity_line_before()
    _activity_post_before()


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
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("affiliation", CODE),
        sa.Column("comment", sa.Text()),
        sa.Column("evidence", sa.Text()),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("reviewed_by", sa.Text()),
        sa.Column("rejection_reason", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("activity_key", name=op.f("pk_activity_line")),
        sa.CheckConstraint(_STATUS, name=op.f("ck_activity_line_status")),
    )
    _index("activity_line", "line_id")
    _index("activity_line", "occurred_at", "line_id")
    for column in ("status", "card_number", "created_by"):
        _index("activity_line", column, "occurred_at", "line_id")


def _activity_post() -> None:
    op.create_table(
        "activity_post",
        sa.Column("activity_key", HASH, nullable=False),
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("activity_type", CODE, nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("posted_at", INSTANT, nullable=False),
        sa.Column("posted_by", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("activity_key", name=op.f("pk_activity_post")),
    )
    _index("activity_post", "card_id")


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def _activity_line_before() -> None:
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
        sa.CheckConstraint(_STATUS, name=op.f("ck_activity_line_status")),
    )
    _index("activity_line", "line_id")
    _index("activity_line", "status", "occurred_at", "line_id")


def _activity_post_before() -> None:
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
