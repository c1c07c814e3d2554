"""Fine-tuning in a real browser: draw, correct, learn, compare, keep the model, go back."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import draw, wait_for_canvas, wait_until_idle
from tests.browser.conftest import NewPage

pytestmark = pytest.mark.browser
STROKES = {  # a hand that draws its digits as nobody does
    7: [(70, 235), (210, 235), (130, 60)],
    1: [(60, 140), (230, 140)],
    4: [(200, 60), (200, 230), (60, 230)],
}


def button(page: Page, name: str):
    return page.get_by_role("button").filter(has=page.get_by_text(name, exact=True)).locator("visible=true")


def correct(page: Page, label: int) -> None:
    """Draw a digit and give its label, for any answer of the network."""
    expect(page.locator(".answer span")).to_have_text("?")  # the sheet before has been replaced
    wait_for_canvas(page)
    draw(page, STROKES[label])
    no = page.get_by_role("button", name="Incorrect").or_(page.get_by_role("button", name="Another digit"))
    expect(no).to_be_enabled()
    no.click()
    wait_until_idle(page)
    page.locator(f".st-key-label-{label} button").click()
    expect(page.get_by_text(f"Saved as {label}.")).to_be_visible()


@pytest.mark.slow
def test_a_person_corrects_learns_keeps_and_goes_back(new_page: NewPage, folder: Path) -> None:
    page = new_page()
    expect(button(page, "Learn now")).to_be_disabled()
    for number, label in enumerate((7, 1, 4), start=1):
        correct(page, label)
        expect(page.get_by_text(f"{number} corrected")).to_be_visible()
    expect(page.get_by_text("3 drawings to learn from")).to_be_visible()  # another title does not close the panel
    button(page, "Learn now").click()
    expect(page.get_by_text("MNIST digits")).to_be_visible(timeout=60_000)
    assert "lesson=" in page.url
    expect(page.locator("[fill^='url(']")).to_have_count(0)  # which a browser looks for at the address before
    page.reload()  # a fine-tuning waits for its decision
    expect(page.get_by_text("MNIST digits")).to_be_visible()
    expect(page.locator(".sheet figure")).to_have_count(3)
    button(page, "Keep").click()
    expect(page.get_by_text("Model in use: learned from 3 drawings")).to_be_visible()
    assert "model=" in page.url
    assert "lesson=" not in page.url
    button(page, "Go back").click()
    expect(page.get_by_text("Model in use:")).to_have_count(0)
    assert "model=" not in page.url
    assert len(list((folder / "runs").glob("*-learned-from-3-drawings"))) == 1
