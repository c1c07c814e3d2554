"""The Data page in a real browser: choose drawings by mouse, finger or keys, and correct them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from dataset import load_drawings
from dataset.drawings import drawings_history
from tests.browser.chromium import SEVEN, draw, wait_for_canvas
from tests.browser.conftest import NewPage
from tests.digit_files import csv_lines, write_csv
from tests.made_drawings import append

pytestmark = pytest.mark.browser
BAD_ONE = [(140, 40), (150, 150), (140, 240)]


@pytest.fixture(autouse=True)
def drawings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = folder / "drawings.csv"
    monkeypatch.setenv("DIGITS_DRAWINGS", str(path))
    yield path
    for file in (path, path.with_suffix(".log")):
        file.unlink(missing_ok=True)


def button(page: Page, name: str) -> Locator:
    """By what it says, without its icon and its key."""
    return page.get_by_test_id("stMain").get_by_role("button").filter(has=page.get_by_text(name, exact=True))


def tiles(page: Page) -> Locator:
    return page.get_by_role("option")


def chosen(page: Page, number: int) -> None:
    """What the browser shows, and what the server says."""
    expect(page.locator("[role=option][aria-selected=true]")).to_have_count(number)
    expect(page.get_by_text(f"{number} selected", exact=True)).to_be_visible()


def opened(new_page: NewPage, path: str = "/data", **options: object) -> Page:
    page = new_page(path, **options)
    tiles(page).first.wait_for()
    return page


def collect(page: Page, points: list[tuple[int, int]], label: str) -> None:
    draw(page, points)
    expect(page.locator(".answer span")).to_have_text(re.compile(r"\d"))
    button(page, "Incorrect").click()
    button(page, "9").wait_for()  # no key works before its button is there
    page.keyboard.press(label)
    expect(page.get_by_text(f"Saved as {label}.")).to_be_visible()


def test_two_bad_drawings_are_found_relabelled_undone_and_deleted_and_the_link_shows_the_rest(
    new_page: NewPage,
) -> None:
    page = new_page()
    wait_for_canvas(page)
    collect(page, SEVEN, "3")
    expect(page.locator(".answer span")).to_have_text("?")
    collect(page, BAD_ONE, "8")
    page.get_by_role("link", name="Data").click()
    expect(tiles(page)).to_have_count(2)
    expect(tiles(page).first).to_have_accessible_name("8, 1")  # the newest; what the network said
    tiles(page).first.click()
    chosen(page, 1)
    expect(page.get_by_alt_text("The strokes as they were drawn")).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("you, in this visit")
    page.locator(".st-key-to-1 button").click()
    expect(page.get_by_text("1 drawing relabelled as 1.")).to_be_visible()
    expect(tiles(page).first).to_have_accessible_name("1")
    assert load_drawings().digits.labels.tolist() == [3, 1]
    button(page, "Undo").click()
    expect(tiles(page).first).to_have_accessible_name("8, 1")
    assert load_drawings().digits.labels.tolist() == [3, 8]
    tiles(page).last.click()
    chosen(page, 1)
    button(page, "Delete").click()
    expect(tiles(page)).to_have_count(1)
    assert load_drawings().digits.labels.tolist() == [8]
    page.locator("[data-testid=stButtonGroup] button").filter(has_text=re.compile("^8$")).click()
    page.wait_for_url(re.compile("digit=8"))
    again = opened(new_page, page.url.partition("/data")[1] + page.url.partition("/data")[2])
    expect(tiles(again)).to_have_count(1)
    expect(again.locator("[aria-pressed=true], [aria-checked=true]").filter(has_text=re.compile("^8$"))).to_be_visible()


def test_drawings_are_chosen_by_click_drag_and_shift_and_let_go_again(new_page: NewPage) -> None:
    append(30)
    page = opened(new_page)
    tiles(page).nth(2).click()
    chosen(page, 1)
    tiles(page).nth(5).click(modifiers=["Shift"])
    chosen(page, 4)
    tiles(page).nth(3).click()
    chosen(page, 3)
    start, end = (tiles(page).nth(place).bounding_box() for place in (6, 8))
    assert start
    assert end
    page.mouse.move(start["x"] + 20, start["y"] + 20)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + 20, steps=12)
    page.mouse.up()
    chosen(page, 6)
    button(page, "None").click()
    chosen(page, 0)
    button(page, "All 30").click()
    chosen(page, 30)


def test_keys_alone_choose_and_relabel(new_page: NewPage) -> None:
    ids = append(30)
    page = opened(new_page)
    tiles(page).first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    chosen(page, 1)
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    chosen(page, 3)
    page.keyboard.press("4")
    expect(page.get_by_text(re.compile("drawings? relabelled as 4"))).to_be_visible()
    now = load_drawings()
    assert now.digits.labels[[26, 27, 28]].tolist() == [4, 4, 4]
    assert now.id.tolist() == ids
    chosen(page, 0)
    page.keyboard.press("Control+a")
    chosen(page, 30)
    page.keyboard.press("Escape")
    chosen(page, 0)


def test_a_finger_chooses_by_a_tap_and_scrolls_by_a_swipe_and_nothing_is_wider_than_the_phone(
    new_page: NewPage,
) -> None:
    append(30)
    page = opened(new_page, width=390, height=844, has_touch=True, is_mobile=True)
    tiles(page).nth(1).tap()
    chosen(page, 1)
    tiles(page).nth(2).tap()
    chosen(page, 2)
    tiles(page).nth(1).tap()
    chosen(page, 1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(button(page, "Delete")).to_be_in_viewport()
    expect(page.locator(".facts")).to_be_in_viewport()


def test_what_is_chosen_stays_so_on_other_pages_and_the_actions_stay_in_sight(new_page: NewPage) -> None:
    append(130)
    page = opened(new_page)
    expect(tiles(page)).to_have_count(100)
    tiles(page).nth(1).click()
    chosen(page, 1)
    tiles(page).last.scroll_into_view_if_needed()
    expect(button(page, "Delete")).to_be_in_viewport()
    page.get_by_role("button", name=re.compile("next", re.IGNORECASE)).click()
    expect(tiles(page)).to_have_count(30)
    page.wait_for_url(re.compile("page=2"))
    tiles(page).nth(0).click()
    expect(page.get_by_text("2 selected", exact=True)).to_be_visible()
    button(page, "Set aside").click()
    expect(page.get_by_text("2 drawings set aside.")).to_be_visible()
    assert (load_drawings().state == "set aside").sum() == 2


def test_an_earlier_version_can_be_looked_at_and_returned_to(new_page: NewPage) -> None:
    ids = append(3)
    page = opened(new_page)
    tiles(page).first.click()
    chosen(page, 1)
    page.keyboard.press("Delete")
    expect(tiles(page)).to_have_count(2)
    before = drawings_history()[-2].version
    page = opened(new_page, f"/data?version={before}")
    expect(tiles(page)).to_have_count(3)
    button(page, "Return to this version").click()
    expect(page.get_by_text(f"1 drawing returned to version {before}")).to_be_visible()
    assert load_drawings().id.tolist() == ids


def test_from_the_empty_page_a_file_is_imported_and_its_digits_are_there(new_page: NewPage, tmp_path: Path) -> None:
    page = new_page("/data")
    button(page, "Import a file").click()
    some = write_csv(tmp_path / "some.csv", csv_lines(12))
    page.locator("input[type=file]").set_input_files([some])
    page.get_by_text("some.csv").wait_for()
    page.get_by_test_id("stBaseButton-primary").filter(has_text="Import").click()
    expect(page.get_by_text("12 drawings imported.")).to_be_visible()
    page.get_by_role("radio", name="Drawings").or_(
        page.get_by_role("button", name="Drawings", exact=True)
    ).first.click()
    expect(tiles(page)).to_have_count(12)
