"""The HTTP endpoint: GraphQL over HTTP, every answer JSON, every error coded."""

import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic
from uuid import uuid4

import strawberry
from graphql import ExecutionResult, GraphQLError
from graphql.language import OperationType
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from execution import answers, incoming
from execution.answers import Answer
from execution.documents import Documents, OperationRefused, Prepared
from execution.faults import Faults
from execution.hooks import Caller, Hooks, Operation
from execution.incoming import GraphQLRequest
from execution.limits import Limits, refuse
from execution.persisted import PersistedDocuments
from execution.refusal import BAD_REQUEST, FORBIDDEN, TIMEOUT, RequestRefused
from execution.running import Runner, deadline

REFUSED_COST = 10
"""What a document that is refused takes from the caller's allowance: it was parsed at least."""

_UNFINISHED = "The operation did not end in time; whether a mutation took effect is unknown."
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Exchange(Generic[Caller]):
    """A request whose caller is known, on its way to an answer."""

    caller: Caller
    asked: GraphQLRequest
    method: str
    media_type: str
    faults: Faults


class GraphQLEndpoint(Generic[Caller]):
    """Serves a schema at one path, as an ASGI application: `Route("/graphql", endpoint)`.

    Queries may come by GET without a preflight: credentials travel in the Authorization header
    alone, never in cookies, so that a foreign page has none to misuse; and a GET changes nothing.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        hooks: Hooks[Caller],
        *,
        limits: Limits | None = None,
        in_flight: int = 64,
        arrival_ms: int = 5_000,
        is_trusted_only: bool = False,
    ) -> None:
        """Take `in_flight` requests at once; give each `arrival_ms` to be recognised and read.

        With `is_trusted_only` nothing is executed but trusted documents.
        """
        self._hooks = hooks
        self._limits = limits or Limits()
        self._arrival_ms = arrival_ms
        self._runner = Runner(schema, in_flight=in_flight, errors_max=self._limits.errors)
        self.documents = Documents(self._runner.core, self._limits)
        self.persisted = PersistedDocuments(hooks.trusted_document, is_trusted_only=is_trusted_only)

    async def drain(self) -> None:
        """Wait for operations whose callers went away; call it when the application ends."""
        await self._runner.drain()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        faults = Faults(self._hooks.present_error, _request_id(request.headers))
        accepted = answers.negotiate(request.headers.getlist("accept"))
        media_type = accepted or answers.PLAIN_JSON
        try:
            answer = await _answered(self._handle(request, accepted, faults), media_type, faults)
        except ClientDisconnect:
            return
        await _encoded(answer, media_type, faults)(scope, receive, send)

    async def _handle(self, request: Request, accepted: str | None, faults: Faults) -> Answer:
        _check_method(request.method)
        if accepted is None:
            raise RequestRefused(406, BAD_REQUEST, f"Accept {answers.GRAPHQL_JSON}.")
        caller = await self._authenticated(request.headers)
        asked = await self._read(request, caller)
        exchange = _Exchange(caller, asked, request.method, accepted, faults)
        async with deadline(self._arrival_ms, _late("The operation was not admitted in time.")):
            prepared = await self._prepared(exchange)
            operation = await self._permitted(exchange, prepared)
        work = self._run(exchange, prepared, operation)
        return await self._runner.detached(_answered(work, accepted, faults))

    async def _authenticated(self, headers: Headers) -> Caller:
        with self._runner.slot():
            async with deadline(self._arrival_ms, _late("The caller was not recognised in time.")):
                return await self._hooks.authenticate(headers)

    async def _read(self, request: Request, caller: Caller) -> GraphQLRequest:
        """Read the parameters; no place in flight is held, for the caller sets the pace here."""
        most_bytes = self._hooks.body_bytes(caller)
        if request.method == "GET":
            return incoming.of_query_string(request.scope["query_string"], most_bytes)
        incoming.check_media_type(request.headers)
        async with deadline(self._arrival_ms, _slow_body()):
            body = await incoming.read_body(request, most_bytes)
        return incoming.of_body(body)

    async def _prepared(self, exchange: _Exchange[Caller]) -> Prepared:
        asked, caller = exchange.asked, exchange.caller
        try:
            incoming.check_texts(asked)
            prepared = self.documents.prepare(
                await self.persisted.text_of(asked),
                asked.operation_name,
                is_suggesting=self._hooks.may_introspect(caller),
            )
        except (OperationRefused, RequestRefused):
            await self._hooks.admit(caller, REFUSED_COST)
            raise
        self.persisted.keep(asked)
        return prepared

    async def _permitted(self, exchange: _Exchange[Caller], prepared: Prepared) -> Operation:
        """Refuse what must not be executed, from the cheapest question to the dearest."""
        caller = exchange.caller
        _check_kind(prepared.kind, exchange.method)
        if prepared.walk.is_introspective and not self._hooks.may_introspect(caller):
            raise OperationRefused([GraphQLError("Introspection is closed.")], FORBIDDEN)
        operation = Operation(
            request_id=exchange.faults.request_id,
            name=prepared.name,
            kind=prepared.kind,
            selected=prepared.selected,
            cost=prepared.walk.cost(exchange.asked.variables, self._limits),
            extensions=exchange.asked.extensions,
        )
        told = await self._hooks.admit(caller, min(operation.cost, self._limits.cost))
        operation = replace(operation, allowance=told)
        self._check_cost(operation)
        errors = self._hooks.authorise(caller, operation)
        if errors:
            raise OperationRefused(errors[: self._limits.errors], FORBIDDEN)
        return operation

    def _check_cost(self, operation: Operation) -> None:
        if operation.cost > self._limits.cost:
            raise RequestRefused(
                400,
                BAD_REQUEST,
                f"The operation costs {operation.cost}, more than {self._limits.cost}.",
                extensions=self._told(operation),
            )

    def _told(self, operation: Operation) -> Mapping[str, Any]:
        cost = {"requested": operation.cost, "limit": self._limits.cost, **operation.allowance}
        return {"cost": cost}

    async def _run(
        self, exchange: _Exchange[Caller], prepared: Prepared, operation: Operation
    ) -> Answer:
        milliseconds = self._hooks.deadline_ms(operation)
        with self._runner.slot():
            async with (
                deadline(milliseconds, _late(_UNFINISHED)),
                self._hooks.context(exchange.caller, operation) as context,
            ):
                result = await self._runner.execute(
                    prepared,
                    exchange.asked.variables,
                    context,
                    is_suggesting=self._hooks.may_introspect(exchange.caller),
                    extensions=operation.extensions,
                )
        return self._answer(exchange, result, self._told(operation))

    def _answer(
        self, exchange: _Exchange[Caller], result: ExecutionResult, extensions: Mapping[str, Any]
    ) -> Answer:
        """Tell the result. Errors without a path are of the variables: no field has run then."""
        found, most = result.errors or [], self._limits.errors
        entries = exchange.faults.of_fields(found[:most])
        if len(found) > most:
            extensions = {**extensions, "errorsOmitted": len(found) - most}
        if result.data is None and found and found[0].path is None:
            return answers.failed(entries, exchange.media_type, extensions)
        return answers.executed(result.data, entries, extensions)


async def _answered(work: Awaitable[Answer], media_type: str, faults: Faults) -> Answer:
    """Await an answer, and make one of whatever is raised instead but a caller's going away."""
    try:
        return await work
    except RequestRefused as refusal:
        return answers.refused(refusal)
    except OperationRefused as refusal:
        return answers.failed([{**error.formatted} for error in refusal.errors], media_type)
    except ClientDisconnect:
        raise
    except Exception as error:  # noqa: BLE001 - the last place where a fault can be silenced
        return answers.failed([faults.of_exception(error)], media_type)


