"""Serving an ASGI application from a socket of our own, in one process or several."""

import asyncio
import os
import signal
import socket
import struct
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.supervisors import Multiprocess
from websockets.frames import Frame

from execution.parents import when_parent_ends

BACKLOG = 2048
DRAIN_SECONDS = 8
MESSAGE_BYTES = 4 * 1024 * 1024
"""The largest message of a socket that is read at all: the service's own bounds are smaller."""
HEAD_BYTES = 4 * 1024 * 1024
"""The largest head of a request that is read at all: a query may stand in it."""
URL_BYTES = 0xFFFF
"""What httptools takes apart; a query string may be longer, and is bounded by the service."""
HEAD_SECONDS = 10.0
"""How long the head of a request may take to come."""
READ_SECONDS = 30.0
"""How long a reader may let all that was sent to it lie."""
ENDING = "ending"
"""The member of the application's state with an asyncio.Event: the server wants to end."""
GOING_AWAY = 1001


class HttpConnection(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Four things that uvicorn does not do.

    * Let the application know that the server wants to end: uvicorn tells it of that only when
      nothing is under way any more, which a stream always is.
    * Cut off who lets an answer lie: to close such a connection is to wait for its reader.
    * Cut off who does not come to the end of a request's head, or to its beginning.
    * Take a query string of any length.
    """

    url: bytes
    _head_bytes = 0
    _is_past_head = False
    _asking: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._asking = self.loop.call_later(HEAD_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        _stop(self._asking)
        _stop(self._reading)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_past_head or not self._is_idle():
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self.transport.abort()
        elif self._asking is None:
            self._asking = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _is_idle(self) -> bool:
        # What has become a socket is among the connections no longer.
        is_answered = self.cycle is None or self.cycle.response_complete
        return is_answered and self in self.connections

    def on_headers_complete(self) -> None:
        self._is_past_head = True
        self._head_bytes = 0
        _stop(self._asking)
        self._asking = None
        if len(self.url) <= URL_BYTES:
            super().on_headers_complete()
            return
        self.url, _, query = self.url.partition(b"?")
        super().on_headers_complete()
        self.scope["query_string"] = query

    def on_message_complete(self) -> None:
        self._is_past_head = False
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        _stop(self._reading)

    def _watch(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._reading = self.loop.call_later(READ_SECONDS, self._look_at, left)

    def _look_at(self, left: int) -> None:
        """Who reads slowly reads."""
        if self.transport.get_write_buffer_size() < left:
            self._watch()
        else:
            _reset(self.transport)

    def shutdown(self) -> None:
        ending = self.app_state.get(ENDING)
        if ending is not None:
            ending.set()
        super().shutdown()


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def _reset(transport: asyncio.Transport) -> None:
    """End the connection at once: the system, too, forgets what was still to be sent."""
    lingering = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingering)
    transport.abort()


class SocketConnection(WebSocketsSansIOProtocol):
    """Five things that uvicorn does otherwise.

    * Text that is not UTF-8 reaches the application, as bytes, which closes with a code of its own.
    * A server that ends is going away (1001), not restarting (1012).
    * A peer that does not answer pings is cut off, whatever is still to be sent to it.
    * A peer that does not read is not read either: each of its own pings is answered.
    * Parts of a message that say nothing, which have no bound, are not kept.
    """

    def handle_cont(self, event: Frame) -> None:
        super().handle_cont(event)
        if not event.data and not event.fin:
            self.frames.pop()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.curr_msg_data_type = "bytes"
        super().send_receive_event_to_app()

    def shutdown(self) -> None:
        if self.close_sent or not self.handshake_complete:
            super().shutdown()
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
        self.conn.send_close(GOING_AWAY)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._read_no_more()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    async def receive(self) -> Any:
        message = await super().receive()
        if not self.writable.is_set():
            self._read_no_more()
        return message

    def _read_no_more(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()


CONNECTIONS: Mapping[str, Any] = MappingProxyType(
    {
        "http": HttpConnection,
        "ws": SocketConnection,
        "ws_max_size": MESSAGE_BYTES,
        "ws_per_message_deflate": False,
    }
)
"""What a uvicorn.Config is told of connections."""


class _Config(uvicorn.Config):
    """A worker ends in good order when the process that began it was killed: else it would serve
    on, hold the address, and be ended by nobody.
    """

    def load(self) -> None:
        super().load()
        when_parent_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any that is free. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def address(listening: socket.socket) -> str:
    """Where a browser finds it: `http://127.0.0.1:8000`."""
    host, port, *_ = listening.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(factory: str, listening: socket.socket, workers: int, *, log_requests: bool) -> None:
    """Serve until a signal says to end; what is under way then has DRAIN_SECONDS to finish.

    `factory` names a function without arguments, `module:function`: each worker calls it anew.
    Exits the process where the application does not start.
    """
    config = _Config(
        factory,
        factory=True,
        workers=workers,
        lifespan="on",
        log_config=None,
        access_log=log_requests,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        **CONNECTIONS,
    )
    if workers == 1:
        uvicorn.Server(config).run([listening])
        return
    supervisor = Multiprocess(config, [listening])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        sys.exit(STARTUP_FAILURE)
