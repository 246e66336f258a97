"""What posting needs of a line stands where it waits; operations say only what entries do not."""

import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE

revision = "0022"
down_revision = "0021"

_NEEDED = ("channel", "activity_type", "activity_id")
_COPIED = (*_NEEDED, "affiliation")


def upgrade() -> None:
    op.add_column("activity_waiting", sa.Column("channel", CODE))
    op.add_column("activity_waiting", sa.Column("activity_type", CODE))
    op.add_column("activity_waiting", sa.Column("activity_id", sa.Text()))
    op.add_column("activity_waiting", sa.Column("affiliation", CODE))
    told = ", ".join(
        f"{name} = (SELECT {name} FROM activity_line "  # noqa: S608
        "WHERE activity_line.activity_key = activity_waiting.activity_key)"
        for name in _COPIED
    )
    op.execute(f"UPDATE activity_waiting SET {told}")  # noqa: S608
    with op.batch_alter_table("activity_waiting") as waiting:
        for name in _NEEDED:
            waiting.alter_column(name, nullable=False)
    with op.batch_alter_table("operation") as operations:
        operations.drop_column("first_seq")
        operations.drop_column("last_seq")


def downgrade() -> None:
    with op.batch_alter_table("activity_waiting") as waiting:
        for name in _COPIED:
            waiting.drop_column(name)
    op.add_column("operation", sa.Column("first_seq", sa.BigInteger()))
    op.add_column("operation", sa.Column("last_seq", sa.BigInteger()))
    _tell_operations()
    with op.batch_alter_table("operation") as operations:
        operations.alter_column("first_seq", nullable=False)
        operations.alter_column("last_seq", nullable=False)


def _tell_operations() -> None:
    """Each by its entries; of those without a row the kind, which nobody asks for, is that of their
    entries. One without entries stands before the first of its card.
    """
    op.execute(
        "INSERT INTO operation (card_id, op_id, kind, posted_at) "
        "SELECT card_id, op_id, min(entry_type), min(posted_at) FROM ledger_entry "
        "GROUP BY card_id, op_id ON CONFLICT DO NOTHING"
    )
    for name, of in (("first_seq", "min(seq_no)"), ("last_seq", "max(seq_no)")):
        op.execute(
            f"UPDATE operation SET {name} = (SELECT {of} FROM ledger_entry "  # noqa: S608
            "WHERE ledger_entry.card_id = operation.card_id "
            "AND ledger_entry.op_id = operation.op_id)"
        )
    op.execute("UPDATE operation SET first_seq = 1, last_seq = 0 WHERE first_seq IS NULL")
