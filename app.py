"""The composition root: settings become a database, a rule book, credentials, routes. Reads nothing
at import.
"""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from typing import Any

from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from execution.hooks import Hooks, Operation, Presented
from execution.logs import configure_logs
from execution.origins import OriginsMiddleware
from execution.refusal import RATE_LIMITED, RequestRefused
from execution.serving import ENDING
from execution.sockets import GraphQLSockets
from execution.streams import EventStreams
from execution.view import GraphQLEndpoint
from models.database import Database
from models.failures import DatabaseSlow, DatabaseUnavailable, KeyInProgress
from models.program_statements import versions_count
from playground.pages import playground_routes
from resolvers.allowances import AllowanceSpent
from resolvers.callers import Caller, Role
from resolvers.clock import Clock, system_clock
from resolvers.context import Context, Outward, Service, open_context
from resolvers.credentials import Credentials, CredentialsUndecided, Unauthenticated
from resolvers.every_job import JOBS
from resolvers.rates import Rates
from resolvers.schedules import keep_running
from resolvers.services import open_service
from resolvers.trusted_documents import TrustedDocuments
from resolvers.webhook_addresses import resolve_host
from rules.errors import LoyaltyError, Refused
from schema.access import refusals
from schema.payloads import card_payload, event_payload
from schema.schema import schema
from settings import Settings, read_settings

LOG = logging.getLogger("loyalty")

READY_SECONDS = 1.0
# Events are told in the order of their instants: one that is far behind would be missed.
READY_APART = timedelta(seconds=10)
JOB_END_SECONDS = 5.0
BULK = frozenset(
    {
        "planConfiguration",
        "applyConfiguration",
        "processLoyaltySchemes",
        "postSales",
        "runJob",
        "updateLoyaltyCardTiers",
        "createActivityLines",
        "importActivityLines",
        "postActivityLines",
        "replayWebhook",
        "deleteWebhook",
    }
)
RETRYABLE = {"retryable": True}
RETRIED: Mapping[type[Exception], str] = {
    KeyInProgress: "IN_PROGRESS",
    DatabaseSlow: "TIMEOUT",
    DatabaseUnavailable: "UNAVAILABLE",
}


def create_app(
    settings: Settings, clock: Clock | None = None, world: Clock = system_clock
) -> Starlette:
    """The service as an ASGI application; `clock` replaces the one that the settings say, `world`
    is the one that rates go by, and that the database's is set beside.
    """
    service = open_service(settings, clock, outward(settings))
    credentials = Credentials(settings, service.database)
    rates = Rates(settings, service.database, world)
    endpoint = GraphQLEndpoint(
        schema,
        hooks(settings, service, credentials, rates),
        in_flight=settings.in_flight,
        live=settings.live_connections,
        is_trusted_only=settings.documents == "trusted",
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        async with scheduled(service) if settings.jobs == "on" else nullcontext():
            yield {ENDING: asyncio.Event()}
            await endpoint.drain()
        await service.database.dispose()

    routes: list[BaseRoute] = [
        Route("/graphql", endpoint),
        WebSocketRoute("/graphql", GraphQLSockets(endpoint.operations, settings.cors_origins)),
        Route("/graphql/stream", EventStreams(endpoint.operations)),
        Route("/healthz", healthy),
        Route("/readyz", readiness(service.database, None if settings.clock else world)),
        *playground_routes(settings, service),
    ]
    app = Starlette(routes=routes, lifespan=lifespan, middleware=_middleware(settings))
    app.router.redirect_slashes = False
    app.state.service = service
    return app


def outward(settings: Settings) -> Outward:
    """How this service's events leave it."""
    # A unit may begin its last attempt just before its deadline.
    lag = timedelta(seconds=2 * settings.bulk_deadline_seconds)
    return Outward(card_payload, event_payload, not settings.is_production, lag, resolve_host)


@asynccontextmanager
async def scheduled(service: Service) -> AsyncIterator[None]:
    """The jobs run on their schedule meanwhile; what one has begun ends with its page, or soon
    after all the same: the next run goes on.
    """
    stop = asyncio.Event()
    running = asyncio.create_task(keep_running(service, JOBS, stop))
    try:
        yield
    finally:
        stop.set()
        _, left = await asyncio.wait({running}, timeout=JOB_END_SECONDS)
        for task in left:
            task.cancel()


def application() -> Starlette:
    """What every serving process builds for itself, from its environment."""
    settings = read_settings(os.environ)
    configure_logs(settings.log_format, settings.log_level, settings.log_card_formats)
    app = create_app(settings)
    # What is there by now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    return app


def _middleware(settings: Settings) -> list[Middleware]:
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            OriginsMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
            expose_headers=["X-Request-Id", "Retry-After"],
            max_age=600,
        )
    ]


