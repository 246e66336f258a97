"""Sales and returns, their lines, charges and facts, and earnings waiting for the batch job."""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, HASH, IDENTIFIER, INSTANT

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _sale()
    _sale_line()
    _sale_charge()
    _sale_fact()
    _pending_earning()


def downgrade() -> None:
    op.drop_table("pending_earning")
    op.drop_table("sale_fact")
    op.drop_table("sale_charge")
    op.drop_table("sale_line")
    op.drop_table("sale")


def _sale() -> None:
    op.create_table(
        "sale",
        sa.Column("sale_key", HASH, nullable=False),
        sa.Column("kind", CODE, nullable=False),
        sa.Column("channel", CODE, nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("content_hash", HASH, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("posted_at", INSTANT, nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("currency", CODE, nullable=False),
        sa.Column("card_id", IDENTIFIER),
        sa.Column("original_key", HASH),
        sa.Column("configuration_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sale_key", name=op.f("pk_sale")),
        sa.CheckConstraint("kind IN ('SALE', 'RETURN')", name=op.f("ck_sale_kind")),
    )
    op.create_index(op.f("ix_sale_entry_date_channel"), "sale", ["entry_date", "channel"])
    op.create_index(op.f("ix_sale_original_key"), "sale", ["original_key"])


def _sale_line() -> None:
    op.create_table(
        "sale_line",
        sa.Column("sale_key", HASH, nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("variant_id", sa.Text()),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("returned_quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("discount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("delivery_mode", sa.Text()),
        sa.PrimaryKeyConstraint("sale_key", "line_number", name=op.f("pk_sale_line")),
    )


def _sale_charge() -> None:
    op.create_table(
        "sale_charge",
        sa.Column("sale_key", HASH, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("line_number", sa.Integer()),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("overridden", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("sale_key", "place", name=op.f("pk_sale_charge")),
    )


def _sale_fact() -> None:
    op.create_table(
        "sale_fact",
        sa.Column("sale_key", HASH, nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sale_key", name=op.f("pk_sale_fact")),
    )


def _pending_earning() -> None:
    op.create_table(
        "pending_earning",
        sa.Column("sale_key", HASH, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("claimed_until", INSTANT),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("sale_key", name=op.f("pk_pending_earning")),
    )
    op.create_index(op.f("ix_pending_earning_occurred_at"), "pending_earning", ["occurred_at"])
