"""A running service and the calls that tests make of it, each over HTTP."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey

from app import create_app
from execution.serving import CONNECTIONS
from models.database import Database
from resolvers.callers import Role
from resolvers.clock import system_clock
from resolvers.context import Service
from resolvers.keys import create_key
from resolvers.verification import verify
from settings import read_settings
from tests.addresses import WITHOUT_TLS
from tests.api.program import Document, club_document
from tests.api.serving import Server, share_documents

T = TypeVar("T")

SECRET = "a secret of tests that is long enough for HS256"
ISSUER = "https://shop.example"
AUDIENCE = "loyalty"
BEFORE_EVERYTHING = datetime(2024, 1, 1, 12, tzinfo=UTC)


class Clock:
    """The service's clock, standing where the test put it."""

    def __init__(self) -> None:
        self.now = BEFORE_EVERYTHING

    def __call__(self) -> datetime:
        return self.now

    def set(self, text: str) -> None:
        """An instant; a bare date is noon in New York (winter time)."""
        text = text if "T" in text else f"{text}T17:00:00+00:00"
        self.now = datetime.fromisoformat(text).astimezone(UTC)

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


class Answer(dict[str, Any]):
    """A GraphQL answer: `data` by key, `errors` apart."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.body: dict[str, Any] = response.json(parse_float=Decimal)
        self.errors: list[dict[str, Any]] = self.body.get("errors", [])
        super().__init__(self.body.get("data") or {})

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.errors]


class Harness:
    def __init__(
        self,
        url: str,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        database: str,
        served: Service,
    ) -> None:
        self.url = url
        self.served = served
        self.database = served.database
        self.clock = clock
        self.loop = loop
        self.database_url = database
        self.client = httpx.Client(base_url=url, timeout=30, verify=WITHOUT_TLS)
        self.made_keys: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    # -- who calls

    def key(self, role: str, name: str | None = None, **scope: Any) -> str:
        """An API key of the role, made at its first use."""
        name = name or role
        if name not in self.made_keys:
            self.made_keys[name] = self.wait(new_key(self.database, role, name, scope))
        return self.made_keys[name]

    def token(self, customer: str, **claims: Any) -> str:
        claims = {
            "sub": customer,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "exp": int(datetime.now(UTC).timestamp()) + 3600,
            **claims,
        }
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))

    def credential(self, caller: str) -> str:
        """`customer:ID`, or a role."""
        kind, _, rest = caller.partition(":")
        return self.token(rest) if kind == "customer" else self.key(kind)

    # -- calls

    def gql(self, query: str, caller: str = "admin", **variables: Any) -> Answer:
        return self.send(query, self.credential(caller), variables)

    def send(self, query: str, credential: str, variables: Mapping[str, Any]) -> Answer:
        response = self.client.post(
            "/graphql",
            # Escaped to ASCII, so that text of any kind can be sent.
            content=json.dumps({"query": query, "variables": variables}),
            headers={
                "Authorization": f"Bearer {credential}",
                "Content-Type": "application/json",
            },
        )
        return Answer(response)

    def ask(self, query: str, caller: str = "admin", **variables: Any) -> Answer:
        """An answer without errors."""
        answer = self.gql(query, caller, **variables)
        assert not answer.errors, answer.errors
        return answer

    def mutate(
        self, name: str, selection: str, given: Mapping[str, Any], caller: str = "admin"
    ) -> dict[str, Any]:
        """The payload of one mutation, whatever it says; a key is made where the input wants
        one.
        """
        kind = name[0].upper() + name[1:] + "Input"
        query = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ {selection} }} }}"
        payload: dict[str, Any] = self.ask(query, caller, input=given)[name]
        return payload

    def fresh_key(self) -> str:
        return f"key-{next(self._numbers)}"

    # -- the program

    document = staticmethod(club_document)

    def apply(self, document: Document, *, process: bool = True) -> dict[str, Any]:
        payload = self.mutate(
            "applyConfiguration",
            "configuration { version effectiveFrom } plan { changes { path } warnings } "
            "userErrors { code message field }",
            {"document": document, "process": process},
        )
        assert payload["userErrors"] == [], payload["userErrors"]
        return payload

    def process(self) -> None:
        answer = self.ask("mutation { processLoyaltySchemes { userErrors { code } } }")
        assert answer["processLoyaltySchemes"]["userErrors"] == []

    # -- cards

    ISSUED = "card { id number status } replayed userErrors { code message field }"

    def try_issue(self, caller: str = "admin", **given: Any) -> dict[str, Any]:
        given = {"idempotencyKey": self.fresh_key(), "channel": "WEB", **given}
        return self.mutate("issueLoyaltyCard", self.ISSUED, given, caller)

    def issue(self, number: str | None = None, **given: Any) -> str:
        """The number of a new card."""
        payload = self.try_issue(**({"number": number} if number else {}), **given)
        assert payload["userErrors"] == [], payload["userErrors"]
        issued: str = payload["card"]["number"]
        return issued

    def customer(self, customer_id: str, **given: Any) -> str:
        payload = self.mutate(
            "upsertCustomer",
            "customer { id } userErrors { code field }",
            {"customerId": customer_id, **given},
        )
        assert payload["userErrors"] == [], payload["userErrors"]
        return customer_id

    def change_card(self, mutation: str, caller: str = "admin", **given: Any) -> dict[str, Any]:
        given = {"idempotencyKey": self.fresh_key(), **given}
        selection = "card { number status } replayed userErrors { code message field }"
        return self.mutate(mutation, selection, given, caller)

    # -- sales

    SOLD = """salesTransaction {
      transactionId
      transactions { rewardPoint { code } points lineNumber vestsOn expiresOn postedAt
        explanation { configurationVersion scheme rule formula computed } }
      earningNotes { code scheme rule }
    } replayed userErrors { code message field }"""

    def sale_input(self, card: str | None, amount: Any = None, **given: Any) -> dict[str, Any]:
        """A sale of one line worth `amount`, or of the lines given, now at WEB."""
        if "lines" not in given:
            given["lines"] = [line(1, amount)]
        sale = {
            "channel": "WEB",
            "transactionId": f"T{next(self._numbers)}",
            "occurredAt": self.clock.now.isoformat(),
            "currency": "USD",
            **given,
        }
        return {**sale, "cardNumber": card} if card else sale

    def try_sale(self, card: str | None, amount: Any = None, **given: Any) -> dict[str, Any]:
        return self.mutate("postSale", self.SOLD, self.sale_input(card, amount, **given))

    def sale(self, card: str | None, amount: Any = None, **given: Any) -> dict[str, Any]:
        """The sale as posted."""
        payload = self.try_sale(card, amount, **given)
        assert payload["userErrors"] == [], payload["userErrors"]
        posted: dict[str, Any] = payload["salesTransaction"]
        return posted

    def earned(self, card: str | None, amount: Any = None, **given: Any) -> list[tuple[str, str]]:
        """(reward point, points) of each entry that a sale writes."""
        return entries(self.sale(card, amount, **given))

    # -- what is held

    def balance(self, card: str, point: str = "PTS", **moment: Any) -> dict[str, str]:
        query = """query($number: String!, $point: String!, $asOf: Date, $knownAt: DateTime) {
          loyaltyCard(number: $number) {
            balance(rewardPoint: $point, asOf: $asOf, knownAt: $knownAt) {
              available unvested held issued used expired } } }"""
        found: dict[str, str] = self.ask(query, number=card, point=point, **moment)["loyaltyCard"][
            "balance"
        ]
        return found

    def available(self, card: str, point: str = "PTS", **moment: Any) -> str:
        return self.balance(card, point, **moment)["available"]

    def tier(self, card: str, as_of: str | None = None) -> tuple[str, str, str | None] | None:
        """(code, since, until) of the tier held in CLUB."""
        query = """query($number: String!, $asOf: Date) { loyaltyCard(number: $number) {
          enrollments(asOf: $asOf) { tier { tier { code } since until } } } }"""
        (enrolment,) = self.ask(query, number=card, asOf=as_of)["loyaltyCard"]["enrollments"]
        held = enrolment["tier"]
        return held and (held["tier"]["code"], held["since"], held["until"])


def line(number: int, price: Any, quantity: Any = 1, **more: Any) -> dict[str, Any]:
    return {
        "lineNumber": number,
        "productId": f"P{number}",
        "quantity": str(quantity),
        "unitPrice": str(price),
        **more,
    }


def entries(sale: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(entry["rewardPoint"]["code"], entry["points"]) for entry in sale["transactions"]]


def notes(sale: Mapping[str, Any]) -> list[tuple[str, str | None, str | None]]:
    return [(note["code"], note["scheme"], note["rule"]) for note in sale["earningNotes"]]


async def new_key(database: Database, role: str, name: str, scope: Mapping[str, Any]) -> str:
    if role == "partner":
        scope = {"channels": {"WEB"}, "activity_types": {"SURVEY"}, **scope}
    return await create_key(
        database,
        Role(role),
        name,
        channels=scope.get("channels"),
        activity_types=scope.get("activity_types"),
        rights=scope.get("rights", frozenset()),
        expires_at=scope.get("expires_at"),
    )


async def _faults(database: Database) -> list[str]:
    return [str(fault) async for fault in verify(database)]


@contextmanager
def running(
    loop: asyncio.AbstractEventLoop,
    database_url: str,
    world: Callable[[], datetime] = system_clock,
    **environ: str,
) -> Iterator[Harness]:
    """The application on a port of its own, until the block ends; rates go by `world`."""
    settings = read_settings(
        {
            "LOYALTY_DATABASE_URL": database_url,
            "LOYALTY_JWT_SECRET": SECRET,
            "LOYALTY_JWT_ISSUER": ISSUER,
            "LOYALTY_JWT_AUDIENCE": AUDIENCE,
            # A busy machine is no fault of the service's: the limits have tests of their own.
            "LOYALTY_ACQUIRE_TIMEOUT_SECONDS": "15",
            "LOYALTY_COMMAND_TIMEOUT_SECONDS": "10",
            "LOYALTY_LOCK_TIMEOUT_SECONDS": "5",
            "LOYALTY_CARD_QUEUE": "64",
            "LOYALTY_STATEMENT_TIMEOUT_SECONDS": "10",
            "LOYALTY_REQUEST_DEADLINE_SECONDS": "25",
            # Tests run jobs when they want them.
            "LOYALTY_JOBS": "off",
            **environ,
        }
    )
    clock = Clock()
    app = create_app(settings, clock, world)
    share_documents(app)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, lifespan="on", **CONNECTIONS
    )
    server = Server(config)
    served = asyncio.run_coroutine_threadsafe(server.serve(), loop)
    while not server.started:
        if served.done():
            served.result()
        time.sleep(0.002)
    port = server.servers[0].sockets[0].getsockname()[1]
    service: Service = app.state.service
    harness = Harness(f"http://127.0.0.1:{port}", clock, loop, database_url, service)
    try:
        yield harness
        # Whatever a test did, the books prove themselves.
        assert harness.wait(_faults(service.database)) == []
    finally:
        harness.client.close()
        loop.call_soon_threadsafe(server.end)
        served.result(20)
