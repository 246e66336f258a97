"""The pages: served from files of our own, without any other host, under a strict policy.

In development the page is handed a short-lived token of the demo member; in production it asks
for one.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from playground.members import DEMO_CUSTOMER
from playground.seed import demo_card
from resolvers.callers import Caller, Role
from resolvers.clock import system_clock
from resolvers.context import Service, open_context
from resolvers.tokens import Tokens
from settings import Settings

STATIC = Path(__file__).with_name("static")
TOKEN_SECONDS = 900
# What tells the page that there is a demo member; production has none.
OFFER = b' data-session="/playground/session"'
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
NOBODY: dict[str, str | None] = {"token": None, "card": None, "customer": None}


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    media_type: str
    etag: str


def playground_routes(settings: Settings, service: Service) -> list[BaseRoute]:
    """The page, its files and, in development, the demo member's session."""
    assets = {path.name: _asset(path.read_bytes(), path.suffix) for path in STATIC.iterdir()}
    index = _index(assets.pop("index.html"), settings)

    async def page(request: Request) -> Response:
        return _answer(request, index)

    async def file(request: Request) -> Response:
        asset = assets.get(request.path_params["name"])
        if asset is None:
            return Response("There is no such file.\n", 404, HEADERS, "text/plain")
        return _answer(request, asset)

    async def session(_request: Request) -> Response:
        headers = {**HEADERS, "Cache-Control": "no-store"}
        return JSONResponse(await _session(settings, service), headers=headers)

    routes: list[BaseRoute] = [Route("/", page)]
    if not settings.is_production:
        routes.append(Route("/playground/session", session))
    return [*routes, Route("/playground/{name}", file)]


def _asset(body: bytes, suffix: str) -> Asset:
    media_type = MEDIA_TYPES.get(suffix, "application/octet-stream")
    return Asset(body, media_type, f'"{sha256(body).hexdigest()[:32]}"')


def _index(asset: Asset, settings: Settings) -> Asset:
    return _asset(asset.body.replace(OFFER, b""), ".html") if settings.is_production else asset


def _answer(request: Request, asset: Asset) -> Response:
    """Names carry no hash: a browser asks each time, and is told when its copy still holds."""
    headers = {**HEADERS, "Cache-Control": "no-cache", "ETag": asset.etag}
    known = request.headers.get("If-None-Match", "")
    if asset.etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(asset.body, headers=headers, media_type=asset.media_type)


async def _session(settings: Settings, service: Service) -> dict[str, str | None]:
    """A fresh token of the demo member and its card's number; nulls without demo data."""
    context = await open_context(service, Caller(Role.ADMIN, "playground"), "playground")
    try:
        card = await demo_card(context)
    finally:
        await context.read.end()
    if card is None or settings.jwt_secret is None:
        return {**NOBODY}
    token = Tokens(settings, system_clock).issue(DEMO_CUSTOMER, TOKEN_SECONDS)
    return {"token": token, "card": card.number, "customer": DEMO_CUSTOMER}
