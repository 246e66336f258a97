"""A small service behind the endpoint, over real sockets: every hook set, no loyalty."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import strawberry
import uvicorn
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import Route, WebSocketRoute
from strawberry.schema.config import StrawberryConfig

from execution.hooks import Hooks, Operation, Presented
from execution.limits import Limits
from execution.refusal import RequestRefused
from execution.relay import decode_cursor, decode_key, encode_cursor, page_arguments
from execution.scalars import SCALARS, CurrencyCode, Json
from execution.serving import CONNECTIONS, ENDING
from execution.sockets import GraphQLSockets
from execution.streams import EventStreams
from execution.view import GraphQLEndpoint

SECRET = "postgres://owner:hunter2@10.0.0.1"
IN_FLIGHT = 4
ORIGIN = "https://shop.example"


class OutOfStockError(Exception):
    """A refusal of the toy's domain."""


@dataclass
class Record:
    """What happened in the service: tests read it."""

    operations: list[Operation] = field(default_factory=list)
    added: list[int] = field(default_factory=list)
    costs: list[int] = field(default_factory=list)
    closed_contexts: int = 0
    ticks: int = 0
    ended_sources: int = 0
    # Callers whose credentials are good no longer.
    withdrawn: set[str] = field(default_factory=set)


RECORD = Record()


