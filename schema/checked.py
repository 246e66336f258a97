"""Whether documents could be executed: valid by the schema, and within the bounds of requests."""

from execution.documents import Documents, OperationRefused
from execution.limits import Limits
from execution.refusal import RequestRefused
from schema.schema import schema

_DOCUMENTS = Documents(schema._schema, Limits())  # noqa: SLF001 - Strawberry has no other name for it


def check(document: str) -> tuple[str | None, list[str]]:
    """The name of a document's one operation, and what is wrong with the document."""
    try:
        return _DOCUMENTS.prepare(document, None, is_suggesting=True).name, []
    except RequestRefused as refusal:
        return None, [refusal.message]
    except OperationRefused as refusal:
        return None, [
            f"{error.message} (line {error.locations[0].line})"
            if error.locations
            else error.message
            for error in refusal.errors
        ]
