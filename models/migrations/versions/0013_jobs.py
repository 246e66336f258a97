"""What jobs find, whatever the card."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    authorized = sa.text("status = 'AUTHORIZED'")
    op.create_index(
        op.f("ix_payment_hold_expires_at"),
        "payment",
        ["hold_expires_at", "card_id", "payment_id"],
        postgresql_where=authorized,
        sqlite_where=authorized,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_payment_hold_expires_at"), "payment")
