"""Serving an ASGI application from a socket of our own, in one process or several."""

import socket
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.supervisors import Multiprocess

BACKLOG = 2048
DRAIN_SECONDS = 8
MESSAGE_BYTES = 4 * 1024 * 1024
"""The largest message of a socket that is read at all: the service's own bounds are smaller."""
ENDING = "ending"
"""The member of the application's state with an asyncio.Event: the server wants to end."""
GOING_AWAY = 1001


class HttpConnection(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Lets the application know that the server wants to end: uvicorn tells it of that only when
    nothing is under way any more, which a stream always is.
    """

    def shutdown(self) -> None:
        ending = self.app_state.get(ENDING)
        if ending is not None:
            ending.set()
        super().shutdown()


class SocketConnection(WebSocketsSansIOProtocol):
    """Three things that uvicorn does otherwise.

    * Text that is not UTF-8 reaches the application, as bytes, which closes with a code of its own.
    * A server that ends is going away (1001), not restarting (1012).
    * A peer that does not answer pings is cut off, whatever is still to be sent to it.
    """

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
    config = uvicorn.Config(
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
