"""A GraphQL request out of an HTTP request: media types, body, query string, and their refusals."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request

from execution.limits import refuse
from execution.nesting import is_deeper
from execution.refusal import BAD_REQUEST, INVALID_INPUT, RequestRefused

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*(?:"
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F])"
)
# What the pattern above can only begin with: searching for this is a hundred times quicker.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# In JSON there is no other way to write U+0000.
NUL = b"\\u0000"
_PARAMETERS_MAX = 16
# How deep the decoder itself goes depends on the interpreter.
DEEPEST = 128


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """The parameters of one request; fractions in `variables` are Decimals.

    `query` is None where the document is but named, by `document_id` or in the extensions.
    """

    query: str | None
    operation_name: str | None
    variables: Mapping[str, Any]
    extensions: Mapping[str, Any]
    document_id: str | None = None
    may_have_nul: bool = True


def check_media_type(headers: Headers) -> None:
    """Refuse with 415 a body that is not plainly JSON in UTF-8."""
    types = headers.getlist("content-type")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if len(types) != 1 or not _is_json(types[0]) or encoding != "identity":
        raise RequestRefused(
            415,
            BAD_REQUEST,
            "Send application/json in UTF-8, not encoded further.",
            {"Accept-Post": "application/json"},
        )


def _is_json(content_type: str) -> bool:
    name, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset=")]
    return name == "application/json" and all(charset == "utf-8" for charset in charsets)


async def read_body(request: Request, most_bytes: int) -> bytes:
    """Read the body, no further than `most_bytes`: beyond them 413."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told[:18]) > most_bytes:
        raise _too_large(most_bytes)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise _too_large(most_bytes)
    return bytes(body)


def _too_large(most_bytes: int) -> RequestRefused:
    return RequestRefused(
        413, BAD_REQUEST, f"The body has more than {most_bytes} bytes.", {"Connection": "close"}
    )


def of_body(body: bytes) -> GraphQLRequest:
    """Read the parameters of a POST."""
    content = decode(body, "The body")
    if isinstance(content, list):
        refuse("Batches are not taken: send one operation a request.")
    if not isinstance(content, dict):
        refuse("The body is a JSON object.")
    return of_members(content, may_have_nul=NUL in body)


def of_query_string(query_string: bytes, most_bytes: int) -> GraphQLRequest:
    """Read the parameters of a GET; those left blank count as left out."""
    if len(query_string) > most_bytes:
        raise RequestRefused(414, BAD_REQUEST, "The query string is too long.")
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), errors="strict", max_num_fields=_PARAMETERS_MAX
        )
    except ValueError as error:
        raise RequestRefused(400, BAD_REQUEST, "The query string is malformed.") from error
    content: dict[str, Any] = dict(pairs)
    if len(content) != len(pairs):
        refuse("A parameter stands in the query string twice.")
    for name in ("variables", "extensions"):
        if name in content:
            content[name] = decode(content[name].encode(), name)
    return of_members(content)


def decode(content: bytes, what: str) -> Any:
    """Decode JSON. msgspec refuses what is not strict JSON in UTF-8, in one of several ways."""
    try:
        value = _DECODER.decode(content)
    except (ValueError, ArithmeticError, RecursionError) as error:
        # A lone surrogate is well-formed JSON and yet no text: a bad value, not a bad body.
        is_text = _SURROGATE.search(content) is None or _LONE_SURROGATE.search(content) is None
        code = BAD_REQUEST if is_text else INVALID_INPUT
        raise RequestRefused(400, code, f"{what} is no JSON that this service reads.") from error
    # Every level begins with a bracket.
    if content.count(b"{") + content.count(b"[") > DEEPEST and is_deeper(value, DEEPEST, _inside):
        refuse(f"{what} is nested at most {DEEPEST} levels deep.")
    return value


def _inside(value: object) -> list[object]:
    """The lists and objects in one."""
    if isinstance(value, dict):
        return [one for one in value.values() if isinstance(one, dict | list)]
    if isinstance(value, list):
        return [one for one in value if isinstance(one, dict | list)]
    return []


def of_members(content: dict[str, Any], *, may_have_nul: bool = True) -> GraphQLRequest:
    """Read the parameters out of decoded JSON."""
    document_id = _text(content, "documentId")
    extensions = _object(content, "extensions")
    query = content.get("query")
    is_named = document_id is not None or extensions.get("persistedQuery") is not None
    if (query is not None or not is_named) and (not isinstance(query, str) or not query):
        refuse("Give a query: a string with one GraphQL document.")
    name = _text(content, "operationName")
    variables = _object(content, "variables")
    return GraphQLRequest(query, name, variables, extensions, document_id, may_have_nul)


def _text(content: dict[str, Any], name: str) -> str | None:
    value = content.get(name)
    if value is not None and not isinstance(value, str):
        refuse(f"{name} is a string or null.")
    return value


def _object(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        refuse(f"{name} is an object or null.")
    return value


def check_texts(asked: GraphQLRequest) -> None:
    """Refuse variables with U+0000 in any string or key: no database takes it."""
    stack: list[object] = [asked.variables] if asked.may_have_nul else []
    while stack:
        match stack.pop():
            case str(text) if "\0" in text:
                raise RequestRefused(400, INVALID_INPUT, "A string of the variables has U+0000.")
            case dict() as members:
                stack += members
                stack += members.values()
            case list() as items:
                stack += items
