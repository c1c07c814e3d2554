"""All that a person typed is plain text in another person's browser, on every page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.chromium import wait_until_idle
from tests.browser.conftest import TIMEOUT
from tests.made_typed_text import HOST, PAGES, SHOWN, plant

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def planted(folder: Path, browser: Browser) -> Iterator[dict[str, str]]:
    """Runs, a sweep and drawings with the text in every field -> their ids."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITS_RUNS", str(folder / "runs"))
        patch.setenv("DIGITS_DRAWINGS", str(folder / "drawings.csv"))
        yield plant(folder)


FAULTS = """() => {
    const faults = [], plain = words => words.replaceAll('\\u2060', '').replace(/\\s+/g, ' ');
    const roots = [document];
    for (const root of roots) {
        for (const element of root.querySelectorAll('*')) {
            if (element.shadowRoot) roots.push(element.shadowRoot);
            for (const name of ['src', 'href', 'xlink:href', 'srcset', 'action', 'style']) {
                const value = element.getAttribute(name) || '';  // an address may carry the text as a parameter
                if (value.split('?')[0].includes('planted')) faults.push(element.outerHTML.slice(0, 300));
            }
            if (element.closest('svg') || /^(SCRIPT|STYLE)$/.test(element.tagName)) continue;
            const own = element.textContent || '', html = element.outerHTML.slice(0, 300);
            if (!own.includes('datum.q')) continue;
            if ([...element.children].some(child => (child.textContent || '').includes('datum.q'))) continue;
            const isWhole = plain(own).includes('x](') && plain(own).includes(':red[z] $y$ *i*');
            if (!isWhole || element.querySelector('img:not([src^="data:"]), em, a, .katex')) faults.push(html);
        }
    }
    return faults;
}"""


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """The browser window of another person."""
    window = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    window.set_default_timeout(TIMEOUT)
    yield window
    window.close()


@pytest.mark.parametrize("path", PAGES)
def test_no_typed_text_becomes_an_element_or_a_request(
    window: BrowserContext, url: str, planted: dict[str, str], path: str
) -> None:
    asked: list[str] = []
    page = window.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url + path.format(**planted))
    page.locator("h1").first.wait_for()
    wait_until_idle(page)
    page.wait_for_timeout(1500)  # charts are drawn after the script has ended
    found = look(page)
    for opener in page.locator("[data-testid=stPopover] button, [data-testid=stExpander] summary").all():
        if opener.is_visible() and opener.is_enabled():
            opener.click()
            wait_until_idle(page)
            found += look(page)
            page.keyboard.press("Escape")
    if path.startswith("/data") and (thumbnail := page.locator("[role=option]").first).count():
        thumbnail.click()
        wait_until_idle(page)
        found += look(page)
    assert not found
    assert not [url for url in asked if HOST in url.partition("?")[0] or "planted.png" in url.partition("?")[0]]
    if path in SHOWN:
        expect(page.locator("body")).to_contain_text("datum.q")
    page.close()


def look(page: Page) -> list[str]:
    """HTML of elements that a typed text made, and of typed texts that are not shown as typed."""
    faults: list[str] = page.evaluate(FAULTS)
    return faults
