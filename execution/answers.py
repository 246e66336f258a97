"""Answers: media type and status by the GraphQL over HTTP specification, and always JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import msgspec
from starlette.responses import Response

from execution.refusal import (
    BAD_REQUEST,
    FORBIDDEN,
    INTERNAL_SERVER_ERROR,
    NO_EXTENSIONS,
    NO_HEADERS,
    RATE_LIMITED,
    TIMEOUT,
    UNAVAILABLE,
    RequestRefused,
)

Entry: TypeAlias = dict[str, Any]
"""An error as it is told: message, extensions with a code, perhaps locations and path."""

GRAPHQL_JSON: Final = "application/graphql-response+json"
PLAIN_JSON: Final = "application/json"
"""The media types of answers, see `negotiate`."""

_STATUSES: Final[Mapping[str, int]] = {
    "UNAUTHENTICATED": 401,
    FORBIDDEN: 403,
    RATE_LIMITED: 429,
    INTERNAL_SERVER_ERROR: 500,
    UNAVAILABLE: 503,
    TIMEOUT: 504,
}
_ENCODER = msgspec.json.Encoder(decimal_format="number")
HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _Range:
    """A media range of an Accept header with its quality in thousandths."""

    name: str
    quality: int


def negotiate(accept: Iterable[str]) -> str | None:
    """Choose the media type of the answer; None if the caller accepts neither.

    By quality; of two that are named and equally good the newer. A wildcard, or no header at all,
    means application/json: clients that know the newer type name it.
    """
    ranges = [one for header in accept for one in _ranges(header)]
    if not ranges:
        return PLAIN_JSON
    graphql, plain = _quality(ranges, GRAPHQL_JSON), _quality(ranges, PLAIN_JSON)
    if not (graphql or plain):
        return None
    is_named = any(one.name == GRAPHQL_JSON for one in ranges)
    return GRAPHQL_JSON if graphql > plain or (graphql == plain and is_named) else PLAIN_JSON


def accepts(accept: Iterable[str], media_type: str) -> bool:
    """Whether an answer of this type is welcome; without any header it is."""
    ranges = [one for header in accept for one in _ranges(header)]
    return not ranges or _quality(ranges, media_type) > 0


def encode_json(value: object) -> bytes:
    """Raises TypeError, ValueError or RecursionError for what is no JSON."""
    return _ENCODER.encode(value)


def _ranges(header: str) -> list[_Range]:
    ranges = []
    for text in header.split(","):
        name, *parameters = (part.strip().lower() for part in text.split(";"))
        if name:
            ranges.append(_Range(name, _thousandths(parameters)))
    return ranges


def _thousandths(parameters: list[str]) -> int:
    """Read the quality; what cannot be read does not lessen it."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        whole, _, fraction = value.strip().partition(".")
        if name.strip() == "q" and whole == "0" and (fraction or "0").isdecimal():
            return int(fraction[:3].ljust(3, "0"))
    return 1000


def _quality(ranges: list[_Range], media_type: str) -> int:
    """Give the quality of the most specific range that takes in `media_type`, 0 without any."""
    for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        found = [one.quality for one in ranges if one.name == name]
        if found:
            return max(found)
    return 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What will be said: a payload, its status and headers beside the usual ones."""

    status: int
    payload: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self, media_type: str, request_id: str) -> Response:
        """Encode. Raises TypeError or ValueError for what is no JSON: a resolver is at fault."""
        return Response(
            encode_json(self.payload),
            status_code=self.status,
            headers={
                **HEADERS,
                "Content-Type": f"{media_type}; charset=utf-8",
                "X-Request-Id": request_id,
                **self.headers,
            },
        )


def error_entry(code: str, message: str, extensions: Mapping[str, Any] = NO_EXTENSIONS) -> Entry:
    """Give an error that blames no place of the document."""
    return {"message": message, "extensions": {"code": code, **extensions}}


def refused(refusal: RequestRefused) -> Answer:
    """Answer a request that is refused as a whole."""
    entry = error_entry(refusal.code, refusal.message)
    payload = {"errors": [entry], **_extensions(refusal.extensions)}
    return Answer(refusal.status, payload, refusal.headers)


def failed(
    errors: Sequence[Entry], media_type: str, extensions: Mapping[str, Any] = NO_EXTENSIONS
) -> Answer:
    """Answer a well-formed request that was not executed: no data, and errors with codes.

    The status is that of the first error's code. Plain JSON has 200 for what only GraphQL calls an
    error, as its older clients do not read bodies of other statuses; what HTTP has a meaning for
    beyond "bad" and "forbidden" keeps its status.
    """
    code = errors[0]["extensions"]["code"]
    status = _STATUSES.get(code, 400)
    if media_type == PLAIN_JSON and status in {400, 403} and code != BAD_REQUEST:
        status = 200
    headers = {"Retry-After": "1"} if code == UNAVAILABLE else NO_HEADERS
    return Answer(status, {"errors": errors, **_extensions(extensions)}, headers)


def executed(
    data: Mapping[str, Any] | None, errors: Sequence[Entry], extensions: Mapping[str, Any]
) -> Answer:
    """Answer an operation that was executed, be its data null."""
    told = {"errors": errors} if errors else {}
    return Answer(200, {**told, "data": data, **_extensions(extensions)})


def _extensions(extensions: Mapping[str, Any]) -> dict[str, Any]:
    return {"extensions": extensions} if extensions else {}
