"""What posting needs of a line stands where it waits; operations say only what entries do not."""

import msgspec
import sqlalchemy as sa
from alembic import op

from models.migrations.kinds import CODE, IDENTIFIER

revision = "0022"
down_revision = "0021"

_OUTBOX = sa.table(
    "outbox",
    sa.column("card_id", IDENTIFIER),
    sa.column("event_id", IDENTIFIER),
    sa.column("kind", CODE),
    sa.column("payload", sa.Text()),
)
_MEMBERS = msgspec.json.Decoder(list[list[msgspec.Raw]])
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
    _tell_without_instants()
    op.add_column("operation", sa.Column("first_seq", sa.BigInteger()))
    op.add_column("operation", sa.Column("last_seq", sa.BigInteger()))
    _tell_operations()
    with op.batch_alter_table("operation") as operations:
        operations.alter_column("first_seq", nullable=False)
        operations.alter_column("last_seq", nullable=False)


def _tell_without_instants() -> None:
    """Events that share a row of the outbox say their kind and payload, and no more."""
    connection = op.get_bind()
    place = sa.tuple_(_OUTBOX.c.card_id, _OUTBOX.c.event_id)
    several = sa.select(_OUTBOX).where(_OUTBOX.c.kind == "several").limit(1_000)
    page = several.order_by(_OUTBOX.c.card_id, _OUTBOX.c.event_id)
    rows = connection.execute(page).all()
    while rows:
        for row in rows:
            members = [member[:2] for member in _MEMBERS.decode(row.payload)]
            told = {"payload": msgspec.json.encode(members).decode()}
            of_row = (_OUTBOX.c.card_id == row.card_id, _OUTBOX.c.event_id == row.event_id)
            connection.execute(sa.update(_OUTBOX).where(*of_row).values(told))
        edge = sa.tuple_(
            sa.literal(rows[-1].card_id, IDENTIFIER), sa.literal(rows[-1].event_id, IDENTIFIER)
        )
        rows = connection.execute(page.where(place > edge)).all()


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
