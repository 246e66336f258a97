"""Operations from a request to their results, whatever transport brought them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Generic

import strawberry
from graphql import ExecutionResult, GraphQLError
from graphql.language import OperationType
from starlette.datastructures import Headers
from starlette.requests import Request

from execution import incoming
from execution.answers import Entry, error_entry
from execution.documents import Documents, OperationRefused, Prepared
from execution.faults import Faults
from execution.hooks import Caller, Hooks, Operation
from execution.incoming import GraphQLRequest
from execution.limits import Limits
from execution.persisted import PersistedDocuments
from execution.refusal import BAD_REQUEST, FORBIDDEN, TIMEOUT, RequestRefused
from execution.running import Places, Runner, deadline

REFUSED_COST = 10
"""What a document that is refused takes from the caller's allowance: it was parsed at least. One
that may not be executed at this door, or that introspects where that is closed, is refused too."""
RESULTS_AT_ONCE = 4
"""Results of subscriptions made at once: one change may have a thousand readers."""
RECHECK_SECONDS = 2.0
"""How often the credentials of what stays open are looked at."""
WITHDRAWN = frozenset({401, 403})
_UNFINISHED = "The operation did not end in time; whether a mutation took effect is unknown."


@dataclass(frozen=True, slots=True)
class Exchange(Generic[Caller]):
    """A request whose caller is known."""

    caller: Caller
    asked: GraphQLRequest
    faults: Faults


@dataclass(frozen=True, slots=True)
class Admitted:
    """An operation that may be executed."""

    prepared: Prepared
    operation: Operation


@dataclass(frozen=True, slots=True)
class Result:
    """`was_executed` is False where the variables were refused: no field has run then."""

    data: Mapping[str, Any] | None
    errors: Sequence[Entry]
    extensions: Mapping[str, Any]
    was_executed: bool


class Operations(Generic[Caller]):
    """What every door of one schema does with a request: all doors share its bounds."""

    def __init__(
        self,
        schema: strawberry.Schema,
        hooks: Hooks[Caller],
        *,
        limits: Limits | None = None,
        in_flight: int = 64,
        arrival_ms: int = 5_000,
        is_trusted_only: bool = False,
        live: int = 1_000,
    ) -> None:
        """Take `in_flight` requests at once; give each `arrival_ms` to be recognised and read; keep
        `live` sockets and streams open.

        With `is_trusted_only` nothing is executed but trusted documents.
        """
        self.hooks = hooks
        self.limits = limits or Limits()
        self.arrival_ms = arrival_ms
        self.runner = Runner(schema, in_flight=in_flight, errors_max=self.limits.errors)
        self.documents = Documents(self.runner.core, self.limits)
        self.persisted = PersistedDocuments(hooks.trusted_document, is_trusted_only=is_trusted_only)
        self.live = Places(live, "Too many streams at once: try again.")
        self._turn = asyncio.Semaphore(RESULTS_AT_ONCE)

    async def authenticated(self, headers: Headers) -> Caller:
        with self.runner.slots.taken():
            async with deadline(self.arrival_ms, _late("The caller was not recognised in time.")):
                return await self.hooks.authenticate(headers)

    async def withdrawn(self, headers: Headers) -> RequestRefused | None:
        """Why the credentials are good no longer; that nobody can say now is no reason."""
        try:
            await self.authenticated(headers)
        except RequestRefused as refusal:
            return refusal if refusal.status in WITHDRAWN else None
        return None

    async def read(self, request: Request, caller: Caller) -> GraphQLRequest:
        """Read the parameters; no place in flight is held, for the caller sets the pace here."""
        most_bytes = self.hooks.body_bytes(caller)
        if request.method == "GET":
            return incoming.of_query_string(request.scope["query_string"], most_bytes)
        incoming.check_media_type(request.headers)
        async with deadline(self.arrival_ms, _slow_body()):
            body = await incoming.read_body(request, most_bytes)
        return incoming.of_body(body)

    async def admitted(
        self, exchange: Exchange[Caller], check_kind: Callable[[OperationType], None]
    ) -> Admitted:
        """Raises RequestRefused or OperationRefused; `check_kind` is the door's own."""
        async with deadline(self.arrival_ms, _late("The operation was not admitted in time.")):
            try:
                prepared = await self._prepared(exchange)
                check_kind(prepared.kind)
            except (OperationRefused, RequestRefused):
                await self.hooks.admit(exchange.caller, REFUSED_COST)
                raise
            return Admitted(prepared, await self._permitted(exchange, prepared))

    async def _prepared(self, exchange: Exchange[Caller]) -> Prepared:
        asked, may_introspect = exchange.asked, self.hooks.may_introspect(exchange.caller)
        incoming.check_texts(asked)
        text = await self.persisted.text_of(asked)
        prepared = self.documents.prepare(text, asked.operation_name, is_suggesting=may_introspect)
        self.persisted.keep(asked)
        if prepared.walk.is_introspective and not may_introspect:
            raise OperationRefused([GraphQLError("Introspection is closed.")], FORBIDDEN)
        return prepared

    async def _permitted(self, exchange: Exchange[Caller], prepared: Prepared) -> Operation:
        """Refuse what must not be executed, from the cheapest question to the dearest."""
        caller = exchange.caller
        operation = Operation(
            request_id=exchange.faults.request_id,
            name=prepared.name,
            kind=prepared.kind,
            selected=prepared.selected,
            cost=prepared.walk.cost(exchange.asked.variables, self.limits),
            extensions=exchange.asked.extensions,
        )
        operation = await self._paid(caller, operation)
        self._check_cost(operation)
        errors = self.hooks.authorise(caller, operation)
        if errors:
            raise OperationRefused(errors[: self.limits.errors], FORBIDDEN)
        return operation

    async def _paid(self, caller: Caller, operation: Operation) -> Operation:
        told = await self.hooks.admit(caller, min(operation.cost, self.limits.cost))
        return replace(operation, allowance=told)

    def _check_cost(self, operation: Operation) -> None:
        if operation.cost > self.limits.cost:
            raise RequestRefused(
                400,
                BAD_REQUEST,
                f"The operation costs {operation.cost}, more than {self.limits.cost}.",
                extensions=self._told(operation),
            )

    def _told(self, operation: Operation) -> Mapping[str, Any]:
        cost = {"requested": operation.cost, "limit": self.limits.cost, **operation.allowance}
        return {"cost": cost}

    async def executed(self, exchange: Exchange[Caller], admitted: Admitted) -> Result:
        """The result of a query or mutation."""
        with self.runner.slots.taken():
            return await self._executed(exchange, admitted, None)

    async def _executed(
        self, exchange: Exchange[Caller], admitted: Admitted, root: object
    ) -> Result:
        operation = admitted.operation
        async with (
            deadline(self.hooks.deadline_ms(operation), _late(_UNFINISHED)),
            self.hooks.context(exchange.caller, operation) as context,
        ):
            result = await self.runner.execute(
                admitted.prepared,
                exchange.asked.variables,
                context,
                root=root,
                is_suggesting=self.hooks.may_introspect(exchange.caller),
                extensions=operation.extensions,
            )
        return self._result(exchange, operation, result)

    async def results(
        self, exchange: Exchange[Caller], admitted: Admitted
    ) -> AsyncGenerator[Result, None]:
        """The one of a query; of a subscription each, and one without data is the last.

        Each event is executed as a query is, in a context of its own, and taken from the caller's
        allowance. Nothing is made in advance: who reads slowly is told the newest state.
        """
        if admitted.prepared.kind is not OperationType.SUBSCRIPTION:
            yield await self.executed(exchange, admitted)
            return
        source = await self._source(exchange, admitted)
        if isinstance(source, Result):
            yield source
            return
        is_paid = True
        async with aclosing(source) as events:
            async for event in events:
                if not is_paid:
                    operation = await self._paid(exchange.caller, admitted.operation)
                    admitted = replace(admitted, operation=operation)
                async with self._turn:
                    result = await self._executed(exchange, admitted, event)
                yield result
                if result.data is None:
                    return
                is_paid = False

    async def _source(self, exchange: Exchange[Caller], admitted: Admitted) -> Any:
        """An asynchronous generator of events; a Result where there is none."""
        operation = admitted.operation
        with self.runner.slots.taken():
            async with (
                deadline(self.hooks.deadline_ms(operation), _late(_UNFINISHED)),
                self.hooks.context(exchange.caller, operation) as context,
            ):
                source = await self.runner.source(
                    admitted.prepared,
                    exchange.asked.variables,
                    context,
                    is_suggesting=self.hooks.may_introspect(exchange.caller),
                    extensions=operation.extensions,
                )
        if isinstance(source, ExecutionResult):
            return self._result(exchange, operation, source)
        return source

    def _result(
        self, exchange: Exchange[Caller], operation: Operation, result: ExecutionResult
    ) -> Result:
        """Tell the result. Errors without a path are of the variables: no field has run then, and
        how many more there are nobody has counted.
        """
        found, most = result.errors or [], self.limits.errors
        entries = exchange.faults.of_fields(found[:most])
        extensions = self._told(operation)
        was_executed = result.data is not None or not found or found[0].path is not None
        if was_executed and len(found) > most:
            extensions = {**extensions, "errorsOmitted": len(found) - most}
        return Result(result.data, entries, extensions, was_executed)


def entries_of(error: Exception, faults: Faults) -> list[Entry]:
    """Errors as a caller is told them where there is no HTTP status to tell more."""
    match error:
        case RequestRefused():
            return [_entry_of(error)]
        case OperationRefused():
            return [{**one.formatted} for one in error.errors]
        case _:
            return [faults.of_exception(error)]


def _entry_of(refusal: RequestRefused) -> Entry:
    seconds = refusal.headers.get("Retry-After")
    more = {} if seconds is None else {"retryAfter": int(seconds)}
    return error_entry(refusal.code, refusal.message, {**refusal.extensions, **more})


def refuse_mutation(kind: OperationType) -> None:
    """Mutations go where their answer has a status, and outlives the connection."""
    if kind is OperationType.MUTATION:
        raise RequestRefused(400, BAD_REQUEST, "Send mutations by POST, not over a stream.")


def _late(message: str) -> RequestRefused:
    return RequestRefused(504, TIMEOUT, message)


def _slow_body() -> RequestRefused:
    message = "The body did not arrive in time."
    return RequestRefused(408, TIMEOUT, message, {"Connection": "close"})
