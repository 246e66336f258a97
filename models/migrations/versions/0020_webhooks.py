"""Events on their way to subscribers.

No release has written the subscriptions of 0009, so they are made anew.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, IDENTIFIER, INSTANT

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.drop_table("webhook_subscription")
    _subscription(
        sa.Column("failing_since", INSTANT),
        sa.Column("read_to", INSTANT, nullable=False),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("subscription_id", IDENTIFIER, nullable=False),
        sa.Column("event_id", IDENTIFIER, nullable=False),
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("seq_no", sa.BigInteger(), nullable=False),
        sa.Column("kind", CODE, nullable=False),
        sa.Column("posted_at", INSTANT, nullable=False),
        sa.Column("status", CODE, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", INSTANT, nullable=False),
        sa.Column("claimed_until", INSTANT),
        sa.Column("attempted_at", INSTANT),
        sa.Column("http_status", sa.Integer()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("subscription_id", "event_id", name=op.f("pk_webhook_delivery")),
        sa.CheckConstraint(
            "status IN ('PENDING', 'DELIVERED', 'GIVEN_UP')",
            name=op.f("ck_webhook_delivery_status"),
        ),
    )
    for columns in (
        ("subscription_id", "posted_at", "event_id"),
        ("subscription_id", "status", "card_id", "seq_no"),
        ("subscription_id", "status", "next_attempt_at"),
    ):
        name = op.f(f"ix_webhook_delivery_{'_'.join(columns)}")
        op.create_index(name, "webhook_delivery", list(columns))


def downgrade() -> None:
    op.drop_table("webhook_delivery")
    op.drop_table("webhook_subscription")
    _subscription()


def _subscription(*more: sa.Column[object]) -> None:
    op.create_table(
        "webhook_subscription",
        sa.Column("subscription_id", IDENTIFIER, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        *more,
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_webhook_subscription")),
    )
