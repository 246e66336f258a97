"""docs/webhooks.md: its mutation works, its programs verify what is sent."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.harness import Harness
from tests.api.receivers import receiver, subscribe
from tests.api.test_jobs import run

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


PYTHON = f"""{blocks("python")[0]}
import json, sys
given = json.load(sys.stdin)
print(verified(given["secret"], given["headers"], given["body"].encode()))
"""
NODE = f"""{blocks("js")[0]}
const given = JSON.parse(require("node:fs").readFileSync(0, "utf-8"));
console.log(verified(given.secret, given.headers, Buffer.from(given.body)) ? "True" : "False");
"""


def verdict(language: str, given: object) -> str:
    if language == "python":
        command = [sys.executable, "-c", PYTHON]
    else:
        command = [shutil.which("node") or pytest.skip("Node is not installed."), "-e", NODE]
    text = json.dumps(given)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.strip()


@pytest.mark.parametrize("language", ["python", "node"])
def test_the_programs_of_the_page_verify_what_is_sent(club: Harness, language: str) -> None:
    with receiver() as shop:
        hook, secret = subscribe(club, shop.url)
        new = club.mutate("rotateWebhookSecret", "secret", {"id": hook})["secret"]
        club.issue()
        assert run(club, "DELIVER_EVENTS") == (1, 0)
    (told,) = shop.received
    sent = {"secret": secret, "headers": told.headers, "body": told.body.decode()}
    assert verdict(language, sent) == "True"
    assert verdict(language, {**sent, "secret": new}) == "True"
    assert verdict(language, {**sent, "body": told.body.decode() + " "}) == "False"
    assert verdict(language, {**sent, "secret": "whsec_" + "A" * 43 + "="}) == "False"
    for stamp in ("1700000000", "", "x"):
        old = {**told.headers, "webhook-timestamp": stamp}
        assert verdict(language, {**sent, "headers": old}) == "False"


def test_the_mutation_and_the_query_of_the_page_are_answered(club: Harness) -> None:
    mutation, query = blocks("graphql")
    mutation = mutation.replace("https://crm.example", "http://127.0.0.1:9")
    made = club.ask(mutation)["createWebhook"]
    assert made["userErrors"] == []
    assert club.ask(query)["webhooks"][0]["id"] == made["webhook"]["id"]
