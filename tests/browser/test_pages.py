"""How the pages are served: their policy, their caching, and what production leaves out."""

from dataclasses import replace

import httpx

from settings import Settings
from tests.browser.conftest import serving


def test_every_answer_carries_the_policy(client: httpx.Client) -> None:
    for path in ("/", "/playground/app.css", "/playground/session", "/playground/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "'unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_a_copy_that_still_holds_is_not_sent_again(client: httpx.Client) -> None:
    first = client.get("/playground/app.js")
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    assert client.get("/playground/app.js", headers={"If-None-Match": tag}).status_code == 304
    assert client.get("/playground/app.js", headers={"If-None-Match": '"old"'}).status_code == 200


def test_only_files_of_the_page_are_served(client: httpx.Client) -> None:
    for name in ("seed.py", "index.html", "..%2Fseed.py", "%2e%2e/seed.py", "nothing.js"):
        assert client.get(f"/playground/{name}").status_code == 404


def test_the_page_has_no_inline_code_or_style(client: httpx.Client) -> None:
    page = client.get("/").text
    assert "<style" not in page
    assert " style=" not in page
    assert " on" not in [part[:3] for part in page.split('"')]
    assert page.count("<script") == page.count('<script type="module" src=')


def test_the_demo_s_session_is_never_kept(client: httpx.Client) -> None:
    response = client.get("/playground/session")
    assert response.headers["cache-control"] == "no-store"
    assert set(response.json()) == {"token", "card", "customer"}


def test_production_hands_out_no_token(settings: Settings, client: httpx.Client) -> None:
    production = replace(settings, mode="production")
    with serving(production) as url, httpx.Client(base_url=url) as closed:
        assert closed.get("/playground/session").status_code == 404
        assert "/playground/session" not in closed.get("/").text
    assert "/playground/session" in client.get("/").text
