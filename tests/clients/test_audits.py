"""The service passes every audit of GraphQL over HTTP that the package graphql-http has."""

import json

import pytest

from tests.api.harness import Harness
from tests.clients.conftest import run

AUDITS = 61


@pytest.mark.parametrize("caller", ["customer:ANN", "staff"])
def test_the_service_does_what_it_must_and_should(node: str, service: Harness, caller: str) -> None:
    told = run(node, "audits.mjs", f"{service.url}/graphql", service.credential(caller))
    audits = [json.loads(line) for line in told.splitlines()]
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    assert len({audit["id"] for audit in audits}) == AUDITS
