"""Fixtures of the browser tests: a browser, a server for each module, and pages of any size."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.chromium import NO_CHROMIUM, chromium, find_chromium, serve

TIMEOUT = 60_000  # ms; a loaded machine takes its time
expect.set_options(timeout=TIMEOUT)

NewPage = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Repeat a browser test that fails once; a test that fails twice has failed.

    On two busy cores a browser may get no processor time for many seconds.
    """
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if find_chromium() is None:
        if os.environ.get("CI"):
            pytest.fail(NO_CHROMIUM)
        pytest.skip(NO_CHROMIUM)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the module's server keeps its runs and drawings."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def url(browser: Browser, folder: Path) -> Iterator[str]:  # without a browser no server is started
    with serve(folder) as address:
        yield address


@pytest.fixture(scope="session")
def windows(browser: Browser) -> dict[str, BrowserContext]:
    """Open browser windows by their options: a new window costs a third of opening a page."""
    return {}


@pytest.fixture
def new_page(browser: Browser, windows: dict[str, BrowserContext], url: str) -> Iterator[NewPage]:
    """Opens a path of the app. No page shares cookies or stored data with another page."""
    pages: list[Page] = []
    closed_after_test: list[BrowserContext] = []

    def open_page(path: str = "/", *, width: int = 1280, height: int = 800, **options: object) -> Page:
        # Without animations, which the processor would have to draw here.
        options |= {"viewport": {"width": width, "height": height}, "reduced_motion": "reduce"}
        window = windows.get(repr(options))
        if window is None or any(page.context == window for page in pages):
            window = browser.new_context(**options)
            window.set_default_timeout(TIMEOUT)
            if windows.setdefault(repr(options), window) != window:
                closed_after_test.append(window)
        pages.append(window.new_page())
        pages[-1].goto(url + path)
        pages[-1].locator("h1").first.wait_for()
        return pages[-1]

    yield open_page
    for page in pages:
        if not page.is_closed():
            page.evaluate("localStorage.clear()")
            page.close()
        page.context.clear_cookies()
    for window in closed_after_test:
        window.close()
