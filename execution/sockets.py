"""GraphQL over WebSocket: the protocol graphql-transport-ws with its close codes, and no other.

Whatever a frame holds, the socket answers or closes. Subscriptions and queries are taken, under the
bounds and rights of the HTTP endpoint; mutations are not.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any, Generic

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from execution import answers, incoming
from execution.answers import Entry, encode_json, error_entry
from execution.faults import Faults
from execution.hooks import Caller
from execution.operations import (
    RECHECK_SECONDS,
    Exchange,
    Operations,
    Result,
    entries_of,
    refuse_mutation,
)
from execution.refusal import BAD_REQUEST, FORBIDDEN, RequestRefused
from execution.view import answer_of, request_id

PROTOCOL = "graphql-transport-ws"
OPERATIONS_MAX = 20
INIT_BYTES = 16 * 1024
"""What a message may have before the caller is known."""
ID_CHARACTERS_MAX = 128
REASON_BYTES_MAX = 123

MALFORMED = 4400
NOT_ACKNOWLEDGED = 4401
REJECTED = 4403
NO_PROTOCOL = 4406
INIT_LATE = 4408
DUPLICATE_ID = 4409
INIT_AGAIN = 4429
FAILED = 4500
TRY_AGAIN = 1013


class _Closing(Exception):  # noqa: N818 - named for what happens
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class GraphQLSockets(Generic[Caller]):
    """Serves the operations at one path, as an ASGI application: `WebSocketRoute(path, sockets)`.

    A page may open a socket where it comes from the service's own host or from `origins`; who is no
    browser sends no origin.
    """

    def __init__(self, operations: Operations[Caller], origins: Collection[str] = ()) -> None:
        self._operations = operations
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        named = request_id(socket.headers)
        try:
            self._check_origin(socket)
            with self._operations.live.taken():
                await _Connection(self._operations, socket, named).serve()
        except RequestRefused as refusal:
            answer = answers.refused(refusal)
            await socket.send_denial_response(answer.response(answers.PLAIN_JSON, named))

    def _check_origin(self, socket: WebSocket) -> None:
        for origin in socket.headers.getlist("origin"):
            is_own = origin.partition("://")[2] == socket.headers.get("host")
            if not is_own and origin not in self._origins:
                raise RequestRefused(403, FORBIDDEN, "This origin may open no socket here.")


class _Connection(Generic[Caller]):
    """One socket: its caller, once known, and the tasks of its operations by their ids."""

    def __init__(self, operations: Operations[Caller], socket: WebSocket, named: str) -> None:
        self._operations = operations
        self._socket = socket
        self._faults = Faults(operations.hooks.present_error, named)
        self._headers = socket.headers
        self._caller: Caller | None = None
        self._has_begun = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        headers = [(b"x-request-id", self._faults.request_id.encode())]
        if PROTOCOL not in self._socket.scope["subprotocols"]:
            await self._socket.accept(headers=headers)
            await self._close(NO_PROTOCOL, f"Subprotocol not acceptable: {PROTOCOL} alone is.")
            return
        await self._socket.accept(PROTOCOL, headers)
        guard = asyncio.create_task(self._guard())
        try:
            await self._listen()
        finally:
            tasks = [guard, *self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                await self._take(message.get("text"))
            except _Closing as closing:
                await self._close(closing.code, closing.reason)
                return

    async def _guard(self) -> None:
        """Close the socket when nobody says who it is, and when the credentials are withdrawn."""
        try:
            async with asyncio.timeout(self._operations.arrival_ms / 1000):
                await self._has_begun.wait()
        except TimeoutError:
            return await self._close(INIT_LATE, "Connection initialisation timeout")
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            try:
                refusal = await self._operations.withdrawn(self._headers)
            except Exception as error:  # noqa: BLE001 - who cannot be checked is not served on
                self._faults.of_exception(error)
                return await self._close(FAILED, "Internal error.")
            if refusal is not None:
                return await self._close(REJECTED, f"{refusal.code}: {refusal.message}")

    async def _close(self, code: int, reason: str) -> None:
        short = reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
        # Whoever is gone need not be told.
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._socket.close(code, short)

    async def _send(self, message: Mapping[str, Any]) -> None:
        """Raises TypeError or ValueError for what is no JSON."""
        text = encode_json(message).decode()
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._socket.send_text(text)

    # -- what comes in

    async def _take(self, text: str | None) -> None:
        if text is None:
            raise _Closing(MALFORMED, "Binary frames are not taken.")
        body = text.encode()
        content = self._decoded(body)
        payload = _payload(content)
        match content.get("type"):
            case "connection_init":
                await self._init(payload)
            case "ping":
                await self._send({"type": "pong", "payload": payload})
            case "subscribe" | "complete" as kind:
                await self._turn(kind, _id(content), payload, may_have_nul=incoming.NUL in body)
            case kind if kind != "pong":
                raise _Closing(MALFORMED, "There is no such type of message.")

    def _decoded(self, body: bytes) -> dict[str, Any]:
        most = INIT_BYTES
        if self._caller is not None:
            most = self._operations.hooks.body_bytes(self._caller)
        if len(body) > most:
            raise _Closing(MALFORMED, f"The message has more than {most} bytes.")
        try:
            content = incoming.decode(body, "The message")
        except RequestRefused as refusal:
            raise _Closing(MALFORMED, refusal.message) from refusal
        if not isinstance(content, dict):
            raise _Closing(MALFORMED, "The message is a JSON object.")
        return content

    async def _init(self, payload: Mapping[str, Any]) -> None:
        if self._has_begun.is_set():
            raise _Closing(INIT_AGAIN, "Too many initialisation requests")
        self._has_begun.set()
        self._headers = _with_credentials(self._headers, payload)
        try:
            self._caller = await self._operations.authenticated(self._headers)
        except RequestRefused as refusal:
            code = REJECTED if refusal.status < 500 else TRY_AGAIN  # noqa: PLR2004
            raise _Closing(code, f"{refusal.code}: {refusal.message}") from refusal
        except Exception as error:
            self._faults.of_exception(error)
            raise _Closing(FAILED, "Internal error.") from error
        told = {"requestId": self._faults.request_id}
        await self._send({"type": "connection_ack", "payload": told})

    async def _turn(
        self, kind: str, named: str, payload: dict[str, Any], *, may_have_nul: bool
    ) -> None:
        """Begin or end an operation."""
        if kind == "subscribe":
            await self._subscribe(named, payload, may_have_nul=may_have_nul)
        elif named in self._running:
            self._running.pop(named).cancel()

    async def _subscribe(self, named: str, payload: dict[str, Any], *, may_have_nul: bool) -> None:
        if self._caller is None:
            raise _Closing(NOT_ACKNOWLEDGED, "Unauthorized")
        try:
            asked = incoming.of_members(payload, may_have_nul=may_have_nul)
        except RequestRefused as refusal:
            raise _Closing(MALFORMED, refusal.message) from refusal
        if named in self._running:
            raise _Closing(DUPLICATE_ID, f"Subscriber for {named} already exists")
        if len(self._running) >= OPERATIONS_MAX:
            message = f"At most {OPERATIONS_MAX} operations run on one socket."
            await self._send(_error(named, [error_entry(BAD_REQUEST, message)]))
            return
        exchange = Exchange(self._caller, asked, self._faults)
        self._running[named] = asyncio.create_task(self._operate(named, exchange))

    # -- what goes out

    async def _operate(self, named: str, exchange: Exchange[Caller]) -> None:
        last: dict[str, Any] = {"id": named, "type": "complete"}
        try:
            async with aclosing(self._results(exchange)) as results:
                async for result in results:
                    if not result.was_executed:
                        last = _error(named, result.errors)
                        break
                    told = answer_of(result, answers.PLAIN_JSON).payload
                    await self._send({"id": named, "type": "next", "payload": told})
        except Exception as error:  # noqa: BLE001 - the last place where a fault can be silenced
            last = _error(named, entries_of(error, self._faults))
        # The id is free before the caller can know that.
        self._running.pop(named, None)
        await self._send(last)

    async def _results(self, exchange: Exchange[Caller]) -> AsyncGenerator[Result, None]:
        admitted = await self._operations.admitted(exchange, refuse_mutation)
        async with aclosing(self._operations.results(exchange, admitted)) as results:
            async for result in results:
                yield result


def _payload(content: Mapping[str, Any]) -> dict[str, Any]:
    payload = content.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise _Closing(MALFORMED, "The payload of a message is an object.")
    return payload or {}


def _id(content: Mapping[str, Any]) -> str:
    named = content.get("id")
    if not isinstance(named, str) or not 1 <= len(named) <= ID_CHARACTERS_MAX:
        raise _Closing(MALFORMED, f"The id has 1 to {ID_CHARACTERS_MAX} characters.")
    return named


def _with_credentials(headers: Headers, payload: Mapping[str, Any]) -> Headers:
    """The headers of the handshake, and what the first message has in their place or beside."""
    raw = list(headers.raw)
    for name, value in payload.items():
        if name.lower() == "authorization":
            if not isinstance(value, str):
                raise _Closing(MALFORMED, "Authorization is a string.")
            raw.append((b"authorization", value.encode("latin-1", errors="replace")))
    return Headers(raw=raw)


def _error(named: str, errors: Sequence[Entry]) -> dict[str, Any]:
    return {"id": named, "type": "error", "payload": errors}
