"""The program's versions and the API keys."""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, HASH, INSTANT

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    _configuration_version()
    _api_key()


def downgrade() -> None:
    op.drop_table("api_key")
    op.drop_table("configuration_version")


def _configuration_version() -> None:
    op.create_table(
        "configuration_version",
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("effective_from", INSTANT),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_configuration_version")),
    )


def _api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("key_hash", HASH, nullable=False),
        sa.Column("prefix", CODE, nullable=False),
        sa.Column("name", CODE, nullable=False),
        sa.Column("role", CODE, nullable=False),
        sa.Column("channels", sa.Text()),
        sa.Column("activity_types", sa.Text()),
        sa.Column("rights", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_api_key")),
        sa.CheckConstraint(
            "role IN ('storefront', 'partner', 'staff', 'admin')", name=op.f("ck_api_key_role")
        ),
        sa.UniqueConstraint("name", name=op.f("uq_api_key_name")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_key_prefix")),
    )
