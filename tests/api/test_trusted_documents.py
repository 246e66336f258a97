"""Documents that an operator registered are named by clients, and may be all that is executed."""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.addresses import WITHOUT_TLS
from tests.api.harness import Harness, running
from tests.api.shell import Shell
from tests.databases import ON_POSTGRESQL, ON_SQLITE

ME = "query Me {\n  me {\n    customerId\n  }\n}"
CHANNELS = "query Channels { channels { code } }"
UNKNOWN = "0" * 64


def sha(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


MANIFEST = {sha(ME): ME, f"sha256:{sha(CHANNELS)}": CHANNELS}


@pytest.fixture
def trusting(server_loop: asyncio.AbstractEventLoop, shell: Shell) -> Iterator[Harness]:
    url = shell.environ["LOYALTY_DATABASE_URL"]
    with running(server_loop, url, LOYALTY_DOCUMENTS="trusted") as service:
        yield service


def post(service: Harness, body: dict[str, Any], caller: str = "customer:ANN") -> httpx.Response:
    headers = {"Authorization": f"Bearer {service.credential(caller)}"}
    with httpx.Client(base_url=service.url, headers=headers, verify=WITHOUT_TLS) as client:
        return client.post("/graphql", json=body)


def test_registered_documents_are_executed_and_nothing_else(
    shell: Shell, trusting: Harness
) -> None:
    named = {"documentId": f"sha256:{sha(ME)}"}
    assert post(trusting, named).json()["errors"][0]["extensions"] == {
        "code": "PERSISTED_QUERY_NOT_FOUND"
    }
    file = shell.file("documents.json", MANIFEST)
    told = ["2 documents registered, 0 were there already."]
    assert shell.done("documents", "register", file) == told
    # The service runs on and knows them at once.
    assert post(trusting, named).json()["data"] == {"me": None}
    refused = post(trusting, {"query": "{ me { id } }"}, "admin")
    assert refused.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@ON_POSTGRESQL
def test_documents_are_listed_and_removed(shell: Shell, trusting: Harness) -> None:
    file = shell.file("documents.json", MANIFEST)
    shell.done("documents", "register", file)
    told = ["0 documents registered, 2 were there already."]
    assert shell.done("documents", "register", file) == told
    lines = [line.split() for line in shell.done("documents", "list")]
    assert [(named, operation) for named, _, operation in lines] == [
        (f"sha256:{sha(CHANNELS)}", "Channels"),
        (f"sha256:{sha(ME)}", "Me"),
    ]
    for wrong in (UNKNOWN, "abc"):
        shell.told("documents", "remove", sha(ME), wrong)
        assert len(shell.done("documents", "list")) == len(lines)
    shell.done("documents", "remove", f"sha256:{sha(ME)}", sha(CHANNELS))
    assert shell.done("documents", "list") == []
    unknown = post(trusting, {"documentId": f"sha256:{sha(ME)}"})
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"


@ON_SQLITE
def test_one_fault_and_nothing_is_registered(shell: Shell) -> None:
    wrong = "query Wrong { me { nme } }"
    manifest = {**MANIFEST, sha(wrong): wrong, UNKNOWN: CHANNELS, sha("{ me"): "{ me"}
    run = shell.run("documents", "register", shell.file("documents.json", manifest))
    assert (run.returncode, run.stderr) == (1, "loyalty: 3 faults: nothing was registered.\n")
    lines = run.stdout.splitlines()
    assert lines[0].startswith(f"{sha(wrong)}: Cannot query field 'nme' on type 'Customer'.")
    assert lines[0].endswith("(line 1)")
    assert lines[1] == f"{UNKNOWN}: this is not the SHA-256 of the document"
    assert lines[2].startswith(f"{sha('{ me')}: Syntax Error")
    assert shell.done("documents", "list") == []


@ON_POSTGRESQL
def test_a_document_that_the_database_cannot_keep_is_a_fault(shell: Shell) -> None:
    text = f"{ME} # \0"
    run = shell.run("documents", "register", shell.file("documents.json", {sha(text): text}))
    assert (run.returncode, run.stderr) == (1, "loyalty: 1 fault: nothing was registered.\n")
    assert run.stdout.endswith("A string or comment of the document contains U+0000.\n")


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', "null", '"{ me { id } }"'])
@ON_SQLITE
def test_a_file_that_is_no_manifest_is_told(shell: Shell, content: str) -> None:
    told = shell.told("documents", "register", shell.file("documents.json", content))
    assert told == "This is no JSON object that maps hashes to documents."


@ON_SQLITE
def test_what_is_not_there_is_told(shell: Shell) -> None:
    told = f"There is no document sha256:{UNKNOWN}."
    assert shell.told("documents", "remove", UNKNOWN) == told
    told = "A document is named by 64 hexadecimal digits."
    assert shell.told("documents", "remove", "abc") == told
    assert shell.told("documents", "register", "none.json").startswith("none.json: No such file")


def test_any_document_is_executed_where_the_setting_says_so(service: Harness) -> None:
    body = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha(ME)}}}
    assert "PERSISTED_QUERY_NOT_FOUND" in post(service, body).text
    assert post(service, {**body, "query": ME}).json()["data"] == {"me": None}
    assert post(service, body).json()["data"] == {"me": None}
    parameters = {"extensions": json.dumps(body["extensions"])}
    headers = {"Authorization": f"Bearer {service.credential('customer:ANN')}"}
    got = service.client.get("/graphql", params=parameters, headers=headers)
    assert got.json()["data"] == {"me": None}
