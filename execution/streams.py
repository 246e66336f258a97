"""GraphQL as an event stream: graphql-sse, one request for each operation ("distinct connections").

What is refused before the stream begins is answered in JSON with its status. Subscriptions and
queries are taken; mutations are not.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from execution import answers
from execution.answers import Answer, encode_json
from execution.faults import Faults
from execution.hooks import Caller
from execution.operations import (
    RECHECK_SECONDS,
    Admitted,
    Exchange,
    Operations,
    Result,
    entries_of,
    refuse_mutation,
)
from execution.refusal import BAD_REQUEST, RequestRefused
from execution.serving import ENDING
from execution.view import answer_of, answered, check_method, encoded, request_id

MEDIA_TYPE = "text/event-stream"
KEEP_ALIVE_SECONDS = 12.0

_COMPLETE = b"event: complete\ndata:\n\n"
_STILL_HERE = b":\n\n"


class EventStreams(Generic[Caller]):
    """Serves the operations at one path, as an ASGI application: `Route(path, streams)`."""

    def __init__(self, operations: Operations[Caller]) -> None:
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        faults = Faults(self._operations.hooks.present_error, request_id(request.headers))
        try:
            with self._operations.live.taken():
                serving = self._serve(request, faults, send)
                answer = await answered(serving, answers.GRAPHQL_JSON, faults)
        except RequestRefused as refusal:
            answer = answers.refused(refusal)
        except ClientDisconnect:
            return
        if answer is not None:
            await encoded(answer, answers.PLAIN_JSON, faults)(scope, receive, send)

    async def _serve(self, request: Request, faults: Faults, send: Send) -> Answer | None:
        """None: the stream was the answer."""
        exchange, admitted = await self._admitted(request, faults)
        async with aclosing(self._operations.results(exchange, admitted)) as results:
            first = await _next(results)
            if first is not None and not first.was_executed:
                return answer_of(first, answers.GRAPHQL_JSON)
            await _Stream(self._operations, request, faults, send).tell(first, results)
        return None

    async def _admitted(
        self, request: Request, faults: Faults
    ) -> tuple[Exchange[Caller], Admitted]:
        check_method(request.method)
        if not answers.accepts(request.headers.getlist("accept"), MEDIA_TYPE):
            raise RequestRefused(406, BAD_REQUEST, f"Accept {MEDIA_TYPE}.")
        caller = await self._operations.authenticated(request.headers)
        exchange = Exchange(caller, await self._operations.read(request, caller), faults)
        return exchange, await self._operations.admitted(exchange, refuse_mutation)


@dataclass(frozen=True, slots=True)
class _Stream(Generic[Caller]):
    operations: Operations[Caller]
    request: Request
    faults: Faults
    send: Send

    async def tell(self, first: Result | None, results: AsyncGenerator[Result, None]) -> None:
        await self.send({"type": "http.response.start", "status": 200, "headers": self._headers()})
        async with aclosing(self._chunks(first, results)) as chunks:
            async for chunk in chunks:
                await self.send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self.send({"type": "http.response.body", "body": b""})

    def _headers(self) -> list[tuple[bytes, bytes]]:
        told = {
            **answers.HEADERS,
            "Content-Type": f"{MEDIA_TYPE}; charset=utf-8",
            "X-Accel-Buffering": "no",
            "X-Request-Id": self.faults.request_id,
        }
        return [(name.lower().encode(), value.encode()) for name, value in told.items()]

    async def _chunks(
        self, first: Result | None, results: AsyncGenerator[Result, None]
    ) -> AsyncGenerator[bytes, None]:
        """Everything until the end; a stream that breaks off has no `complete`."""
        try:
            if first is not None:
                yield _event(answer_of(first, answers.PLAIN_JSON).payload)
            async with aclosing(self._followed(results)) as followed:
                async for chunk in followed:
                    yield chunk
        except _Broken:
            return
        except Exception as error:  # noqa: BLE001 - the last place where a fault can be silenced
            yield _event({"errors": entries_of(error, self.faults)})
        yield _COMPLETE

    async def _followed(self, results: AsyncGenerator[Result, None]) -> AsyncGenerator[bytes, None]:
        """What comes after the first result. Raises _Broken, and whatever ends the operation."""
        others = {asyncio.create_task(one) for one in (self._left(), self._withdrawn())}
        following = asyncio.create_task(_next(results))
        try:
            while True:
                awaited = {following, *others}
                done, _ = await asyncio.wait(
                    awaited, timeout=KEEP_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                for ended in done & others:
                    await ended
                if following not in done:
                    yield _STILL_HERE
                    continue
                result = await following
                if result is None:
                    return
                yield _event(answer_of(result, answers.PLAIN_JSON).payload)
                following = asyncio.create_task(_next(results))
        finally:
            await _ended({following, *others})

    async def _left(self) -> None:
        """Raises _Broken when the reader goes away, or the server wants to end."""
        ending = self.request.scope.get("state", {}).get(ENDING) or asyncio.Event()
        waiting = {asyncio.create_task(one) for one in (self._gone(), ending.wait())}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _ended(waiting)
        raise _Broken

    async def _gone(self) -> None:
        while (await self.request.receive())["type"] != "http.disconnect":
            pass

    async def _withdrawn(self) -> None:
        """Raises the refusal of credentials that are good no longer."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            refusal = await self.operations.withdrawn(self.request.headers)
            if refusal is not None:
                raise refusal


class _Broken(Exception):  # noqa: N818 - named for what has happened
    """Nobody reads on."""


async def _next(results: AsyncGenerator[Result, None]) -> Result | None:
    return await anext(results, None)


async def _ended(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _event(payload: Mapping[str, Any]) -> bytes:
    return b"event: next\ndata: " + encode_json(payload) + b"\n\n"
