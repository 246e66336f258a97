"""The audit as it is listed, newest first."""

from alembic import op

revision = "0019"
down_revision = "0018"

_INDEXES = (
    ("card_audit", ("card_id", "written_at", "audit_id")),
    ("card_audit", ("written_at", "audit_id")),
    ("audit", ("written_at", "audit_id")),
)


def upgrade() -> None:
    for table, columns in _INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def downgrade() -> None:
    for table, columns in reversed(_INDEXES):
        op.drop_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table)
