"""Drawings and corrections survive a killed server and, with a database, an erased disk."""

import shutil
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import SEVEN, draw, serve, wait_for_canvas
from tests.browser.conftest import TIMEOUT
from tests.made_label_errors import make_label_errors

pytest_plugins = ["tests.postgres", "tests.storages"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]
SUSPECTS = "/data?part=Label+errors&labels=MNIST,+5,000+digits"


def test_a_drawing_and_three_relabelled_digits_of_mnist_are_there_after_the_server_was_killed(
    browser: Browser, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path if home.endswith(".csv") else tmp_path / "disk"
    disk.mkdir(exist_ok=True)
    monkeypatch.setenv("DIGITS_RUNS", str(disk / "runs"))
    make_label_errors()
    with serve(disk, ends_by=signal.SIGKILL) as url, browser.new_context() as context:
        context.set_default_timeout(TIMEOUT)
        page = context.new_page()
        page.goto(url)
        wait_for_canvas(page)
        draw(page, SEVEN)
        expect(page.locator(".answer span")).to_have_text("7", timeout=TIMEOUT)
        page.get_by_role("button").filter(has=page.get_by_text("Correct", exact=True)).click()
        expect(page.get_by_text("Saved as 7.")).to_be_visible(timeout=TIMEOUT)
        page.goto(url + SUSPECTS)
        for digit in range(3):
            page.get_by_role("button", name=f"Relabel as {digit + 1}").click()
            expect(page.get_by_text(f"is now labelled {digit + 1} instead of {digit}.")).to_be_visible(timeout=TIMEOUT)
            page.wait_for_timeout(400)  # a second click at once is taken for a double click
    if not home.endswith(".csv"):
        shutil.rmtree(disk)
        disk.mkdir()
        make_label_errors()
    with serve(disk) as url, browser.new_context() as context:
        context.set_default_timeout(TIMEOUT)
        page = context.new_page()
        page.goto(url + SUSPECTS)
        expect(page.get_by_text("3 of the 1,000 most likely label errors")).to_be_visible(timeout=TIMEOUT)
        expect(page.get_by_text("3 labels corrected or set aside in all")).to_be_visible()
        expect(page.get_by_role("heading", name="Labelled 3, read as 4")).to_be_visible()
        with page.expect_download() as saved:
            page.get_by_role("button", name="Download").click()
        assert saved.value.path().read_bytes().count(b",relabelled,") == 3
        page.goto(url + "/data")
        expect(page.get_by_role("option")).to_have_count(1, timeout=TIMEOUT)
