"""The HTTP endpoint: GraphQL over HTTP, every answer JSON, every error coded."""

import asyncio
import re
from collections.abc import Awaitable
from typing import Any, Generic, TypeVar
from uuid import uuid4

import strawberry
from graphql.language import OperationType
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from execution import answers
from execution.answers import Answer
from execution.documents import OperationRefused
from execution.faults import Faults
from execution.hooks import Caller, Hooks
from execution.limits import refuse
from execution.operations import Admitted, Exchange, Operations, Result
from execution.refusal import BAD_REQUEST, TIMEOUT, RequestRefused

T = TypeVar("T")

CUT_OFF = answers.refused(
    RequestRefused(
        504, TIMEOUT, "The service ends; whether a mutation takes effect is not known yet."
    )
)
"""What is said when the server ends and waits no longer: it cancels what is under way then."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class GraphQLEndpoint(Generic[Caller]):
    """Serves a schema at one path, as an ASGI application: `Route("/graphql", endpoint)`.

    Queries may come by GET without a preflight: credentials travel in the Authorization header
    alone, never in cookies, so that a foreign page has none to misuse; and a GET changes nothing.
    """

    def __init__(self, schema: strawberry.Schema, hooks: Hooks[Caller], **bounds: Any) -> None:
        """`bounds` are those of Operations."""
        self.operations = Operations(schema, hooks, **bounds)

    async def drain(self) -> None:
        """Wait for operations whose callers went away; call it when the application ends."""
        await self.operations.runner.drain()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        faults = Faults(self.operations.hooks.present_error, request_id(request.headers))
        accepted = answers.negotiate(request.headers.getlist("accept"))
        media_type = accepted or answers.PLAIN_JSON
        try:
            answer = await answered(self._handle(request, accepted, faults), media_type, faults)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            await encoded(CUT_OFF, media_type, faults)(scope, receive, send)
            raise
        await encoded(answer, media_type, faults)(scope, receive, send)

    async def _handle(self, request: Request, accepted: str | None, faults: Faults) -> Answer:
        check_method(request.method)
        if accepted is None:
            raise RequestRefused(406, BAD_REQUEST, f"Accept {answers.GRAPHQL_JSON}.")
        caller = await self.operations.authenticated(request.headers)
        asked = await self.operations.read(request, caller)
        exchange = Exchange(caller, asked, faults)
        admitted = await self.operations.admitted(
            exchange, lambda kind: _check_kind(kind, request.method)
        )
        work = answered(self._run(exchange, admitted, accepted), accepted, faults)
        return await self.operations.runner.detached(work)

    async def _run(self, exchange: Exchange[Caller], admitted: Admitted, media_type: str) -> Answer:
        return answer_of(await self.operations.executed(exchange, admitted), media_type)


def answer_of(result: Result, media_type: str) -> Answer:
    if result.was_executed:
        return answers.executed(result.data, result.errors, result.extensions)
    return answers.failed(result.errors, media_type, result.extensions)


async def answered(work: Awaitable[T], media_type: str, faults: Faults) -> T | Answer:
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


def encoded(answer: Answer, media_type: str, faults: Faults) -> Response:
    try:
        return answer.response(media_type, faults.request_id)
    except (TypeError, ValueError, RecursionError) as error:
        failed = answers.failed([faults.of_exception(error)], media_type)
        return failed.response(media_type, faults.request_id)


def request_id(headers: Headers) -> str:
    """Take the caller's id for the request where it is one and safe to log, else make one."""
    told = headers.getlist("x-request-id")
    return told[0] if len(told) == 1 and _REQUEST_ID.fullmatch(told[0]) else uuid4().hex


def check_method(method: str) -> None:
    if method not in {"GET", "POST"}:
        raise RequestRefused(
            405, BAD_REQUEST, "Use POST, or GET for queries.", {"Allow": "GET, POST"}
        )


def _check_kind(kind: OperationType, method: str) -> None:
    if kind is OperationType.SUBSCRIPTION:
        refuse("Subscriptions are not answered here: they need a stream.")
    if kind is OperationType.MUTATION and method == "GET":
        raise RequestRefused(405, BAD_REQUEST, "Send mutations by POST.", {"Allow": "POST"})
