"""Number sequences, job leases, webhooks, and the audit of what has no card."""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, IDENTIFIER, INSTANT

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    _number_sequence()
    _job_lease()
    _webhook_subscription()
    _audit()


def downgrade() -> None:
    op.drop_table("audit")
    op.drop_table("webhook_subscription")
    op.drop_table("job_lease")
    op.drop_table("number_sequence")


def _number_sequence() -> None:
    op.create_table(
        "number_sequence",
        sa.Column("code", CODE, nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_number_sequence")),
    )


def _job_lease() -> None:
    op.create_table(
        "job_lease",
        sa.Column("job", CODE, nullable=False),
        sa.Column("holder", sa.Text()),
        sa.Column("held_until", INSTANT),
        sa.Column("cursor", sa.Text()),
        sa.Column("finished_at", INSTANT),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_job_lease")),
    )


def _webhook_subscription() -> None:
    op.create_table(
        "webhook_subscription",
        sa.Column("subscription_id", IDENTIFIER, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_webhook_subscription")),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("audit_id", IDENTIFIER, nullable=False),
        sa.Column("customer_key", IDENTIFIER),
        sa.Column("configuration_version", sa.Integer()),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("role", CODE, nullable=False),
        sa.Column("operation", CODE, nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit")),
    )
