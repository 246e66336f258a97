"""The ways in which a request is told "no" before or instead of an answer.

* RequestRefused: the whole request, with its HTTP status
* OperationRefused: an operation that is invalid or not permitted (execution/documents.py)
* InputRefused: one value the caller gave
  * MalformedId, MalformedCursor, PageArgumentRefused (execution/relay.py)
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

BAD_REQUEST = "BAD_REQUEST"
FORBIDDEN = "FORBIDDEN"
INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"
INVALID_INPUT = "INVALID_INPUT"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
RATE_LIMITED = "RATE_LIMITED"
TIMEOUT = "TIMEOUT"
UNAVAILABLE = "UNAVAILABLE"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
NO_EXTENSIONS: Mapping[str, Any] = MappingProxyType({})


class RequestRefused(Exception):  # noqa: N818 - named for what is wrong, as every refusal here
    """Nothing of the request is executed: it is answered with `status` and one error of `code`.

    The message and the headers reach the caller word for word, and so do `extensions`, those of
    the whole answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] = NO_HEADERS,
        extensions: Mapping[str, Any] = NO_EXTENSIONS,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
        self.extensions = extensions


class InputRefused(ValueError):  # noqa: N818 - the same
    """A value of the caller's is malformed: the field fails with INVALID_INPUT and this message.

    `argument` names the argument to blame, where one is.
    """

    def __init__(self, message: str, argument: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.argument = argument
