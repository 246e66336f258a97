"""Customers, and apart from them who they are."""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, IDENTIFIER, INSTANT

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    _customer()
    _customer_ref()
    _customer_pii()
    _customer_affiliation()
    _customer_card()


def downgrade() -> None:
    op.drop_table("customer_card")
    op.drop_table("customer_affiliation")
    op.drop_table("customer_pii")
    op.drop_table("customer_ref")
    op.drop_table("customer")


def _customer() -> None:
    op.create_table(
        "customer",
        sa.Column("customer_key", IDENTIFIER, nullable=False),
        sa.Column("blocked_for_loyalty", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("erased_at", INSTANT),
        sa.PrimaryKeyConstraint("customer_key", name=op.f("pk_customer")),
    )


def _customer_ref() -> None:
    op.create_table(
        "customer_ref",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("customer_key", IDENTIFIER, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customer_ref")),
    )
    op.create_index(op.f("ix_customer_ref_customer_key"), "customer_ref", ["customer_key"])


def _customer_pii() -> None:
    op.create_table(
        "customer_pii",
        sa.Column("customer_key", IDENTIFIER, nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("email", sa.Text()),
        sa.Column("phone", sa.Text()),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("customer_key", name=op.f("pk_customer_pii")),
    )


def _customer_affiliation() -> None:
    op.create_table(
        "customer_affiliation",
        sa.Column("customer_key", IDENTIFIER, nullable=False),
        sa.Column("affiliation", CODE, nullable=False),
        sa.PrimaryKeyConstraint(
            "customer_key", "affiliation", name=op.f("pk_customer_affiliation")
        ),
    )
    op.create_index(
        op.f("ix_customer_affiliation_affiliation"), "customer_affiliation", ["affiliation"]
    )


def _customer_card() -> None:
    op.create_table(
        "customer_card",
        sa.Column("customer_key", IDENTIFIER, nullable=False),
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.PrimaryKeyConstraint("customer_key", "card_id", name=op.f("pk_customer_card")),
    )
