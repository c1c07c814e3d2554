"""Suspected label errors in a real browser: search, relabel three digits, and visit again."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage

pytestmark = [pytest.mark.browser, pytest.mark.slow]
VIEW = "/data?part=Label+errors&labels=MNIST,+5,000+digits"
LONG = 240_000  # ms; five networks on a loaded machine


def label_error(page: Page) -> tuple[str, str]:
    """The label of the digit that is shown, and what is read in it."""
    words = page.get_by_role("heading", name=re.compile("^Labelled")).inner_text()
    return tuple(re.match(r"Labelled (\d), read as (\d)", words).groups())


def searched(page: Page) -> None:
    """Begin a search unless one is done, and wait for its end."""
    begin, done = (
        page.get_by_role("button", name="Search for label errors"),
        page.get_by_text("differently from their label"),
    )
    expect(begin.or_(done)).to_be_visible()
    if begin.is_visible():
        begin.click()
        expect(page.get_by_text(re.compile("Training network . of 5"))).to_be_visible(timeout=LONG)
    expect(done).to_be_visible(timeout=LONG)


def test_three_digits_of_mnist_are_relabelled_one_is_taken_back_and_a_new_visit_shows_the_others(
    new_page: NewPage, folder: Path
) -> None:
    page = new_page(VIEW)
    searched(page)
    expect(page.locator(".label-error section img")).to_have_count(12)
    for count in (1, 2, 3):
        page.wait_for_timeout(400)  # as a person does: a second click at once is taken for a double click
        given, read = label_error(page)
        page.get_by_role("button", name=f"Relabel as {read}").click()
        expect(page.get_by_text(f"is now labelled {read} instead of {given}.")).to_be_visible()
        expect(page.get_by_text(f"{count} of the 1,000 most likely label errors")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2 of the 1,000 most likely label errors")).to_be_visible()
    with (folder / "label_corrections.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["verdict"] for row in rows] == ["relabelled"] * 3 + ["taken back"]
    assert all(row["given"] != row["label"] for row in rows[:3])

    again = new_page(VIEW)
    expect(again.get_by_text("2 of the 1,000 most likely label errors")).to_be_visible()
    expect(
        again.get_by_role("option", name=f"{rows[0]['given']}, {rows[0]['label']}, now {rows[0]['label']}").first
    ).to_be_visible()


def test_a_click_on_a_label_error_in_the_sheet_shows_it_for_review(new_page: NewPage) -> None:
    page = new_page(VIEW)
    searched(page)
    option = page.get_by_role("option").nth(9)
    label, answer = re.match(r"(\d), (\d)", option.get_attribute("aria-label")).groups()
    option.click()
    expect(page.get_by_role("heading", name=f"Labelled {label}, read as {answer}")).to_be_visible()
    expect(page.get_by_text("Number 10 in the list")).to_be_visible()
