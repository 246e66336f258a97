"""Trusted documents."""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import HASH, INSTANT

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "trusted_document",
        sa.Column("document_hash", HASH, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text()),
        sa.Column("registered_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("document_hash", name=op.f("pk_trusted_document")),
    )


def downgrade() -> None:
    op.drop_table("trusted_document")
