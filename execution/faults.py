"""Errors as a caller may see them: with a code, and silent about faults of our own."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphql import GraphQLError
from strawberry.exceptions import StrawberryInputCoercionError

from execution.answers import Entry, error_entry
from execution.hooks import Presented
from execution.refusal import INTERNAL_SERVER_ERROR, INVALID_INPUT, InputRefused

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Faults:
    """Tells what went wrong in one request: `present` knows the application's exceptions."""

    present: Callable[[Exception], Presented | None]
    request_id: str

    def of_exception(self, error: Exception) -> Entry:
        """Tell of an exception outside any field."""
        presented = self._presented(error)
        if presented is None:
            _LOG.error("Request %s failed.", self.request_id, exc_info=error)
            presented = self._silent()
        return error_entry(*presented)

    def of_fields(self, errors: Sequence[GraphQLError]) -> list[Entry]:
        """Tell of errors that graphql-core gathered."""
        return [self._of_field(error) for error in errors]

    def _of_field(self, error: GraphQLError) -> Entry:
        cause = error.original_error or error
        if isinstance(cause, GraphQLError):
            presented = _of_graphql(error, cause)
        else:
            presented = self._presented(cause)
        if presented is None:
            _LOG.error(
                "Field %s of request %s failed.", error.path, self.request_id, exc_info=cause
            )
            presented = self._silent()
        return {**error.formatted, **error_entry(*presented)}

    def _presented(self, error: Exception) -> Presented | None:
        presented = self.present(error)
        if presented is None and isinstance(error, InputRefused):
            blamed = {"argument": error.argument} if error.argument else {}
            return Presented(INVALID_INPUT, error.message, blamed)
        return presented

    def _silent(self) -> Presented:
        return Presented(INTERNAL_SERVER_ERROR, "Internal error.", {"requestId": self.request_id})


def _of_graphql(error: GraphQLError, cause: GraphQLError) -> Presented | None:
    """Tell a GraphQLError that was raised with a code, or by graphql-core about the input.

    graphql-core blames a variable before any field has run, so without a path, and an argument
    with the node of its value. What it says of a value that a resolver gave has neither: a fault.
    """
    extensions = dict(cause.extensions or {})
    if "code" in extensions:
        return Presented(str(extensions.pop("code")), cause.message, extensions)
    if error.path is None or cause.nodes or isinstance(cause, StrawberryInputCoercionError):
        return Presented(INVALID_INPUT, error.message)
    return None
