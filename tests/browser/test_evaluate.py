"""Evaluate in a real browser: open the images of a cell by mouse, touch and keyboard."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import point_of_chart
from tests.browser.conftest import TIMEOUT, NewPage

pytestmark = pytest.mark.browser

ADDRESS = "/evaluate?data=mnist-5k&split=test"


MATRIX = "Confusion matrix"


def click_cell(page: Page, true: int, predicted: int) -> None:
    page.mouse.click(*point_of_chart(page, MATRIX, str(predicted), str(true)))


def expect_images(page: Page, true: int, predicted: int) -> None:
    expect(page.get_by_text(re.compile(f"images of {true} were classified as {predicted}"))).to_be_visible()
    notes = page.locator(".sheet").first.locator("figcaption")
    expect(notes.first).to_contain_text(f"True {true}")
    for note in notes.all():
        expect(note).to_contain_text(f"Predicted {predicted}")


def first_mistake(page: Page, *, other_than: str = "") -> tuple[int, int]:
    """(true, predicted) of a cell off the diagonal that is not empty."""
    point_of_chart(page, MATRIX, "0", "0")
    cells = page.locator(f".stPlotlyChart[aria-label^='{MATRIX}'] .js-plotly-plot").evaluate(
        "({data: [, squares]}) => squares.text.map((text, i) => [text, squares.y[i], squares.x[i]])"
    )
    for count, true, predicted in cells:
        if count and true != predicted and f"{true} were classified as {predicted}" not in other_than:
            return int(true), int(predicted)
    raise AssertionError("This model makes no mistakes.")


def test_clicking_a_confusion_cell_shows_its_images(new_page: NewPage) -> None:
    page = new_page(ADDRESS)
    shown = page.get_by_text("were classified as").inner_text()
    mistake = first_mistake(page, other_than=shown)
    for true, predicted in (mistake, (3, 3), mistake):
        click_cell(page, true, predicted)
        expect_images(page, true, predicted)
        if true != predicted:
            expect(page.locator(".sheet").first.locator("figure:not(.wrong)")).to_have_count(0)


def test_a_cell_can_be_tapped_on_a_phone(new_page: NewPage) -> None:
    page = new_page(ADDRESS, width=390, height=844, has_touch=True, is_mobile=True)
    page.wait_for_function("window.chartsLeaveTouches")
    page.touchscreen.tap(*point_of_chart(page, MATRIX, "5", "5"))
    expect_images(page, 5, 5)


def test_a_finger_on_the_matrix_scrolls_the_page(new_page: NewPage) -> None:
    page = new_page(ADDRESS, width=390, height=844, has_touch=True, is_mobile=True)
    page.wait_for_function("window.chartsLeaveTouches")
    x, y = point_of_chart(page, MATRIX, "5", "5")
    main = page.get_by_test_id("stMain")
    before = main.evaluate("main => main.scrollTop")
    finger = page.context.new_cdp_session(page)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 11):
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y - 20 * step}]})
        page.wait_for_timeout(20)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_function(f"document.querySelector('[data-testid=stMain]').scrollTop > {before + 100}")


def test_a_cell_can_be_picked_with_the_keyboard_and_then_clicked_again(new_page: NewPage) -> None:
    page = new_page(ADDRESS)
    click_cell(page, 7, 7)
    expect_images(page, 7, 7)
    for label in ("True class", "Predicted class"):
        box = page.get_by_role("combobox", name=label)
        box.focus()
        page.keyboard.type("4")
        page.keyboard.press("Enter")
        expect(
            page.get_by_text(re.compile("images of 4 were classified as" if label == "True class" else ", correctly$"))
        ).to_be_visible()
    expect_images(page, 4, 4)
    click_cell(page, 7, 7)
    expect_images(page, 7, 7)


def test_a_refresh_shows_the_same_digits_and_split(new_page: NewPage) -> None:
    page = new_page(ADDRESS)
    split, score = page.get_by_role("combobox", name="Split"), page.get_by_test_id("stMetricValue").first
    on_test = score.inner_text()
    split.click()
    page.get_by_role("option", name="Validation").click()
    expect(page).to_have_url(re.compile("data=mnist-5k&split=validation"))
    expect(score).not_to_have_text(on_test)
    on_validation = score.inner_text()
    page.reload()
    expect(score).to_have_text(on_validation)
    expect(split).to_have_value("Validation")


def test_a_click_on_a_curve_shows_digits_disturbed_that_much_and_does_so_again(new_page: NewPage) -> None:
    page = new_page(ADDRESS, height=1600)  # charts and boxes in view together
    page.get_by_role("button", name="Measure all strengths").click()
    expect(page.get_by_role("button", name="Measure all strengths")).to_be_disabled(timeout=TIMEOUT)
    share, slider = page.get_by_text(" read correctly, "), page.get_by_role("slider")
    for strength, beside in ((8, "ArrowLeft"), (5, "ArrowRight"), (8, "ArrowLeft"), (8, "ArrowLeft")):
        before = share.inner_text()
        page.mouse.click(*point_of_chart(page, "Shift", strength))
        expect(slider).to_have_attribute("aria-valuetext", f"{strength} px")
        expect(share).not_to_have_text(before)
        before = share.inner_text()
        slider.press(beside)
        expect(share).not_to_have_text(before)
