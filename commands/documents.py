"""Trusted documents: registered from a manifest, listed, removed."""

from argparse import Namespace
from pathlib import Path

from commands.database import on_database
from commands.outcomes import DONE, CommandFailed, say
from resolvers import trusted_documents
from resolvers.clock import system_clock
from resolvers.context import Context
from resolvers.trusted_documents import Entry


@on_database
async def register(context: Context, given: Namespace) -> int:
    entries = trusted_documents.read_manifest(_content(given.file))
    operations = _checked(entries)
    database = context.service.database
    new = await trusted_documents.register(database, entries, operations, system_clock())
    say(f"{new} documents registered, {len(entries) - new} were there already.")
    return DONE


@on_database
async def show(context: Context, _given: Namespace) -> int:
    for row in await trusted_documents.listed(context.service.database):
        day = row.registered_at.date().isoformat()
        say(f"sha256:{row.document_hash.hex()}  {day}  {row.operation or '-'}")
    return DONE


@on_database
async def remove(context: Context, given: Namespace) -> int:
    await trusted_documents.remove(context.service.database, given.hash)
    say(*(f"The document {named} is removed." for named in given.hash))
    return DONE


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}.") from error


def _checked(entries: list[Entry]) -> dict[str, str | None]:
    """The operations by what their documents are named. Says each fault, and raises
    CommandFailed.
    """
    # No other command needs the schema, which takes longer to load than most need to run.
    from schema.checked import check  # noqa: PLC0415

    operations: dict[str, str | None] = {}
    faults = []
    for entry in entries:
        operations[entry.named], found = check(entry.document)
        if not entry.is_true:
            found.insert(0, "this is not the SHA-256 of the document")
        faults += [f"{entry.named}: {fault}" for fault in found]
    if faults:
        say(*faults)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise CommandFailed(f"{count}: nothing was registered.")
    return operations