@strawberry.type
class Person:
    name: str = "Ada"

    @strawberry.field
    def friend(self) -> "Person":
        return self

    @strawberry.field
    def broken(self) -> str:
        raise RuntimeError(SECRET)

    @strawberry.field
    def friends(
        self,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> "People":
        page = page_arguments(first, after, last, before)
        start = int(decode_cursor("friends", page.after, int)[0]) if page.after else 0
        return People(rows=range(start + 1, start + page.size + 1))


@strawberry.type
class Edge:
    cursor: str
    node: Person


@strawberry.type
class People:
    rows: strawberry.Private[Sequence[int]]

    @strawberry.field
    def edges(self) -> list[Edge]:
        return [Edge(cursor=encode_cursor("friends", row), node=Person()) for row in self.rows]


@strawberry.input
class Order:
    amount: Decimal
    at: datetime | None = None
    note: str | None = None
    extra: Json | None = None


@strawberry.type
class Query:
    person: Person = strawberry.field(resolver=Person)

    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"Hello, {name}!"

    @strawberry.field
    def decimal(self, value: Decimal) -> Decimal:
        return value

    @strawberry.field
    def instant(self, value: datetime) -> datetime:
        return value

    @strawberry.field
    def day(self, value: date) -> date:
        return value

    @strawberry.field
    def currency(self, value: CurrencyCode) -> CurrencyCode:
        return value

    @strawberry.field
    def json(self, value: Json) -> Json:
        return value

    @strawberry.field
    def number(self, value: int = 3_000_000_000) -> int:
        return value

    @strawberry.field
    def order(self, order: Order) -> str:
        return str(order.amount)

    @strawberry.field
    def maybe_broken(self) -> str | None:
        raise RuntimeError(SECRET)

    @strawberry.field
    def broken(self) -> str:
        raise RuntimeError(SECRET)

    @strawberry.field
    def sold_out(self) -> str | None:
        raise OutOfStockError("No more of these.")

    @strawberry.field
    def coded(self) -> str | None:
        raise GraphQLError("Busy.", extensions={"code": "IN_PROGRESS", "after": 3})

    @strawberry.field
    def unprintable(self) -> str:
        return "\ud800"

    @strawberry.field
    def by_id(self, id: strawberry.ID) -> str | None:  # noqa: A002 - the argument's name
        return str(decode_key(id, "Person", int)[0])

    @strawberry.field
    def nodes(self, ids: list[strawberry.ID]) -> list[Person | None]:
        return [None for _ in ids]

    @strawberry.field
    def forbidden(self) -> str:
        return "never"

    @strawberry.field
    async def slow(self, milliseconds: int = 300) -> str:
        await asyncio.sleep(milliseconds / 1000)
        return "done"

    @strawberry.field
    def many_broken(self, count: int) -> list[Person | None]:
        return [Person() for _ in range(count)]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def add(self, number: int, milliseconds: int = 0) -> int:
        await asyncio.sleep(milliseconds / 1000)
        RECORD.added.append(number)
        return number


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(
        self, count: int = 1, milliseconds: int = 0, characters: int = 1
    ) -> AsyncIterator[str]:
        """Numbers, filled up to so many characters."""
        try:
            for number in range(count):
                RECORD.ticks += 1
                yield str(number).rjust(characters)
                await asyncio.sleep(milliseconds / 1000)
        finally:
            RECORD.ended_sources += 1

    @strawberry.subscription
    async def breaking(self) -> AsyncIterator[int]:
        yield 1
        raise RuntimeError(SECRET)

    @strawberry.subscription
    async def unprintable(self) -> AsyncIterator[str]:
        yield "\ud800"

    @strawberry.subscription
    async def forbidden(self) -> AsyncIterator[int]:
        yield 1


def build_schema(**arguments: Any) -> strawberry.Schema:
    return strawberry.Schema(
        Query,
        Mutation,
        Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
        **arguments,
    )


async def authenticate(headers: Headers) -> str:
    """Know the caller by name; nobody is let in without one."""
    credentials = headers.getlist("authorization")
    if len(credentials) > 1:
        raise RequestRefused(400, "BAD_REQUEST", "Send one credential.")
    if not credentials or not credentials[0].startswith("Bearer "):
        challenge = {"WWW-Authenticate": "Bearer"}
        raise RequestRefused(401, "UNAUTHENTICATED", "Say who you are.", challenge)
    caller = credentials[0].removeprefix("Bearer ")
    if caller in RECORD.withdrawn:
        raise RequestRefused(401, "UNAUTHENTICATED", "No longer.")
    if caller == "crash":
        raise RuntimeError(SECRET)
    if caller == "hang":
        await asyncio.sleep(60)
    return caller


def authorise(caller: str, operation: Operation) -> list[GraphQLError]:
    RECORD.operations.append(operation)
    closed = [one for one in operation.selected if one.field == "forbidden"]
    return [GraphQLError("Not yours.") for _ in closed if caller != "root"]


async def admit(caller: str, cost: int) -> dict[str, Any]:
    RECORD.costs.append(cost)
    if caller == "greedy":
        raise RequestRefused(429, "RATE_LIMITED", "Enough for now.", {"Retry-After": "60"})
    return {}


@asynccontextmanager
async def context(caller: str, operation: Operation) -> AsyncIterator[dict[str, object]]:
    if caller == "unlucky":
        raise ConnectionError(SECRET)
    try:
        yield {"caller": caller, "request_id": operation.request_id}
    finally:
        RECORD.closed_contexts += 1


def present_error(error: Exception) -> Presented | None:
    if isinstance(error, OutOfStockError):
        return Presented("OUT_OF_STOCK", str(error), {"article": 7})
    if isinstance(error, ConnectionError):
        return Presented("UNAVAILABLE", "Try again.")
    return None


HOOKS: Hooks[str] = Hooks(
    authenticate=authenticate,
    context=context,
    body_bytes=lambda caller: {"root": 2 * 1024 * 1024, "tiny": 200}.get(caller, 64 * 1024),
    may_introspect=lambda caller: caller == "root",
    admit=admit,
    authorise=authorise,
    deadline_ms=lambda operation: 400 if operation.name == "Hasty" else 5_000,
    present_error=present_error,
)


def build_endpoint(**arguments: Any) -> GraphQLEndpoint[str]:
    arguments.setdefault("limits", Limits())
    return GraphQLEndpoint(
        build_schema(), HOOKS, in_flight=IN_FLIGHT, arrival_ms=1_500, **arguments
    )


@contextmanager
def served(endpoint: GraphQLEndpoint[str], graceful_seconds: int | None = None) -> Iterator[str]:
    """Serve on a free port of the loopback from a thread of its own; gives the URL. What is under
    way at the end has `graceful_seconds`, or as long as it wants.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        yield {ENDING: asyncio.Event()}
        await endpoint.drain()

    routes = [
        Route("/graphql", endpoint),
        WebSocketRoute("/graphql", GraphQLSockets(endpoint.operations, [ORIGIN])),
        Route("/graphql/stream", EventStreams(endpoint.operations)),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            log_config=None,
            timeout_graceful_shutdown=graceful_seconds,
            **CONNECTIONS,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/graphql"
    finally:
        server.should_exit = True
        thread.join(10)
