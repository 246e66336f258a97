"""What the endpoint asks of the application, and what it tells it of an operation."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from graphql import GraphQLError
from graphql.language import OperationType
from starlette.datastructures import Headers

from execution.cost import Selected
from execution.refusal import NO_EXTENSIONS

Caller = TypeVar("Caller")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation about to be executed.

    `selected` are the fields it selects on any path, each once: the type they stand on as the
    document has it (an interface where it says so), their name, the name of their type.
    `allowance` is what `admit` told of it.
    """

    request_id: str
    name: str | None
    kind: OperationType
    selected: frozenset[Selected]
    cost: int
    extensions: Mapping[str, Any] = field(default_factory=dict)
    allowance: Mapping[str, Any] = field(default_factory=dict)


class Presented(NamedTuple):
    """An exception as the caller may see it."""

    code: str
    message: str
    extensions: Mapping[str, Any] = {}


async def _admit_all(_caller: object, _cost: int) -> Mapping[str, Any]:
    """Bound nothing."""
    return NO_EXTENSIONS


def _allow_all(_caller: object, _operation: Operation) -> Sequence[GraphQLError]:
    return ()


async def _trust_nothing(_hash: str) -> str | None:
    return None


def _present_nothing(_error: Exception) -> Presented | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks(Generic[Caller]):
    """What the application decides about a request, in the order of asking.

    * `authenticate` learns the caller from the headers, all of them and raw: two credentials are
      for it to refuse. It and `admit` may raise RequestRefused.
    * `body_bytes` bounds the body (of a GET: the query string) by caller.
    * `trusted_document` gives the document of this SHA-256 (hexadecimal) that was registered.
    * `may_introspect` opens `__schema`, `__type`, `_service` and suggestions to a caller.
    * `admit` takes the cost from the caller's allowance, and gives what `extensions.cost` is to
      tell of it; refused documents have a cost, too.
    * `authorise` gives the errors of what the caller has no right to; any at all and nothing is
      executed. Their code is FORBIDDEN unless their extensions have another.
    * `deadline_ms` bounds one operation.
    * `context` opens what the resolvers share, and closes it whatever happened.
    * `present_error` translates an exception that a resolver or the context raised. None means a
      fault: the caller learns nothing but the request id, the log everything.
    """

    authenticate: Callable[[Headers], Awaitable[Caller]]
    context: Callable[[Caller, Operation], AbstractAsyncContextManager[Any]]
    body_bytes: Callable[[Caller], int] = lambda _caller: 256 * 1024
    trusted_document: Callable[[str], Awaitable[str | None]] = _trust_nothing
    may_introspect: Callable[[Caller], bool] = lambda _caller: False
    admit: Callable[[Caller, int], Awaitable[Mapping[str, Any]]] = _admit_all
    authorise: Callable[[Caller, Operation], Sequence[GraphQLError]] = _allow_all
    deadline_ms: Callable[[Operation], int] = lambda _operation: 5_000
    present_error: Callable[[Exception], Presented | None] = _present_nothing
