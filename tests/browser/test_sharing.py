"""A shared dashboard in real browsers: an owner, visitors, and a hostile visitor."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from dataset import append_drawing
from dataset.drawings import open_storage
from tests.browser.chromium import CANVAS, SEVEN, draw, serve, wait_for_canvas, wait_until_idle
from tests.browser.conftest import NewPage
from tests.browser.forging import forge
from tests.browser.login_provider import provide_login, secrets_toml

pytestmark = pytest.mark.browser
pytest.importorskip("authlib", reason="the extra `login` is not installed")
SAID = """
owners = ["owner@example.com"]
review = true
drawings_per_minute = 3
training_seconds = 1
downloads_per_hour = 2
"""


@pytest.fixture(scope="module")
def url(browser: Browser, folder: Path) -> Iterator[str]:
    with provide_login() as description:
        secrets = folder / "secrets.toml"
        secrets.write_text(secrets_toml(description, SAID))
        with serve(folder, f"--secrets.files={secrets}") as address:
            yield address


def log_in(page: Page, who: str) -> None:
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name=who).click()
    page.get_by_text("Logged in as").wait_for()


def save(page: Page) -> None:
    """Draw a digit and say that the answer is right."""
    expect(page.locator(CANVAS)).to_have_count(1)
    wait_for_canvas(page)
    draw(page, SEVEN)
    wait_until_idle(page)
    yes = page.get_by_role("button", name="Correct", exact=False).first
    expect(yes).to_be_enabled()
    yes.click()


def wait_for_drawings(folder: Path, count: int) -> None:
    file, deadline = folder / "drawings.csv", time.monotonic() + 20
    while time.monotonic() < deadline:
        with open_storage(str(file)).reading() as log:
            if len(log.ids) == count:
                return
        time.sleep(0.05)
    raise AssertionError(f"There are not {count} drawings in {file}.")


def test_a_visitor_who_saves_too_fast_is_refused_and_others_are_not(new_page: NewPage, folder: Path) -> None:
    hostile, other = new_page(), new_page()
    for count in (1, 2, 3):
        save(hostile)
        expect(hostile.get_by_text("It counts once the owner has accepted it.")).to_be_visible()
        wait_for_drawings(folder, count)
    save(hostile)
    expect(hostile.get_by_text("You can store at most 3 drawings in a minute here. It works again in")).to_be_visible()
    save(other)
    wait_for_drawings(folder, 4)
    expect(other.get_by_text("It counts once the owner has accepted it.")).to_be_visible()


@pytest.mark.parametrize(
    ("page", "query", "label"), [("train", "", "Start fresh"), ("explore", "view=Sweeps", "Start sweep")]
)
def test_a_forged_click_on_a_locked_button_does_nothing(
    url: str, folder: Path, page: str, query: str, label: str
) -> None:
    with forge(url, page, query) as forger:
        assert forger.buttons[label].disabled
        forger.press(label)
    assert not trained(folder)


def test_a_button_that_is_unlocked_in_the_browser_does_nothing(new_page: NewPage, folder: Path) -> None:
    page = new_page("/train")
    start = page.get_by_role("button", name="Start fresh")
    expect(start).to_be_disabled()
    expect(page.get_by_text("Visitors may start trainings of at most")).to_be_visible()
    start.evaluate("""button => {
        button.disabled = false;
        for (const key in button) if (key.startsWith("__reactProps")) button[key].disabled = false;
    }""")
    start.click()
    page.wait_for_timeout(1000)
    assert not trained(folder)


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ("view=Learning-rate+test", "Test learning rates"),
        ("view=Experiments&guide=initialization", "Run the experiment"),
    ],
)
def test_a_forged_click_on_an_open_button_is_refused_by_the_server(
    url: str, folder: Path, query: str, label: str
) -> None:
    with forge(url, "explore", query) as forger:
        assert not any("Visitors may start trainings of at most" in text for text in forger.texts)
        forger.press(label)
        assert any("Visitors may start trainings of at most" in text for text in forger.texts), forger.texts
    assert not trained(folder)


def trained(folder: Path) -> list[Path]:
    """All that was ever started."""
    return list((folder / "runs").rglob("config.json"))


def test_the_owner_logs_in_accepts_what_waits_and_logs_out(new_page: NewPage) -> None:
    page = new_page("/data")
    expect(page.get_by_text("The rest is for the owner")).to_be_visible()
    log_in(page, "owner")
    expect(page.get_by_text("You may do everything here.")).to_be_visible()
    page.get_by_role("link", name="Data").click()
    page.get_by_role("button", name="Show them").click()
    expect(page).to_have_url(re.compile("state=Waiting"))
    wait_until_idle(page)
    page.get_by_role("button", name="All", exact=False).first.click()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("restored.")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


@pytest.mark.parametrize("who", ["visitor", "impostor"])
def test_others_who_log_in_own_nothing(new_page: NewPage, who: str) -> None:
    page = new_page()
    log_in(page, who)
    page.get_by_role("link", name="Data").click()
    page.get_by_text("Import and export", exact=True).click()
    expect(page.get_by_text("Only the owner may import")).to_be_visible()


def test_on_a_phone_a_visitor_can_read_what_is_the_owners(new_page: NewPage) -> None:
    page = new_page("/data", width=390, height=844)
    expect(page.get_by_text("The rest is for the owner")).to_be_visible()
    page.get_by_role("button", name="Log in").scroll_into_view_if_needed()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_visitor_downloads_drawings_until_the_budget_is_used_up(
    new_page: NewPage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_DRAWINGS", str(folder / "drawings.csv"))
    about = {"predicted": 3, "confidence": 0.5, "model": "m", "session": "s"}
    append_drawing(np.full((28, 28), 255, np.uint8), 7, **about)
    page = new_page("/data?part=Import+and+export")
    for _ in range(2):
        with page.expect_download() as download:
            page.get_by_role("button", name="CSV").click()
        assert download.value.suggested_filename == "drawings.csv"
    page.reload()
    expect(page.get_by_role("button", name="CSV")).to_be_disabled()