def _encoded(answer: Answer, media_type: str, faults: Faults) -> Response:
    try:
        return answer.response(media_type, faults.request_id)
    except (TypeError, ValueError, RecursionError) as error:
        failed = answers.failed([faults.of_exception(error)], media_type)
        return failed.response(media_type, faults.request_id)


def _late(message: str) -> RequestRefused:
    return RequestRefused(504, TIMEOUT, message)


def _slow_body() -> RequestRefused:
    message = "The body did not arrive in time."
    return RequestRefused(408, TIMEOUT, message, {"Connection": "close"})


def _request_id(headers: Headers) -> str:
    """Take the caller's id for the request where it is one and safe to log, else make one."""
    told = headers.getlist("x-request-id")
    return told[0] if len(told) == 1 and _REQUEST_ID.fullmatch(told[0]) else uuid4().hex


def _check_method(method: str) -> None:
    if method not in {"GET", "POST"}:
        raise RequestRefused(
            405, BAD_REQUEST, "Use POST, or GET for queries.", {"Allow": "GET, POST"}
        )


def _check_kind(kind: OperationType, method: str) -> None:
    if kind is OperationType.SUBSCRIPTION:
        refuse("Subscriptions are not answered here: they need a stream.")
    if kind is OperationType.MUTATION and method == "GET":
        raise RequestRefused(405, BAD_REQUEST, "Send mutations by POST.", {"Allow": "POST"})
