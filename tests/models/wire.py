"""A wire to a PostgreSQL server that a test can cut, hold up and mend."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import make_url

_SOCKET = ".s.PGSQL.5432"
_CHUNK_BYTES = 2**16

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wire:
    """Clients connect to a socket in `directory`; `flowing` is cleared to let nothing through."""

    def __init__(self, server_url: str, directory: Path) -> None:
        self._server = make_url(server_url)
        self._path = directory / _SOCKET
        self._ends: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.url = self._server.set(host=None, port=None, query={"host": str(directory)})

    async def mend(self) -> None:
        self._listener = await asyncio.start_unix_server(self._joined, self._path)

    async def cut(self) -> None:
        if self._listener:
            self._listener.close()
        self._path.unlink(missing_ok=True)
        for end in self._ends:
            end.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._ends.clear()

    async def _reached(self) -> _Streams:
        host = self._server.query.get("host")
        if host:
            return await asyncio.open_unix_connection(Path(str(host)) / _SOCKET)
        return await asyncio.open_connection(self._server.host, self._server.port or 5432)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._reached()
        self._ends += [writer, far_writer]
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await source.read(_CHUNK_BYTES):
                await self.flowing.wait()
                sink.write(chunk)
        sink.close()


@contextlib.asynccontextmanager
async def wire_to(server_url: str, directory: Path) -> AsyncIterator[Wire]:
    wire = Wire(server_url, directory)
    await wire.mend()
    try:
        yield wire
    finally:
        await wire.cut()
