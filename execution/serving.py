"""Serving an ASGI application from a socket of our own, in one process or several."""

import socket
import sys

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

BACKLOG = 2048
DRAIN_SECONDS = 8


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
    )
    if workers == 1:
        uvicorn.Server(config).run([listening])
        return
    supervisor = Multiprocess(config, [listening])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        sys.exit(STARTUP_FAILURE)
