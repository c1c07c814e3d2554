"""The Draw page in a real browser, drawn on with a real mouse."""

import re
import time
from base64 import b64encode
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, expect

from model import Checkpoint, load_checkpoint, save_checkpoint
from tests.browser.chromium import SEVEN, draw, wait_for_canvas
from tests.browser.conftest import NewPage
from tests.browser.forging import forge
from tests.small_runs import SMALL, finish

pytestmark = pytest.mark.browser
ONE = [(140, 40), (140, 240)]


@pytest.fixture
def drawings(folder: Path) -> Path:
    path = folder / "drawings.csv"
    path.unlink(missing_ok=True)
    return path


def rows(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.exists() else pd.DataFrame({"label": []})


def ready(page: Page) -> Page:
    wait_for_canvas(page)
    return page


def answer(page: Page) -> Locator:
    return page.locator(".answer span")


def button(page: Page, name: str) -> Locator:
    """By what it says, not by its icon or its key."""
    return page.get_by_role("button").filter(has=page.get_by_text(name, exact=True))


def shown_image(page: Page) -> np.ndarray:
    """The 28x28 that the page shows, read back from the screen."""
    picture = page.get_by_role("img", name="The 28 by 28 pixels", exact=True)
    source = picture.evaluate(
        """async picture => {
            const side = picture.naturalWidth, sheet = document.createElement('canvas');
            sheet.width = sheet.height = side;
            await picture.decode();
            sheet.getContext('2d').drawImage(picture, 0, 0);
            return [...sheet.getContext('2d').getImageData(0, 0, side, side).data].filter((_, i) => i % 4 == 0);
        }"""
    )
    side = round(len(source) ** 0.5)
    return np.array(source, np.uint8).reshape(side, side)[3 :: side // 28, 3 :: side // 28]


def test_a_drawn_seven_is_read_and_its_correction_is_the_row_that_was_shown(new_page: NewPage, drawings: Path) -> None:
    page = ready(new_page())
    draw(page, SEVEN)
    expect(answer(page)).to_have_text("7")
    shown = shown_image(page)
    button(page, "Incorrect").click()
    expect(page.get_by_text("Which digit is it?")).to_be_visible()
    expect(button(page, "9")).to_be_visible()  # no key works before its button is there
    page.keyboard.press("3")
    expect(page.get_by_text("Saved as 3.")).to_be_visible()
    expect(answer(page)).to_have_text("?")
    table = rows(drawings)
    assert table["label"].tolist() == [3]
    assert table["predicted"].tolist() == [7]
    stored = table.filter(regex="^pixel").to_numpy(np.uint8).reshape(28, 28)
    np.testing.assert_array_equal(stored, shown)


def test_a_hundred_rapid_clicks_store_a_drawing_once_and_none_after_clear(new_page: NewPage, drawings: Path) -> None:
    page = ready(new_page())
    draw(page, SEVEN)
    expect(answer(page)).to_have_text("7")
    button(page, "Correct").evaluate("button => { for (let i = 0; i < 100; i++) button.click(); }")
    expect(page.get_by_text("Saved as 7.")).to_be_visible()
    page.wait_for_timeout(1000)
    assert len(rows(drawings)) == 1
    draw(page, ONE)
    expect(answer(page)).to_have_text("1")
    button(page, "Clear").click()
    button(page, "Correct").evaluate("button => { for (let i = 0; i < 100; i++) button.click(); }")
    expect(answer(page)).to_have_text("?")
    page.wait_for_timeout(1000)
    assert len(rows(drawings)) <= 2  # the first click may still have met the drawing; no other may
    before = len(rows(drawings))
    for _ in range(100):
        page.keyboard.press("y")
    page.wait_for_timeout(1000)
    assert len(rows(drawings)) == before


def test_the_last_save_can_be_undone(new_page: NewPage, drawings: Path) -> None:
    page = ready(new_page())
    draw(page, SEVEN)
    expect(answer(page)).to_have_text("7")
    page.keyboard.press("y")
    button(page, "Undo this").click()
    expect(page.get_by_text("was removed")).to_be_visible()
    assert len(rows(drawings)) == 0


def test_undo_takes_strokes_back_one_by_one_and_clear_all(new_page: NewPage) -> None:
    page = ready(new_page())
    draw(page, ONE)
    expect(answer(page)).to_have_text("1")
    first = page.locator(".answer").inner_text()
    for _ in range(2):  # twice to the same strokes: the canvas must not take the second for old news
        draw(page, [(60, 120), (220, 120)])
        expect(page.locator(".answer")).not_to_have_text(re.compile(re.escape(first.split()[1])))
        button(page, "Undo").click()
        expect(page.locator(".answer")).to_contain_text(first.split()[1])
    button(page, "Clear").click()
    expect(answer(page)).to_have_text("?")


def test_a_drawing_survives_a_page_switch_and_can_be_continued(new_page: NewPage, drawings: Path) -> None:
    page = ready(new_page())
    draw(page, SEVEN)
    expect(answer(page)).to_have_text("7")
    before = shown_image(page)
    page.get_by_role("link", name="Train").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Draw a digit")
    page.get_by_role("link", name="Draw", exact=True).click()
    ready(page)
    expect(answer(page)).to_have_text("7")
    np.testing.assert_array_equal(shown_image(page), before)
    draw(page, [(110, 150), (220, 150)])
    expect(page.get_by_role("img", name="drawn")).to_be_visible()
    page.wait_for_timeout(1000)
    assert (shown_image(page) != before).any()
    button(page, "Correct").click()
    expect(page.get_by_text("Saved as")).to_be_visible()
    assert len(rows(drawings)) == 1


def test_specks_and_a_blank_canvas_are_not_read(new_page: NewPage) -> None:
    page = ready(new_page())
    expect(answer(page)).to_have_text("?")
    expect(button(page, "Correct")).to_be_disabled()


def test_an_uploaded_photo_is_read_and_a_text_file_gives_a_sentence(new_page: NewPage, folder: Path) -> None:
    page = new_page()
    page.get_by_text("Upload an image").click()
    (folder / "text.png").write_text("not an image")
    page.locator("input[type=file]").set_input_files(folder / "text.png")
    expect(page.locator(".answer")).to_contain_text("text.png is not an image")
    photo = Image.new("RGB", (600, 800), (235, 230, 220))
    ImageDraw.Draw(photo).line([(180, 200), (430, 200), (260, 620)], fill=(30, 30, 60), width=44, joint="curve")
    photo.save(folder / "seven.jpg")
    page.locator("input[type=file]").set_input_files(folder / "seven.jpg")
    expect(answer(page)).to_have_text("7")


def test_an_unknown_model_in_the_link_gives_a_sentence_and_the_shipped_model(new_page: NewPage) -> None:
    page = ready(new_page("/?model=no-such-run"))
    expect(page.get_by_text("The shipped model answers instead.")).to_be_visible()
    draw(page, SEVEN)
    expect(answer(page)).to_have_text("7")


def test_what_looks_like_no_digit_is_said_so_and_nothing_moves(
    new_page: NewPage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_RUNS", str(folder / "runs"))
    trained = finish(SMALL)
    saved = load_checkpoint(trained.best)
    save_checkpoint(
        trained.best, Checkpoint(saved.settings, saved.weights, about={**saved.about, "rejects_above": -1.0})
    )
    page = ready(new_page(f"/?model={trained.id}"))
    places = [page.locator(".answer"), page.get_by_test_id("stVegaLiteChart").first, button(page, "Correct")]
    before = [place.bounding_box() for place in places]
    draw(page, SEVEN)
    expect(page.get_by_text("This does not look like a digit I know.")).to_be_visible()
    places[2] = button(page, "Another digit")
    after = [place.bounding_box() for place in places]
    assert after[:2] == before[:2]
    assert after[2]["y"] == before[2]["y"]
    button(page, "Another digit").click()
    expect(button(page, "9")).to_be_visible()
    page.keyboard.press("4")
    expect(page.get_by_text("Saved as 4.")).to_be_visible()


def png_url(side: int) -> str:
    """A picture of this side as a canvas sends it."""
    file = BytesIO()
    Image.new("1", (side, side), 1).save(file, "PNG")
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(
    "value",
    [
        {"drawing": {"raw": {"objects": [{}]}, "data": png_url(9000)}},
        {"drawing": {"raw": [1, 2], "data": png_url(280)}},
        {"drawing": "x"},
        [1, 2],
        "x",
    ],
    ids=["huge", "strokes of another kind", "a text", "a list", "no object"],
)
def test_a_forged_value_of_the_canvas_is_a_blank_sheet(url: str, value: object) -> None:
    with forge(url, "draw") as forger:
        canvas = next(name for name in forger.components if "canvas" in name)
        began = time.monotonic()
        forger.send_value(canvas, value)
        assert any("<span>?</span>" in text for text in forger.texts)
        assert time.monotonic() - began < 5  # decoding the huge one takes 49 s and 2 GB