async def authenticated(credentials: Credentials, headers: Headers) -> Caller:
    """The caller, or the refusal that HTTP has for a bad credential."""
    try:
        return await credentials.caller(headers.getlist("authorization"))
    except CredentialsUndecided as error:
        raise RequestRefused(503, "UNAVAILABLE", str(error), {"Retry-After": "5"}) from error
    except Unauthenticated as error:
        challenge = {"WWW-Authenticate": "Bearer"}
        raise RequestRefused(401, "UNAUTHENTICATED", str(error), challenge) from error
    except (DatabaseUnavailable, DatabaseSlow) as error:
        raise RequestRefused(503, "UNAVAILABLE", str(error), {"Retry-After": "1"}) from error


async def admitted(rates: Rates, caller: Caller, cost: int) -> Mapping[str, Any]:
    """What is left to the caller after this cost, or the refusal that HTTP has where it is not."""
    try:
        left = await rates.admit(caller, cost)
    except AllowanceSpent as error:
        seconds = str(error.retry_after_seconds)
        raise RequestRefused(429, RATE_LIMITED, str(error), {"Retry-After": seconds}) from error
    if left is None:
        return {}
    resets_at = left.resets_at.isoformat().replace("+00:00", "Z")
    told = {"limit": left.limit, "remaining": left.remaining, "resetAt": resets_at}
    return {"allowance": told}


def hooks(
    settings: Settings, service: Service, credentials: Credentials, rates: Rates
) -> Hooks[Caller]:
    """What this application decides about each request of the endpoint."""

    @asynccontextmanager
    async def context(caller: Caller, operation: Operation) -> AsyncIterator[Context]:
        lookups = rates.lookups(caller)
        opened = await open_context(service, caller, operation.request_id, lookups)
        try:
            yield opened
        finally:
            await opened.read.end()
            await rates.settle(caller)

    def authorise(caller: Caller, operation: Operation) -> list[GraphQLError]:
        return refusals(schema._schema, caller, operation.selected)  # noqa: SLF001

    return Hooks(
        authenticate=lambda headers: authenticated(credentials, headers),
        context=context,
        body_bytes=lambda caller: (
            settings.customer_body_bytes
            if caller.role is Role.CUSTOMER
            else settings.key_body_bytes
        ),
        trusted_document=TrustedDocuments(service.database).find,
        may_introspect=lambda caller: not settings.is_production or "introspect" in caller.rights,
        admit=lambda caller, cost: admitted(rates, caller, cost),
        authorise=authorise,
        deadline_ms=lambda operation: int(1000 * _deadline_seconds(settings, operation)),
        present_error=present,
    )


def _deadline_seconds(settings: Settings, operation: Operation) -> float:
    is_bulk = any(chosen.field in BULK for chosen in operation.selected)
    return settings.bulk_deadline_seconds if is_bulk else settings.request_deadline_seconds


def present(error: Exception) -> Presented | None:
    """A refusal or a failing database as the caller may see it; anything else is a fault of
    ours.
    """
    match error:
        case LoyaltyError():
            return Presented(error.code, error.message, _facts(error))
        case Refused():
            first = error.errors[0]
            faults = [{"code": e.code, "message": e.message, **_facts(e)} for e in error.errors]
            return Presented(first.code, first.message, {**_facts(first), "faults": faults})
        case AllowanceSpent():
            more = {**RETRYABLE, "retryAfter": error.retry_after_seconds}
            return Presented(RATE_LIMITED, str(error), more)
        case KeyInProgress() | DatabaseSlow() | DatabaseUnavailable():
            return Presented(RETRIED[type(error)], str(error), RETRYABLE)
        case _:
            return None


def _facts(error: LoyaltyError) -> dict[str, object]:
    return {} if error.field is None else {"field": list(error.field)}


async def healthy(_request: Request) -> Response:
    """Alive: never touches the database."""
    return JSONResponse({"status": "alive"}, headers={"Cache-Control": "no-store"})


def readiness(database: Database, clock: Clock | None) -> Callable[[Request], Awaitable[Response]]:
    """Ready to serve: the database answers, within its own short time, and its clock is that of
    this process, which dates what is posted; no clock: dates are chosen.
    """

    async def serves() -> bool:
        async with asyncio.timeout(READY_SECONDS):
            await _answers(database)
            server = await database.instant()
        together = clock is None or server is None or abs(server - clock()) <= READY_APART
        if not together:
            LOG.warning("The clocks of database and service are apart.")
        return together

    async def ready(_request: Request) -> Response:
        headers = {"Cache-Control": "no-store"}
        try:
            is_serving = await serves()
        except Exception:  # noqa: BLE001 (whatever it is, the database does not serve)
            is_serving = False
        if is_serving:
            return JSONResponse({"status": "ready"}, headers=headers)
        return JSONResponse({"status": "unavailable"}, 503, {"Retry-After": "1", **headers})

    return ready


async def _answers(database: Database) -> None:
    read = database.read()
    try:
        await read.all(versions_count)
    finally:
        await read.close()
