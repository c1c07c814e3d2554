"""The layout on a phone, and two people at once."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dashboard.navigation import PAGES
from tests.browser.chromium import CANVAS, SEVEN, draw, serve, wait_for_canvas, wait_until_idle
from tests.browser.conftest import NewPage

pytestmark = pytest.mark.browser
PATHS = [f"/{name}" for name in PAGES if name != "draw"]


@pytest.mark.parametrize("path", ["/", *PATHS])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone(new_page: NewPage, path: str, scheme: str) -> None:
    page = new_page(path, width=390, height=844, color_scheme=scheme, has_touch=True, is_mobile=True)
    wait_until_idle(page)
    page.wait_for_load_state("networkidle")  # charts and fonts are loaded after the page
    width, room = page.locator("[data-testid=stMain]").evaluate("main => [main.scrollWidth, main.clientWidth]")
    assert width <= room == 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("path", PATHS)
def test_a_link_to_a_page_is_the_first_thing_a_fresh_server_is_asked_for(
    browser: Browser, tmp_path: Path, path: str
) -> None:
    with serve(tmp_path) as url, browser.new_context() as context:
        page = context.new_page()
        page.goto(url + path)
        expect(page.locator("h1")).to_be_visible(timeout=30_000)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_canvas_answer_and_verdict_are_visible_without_scrolling(new_page: NewPage, width: int, height: int) -> None:
    page = new_page(width=width, height=height)
    page.locator(CANVAS).wait_for()
    for place in (
        page.locator(CANVAS),
        page.locator(".answer"),
        page.get_by_role("button").filter(has_text="Incorrect"),
    ):
        expect(place).to_be_in_viewport(ratio=0.95)


def test_two_browsers_at_once_never_mix(new_page: NewPage) -> None:
    first, second = new_page(), new_page()
    for page in (first, second):
        wait_for_canvas(page)
    draw(first, SEVEN)
    draw(second, [(140, 40), (140, 240)])
    expect(first.locator(".answer span")).to_have_text("7")
    expect(second.locator(".answer span")).to_have_text("1")
    second.get_by_role("button").filter(has_text="Clear").click()
    expect(second.locator(".answer span")).to_have_text("?")
    first.wait_for_timeout(500)
    expect(first.locator(".answer span")).to_have_text("7")
