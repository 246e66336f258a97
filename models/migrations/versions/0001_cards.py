"""Cards, their enrolments, tiers and notes, their events and audit."""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, HASH, IDENTIFIER, INSTANT, ORDERED

revision = "0001"
down_revision = None


def upgrade() -> None:
    _card()
    _enrolment()
    _tier_row()
    _note()
    _outbox()
    _card_audit()


def downgrade() -> None:
    op.drop_table("card_audit")
    op.drop_table("outbox")
    op.drop_table("note")
    op.drop_table("tier_row")
    op.drop_table("enrolment")
    op.drop_table("card")


def _card() -> None:
    op.create_table(
        "card",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("number", ORDERED, nullable=False),
        sa.Column("status", CODE, nullable=False),
        sa.Column("tender_type", CODE, nullable=False),
        sa.Column("customer_key", IDENTIFIER),
        sa.Column("issued_at", INSTANT, nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("enrollment_source", CODE, nullable=False),
        sa.Column("blocked_at", INSTANT),
        sa.Column("replaced_by", IDENTIFIER),
        sa.Column("replaces", IDENTIFIER),
        sa.Column("next_seq", sa.BigInteger(), nullable=False),
        sa.Column("next_event", sa.BigInteger(), nullable=False),
        sa.Column("head_hash", HASH, nullable=False),
        sa.Column("last_posted_at", INSTANT, nullable=False),
        sa.Column("last_entry_on", sa.Date()),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_card")),
        sa.CheckConstraint(
            "status IN ('ACTIVE', 'BLOCKED', 'REPLACED')", name=op.f("ck_card_status")
        ),
        sa.CheckConstraint(
            "tender_type IN ('AS_CARD_TENDER', 'AS_CONTACT_TENDER', 'NO_TENDER')",
            name=op.f("ck_card_tender_type"),
        ),
    )
    op.create_index(op.f("ix_card_customer_key"), "card", ["customer_key"])
    op.create_index(op.f("ix_card_issued_on"), "card", ["issued_on"])
    op.create_index(op.f("ix_card_number"), "card", ["number"])


def _enrolment() -> None:
    op.create_table(
        "enrolment",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("enrolment_id", IDENTIFIER, nullable=False),
        sa.Column("program", CODE, nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date()),
        sa.Column("enrolled_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("card_id", "enrolment_id", name=op.f("pk_enrolment")),
    )
    op.create_index(op.f("ix_enrolment_program"), "enrolment", ["program"])


def _tier_row() -> None:
    op.create_table(
        "tier_row",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("tier_row_id", IDENTIFIER, nullable=False),
        sa.Column("program", CODE, nullable=False),
        sa.Column("tier", CODE, nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date()),
        sa.Column("manual", sa.Boolean(), nullable=False),
        sa.Column("brought", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("card_id", "tier_row_id", name=op.f("pk_tier_row")),
    )
    op.create_index(op.f("ix_tier_row_ends_on"), "tier_row", ["ends_on"])
    op.create_index(op.f("ix_tier_row_program_tier"), "tier_row", ["program", "tier"])


def _note() -> None:
    op.create_table(
        "note",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("note_id", IDENTIFIER, nullable=False),
        sa.Column("subject_id", IDENTIFIER, nullable=False),
        sa.Column("kind", CODE, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("card_id", "note_id", name=op.f("pk_note")),
    )
    op.create_index(op.f("ix_note_card_id_subject_id"), "note", ["card_id", "subject_id"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("event_id", IDENTIFIER, nullable=False),
        sa.Column("seq_no", sa.BigInteger(), nullable=False),
        sa.Column("kind", CODE, nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("posted_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("card_id", "event_id", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_posted_at"), "outbox", ["posted_at"])


def _card_audit() -> None:
    op.create_table(
        "card_audit",
        sa.Column("card_id", IDENTIFIER, nullable=False),
        sa.Column("audit_id", IDENTIFIER, nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("role", CODE, nullable=False),
        sa.Column("operation", CODE, nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("card_id", "audit_id", name=op.f("pk_card_audit")),
    )
