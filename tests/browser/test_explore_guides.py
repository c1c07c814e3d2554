"""Explore in a real browser: the learning-rate range test and the guided experiments."""

import re
import time

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chromium import wait_until_idle
from tests.browser.conftest import NewPage

pytestmark = pytest.mark.browser
CURVE = "[data-testid=stVegaLiteChart] svg .mark-line path"
LONG = 90_000  # ms; on a loaded machine


def button(page: Page, name: str) -> Locator:
    return page.locator("button:not([data-testid=stHeader] *)").filter(has=page.get_by_text(name, exact=True))


def test_a_click_finds_a_learning_rate_and_another_takes_it_over_into_train(new_page: NewPage) -> None:
    page = new_page("/explore?view=Learning-rate test")
    button(page, "Test learning rates").wait_for()
    wait_until_idle(page)
    began = time.monotonic()
    button(page, "Test learning rates").click()
    page.get_by_text("Suggested learning rate").wait_for()
    seconds = time.monotonic() - began
    assert page.locator(CURVE).first.get_attribute("d").count("L") > 50
    expect(page.get_by_text(re.compile(r"^suggested 0\."))).to_be_visible()
    expect(page.get_by_text(re.compile(r"^diverges at 0\."))).to_be_visible()
    address = page.url

    take_over = page.get_by_role("button", name=re.compile(r"Use [\d.]+ in Train"))
    rate = re.search(r"[\d.]+", take_over.inner_text().split("Use")[1])[0]
    take_over.click()
    expect(page.get_by_role("spinbutton", name="Learning rate, exactly")).to_have_value(rate)

    elsewhere = new_page("/" + address.split("/", 3)[3])
    expect(elsewhere.get_by_role("button", name=f"Use {rate} in Train")).to_be_visible()
    assert seconds < 20, "five on an idle machine"


def test_train_offers_the_test_for_what_its_form_says(new_page: NewPage) -> None:
    page = new_page("/train")
    page.get_by_role("combobox", name="Preset").click()
    page.get_by_role("option", name="relu-64-64").click()
    expect(page.get_by_text("784-64-64-10").first).to_be_visible()
    page.get_by_role("button", name="Find a good learning rate").click()
    expect(page.get_by_role("combobox", name="Settings to test")).to_have_value("As set on Train")
    button(page, "Test learning rates").click()
    expect(page.get_by_text("As set on Train: 784-64-64-10, SGD")).to_be_visible()
    page.get_by_text("Suggested learning rate").wait_for()


@pytest.mark.slow
def test_an_experiment_runs_from_its_card_to_its_sentences_and_its_link_shows_it_again(new_page: NewPage) -> None:
    page = new_page("/explore?view=Experiments")
    button(page, "Momentum").click()
    button(page, "Run the experiment").wait_for()
    wait_until_idle(page)
    page.go_back()
    expect(button(page, "Run the experiment")).to_have_count(0)
    wait_until_idle(page)
    button(page, "Momentum").click()
    button(page, "Run the experiment").click()
    page.get_by_text("Finished after").wait_for(timeout=LONG)
    expect(page.locator(".guide-text li")).to_have_count(3)
    expect(page.locator(".guide-text i")).to_have_text(["✓"] * 3)
    assert page.locator(CURVE).count() >= 6

    elsewhere = new_page("/" + page.url.split("/", 3)[3])
    elsewhere.get_by_text("Finished after").wait_for()
    button(elsewhere, "Open these runs").click()
    expect(elsewhere.get_by_text("Mean over seeds")).to_be_visible()
