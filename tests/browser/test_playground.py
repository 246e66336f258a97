"""The page shows what the API answers, runs queries, asks no other host, and serves everyone.

axe is not among the project's packages: landmarks, names and contrast are looked at by hand.
"""

import json
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit

BALANCES = """query Balances($number: String!) {
  loyaltyCard(number: $number) {
    number status
    balances { rewardPoint { name } available unvested held expiring(days: 30) { points } }
    transactions(first: 8) { nodes { points explanation { formula } } }
    enrollments { tier { tier { name } } nextTier { requirements { counted required } } }
  }
}"""

# The text and the ground of everything that is read, as the browser painted them.
PAINTED = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  const parts = (colour) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data];
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null;
      if (parts(style.backgroundColor)[3] === 255) return style.backgroundColor;
    }
    return "white";
  };
  const luminance = (colour) => {
    const [r, g, b] = parts(colour).slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((at) => at.nodeType === 3 && at.data.trim());
    const below = own && node.checkVisibility() && ground(node);
    if (!below) continue;
    const [a, b] = [luminance(getComputedStyle(node).color), luminance(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${node.tagName}.${node.className} ${node.textContent}: ${ratio}`);
  }
  return found;
}"""

UNNAMED = """() => [...document.querySelectorAll(
  "input, select, textarea, button, progress, summary")]
  .filter((node) => !(node.labels?.length || node.getAttribute("aria-labelledby")
    || node.textContent.trim()))
  .map((node) => node.outerHTML)"""

SHIFTED = """() => {
  window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shifted += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
}"""


Scheme = Literal["light", "dark"]
SCHEMES: tuple[tuple[Scheme, str], ...] = (
    ("light", "rgb(245, 247, 246)"),
    ("dark", "rgb(11, 21, 24)"),
)


def answer(client: httpx.Client) -> dict[str, Any]:
    session = client.get("/playground/session").json()
    response = client.post(
        "/graphql",
        json={"query": BALANCES, "variables": {"number": session["card"]}},
        headers={"Authorization": f"Bearer {session['token']}"},
    )
    card: dict[str, Any] = response.json()["data"]["loyaltyCard"]
    return card


def exact(page: Page, selector: str) -> list[str]:
    found: list[str] = page.locator(selector).evaluate_all(
        "nodes => nodes.map((node) => node.dataset.exact)"
    )
    return found


def test_nothing_is_complained_of_or_fetched_elsewhere_and_nothing_moves(visit: Visit) -> None:
    visit.page.add_init_script(f"({SHIFTED})()")
    page = visit.open()
    expect(page.locator("#balances tbody tr")).not_to_have_count(0)
    page.wait_for_timeout(50)
    assert page.evaluate("window.shifted") < 0.02
    assert visit.complaints == []
    assert {url for url in visit.requested if not url.startswith(visit.address + "/")} == set()


def test_the_card_and_its_balances_are_the_api_s(panel: Page, client: httpx.Client) -> None:
    card, page = answer(client), panel
    expect(page.locator("#card-shown")).to_have_text(card["number"])
    expect(page.locator("#card-status")).to_have_text("Active")
    expect(page.locator(".card-tier")).to_have_text(card["enrollments"][0]["tier"]["tier"]["name"])
    names = page.locator("#balances tbody th .cell > span").all_inner_texts()
    assert names == [balance["rewardPoint"]["name"] for balance in card["balances"]]
    assert exact(page, "#balances [data-exact]") == [
        points
        for balance in card["balances"]
        for points in (
            balance["available"],
            balance["unvested"],
            balance["held"],
            balance["expiring"]["points"],
        )
    ]

    shares = [
        int(way["counted"]) * 1000 // int(way["required"])
        for way in card["enrollments"][0]["nextTier"]["requirements"]
    ]
    bars = page.get_by_role("progressbar").all()
    assert sorted(int(bar.get_attribute("value") or "") for bar in bars) == sorted(shares)


def test_the_newest_rows_stand_with_their_sums(panel: Page, client: httpx.Client) -> None:
    nodes, page = answer(client)["transactions"]["nodes"], panel
    formulas = page.locator("#history .formula").all_inner_texts()
    assert formulas == [node["explanation"]["formula"] for node in nodes]
    assert exact(page, "#history [data-exact]") == [node["points"] for node in nodes]
    page.click("#history button.more")
    expect(page.locator("#history tbody tr")).to_have_count(16)
    assert page.evaluate("document.activeElement.rowIndex") == 9


def test_a_query_runs_by_click(panel: Page, client: httpx.Client) -> None:
    panel.click("#run")
    expect(panel.locator("#answer-status")).to_contain_text("200 OK")
    shown = json.loads(panel.locator("#answer").inner_text())
    assert shown["data"]["loyaltyCard"]["number"] == answer(client)["number"]


@pytest.mark.parametrize("place", range(5))
def test_every_example_runs_by_keyboard(panel: Page, place: int) -> None:
    panel.select_option("#example", index=place)
    panel.focus("#variables")
    with panel.expect_response("**/graphql") as response:
        panel.keyboard.press("Control+Enter")
    expect(panel.locator("#answer")).to_have_attribute("aria-busy", "false")
    expect(panel.locator("#answer-status")).to_have_attribute("data-kind", "good")
    assert json.loads(panel.locator("#answer").inner_text()) == response.value.json()


def test_a_bad_query_is_told_with_its_code(panel: Page) -> None:
    panel.fill("#document", "{ nonsense }")
    panel.fill("#variables", "")
    panel.click("#run")
    expect(panel.locator("#answer")).to_contain_text("GRAPHQL_VALIDATION_FAILED")
    expect(panel.locator("#answer-status")).to_have_attribute("data-kind", "bad")


def test_bad_variables_are_told_before_anything_is_sent(panel: Page) -> None:
    before = panel.inner_text("#answer")
    panel.fill("#variables", "{nonsense")
    panel.click("#run")
    expect(panel.locator("#variables-error")).to_contain_text("not a JSON object")
    expect(panel.locator("#variables")).to_be_focused()
    assert panel.inner_text("#answer") == before


def test_what_somebody_wrote_outlives_a_change_of_card(visit: Visit) -> None:
    page = visit.open()
    page.fill("#variables", '{"mine": true}')
    page.click("#access summary")
    page.fill("#card-number", "TT-0000000")
    page.click("#access-form .primary")
    expect(page.locator("#member-notice")).to_contain_text("No such card")
    assert page.input_value("#variables") == '{"mine": true}'
    page.click("#access summary")
    page.click("#demo")
    expect(page.locator("#card-status")).to_have_text("Active")


def test_a_service_out_of_reach_is_told_and_tried_again(visit: Visit) -> None:
    visit.page.route("**/graphql", lambda route: route.abort())
    page = visit.open()
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.unroute("**/graphql")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#card-status")).to_have_text("Active")


def test_a_token_stays_in_the_tab_s_session(visit: Visit, client: httpx.Client) -> None:
    page = visit.open()
    page.click("#access summary")
    page.fill("#token", client.get("/playground/session").json()["token"])
    page.keyboard.press("Enter")
    expect(page.locator("#who")).to_have_text("Maya Lindgren")
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    page.reload()
    expect(page.locator("#who")).to_have_text("Maya Lindgren")


def test_text_stands_out_and_fits_in_light_and_dark_wide_and_narrow(visit: Visit) -> None:
    page = visit.open()
    page.click("#run")
    page.wait_for_selector("#answer-status[data-kind=good]")
    page.click("#access summary")
    for scheme, ground in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert page.evaluate(PAINTED) == []
        for width in (360, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        painted = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert painted == ground


def test_a_reader_finds_landmarks_headings_and_names(panel: Page) -> None:
    page = panel
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.title() == "Tideline Club – loyalty playground"
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)
    for name in ("Card", "Tier", "Balances", "Newest transactions", "Ask the API"):
        expect(page.get_by_role("region", name=name, exact=True)).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert page.evaluate(UNNAMED) == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)")
    assert len(ids) == len(set(ids))


def test_the_keyboard_reaches_the_panel_and_shows_where_it_is(visit: Visit) -> None:
    page = visit.open()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#example")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
