"""The client libraries that storefronts are written with take the schema as it is, and run against
the service.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.forking import Forks
from tests.api.harness import Harness, running
from tests.api.shell import Shell
from tests.clients.conftest import HERE, run

Project = Callable[[str], Path]

REFUSED = {
    "code": "LOYALTY_CARD_NOT_FOUND",
    "message": "There is no such card.",
    "field": ["number"],
}
# Of three requests: one is closed to the caller, one is no valid document, one has a malformed id.
CODES = [["FORBIDDEN"], ["GRAPHQL_VALIDATION_FAILED"], ["INVALID_INPUT"]]


def saw(node: str, shop: Harness, script: str, cwd: Path = HERE) -> Any:
    """What a script tells of its calls, made as a storefront makes them."""
    credential = shop.credential("storefront")
    return json.loads(run(node, script, f"{shop.url}/graphql", credential, cwd=cwd))


def test_relay_compiles_its_queries_and_runs_them(
    node: str, shop: Harness, project: Project
) -> None:
    relay = project("relay")
    run(node, "node_modules/relay-compiler/cli.js", cwd=relay)
    assert saw(node, shop, "run.js", relay) == {
        "first": ["30", "20"],
        "both": ["30", "20", "10"],
        "hasNextPage": [True, False],
        # The mutation's answer changes the card that the page shows.
        "blocked": [],
        "status": ["ACTIVE", "BLOCKED"],
        "refetched": ["30"],
        "unknown": {"card": None, "userErrors": [REFUSED]},
    }


@pytest.mark.parametrize("service", ["sqlite", "postgresql"], indirect=True)
def test_apollo_client_pages_and_names_documents_by_their_hash(node: str, shop: Harness) -> None:
    told = saw(node, shop, "apollo.mjs")
    assert told == {
        "pages": {"first": ["30", "20"], "both": ["30", "20", "10"], "hasNextPage": False},
        "blocked": "BLOCKED",
        "unknown": [REFUSED],
        "codes": CODES,
        "seen": [f"POST query {status}" for status in (200, 200, 200, 200, 403, 400, 200)],
        # Hashes that nobody has sent yet, and the same from another client.
        "persisted": [
            ["GET hash 400", "POST query+hash 200", "POST hash 400", "POST query+hash 200"],
            ["GET hash 200", "POST hash 200"],
        ],
    }


def test_urql_is_answered_in_json_whatever_else_it_accepts(node: str, shop: Harness) -> None:
    told = saw(node, shop, "urql.mjs")
    (accepted,) = told.pop("accepted")
    assert "text/event-stream" in accepted
    assert told == {
        "pages": [["30", "20"], ["10"]],
        "blocked": "BLOCKED",
        "unknown": [REFUSED],
        "codes": CODES,
        "seen": [
            *("GET query 200", "GET query 200", "POST query 200", "POST query 200"),
            *("GET query 403", "GET query 400", "GET query 200"),
        ],
        "persisted": [
            ["GET hash 400", "GET query+hash 200", "GET hash 200"],
            ["GET hash 200", "GET hash 200"],
        ],
    }


def test_graphql_codegen_types_a_client_whose_documents_are_then_trusted(
    node: str,
    shop: Harness,
    project: Project,
    forks: Forks,
    server_loop: asyncio.AbstractEventLoop,
) -> None:
    typed = project("codegen")
    run(node, "node_modules/@graphql-codegen/cli/cjs/bin.js", "--silent", cwd=typed)
    run(node, "node_modules/typescript/bin/tsc", cwd=typed)
    shell = Shell(forks, typed, LOYALTY_DATABASE_URL=shop.database_url)
    told = shell.done("documents", "register", "src/gql/persisted-documents.json")
    assert told == ["2 documents registered, 0 were there already."]
    with running(server_loop, shop.database_url, LOYALTY_DOCUMENTS="trusted") as trusting:
        trusting.made_keys = shop.made_keys
        trusting.clock.now = shop.clock.now
        assert trusting.gql("{ me { id } }", "storefront").codes == ["FORBIDDEN"]
        assert saw(node, trusting, "out/main.js", typed) == {
            "pages": [["30", "20"], ["10"]],
            "unknown": [],
            "status": "BLOCKED",
            "userErrors": [],
        }
