"""Serving for a moment: what a test need not wait for, it does not wait for."""

import asyncio
import socket

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from execution.documents import Documents
from execution.limits import Limits
from execution.view import GraphQLEndpoint
from schema.schema import schema


class Server(uvicorn.Server):
    """Ends when it is told to: uvicorn's own looks ten times a second, and then waits as long."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    def end(self) -> None:
        self._ended.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        for listening in self.servers:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks)
        await self.lifespan.shutdown()


# The documents of every application: all have one schema.
DOCUMENTS = Documents(schema._schema, Limits())  # noqa: SLF001 - Strawberry has no other name for it


def share_documents(app: Starlette) -> None:
    """Let it know the operations that other tests sent, as a service does that runs for a while."""
    (endpoint,) = (
        route.endpoint
        for route in app.routes
        if isinstance(route, Route) and isinstance(route.endpoint, GraphQLEndpoint)
    )
    endpoint.operations.documents = DOCUMENTS
